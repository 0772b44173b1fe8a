/* store.ts - history of notifications in IndexedDB: 500 items, 7 days. Without IndexedDB: in memory. */
import type { Item } from './types.ts';

export const MAX_ITEMS = 500;
export const MAX_AGE_MS = 7 * 86_400_000;
const STORE = 'items';

export interface Store {
    load(): Promise<Item[]>;
    /** Puts the changed ones, deletes the others. */
    save(put: readonly Item[], remove: readonly string[]): Promise<void>;
}

/** Keeps nothing: the centre has its items in memory anyway. */
export function memoryStore(): Store {
    return { load: async () => [], save: async () => {} };
}

function done(request: IDBOpenDBRequest | IDBTransaction): Promise<void> {
    return new Promise((resolve, reject) => {
        const ok = () => resolve();
        if ('result' in request)
            request.onsuccess = ok;
        else
            request.oncomplete = ok;
        request.onerror = () => reject(request.error);
    });
}

export async function openStore(name = 'streamgauge-notifications'): Promise<Store> {
    try {
        const opening = indexedDB.open(name, 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
        await done(opening);
        const db = opening.result;
        return {
            async load() {
                const tx = db.transaction(STORE);
                const all = tx.objectStore(STORE).getAll();
                await done(tx);
                return all.result;
            },
            async save(put, remove) {
                const tx = db.transaction(STORE, 'readwrite');
                const items = tx.objectStore(STORE);
                put.forEach((i) => items.put(i));
                remove.forEach((id) => items.delete(id));
                await done(tx);
            },
        };
    } catch {
        return memoryStore(); /* private _windows, blocked storage, Node */
    }
}
