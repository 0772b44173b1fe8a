/* history.js - what one subscription has told, over time.
 *
 * The server sends what changed. So each series keeps its change points, and the value at any tick is that of the last change
 * point at or before it. NaN is a change point too: from there on there is no value. A gap in what we know is never bridged.
 */

/** @typedef {{labels: Record<string, string>, times: number[], values: number[]}} Series */

/** @param {number | string | null} v as on the wire */
function number(v) {
    if (v === null)
        return NaN;
    if (typeof v === 'number')
        return v;
    return v === '+Inf' ? Infinity : v === '-Inf' ? -Infinity : NaN;
}

export class History {
    /** @param {number} keepMs */
    constructor(keepMs) {
        this.keepMs = keepMs;
        /** @type {Map<string, Series>} by label text */
        this.series = new Map();
        /** @type {(Series | null)[]} the server's slots */
        this.slots = [];
        this.newest = 0; /* ms; of the last frame */
        this.everHadData = false;
    }

    /** The server's slots of a former epoch mean nothing any more. */
    forgetSlots() {
        this.slots = [];
    }

    /** @param {Record<string, string>} labels @returns {Series} */
    intern(labels) {
        const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
        let s = this.series.get(key);
        if (!s) {
            s = { labels, times: [], values: [] };
            this.series.set(key, s);
        }
        return s;
    }

    /** @param {Series} s @param {number} t @param {number} v */
    put(s, t, v) {
        const n = s.times.length;
        if (n && s.times[n - 1] >= t) { /* a clock that stepped back, or the same tick told again */
            this.cut(s, t);
            this.put(s, t, v);
            return;
        }
        if (n && Object.is(s.values[n - 1], v))
            return;
        s.times.push(t);
        s.values.push(v);
        if (!Number.isNaN(v))
            this.everHadData = true;
    }

    /** Drops what is known of t and later. @param {Series} s @param {number} t */
    cut(s, t) {
        let n = s.times.length;
        while (n && s.times[n - 1] >= t)
            n--;
        s.times.length = s.values.length = n;
    }

    /**
     * Nothing is known from t on, until something is told.
     * @param {number} t
     */
    break(t) {
        for (const s of this.series.values())
            if (!s.times.length || s.times[s.times.length - 1] < t)
                this.put(s, t, NaN);
    }

    /**
     * The whole state, with points before it when history was asked for. Older points that the server does not know any more
     * (it was restarted) stay, with a gap between.
     * @param {{series: (Record<string, string> | null)[], points: [number, (number | string | null)[]][], t: number}} frame
     * @param {number} stepMs
     * @param {number} knownUntil up to when silence meant "unchanged", if later than the last frame
     */
    full(frame, stepMs, knownUntil) {
        const points = frame.points;
        let first = 0;
        while (first < points.length - 1 && points[first][1].every((v) => v === null))
            first++;
        const from = points.length ? points[first][0] : frame.t;
        for (const s of this.series.values())
            this.cut(s, from);
        const known = Math.max(this.newest, knownUntil);
        if (this.newest && known + stepMs < from)
            this.break(known + stepMs);
        this.slots = frame.series.map((labels) => labels && this.intern(labels));
        for (const s of this.series.values())
            if (!this.slots.includes(s) && s.times.length)
                this.put(s, from, NaN);
        for (let i = first; i < points.length; i++)
            this.slots.forEach((s, k) => s && this.put(s, points[i][0], number(points[i][1][k])));
        this.newest = frame.t;
        this.trim();
    }

    /** @param {{t: number, d: (number | string | null)[], add?: [number, Record<string, string>][], del?: number[]}} frame */
    update(frame) {
        for (const k of frame.del ?? []) {
            const s = this.slots[k];
            if (s)
                this.put(s, frame.t, NaN);
            this.slots[k] = null;
        }
        for (const [k, labels] of frame.add ?? [])
            this.slots[k] = this.intern(labels);
        for (let i = 0; i < frame.d.length; i += 2) {
            const s = this.slots[/** @type {number} */ (frame.d[i])];
            if (s)
                this.put(s, frame.t, number(frame.d[i + 1]));
        }
        this.newest = frame.t;
        this.trim();
    }

    trim() {
        const before = this.newest - this.keepMs;
        for (const [key, s] of this.series) {
            let n = 0; /* the last change point before the window is still the value at its start */
            while (n + 1 < s.times.length && s.times[n + 1] <= before)
                n++;
            if (n > 64 || (n && n + 1 === s.times.length)) {
                s.times.splice(0, n);
                s.values.splice(0, n);
            }
            if (s.times.length === 1 && Number.isNaN(s.values[0]) && s.times[0] < before && !this.slots.includes(s))
                this.series.delete(key);
        }
    }

    /**
     * Values on the grid start, start + step … (n of them). NaN: none known.
     * @param {Series} s
     * @param {number} start
     * @param {number} step
     * @param {number} n
     * @param {number} until nothing is known after this time
     */
    sample(s, start, step, n, until) {
        const out = new Float64Array(n).fill(NaN);
        let k = -1;
        for (let i = 0; i < n; i++) {
            const t = start + i * step;
            if (t > until)
                break;
            while (k + 1 < s.times.length && s.times[k + 1] <= t)
                k++;
            if (k >= 0)
                out[i] = s.values[k];
        }
        return out;
    }

    /** @param {Series} s */
    last(s) {
        return s.values.length ? s.values[s.values.length - 1] : NaN;
    }

    /** Series that have a value now. @returns {Series[]} */
    present() {
        return [...this.series.values()].filter((s) => !Number.isNaN(this.last(s)));
    }
}
