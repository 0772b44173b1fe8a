/* emitter.ts - typed events. What a listener throws goes to `onThrow`, never to the one who emits. */

export class Emitter<E> {
    private readonly _listeners = new Map<keyof E, Set<(detail: never) => void>>();

    constructor(private readonly _onThrow: (error: unknown) => void) {}

    on<K extends keyof E>(event: K, listener: (detail: E[K]) => void): () => void {
        let set = this._listeners.get(event);
        if (!set)
            this._listeners.set(event, (set = new Set()));
        set.add(listener);
        return () => void set.delete(listener);
    }

    /** False: nobody listens. */
    emit<K extends keyof E>(event: K, detail: E[K]): boolean {
        const set = this._listeners.get(event);
        for (const listener of set ?? []) {
            try {
                (listener as (detail: E[K]) => void)(detail);
            } catch (error) {
                this._onThrow(error);
            }
        }
        return !!set?.size;
    }
}
