/* heatmap.ts - buckets over time: of `le` series (format heatmap), of values counted here (calculate), or a row for each series.
 * Shades get lighter or darker in one direction only, so they can be told apart without colour. */
import type { Theme } from '../lib/color.ts';
import { axisTexts, dateTime } from '../lib/format.ts';
import type { FieldConfig } from '../model/types.ts';
import type { DataBlock, DataTable, PanelData, PanelFactory } from './base.ts';
import { bucketRows } from './buckets.ts';
import { bucketSize } from './histogram.ts';
import { shades } from './ramp.ts';
import { CanvasPanel, clamp, fit, floorIndex, numberOf, objectOf, plural, reasonOf, seriesOf, textOf, type Tip } from './kit.ts';
import { NO_FIELD, say } from './show.ts';

const MAX_ROWS = 200;
const MIN_CELL = 3; /* px: columns narrower than this are put together */

export interface Row {
    readonly name: string;
    readonly values: Float64Array;
}

export interface Grid {
    /** Ascending; each is the beginning of a column. */
    readonly times: Float64Array;
    /** Lowest first. */
    readonly rows: readonly Row[];
    readonly field: FieldConfig;
    /** Rows are bounds: a row's name is its upper one. */
    readonly bounds: boolean;
}

/** Columns joined so that there are at most `count`: the sum of counts, the mean of other values. */
export function joined(grid: Grid, count: number): Grid {
    const factor = Math.ceil(grid.times.length / Math.max(1, count));
    if (factor <= 1)
        return grid;
    const n = Math.ceil(grid.times.length / factor);
    const rows = grid.rows.map((row) => {
        const values = new Float64Array(n).fill(NaN);
        for (let i = 0; i < n; i++) {
            let sum = 0, seen = 0;
            for (const v of row.values.subarray(i * factor, (i + 1) * factor))
                if (Number.isFinite(v)) {
                    sum += v;
                    seen++;
                }
            values[i] = seen ? (grid.bounds ? sum : sum / seen) : NaN;
        }
        return { ...row, values };
    });
    return { ...grid, rows, times: Float64Array.from({ length: n }, (_, i) => grid.times[i * factor]!) };
}

/** Counts what the series' values are, per moment, in buckets of the value. */
export function calculated(block: DataBlock, size: number, count: number): Grid {
    let min = Infinity, max = -Infinity;
    for (const { values } of block.series)
        for (const v of values)
            if (Number.isFinite(v)) {
                min = v < min ? v : min;
                max = v > max ? v : max;
            }
    const field = block.series[0]?.field ?? NO_FIELD;
    if (min > max)
        return { times: block.times, rows: [], field, bounds: true };
    let step = size > 0 ? size : bucketSize(min, max, count);
    while ((max - min) / step > MAX_ROWS)
        step *= 2;
    const first = Math.floor(min / step), n = Math.floor(max / step) - first + 1;
    const rows = Array.from({ length: n }, (_, i) => ({
        name: String(Number(((first + i + 1) * step).toPrecision(12))), values: new Float64Array(block.times.length),
    }));
    for (const { values } of block.series)
        values.forEach((v, i) => {
            if (Number.isFinite(v))
                rows[clamp(Math.floor(v / step) - first, 0, n - 1)]!.values[i]!++;
        });
    return { times: block.times, rows, field, bounds: true };
}

class Heatmap extends CanvasPanel {
    private grid: Grid | null = null;
    private shown: Grid | null = null;
    private stale = true;
    private box = { left: 0, top: 0, width: 0, height: 0, row: 0 };
    private span = { from: 0, to: 1, step: 1 };
    private readonly options = this.context.model.options;
    private readonly colorOptions = objectOf(this.options['color']);

    protected take(): void {
        this.stale = true;
    }

    private refresh(): void {
        if (!this.stale || !this.data)
            return;
        this.stale = false;
        this.grid = this.build(this.data);
    }

    private build(data: PanelData): Grid | null {
        const block = data.blocks.find((b) => b.series.length && b.times.length);
        if (!block)
            return null;
        const y = objectOf(objectOf(this.options['calculation'])['yBuckets']);
        if (this.options['calculate'] === true) {
            const value = numberOf(y['value'], 0), bySize = textOf(y['mode'], 'size') === 'size';
            return calculated(block, bySize ? value : 0, !bySize && value > 0 ? value : 20);
        }
        if (block.series.some((s) => 'le' in s.labels)) {
            const field = block.series[0]!.field;
            return { times: block.times, rows: bucketRows(block).slice(0, MAX_ROWS), field, bounds: true };
        }
        const rows = [...seriesOf(data)].filter(([, b]) => b === block).slice(0, MAX_ROWS).map(([s]) => ({ name: s.name, values: s.values }));
        return { times: block.times, rows: rows.reverse(), field: block.series[0]!.field, bounds: false };
    }

