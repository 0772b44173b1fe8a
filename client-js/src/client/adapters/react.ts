/* react.ts - `const frame = usePush(client, 'sum(up)')`. */
import { useCallback, useRef, useSyncExternalStore } from 'react';
import type { PushClient } from '../client.ts';
import type { Frame, SubscribeOptions } from '../types.ts';

/** The newest frame; null before the first. Renders once per frame: give `maxRate` for what people read. */
export function usePush(client: PushClient, query: string, options: SubscribeOptions = {}): Frame | null {
    const frame = useRef<Frame | null>(null);
    const { interval, history, maxRate, named } = options;
    const subscribe = useCallback((changed: () => void) => {
        frame.current = null;
        const subscription = client.subscribe(query, (f) => {
            frame.current = { ...f, value: f.value, values: [...f.values] };
            changed();
        }, { interval, history, maxRate, named });
        return () => subscription.unsubscribe();
    }, [client, query, interval, history, maxRate, named]);
    return useSyncExternalStore(subscribe, () => frame.current, () => null);
}
