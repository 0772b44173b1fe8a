/* timeseries.ts - lines, bars and points over time, on uPlot. */
import uPlot from 'uplot';
import { alpha, resolveColor, seriesStyle, type Theme } from '../lib/color.ts';
import { axisTexts, dateTime, formatValue, timeOfDay, timeSteps } from '../lib/format.ts';
import { drawGlyph, statusOfColor } from '../lib/glyph.ts';
import { h } from '../lib/h.ts';
import { reduceValues } from '../model/calcs.ts';
import { display } from '../model/display.ts';
import { absoluteSteps } from '../model/field.ts';
import { at, bool, isObject, list, number, numberOr, string } from '../model/json.ts';
import { align, stack, type Aligned, type Column, type StackRule } from './align.ts';
import type { DataSeries, DataTable, Panel, PanelContext, PanelData, PanelFactory } from './base.ts';
import { follow, pointIn } from './data-links.ts';
import { describeSeries, seriesTable } from './describe.ts';
import { LegendView, type LegendMode } from './legend-view.ts';
import { linePath } from './line-path.ts';
import { TooltipView } from './tooltip-view.ts';
import { limits } from './values.ts';

const MAX_DRAWN = 200;
const FAMILY = 'system-ui, "DejaVu Sans", sans-serif';
const fontOf = (px: number): string => `${px}px ${FAMILY}`;
const END_LABELS = 5; /* as many series have their names at their ends instead of a legend */
const END_EMS = 11, END_MARK_EMS = 1.8; /* most of all, and of it before and behind the name */
/* Ticks of bytes lie on what is whole in KiB, MiB … */
const BINARY = /^(bytes|kbytes|mbytes|gbytes|bits|binBps|binbps)$/;
const POWERS = Array.from({ length: 60 }, (_, i) => 2 ** i);

function incrsOf(unit: string): { incrs?: number[] } {
    const steps = BINARY.test(unit) ? POWERS : timeSteps(unit);
    return steps ? { incrs: [...steps] } : {};
}

interface Style {
    color: string; /* goes with the newest value, where the dashboard wants that */
    readonly draw: 'line' | 'bars' | 'points';
    readonly scale: string;
    readonly right: boolean;
    readonly hidden: boolean;
    readonly rule: StackRule | null;
    readonly custom: DataSeries['field']['custom'];
}

/** By its newest value, where the dashboard wants that; '' : it does not. */
function colorByValue({ field, values, last }: DataSeries, theme: Theme): string {
    const { mode } = field.color;
    if (mode !== 'thresholds' && !mode.startsWith('continuous'))
        return '';
    const absolute = mode === 'thresholds' && field.thresholds.mode === 'absolute';
    return display(reduceValues(values, 'lastNotNull') ?? last, field, theme, absolute ? {} : limits(field, values)).color;
}

function colorOf(s: DataSeries, theme: Theme): string {
    const { mode, fixed } = s.field.color, own = seriesStyle(s.index).color;
    return mode === 'fixed' || mode === 'shades' ? resolveColor(fixed, theme, own) : colorByValue(s, theme) || own;
}

/** The first scale that may stand anywhere has the left, others the right: there is no telling apart two on one side. */
function placeAxes(styles: readonly Style[]): Style[] {
    const sides = new Map<string, boolean>();
    let taken = false;
    for (const { scale, right, custom: { axisPlacement: wanted } } of styles) {
        if (sides.has(scale))
            continue;
        sides.set(scale, right || (taken && wanted !== 'left' && wanted !== 'hidden'));
        taken ||= !sides.get(scale) && wanted !== 'hidden';
    }
    return styles.map((s) => ({ ...s, right: sides.get(s.scale)! }));
}

