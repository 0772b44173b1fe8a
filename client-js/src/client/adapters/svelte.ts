/* svelte.ts - `const load = pushStore(client, 'node_load1')`, then `$load?.value`. */
import type { PushClient } from '../client.ts';
import type { Frame, SubscribeOptions } from '../types.ts';

/** A readable store: the newest frame, null before the first. Subscribes while somebody looks. */
export function pushStore(client: PushClient, query: string, options: SubscribeOptions = {}) {
    return {
        subscribe(run: (frame: Frame | null) => void): () => void {
            run(null);
            const subscription = client.subscribe(query, (f) => run({ ...f, value: f.value, values: [...f.values] }), options);
            return () => subscription.unsubscribe();
        },
    };
}
