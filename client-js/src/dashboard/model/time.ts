/* time.ts - ranges as dashboards write them: "now-6h", "now/d", a date, ms since the epoch. */
import { dateTime } from '../lib/format.ts';

export interface TimeRange {
    readonly from: string;
    readonly to: string;
}

const UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, M: 2592e6, y: 31536e6 };

/** "90s", "1h30m", "2d" in ms. null: not a duration. */
export function parseDuration(text: string): number | null {
    const m = /^\s*(?:\d+(?:\.\d+)?\s*(?:ms|[smhdwMy])\s*)+$/.exec(text);
    if (!m)
        return null;
    let ms = 0;
    for (const [, n, u] of text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|[smhdwMy])/g))
        ms += Number(n) * UNIT[u!]!;
    return ms;
}

/** As PromQL writes it, in one unit: "90s", "5m", "250ms". */
export function promDuration(ms: number): string {
    const whole = Math.max(1, Math.round(ms));
    for (const [name, size] of [['d', 864e5], ['h', 36e5], ['m', 6e4], ['s', 1e3]] as const)
        if (whole % size === 0)
            return `${whole / size}${name}`;
    return `${whole}ms`;
}

function floorTo(ms: number, unit: string, up: boolean): number {
    const d = new Date(ms);
    const y = d.getFullYear(), mo = d.getMonth(), day = d.getDate(), next = up ? 1 : 0;
    switch (unit) {
    case 'ms': return ms;
    case 's': case 'm': case 'h': {
        const zone = d.getTimezoneOffset() * 6e4; /* not whole hours everywhere */
        return (Math.floor((ms - zone) / UNIT[unit]!) + next) * UNIT[unit]! + zone - next;
    }
    case 'd': return new Date(y, mo, day + next).getTime() - next;
    case 'w': return new Date(y, mo, day - ((d.getDay() + 6) % 7) + 7 * next).getTime() - next;
    case 'M': return new Date(y, mo + next, 1).getTime() - next;
    default: return new Date(y + next, 0, 1).getTime() - next;
    }
}

/** ms since the epoch. `end`: "now/d" is the end of the day. null: not a time. */
export function parseTime(text: string, now: number, end = false): number | null {
    const t = text.trim();
    if (/^\d{9,}$/.test(t))
        return Number(t) < 1e11 ? Number(t) * 1000 : Number(t);
    if (!t.startsWith('now')) {
        const date = Date.parse(/^\d{4}-\d\d-\d\d \d/.test(t) ? t.replace(' ', 'T') : t);
        return Number.isNaN(date) ? null : date;
    }
    let ms = now, rest = t.slice(3);
    while (rest) {
        const [all, op, n, unit] = /^([-+/])(\d*)(ms|[smhdwMy])/.exec(rest) ?? [];
        if (!all)
            return null;
        ms = op === '/' ? floorTo(ms, unit!, end) : ms + (op === '-' ? -1 : 1) * Number(n || 1) * UNIT[unit!]!;
        rest = rest.slice(all.length);
    }
    return ms;
}

export interface Resolved {
    readonly from: number;
    readonly to: number;
    /** Ends now, and slides. */
    readonly live: boolean;
}

/** What cannot be read is the last quarter of an hour. */
export function resolveRange(range: TimeRange, now: number): Resolved {
    const from = parseTime(range.from, now), to = parseTime(range.to, now, true);
    if (from === null || to === null || from >= to)
        return { from: now - 9e5, to: now, live: true };
    const live = range.to.trim() === 'now' && /^now-\d/.test(range.from.trim()) && !range.from.includes('/');
    return { from, to, live };
}

/* Steps people can name; the points of a step lie on its multiples. */
const STEPS = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 12e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5];

/** Distance of points for a range when so many are wanted; never finer than `least`. */
export function stepFor(rangeMs: number, points: number, least = 1000): number {
    const want = Math.max(least, rangeMs / Math.max(50, points));
    return STEPS.find((s) => s >= want) ?? Math.ceil(want / 864e5) * 864e5;
}

const MOST_POINTS = 10_000; /* of one series */
const LEAST_MS = 100; /* the server's tick */

/** The same, where the dashboard names an interval; null: it does not. One below a second is meant: then there are as many points as it takes. */
export function intervalFor(rangeMs: number, points: number, own: number | null): number {
    return own !== null && own < 1000 ? stepFor(rangeMs, MOST_POINTS, Math.max(LEAST_MS, own)) : stepFor(rangeMs, points, Math.max(1000, own ?? 0));
}

const NAMES: Readonly<Record<string, string>> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month', y: 'year' };

/** "Last 15 minutes", "2026-03-01 12:00 to 13:00". */
export function describeRange(range: TimeRange): string {
    const [, n, unit] = /^now-(\d+)([smhdwMy])$/.exec(range.from) ?? [];
    if (n && range.to === 'now')
        return `Last ${n === '1' ? '' : `${n} `}${NAMES[unit!]}${n === '1' ? '' : 's'}`;
    const text = (t: string): string => (/^\d{9,}$/.test(t) ? dateTime(parseTime(t, 0)!) : t);
    return `${text(range.from)} to ${text(range.to)}`;
}
