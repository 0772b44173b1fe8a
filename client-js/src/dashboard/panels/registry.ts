/* registry.ts - panel types by the names dashboards use: the one list of them. A module of a panel exports `panel`, its factory,
 * and is loaded when a dashboard has one; so the first load holds only what the page shows. */
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

type Core = typeof import('./core.ts');
type More = typeof import('./more.ts');

const core = (title: string, name: keyof Core, more: Partial<PanelType> = {}): PanelType =>
    ({ title, load: async () => (await import('./core.ts'))[name], ...more });
const further = (title: string, name: keyof More, more: Partial<PanelType> = {}): PanelType =>
    ({ title, load: async () => (await import('./more.ts'))[name], ...more });
const alone = (title: string, load: () => Promise<{ panel: PanelFactory }>, more: Partial<PanelType> = {}): PanelType =>
    ({ title, load: async () => (await load()).panel, ...more });

definePanel('timeseries', core('Time series', 'timeseries'));
definePanel('stat', core('Stat', 'stat', { maxHz: 4 }));
definePanel('gauge', core('Gauge', 'gauge', { maxHz: 4 }));
definePanel('bargauge', core('Bar gauge', 'bargauge', { maxHz: 4 }));
definePanel('table', core('Table', 'table', { maxHz: 4 }));
definePanel('text', core('Text', 'text', { withoutQuery: true }));
definePanel('piechart', further('Pie chart', 'piechart', { maxHz: 4 }));
definePanel('barchart', further('Bar chart', 'barchart', { maxHz: 4 }));
definePanel('histogram', further('Histogram', 'histogram', { maxHz: 2 }));
definePanel('heatmap', further('Heatmap', 'heatmap', { maxHz: 2 }));
definePanel('state-timeline', further('State timeline', 'stateTimeline', { maxHz: 4 }));
definePanel('status-history', panelType('state-timeline')!);
definePanel('logs', further('Events', 'logs', { maxHz: 4, withoutQuery: true }));
definePanel('alertlist', further('Alerts', 'alertlist', { maxHz: 4, withoutQuery: true }));
definePanel('geomap', alone('Map', () => import('./lazy/geomap.ts'), { maxHz: 2 }));
definePanel('flamegraph', alone('Flame graph', () => import('./lazy/flamegraph.ts'), { maxHz: 1, withoutQuery: (m) => m.targets.length === 0 || 'url' in m.options || 'text' in m.options }));
