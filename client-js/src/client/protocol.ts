/* protocol.ts - messages of streamgauge.v1 (tests/data/proto has them as transcripts). */
import type { Labels, Notification, Welcome } from './types.ts';

export const SUBPROTOCOL = 'streamgauge.v1';

/** A value on the wire: NaN and the infinities are strings. */
export type WireValue = number | null | 'NaN' | '+Inf' | '-Inf';

export interface WireError {
    code: string;
    message: string;
    position?: number;
    retryable?: boolean;
}

export interface FullMessage {
    type: 'full';
    s: number;
    o: number;
    t: number;
    series: (Labels | null)[];
    points: [number, WireValue[]][];
    /** Of series without a slot, only in the past: the values of the first points. */
    ended?: [Labels, WireValue[]][];
    /** Series beyond the server's limit; in an update: where it is another number than none before. */
    leftOut?: number;
    error?: WireError;
}

export interface UpdateMessage {
    type?: undefined;
    s: number;
    o: number;
    t: number;
    d?: (number | WireValue)[];
    add?: [number, Labels][];
    del?: number[];
    leftOut?: number;
}

export type ServerMessage =
    | FullMessage
    | UpdateMessage
    | ({ type: 'welcome' } & Welcome)
    | { type: 'subscribed'; id: string; stream: number; recovered: boolean; interval?: string }
    | { type: 'notification'; o: number; notification: Notification }
    | { type: 'gap'; s: number; from: number; to: number }
    | ({ type: 'error'; id?: string; s?: number; o?: number } & WireError)
    | { type: 'heartbeat'; t: number; late?: number[] | true }
    | { type: 'pong'; time?: number; server: number };

export type Action = { action: string; [field: string]: unknown };

/** "1s", "1m30s" … in ms. */
export function durationMs(text: string): number {
    const unit: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31536e6 };
    let ms = 0;
    for (const [, n, u] of text.matchAll(/(\d+)(ms|[smhdwy])/g))
        ms += Number(n) * unit[u!]!;
    return ms;
}

export function decodeValue(v: WireValue): number | null {
    return typeof v !== 'string' ? v : v === '+Inf' ? Infinity : v === '-Inf' ? -Infinity : NaN;
}
