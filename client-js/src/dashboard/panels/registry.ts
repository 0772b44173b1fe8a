/* registry.ts - panel types by the names dashboards use: the one list of them. A module of a panel exports `panel`, its factory,
 * and is loaded when a dashboard has one; so the first load holds only what the page shows. */
import { turnOn } from '../lib/later.ts';
import type { PanelModel } from '../model/types.ts';
import type { PanelFactory } from './base.ts';

export interface PanelType {
    readonly title: string;
    load(): Promise<PanelFactory>;
    /** Needs no query. */
    readonly withoutQuery?: boolean | ((model: PanelModel) => boolean);
    /** Paints a second, at most: digits that change faster cannot be read. */
    readonly maxHz?: number;
}

const types = new Map<string, PanelType>();

export function definePanel(id: string, type: PanelType): void {
    types.set(id, type);
}

export function panelType(id: string): PanelType | undefined {
    return types.get(id);
}

export function panelTypes(): readonly string[] {
    return [...types.keys()].sort();
}

/** Whether a panel is to be given data. */
export function needsQuery(model: PanelModel): boolean {
    const without = types.get(model.type)?.withoutQuery ?? false;
    return !(typeof without === 'function' ? without(model) : without);
}

type Module = Promise<{ readonly panel: PanelFactory }>;

const type = (title: string, load: () => Module, more: Partial<PanelType> = {}): PanelType =>
    ({ title, load: async () => (await load()).panel, ...more });
/* Styled by later.css. */
const further = (title: string, load: () => Module, more: Partial<PanelType> = {}): PanelType =>
    type(title, async () => (await Promise.all([load(), turnOn('later')]))[0], more);

definePanel('timeseries', type('Time series', () => import('./timeseries.ts')));
definePanel('stat', type('Stat', () => import('./stat.ts'), { maxHz: 4 }));
definePanel('gauge', further('Gauge', () => import('./gauge.ts'), { maxHz: 4 }));
definePanel('bargauge', type('Bar gauge', () => import('./bargauge.ts'), { maxHz: 4 }));
definePanel('table', further('Table', () => import('./table.ts'), { maxHz: 4 }));
definePanel('text', further('Text', () => import('./text.ts'), { withoutQuery: true }));
definePanel('piechart', type('Pie chart', () => import('./pie.ts'), { maxHz: 4 }));
definePanel('barchart', type('Bar chart', () => import('./barchart.ts'), { maxHz: 4 }));
definePanel('histogram', type('Histogram', () => import('./histogram.ts'), { maxHz: 2 }));
definePanel('heatmap', type('Heatmap', () => import('./heatmap.ts'), { maxHz: 2 }));
definePanel('state-timeline', type('State timeline', () => import('./state-timeline.ts'), { maxHz: 4 }));
definePanel('status-history', panelType('state-timeline')!);
definePanel('logs', further('Events', () => import('./logs.ts'), { maxHz: 4, withoutQuery: true }));
definePanel('alertlist', type('Alerts', () => import('./alertlist.ts'), { maxHz: 4, withoutQuery: true }));
definePanel('geomap', type('Map', () => import('./lazy/geomap.ts'), { maxHz: 2 }));
definePanel('flamegraph', further('Flame graph', () => import('./lazy/flamegraph.ts'), { maxHz: 1, withoutQuery: (m) => m.targets.length === 0 || 'url' in m.options || 'text' in m.options }));
