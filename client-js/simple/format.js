/* format.js - numbers for people: at most four significant digits, and a unit.
 *
 * A unit is one of: 'percent' (of 1), 'bytes', 'bytes/s', 'seconds', 'count'.
 */

const IEC = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
const SI = ['', 'k', 'M', 'G', 'T', 'P'];
const SMALL = ['', 'm', 'µ', 'n'];

/**
 * @param {number} v
 * @param {number} digits significant ones
 */
function significant(v, digits) {
    const a = Math.abs(Number(v.toPrecision(digits))); /* 0.9999 has one digit before the point */
    if (a === 0)
        return '0';
    const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(a)));
    return v.toFixed(Math.min(decimals, 6));
}

/** @param {number} v @param {number} base @param {string[]} names @returns {[number, string]} */
function scaled(v, base, names) {
    let i = 0;
    while (Math.abs(v) >= base * 0.9995 && i < names.length - 1) {
        v /= base;
        i++;
    }
    return [v, names[i]];
}

/** @param {number} seconds */
function duration(seconds) {
    const s = Math.abs(seconds);
    const minutes = Math.floor(s / 60), hours = Math.floor(s / 3600), days = Math.floor(s / 86400);
    if (s < 1)
        return ((v) => [significant(v[0], 3), v[1]])(small(s));
    if (s < 60)
        return [significant(s, 3), 's'];
    if (hours < 1)
        return [String(minutes), 'min'];
    if (days < 1)
        return [`${hours} h ${minutes % 60}`, 'min'];
    return [`${days} d ${hours % 24}`, 'h'];
}

/** @param {number} v @returns {[number, string]} */
function small(v) {
    let i = 0;
    while (v !== 0 && Math.abs(v) < 0.9995 && i < SMALL.length - 1) {
        v *= 1000;
        i++;
    }
    return [v, SMALL[i] + 's'];
}

/** @param {number} v @returns {string[]} */
function count(v) {
    const a = Math.abs(v);
    if (a !== 0 && a < 0.001)
        return [v.toExponential(2), ''];
    if (Number.isInteger(v) && a < 10000)
        return [String(v), ''];
    const [x, suffix] = a < 10000 ? [v, ''] : scaled(v, 1000, SI);
    return [significant(x, Math.abs(x) < 1000 ? 3 : 4).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''), suffix];
}

/**
 * The number and its unit apart, so that a tile can print the unit smaller.
 * @param {number | null} v
 * @param {string} unit
 * @returns {string[]} [number, unit]
 */
export function parts(v, unit) {
    if (v === null || Number.isNaN(v))
        return ['–', ''];
    if (!Number.isFinite(v))
        return [v > 0 ? '+∞' : '−∞', ''];
    if (unit === 'percent')
        return [Math.abs(v) >= 0.9995 ? (v * 100).toFixed(0) : (v * 100).toFixed(1), '%'];
    if (unit === 'bytes' || unit === 'bytes/s') {
        const [x, name] = scaled(v, 1024, IEC);
        return [name === 'B' ? x.toFixed(0) : significant(x, 3), name + (unit === 'bytes' ? '' : '/s')];
    }
    return unit === 'seconds' ? duration(v) : count(v);
}

/** @param {number | null} v @param {string} unit */
export function format(v, unit) {
    const [number, name] = parts(v, unit);
    return name ? `${number} ${name}` : number; /* a no-break space */
}

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const minuteFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** @param {number} ms since the epoch */
export function clock(ms) {
    return clockFormat.format(ms);
}

/** @param {number} ms since the epoch */
export function minute(ms) {
    return minuteFormat.format(ms);
}

/** mm:ss of an age. @param {number} ms */
export function age(ms) {
    const s = Math.floor(ms / 1000);
    const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
    return s < 3600 ? `${two(Math.floor(s / 60))}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

/**
 * A label set as one would write it: name{a="b"}, or {} for none.
 * @param {Record<string, string>} labels
 */
export function labelText(labels) {
    const { __name__: name = '', ...rest } = labels;
    const inner = Object.entries(rest).map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(', ');
    return inner ? `${name}{${inner}}` : name || '{}';
}