function styleOf(s: DataSeries, theme: Theme): Style {
    const { custom, unit } = s.field;
    const stacking = string(at(custom, 'stacking.mode'), 'none');
    const draw = string(custom['drawStyle']);
    const right = custom['axisPlacement'] === 'right';
    const log = number(at(custom, 'scaleDistribution.log')) ?? 10;
    const distribution = at(custom, 'scaleDistribution.type') === 'log' ? `log${log === 2 ? 2 : 10}` : '';
    const percent = stacking === 'percent';
    return {
        color: colorOf(s, theme),
        draw: draw === 'bars' || draw === 'points' ? draw : 'line',
        scale: `${right ? 'r' : 'l'}\n${percent ? 'percentunit' : unit}\n${distribution}`, right,
        hidden: bool(at(custom, 'hideFrom.viz')),
        rule: stacking === 'normal' || percent ? { group: `${string(at(custom, 'stacking.group'), 'A')}${right}`, percent, negative: custom['transform'] === 'negative-Y' }
            : custom['transform'] === 'negative-Y' ? { group: '', percent: false, negative: true } : null,
        custom,
    };
}

function pathsOf({ draw, custom, rule }: Style, dash: number[]): uPlot.Series.PathBuilder | undefined {
    const { linear, spline, stepped, bars } = uPlot.paths;
    if (draw === 'bars')
        return bars!({ size: [Math.max(0.05, numberOr(custom['barWidthFactor'], 0.7)), 80], align: (number(custom['barAlignment']) as -1 | 0 | 1 | null) ?? 0 });
    if (draw === 'points')
        return () => null;
    switch (custom['lineInterpolation']) {
    case 'smooth': return spline!();
    case 'stepBefore': return stepped!({ align: -1 });
    case 'stepAfter': return stepped!({ align: 1 });
    default: return linePath(linear!(), dash, !!rule?.group);
    }
}

/** Fades downwards. Made anew when the plot has another height, or the line another colour. */
function gradient(style: Style, opacity: number): uPlot.Series.Fill {
    let kept: CanvasGradient | null = null, key = '';
    return (u) => {
        const { top, height } = u.bbox, { color } = style;
        if (key !== `${top} ${height} ${color}` && Number.isFinite(top) && height > 0) {
            key = `${top} ${height} ${color}`;
            kept = u.ctx.createLinearGradient(0, top, 0, top + height);
            kept.addColorStop(0, alpha(color, opacity));
            kept.addColorStop(1, alpha(color, 0));
        }
        return kept ?? alpha(color, opacity);
    };
}

function dashOf(style: Style, s: DataSeries, many: boolean): number[] {
    const own = list(at(style.custom, 'lineStyle.dash')).map(Number).filter((n) => n > 0);
    if (own.length)
        return own;
    if (at(style.custom, 'lineStyle.fill') === 'dot')
        return [2, 4];
    const filled = numberOr(style.custom['fillOpacity'], 0) >= 20 || (style.rule !== null && style.rule.group !== '');
    return many && !filled ? [...seriesStyle(s.index).dash] : [];
}

const endName = (s: DataSeries): string => (s.stale ? `${s.name} (stale)` : s.name);

let ruler: CanvasRenderingContext2D | null = null;

function widthOf(words: string, px: number): number {
    ruler ??= h('canvas').getContext('2d')!;
    ruler.font = fontOf(px);
    return ruler.measureText(words).width;
}

const THICK = 1.5; /* px */
const BOLD_PX = 20; /* letters of that size are for a reader at a desk */
const DENSE = 2000; /* points of a panel */

class TimeSeries implements Panel {
    private readonly plot = h('div', { class: 'plot' });
    private readonly legend: LegendView;
    private readonly tip: TooltipView;
    private u: uPlot | null = null;
    private data: PanelData | null = null;
    /** Of letters: as the page has it, larger on a wall. */
    private px = 12;
    private builtFor = '';
    private ends = 0; /* px kept for names at the ends of lines */
    private width = 0;
    private height = 0;
    private aligned: Aligned = { times: [], raw: [], series: [] };
    private styles: Style[] = [];
    private readonly hidden = new Set<string>();
    private led = false; /* the crosshair is another panel's */
    private pressed = false;

