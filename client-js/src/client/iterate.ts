/* iterate.ts - a subscription as an async iterator with a bounded buffer. */
import type { PushError } from './errors.ts';
import { copyFrame } from './subscription.ts';
import type { Frame, StreamOptions, Subscription } from './types.ts';

export function iterate(subscribe: (push: (f: Frame) => void) => Subscription, options: StreamOptions): AsyncIterableIterator<Frame> {
    const { buffer = 256, overflow = 'drop-oldest', signal } = options;
    const queue: Frame[] = [];
    let wake: (() => void) | null = null;
    let failure: PushError | null = null;
    let done = false;

    const stop = () => {
        done = true;
        wake?.();
    };
    const subscription = subscribe((frame) => {
        if (queue.length >= buffer && overflow === 'drop-newest')
            return;
        if (queue.length >= buffer)
            queue.shift();
        queue.push(copyFrame(frame));
        wake?.();
    });
    /* Errors that pass are seen by their end only; the one that refuses ends the loop. */
    subscription.on('error', () => {});
    subscription.ready.catch((error: PushError) => {
        failure = error;
        stop();
    });
    signal?.addEventListener('abort', stop, { once: true });

    return {
        [Symbol.asyncIterator]() {
            return this;
        },
        async next() {
            while (!queue.length && !done)
                await new Promise<void>((resolve) => (wake = resolve));
            wake = null;
            const value = signal?.aborted ? undefined : queue.shift();
            if (value)
                return { value, done: false };
            if (failure && failure.code !== 'aborted')
                throw failure;
            return { value: undefined, done: true };
        },
        async return() {
            stop();
            subscription.unsubscribe();
            return { value: undefined, done: true };
        },
    };
}
