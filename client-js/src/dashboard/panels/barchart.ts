/* barchart.ts - bars for categories: the rows of a table, or one bar for each series. Upright or lying, beside or on each other. */
import { resolveColor, seriesStyle, type Theme } from '../lib/color.ts';
import { dateTime, timeSteps } from '../lib/format.ts';
import { stepOf } from '../model/display.ts';
import type { FieldConfig, PanelModel } from '../model/types.ts';
import type { DataTable, PanelData, PanelFactory } from './base.ts';
import { CanvasPanel, clamp, fillOf, fit, numberOf, objectOf, plural, reasonOf, textOf, ticks, total, type Tip } from './kit.ts';
import { NO_FIELD, points, say, type Point } from './show.ts';

const MAX_CATEGORIES = 500;

export interface Chart {
    readonly categories: readonly string[];
    readonly groups: readonly { readonly name: string; readonly index: number; readonly field: FieldConfig; readonly values: readonly (number | null)[] }[];
    /** Of a lone group: the series themselves, with their colours. */
    readonly points: readonly Point[] | null;
}

/** Categories and the bars at each. */
function chartOf(data: PanelData, model: PanelModel): Chart {
    const table = data.table;
    if (!table) {
        const all = points(data, model).slice(0, MAX_CATEGORIES);
        return { categories: all.map((p) => p.name), points: all, groups: all.length ? [{ name: 'value', index: 0, field: all[0]!.field, values: all.map((p) => p.value) }] : [] };
    }
    const { columns } = table, rows = table.rows.slice(0, MAX_CATEGORIES);
    const wanted = columns.findIndex((c) => c.name === textOf(model.options['xField']));
    const texty = columns.findIndex((_, c) => rows.some((r) => typeof r[c] === 'string'));
    const x = wanted >= 0 ? wanted : texty >= 0 ? texty : columns.findIndex((c) => /^time$/i.test(c.name));
    const isTime = x >= 0 && (/^dateTime/.test(columns[x]!.field.unit) || /^time$/i.test(columns[x]!.name));
    const name = (v: string | number | null | undefined): string => (typeof v === 'number' ? (isTime ? dateTime(v) : say(v, columns[x]!.field)) : (v ?? '–'));
    const bars = columns.map((_, c) => c).filter((c) => c !== x && !/^time$/i.test(columns[c]!.name)
        && rows.some((r) => typeof r[c] === 'number') && columns[c]!.field.custom['hidden'] !== true);
    return {
        categories: rows.map((r, i) => (x >= 0 ? name(r[x]) : String(i + 1))), points: null,
        groups: bars.map((c, index) => ({ name: columns[c]!.name, index, field: columns[c]!.field, values: rows.map((r) => (typeof r[c] === 'number' ? r[c] : null)) })),
    };
}

interface Bar {
    readonly category: number;
    readonly group: number;
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
}

class BarChart extends CanvasPanel {
    private chart: Chart = { categories: [], groups: [], points: null };
    private bars: Bar[] = [];
    private range: readonly [number, number] = [0, 1];
    private readonly options = this.context.model.options;
    private readonly stacking = textOf(this.options['stacking'], 'none');

    protected take(data: PanelData): void {
        this.chart = chartOf(data, this.context.model);
    }

    protected problem(): string {
        if (this.chart.groups.some((g) => g.values.some((v) => v !== null && Number.isFinite(v))))
            return '';
        return this.chart.groups.length && this.data?.state === 'live' ? 'No finite value to show' : reasonOf(this.data);
    }

    /** Where bars begin and end on the value's axis: from, to, before scaling. */
    private extents(): (readonly [number, number] | null)[][] {
        const { groups, categories } = this.chart;
        const base = categories.map(() => [0, 0]);
        const sums = categories.map((_, c) => total(groups.map((g) => Math.abs(g.values[c] ?? 0))));
        return groups.map((g) => g.values.map((value, c) => {
            if (value === null || !Number.isFinite(value))
                return null;
            if (this.stacking === 'none')
                return [0, value];
            const v = this.stacking === 'percent' ? (sums[c] ? value / sums[c]! : 0) : value;
            const side = v < 0 ? 1 : 0, from = base[c]![side]!;
            base[c]![side] = from + v;
            return [from, from + v];
        }));
    }

