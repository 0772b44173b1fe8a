/* stat.ts - big numbers, each with its state, its unit and the way it took. */
import { alpha, inkOn, type Theme } from '../lib/color.ts';
import { age } from '../lib/format.ts';
import { glyph, WORD } from '../lib/glyph.ts';
import { h, text } from '../lib/h.ts';
import { chosenCalc, reduceValues } from '../model/calcs.ts';
import { string } from '../model/json.ts';
import type { DataSeries, PanelData, PanelFactory } from './base.ts';
import { NumberPanel } from './number-panel.ts';
import { orientationOf, shownValues, tiles, type Shown } from './values.ts';

const ABOVE_EMS = 0.35; /* names do not touch the edge of what is filled */
const clear = (room: number, wanted: number): number => Math.floor(Math.max(0, Math.min(wanted, room)));
const LATE_START = 0.05; /* of the time shown */

class Tile {
    readonly root = h('div', { class: 'stat-tile' });
    private readonly canvas = h('canvas', { class: 'spark', 'aria-hidden': 'true' });
    private readonly name = h('div', { class: 'stat-name' });
    private readonly value = h('div', { class: 'stat-value' });
    private readonly prefix = h('span', { class: 'unit' });
    private readonly number = h('span', { class: 'number' });
    private readonly unit = h('span', { class: 'unit' });
    private readonly change = h('span', { class: 'stat-change' });
    private readonly state = h('span', { class: 'stat-state' });
    private shownStatus = '';

    constructor() {
        this.value.append(this.state, this.prefix, this.number, this.unit);
        this.root.append(this.canvas, this.name, this.value, this.change);
    }

    draw(s: Shown, o: Options, { width, height, small, size }: Room, theme: Theme, now: number): void {
        const { display: d } = s;
        const status = s.stale ? 'stale' : d.status;
        const key = `${status} ${theme.name}`;
        if (key !== this.shownStatus) {
            this.shownStatus = key;
            this.state.replaceChildren(...(status ? [glyph(status, WORD[status])] : []));
        }
        this.root.dataset['status'] = status ?? '';
        text(this.name, o.names ? (s.stale ? `${s.name} · ${age(now - s.lastTime)} old` : s.name) : '');
        text(this.prefix, o.values ? d.prefix : '');
        text(this.number, o.values ? d.text : s.name);
        text(this.unit, o.values ? d.suffix : '');
        const change = changeIn(s, o, height, small);
        text(this.change, change);
        const rest = restOf(o, change, height, small);
        this.value.style.fontSize = `${Math.floor(size)}px`;
        const color = s.stale || !d.color ? theme.text : d.color;
        /* Only what is critical takes the whole ground: an edge says the rest. */
        const ground = o.color.startsWith('background') && !!d.color && !s.stale && d.color.startsWith('#');
        const filled = ground && (!status || status === 'critical');
        this.root.classList.toggle('quiet', ground && !filled);
        this.root.style.backgroundColor = filled ? d.color : '';
        const ink = filled ? inkOn(d.color) : '';
        const crisis = status === 'critical' ? inkOn(theme.status.critical) : ''; /* its ground is filled by the style */
        this.root.style.color = ink;
        this.number.style.color = this.unit.style.color = filled ? ink : s.stale ? theme.stale : o.color === 'value' ? color : theme.text;
        this.root.style.setProperty('--mark', filled ? ink : color);
        const above = o.names ? clear(height - 1.5 * small - 1.2 * size, ABOVE_EMS * small) : 0; /* where there is room to spare */
        this.root.style.paddingTop = above ? `${above}px` : '';
        this.canvas.hidden = !o.graph || !s.series || height < 48;
        this.root.style.paddingBottom = this.canvas.hidden ? '' : `${Math.round(Math.max(0, Math.min(0.32 * height, rest - 1.15 * size)))}px`; /* digits stand above the line */
        if (!this.canvas.hidden)
            spark(this.canvas, s.series!, ink || crisis || (s.stale ? theme.stale : o.color === 'none' ? theme.dim : color), width, Math.round(height * (o.names ? 0.36 : 0.4)));
    }
}

