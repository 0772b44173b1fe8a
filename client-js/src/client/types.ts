/* types.ts - what the library offers; index.ts exports it. Times are ms since the epoch by the server's clock unless said otherwise. */
import type { PushError } from './errors.ts';

export type Labels = Readonly<Record<string, string>>;

/** One value: null is "nothing here" (the series has gone stale); NaN and the infinities are numbers. */
export type Value = number | null;

/** A series of a stream. The same label set is the same object for the life of a subscription, also after a reconnect. */
export interface Series {
    readonly labels: Labels;
    /** Canonical text of the labels, `{a="b",c="d"}`. */
    readonly key: string;
    /** Its place in `Frame.values`; changes when the server sends its state anew. */
    slot: number;
}

/** A moment: time, and one value per slot. A point whose values are all null after a gap breaks the line. */
export type Point = readonly [time: number, values: readonly Value[]];

/** A series that had ended before the history was read: it has no slot. */
export interface EndedSeries {
    readonly labels: Labels;
    readonly points: readonly (readonly [time: number, value: Value])[];
}

/**
 * What a subscription delivers. An update is one moment; the first frame, and the one after a gap, may bring many (`points`).
 * The arrays belong to the library and change after the callback returns: copy what you keep (frames of `stream()` are copies).
 */
export interface Frame {
    readonly kind: 'full' | 'update';
    readonly time: number;
    readonly offset: number;
    /** By slot; null: a free slot. */
    readonly series: readonly (Series | null)[];
    /** The newest value by slot. */
    readonly values: readonly Value[];
    /** Slots whose value is new in this frame; null: all of them. */
    readonly changed: readonly number[] | null;
    /** Append these, in order. Never older than what was delivered before, unless `reset`. The last one is `[time, values]`. */
    readonly points: readonly Point[];
    /** Series that are in the history only; each full with history has all of them. */
    readonly ended: readonly EndedSeries[];
    /** Series of the result that the server leaves out, its limits.series_per_stream being reached: `value` is without them. */
    readonly leftOut: number;
    /** Forget what was delivered before: `points` begin anew. */
    readonly reset: boolean;
    /** The sum of the values: the one number of a subscription that expects one. null: no value. */
    readonly value: Value;
}

export interface Gap {
    /** Newest moment before the gap, and first moment after it. */
    readonly from: number;
    readonly to: number;
    /** History of the server filled it: nothing is missing. */
    readonly filled: boolean;
}

export type Severity = 'info' | 'warning' | 'critical';

export interface Notification {
    readonly id: string | number;
    readonly type: Severity;
    readonly title: string;
    readonly message?: string;
    readonly timestamp?: number;
    readonly source?: string;
    readonly context?: Readonly<Record<string, unknown>>;
    readonly actionUrl?: string;
    readonly status?: 'firing' | 'resolved' | 'acknowledged';
    readonly [more: string]: unknown;
}

export interface NotificationFilter {
    readonly severity?: Severity | readonly Severity[];
    /** `team="a"`, `i=~"1|2"` … */
    readonly matchers?: readonly string[];
}

export interface SubscribeOptions {
    /** "1s" by default; the least is the server's tick. */
    interval?: string;
    /** Points before now, at the interval: "10m". */
    history?: string;
    /** Call back at most so many times a second, with the newest state. */
    maxRate?: number;
    /** The text is the name of a stream configured on the server, not PromQL. */
    named?: boolean;
    /** Ends the subscription. */
    signal?: AbortSignal;
}

export interface StreamOptions extends SubscribeOptions {
    /** Frames kept for a slow loop (256), and what gives way. */
    buffer?: number;
    overflow?: 'drop-oldest' | 'drop-newest';
}

export interface NotificationOptions {
    filter?: NotificationFilter;
    /** Repeat those of this time that are still there: "1h". */
    history?: string;
    signal?: AbortSignal;
}

export interface SubscriptionEvents {
    /** Something is missing, or was missing and history has filled it. */
    gap: Gap;
    /** After a reconnect the server had everything that was missed. */
    recovered: void;
    /** The expression fails now (`retryable`), or was refused. Values stay the last good ones. */
    error: PushError;
}

