/* format.ts - numbers as people read them: units by Grafana's names, scaled, with as many digits as can be told apart. */

import { byName } from './names.ts';

/** In parts, because the unit is set smaller than the number. */
export interface Formatted {
    readonly prefix: string;
    readonly text: string;
    readonly suffix: string;
}

type Format = (value: number, decimals: number | null, now: number) => Formatted;

const DIGITS = 4; /* significant ones, at most, when nobody asked for decimals */
const MAX_DECIMALS = 15;
const IEC = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const SI = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const SI_SMALL = ['', 'm', 'µ', 'n', 'p'];
const SHORT = ['', 'K', 'Mil', 'Bil', 'Tri', 'Quadr'];

const part = (text: string, suffix = '', prefix = ''): Formatted => ({ prefix, text, suffix });

/** Digits of a number: as asked for, else at most four significant ones; whole numbers stay whole. */
export function digits(value: number, decimals: number | null = null): string {
    if (!Number.isFinite(value))
        return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
    let text: string;
    if (decimals !== null) {
        text = value.toFixed(Math.min(MAX_DECIMALS, Math.max(0, decimals)));
    } else if (Number.isInteger(value) && Math.abs(value) < 1e15) {
        text = value.toFixed(0);
    } else {
        const size = Math.floor(Math.log10(Math.abs(value)));
        const kept = size >= 2 ? DIGITS : DIGITS - 1;
        text = size > 14 || size < -6 ? value.toExponential(2) : value.toFixed(Math.min(MAX_DECIMALS, Math.max(0, kept - 1 - size)));
    }
    return text.replaceAll('-', '−').replace(/^−(0(\.0*)?)$/, '$1');
}

function scaled(base: number, names: readonly string[], unit: string, small: readonly string[] = [], start = 0): Format {
    return (value, decimals) => {
        if (!Number.isFinite(value))
            return part(digits(value), names[start] + unit);
        let v = value, i = start;
        while (Math.abs(v) >= base && i < names.length - 1) {
            v /= base;
            i++;
        }
        if (i === 0 && small.length && v !== 0 && Math.abs(v) < 1) {
            let s = 0;
            while (Math.abs(v) < 1 && s < small.length - 1) {
                v *= 1000;
                s++;
            }
            return part(digits(v, decimals), small[s] + unit);
        }
        /* 1023.97 would show as "1024 KiB". */
        if (decimals === null && i < names.length - 1 && Math.abs(Number(v.toPrecision(DIGITS))) >= base)
            return part(digits(v / base), names[i + 1] + unit);
        return part(digits(v, decimals), names[i] + unit);
    };
}

const plain = (suffix: string, factor = 1): Format => (value, decimals) => part(digits(value * factor, decimals), suffix);
const rate = (unit: string): Format => {
    const short = scaled(1000, SHORT, '');
    return (value, decimals) => {
        const f = short(value, decimals, 0);
        return part(f.text, `${f.suffix ? `${f.suffix} ` : ''}${unit}`);
    };
};
const money = (sign: string): Format => {
    const short = scaled(1000, SHORT, '');
    return (value, decimals) => {
        const f = short(value, decimals, 0);
        return part(f.text, f.suffix, sign);
    };
};

/* Seconds of each, largest first. A value shows in the largest it fills. */
const TIMES: readonly (readonly [string, number])[] = [
    ['y', 31536000], ['w', 604800], ['d', 86400], ['h', 3600], ['min', 60], ['s', 1], ['ms', 1e-3], ['µs', 1e-6], ['ns', 1e-9],
];

const SECONDS: Readonly<Record<string, number>> = { 'ns': 1e-9, 'µs': 1e-6, 'us': 1e-6, 'ms': 1e-3, 's': 1, 'm': 60, 'h': 3600, 'd': 86400 };
const ROUND = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];
const TENS = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, k) => [1, 2, 5].map((n) => Number(`${n}e${from + k}`))).flat();

/** Distances of an axis' marks that people count time in, in the unit; null: it is no time. */
export function timeSteps(unit: string): readonly number[] | null {
    const per = byName(SECONDS)[unit];
    return per === undefined ? null : [...TENS(-9, 0), ...ROUND, ...TENS(0, 7).map((days) => 86400 * days)].map((s) => Number((s / per).toPrecision(12)));
}