interface Room {
    readonly width: number;
    readonly height: number;
    /** Of names, pixels. */
    readonly small: number;
    readonly family: string;
    /** Of the numbers, pixels. */
    readonly size: number;
}

const changeIn = (s: Shown, o: Options, height: number, small: number): string => (o.change && s.series && !s.stale && height > 5.5 * small ? changeOf(s.series, o.data) : '');
/** What names and changes leave of the height. */
const restOf = (o: Options, change: string, height: number, small: number): number => height - (o.names ? (1.5 + ABOVE_EMS) * small : 0) - (change ? 1.4 * small : 0);

/** Letters of the number that fit into a tile. */
function sizeOf(s: Shown, o: Options, { width, height, small, family }: Omit<Room, 'size'>): number {
    const { display: d } = s;
    const rest = restOf(o, changeIn(s, o, height, small), height, small);
    const ems = o.values ? widthOf(d.prefix, family) * 0.6 + widthOf(d.text, family) + (d.suffix ? 0.12 + widthOf(d.suffix, family) * 0.6 : 0) : widthOf(s.name, family);
    const status = s.stale ? 'stale' : d.status;
    return o.fixedSize || Math.max(small, Math.min(96 * (small / 12), rest * (o.graph && height > 90 ? 0.6 : 0.7), (width - 20) / (ems + (status ? 0.9 : 0))));
}

let ruler: CanvasRenderingContext2D | null = null;
const widths = new Map<string, number>();

/** In ems of the letters of a value. Digits are as wide as each other, so there are few different ones. */
function widthOf(words: string, family: string): number {
    const key = `${family}\n${words.replace(/\d/g, '0')}`;
    let known = widths.get(key);
    if (known === undefined) {
        ruler ??= h('canvas').getContext('2d')!;
        ruler.font = `600 100px ${family}`;
        if (widths.size > 500)
            widths.clear();
        widths.set(key, known = ruler.measureText(key.slice(family.length + 1)).width / 100);
    }
    return known;
}

/** From the start of what is shown; a part of that time would tell of our own start. */
function changeOf(s: DataSeries, { blocks, from, to }: PanelData): string {
    const times = blocks.find((b) => b.series.includes(s))?.times ?? [];
    const first = times[s.values.findIndex((v) => !Number.isNaN(v))] ?? Infinity;
    if (first - from > LATE_START * (to - from))
        return '';
    const part = reduceValues(s.values, 'diffperc');
    return part === null || !Number.isFinite(part) ? '' : `${part >= 0 ? '▲' : '▼'} ${Math.abs(100 * part).toFixed(Math.abs(part) < 0.1 ? 1 : 0)}%`;
}

/** The least and the greatest of neighbours, in their order, so that there are at most `most`: a pixel shows no more. */
function thinned(values: Float64Array, most: number): ArrayLike<number> {
    if (values.length <= most)
        return values;
    const per = Math.ceil(values.length / Math.max(1, most >> 1));
    const out: number[] = [];
    for (let start = 0; start < values.length; start += per) {
        let low = NaN, high = NaN, lowAt = 0, highAt = 0;
        for (let i = start; i < Math.min(start + per, values.length); i++) {
            const v = values[i]!;
            if (!Number.isFinite(v))
                continue;
            if (!(v >= low)) {
                low = v;
                lowAt = i;
            }
            if (!(v <= high)) {
                high = v;
                highAt = i;
            }
        }
        out.push(...(lowAt < highAt ? [low, high] : [high, low]));
    }
    return out;
}