export interface Subscription {
    readonly query: string;
    /** Resolves with the first state; rejects when the server refuses (bad PromQL: not retryable) or when it was ended before. */
    readonly ready: Promise<Subscription>;
    readonly state: 'pending' | 'live' | 'failed' | 'closed';
    /** What fails now; a new state clears it. */
    readonly error: PushError | null;
    readonly series: readonly (Series | null)[];
    readonly values: readonly Value[];
    /** Of the newest frame; 0: none yet. */
    readonly time: number;
    /** The server is behind with it: no news does not mean that nothing has changed since `time`. */
    readonly late: boolean;
    on<K extends keyof SubscriptionEvents>(event: K, listener: (detail: SubscriptionEvents[K]) => void): () => void;
    unsubscribe(): void;
    [Symbol.dispose](): void;
}

export type State = 'idle' | 'connecting' | 'open' | 'reconnecting' | 'suspended' | 'closed';
export type TransportName = 'ws' | 'sse';
/**
 * Frames a second, told to the server, so that it sends no more: full: no limit · mobile: 2 · saver: 1 · hidden: one in ten
 * seconds, notifications at once · suspended: the connection is closed.
 */
export type Power = 'full' | 'saver' | 'mobile' | 'hidden' | 'suspended';

export interface StateChange {
    readonly state: State;
    readonly previous: State;
    readonly reason?: string;
    /** Tries since the last stable connection. */
    readonly attempt: number;
    /** Local clock, ms since the epoch: when the next try is made. */
    readonly retryAt?: number;
    readonly transport?: TransportName;
    /** Not to be mended by trying again (token, rights, protocol). */
    readonly error?: PushError;
}

export interface Welcome {
    readonly server: string;
    readonly session: string;
    readonly epoch: string;
    readonly time: number;
    readonly heartbeat: number;
    readonly limits: Readonly<Record<string, number>>;
    readonly [more: string]: unknown;
}

export interface ClientEvents {
    state: StateChange;
    welcome: Welcome;
    /** Server time up to which everything that was due has come: the display's clock. Beats at least every `client.heartbeat` ms. */
    time: number;
    power: Power;
    /** Errors that belong to no subscription, and what callbacks throw. */
    error: unknown;
}

/** `expiresAt`: ms since the epoch; a new one is asked for half a minute before. */
export type Token = string | { readonly token: string; readonly expiresAt?: number };

export interface TokenRequest {
    /** connect: before every connection · refused: the last token was not accepted · expiry: it ends soon. */
    readonly reason: 'connect' | 'refused' | 'expiry';
    readonly signal: AbortSignal;
}

export interface Sample {
    metric: string;
    value: number;
    labels?: Labels;
    timestamp?: number;
}

export interface ClientOptions {
    /** A callback is asked on connect, before `expiresAt`, and when the server refused the last one; null: no token. */
    token?: string | ((request: TokenRequest) => Token | null | Promise<Token | null>);
    /** Tried in this order: ['ws', 'sse']. */
    transports?: readonly TransportName[];
    /** ms; defaults 500 and 20 000. */
    backoff?: { base?: number; max?: number };
    /** auto: by visibility, battery and data saver. */
    power?: 'auto' | Power;
    /** For Node before 22: the `WebSocket` of the package `ws`. */
    WebSocket?: unknown;
    /** Clock, timers, randomness and page: tests replace them. */
    env?: Partial<Env>;
}

/** What the library takes from its surroundings. */
export interface Env {
    /** Monotonic ms, and ms since the epoch. */
    now(): number;
    date(): number;
    random(): number;
    setTimeout(fn: () => void, ms: number): unknown;
    clearTimeout(timer: unknown): void;
    fetch: typeof fetch;
    WebSocket: unknown;
    /** Of the browser; absent in Node. */
    window?: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;
    document?: Pick<Document, 'addEventListener' | 'removeEventListener' | 'visibilityState'>;
    navigator?: unknown;
    storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
}
