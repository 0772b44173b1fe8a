/* histogram.ts - how often values occur: all points of the shown range, or the buckets of a query with `le`. Bars of several series
 * stand behind each other with their own textures. */
import type { Theme } from '../lib/color.ts';
import { axisTexts, timeSteps } from '../lib/format.ts';
import type { FieldConfig } from '../model/types.ts';
import type { DataSeries, DataTable, PanelData, PanelFactory } from './base.ts';
import { bucketRows } from './buckets.ts';
import { CanvasPanel, clamp, colorOf, fillOf, floorIndex, numberOf, objectOf, plural, reasonOf, seriesOf, ticks, total, type Tip } from './kit.ts';
import { NO_FIELD, say } from './show.ts';

const MAX_BUCKETS = 500;

export interface Counted {
    readonly name: string;
    readonly series: Pick<DataSeries, 'field' | 'index'>;
    readonly counts: Float64Array;
}

export interface Histogram {
    /** Ascending; one more than there are buckets. */
    readonly edges: readonly number[];
    readonly counted: readonly Counted[];
    /** Points that are no finite number. */
    readonly left: number;
}

const NICE = [1, 2, 2.5, 3, 4, 5, 6, 8, 10];

/** A round width that makes about `count` buckets of the range. */
export function bucketSize(min: number, max: number, count: number): number {
    if (!(max > min))
        return Math.abs(max) > 0 ? 10 ** Math.floor(Math.log10(Math.abs(max))) / 10 : 1;
    const raw = (max - min) / count;
    const power = 10 ** Math.floor(Math.log10(raw));
    return (NICE.find((n) => n * power >= raw * 0.9999) ?? 10) * power;
}

interface Column {
    readonly name: string;
    readonly series: Pick<DataSeries, 'field' | 'index'>;
    readonly values: Float64Array;
}

/** Counts the values; `size` 0: chosen for `count` buckets. */
function countValues(columns: readonly Column[], size: number, count: number, offset = 0): Histogram {
    let min = Infinity, max = -Infinity, left = 0;
    for (const { values } of columns)
        for (const v of values)
            if (Number.isFinite(v)) {
                min = v < min ? v : min;
                max = v > max ? v : max;
            } else if (!Number.isNaN(v)) {
                left++; /* NaN is no point at all */
            }
    if (min > max)
        return { edges: [], counted: [], left };
    let step = size > 0 ? size : bucketSize(min, max, count);
    while ((max - min) / step > MAX_BUCKETS)
        step *= 2;
    const first = Math.floor((min - offset) / step);
    const n = Math.floor((max - offset) / step) - first + 1;
    const edges = Array.from({ length: n + 1 }, (_, i) => Number(((first + i) * step + offset).toPrecision(12)));
    const counted = columns.map((c) => {
        const counts = new Float64Array(n);
        for (const v of c.values)
            if (Number.isFinite(v))
                counts[clamp(Math.floor((v - offset) / step) - first, 0, n - 1)]!++;
        return { ...c, counts };
    });
    return { edges, counted, left };
}

class HistogramPanel extends CanvasPanel {
    private result: Histogram = { edges: [], counted: [], left: 0 };
    private box = { left: 0, top: 0, width: 0, height: 0, max: 1 };
    private readonly options = this.context.model.options;
    private fresh = true;

    protected take(): void {
        this.fresh = false; /* counted when drawn: not more often than it is seen */
    }

    private refresh(): void {
        if (this.fresh || !this.data)
            return;
        this.fresh = true;
        this.result = ofBuckets(this.data) ?? this.ofValues(this.data);
    }

