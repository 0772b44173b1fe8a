/* chart.js - a live chart on a canvas: lines, stacked areas or a mirrored pair of areas, with axes, a crosshair shared by all
 * charts, and gaps that look like gaps.
 *
 * The legend is text beside the canvas and shows the value under the crosshair, or the newest one. The canvas itself is an image
 * to a screen reader, with a sentence that is renewed at most every 30 s.
 */
import { h, setText } from './dom.js';
import { format, clock, minute } from './format.js';
import { theme } from './theme.js';
import { timeTicks, valueAxis } from './scale.js';

/**
 * @typedef {Object} Line
 * @property {string} name
 * @property {number} color index into the theme's series colours
 * @property {1 | -1} sign -1: drawn below zero
 * @property {(start: number, step: number, n: number, until: number) => Float64Array} sample
 *
 * @typedef {Object} ChartOptions
 * @property {string} title
 * @property {'line' | 'stack' | 'mirror'} kind
 * @property {string} unit
 * @property {boolean} [silent] no legend: the caller shows the values (onValues)
 * @property {(values: number[], t: number | null) => void} [onValues] those under the crosshair (t), or the newest ones (null)
 * @property {number} [stepMs]
 * @property {number} [min]
 * @property {number} [reach] the axis reaches at least to here
 * @property {() => number} [max] likewise, from data
 * @property {string} empty said while there is nothing to draw
 */

/** How much time all charts show: little while little is known, so that a young server's lines move visibly. */
export const span = { ms: 60000 };
const SPANS = [60000, 120000, 300000];

/** @param {number} knownMs age of the oldest value */
export function fitSpan(knownMs) {
    span.ms = SPANS.find((s) => s >= knownMs - 2000) ?? SPANS[SPANS.length - 1];
}

/** The crosshair, one for all charts: a time, or null. */
export const crosshair = {
    /** @type {number | null} */
    t: null,
    /** @type {Set<Chart>} */
    charts: new Set(),
    /** @param {number | null} t */
    move(t) {
        this.t = t;
        for (const c of this.charts)
            c.dirty = true;
        requestPaint();
    },
};

let asked = false;
/** Paints every chart that is dirty at the next animation frame; the browser asks for none while the page is hidden. */
export function requestPaint() {
    if (asked || document.hidden)
        return;
    asked = true;
    requestAnimationFrame(() => {
        asked = false;
        for (const c of crosshair.charts)
            if (c.dirty)
                c.paint();
    });
}

export class Chart {
    /** @param {HTMLElement} parent @param {ChartOptions} options */
    constructor(parent, options) {
        this.o = { stepMs: 1000, ...options };
        this.legend = h('ul', { class: 'legend' });
        this.canvas = h('canvas', { class: 'plot', role: 'img', tabindex: '0', 'aria-label': `${options.title}: waiting for data` });
        this.note = h('p', { class: 'note' }, options.empty);
        parent.append(...(options.silent ? [] : [this.legend]), h('div', { class: 'plot-box' }, this.canvas, this.note));
        /** @type {Line[]} */
        this.lines = [];
        this.now = 0;
        this.dirty = true;
        this.former = null;
        this.describedAt = -Infinity;
        this.box = { left: 0, right: 1, top: 0, bottom: 1 };
        crosshair.charts.add(this);
        this.observer = new ResizeObserver(() => this.changed());
        this.observer.observe(this.canvas);
        this.listen();
    }

    destroy() {
        crosshair.charts.delete(this);
        this.observer.disconnect();
    }

    /** @param {Line[]} lines @param {number} now server time up to which everything is known */
    show(lines, now) {
        this.lines = lines;
        this.now = now;
        this.changed();
    }

    changed() {
        this.dirty = true;
        requestPaint();
    }

    /* ---- pointer and keyboard ---- */

    listen() {
        const move = (/** @type {PointerEvent} */ e) => {
            const r = this.canvas.getBoundingClientRect();
            const x = (e.clientX - r.left - this.box.left) / (this.box.right - this.box.left);
            crosshair.move(x < 0 || x > 1 ? null : this.snap(this.start() + x * span.ms));
        };
        this.canvas.addEventListener('pointermove', move);
        this.canvas.addEventListener('pointerdown', move);
        for (const leave of ['pointerleave', 'pointercancel', 'blur'])
            this.canvas.addEventListener(leave, () => crosshair.move(null));
        this.canvas.addEventListener('keydown', (/** @type {KeyboardEvent} */ e) => this.key(e));
    }