    constructor(private readonly host: HTMLElement, private readonly context: PanelContext) {
        const { options } = context.model;
        const placement = string(at(options, 'legend.placement'), 'bottom');
        host.classList.add('timeseries', placement === 'right' ? 'legend-right' : 'legend-bottom');
        this.legend = new LegendView(this.legendMode(), list(at(options, 'legend.calcs')).map((c) => string(c)), (key, only) => this.toggle(key, only),
            { by: string(at(options, 'legend.sortBy')), desc: bool(at(options, 'legend.sortDesc')) });
        this.tip = new TooltipView(host);
        host.append(this.plot, this.legend.root);
        context.theme.on(() => {
            this.builtFor = '';
            context.invalidate();
        }, { signal: context.signal });
        context.crosshair.on((c) => this.follow(c && c.source !== this ? c.time : null, c?.source === this), { signal: context.signal });
    }

    private legendMode(): LegendMode {
        const { options } = this.context.model;
        const mode = string(at(options, 'legend.displayMode'), 'list');
        return at(options, 'legend.showLegend') === false || mode === 'hidden' ? 'hidden' : mode === 'table' ? 'table' : 'list';
    }

    update(data: PanelData): void {
        this.data = data;
    }

    resize(width: number, height: number): void {
        this.width = width;
        this.height = height;
    }

    draw(): void {
        const { data } = this;
        if (!data || this.width < 20 || this.height < 20 || (this.u && this.pressed))
            return;
        this.aligned = align(data.blocks);
        if (this.aligned.series.length > MAX_DRAWN)
            this.aligned = { times: this.aligned.times, raw: this.aligned.raw.slice(0, MAX_DRAWN), series: this.aligned.series.slice(0, MAX_DRAWN) };
        const { series } = this.aligned;
        const theme = this.context.theme.get();
        const shape = `${data.shape} ${series.map((s) => s.key).join()} ${[...this.hidden].join()}`;
        if (shape !== this.builtFor || !this.u || this.ends !== this.endRoom())
            this.build(shape);
        this.styles.forEach((s, i) => (s.color = colorOf(series[i]!, theme)));
        const { drawn } = stack(this.aligned.raw, this.styles.map((s, i) => (this.isHidden(i) ? null : s.rule)));
        this.legend.update(this.ends ? [] : series, this.styles.map((s) => s.color), this.hidden, this.aligned.raw);
        this.fit();
        const u = this.u!;
        this.thicken(u);
        u.batch(() => {
            u.setData([this.aligned.times, ...drawn] as uPlot.AlignedData, false);
            u.setScale('x', { min: data.from, max: data.to });
        });
    }

    /** On a wall lines are seen from as far as the letters. */
    private get bold(): number {
        return this.context.kiosk ? Math.max(1, this.px / BOLD_PX) : 1;
    }

    /* Many points need no thick line to be seen, and a line of one pixel costs half as much to draw. */
    private thicken(u: uPlot): void {
        const width = this.aligned.times.length * this.aligned.series.length > DENSE ? 1 : THICK;
        this.styles.forEach((s, i) => {
            if (s.draw !== 'points' && number(s.custom['lineWidth']) === null)
                u.series[i + 1]!.width = width * this.bold;
        });
    }

    private fit(): void {
        const right = this.host.classList.contains('legend-right');
        if (right)
            this.legend.narrow(this.width);
        const width = Math.max(20, this.width - (right ? this.legend.root.offsetWidth : 0));
        const height = Math.max(20, this.height - (right ? 0 : this.legend.root.offsetHeight));
        if (this.u && (this.u.width !== width || this.u.height !== height))
            this.u.setSize({ width, height });
    }

    private isHidden(i: number): boolean {
        return this.styles[i]!.hidden || this.hidden.has(this.aligned.series[i]!.key);
    }