    private setRange(extents: readonly (readonly (readonly [number, number] | null)[])[]): void {
        let min = 0, max = 0;
        for (const e of extents.flat())
            if (e) {
                min = Math.min(min, e[1]);
                max = Math.max(max, e[1]);
            }
        const { field } = this.chart.groups[0]!;
        if (this.stacking !== 'percent') {
            min = field.min ?? min;
            max = field.max ?? max;
        }
        this.range = max > min ? [min, max] : [min, min + 1];
    }

    private upright(width: number, height: number): boolean {
        const wanted = textOf(this.options['orientation'], 'auto');
        if (wanted === 'horizontal' || wanted === 'vertical')
            return wanted === 'vertical';
        return width / this.chart.categories.length > this.px * 4.5 || height / this.chart.categories.length < this.px;
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const { groups } = this.chart, { px } = this;
        const extents = this.extents();
        this.setRange(extents);
        const legend = groups.length > 1 && objectOf(this.options['legend'])['showLegend'] !== false && height > px * 9;
        const foot = legend ? px * 1.8 : 0;
        if (this.upright(width, height))
            this.paintUpright(ctx, theme, extents, width, height - foot);
        else
            this.paintLying(ctx, theme, extents, width, height - foot);
        if (legend)
            this.legend(groups.map((g, i) => ({ name: g.name, fill: this.fill(i, -1, theme) })), px * 0.5, height - foot, width - px, 1, theme);
    }

    /** Of category -1: the group's own. */
    private fill(group: number, category: number, theme: Theme): string | CanvasPattern {
        const { groups, points: single } = this.chart, g = groups[group]!;
        const value = category >= 0 ? g.values[category]! : null;
        if (single && category >= 0) /* bars of one colour, unless the dashboard says otherwise: their names stand beside them */
            return g.field.color.mode === '' || g.field.color.mode.startsWith('palette') ? single[0]!.color(theme) : single[category]!.color(theme);
        if (g.field.color.mode === 'thresholds' && value !== null) {
            const step = stepOf(g.field, value, this.range[0], this.range[1]);
            const point = step && { ...g.field, color: { mode: 'fixed', fixed: step.color } };
            if (point)
                return fillOf(this.ctx, colorOfField(point, g.index, theme), groups.length > 1 ? g.index : 0, this.scale);
        }
        return fillOf(this.ctx, colorOfField(g.field, g.index, theme), groups.length > 1 ? g.index : 0, this.scale);
    }

    private valueText(v: number): string {
        return this.stacking === 'percent' ? `${Math.round(v * 100)}%` : say(v, this.chart.groups[0]!.field);
    }

    /** Lays out one category's bars across its slot. */
    private slots(slot: number): { start: number; size: number; step: number } {
        const n = this.stacking === 'none' ? this.chart.groups.length : 1;
        const all = slot * clamp(numberOf(this.options['groupWidth'], 0.75), 0.1, 1), step = all / n;
        return { start: (slot - all) / 2, step, size: Math.max(1, step * clamp(numberOf(this.options['barWidth'], 0.95), 0.1, 1)) };
    }