    /** @param {KeyboardEvent} e */
    key(e) {
        const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30 }[e.key];
        if (by !== undefined)
            crosshair.move(Math.max(this.start(), Math.min(this.end(), (crosshair.t ?? this.end()) + by * this.o.stepMs)));
        else if (e.key === 'Home' || e.key === 'End')
            crosshair.move(e.key === 'Home' ? this.start() : this.end());
        else if (e.key === 'Escape')
            crosshair.move(null);
        else
            return;
        e.preventDefault();
        this.describedAt = -Infinity;
    }

    end() {
        return Math.floor(this.now / this.o.stepMs) * this.o.stepMs;
    }

    start() {
        return this.end() - span.ms;
    }

    /** @param {number} t */
    snap(t) {
        return Math.round(t / this.o.stepMs) * this.o.stepMs;
    }

    /* ---- painting ---- */

    paint() {
        this.dirty = false;
        const width = this.canvas.clientWidth, height = this.canvas.clientHeight, dpr = window.devicePixelRatio || 1;
        if (!width || !height)
            return;
        if (this.canvas.width !== Math.round(width * dpr) || this.canvas.height !== Math.round(height * dpr)) {
            this.canvas.width = Math.round(width * dpr);
            this.canvas.height = Math.round(height * dpr);
        }
        const n = Math.round(span.ms / this.o.stepMs) + 1;
        const columns = this.lines.map((line) => line.sample(this.start(), this.o.stepMs, n, this.now));
        const any = columns.some((c) => c.some((v) => !Number.isNaN(v)));
        this.note.hidden = any;
        this.o.onValues?.(columns.map((c) => this.valueAt(c)), crosshair.t);
        this.showLegend(columns);
        const g = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext('2d'));
        g.setTransform(dpr, 0, 0, dpr, 0, 0);
        g.clearRect(0, 0, width, height);
        if (!this.now || !any)
            return;
        const bands = this.bands(columns);
        const axis = this.axis(bands, height);
        this.layout(g, axis, width, height);
        this.drawGrid(g, axis, width);
        this.drawGaps(g, columns, n);
        if (this.o.kind === 'line')
            bands.forEach((b, i) => this.drawLine(g, b.hi, axis, i));
        else
            bands.forEach((b, i) => this.drawArea(g, b, axis, i));
        this.drawCrosshair(g, bands, axis);
        this.describe(columns);
    }

    /** Lower and upper edge of each line on the grid. @param {Float64Array[]} columns */
    bands(columns) {
        const n = columns[0].length, up = new Float64Array(n), down = new Float64Array(n);
        return columns.map((c, k) => {
            const lo = new Float64Array(n), hi = new Float64Array(n);
            const base = this.lines[k].sign < 0 ? down : up;
            for (let i = 0; i < n; i++) {
                const v = c[i] * this.lines[k].sign;
                lo[i] = this.o.kind === 'line' ? 0 : base[i];
                hi[i] = this.o.kind === 'line' ? v : base[i] + v;
                if (this.o.kind !== 'line' && !Number.isNaN(v))
                    base[i] = hi[i];
            }
            return { lo, hi };
        });
    }

    /** @param {{lo: Float64Array, hi: Float64Array}[]} bands @param {number} height */
    axis(bands, height) {
        let lo = this.o.min ?? Infinity, hi = -Infinity;
        for (const b of bands)
            for (const v of b.hi)
                if (Number.isFinite(v)) {
                    lo = Math.min(lo, v);
                    hi = Math.max(hi, v);
                }
        if (this.o.kind === 'mirror') {
            hi = Math.max(hi, 0);
            lo = Math.min(lo, 0);
        }
        if (this.o.unit === 'percent' && hi > 1 && hi < 1.1)
            hi = 1; /* parts of a whole: what is over is the jitter of reading the parts one after the other */
        const axis = valueAxis(lo, hi, {
            min: this.o.min, max: this.o.max?.(), reach: this.o.reach, binary: this.o.unit.startsWith('bytes'),
            wanted: Math.max(2, Math.min(5, Math.floor(height / 28))), former: this.former,
        });
        this.former = axis;
        return axis;
    }

    /** @param {CanvasRenderingContext2D} g @param {{lo: number, hi: number, step: number}} axis @param {number} width @param {number} height */
    layout(g, axis, width, height) {
        const size = theme.fontSize;
        g.font = `${size}px ${theme.font}`;
        let widest = 0;
        for (let v = axis.lo; v <= axis.hi + axis.step * 1e-6; v += axis.step)
            widest = Math.max(widest, g.measureText(this.tick(v, axis)).width);
        this.box = { left: Math.ceil(widest) + 8, right: width - 6, top: Math.ceil(size / 2) + 1, bottom: height - size - 8 };
    }

    /** @param {number} v @param {{step: number}} axis */
    tick(v, axis) {
        const x = Math.abs(v) < axis.step * 1e-6 ? 0 : this.o.kind === 'mirror' ? Math.abs(v) : v;
        if (this.o.unit === 'percent')
            return `${+(x * 100).toPrecision(3)} %`;
        return x === 0 ? '0' : format(+x.toPrecision(12), this.o.unit).replace(/\.0+(?=\D|$)/, '').replace(/(\.\d*?)0+(?=\D|$)/, '$1');
    }

    /** @param {number} t */
    x(t) {
        return this.box.left + ((t - this.start()) / span.ms) * (this.box.right - this.box.left);
    }

    /** @param {number} v @param {{lo: number, hi: number}} axis */
    y(v, axis) {
        const clamped = Math.max(axis.lo, Math.min(axis.hi, v));
        return this.box.bottom - ((clamped - axis.lo) / (axis.hi - axis.lo)) * (this.box.bottom - this.box.top);
    }

    /** @param {CanvasRenderingContext2D} g @param {any} axis @param {number} width */
    drawGrid(g, axis, width) {
        g.strokeStyle = theme.line;
        g.fillStyle = theme.dim;
        g.lineWidth = 1;
        g.textAlign = 'right';
        g.textBaseline = 'middle';
        for (let v = axis.lo; v <= axis.hi + axis.step * 1e-6; v += axis.step) {
            const y = Math.round(this.y(v, axis)) + 0.5;
            g.globalAlpha = Math.abs(v) < axis.step * 1e-6 ? 1 : 0.6;
            g.beginPath();
            g.moveTo(this.box.left, y);
            g.lineTo(this.box.right, y);
            g.stroke();
            g.globalAlpha = 1;
            g.fillText(this.tick(v, axis), this.box.left - 6, y);
        }
        const { ticks, step } = timeTicks(this.start(), this.end(), Math.max(2, Math.floor(width / 110)));
        g.textBaseline = 'alphabetic';
        for (const t of ticks) {
            const text = step % 60000 ? clock(t) : minute(t), half = g.measureText(text).width / 2, x = this.x(t);
            g.fillRect(Math.round(x), this.box.bottom, 1, 4);
            if (x - half >= 0 && x + half <= width) {
                g.textAlign = 'center';
                g.fillText(text, x, this.box.bottom + theme.fontSize + 5);
            }
        }
    }

    /** Hatches the time in which nothing is known although something was before. @param {CanvasRenderingContext2D} g @param {Float64Array[]} columns @param {number} n */
    drawGaps(g, columns, n) {
        const known = (/** @type {number} */ i) => columns.some((c) => !Number.isNaN(c[i]));
        let from = -1, before = false;
        for (let i = 0; i < n; i++) {
            if (known(i)) {
                if (before && from >= 0)
                    this.hatch(g, this.start() + (from - 1) * this.o.stepMs, this.start() + i * this.o.stepMs);
                before = true;
                from = -1;
            } else if (from < 0)
                from = i;
        }
        if (before && from >= 0 && n - from > 2)
            this.hatch(g, this.start() + (from - 1) * this.o.stepMs, this.end());
    }

    /** @param {CanvasRenderingContext2D} g @param {number} t0 @param {number} t1 */
    hatch(g, t0, t1) {
        const a = this.x(t0), b = this.x(t1), { top, bottom } = this.box;
        g.save();
        g.beginPath();
        g.rect(a, top, b - a, bottom - top);
        g.clip();
        g.strokeStyle = theme.line;
        g.lineWidth = 2;
        g.beginPath();
        for (let x = a - (bottom - top); x < b; x += 9) {
            g.moveTo(x, bottom);
            g.lineTo(x + bottom - top, top);
        }
        g.stroke();
        g.restore();
    }

    /** @param {CanvasRenderingContext2D} g @param {Float64Array} values @param {any} axis @param {number} k */
    drawLine(g, values, axis, k) {
        g.strokeStyle = theme.series[this.lines[k].color % theme.series.length];
        g.setLineDash(theme.dashes[this.lines[k].color % theme.dashes.length]);
        g.lineWidth = theme.lineWidth;
        g.lineJoin = 'round';
        g.beginPath();
        this.trace(g, values, axis, 0, values.length, false);
        g.stroke();
        g.setLineDash([]);
    }

    /** One path over values[from … to), pen up over gaps. @param {CanvasRenderingContext2D} g @param {Float64Array} values @param {any} axis @param {number} from @param {number} to @param {boolean} joined */
    trace(g, values, axis, from, to, joined) {
        const by = from <= to ? 1 : -1;
        let pen = joined;
        for (let i = from; i !== to; i += by) {
            const v = values[i];
            if (Number.isNaN(v)) {
                pen = false;
                continue;
            }
            const x = this.x(this.start() + i * this.o.stepMs), y = this.y(v, axis);
            if (pen)
                g.lineTo(x, y);
            else
                g.moveTo(x, y);
            pen = true;
            /* A point alone would leave no ink. */
            if (by > 0 && Number.isNaN(values[i + 1] ?? NaN) && Number.isNaN(values[i - 1] ?? NaN))
                g.lineTo(x + theme.lineWidth, y);
        }
    }

    /** @param {CanvasRenderingContext2D} g @param {{lo: Float64Array, hi: Float64Array}} band @param {any} axis @param {number} k */
    drawArea(g, band, axis, k) {
        const color = theme.series[this.lines[k].color % theme.series.length], n = band.hi.length;
        for (let from = 0; from < n;) {
            if (Number.isNaN(band.hi[from])) {
                from++;
                continue;
            }
            let to = from;
            while (to < n && !Number.isNaN(band.hi[to]))
                to++;
            g.beginPath();
            this.trace(g, band.hi, axis, from, to, false);
            this.trace(g, band.lo, axis, to - 1, from - 1, true);
            g.closePath();
            g.fillStyle = color;
            g.globalAlpha = theme.fillAlpha;
            g.fill();
            g.globalAlpha = 1;
            from = to;
        }
        g.strokeStyle = color;
        g.lineWidth = theme.lineWidth * 0.75;
        g.lineJoin = 'round';
        g.beginPath();
        this.trace(g, band.hi, axis, 0, n, false);
        g.stroke();
    }

    /** @param {CanvasRenderingContext2D} g @param {{hi: Float64Array}[]} bands @param {any} axis */
    drawCrosshair(g, bands, axis) {
        const t = crosshair.t;
        if (t === null || t < this.start() || t > this.end())
            return;
        const x = this.x(t), i = Math.round((t - this.start()) / this.o.stepMs);
        g.strokeStyle = theme.text;
        g.lineWidth = 1;
        g.globalAlpha = 0.7;
        g.beginPath();
        g.moveTo(Math.round(x) + 0.5, this.box.top);
        g.lineTo(Math.round(x) + 0.5, this.box.bottom);
        g.stroke();
        g.globalAlpha = 1;
        bands.forEach((b, k) => {
            if (Number.isNaN(b.hi[i]))
                return;
            g.fillStyle = theme.series[this.lines[k].color % theme.series.length];
            g.beginPath();
            g.arc(x, this.y(b.hi[i], axis), 3, 0, 7);
            g.fill();
        });
        const text = clock(t), half = g.measureText(text).width / 2 + 4, at = Math.max(half, Math.min(this.box.right + 6 - half, x));
        g.fillStyle = theme.text;
        g.fillRect(at - half, this.box.bottom + 3, half * 2, theme.fontSize + 5);
        g.fillStyle = theme.panel;
        g.textAlign = 'center';
        g.textBaseline = 'alphabetic';
        g.fillText(text, at, this.box.bottom + theme.fontSize + 4);
    }

    /* ---- text beside the picture ---- */

    /** @param {Float64Array[]} columns */
    showLegend(columns) {
        while (this.legend.children.length > this.lines.length)
            this.legend.lastElementChild.remove();
        this.lines.forEach((line, k) => {
            let item = this.legend.children[k];
            if (!item) {
                item = h('li', {}, h('i', {}), h('span', { class: 'name' }), h('b', {}));
                this.legend.append(item);
            }
            item.className = `c${line.color % theme.series.length} ${this.o.kind === 'line' ? 'dash' : 'fill'}`;
            setText(item.children[1], line.name);
            item.title = line.name;
            setText(item.children[2], format(this.valueAt(columns[k]), this.o.unit));
        });
    }

    /** Under the crosshair, else the newest known. @param {Float64Array} column @returns {number} */
    valueAt(column) {
        if (crosshair.t !== null)
            return column[Math.round((crosshair.t - this.start()) / this.o.stepMs)] ?? NaN;
        return column[column.length - 1];
    }

    /** @param {Float64Array[]} columns */
    describe(columns) {
        const now = performance.now();
        if (now - this.describedAt < 30000)
            return;
        this.describedAt = now;
        const when = crosshair.t === null ? 'now' : `at ${clock(crosshair.t)}`;
        const said = this.lines.map((line, k) => `${line.name} ${format(this.valueAt(columns[k]), this.o.unit)}`);
        this.canvas.setAttribute('aria-label', `${this.o.title}, last ${Math.round(span.ms / 60000)} minutes; ${when}: ${said.join(', ')}`);
    }
}