    private ofValues(data: PanelData): Histogram {
        const columns: Column[] = [...seriesOf(data)].map(([series]) => ({ name: series.name, series, values: series.values }));
        if (!columns.length && data.table)
            data.table.columns.forEach(({ name, field }, index) => {
                const numbers = data.table!.rows.map((r) => r[index]).filter((v) => typeof v === 'number');
                if (numbers.length)
                    columns.push({ name, series: { field, index: columns.length }, values: Float64Array.from(numbers) });
            });
        const merged = this.options['combine'] === true && columns.length > 1
            ? [{ name: 'all', series: columns[0]!.series, values: Float64Array.from(columns.flatMap((c) => [...c.values])) }] : columns;
        return countValues(merged, numberOf(this.options['bucketSize'], 0), clamp(numberOf(this.options['bucketCount'], 30), 1, MAX_BUCKETS),
            numberOf(this.options['bucketOffset'], 0));
    }

    protected problem(): string {
        this.refresh();
        if (this.result.edges.length)
            return '';
        return this.result.left ? 'No finite value to count' : reasonOf(this.data);
    }

    private get field(): FieldConfig {
        return this.result.counted[0]?.series.field ?? NO_FIELD;
    }

    private readonly xOfEdge = (v: number): number => {
        const { edges } = this.result, { left, width } = this.box;
        const first = edges[0]!, last = edges.at(-1)!;
        if (Number.isFinite(first) && Number.isFinite(last) && this.even)
            return left + ((v - first) / (last - first)) * width;
        return left + (Math.max(0, edges.indexOf(v)) / (edges.length - 1)) * width; /* of a query: one width for all */
    };

    private get even(): boolean {
        const { edges } = this.result;
        return edges.length < 3 || Math.abs(edges[1]! - edges[0]! - (edges.at(-1)! - edges.at(-2)!)) < Math.abs(edges[1]! - edges[0]!) * 1e-6;
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const { px } = this, { counted, edges } = this.result;
        const many = counted.length > 1 && objectOf(this.options['legend'])['showLegend'] !== false;
        const legendRows = many && height > px * 10 ? Math.min(2, Math.ceil((counted.length * px * 12) / width)) : 0;
        let max = 1;
        for (const { counts } of counted)
            for (const c of counts)
                max = Math.max(max, c);
        const levels = ticks(0, max, Math.max(2, (height - px * 3) / (px * 4)), 1); /* counts are whole */
        const label = (v: number) => say(v, NO_FIELD);
        const left = Math.max(...levels.map((v) => ctx.measureText(label(v)).width), 0) + px;
        this.box = { left, top: px * 0.8, width: width - left - px * 0.8, height: height - px * 3 - legendRows * px * 1.6, max };
        this.grid(ctx, theme, levels, label);
        for (const [i, c] of counted.entries())
            this.bars(ctx, theme, c, i);
        this.edgeLabels(ctx, theme, edges);
        if (legendRows)
            this.legend(counted.map((c) => ({ name: c.name, fill: fillOf(ctx, colorOf(c.series, theme), c.series.index, this.scale) })),
                left, height - legendRows * px * 1.6, width - left, legendRows, theme);
    }

    private grid(ctx: CanvasRenderingContext2D, theme: Theme, levels: readonly number[], label: (v: number) => string): void {
        const { left, top, width, height, max } = this.box;
        ctx.textAlign = 'right';
        for (const v of levels) {
            const y = Math.round(top + height - (v / max) * height);
            ctx.fillStyle = theme.line;
            ctx.fillRect(left, y, width, 1);
            ctx.fillStyle = theme.dim;
            ctx.fillText(label(v), left - this.px * 0.5, y);
        }
        ctx.textAlign = 'left';
    }

    private bars(ctx: CanvasRenderingContext2D, theme: Theme, { series, counts }: Counted, place: number): void {
        const { edges } = this.result, { top, height, max } = this.box;
        const color = colorOf(series, theme), several = this.result.counted.length > 1;
        const opacity = clamp(numberOf(series.field.custom['fillOpacity'], 80), 0, 100) / 100;
        for (let i = 0; i < counts.length; i++) {
            if (!counts[i])
                continue;
            const x1 = this.xOfEdge(edges[i]!), x2 = this.xOfEdge(edges[i + 1]!);
            const bar = Math.max(1, counts[i]! / max * height);
            const w = Math.max(1, x2 - x1 - (x2 - x1 > 4 ? 1 : 0));
            ctx.globalAlpha = several ? Math.min(opacity, 0.55) : opacity;
            ctx.fillStyle = fillOf(ctx, color, several ? series.index : 0, this.scale);
            ctx.fillRect(x1, top + height - bar, w, bar);
            ctx.globalAlpha = 1;
            ctx.strokeStyle = several || place ? color : theme.dim;
            ctx.lineWidth = 1;
            if (w > 3)
                ctx.strokeRect(x1 + 0.5, top + height - bar + 0.5, w - 1, bar);
        }
    }

