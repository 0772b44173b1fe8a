/* panel-data.ts - from the queries of a panel to what it draws: sources taken and given back as range and variables change, names,
 * fields, transformations, and why there is nothing when there is nothing. */
import type { Hold, Source, SourceSeries } from './data.ts';
import type { DataHub } from './data.ts';
import { dateTime, timeOfDay } from './lib/format.ts';
import { resolveField } from './model/field.ts';
import { number, object } from './model/json.ts';
import { autoNames, legendName } from './model/legend.ts';
import { intervalFor, parseDuration, resolveRange, stepFor, type Resolved, type TimeRange } from './model/time.ts';
import type { Field } from './model/transform.ts';
import type { FieldConfig, PanelModel, Target } from './model/types.ts';
import { interpolate, type Macros, type Purpose, type Variables } from './model/vars.ts';
import type { DataBlock, DataSeries, DataTable, PanelData } from './panels/base.ts';

const SCRAPE_MS = 15_000; /* what is assumed where nothing says how often there are samples */
const SHIFT_MS = 15_000;
const STALE_KEPT_MS = 60_000;
const OLD_INTERVALS = 2;   /* its age is told */
const STALE_INTERVALS = 5; /* it looks it */

/** What all panels of a dashboard share. */
export interface Surroundings {
    readonly hub: DataHub;
    /** Server time now, ms since the epoch, by our best knowledge; while paused: the moment of pausing. */
    now(): number;
    range(): TimeRange;
    variables(): Variables;
    /** Since when nothing comes from the server; 0: it does. */
    lostSince(): number;
    /** ms between samples, as the dashboard says; 0: it does not. */
    scrapeMs: number;
}

interface Ask {
    readonly target: Target;
    readonly expr: string;
    readonly hold: Hold;
}

interface Named {
    readonly shape: number;
    readonly source: Source;
    /** By column; null: left out. */
    readonly names: readonly (string | null)[];
    readonly fields: readonly FieldConfig[];
}

/** Panels with a time axis want a point per pixel or so; the others want to be up to date. */
const WITH_HISTORY = new Set(['timeseries', 'state-timeline', 'heatmap', 'stat', 'histogram', 'barchart', 'table', 'gauge', 'bargauge', 'piechart', 'geomap']);

/** These show what was, too. */
const OVER_TIME = new Set(['timeseries', 'state-timeline', 'heatmap', 'histogram', 'barchart', 'table']);

export class PanelQueries {
    private asks: Ask[] = [];
    private key = '';
    private shape = 0;
    private named: (Named | null)[] = [];
    private order: readonly { index: number; name: string }[] = [];
    private width = 900;
    private tables: typeof import('./panel-table.ts') | null = null;

    constructor(readonly model: PanelModel, private readonly around: Surroundings, private readonly listener: () => void,
        private readonly scoped: Readonly<Record<string, string>> = {}) {}

    /** Loads what its build() needs besides. */
    async ready(): Promise<void> {
        if (this.model.type === 'table' || this.model.transformations.length)
            this.tables = await import('./panel-table.ts');
    }

    /** Time shown; its own range if it has one. */
    range(): Resolved {
        const { timeFrom } = this.model;
        const own = timeFrom && parseDuration(timeFrom) !== null ? { from: `now-${timeFrom}`, to: 'now' } : null;
        const shown = resolveRange(own ?? this.around.range(), this.around.now());
        const shift = parseDuration(this.model.timeShift);
        if (!shift)
            return shown;
        /* What was then does not change: it is asked once for each step, not each second. */
        const step = Math.max(SHIFT_MS, stepFor(shown.to - shown.from, this.width));
        const to = Math.floor((shown.to - shift) / step) * step;
        return { from: to - (shown.to - shown.from), to, live: false };
    }

    macros(target?: Target): Macros {
        const { from, to } = this.range();
        const least = parseDuration(interpolate((target?.interval ?? '').replace(/^[<>]=?/, ''), this.around.variables(), { intervalMs: 1000, scrapeMs: 1000, from, to }));
        /* A display at 10 Hz says nothing of how often there are samples. */
        const scrapeMs = least !== null && least >= 1000 ? least : this.around.scrapeMs || SCRAPE_MS;
        return { intervalMs: intervalFor(to - from, this.width, least), scrapeMs, from, to };
    }

