/* env.ts - the real surroundings: browser or Node. */
import type { Env } from './types.ts';

export function defaultEnv(): Env {
    const g = globalThis as typeof globalThis & Partial<Window>;
    let storage: Storage | undefined;
    try {
        storage = g.document && g.localStorage;
    } catch {
        /* blocked by the browser's settings: nothing is remembered */
    }
    return {
        now: () => performance.now(),
        date: () => Date.now(),
        random: Math.random,
        setTimeout: (fn, ms) => g.setTimeout(fn, ms),
        clearTimeout: (timer) => g.clearTimeout(timer as number),
        fetch: (input, init) => g.fetch(input, init),
        WebSocket: g.WebSocket,
        window: g.document && g.window,
        document: g.document,
        navigator: g.document && g.navigator,
        storage,
    };
}