    protected problem(): string {
        this.refresh();
        const { grid } = this;
        if (grid?.rows.some((r) => r.values.some((v) => Number.isFinite(v) && !(grid.bounds && v === 0))))
            return '';
        if (grid?.rows.some((r) => r.values.some(Number.isFinite)))
            return 'Nothing was counted in this range';
        return this.grid && this.data?.state === 'live' ? 'No finite value in this range' : reasonOf(this.data);
    }

    private rowName(row: Row, grid: Grid): string {
        const v = Number(row.name);
        const unit = textOf(objectOf(this.options['yAxis'])['unit']);
        return grid.bounds && Number.isFinite(v) ? axisTexts([v], unit || grid.field.unit, null)[0]! : row.name;
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const { px } = this, data = this.data!;
        const legend = objectOf(this.options['legend'])['show'] !== false && height > px * 9 ? px * 2 : 0;
        const names = this.grid!.rows.map((r) => this.rowName(r, this.grid!));
        const left = Math.min(width * 0.35, Math.max(...names.map((n) => ctx.measureText(n).width)) + px);
        this.box = { left, top: px * 0.5, width: width - left - px * 0.5, height: height - px * 2.6 - legend, row: 0 };
        const grid = (this.shown = joined(this.grid!, this.box.width / MIN_CELL));
        this.box.row = this.box.height / grid.rows.length;
        const { times } = grid, step = times.length > 1 ? (times.at(-1)! - times[0]!) / (times.length - 1) : Math.max(1, (data.to - data.from) / 60);
        const from = Math.min(data.from, times[0]!), to = Math.max(data.to, times.at(-1)! + step);
        this.span = { from, to, step };
        const range = this.range(grid);
        this.cells(ctx, grid, shades(theme, this.hue(theme)), range);
        this.rowLabels(ctx, names, theme);
        this.timeAxis(from, to, left, this.box.width, this.box.top + this.box.height, theme);
        if (legend)
            this.scaleLegend(ctx, theme, range, height);
    }

    private hue(theme: Theme): string {
        return textOf(this.colorOptions['mode']) === 'opacity' ? (textOf(this.colorOptions['fill']).startsWith('#') ? textOf(this.colorOptions['fill']) : theme.status.info) : '';
    }

    private range(grid: Grid): [number, number] {
        let min = grid.bounds ? 0 : Infinity, max = -Infinity;
        for (const { values } of grid.rows)
            for (const v of values)
                if (Number.isFinite(v)) {
                    min = Math.min(min, v);
                    max = Math.max(max, v);
                }
        min = numberOf(this.colorOptions['min'], grid.field.min ?? min);
        max = numberOf(this.colorOptions['max'], grid.field.max ?? max);
        return max > min ? [min, max] : [min, min + 1];
    }

    private cells(ctx: CanvasRenderingContext2D, grid: Grid, colors: readonly string[], [min, max]: readonly [number, number]): void {
        const { top, height, row } = this.box, { times, rows, bounds } = grid;
        const gap = row > 6 ? numberOf(this.options['cellGap'], 1) : 0;
        const { power } = this;
        const reverse = objectOf(this.options['yAxis'])['reverse'] === true;
        const edges = Array.from(times, (t) => Math.round(this.xAt(t)));
        edges.push(Math.round(this.xAt(times.at(-1)! + this.span.step)));
        for (const [i, { values }] of rows.entries()) {
            const y = Math.round(reverse ? top + i * row : top + height - (i + 1) * row);
            const high = Math.max(1, Math.round(reverse ? top + (i + 1) * row : top + height - i * row) - y - gap);
            for (let c = 0; c < values.length; c++) {
                const v = values[c]!;
                if (Number.isNaN(v) || (bounds && v === 0))
                    continue;
                const t = clamp((v - min) / (max - min), 0, 1) ** power;
                ctx.fillStyle = colors[Math.round(t * 63)]!;
                /* A column lasts until the next one, but not across a gap. */
                const end = Math.min(edges[c + 1]!, edges[c]! + Math.ceil((this.span.step * 1.6 * this.box.width) / (this.span.to - this.span.from)));
                ctx.fillRect(edges[c]!, y, Math.max(1, end - edges[c]! - (end - edges[c]! > 5 ? gap : 0)), high);
            }
        }
    }

    /** Small counts are told apart better than large ones. */
    private get power(): number {
        return this.shown!.bounds ? clamp(numberOf(this.colorOptions['exponent'], 0.5), 0.05, 4) : 1;
    }