    private toggle(key: string, only: boolean): void {
        const keys = this.aligned.series.map((s) => s.key);
        if (only) {
            const alone = keys.every((k) => (k === key) !== this.hidden.has(k));
            this.hidden.clear();
            if (!alone)
                keys.filter((k) => k !== key).forEach((k) => this.hidden.add(k));
        } else if (!this.hidden.delete(key)) {
            this.hidden.add(key);
        }
        this.context.invalidate();
    }

    /* ---- building ---- */

    /** What names at the ends of their lines need; 0: they stand in the legend. */
    private endRoom(): number {
        const { series } = this.aligned;
        const few = this.legendMode() === 'list' && !this.legend.calcs.length && series.length > 1 && series.length <= END_LABELS;
        if (!few || this.width < 35 * this.px || this.styles.some((s) => s.rule?.group || s.right))
            return 0;
        const room = Math.ceil(Math.max(...series.map((s) => widthOf(endName(s), this.px))) + END_MARK_EMS * this.px);
        return room <= END_EMS * this.px ? room : 0;
    }

    private build(shape: string): void {
        this.builtFor = shape;
        this.u?.destroy();
        this.px = parseFloat(getComputedStyle(this.plot).fontSize) || 12;
        const theme = this.context.theme.get();
        const { series } = this.aligned;
        this.styles = placeAxes(series.map((s) => styleOf(s, theme)));
        this.ends = this.endRoom();
        const { drawn, below } = stack(this.aligned.raw, this.styles.map((s, i) => (this.isHidden(i) ? null : s.rule)));
        const scales = [...new Set(this.styles.map((s) => s.scale))];
        const options: uPlot.Options = {
            width: Math.max(20, this.width), height: Math.max(20, this.height), ms: 1, legend: { show: false }, pxAlign: 1,
            padding: [0.7 * this.px, this.ends || 2.5 * this.px, 0, 4],
            focus: { alpha: 0.3 },
            cursor: this.cursor(),
            scales: { x: { time: true, auto: false }, ...Object.fromEntries(scales.map((key) => [key, this.scale(key)])) },
            axes: [this.xAxis(theme), ...scales.map((key, i) => this.yAxis(key, i, theme))],
            series: [{}, ...series.map((s, i) => this.series(s, i))],
            bands: below.flatMap((lower, i) => (lower >= 0 && this.styles[i]!.draw === 'line' ? [{ series: [i + 1, lower + 1] as [number, number] }] : [])),
            hooks: { drawClear: [(u) => this.drawAreas(u)], draw: [(u) => this.drawOver(u)], setCursor: [(u) => this.hover(u)], setSelect: [(u) => this.zoom(u)] },
        };
        this.u = new uPlot(options, [this.aligned.times, ...drawn] as uPlot.AlignedData, this.plot);
        this.u.over.addEventListener('mouseleave', () => this.leave());
        this.plot.addEventListener('mousemove', () => (this.led = false), { capture: true });
        this.u.over.addEventListener('click', () => this.click());
        this.u.over.addEventListener('mousedown', (e) => e.button || this.press());
    }

    private cursor(): uPlot.Cursor {
        return {
            show: !this.context.kiosk, y: false, drag: { x: !!this.context.services.zoom, y: false, setScale: false, dist: 8 },
            points: { size: 6 }, focus: { prox: at(this.context.model.options, 'tooltip.mode') === 'single' ? 30 : -1 },
        };
    }

