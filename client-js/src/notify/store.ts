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

function done<R extends IDBRequest>(request: R): Promise<R['result']> {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

export async function openStore(name = 'streamgauge-notifications'): Promise<Store> {
    try {
        const opening = indexedDB.open(name, 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: 'id' });
        const db: IDBDatabase = await done(opening);
        const items = (mode: IDBTransactionMode) => db.transaction(STORE, mode).objectStore(STORE);
        return {
            load: () => done(items('readonly').getAll()),
            async save(put, remove) {
                const store = items('readwrite');
                await Promise.all([...put.map((i) => done(store.put(i))), ...remove.map((id) => done(store.delete(id)))]);
            },
        };
    } catch {
        return memoryStore(); /* private _windows, blocked storage, Node */
    }
}
