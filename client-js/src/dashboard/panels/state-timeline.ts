/* state-timeline.ts - what state each series was in, over time: one row each, equal neighbours joined, states told by colour,
 * texture and word. */
import type { Theme } from '../lib/color.ts';
import { inkOn } from '../lib/color.ts';
import { dateTime, spell } from '../lib/format.ts';
import type { DataBlock, DataSeries, DataTable, PanelFactory } from './base.ts';
import { CanvasPanel, clamp, fillOf, fit, floorIndex, numberOf, objectOf, plural, reasonOf, seriesOf, textOf, type Tip } from './kit.ts';
import { NO_FIELD, say, stateColor } from './show.ts';

export interface Run {
    readonly from: number;
    to: number;
    readonly value: number;
    readonly text: string;
}

/** Neighbours of one text are one run, if `merge`; a NaN or a hole longer than `hole` ends it. */
function runsOf(times: ArrayLike<number>, values: ArrayLike<number>, say: (v: number) => string, merge: boolean, hole: number): Run[] {
    const out: Run[] = [];
    let run: Run | null = null, before = NaN;
    for (let i = 0; i < times.length; i++) {
        const v = values[i]!, t = times[i]!;
        if (run && t - times[i - 1]! > hole) {
            run.to = times[i - 1]!;
            run = null;
        } else if (run) {
            run.to = t;
        }
        if (Number.isNaN(v)) {
            run = null;
            continue;
        }
        if (run && merge && (v === before || say(v) === run.text))
            continue;
        before = v;
        run = { from: t, to: t, value: v, text: say(v) };
        out.push(run);
    }
    return out;
}

interface Row {
    readonly series: DataSeries;
    readonly runs: readonly Run[];
}

class StateTimeline extends CanvasPanel {
    private rows: Row[] = [];
    private fresh = true;
    private box = { left: 0, top: 0, width: 0, height: 0, row: 0 };
    private span = { from: 0, to: 1, step: 1 };
    private readonly options = this.context.model.options;
    private first = 0;
    private alone = false;

    constructor(...args: ConstructorParameters<typeof CanvasPanel>) {
        super(...args);
        this.canvas.addEventListener('wheel', (e) => this.scroll(e), { signal: this.context.signal, passive: false });
    }

    protected take(): void {
        this.fresh = false;
    }

    private refresh(): void {
        if (this.fresh || !this.data)
            return;
        this.fresh = true;
        const merge = this.options['mergeValues'] !== false;
        this.rows = [...seriesOf(this.data)].map(([series, block]) => ({
            series, runs: runsOf(block.times, series.values, (v) => say(v, series.field), merge, stepOf(block) * 2.5),
        }));
        const longest = this.data.blocks.reduce<DataBlock | null>((a, b) => (!a || b.times.length > a.times.length ? b : a), null);
        this.span.step = longest ? stepOf(longest) : 1;
        this.alone = (longest?.times.length ?? 0) < 2;
    }

    protected problem(): string {
        this.refresh();
        if (this.rows.some((r) => r.runs.length))
            return '';
        return this.rows.length && this.data?.state === 'live' ? 'No value in this range' : reasonOf(this.data);
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const { px } = this, data = this.data!;
        const states = this.states(theme);
        const legendRows = objectOf(this.options['legend'])['showLegend'] !== false && height > px * 8 && states.length <= 12 ? 1 : 0;
        const left = Math.min(width * 0.3, Math.max(...this.rows.map((r) => ctx.measureText(r.series.name).width)) + px);
        const room = height - px * 2.6 - legendRows * px * 1.8;
        const row = Math.max(px * 1.5, room / this.rows.length);
        const visible = Math.max(1, Math.floor(room / row + 0.01));
        this.first = clamp(this.first, 0, this.rows.length - visible);
        this.box = { left, top: px * 0.3, width: width - left - px * 0.5, height: visible * row, row };
        const newest = this.rows.reduce((t, r) => Math.max(t, r.runs.at(-1)?.to ?? 0), 0);
        this.span.step = Math.max(this.span.step, this.alone ? (data.to - data.from) / 60 : 0);
        /* A state that has just begun is seen. */
        this.span = { ...this.span, from: data.from, to: Math.max(data.from + 1, data.to, Math.min(newest, data.to) + this.span.step) };
        const thick = row * clamp(numberOf(this.options['rowHeight'], 0.9), 0.2, 1);
        for (const [i, r] of this.rows.slice(this.first, this.first + visible).entries()) {
            const y = this.box.top + i * row;
            ctx.fillStyle = r.series.stale ? theme.stale : theme.dim;
            ctx.textAlign = 'right';
            ctx.fillText(fit(ctx, r.series.name, left - px * 0.5), left - px * 0.5, y + row / 2);
            ctx.textAlign = 'left';
            this.paintRuns(ctx, r, y + (row - thick) / 2, Math.max(2, thick - 1), theme);
        }
        const hidden = this.rows.length - visible;
        this.timeAxis(this.span.from, this.span.to, left, this.box.width, this.box.top + visible * row, theme);
        if (hidden > 0) {
            ctx.fillStyle = theme.dim;
            ctx.fillText(fit(ctx, `+${hidden} more`, left), 2, this.box.top + visible * row + 6 + px / 2);
        }
        if (legendRows)
            this.legend(states, left, height - px * 1.7, width - left, 1, theme);
    }