    private series(s: DataSeries, i: number): uPlot.Series {
        const style = this.styles[i]!;
        const { custom, draw } = style, color = () => style.color;
        const opacity = Math.min(1, Math.max(0, numberOr(custom['fillOpacity'], draw === 'bars' ? 60 : 0) / 100));
        const mode = custom['gradientMode'];
        const fill = opacity === 0 ? undefined : mode === 'opacity' || mode === 'hue' || mode === 'scheme' ? gradient(style, opacity) : () => alpha(style.color, opacity);
        const showPoints = draw === 'points' || custom['showPoints'] === 'always';
        const dash = dashOf(style, s, this.aligned.series.length > 1).map((part) => part * this.bold);
        const lone = custom['showPoints'] !== 'never'; /* a point between two gaps would be nothing else */
        return {
            label: s.name, scale: style.scale, show: !this.isHidden(i), stroke: color, fill, width: draw === 'points' ? 0 : numberOr(custom['lineWidth'], THICK) * this.bold,
            dash, paths: pathsOf(style, dash), spanGaps: custom['spanNulls'] === true,
            points: { show: showPoints, size: numberOr(custom['pointSize'], 5), fill: color, stroke: color, ...(showPoints ? {} : { filter: lone ? lonelyPoints : () => null }) },
        };
    }

    private scale(key: string): uPlot.Scale {
        const [, unit, distribution] = key.split('\n') as [string, string, string];
        const mine = () => this.aligned.series.filter((_, i) => this.styles[i]!.scale === key);
        const limits = () => {
            const fields = mine().map((s) => s.field);
            const pick = (name: 'min' | 'max') => fields.map((f) => f[name]).find((v) => v !== null) ?? null;
            const soft = (name: string) => fields.map((f) => number(f.custom[name])).find((v) => v !== null) ?? null;
            return { min: pick('min'), max: pick('max'), softMin: soft('axisSoftMin'), softMax: soft('axisSoftMax'), centered: fields.some((f) => f.custom['axisCenteredZero'] === true) };
        };
        if (distribution)
            return { distr: 3, log: distribution === 'log2' ? 2 : 10, range: (_, lo, hi) => (lo > 0 && hi > 0 ? uPlot.rangeLog(lo, hi === lo ? lo * 10 : hi, distribution === 'log2' ? 2 : 10, true) : [0.1, 10]) };
        const percent = unit === 'percentunit' && this.styles.some((s) => s.scale === key && s.rule?.percent);
        return {
            range: (_, lo, hi) => {
                const l = limits();
                let min = lo ?? 0, max = hi ?? (percent ? 1 : 1);
                /* Filled areas and bars stand on the axis. */
                if (this.styles.some((s, i) => s.scale === key && !this.isHidden(i) && (s.draw === 'bars' || s.rule?.group || numberOr(s.custom['fillOpacity'], 0) > 0)))
                    [min, max] = [Math.min(0, min), Math.max(0, max)];
                min = Math.min(min, l.softMin ?? min);
                max = Math.max(max, l.softMax ?? max);
                if (l.centered)
                    [min, max] = [-1, 1].map((sign) => sign * Math.max(Math.abs(min), Math.abs(max))) as [number, number];
                if (min === max)
                    [min, max] = min === 0 ? [0, 1] : min > 0 ? [0, 2 * max] : [2 * min, 0];
                const [a, b] = uPlot.rangeNum(min, max, { min: { pad: 0.05, soft: 0, mode: 1 }, max: { pad: 0.08, soft: 0, mode: 2 } });
                return [l.min ?? a, percent ? Math.max(1, l.max ?? 1) : (l.max ?? b)] as uPlot.Range.MinMax;
            },
        };
    }

    private xAxis(theme: Theme): uPlot.Axis {
        const gap = Math.max(4, 0.8 * this.px - 5.6); /* large letters of both axes meet in the corner */
        return { ...axis(theme, this.px), gap, incrs: TIME_STEPS, space: (_, __, min, max) => ((max - min) / this.width > 700 ? 4.2 : 5.8) * this.px, size: 10 + gap + this.px, values: (_, splits, __, space) => timeLabels(splits, this.width / Math.max(1, space)) };
    }