const duration = (secondsPerUnit: number): Format => (value, decimals) => {
    const seconds = value * secondsPerUnit;
    const size = Math.abs(seconds);
    if (!Number.isFinite(seconds) || size === 0)
        return part(digits(seconds, decimals), TIMES.find(([, s]) => s === secondsPerUnit)?.[0] ?? 's');
    const [name, per] = TIMES.find(([, s]) => size >= s * 0.99995) ?? TIMES.at(-1)!;
    return part(digits(Number((seconds / per).toPrecision(12)), decimals), name); /* 0.0005 s are 500 µs, not 500.00000000000006 */
};

const WORDS: readonly (readonly [string, number])[] = [['year', 31536000], ['month', 2592000], ['week', 604800], ['day', 86400],
    ['hour', 3600], ['minute', 60], ['second', 1]];

/** "2 days 3 hours": the two largest parts; "250 milliseconds". */
export function spell(seconds: number): string {
    if (!Number.isFinite(seconds))
        return digits(seconds);
    const ms = digits(Number((1000 * seconds).toPrecision(3)));
    if (seconds && Math.abs(seconds) < 0.9995)
        return `${ms} millisecond${/^−?1$/.test(ms) ? '' : 's'}`;
    let rest = Math.round(Math.abs(seconds));
    const parts: string[] = [];
    for (const [word, size] of WORDS) {
        const n = Math.floor(rest / size);
        if (n > 0 || (word === 'second' && !parts.length))
            parts.push(`${n} ${word}${n === 1 ? '' : 's'}`);
        else if (parts.length)
            break;
        rest -= n * size;
        if (parts.length === 2)
            break;
    }
    return (seconds < 0 ? '−' : '') + parts.join(' ');
}

const two = (n: number) => String(n).padStart(2, '0');

/** "1:02:03", with days before. */
export function clockOf(seconds: number, withDays = false): string {
    if (!Number.isFinite(seconds))
        return digits(seconds);
    const s = Math.round(Math.abs(seconds));
    const days = withDays ? Math.floor(s / 86400) : 0;
    const rest = s - days * 86400;
    return `${seconds < 0 ? '−' : ''}${days ? `${days}d ` : ''}${two(Math.floor(rest / 3600))}:${two(Math.floor((rest % 3600) / 60))}:${two(rest % 60)}`;
}

function parts(ms: number): { date: string; time: string } {
    const d = new Date(ms);
    return { date: `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`, time: `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` };
}

/** "2026-03-01 12:00:00", local. */
export function dateTime(ms: number): string {
    if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15)
        return digits(ms);
    const { date, time } = parts(ms);
    return `${date} ${time}`;
}

/** "in 3 hours", "12 minutes ago". */
export function fromNow(ms: number, now: number): string {
    if (!Number.isFinite(ms))
        return digits(ms);
    const seconds = Math.round((ms - now) / 1000);
    if (Math.abs(seconds) < 2)
        return 'now';
    const [word, size] = WORDS.find(([, s]) => Math.abs(seconds) >= s)!;
    const n = Math.round(Math.abs(seconds) / size);
    const text = `${n} ${word}${n === 1 ? '' : 's'}`;
    return seconds > 0 ? `in ${text}` : `${text} ago`;
}

const when = (text: (ms: number, now: number) => string): Format => (value, _, now) => part(text(value, now));
const words = (yes: string, no: string): Format => (value) => part(value ? yes : no);