/** The way of a value, without axes: gaps stay gaps. */
export function spark(canvas: HTMLCanvasElement, s: DataSeries, color: string, width: number, height: number): void {
    const ratio = globalThis.devicePixelRatio || 1;
    const w = Math.max(1, Math.round(width * ratio)), hgt = Math.max(1, Math.round(height * ratio));
    if (canvas.width !== w || canvas.height !== hgt) {
        canvas.width = w;
        canvas.height = hgt;
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
    }
    const c = canvas.getContext('2d')!;
    c.clearRect(0, 0, w, hgt);
    const values = thinned(s.values, 2 * w);
    let low = Infinity, high = -Infinity;
    for (let i = 0; i < values.length; i++)
        if (Number.isFinite(values[i])) {
            low = Math.min(low, values[i]!);
            high = Math.max(high, values[i]!);
        }
    if (!(low <= high) || values.length < 2)
        return;
    /* What hardly moves is a calm line: noise is not blown up to the height of the tile. */
    const natural = s.field.unit === 'percent' ? 10 : s.field.unit === 'percentunit' ? 0.1 : 0;
    const span = Math.max(high - low, natural, 0.02 * Math.max(Math.abs(high), Math.abs(low)));
    if (span > high - low && high > low) {
        low = Math.max(low >= 0 ? 0 : -Infinity, (low + high - span) / 2);
        high = low + span;
    }
    const pad = 2 * ratio;
    const x = (i: number) => (i / (values.length - 1)) * w;
    const y = (v: number) => (high === low ? hgt / 2 : hgt - pad - ((v - low) / (high - low)) * (hgt - 2 * pad));
    c.strokeStyle = color;
    c.fillStyle = alpha(color, 0.16);
    c.lineWidth = (values.length > w ? 1 : 1.5) * ratio;
    c.lineJoin = 'round';
    for (let i = 0; i < values.length; i++) {
        if (!Number.isFinite(values[i]!))
            continue;
        const start = i;
        const line = new Path2D();
        line.moveTo(x(i), y(values[i]!));
        while (i + 1 < values.length && Number.isFinite(values[i + 1]!))
            line.lineTo(x(++i), y(values[i]!));
        const area = new Path2D(line);
        area.lineTo(x(i), hgt);
        area.lineTo(x(start), hgt);
        c.fill(area);
        c.stroke(line);
    }
}

interface Options {
    readonly graph: boolean;
    readonly color: string;
    names: boolean;
    readonly values: boolean;
    readonly change: boolean;
    readonly data: PanelData;
    readonly fixedSize: number;
}

class Stat extends NumberPanel<Tile> {
    private options(n: number, data: PanelData): Options {
        const { options } = this.context.model;
        const mode = string(options['textMode'], 'auto');
        return {
            graph: string(options['graphMode'], 'area') === 'area', color: string(options['colorMode'], 'value'),
            names: mode === 'name' ? false : mode === 'value_and_name' || (mode === 'auto' && n > 1), values: mode !== 'name' && mode !== 'none',
            change: options['showPercentChange'] === true, data, fixedSize: Number((options['text'] as { valueSize?: number } | undefined)?.valueSize) || 0,
        };
    }

    protected show(data: PanelData, theme: Theme): void {
        const now = data.live ? Date.now() : data.to;
        const all = shownValues(data, this.context.model, theme, now);
        const { columns, rows } = tiles(Math.max(1, all.length), this.width, this.height, orientationOf(this.context.model));
        this.host.style.setProperty('--columns', String(columns));
        const options = this.options(all.length, data);
        const gap = 4;
        const { fontSize, fontFamily } = getComputedStyle(this.host);
        const room = { width: (this.width - gap * (columns - 1)) / columns, height: (this.height - gap * (rows - 1)) / rows, small: parseFloat(fontSize) || 12, family: fontFamily };
        /* Numbers side by side are of one size: else the shortest would look like the largest. */
        const size = Math.min(...all.map((s) => sizeOf(s, options, room)));
        this.each(all, (tile, s) => tile.draw(s, options, { ...room, size }, theme, now));
    }
}

export const panel: PanelFactory = (host, context) => {
    chosenCalc(context.model.options);
    return new Stat(host, context, 'stat', () => new Tile());
};