    private yAxis(key: string, i: number, theme: Theme): uPlot.Axis {
        const owner = () => this.aligned.series[this.styles.findIndex((s) => s.scale === key)];
        const style = this.styles.find((s) => s.scale === key)!;
        const unit = key.split('\n')[1]!;
        const label = string(style.custom['axisLabel']);
        return {
            ...axis(theme, this.px), scale: key, ...incrsOf(unit), side: style.right ? 1 : 3, show: style.custom['axisPlacement'] !== 'hidden', grid: { ...axis(theme, this.px).grid, show: i === 0 }, space: 22 + this.px,
            ...(label ? { label, labelSize: 6 + this.px, labelFont: fontOf(this.px), labelGap: 0 } : {}),
            size: (u, values) => {
                u.ctx.save();
                u.ctx.font = fontOf(this.px * devicePixelRatio);
                const width = Math.max(0, ...(values ?? []).map((v) => u.ctx.measureText(v ?? '').width));
                u.ctx.restore();
                return Math.ceil(Math.max(34, width / devicePixelRatio + 14));
            },
            values: (_, splits) => axisTexts(splits, unit, owner()?.field.decimals ?? null),
        };
    }

    /* ---- over and under the lines ---- */

    private thresholdStyle(): { lines: boolean; areas: boolean; dashed: boolean } {
        const mode = string(at(this.context.model.defaults.custom, 'thresholdsStyle.mode'), 'off');
        return { lines: /line|dashed/.test(mode), areas: /area/.test(mode), dashed: true };
    }

    private steps(u: uPlot): { from: number; to: number; color: string; name: string }[] {
        const first = this.styles[0];
        const s = this.aligned.series[0];
        const scale = first && u.scales[first.scale];
        if (!s || !scale || scale.min === undefined || scale.max === undefined)
            return [];
        const theme = this.context.theme.get();
        const steps = absoluteSteps(s.field, s.field.min ?? scale.min!, s.field.max ?? scale.max!);
        return steps.map((step, i) => ({ from: step.value, to: steps[i + 1]?.value ?? Infinity, color: resolveColor(step.color, theme, theme.dim), name: step.color }));
    }

    private drawAreas(u: uPlot): void {
        if (!this.thresholdStyle().areas)
            return;
        const { left, width, top, height } = u.bbox;
        for (const step of this.steps(u).slice(1)) {
            const y = (v: number) => Math.min(top + height, Math.max(top, u.valToPos(v, this.styles[0]!.scale, true)));
            const upper = step.to === Infinity ? top : y(step.to), lower = y(step.from);
            u.ctx.fillStyle = alpha(step.color, 0.13);
            u.ctx.fillRect(left, upper, width, lower - upper);
        }
    }

    private drawOver(u: uPlot): void {
        const { ctx } = u;
        const { left, width, top, height } = u.bbox;
        const theme = this.context.theme.get(), ratio = devicePixelRatio;
        ctx.save();
        if (this.thresholdStyle().lines)
            for (const step of this.steps(u).slice(1)) {
                const y = Math.round(u.valToPos(step.from, this.styles[0]!.scale, true));
                if (y < top || y > top + height)
                    continue;
                ctx.strokeStyle = step.color;
                ctx.lineWidth = 1.5 * ratio;
                ctx.setLineDash([6 * ratio, 4 * ratio]);
                ctx.beginPath();
                ctx.moveTo(left, y);
                ctx.lineTo(left + width, y);
                ctx.stroke();
                const status = statusOfColor(step.name);
                if (status)
                    drawGlyph(ctx, status, left + 8 * ratio, y, 12 * ratio, step.color, theme.panel);
            }
        ctx.restore();
        if (this.ends)
            this.drawEnds(u, theme, ratio);
    }