    /** The states that occur, for the legend. */
    private states(theme: Theme): { name: string; fill: string | CanvasPattern }[] {
        const seen = new Map<string, string | CanvasPattern>();
        for (const { series, runs } of this.rows)
            for (const run of runs)
                if (!seen.has(run.text) && seen.size < 20)
                    seen.set(run.text, this.fill(run, series, theme));
        return [...seen].map(([name, fill]) => ({ name, fill }));
    }

    private fill(run: Run, series: DataSeries, theme: Theme): string | CanvasPattern {
        const { color, status, texture } = stateColor(run.value, series, theme);
        return fillOf(this.ctx, color, status ?? texture, this.scale);
    }

    private paintRuns(ctx: CanvasRenderingContext2D, { series, runs }: Row, y: number, height: number, theme: Theme): void {
        const { left, width } = this.box, mode = textOf(this.options['showValue'], 'auto');
        const opacity = clamp(numberOf(series.field.custom['fillOpacity'], 80), 10, 100) / 100;
        let drawn = -Infinity;
        for (const run of runs) {
            const x1 = Math.max(left, this.xAt(run.from)), x2 = Math.min(left + width, this.xAt(run.to === run.from ? run.to + this.span.step : run.to));
            if (x2 <= left || x1 >= left + width || x2 - drawn < 0.7) /* what is less than a pixel is in its neighbour */
                continue;
            drawn = x2;
            const w = Math.max(1, x2 - x1 - (x2 - x1 > 3 ? 1 : 0));
            ctx.globalAlpha = opacity;
            ctx.fillStyle = series.stale && run === runs.at(-1) ? theme.stale : this.fill(run, series, theme);
            ctx.fillRect(x1, y, w, height);
            ctx.globalAlpha = 1;
            if (mode !== 'never' && w > this.px * 1.5 && height > this.px)
                this.paintWord(ctx, run.text, x1, w, y + height / 2, theme);
        }
    }

    private paintWord(ctx: CanvasRenderingContext2D, words: string, x: number, width: number, y: number, theme: Theme): void {
        const label = fit(ctx, words, width - this.px);
        if (!label || (label !== words && label.length < 4))
            return;
        const align = textOf(this.options['alignValue'], 'left'), w = ctx.measureText(label).width;
        const at = align === 'center' ? x + (width - w) / 2 : align === 'right' ? x + width - w - this.px * 0.5 : x + this.px * 0.5;
        ctx.fillStyle = theme.panel; /* letters never stand on a texture */
        ctx.beginPath();
        ctx.roundRect(at - 3, y - this.px * 0.65, w + 6, this.px * 1.3, 3);
        ctx.fill();
        ctx.fillStyle = inkOn(theme.panel) === '#FFFFFF' ? theme.text : '#10161D';
        ctx.fillText(label, at, y + 0.5);
    }

    private scroll(e: WheelEvent): void {
        const visible = Math.round(this.box.height / this.box.row);
        const next = clamp(this.first + Math.sign(e.deltaY), 0, Math.max(0, this.rows.length - visible));
        if (next === this.first)
            return;
        e.preventDefault();
        this.first = next;
        this.context.invalidate();
    }

    private xAt(time: number): number {
        return this.box.left + ((time - this.span.from) / (this.span.to - this.span.from)) * this.box.width;
    }

    protected override xOf(time: number): number | null {
        const x = this.xAt(time);
        return this.rows.length && x >= this.box.left && x <= this.box.left + this.box.width ? x : null;
    }

    protected override timeAt(x: number): number | null {
        const { left, width } = this.box;
        return this.rows.length && x >= left && x <= left + width ? this.span.from + ((x - left) / width) * (this.span.to - this.span.from) : null;
    }

    protected override tipAt(x: number, y: number): Tip | null {
        const time = this.timeAt(x), row = this.rows[this.first + Math.floor((y - this.box.top) / this.box.row)];
        if (time === null || !row || y > this.box.top + this.box.height)
            return null;
        const run = row.runs[floorIndex(row.runs.map((r) => r.from), time)];
        return run && time <= run.to + this.span.step
            ? { title: row.series.name, rows: [['state', run.text], ['since', dateTime(run.from)], ['for', spell((run.to - run.from) / 1000)]] } : null;
    }

    protected sentence(): string {
        const now = this.rows.slice(0, 5).map((r) => `${r.series.name} ${r.runs.at(-1)?.text ?? 'no value'}`).join(', ');
        return `states of ${plural(this.rows.length, 'series', 'series')}; now ${now}.`;
    }

    table(): DataTable | null {
        const time = { ...NO_FIELD, unit: 'dateTimeAsIso' };
        return {
            columns: [{ name: 'Series', field: NO_FIELD }, { name: 'State', field: NO_FIELD }, { name: 'From', field: time }, { name: 'To', field: time }],
            rows: this.rows.flatMap((r) => r.runs.slice(-50).reverse().map((run) => [r.series.name, run.text, run.from, run.to])),
        };
    }
}

/** The usual distance of points: the median of some. */
function stepOf({ times }: DataBlock): number {
    const n = times.length;
    if (n < 2)
        return 1000;
    const sample = Array.from({ length: Math.min(n - 1, 50) }, (_, i) => times[n - 1 - i]! - times[n - 2 - i]!).sort((a, b) => a - b);
    return sample[sample.length >> 1]!;
}

export const panel: PanelFactory = (host, context) => new StateTimeline(host, context);
