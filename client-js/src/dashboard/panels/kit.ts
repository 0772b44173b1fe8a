/* kit.ts - what panels drawn on a canvas share: the surface, text that fits, axes, patterns, tooltip, and the reason why nothing
 * is to be seen. */
import { inkOn, resolveColor, seriesStyle, type Status, type Theme } from '../lib/color.ts';
import { timeOfDay } from '../lib/format.ts';
import { h, text } from '../lib/h.ts';
import { object, string } from '../model/json.ts';
import type { DataBlock, DataSeries, DataTable, Panel, PanelContext, PanelData } from './base.ts';

export interface Tip {
    readonly title: string;
    readonly rows: readonly (readonly [name: string, value: string])[];
}

const DESCRIBE_MS = 30_000;
const NO_DATA = 'No data';

/* ---- options of a panel ---- */

export { plural } from '../lib/format.ts';
export { list as listOf, numberOr as numberOf, object as objectOf, string as textOf } from '../model/json.ts';
export const clamp = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);

/* ---- scales ---- */

/** Round numbers between min and max, about `count` of them, at least `least` from each other; `steps`: what is round here. */
export function ticks(min: number, max: number, count: number, least = 0, steps: readonly number[] | null = null): number[] {
    if (!(max > min) || !Number.isFinite(max - min) || count < 1)
        return [];
    const raw = (max - min) / count;
    const size = 10 ** Math.floor(Math.log10(raw));
    const step = Math.max(least, (steps ?? [1, 2, 2.5, 5, 10].map((n) => n * size)).find((s) => s >= raw * 0.999) ?? 10 * size);
    const out: number[] = [];
    for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9 && out.length < 100; i++)
        out.push(Number((i * step).toPrecision(12)));
    return out;
}

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000].map((s) => s * 1000);

/** Moments to write on a time axis with room for about `count` of them. */
export function timeTicks(from: number, to: number, count: number): number[] {
    const step = TIME_STEPS.find((s) => (to - from) / s <= Math.max(1, count));
    if (!(to > from) || !step)
        return [];
    const zone = step >= 3_600_000 ? new Date(from).getTimezoneOffset() * 60_000 : 0; /* days begin at local midnight */
    const out: number[] = [];
    for (let t = Math.ceil((from - zone) / step) * step + zone; t <= to; t += step)
        out.push(t);
    return out;
}

/** Time of day, the date where a day is the step. */
function timeText(ms: number, span: number): string {
    if (span < 172_800_000)
        return timeOfDay(ms, span < 600_000);
    const d = new Date(ms);
    return `${d.getMonth() + 1}/${d.getDate()}${span < 864_000_000 ? ` ${timeOfDay(ms, false)}` : ''}`;
}

/** Sum of what can be counted. */
export const total = (values: Iterable<number>): number => {
    let sum = 0;
    for (const v of values)
        sum += Number.isFinite(v) ? v : 0;
    return sum;
};

/** Index of the last element not above v in an ascending array; -1: all are. */
export function floorIndex(sorted: ArrayLike<number>, v: number): number {
    let low = 0, high = sorted.length;
    while (low < high) {
        const mid = (low + high) >> 1;
        if (sorted[mid]! <= v)
            low = mid + 1;
        else
            high = mid;
    }
    return low - 1;
}

/* ---- colours and patterns ---- */

/** Of a series: as its field says, else by its place. */
export function colorOf(series: Pick<DataSeries, 'field' | 'index'>, theme: Theme): string {
    const own = seriesStyle(series.index).color;
    return series.field.color.mode === 'fixed' ? resolveColor(series.field.color.fixed, theme, own) : own;
}

type Texture = 'none' | 'stripes' | 'dots' | 'cross' | 'back' | 'bars';
/** Beside the colours of seriesStyle, so that colour is not the only difference. */
const TEXTURES: readonly Texture[] = ['none', 'stripes', 'dots', 'cross', 'back', 'bars'];
const OF_STATUS: Readonly<Record<Status, Texture>> = {
    ok: 'none', info: 'dots', warning: 'stripes', critical: 'cross', maintenance: 'bars', stale: 'stripes', acknowledged: 'none',
};

const patterns = new Map<string, CanvasPattern>();
const TILE = 8;