    text(template: string, purpose: Purpose = 'text', extra: Readonly<Record<string, string>> = {}): string {
        return interpolate(template, this.around.variables(), this.macros(), purpose, { ...this.scoped, ...extra });
    }

    /** The expressions as they are asked. */
    expressions(): { refId: string; expr: string }[] {
        return this.shown().map((t) => ({ refId: t.refId, expr: this.expression(t) }));
    }

    private expression(t: Target): string {
        return interpolate(t.expr, this.around.variables(), this.macros(t), 'query', this.scoped).trim();
    }

    private shown(): Target[] {
        return this.model.targets.filter((t) => !t.hide && !t.foreign && t.expr.trim() !== '');
    }

    /** Takes and gives back sources, as range, variables and width want it now. */
    refresh(width: number): void {
        this.width = width >= 1000 ? 1800 : 900;
        const { from, to, live } = this.range();
        const specs = this.shown().map((target) => {
            const { intervalMs } = this.macros(target);
            const history = !target.instant && WITH_HISTORY.has(this.model.type);
            return {
                target, spec: {
                    expr: this.expression(target), intervalMs: history || !live ? intervalMs : Math.min(5000, intervalMs),
                    historyMs: history ? Math.round((to - from) / 1000) * 1000 : 0, to: live ? null : Math.round(to),
                },
            };
        });
        const key = JSON.stringify(specs.map((s) => s.spec));
        if (key === this.key)
            return;
        this.key = key;
        const old = this.asks;
        this.asks = specs.map(({ target, spec }) => ({ target, expr: spec.expr, hold: this.around.hub.acquire(spec, this.listener) }));
        this.named = [];
        old.forEach((a) => a.hold.release());
        this.listener();
    }

    /** Asks out of sight only where there is room: a session may have so many queries, half of them are for panels in sight. What is `bad` is kept
     * longer. What is of the past, or cannot be had again since the connection is lost, stays; and being in sight again is no reason to ask for the
     * past once more. */
    ask(width: number, inSight: boolean, again: boolean, bad: boolean): void {
        const { around } = this;
        if (inSight || around.hub.room(bad ? 0.75 : 0.5)) {
            if (again || !this.asking)
                this.refresh(width);
        } else if (again || !this.asks.every(({ hold: { source } }) => source.loaded && (source.spec.to !== null || around.lostSince() > 0)))
            this.release();
    }

    get asking(): boolean {
        return this.key !== '';
    }

    release(): void {
        this.asks.forEach((a) => a.hold.release());
        this.asks = [];
        this.key = '';
    }

    /* ---- what is drawn ---- */

    build(): PanelData {
        const { from, to, live } = this.range();
        this.nameAll();
        const blocks = this.blocks(from);
        const steps = this.model.transformations;
        const wantsTable = this.model.type === 'table' || (steps.length > 0 && this.tables!.makesTable(steps));
        const table = wantsTable && blocks.length ? this.tables!.tableOf(blocks, steps, to, (name, refId, type) => this.field(name, refId, type)) : null;
        return { ...this.condition(blocks), blocks, table, from, to, live, shape: this.shape };
    }

    private nameAll(): void {
        const current = this.asks.map((a, i) => {
            const known = this.named[i];
            return known && known.source === a.hold.source && known.shape === a.hold.source.shape ? known : null;
        });
        if (current.length === this.named.length && current.every(Boolean))
            return;
        this.shape++;
        const raw = this.asks.map((a) => this.namesOf(a));
        const flat = raw.flatMap((names, ask) => this.inOrder(this.asks[ask]!, names.length).map((column) => ({ ask, name: names[column]!, index: this.offset(raw, ask) + column })));
        const steps = this.model.type === 'table' ? [] : this.model.transformations;
        const shown = steps.length ? this.tables!.transformNames(flat.map((f) => f.name), steps) : flat.map(({ name }, index) => ({ index, name }));
        this.order = shown.map(({ index, name }) => ({ index: flat[index]!.index, name }));
        const final = new Map(this.order.map(({ index, name }) => [index, name]));
        let n = 0;
        this.named = this.asks.map((a, i) => {
            const names = raw[i]!.map(() => final.get(n++) ?? null);
            const fields = names.map((name) => this.field(name ?? '', a.target.refId, 'number'));
            return {
                source: a.hold.source, shape: a.hold.source.shape, fields,
                names: names.map((name, k) => (name === null ? null : this.displayName(fields[k]!, name, a.hold.source.series[k]!))),
            };
        });
    }