    private paintUpright(ctx: CanvasRenderingContext2D, theme: Theme, extents: (readonly [number, number] | null)[][], width: number, height: number): void {
        const { px, range: [min, max] } = this, { categories } = this.chart;
        const levels = ticks(min, max, Math.max(2, height / (px * 4)), 0, this.stacking === 'percent' ? null : timeSteps(this.chart.groups[0]!.field.unit));
        const left = Math.max(...levels.map((v) => ctx.measureText(this.valueText(v)).width), 0) + px;
        const top = px * 1.6, plot = height - px * 3.6, slot = (width - left - px * 0.5) / categories.length;
        const yOf = (v: number) => top + plot - ((clamp(v, min, max) - min) / (max - min)) * plot;
        ctx.textAlign = 'right';
        for (const v of levels) {
            ctx.fillStyle = v === 0 ? theme.dim : theme.line;
            ctx.fillRect(left, Math.round(yOf(v)), width - left - px * 0.5, 1);
            ctx.fillStyle = theme.dim;
            ctx.fillText(this.valueText(v), left - px * 0.5, yOf(v));
        }
        const { start, size, step } = this.slots(slot);
        this.bars = extents.flatMap((row, group) => row.flatMap((e, category): Bar[] => {
            if (!e)
                return [];
            const y1 = yOf(Math.max(e[0], e[1])), y2 = yOf(Math.min(e[0], e[1]));
            return [{ category, group, x: left + category * slot + start + (this.stacking === 'none' ? group * step : 0), y: y1, w: size, h: Math.max(1, y2 - y1) }];
        }));
        this.paintBars(ctx, theme, true);
        ctx.textAlign = 'center';
        this.paintUnbounded(ctx, theme, (g, c) => [left + c * slot + start + (this.stacking === 'none' ? (g + 0.5) * step : step / 2), yOf(Math.max(0, min)) - px * 0.8]);
        ctx.fillStyle = theme.dim;
        const every = Math.ceil((px * 4) / slot);
        categories.forEach((name, i) => {
            if (i % every === 0)
                ctx.fillText(fit(ctx, name, slot * every - px * 0.3), left + (i + 0.5) * slot, height - px);
        });
        ctx.textAlign = 'left';
    }

    private paintLying(ctx: CanvasRenderingContext2D, theme: Theme, extents: (readonly [number, number] | null)[][], width: number, height: number): void {
        const { px, range: [min, max] } = this, { categories } = this.chart;
        const slot = Math.max(px * 1.5, height / categories.length), shown = Math.max(1, Math.floor(height / slot + 0.01)), hidden = categories.length - shown;
        const names = categories.slice(0, shown).map((name, i) => (hidden && i === shown - 1 ? `${name} (+${hidden} more)` : name));
        const left = Math.min(width * 0.4, Math.max(...names.map((n) => ctx.measureText(n).width)) + px);
        const right = Math.max(...this.chart.groups.flatMap((g) => g.values.map((v) => (v === null ? 0 : ctx.measureText(say(v, g.field)).width)))) + px;
        const plot = Math.max(10, width - left - right);
        const xOf = (v: number) => left + ((clamp(v, min, max) - min) / (max - min)) * plot;
        ctx.fillStyle = theme.line;
        ctx.fillRect(Math.round(xOf(0)), 0, 1, height);
        const { start, size, step } = this.slots(slot);
        this.bars = extents.flatMap((row, group) => row.slice(0, shown).flatMap((e, category): Bar[] => {
            if (!e)
                return [];
            const x1 = xOf(Math.min(e[0], e[1])), x2 = xOf(Math.max(e[0], e[1]));
            return [{ category, group, x: x1, y: category * slot + start + (this.stacking === 'none' ? group * step : 0), w: Math.max(1, x2 - x1), h: size }];
        }));
        this.paintBars(ctx, theme, false);
        this.paintUnbounded(ctx, theme, (g, c) => [xOf(Math.max(0, min)) + px * 0.4, c * slot + start + (this.stacking === 'none' ? (g + 0.5) * step : step / 2)]);
        ctx.textAlign = 'right';
        ctx.fillStyle = theme.dim;
        names.forEach((name, i) => ctx.fillText(fit(ctx, name, left - px * 0.5), left - px * 0.5, (i + 0.5) * slot));
        ctx.textAlign = 'left';
    }