    private edgeLabels(ctx: CanvasRenderingContext2D, theme: Theme, edges: readonly number[]): void {
        const { top, height } = this.box;
        ctx.textAlign = 'center';
        ctx.fillStyle = theme.dim;
        let free = -Infinity;
        const every = this.even ? ticks(edges[0]!, edges.at(-1)!, Math.max(1, this.box.width / (this.px * 5)), 0, timeSteps(this.field.unit)) : edges;
        const texts = this.field.mappings.length ? every.map((v) => say(v, this.field)) : axisTexts(every, this.field.unit, this.field.decimals);
        for (const [i, v] of every.entries()) {
            const x = this.xOfEdge(v), label = texts[i]!, half = ctx.measureText(label).width / 2;
            if (x - half < Math.max(0, free) || x + half > this.width)
                continue;
            ctx.fillRect(Math.round(x), top + height, 1, 4);
            ctx.fillText(label, x, top + height + 6 + this.px / 2);
            free = x + half + this.px;
        }
        ctx.textAlign = 'left';
    }

    private bucketAt(x: number): number {
        const { edges } = this.result;
        const places = edges.map((e) => this.xOfEdge(e));
        const i = floorIndex(places, x);
        return i >= 0 && i < edges.length - 1 ? i : -1;
    }

    private rangeText(i: number): string {
        return `${say(this.result.edges[i]!, this.field)} – ${say(this.result.edges[i + 1]!, this.field)}`;
    }

    protected override tipAt(x: number): Tip | null {
        const i = this.bucketAt(x);
        return i < 0 ? null : { title: this.rangeText(i), rows: this.result.counted.map((c) => [c.name, say(c.counts[i]!, NO_FIELD)]) };
    }

    protected sentence(): string {
        const { counted } = this.result;
        const sums = Array.from({ length: this.result.edges.length - 1 }, (_, i) => total(counted.map((c) => c.counts[i]!)));
        const most = sums.indexOf(Math.max(...sums));
        return `histogram of ${plural(total(sums), 'value')} of ${plural(counted.length, 'series', 'series')} in ${plural(sums.length, 'bucket')}; most are in ${this.rangeText(most)}.`;
    }

    table(): DataTable | null {
        const { edges, counted } = this.result;
        return {
            columns: [{ name: 'From', field: this.field }, { name: 'To', field: this.field }, ...counted.map((c) => ({ name: c.name, field: NO_FIELD }))],
            rows: edges.slice(0, -1).map((e, i) => [e, edges[i + 1]!, ...counted.map((c) => c.counts[i]!)]),
        };
    }
}

/** The newest column of `le` buckets, if that is what was asked for. */
function ofBuckets(data: PanelData): Histogram | null {
    const block = data.blocks.find((b) => b.format === 'heatmap' && b.series.some((s) => 'le' in s.labels));
    const rows = block && bucketRows(block);
    if (!block || !rows?.length)
        return null;
    const counts = Float64Array.from(rows, (r) => Math.max(0, r.values.at(-1) ?? 0) || 0);
    const bounds = rows.map((r) => r.high);
    const first = rows[0]!.low;
    return { edges: [Number.isFinite(first) ? first : Math.min(0, bounds[0]!), ...bounds], counted: [{ name: 'count', series: block.series[0]!, counts }], left: 0 };
}

export const panel: PanelFactory = (host, context) => new HistogramPanel(host, context);