    /** Columns by labels, so that a series has its colour live and in the past; where only the newest values are asked, as the server has sorted them. */
    private inOrder({ hold: { source } }: Ask, n: number): number[] {
        const columns = Array.from({ length: n }, (_, i) => i);
        return source.spec.historyMs ? columns.sort((a, b) => (source.series[a]!.key < source.series[b]!.key ? -1 : 1)) : columns;
    }

    private offset(raw: readonly string[][], ask: number): number {
        return raw.slice(0, ask).reduce((n, names) => n + names.length, 0);
    }

    private namesOf(a: Ask): string[] {
        const { series } = a.hold.source;
        const auto = autoNames(series.map((s) => s.labels), a.expr);
        const format = this.text(a.target.legendFormat);
        return series.map((s, i) => legendName(format, s.labels) || auto[i]!);
    }

    private field(name: string, refId: string, type: Field['type']): FieldConfig {
        return resolveField(this.model.defaults, this.model.overrides, { name, refId, type });
    }

    private displayName(field: FieldConfig, name: string, s: SourceSeries): string {
        if (!field.displayName)
            return name;
        return this.text(field.displayName.replace(/\$\{__field\.labels\.(\w+)\}/g, (_, l: string) => s.labels[l] ?? '')
            .replace(/\$\{__(?:field|series)\.name\}|\$__cell_0/g, name).replace(/\$\{__field\.labels\}/g, Object.values(s.labels).join(' ')));
    }

    private blocks(from: number): DataBlock[] {
        const place = new Map(this.order.map(({ index }, i) => [index, i]));
        let flat = 0;
        const lives = (a: Ask) => a.hold.source.series.some((s) => !s.gone && !s.stale && s.last !== null);
        /* A number of what has ended beside one that lives would be read as if it lived too. */
        const overTime = OVER_TIME.has(this.model.type), onlyLiving = !overTime && this.asks.some(lives);
        return this.asks.map((a, i) => {
            const { source } = a.hold;
            const { ring } = source;
            const names = this.named[i]!;
            const times = ring.timesView();
            let start = 0;
            while (start < times.length && times[start]! < from - source.spec.intervalMs)
                start++;
            const alive = lives(a);
            const series: DataSeries[] = [];
            for (const s of source.series) {
                const index = flat++;
                const name = names.names[s.column];
                if (name === null || name === undefined)
                    continue;
                const values = ring.columnView(s.column).subarray(start);
                const old = s.stale && (a.target.instant || this.around.now() - s.lastTime > STALE_KEPT_MS);
                const dropped = s.gone || (old && alive);
                if (dropped && !values.some((v) => !Number.isNaN(v)))
                    continue;
                if ((dropped && a.target.instant) || (s.gone && !overTime) || (onlyLiving && old))
                    continue;
                series.push({
                    name, labels: s.labels, refId: a.target.refId, key: `${a.target.refId}${s.key}`, index: place.get(index) ?? index, values,
                    last: dropped ? null : s.last, lastTime: s.lastTime, stale: s.stale && !dropped, field: names.fields[s.column]!,
                });
            }
            series.sort((x, y) => x.index - y.index);
            return { refId: a.target.refId, times: times.subarray(start), series, format: a.target.format, instant: a.target.instant };
        });
    }

    /* ---- why it looks as it does ---- */

