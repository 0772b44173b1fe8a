/* kiosk.ts - `?kiosk`: what the address asks of a wall display, and the size of its letters. The display itself is wall.ts, which is
 * loaded only then. */

export interface KioskOptions {
    /** Farthest seat over the width of the screen: letters grow with it. */
    readonly ratio: number;
    /** Dashboards in turn; empty: this one stays. */
    readonly rotate: readonly string[];
    readonly everyMs: number;
    /** Local time at which the page is loaded anew each day, "04:00"; empty: never. */
    readonly reloadAt: string;
}

const RATIO = 2.5; /* when the address does not say how far away people sit */
const RATIOS = [0.6, 6] as const;
const EVERY_MS = 25_000;
const EVERY = [5_000, 3_600_000] as const;
const INCH_M = 0.0254;
const MAX_PAGES = 50;

const within = (v: number, [least, most]: readonly [number, number]): number => Math.min(most, Math.max(least, v));

/** "20s", "2m", "20" (seconds); null: none of these. */
export function everyMs(words: string): number | null {
    const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(words.trim()) ?? [];
    return digits ? Number(digits) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(unit ?? 's') as 's'] : null;
}

/** null: not a wall. `aspect`: width over height of the screen. */
export function kioskOptions(search: URLSearchParams, aspect = 16 / 9): KioskOptions | null {
    const asked = search.get('kiosk');
    if (asked === null || asked === '0' || asked === 'false')
        return null;
    const distance = Number(search.get('distance')), diagonal = Number(search.get('diag'));
    const width = diagonal * INCH_M * (aspect / Math.hypot(aspect, 1));
    const known = distance > 0 && diagonal > 0;
    const every = everyMs(search.get('every') ?? '');
    const reload = /^([01]?\d|2[0-3]):[0-5]\d$/.test(search.get('reload') ?? '') ? search.get('reload')! : '';
    return {
        ratio: within(known ? distance / width : RATIO, RATIOS),
        rotate: [...new Set((search.get('rotate') ?? '').split(',').map((uid) => uid.trim()).filter(Boolean))].slice(0, MAX_PAGES),
        everyMs: every === null ? EVERY_MS : within(every, EVERY),
        reloadAt: reload,
    };
}