    private rowLabels(ctx: CanvasRenderingContext2D, names: readonly string[], theme: Theme): void {
        const { left, top, height, row } = this.box;
        const every = Math.max(1, Math.ceil((this.px * 1.3) / row));
        const reverse = objectOf(this.options['yAxis'])['reverse'] === true;
        ctx.textAlign = 'right';
        ctx.fillStyle = theme.dim;
        names.forEach((name, i) => {
            if (i % every === 0)
                ctx.fillText(fit(ctx, name, left - this.px * 0.5), left - this.px * 0.5, reverse ? top + (i + 0.5) * row : top + height - (i + 0.5) * row);
        });
        ctx.textAlign = 'left';
    }

    private scaleLegend(ctx: CanvasRenderingContext2D, theme: Theme, [min, max]: readonly [number, number], height: number): void {
        const { left } = this.box, colors = shades(theme, this.hue(theme)), y = height - this.px * 1.1;
        const words = [say(min, this.shown!.bounds ? NO_FIELD : this.shown!.field), say(max, this.shown!.bounds ? NO_FIELD : this.shown!.field)] as const;
        const width = Math.min(this.box.width * 0.5, this.px * 14), from = left + ctx.measureText(words[0]).width + this.px * 0.5;
        ctx.fillStyle = theme.dim;
        ctx.fillText(words[0], left, y);
        ctx.fillText(words[1], from + width + this.px * 0.5, y);
        const power = this.power;
        colors.forEach((_, i) => {
            ctx.fillStyle = colors[Math.round((i / 63) ** power * 63)]!;
            ctx.fillRect(from + (i / 64) * width, y - this.px * 0.4, width / 64 + 0.6, this.px * 0.8);
        });
        ctx.strokeStyle = theme.dim;
        ctx.lineWidth = 1;
        ctx.strokeRect(from, y - this.px * 0.4, width, this.px * 0.8);
    }

    private xAt(time: number): number {
        return this.box.left + ((time - this.span.from) / (this.span.to - this.span.from)) * this.box.width;
    }

    protected override xOf(time: number): number | null {
        const x = this.xAt(time);
        return this.shown && x >= this.box.left && x <= this.box.left + this.box.width ? x : null;
    }

    protected override timeAt(x: number): number | null {
        const { left, width } = this.box;
        return this.shown && x >= left && x <= left + width ? this.span.from + ((x - left) / width) * (this.span.to - this.span.from) : null;
    }

    protected override tipAt(x: number, y: number): Tip | null {
        const time = this.timeAt(x), grid = this.shown;
        if (time === null || !grid)
            return null;
        const column = floorIndex(grid.times, time);
        const reverse = objectOf(this.options['yAxis'])['reverse'] === true;
        const up = Math.floor((reverse ? y - this.box.top : this.box.top + this.box.height - y) / this.box.row);
        const row = grid.rows[up];
        if (!row || column < 0 || time > grid.times[column]! + this.span.step * 1.6)
            return null;
        const below = grid.rows[up - 1];
        const name = grid.bounds ? `${below ? this.rowName(below, grid) : '−∞'} – ${this.rowName(row, grid)}` : row.name;
        const v = row.values[column]!;
        return { title: dateTime(grid.times[column]!), rows: [[name, Number.isNaN(v) ? 'no value' : say(v, grid.bounds ? NO_FIELD : grid.field)]] };
    }

    protected sentence(): string {
        const grid = this.grid!;
        let best = -Infinity, name = '', at = 0;
        for (const row of grid.rows)
            row.values.forEach((v, i) => {
                if (Number.isFinite(v) && v > best) {
                    best = v;
                    name = this.rowName(row, grid);
                    at = grid.times[i]!;
                }
            });
        return `heatmap of ${plural(grid.rows.length, 'row')} and ${plural(grid.times.length, 'moment')}; the most, ${say(best, grid.bounds ? NO_FIELD : grid.field)}, ${grid.bounds ? 'up to' : 'in'} ${name} at ${dateTime(at)}.`;
    }

    table(): DataTable | null {
        const grid = this.grid;
        if (!grid)
            return null;
        const last = Math.max(0, grid.times.length - 100);
        return {
            columns: [{ name: 'Time', field: { ...NO_FIELD, unit: 'dateTimeAsIso' } }, ...grid.rows.map((r) => ({ name: r.name, field: grid.bounds ? NO_FIELD : grid.field }))],
            rows: Array.from(grid.times.subarray(last), (t, i) => [t, ...grid.rows.map((r) => r.values[last + i]!)] as (number | null)[]).reverse(),
        };
    }
}

export const panel: PanelFactory = (host, context) => new Heatmap(host, context);