    private condition(blocks: readonly DataBlock[]): Pick<PanelData, 'state' | 'reason'> {
        const { targets } = this.model;
        const foreign = targets.find((t) => !t.hide && t.foreign);
        if (!this.asks.length) {
            if (foreign)
                return { state: 'error', reason: `Query ${foreign.refId} asks ${foreign.foreign}. Only PromQL is answered here.` };
            const all = targets.some((t) => t.expr) ? 'All queries of this panel are hidden.' : 'This panel has no query.';
            return { state: 'empty', reason: all };
        }
        const sources = this.asks.map((a) => a.hold.source);
        const failed = this.asks.find((a) => a.hold.source.error);
        if (failed)
            return { state: 'error', reason: `${this.asks.length > 1 ? `${failed.target.refId}: ` : ''}${failed.hold.source.error}` };
        const lost = this.around.lostSince();
        if (sources.every((s) => !s.loaded))
            return { state: 'loading', reason: lost ? 'Waiting for the server.' : 'Waiting for the first answer.' };
        const shown = blocks.flatMap((b) => b.series);
        if (!shown.length && sources.every((s) => s.loaded)) {
            const { noValue } = this.model.defaults; /* a sentence says more than the query */
            const what = sources.some((s) => s.series.length) ? 'All series have ended' : 'No series match';
            return { state: 'empty', reason: noValue.includes(' ') ? noValue : `${what}\n${this.asks.map((a) => a.expr).join('\n')}` };
        }
        if (lost)
            return { state: 'stale', reason: `No connection. Data from ${timeOfDay(lost)}.` };
        const behind = (intervals: number) => {
            const old = sources.filter((s) => s.late && this.around.now() - s.knownAt > intervals * Math.max(1000, s.spec.intervalMs));
            return old.length ? `Data from ${timeOfDay(Math.min(...old.map((s) => s.knownAt)))}` : '';
        };
        const stale = behind(STALE_INTERVALS);
        if (stale)
            return { state: 'stale', reason: `The server is behind. ${stale}.` };
        const limit = (s: DataSeries) => s.stale;
        if (shown.length && shown.every((s) => limit(s) || s.last === null) && shown.some(limit)) {
            const newest = Math.max(...shown.map((s) => s.lastTime));
            return { state: 'stale', reason: `No new samples since ${this.around.now() - newest > 864e5 ? dateTime(newest) : timeOfDay(newest)}.` };
        }
        if (shown.length && !shown.some((s) => s.last !== null || s.values.some((v) => !Number.isNaN(v))))
            return { state: 'empty', reason: `The series have no values in this time.\n${this.asks.map((a) => a.expr).join('\n')}` };
        const refused = sources.reduce((n, s) => n + s.leftOut + s.refused + (OVER_TIME.has(this.model.type) ? s.refusedEnded : 0), 0);
        return { state: 'live', reason: refused ? `${refused} more series than the ${sources.reduce((n, s) => n + s.series.length, 0)} shown` : behind(OLD_INTERVALS) };
    }
}

/** The panel's data as rows, for "show as table". */
export function blocksTable(data: PanelData): DataTable {
    const series = data.blocks.flatMap((b) => b.series);
    const plain = series[0]?.field;
    if (!plain)
        return { columns: [], rows: [] };
    const text = { ...plain, unit: 'string', mappings: [], displayName: '' };
    const column = (name: string) => ({ name, field: { ...plain, displayName: '' } });
    const stats = (v: Float64Array) => {
        const c = Array.from(v).filter((x) => Number.isFinite(x));
        return c.length ? [c.reduce((a, b) => Math.min(a, b), Infinity), c.reduce((a, b) => a + b, 0) / c.length, c.reduce((a, b) => Math.max(a, b), -Infinity)] : [null, null, null];
    };
    return {
        columns: [{ name: 'Series', field: text }, column('Last'), column('Min'), column('Mean'), column('Max')],
        rows: series.map((s) => [s.name, s.last, ...stats(s.values)]),
    };
}

export const scrapeOf = (own: unknown): number => parseDuration(String(object(own)['scrape'] ?? '')) ?? number(object(own)['scrapeMs']) ?? 0;