    /** Names where the lines end, moved apart. */
    private drawEnds(u: uPlot, theme: Theme, ratio: number): void {
        const { ctx } = u;
        const line = 1.2 * this.px * ratio;
        const ends = this.aligned.series.map((s, i) => {
            const column = u.data[i + 1] as Column;
            const last = column.findLastIndex((v) => v !== null && v !== undefined);
            return { s, i, y: last < 0 ? NaN : u.valToPos(column[last]!, this.styles[i]!.scale, true) };
        }).filter((e) => !this.isHidden(e.i) && Number.isFinite(e.y)).sort((a, b) => a.y - b.y);
        const { top, height, left, width } = u.bbox;
        ends.forEach((e, k) => (e.y = Math.max(e.y, k ? ends[k - 1]!.y + line : top + line / 2)));
        for (let k = ends.length - 1, limit = top + height; k >= 0; k--, limit -= line)
            ends[k]!.y = Math.min(ends[k]!.y, limit);
        ctx.save();
        ctx.font = fontOf(this.px * ratio);
        ctx.textBaseline = 'middle';
        ctx.textAlign = 'left';
        for (const { s, i, y } of ends) {
            ctx.fillStyle = this.styles[i]!.color;
            ctx.fillRect(left + width + 0.4 * this.px * ratio, y - 1.5 * ratio, 0.7 * this.px * ratio, 3 * ratio);
            ctx.fillStyle = s.stale ? theme.stale : theme.text;
            ctx.fillText(endName(s), left + width + 1.4 * this.px * ratio, y);
        }
        ctx.restore();
    }

    /* ---- hand ---- */

    /** It stands still under a hand that marks a time. */
    private press(): void {
        const held = new AbortController(), { signal } = held;
        const end = () => {
            held.abort();
            this.pressed = false;
            this.context.invalidate();
        };
        this.pressed = true;
        this.context.signal.addEventListener('abort', () => held.abort(), { signal });
        document.addEventListener('mouseup', end, { signal });
        /* Menus and other windows keep the end to themselves. */
        window.addEventListener('blur', end, { signal });
        document.addEventListener('mousemove', (e) => e.buttons || end(), { signal });
    }

    private hover(u: uPlot): void {
        const { left, idx } = u.cursor;
        if (left === undefined || left < 0 || idx === null || idx === undefined) {
            this.tip.hide();
            return;
        }
        const time = this.aligned.times[idx] ?? null;
        if (!this.led && time !== null)
            this.context.crosshair.set({ time: u.posToVal(left, 'x'), source: this });
        if (this.led || at(this.context.model.options, 'tooltip.mode') === 'none' || time === null)
            return;
        const rows = this.rowsAt(u, idx);
        if (!rows.length)
            return this.tip.hide();
        this.tip.show({ title: new Date(time).toDateString() === new Date().toDateString() ? timeOfDay(time) : dateTime(time), rows, x: left + u.over.offsetLeft, y: (u.cursor.top ?? 0) + u.over.offsetTop });
    }

    private rowsAt(u: uPlot, idx: number): { name: string; value: string; color: string; strong: boolean }[] {
        const single = at(this.context.model.options, 'tooltip.mode') === 'single';
        const sort = string(at(this.context.model.options, 'tooltip.sort'), 'none');
        const rows = this.aligned.series.map((s, i) => ({ s, i, v: nearest(this.aligned.raw[i]!, idx), y: nearest(u.data[i + 1] as Column, idx) })).filter((r) => !this.isHidden(r.i) && r.v !== null);
        const top = u.cursor.top ?? 0;
        const close = rows.length ? rows.reduce((a, b) => (distance(u, this.styles, b, top) < distance(u, this.styles, a, top) ? b : a)) : null;
        if (sort !== 'none' || rows.length > 8)
            rows.sort((a, b) => (sort === 'asc' ? 1 : -1) * (a.v! - b.v!));
        return (single ? rows.filter((r) => r === close) : rows).map((r) => ({
            name: r.s.name, value: formatValue(r.v, r.s.field.unit, r.s.field.decimals), color: this.styles[r.i]!.color, strong: r === close && !single,
        }));
    }

