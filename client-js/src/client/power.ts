/* power.ts - how much this page may cost just now: visibility, battery, data saver. */
import type { Env, Power } from './types.ts';

export const RATES: Record<Power, number | null> = { full: null, mobile: 2, saver: 1, hidden: 0.1, suspended: 0.1 };

const HIDDEN_MS = 10_000;     /* a glance at another tab costs nothing */
const SUSPEND_MS = 300_000;
const LOW_BATTERY = 0.2;

interface Battery extends EventTarget {
    readonly charging: boolean;
    readonly level: number;
}

interface PowerNavigator {
    getBattery?: () => Promise<Battery>;
    connection?: EventTarget & { saveData?: boolean };
    userAgentData?: { mobile?: boolean };
}

/** Calls back with the present level, and whenever it changes. Returns what ends it. */
export function watchPower(env: Env, onChange: (level: Power) => void): () => void {
    const nav = (env.navigator ?? {}) as PowerNavigator;
    const abort = new AbortController();
    const { signal } = abort;
    let battery: Battery | undefined;
    let away: Power | null = null;
    let timer: unknown;
    let last: Power | null = null;

    function update(): void {
        const low = battery && !battery.charging && battery.level < LOW_BATTERY;
        const level = away ?? (low || nav.connection?.saveData ? 'saver' : nav.userAgentData?.mobile && !battery ? 'mobile' : 'full');
        if (level !== last && !signal.aborted)
            onChange((last = level));
    }
    function leave(level: Power, ms: number, then?: () => void): void {
        timer = env.setTimeout(() => {
            away = level;
            update();
            then?.();
        }, ms);
    }
    function visibility(): void {
        env.clearTimeout(timer);
        if (env.document?.visibilityState === 'hidden') {
            leave('hidden', HIDDEN_MS, () => leave('suspended', SUSPEND_MS - HIDDEN_MS));
            return;
        }
        away = null;
        update();
    }

    env.document?.addEventListener('visibilitychange', visibility, { signal });
    nav.connection?.addEventListener?.('change', update, { signal });
    nav.getBattery?.().then((b) => {
        battery = b;
        for (const event of ['levelchange', 'chargingchange'])
            b.addEventListener(event, update, { signal });
        update();
    }, () => {});
    update();
    visibility();
    return () => {
        abort.abort();
        env.clearTimeout(timer);
    };
}