function strokeTexture(c: CanvasRenderingContext2D, texture: Texture): void {
    const lines: Record<Texture, readonly (readonly number[])[]> = {
        none: [], dots: [], bars: [[2, 0, 2, 8]],
        stripes: [[-1, 9, 9, -1], [-5, 5, 5, -5], [3, 13, 13, 3]], back: [[-1, -1, 9, 9], [-5, 3, 5, 13], [3, -5, 13, 5]],
        cross: [[-1, 9, 9, -1], [-1, -1, 9, 9]],
    };
    c.beginPath();
    for (const [x1, y1, x2, y2] of lines[texture]) {
        c.moveTo(x1!, y1!);
        c.lineTo(x2!, y2!);
    }
    c.stroke();
    if (texture === 'dots')
        for (const [x, y] of [[2, 2], [6, 6]] as const)
            c.fillRect(x - 0.8, y - 0.8, 1.6, 1.6);
}

/** A fill of this colour with a texture over it. Kept: a dashboard has few. */
export function fillOf(ctx: CanvasRenderingContext2D, color: string, which: number | Status, scale: number): string | CanvasPattern {
    const texture = typeof which === 'number' ? TEXTURES[which % TEXTURES.length]! : OF_STATUS[which];
    if (texture === 'none')
        return color;
    const key = `${texture} ${color} ${scale}`;
    let pattern = patterns.get(key);
    if (!pattern) {
        const size = Math.round(TILE * scale);
        const tile = h('canvas', { width: size, height: size });
        const c = tile.getContext('2d')!;
        c.scale(size / TILE, size / TILE);
        c.fillStyle = color;
        c.fillRect(0, 0, TILE, TILE);
        c.strokeStyle = c.fillStyle = color.startsWith('#') ? inkOn(color) : '#000000';
        c.globalAlpha = 0.45;
        c.lineWidth = 1.2;
        strokeTexture(c, texture);
        pattern = ctx.createPattern(tile, 'repeat')!;
        pattern.setTransform(new DOMMatrix().scale(1 / scale));
        if (patterns.size > 200) /* colours of a gradient */
            patterns.clear();
        patterns.set(key, pattern);
    }
    return pattern;
}

/* ---- text ---- */

/** Cut with "…" to fit; empty when not even one letter does. */
export function fit(ctx: CanvasRenderingContext2D, words: string, width: number): string {
    if (ctx.measureText(words).width <= width)
        return words;
    let low = 0, high = words.length;
    while (low < high) {
        const mid = (low + high + 1) >> 1;
        if (ctx.measureText(`${words.slice(0, mid)}…`).width <= width)
            low = mid;
        else
            high = mid - 1;
    }
    return low ? `${words.slice(0, low).trimEnd()}…` : '';
}

/* ---- data ---- */

export function* seriesOf(data: PanelData | null): Generator<readonly [DataSeries, DataBlock]> {
    for (const block of data?.blocks ?? [])
        for (const series of block.series)
            yield [series, block];
}

/** What stands in the middle when there is nothing to draw. */
export function reasonOf(data: PanelData | null): string {
    if (!data || data.state === 'loading')
        return data?.reason || 'Waiting for data';
    return data.reason || NO_DATA;
}

/** A state that describe() begins with; empty when all is well. */
export const stateWord = (data: PanelData | null): string =>
    (!data || data.state === 'live' ? '' : `${data.state === 'loading' ? 'waiting for data' : data.state}${data.reason ? `: ${data.reason}` : ''}. `);

/* ---- tooltip ---- */

class Tooltip {
    readonly element = h('div', { class: 'dp-tip', hidden: true });
    private readonly title = h('div', { class: 'dp-tip-title' });
    private readonly body = h('div', { class: 'dp-tip-rows' });

    constructor(private readonly host: HTMLElement) {
        this.element.append(this.title, this.body);
    }

    hide(): void {
        this.element.hidden = true;
    }

    show(tip: Tip, x: number, y: number): void {
        text(this.title, tip.title);
        this.body.replaceChildren(...tip.rows.flatMap(([name, value]) => [h('span', null, name), h('b', null, value)]));
        this.element.hidden = false;
        const { offsetWidth: w, offsetHeight: height } = this.element;
        const left = x + 14 + w <= this.host.clientWidth ? x + 14 : x - 14 - w;
        const top = clamp(y + 12, 0, this.host.clientHeight - height);
        this.element.style.setProperty('transform', `translate(${Math.round(Math.max(0, left))}px, ${Math.round(Math.max(0, top))}px)`);
    }
}

