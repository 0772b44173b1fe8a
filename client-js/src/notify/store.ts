/* store.ts - history of notifications in IndexedDB: 500 items, 7 days. Without IndexedDB the centre has them in memory only. */
import type { Item } from './types.ts';

export const MAX_ITEMS = 500;
export const MAX_AGE_MS = 7 * 86_400_000;
const STORE = 'items';

export interface Store {
    load(): Promise<Item[]>;
    /** Puts the changed ones, deletes the others. */
    save(put: readonly Item[], remove: readonly string[]): Promise<void>;
}

function done<R extends IDBRequest>(request: R): Promise<R['result']> {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

/** null: private windows, blocked storage, Node. */
export async function openStore(name = 'notifications'): Promise<Store | null> {
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
        return null;
    }
}
