/* scale.js - axes: round steps on the value axis (binary ones for bytes), whole minutes on the time axis. */

/**
 * A step of 1, 2 or 5 times a power of the base, so that about `wanted` of them fill the span.
 * @param {number} span
 * @param {number} wanted
 * @param {boolean} binary powers of 1024 with steps of 1, 2, 4 … between
 */
export function niceStep(span, wanted, binary) {
    const raw = span / wanted;
    if (!(raw > 0))
        return 1;
    if (binary)
        return 2 ** Math.ceil(Math.log2(raw));
    const power = 10 ** Math.floor(Math.log10(raw));
    const factor = [1, 2, 5, 10].find((f) => f * power >= raw * 0.9999) ?? 10;
    return factor * power;
}

/**
 * Bounds and step of a value axis that holds lo … hi. Keeps the former top while it is not far too high: an axis that breathes
 * with every sample cannot be read.
 * @param {number} lo
 * @param {number} hi
 * @param {{min?: number, max?: number, reach?: number, binary: boolean, wanted: number, former?: {lo: number, hi: number} | null}} o
 */
export function valueAxis(lo, hi, o) {
    if (o.former && hi < o.former.hi && hi > o.former.hi * 0.45 && lo >= o.former.lo && (o.former.lo >= 0 || lo < o.former.lo * 0.45))
        ({ lo, hi } = o.former);
    if (o.min !== undefined)
        lo = Math.min(lo, o.min);
    if (o.max !== undefined)
        hi = Math.max(hi, o.max);
    if (o.reach !== undefined)
        hi = Math.max(hi, o.reach);
    if (!(hi > lo))
        hi = lo + (Math.abs(lo) > 1 ? Math.abs(lo) * 0.1 : 1);
    const step = niceStep(hi - lo, o.wanted, o.binary);
    return { lo: Math.floor(lo / step + 1e-9) * step, hi: Math.ceil(hi / step - 1e-9) * step, step };
}

/**
 * Times of ticks between start and end, on whole steps of the local clock.
 * @param {number} start
 * @param {number} end
 * @param {number} most
 */
export function timeTicks(start, end, most) {
    const steps = [15, 30, 60, 120, 300, 600, 1800, 3600].map((s) => s * 1000);
    const step = steps.find((s) => (end - start) / s <= most) ?? 7200000;
    const ticks = [];
    for (let t = Math.ceil(start / step) * step; t <= end; t += step)
        ticks.push(t);
    return { ticks, step };
}