/* ---- the panel ---- */

/** One canvas over the whole host, its tooltip, and the reason in its place. */
export abstract class CanvasPanel implements Panel {
    protected data: PanelData | null = null;
    protected width = 0;
    protected height = 0;
    /** Device pixels per CSS pixel. */
    protected scale = 1;
    /** Size of the small type here: larger on a wall. */
    protected px = 12;
    protected readonly canvas = h('canvas', { class: 'dp-canvas', role: 'img' });
    protected readonly ctx = this.canvas.getContext('2d')!;
    private readonly note = h('div', { class: 'dp-reason', hidden: true });
    private readonly line = h('div', { class: 'dp-cross', hidden: true });
    private readonly tip: Tooltip;
    private family = 'sans-serif';
    private described = -DESCRIBE_MS;
    /** Where the pointer is; null: elsewhere. */
    protected pointer: readonly [number, number] | null = null;

    constructor(protected readonly host: HTMLElement, protected readonly context: PanelContext) {
        this.tip = new Tooltip(host);
        host.classList.add('dp');
        host.append(this.canvas, this.line, this.note, this.tip.element);
        const { signal } = context;
        context.theme.on(() => context.invalidate(), { signal });
        context.crosshair.on((c) => this.showCross(c && c.source !== this ? c.time : null), { signal });
        if (context.kiosk)
            return;
        this.canvas.addEventListener('pointermove', (e) => this.moved(e), { signal });
        this.canvas.addEventListener('pointerleave', () => this.left(), { signal });
        this.canvas.addEventListener('click', (e) => this.clicked(...this.place(e)), { signal });
    }

    /* What a panel type says. */
    /** Takes the data in: what is costly and does not hang on the size. */
    protected abstract take(data: PanelData): void;
    /** Why there is nothing to draw; empty: there is. */
    protected abstract problem(): string;
    protected abstract paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void;
    protected abstract sentence(): string;
    abstract table(): DataTable | null;
    protected tipAt(_x: number, _y: number): Tip | null {
        return null;
    }
    protected clicked(_x: number, _y: number): void {}
    /** Time under x, for charts over time; null: none. */
    protected timeAt(_x: number): number | null {
        return null;
    }
    protected xOf(_time: number): number | null {
        return null;
    }

    update(data: PanelData): void {
        this.data = data;
        this.take(data);
    }

    resize(width: number, height: number): void {
        this.scale = Math.min(3, window.devicePixelRatio || 1);
        this.width = Math.floor(width);
        this.height = Math.floor(height);
        this.canvas.width = Math.max(1, Math.round(this.width * this.scale));
        this.canvas.height = Math.max(1, Math.round(this.height * this.scale));
        this.canvas.style.setProperty('width', `${this.width}px`);
        this.canvas.style.setProperty('height', `${this.height}px`);
        const style = getComputedStyle(this.canvas);
        this.family = style.fontFamily || this.family;
        this.px = parseFloat(style.fontSize) || 12;
    }

    draw(): void {
        const { ctx } = this;
        const problem = this.problem();
        text(this.note, problem);
        this.note.hidden = !problem;
        this.canvas.hidden = problem !== '';
        if (problem) {
            this.left();
            return;
        }
        ctx.setTransform(this.scale, 0, 0, this.scale, 0, 0);
        ctx.clearRect(0, 0, this.width, this.height);
        this.font(1);
        ctx.textBaseline = 'middle';
        ctx.textAlign = 'left';
        this.paint(ctx, this.width, this.height, this.context.theme.get());
        if (this.pointer)
            this.showTip(...this.pointer);
        if (performance.now() - this.described >= DESCRIBE_MS) {
            this.described = performance.now();
            this.canvas.setAttribute('aria-label', this.describe());
        }
    }

    describe(): string {
        const problem = this.problem();
        return `${this.context.interpolate(this.context.model.title) || 'Panel'}: ${problem ? `${problem}.` : stateWord(this.data) + this.sentence()}`;
    }

    destroy(): void {
        this.canvas.width = this.canvas.height = 0; /* gives its memory back now */
        this.host.replaceChildren();
        this.host.classList.remove('dp');
    }

    /** Type for what comes next: times the small size. */
    protected font(size: number, weight = 400): void {
        this.ctx.font = `${weight} ${Math.round(size * this.px * 10) / 10}px ${this.family}`;
    }

