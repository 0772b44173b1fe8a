/* route.ts - who is told how: severity, mutes, quiet hours, storms. */
import type { Severity } from '../client/types.ts';
import type { Item, Preferences, Route } from './types.ts';

export const CRITICAL_MUTE_MS = 30 * 60_000;
const TOAST_MS = 8000;
const STORM_COUNT = 5, STORM_MS = 10_000;

export const DEFAULTS: Preferences = { muted: {}, sound: true, desktop: true };

const SILENT: Route = { sound: null, announce: null, desktop: false, toastMs: 0 };

export function isMuted(severity: Severity, { muted }: Preferences, now: number): boolean {
    const since = muted[severity];
    return since !== undefined && (severity !== 'critical' || now - since < CRITICAL_MUTE_MS);
}

function isQuiet({ quiet }: Preferences, now: number): boolean {
    if (!quiet)
        return false;
    const { from, to } = quiet; /* on the clock's face: how far is it from the beginning? */
    return (new Date(now).getHours() - from + 24) % 24 < (to - from + 24) % 24;
}

/** Only what begins to fire is loud; an acknowledgement or an end shows in the centre. */
export function route(item: Item, prefs: Preferences, now: number): Route {
    if (item.state !== 'firing' || item.severity === 'info')
        return SILENT;
    const critical = item.severity === 'critical';
    if (isMuted(item.severity, prefs, now) || (!critical && isQuiet(prefs, now)))
        return { ...SILENT, toastMs: critical ? TOAST_MS : 0 };
    return {
        sound: prefs.sound ? item.severity : null,
        announce: critical ? 'assertive' : 'polite',
        desktop: critical && prefs.desktop,
        toastMs: TOAST_MS,
    };
}

/** More than five in ten seconds become one summary: how many came lately, this one included, if that is a storm; else 0. */
export function stormGuard(): (now: number) => number {
    let times: number[] = [];
    return (now) => {
        times = [...times.filter((t) => now - t < STORM_MS), now];
        return times.length > STORM_COUNT ? times.length : 0;
    };
}
