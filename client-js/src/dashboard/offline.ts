/* offline.ts - the last thing seen, kept for when the server cannot be reached: written soon, every half minute and when the page goes,
 * shown as what it is, old. */
import type { Seen } from './data.ts';

const EVERY_MS = 30_000;
const NAME = 'streamgauge-offline', STORE = 'seen';
const MAX_BYTES = 4_000_000; /* of values, per dashboard */
const MAX_DASHBOARDS = 20;

export interface Snapshot {
    readonly uid: string;
    /** Server time of the newest of it. */
    readonly at: number;
    readonly sources: readonly Seen[];
}

const done = <R>(request: IDBRequest<R>): Promise<R> => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
});

type Stored = (mode: IDBTransactionMode) => IDBObjectStore;
let opened: Stored | null = null; /* a page that goes has no time to open it */

async function open(): Promise<Stored> {
    const opening = indexedDB.open(NAME, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'uid' });
    const db = await done(opening);
    return (opened = (mode) => db.transaction(STORE, mode).objectStore(STORE));
}

/** null: nothing was kept, or nothing can be. */
export async function recall(uid: string): Promise<Snapshot | null> {
    try {
        return (await done<Snapshot | undefined>((opened ?? (await open()))('readonly').get(uid))) ?? null;
    } catch {
        return null;
    }
}

export async function keep(snapshot: Snapshot): Promise<void> {
    let bytes = 0;
    const sources = snapshot.sources.filter((s) => (bytes += 8 * s.times.length * (1 + s.series.length)) <= MAX_BYTES);
    if (!sources.length)
        return;
    try {
        const store = (opened ?? (await open()))('readwrite');
        await done(store.put({ ...snapshot, sources }));
        const all = (await done(store.getAll())) as Snapshot[];
        for (const old of all.sort((a, b) => b.at - a.at).slice(MAX_DASHBOARDS))
            await done(store.delete(old.uid));
    } catch {
        /* no room, or not allowed: then there is nothing to show later */
    }
}

/** `take`: what is seen now; null: nothing that is worth it. Returns what keeps it at once. */
export function keepSeen(take: () => Snapshot | null, signal: AbortSignal): () => void {
    const save = (): void => {
        const now = take();
        if (now)
            void keep(now);
    };
    const timer = setInterval(save, EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    addEventListener('pagehide', save, { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && save(), { signal });
    return save;
}