    private place(e: MouseEvent): [number, number] {
        const box = this.canvas.getBoundingClientRect(); /* offsetX is wrong under a page's zoom */
        return [e.clientX - box.left, e.clientY - box.top];
    }

    private moved(e: PointerEvent): void {
        const [x, y] = (this.pointer = this.place(e));
        const time = this.timeAt(x);
        this.context.crosshair.set(time === null ? null : { time, source: this });
        this.showCross(time);
        this.showTip(x, y);
    }

    private left(): void {
        if (!this.pointer)
            return;
        this.pointer = null;
        this.tip.hide();
        this.showCross(null);
        if (this.context.crosshair.get()?.source === this)
            this.context.crosshair.set(null);
    }

    private showTip(x: number, y: number): void {
        const tip = this.tipAt(x, y);
        if (tip && string(object(this.context.model.options['tooltip'])['mode']) !== 'none')
            this.tip.show(tip, x, y);
        else
            this.tip.hide();
    }

    private showCross(time: number | null): void {
        const x = time === null ? null : this.xOf(time);
        this.line.hidden = x === null;
        if (x !== null)
            this.line.style.setProperty('transform', `translateX(${Math.round(x)}px)`);
    }

    /* ---- parts of charts ---- */

    /** Writes a time axis under a plot. */
    protected timeAxis(from: number, to: number, left: number, width: number, y: number, theme: Theme): void {
        const { ctx } = this;
        ctx.textAlign = 'center';
        ctx.fillStyle = theme.dim;
        ctx.strokeStyle = theme.line;
        const room = this.px * 6;
        for (const t of timeTicks(from, to, width / room)) {
            const x = left + ((t - from) / (to - from)) * width;
            const label = timeText(t, to - from);
            const half = ctx.measureText(label).width / 2;
            ctx.fillRect(Math.round(x), y, 1, 4);
            if (x - half >= 0 && x + half <= this.width)
                ctx.fillText(label, x, y + 6 + this.px / 2);
        }
        ctx.textAlign = 'left';
    }

    /** Writes names with their patches in rows from (x, y); as many as fit into the box, "+n" for the rest. Returns its height. */
    protected legend(entries: readonly { name: string; fill: string | CanvasPattern; value?: string }[], x: number, y: number, width: number, rows: number,
        theme: Theme, vertical = false): number {
        const { ctx, px } = this;
        const rowHeight = Math.round(px * 1.6);
        let at = x, row = 0;
        ctx.textAlign = 'left';
        for (const [i, entry] of entries.entries()) {
            /* The name is cut, not the number. */
            const room = Math.max(px * 3, Math.min(width - px * 1.5, vertical ? width : 260)), tail = entry.value ? `  ${entry.value}` : '';
            let label = fit(ctx, entry.name, Math.max(px * (vertical ? 2 : 3), room - ctx.measureText(tail).width)) + tail;
            const w = px * 1.5 + ctx.measureText(label).width + px;
            if (i > 0 && row < rows - 1 && (vertical || at + w > x + width)) {
                row++;
                at = x;
            }
            const mid = y + row * rowHeight + rowHeight / 2, after = entries.length - 1 - i;
            /* Behind each of the last row there is room for the number of those that are not shown. */
            const spare = after ? ctx.measureText(`+${after} more`).width : -px;
            const noRoom = row === rows - 1 && (vertical ? after > 0 : at + w + spare > x + width);
            if (noRoom && (vertical ? i > 0 : at > x)) {
                ctx.fillStyle = theme.dim;
                ctx.fillText(`+${after + 1} more`, at, mid);
                break;
            }
            if (noRoom && !vertical)
                label = fit(ctx, label, width - px * 2.5 - Math.max(0, spare));
            ctx.fillStyle = entry.fill;
            ctx.fillRect(at, mid - px * 0.45, px, px * 0.9);
            ctx.strokeStyle = theme.dim;
            ctx.lineWidth = 1;
            ctx.strokeRect(at + 0.5, Math.round(mid - px * 0.45) + 0.5, px - 1, Math.round(px * 0.9) - 1);
            ctx.fillStyle = theme.dim;
            ctx.fillText(label, at + px * 1.5, mid);
            at += px * 2.5 + ctx.measureText(label).width;
        }
        return Math.min(rows, row + 1) * rowHeight;
    }
}