    /** The line next to the pointer, and its links. */
    private click(): void {
        const { u } = this;
        const idx = u?.cursor.idx;
        if (!u || idx === null || idx === undefined)
            return;
        const { left = 0, top = 0 } = u.cursor;
        const rows = this.aligned.series.map((s, i) => ({ s, i, v: nearest(this.aligned.raw[i]!, idx), y: nearest(u.data[i + 1] as Column, idx) })).filter((r) => !this.isHidden(r.i) && r.v !== null && r.s.field.links.length);
        if (!rows.length)
            return;
        const { s, v } = rows.reduce((a, b) => (distance(u, this.styles, b, top) < distance(u, this.styles, a, top) ? b : a));
        follow({ name: s.name, field: s.field, labels: s.labels, value: v, text: formatValue(v, s.field.unit, s.field.decimals), time: this.aligned.times[idx] ?? 0 }, this.context, pointIn(u.over, left, top));
    }

    private leave(): void {
        this.tip.hide();
        if (this.context.crosshair.get()?.source === this)
            this.context.crosshair.set(null);
    }

    /** Another panel's crosshair. */
    private follow(time: number | null, own: boolean): void {
        const { u } = this;
        if (!u || own)
            return;
        this.led = true; /* uPlot tells of the cursor later */
        const inside = time !== null && time >= (u.scales['x']!.min ?? 0) && time <= (u.scales['x']!.max ?? 0);
        u.setCursor(inside ? { left: u.valToPos(time, 'x'), top: 0 } : { left: -10, top: -10 }, true);
    }

    private zoom(u: uPlot): void {
        const { left, width } = u.select;
        if (width > 8)
            this.context.services.zoom?.(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
        u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    }

    describe(): string {
        return describeSeries(this.context, this.data);
    }

    table(): DataTable | null {
        return seriesTable(this.data);
    }

    destroy(): void {
        this.u?.destroy();
        this.u = null;
        this.tip.destroy();
    }
}

/* ---- axes ---- */

/* ms: what people count in. uPlot has no two minutes, no ten. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000].map((s) => s * 1000);

function axis(theme: Theme, px: number): uPlot.Axis {
    const line = { stroke: alpha(theme.line, 0.7), width: 1 };
    return { stroke: theme.dim, font: fontOf(px), grid: line, ticks: { ...line, size: 4 }, gap: 4 };
}

function timeLabels(splits: number[], _: number): string[] {
    const step = splits.length > 1 ? splits[1]! - splits[0]! : 6e4;
    const span = (splits.at(-1) ?? 0) - (splits[0] ?? 0);
    return splits.map((t) => {
        const d = new Date(t);
        if (step >= 864e5 || (span > 864e5 && d.getHours() === 0 && d.getMinutes() === 0))
            return `${String(d.getMonth() + 1).padStart(2, '0')}-${String(d.getDate()).padStart(2, '0')}`;
        return timeOfDay(t, step < 6e4);
    });
}

/* ---- points that no line reaches ---- */

function lonelyPoints(u: uPlot, si: number): number[] | null {
    const column = u.data[si] as Column;
    const found: number[] = [];
    for (let i = 0, run = 0, last = 0; i <= column.length; i++) {
        const v = i < column.length ? column[i] : null;
        if (v === undefined)
            continue; /* a moment of another query breaks nothing */
        if (v !== null) {
            run++;
            last = i;
            continue;
        }
        if (run === 1)
            found.push(last);
        run = 0;
    }
    return found.length ? found : null;
}

function nearest(c: Column, idx: number): number | null {
    for (let i = idx; i >= 0 && idx - i < 5; i--)
        if (c[i] !== undefined)
            return c[i] ?? null;
    return null;
}

function distance(u: uPlot, styles: readonly Style[], row: { i: number; y: number | null }, top: number): number {
    return row.y === null ? Infinity : Math.abs(u.valToPos(row.y, styles[row.i]!.scale) - top);
}

export const panel: PanelFactory = (host, context) => {
    if (!isObject(context.model.options))
        throw new Error('the panel has no options');
    return new TimeSeries(host, context);
};
