/* sse.ts - Server-Sent Events read with fetch (headers, status, no limits of EventSource), actions by POST to the same session. */
import type { Action } from '../protocol.ts';
import { SseParser } from './sse-parser.ts';
import type { Ended, Sink, Target, Transport } from './transport.ts';

/* The server opens no stream without a topic; ours begins with this one and gives it back with the first actions. */
const FIRST = '?topic=notifications';
const FIRST_ID = '1';
const MAX_ACTIONS = 100;

async function why(response: Response): Promise<Ended> {
    const text = await response.text().catch(() => '');
    let reason = `HTTP ${response.status}`;
    try {
        reason = JSON.parse(text).error ?? reason;
    } catch {
        /* an answer of something between */
    }
    const retryAfter = Number(response.headers.get('retry-after')) * 1000;
    const refused = { 400: 'protocol', 401: 'denied', 403: 'denied' } as const;
    return { reason, refused: refused[response.status as 400], ...(retryAfter > 0 ? { retryAfter } : {}) };
}

export function openSse({ base, token, env }: Target, sink: Sink): Transport {
    const abort = new AbortController();
    const auth: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
    let session = '';
    let queue: Action[] = [{ action: 'unsubscribe', id: FIRST_ID }];
    let posting = false;

    function end(reason: Ended): void {
        if (!abort.signal.aborted)
            sink.ended(reason);
        abort.abort();
    }

    async function read(): Promise<void> {
        const response = await env.fetch(`${base}/events${FIRST}`, {
            headers: { accept: 'text/event-stream', ...auth },
            cache: 'no-store',
            signal: abort.signal,
        });
        if (response.status !== 200 || !response.body)
            return end(await why(response));
        const parser = new SseParser(({ event, data }) => {
            if (abort.signal.aborted)
                return;
            if (event === 'welcome')
                session = JSON.parse(data).session;
            sink.message(data);
        });
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        for (;;) {
            const { done, value } = await reader.read();
            if (done)
                return end({ reason: 'the stream ended' });
            sink.heard();
            parser.push(decoder.decode(value, { stream: true }));
        }
    }

    /* One POST at a time: actions keep their order. */
    async function post(): Promise<void> {
        posting = true;
        while (queue.length && !abort.signal.aborted) {
            const actions = queue.slice(0, MAX_ACTIONS);
            queue = queue.slice(MAX_ACTIONS);
            const response = await env.fetch(`${base}/events/${session}`, {
                method: 'POST',
                headers: { 'content-type': 'application/json', ...auth },
                body: JSON.stringify(actions),
                signal: abort.signal,
            });
            if (!response.ok)
                return end(await why(response));
        }
        posting = false;
    }

    const failed = (error: unknown) => end({ reason: String((error as Error)?.message ?? error) });
    read().catch(failed);
    return {
        name: 'sse',
        send(actions) {
            queue.push(...actions);
            if (!posting)
                post().catch(failed);
        },
        close: () => abort.abort(),
    };
}
