/* ws.ts - WebSocket. */
import { SUBPROTOCOL, type Action } from '../protocol.ts';
import type { Ended, Sink, Target, Transport } from './transport.ts';

const MAX_ACTIONS = 100; /* per message; the server takes 200, and 64 KB */

function why(event: { code: number; reason: string }): Ended {
    const { code, reason } = event;
    if (code === 4001 || code === 4003)
        return { reason: reason || 'token refused', refused: 'denied' };
    try {
        const retryAfter = Number(JSON.parse(reason).retryAfter);
        if (retryAfter > 0)
            return { reason: 'the server asks to come back later', retryAfter };
    } catch {
        /* most reasons are words */
    }
    return { reason: reason || `connection closed (${code})` };
}

export function openWs({ base, token, env }: Target, sink: Sink): Transport {
    const Socket = env.WebSocket as typeof WebSocket;
    const socket = new Socket(base.replace(/^http/, 'ws') + '/stream', [SUBPROTOCOL]);
    let done = false;
    const send = (actions: readonly Action[]) => {
        for (let i = 0; i < actions.length; i += MAX_ACTIONS)
            if (socket.readyState === 1)
                socket.send(JSON.stringify(actions.slice(i, i + MAX_ACTIONS)));
    };
    socket.onopen = () => token && send([{ action: 'auth', token }]);
    socket.onmessage = (event) => {
        if (done)
            return;
        sink.heard();
        sink.message(event.data as string);
    };
    socket.onerror = () => {}; /* onclose says more */
    socket.onclose = (event) => {
        if (!done)
            sink.ended(why(event));
        done = true;
    };
    return {
        name: 'ws',
        send,
        close() {
            done = true;
            socket.close();
        },
    };
}