const FORMATS = byName<Format>({
    none: plain(''), string: plain(''), short: scaled(1000, SHORT, ''), sishort: scaled(1000, SI, '', SI_SMALL),
    locale: (v, decimals) => part(Number.isFinite(v) ? v.toLocaleString(undefined, decimals === null ? {} : { minimumFractionDigits: decimals, maximumFractionDigits: decimals }) : digits(v)),
    percent: plain('%'), percentunit: plain('%', 100), humidity: plain('%H'), dB: plain('dB'), ppm: plain('ppm'),
    hex: (v) => part(Number.isFinite(v) ? Math.trunc(v).toString(16).toUpperCase() : digits(v)),
    hex0x: (v) => part(Number.isFinite(v) ? `0x${Math.trunc(v).toString(16).toUpperCase()}` : digits(v)),
    sci: (v, decimals) => part(Number.isFinite(v) ? v.toExponential(decimals ?? 2) : digits(v)),
    bool: words('True', 'False'), bool_yes_no: words('Yes', 'No'), bool_on_off: words('On', 'Off'),
    bytes: scaled(1024, IEC, 'B'), decbytes: scaled(1000, SI, 'B'), bits: scaled(1024, IEC, 'b'), decbits: scaled(1000, SI, 'b'),
    kbytes: scaled(1024, IEC, 'B', [], 1), mbytes: scaled(1024, IEC, 'B', [], 2), gbytes: scaled(1024, IEC, 'B', [], 3),
    deckbytes: scaled(1000, SI, 'B', [], 1), decmbytes: scaled(1000, SI, 'B', [], 2), decgbytes: scaled(1000, SI, 'B', [], 3),
    Bps: scaled(1000, SI, 'B/s'), binBps: scaled(1024, IEC, 'B/s'), bps: scaled(1000, SI, 'b/s'), binbps: scaled(1024, IEC, 'b/s'),
    KBs: scaled(1000, SI, 'B/s', [], 1), MBs: scaled(1000, SI, 'B/s', [], 2), KiBs: scaled(1024, IEC, 'B/s', [], 1), MiBs: scaled(1024, IEC, 'B/s', [], 2),
    Kbits: scaled(1000, SI, 'b/s', [], 1), Mbits: scaled(1000, SI, 'b/s', [], 2), pps: scaled(1000, SI, 'p/s'),
    ns: duration(1e-9), µs: duration(1e-6), us: duration(1e-6), ms: duration(1e-3), s: duration(1), m: duration(60), h: duration(3600), d: duration(86400),
    dtdurations: when((v) => spell(v)), dtdurationms: when((v) => spell(v / 1000)), dthms: when((v) => clockOf(v)), dtdhms: when((v) => clockOf(v, true)),
    clocks: when((v) => clockOf(v)), clockms: when((v) => clockOf(v / 1000)), timeticks: when((v) => spell(v / 100)),
    hertz: scaled(1000, SI, 'Hz'), rotrpm: plain('rpm'), rothz: plain('Hz'), flops: scaled(1000, SI, 'FLOPS'),
    reqps: rate('req/s'), ops: rate('ops/s'), rps: rate('rd/s'), wps: rate('wr/s'), iops: rate('io/s'), cps: rate('c/s'), eps: rate('evt/s'),
    mps: rate('msg/s'), recps: rate('rec/s'), rowsps: rate('rows/s'), cpm: rate('c/min'), opm: rate('ops/min'), rpm: rate('rd/min'), wpm: rate('wr/min'),
    reqpm: rate('req/min'),
    celsius: plain('°C'), fahrenheit: plain('°F'), kelvin: plain('K'), degree: plain('°'), radian: plain('rad'),
    watt: scaled(1000, SI, 'W', SI_SMALL), kwatt: scaled(1000, SI, 'W', [], 1), watth: scaled(1000, SI, 'Wh', SI_SMALL), joule: scaled(1000, SI, 'J', SI_SMALL),
    volt: scaled(1000, SI, 'V', SI_SMALL), amp: scaled(1000, SI, 'A', SI_SMALL), ohm: scaled(1000, SI, 'Ω', SI_SMALL), voltamp: scaled(1000, SI, 'VA', SI_SMALL),
    dBm: plain('dBm'), lengthm: scaled(1000, SI, 'm', SI_SMALL), velocityms: plain('m/s'), velocitykmh: plain('km/h'), pressurehpa: plain('hPa'), pressurebar: plain('bar'),
    currencyUSD: money('$'), currencyEUR: money('€'), currencyGBP: money('£'), currencyJPY: money('¥'),
    dateTimeAsIso: when(dateTime), dateTimeAsUS: when(dateTime), dateTimeAsLocal: when(dateTime), dateTimeAsSystem: when(dateTime),
    dateTimeAsIsoNoDateIfToday: when((ms, now) => (parts(ms).date === parts(now).date ? parts(ms).time : dateTime(ms))),
    dateTimeFromNow: when(fromNow),
});