    private paintBars(ctx: CanvasRenderingContext2D, theme: Theme, upright: boolean): void {
        const mode = textOf(this.options['showValue'], 'auto'), { px } = this;
        const opacity = clamp(numberOf(this.chart.groups[0]!.field.custom['fillOpacity'], 80), 0, 100) / 100;
        for (const bar of this.bars) {
            ctx.globalAlpha = opacity;
            ctx.fillStyle = this.fill(bar.group, bar.category, theme);
            ctx.fillRect(bar.x, bar.y, bar.w, bar.h);
            ctx.globalAlpha = 1;
            ctx.strokeStyle = theme.dim;
            ctx.lineWidth = 1;
            if (bar.w > 3 && bar.h > 3)
                ctx.strokeRect(bar.x + 0.5, bar.y + 0.5, bar.w - 1, bar.h - 1);
            const value = this.chart.groups[bar.group]!.values[bar.category]!;
            const label = say(value, this.chart.groups[bar.group]!.field), w = ctx.measureText(label).width;
            ctx.fillStyle = theme.text;
            if (mode === 'never' || this.stacking !== 'none')
                continue;
            if (upright && (mode === 'always' || w <= bar.w + px)) {
                ctx.textAlign = 'center';
                ctx.fillText(label, bar.x + bar.w / 2, value < 0 ? bar.y + bar.h + px * 0.7 : bar.y - px * 0.7);
            } else if (!upright && (mode === 'always' || bar.h > px * 0.9)) {
                ctx.textAlign = 'left';
                ctx.fillText(label, value < 0 ? Math.max(0, bar.x - w - px * 0.4) : bar.x + bar.w + px * 0.4, bar.y + bar.h / 2);
            }
        }
        ctx.textAlign = 'left';
    }

    /** What has no length is said where its bar would begin. */
    private paintUnbounded(ctx: CanvasRenderingContext2D, theme: Theme, at: (group: number, category: number) => readonly [number, number]): void {
        ctx.fillStyle = theme.dim;
        for (const [g, { values, field }] of this.chart.groups.entries())
            for (const [c, v] of values.entries())
                if (v !== null && !Number.isFinite(v) && this.chart.categories.length <= 100)
                    ctx.fillText(say(v, field), ...at(g, c));
    }

    protected override tipAt(x: number, y: number): Tip | null {
        const bar = this.bars.find((b) => x >= b.x && x <= b.x + b.w && y >= b.y - 4 && y <= b.y + b.h + 4);
        if (!bar)
            return null;
        const { groups, categories } = this.chart;
        return { title: categories[bar.category]!, rows: groups.map((g) => [g.name, say(g.values[bar.category] ?? null, g.field)]) };
    }

    protected override clicked(x: number, y: number): void {
        const bar = this.bars.find((b) => x >= b.x && x <= b.x + b.w && y >= b.y && y <= b.y + b.h);
        const link = bar && (this.chart.points?.[bar.category]?.field ?? this.chart.groups[bar.group]!.field).links[0];
        if (link)
            this.context.services.open(this.context.interpolate(link.url), link.newTab);
    }

    protected sentence(): string {
        const { categories, groups } = this.chart, first = groups[0]!;
        const order = categories.map((_, i) => i).filter((i) => first.values[i] !== null).sort((a, b) => first.values[b]! - first.values[a]!).slice(0, 3);
        return `bars of ${plural(categories.length, 'category', 'categories')}${groups.length > 1 ? ` and ${groups.length} series` : ''}; largest: ${order.map((i) => `${categories[i]} ${say(first.values[i]!, first.field)}`).join(', ')}.`;
    }

    table(): DataTable | null {
        const { categories, groups } = this.chart;
        return {
            columns: [{ name: 'Name', field: NO_FIELD }, ...groups.map((g) => ({ name: g.name, field: g.field }))],
            rows: categories.map((name, i) => [name, ...groups.map((g) => g.values[i] ?? null)]),
        };
    }
}

function colorOfField(field: FieldConfig, index: number, theme: Theme): string {
    return field.color.mode === 'fixed' ? resolveColor(field.color.fixed, theme, seriesStyle(index).color) : seriesStyle(index).color;
}

export const panel: PanelFactory = (host, context) => new BarChart(host, context);
