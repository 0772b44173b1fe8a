/* signal.ts - a value that tells when it changes. */
export interface Signal<T> {
    get(): T;
    /** Tells the listeners, unless it is the same value. */
    set(value: T): void;
    /** Called with each new value until `signal` aborts. Returns what ends it. `now`: also with the present one. */
    on(listener: (value: T) => void, options?: { signal?: AbortSignal; now?: boolean }): () => void;
}

export function signal<T>(value: T): Signal<T> {
    const listeners = new Set<(value: T) => void>();
    return {
        get: () => value,
        set(next) {
            if (Object.is(next, value))
                return;
            value = next;
            for (const listener of [...listeners])
                listener(value);
        },
        on(listener, options = {}) {
            const end = () => void listeners.delete(listener);
            if (options.signal?.aborted)
                return end;
            listeners.add(listener);
            options.signal?.addEventListener('abort', end, { once: true });
            if (options.now)
                listener(value);
            return end;
        },
    };
}