function customFormat(unit: string): Format | undefined {
    const [, kind, rest] = /^(suffix|prefix|si|count|currency|time|bool):(.*)$/s.exec(unit) ?? [];
    switch (kind) {
    case 'suffix': return plain(rest!);
    case 'prefix': return (v, decimals) => part(digits(v, decimals), '', rest);
    case 'si': return scaled(1000, SI, rest!, SI_SMALL);
    case 'count': return rate(rest!);
    case 'currency': return money(rest!);
    case 'time': return when(dateTime);
    case 'bool': return words(...(rest!.split('/').concat('', '').slice(0, 2) as [string, string]));
    default: return undefined;
    }
}

/** Whether the unit is one of ours. What is not is shown behind the number, as it is. */
export function knowsUnit(unit: string): boolean {
    return unit === '' || unit in FORMATS || customFormat(unit) !== undefined;
}

/** `now`, ms since the epoch: for units that count from it. */
export function formatParts(value: number, unit = '', asked: number | null = null, now = Date.now()): Formatted {
    const decimals = asked && Math.min(MAX_DECIMALS, Math.max(0, asked));
    const format = FORMATS[unit] ?? (unit ? (customFormat(unit) ?? plain(unit)) : FORMATS['short']!);
    if (!unit && Math.abs(value) < 1e4) /* no unit: nothing is said of thousands below ten of them */
        return part(digits(value, decimals));
    return format(value, decimals, now);
}

/* These stand at the number: 12%, 3°C, 5K. */
const TIGHT = /^(%|°|K$|Mil|Bil|Tri|Quadr)/;

export function formatValue(value: number | null, unit = '', decimals: number | null = null, now = Date.now()): string {
    if (value === null)
        return '–';
    const { prefix, text, suffix } = formatParts(value, unit, decimals, now);
    return `${prefix}${text}${suffix && !TIGHT.test(suffix) ? ' ' : ''}${suffix}`;
}

const EXACT = 9;
const numberIn = (text: string) => Number(text.replace('−', '-'));

/** Decimals that show the value as it is, in the size its unit gives it; null where there are none (dates, words). */
function decimalsOf(value: number, unit: string): number | null {
    const at = (decimals: number) => numberIn(formatParts(value, unit, decimals).text);
    const exact = at(EXACT);
    if (!Number.isFinite(exact))
        return null;
    let decimals = 0;
    while (decimals < EXACT && Math.abs(at(decimals) - exact) > 1e-6 * Math.abs(exact))
        decimals++;
    return decimals;
}

/** Texts of an axis: no more decimals than the values have, the same for all of one size of the unit. `decimals`: at most so many, as
 * long as neighbours can be told apart. */
export function axisTexts(values: readonly number[], unit: string, decimals: number | null): string[] {
    const needs = new Map<string, number>();
    const sizeOf = (v: number) => formatParts(v, unit, EXACT).suffix;
    for (const v of values)
        needs.set(sizeOf(v), Math.max(needs.get(sizeOf(v)) ?? 0, decimalsOf(v, unit) ?? 0));
    const texts = (most: number) => values.map((v) => formatValue(v, unit, decimalsOf(v, unit) === null ? null : Math.min(most, needs.get(sizeOf(v))!)));
    const wanted = texts(decimals ?? EXACT);
    return new Set(wanted).size === values.length ? wanted : texts(EXACT);
}

/** "00:42", "3 min", "2 h": how old something is, short enough for a chip. */
export function age(ms: number): string {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 3600)
        return `${two(Math.floor(s / 60))}:${two(s % 60)}`;
    return s < 172800 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${Math.floor(s / 86400)} d`;
}

/** Time of day for an axis or a table: seconds only where they tell something. */
export function timeOfDay(ms: number, seconds = true): string {
    const { time } = parts(ms);
    return seconds ? time : time.slice(0, 5);
}

/** "3 series", "1 series" … */
export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;
