/* subscription.ts - what the server is asked once (Shared), and each caller's end of it (Handle). */
import { StreamState, sum } from './codec.ts';
import { Emitter } from './emitter.ts';
import { PushError } from './errors.ts';
import { durationMs, type Action, type FullMessage, type UpdateMessage, type WireError } from './protocol.ts';
import type {
    Env, Frame, Notification, Point, Series, SubscribeOptions, Subscription, SubscriptionEvents, Value,
} from './types.ts';

export type Deliver = (frame: Frame) => void;
export type DeliverNotification = (notification: Notification) => void;

const CLOCK_BACK_MS = 1000;

type FramePart = Pick<Frame, 'kind' | 'changed' | 'points' | 'ended' | 'reset'>;

/** One subscription of the server, shared by all who asked for the same. */
export class Shared {
    readonly handles = new Set<Handle>();
    readonly data = new StreamState();
    stream = -1;      /* its number on this connection; -1: not answered yet */
    live = false;     /* has a state that updates apply to */
    late = false;
    error: PushError | null = null;
    epoch = '';       /* where to resume */
    offset = -1;
    time = 0;
    private _firstTime = 0;
    private readonly _stepMs: number;
    private _leftOut = 0;
    private _gap = false;

    constructor(readonly id: string, readonly key: string, private readonly _request: Action) {
        this._stepMs = durationMs((_request['interval'] as string | undefined) ?? '1s');
    }

    get history(): string | undefined {
        return this._request['history'] as string | undefined;
    }

    get isFeed(): boolean {
        return this._request['topic'] !== undefined;
    }

    subscribeAction(): Action {
        const resume = this.offset >= 0 ? { epoch: this.epoch, offset: this.offset } : {};
        return { ...this._request, id: this.id, ...resume };
    }

    /** The connection is gone: numbers of streams with it. */
    forgetConnection(): void {
        this.stream = -1;
    }

    subscribed(stream: number, recovered: boolean): void {
        this.stream = stream;
        const resumed = this.offset >= 0;
        if (this.isFeed) {
            this.live = true;
            this._each((h) => h.becomeLive());
        }
        if (recovered)
            this._each((h) => h.emit('recovered', undefined));
        else if (!this.isFeed)
            this.live = false;
        this._gap = resumed && !recovered && !this.isFeed;
        if (resumed && !recovered && this.isFeed)
            this.offset = -1;
    }

    /** Frames are lost; of a metric a full follows, notifications stay lost. */
    missed(now: number): void {
        if (this.isFeed)
            this._each((h) => h.emit('gap', { from: this.time, to: now, filled: false }));
        else
            this._gap = this.time > 0;
    }

    full(m: FullMessage, epoch: string): void {
        const points = this.data.full(m);
        const first = points[0]?.[0] ?? m.t;
        /* Older than what is known: more history has come, or the server's clock was set back. */
        const reset = !this.time || first < this._firstTime || m.t < this.time - CLOCK_BACK_MS;
        const fresh = reset ? points : points.filter(([t]) => t > this.time);
        const gap = this._gap && !reset ? this._bridge(points, fresh) : null;
        if (reset)
            this._firstTime = first;
        this._place(m, epoch);
        this.live = true;
        this._gap = false;
        this.error = m.error ? toError(m.error) : null;
        this._leftOut = m.leftOut ?? 0;
        const ended = (m.ended ?? []).map(([labels, values]) => ({ labels, points: values.map((v, i) => [points[i]![0], v as Value] as const) }));
        this._deliver({ kind: 'full', changed: null, points: fresh, ended, reset });
        if (gap)
            this._each((h) => h.emit('gap', gap));
    }

    /** Nothing may be drawn across a time nobody knows of: a point without values goes between. */
    private _bridge(points: Point[], fresh: Point[]): SubscriptionEvents['gap'] {
        const from = this.time;
        const next = fresh[0];
        const filled = !!next && points[0]![0] <= from + 1.5 * this._stepMs && next[1].some((v) => v !== null);
        if (!filled && next && next[0] > from + 1)
            fresh.unshift([from + 1, this.data.series.map(() => null)]);
        return { from, to: next?.[0] ?? from, filled };
    }

    update(m: UpdateMessage, epoch: string): void {
        if (!this.live || (m.o <= this.offset && epoch === this.epoch))
            return;
        const changed = this.data.update(m);
        this._place(m, epoch);
        this.error = null;
        this._leftOut = m.leftOut ?? this._leftOut;
        this._deliver({ kind: 'update', changed, points: [[m.t, this.data.values]], ended: [], reset: false });
    }

    notification(o: number, notification: Notification, epoch: string): void {
        if (!this.live || (o <= this.offset && epoch === this.epoch))
            return;
        this.offset = o;
        this.epoch = epoch;
        this.time = notification.timestamp ?? this.time;
        this._each((h) => h.notify(notification));
    }

    fail(error: PushError, final: boolean): void {
        this.error = error;
        this._each((h) => h.fail(error, final));
    }

    /** For one who came later: what is known now. */
    present(handle: Handle): void {
        if (!this.live)
            return;
        if (this.isFeed)
            handle.becomeLive();
        else if (this.time)
            handle.frame(this._frame({ kind: 'full', changed: null, points: [[this.time, this.data.values]], ended: [], reset: true }));
    }

    private _place(m: { o: number; t: number }, epoch: string): void {
        this.offset = m.o;
        this.epoch = epoch;
        this.time = m.t;
        this.late = false;
    }

    private _frame(part: FramePart): Frame {
        const { series, values } = this.data;
        return {
            ...part, time: this.time, offset: this.offset, series, values, leftOut: this._leftOut,
            get value() {
                return sum(values);
            },
        };
    }

    private _deliver(part: FramePart): void {
        const frame = this._frame(part);
        this._each((h) => h.frame(frame));
    }

    private _each(apply: (h: Handle) => void): void {
        for (const handle of this.handles)
            apply(handle);
    }
}

export function toError(m: WireError): PushError {
    return new PushError(m.code, m.message, m.retryable ?? false, m.position);
}

/** A frame that may be kept. */
export function copyFrame(f: Frame): Frame {
    return {
        ...f, value: f.value, series: [...f.series], values: [...f.values],
        points: f.points.map(([t, v]) => [t, [...v]]),
    };
}

export interface HandleHost {
    env: Env;
    /** The last word of a handle. */
    release(handle: Handle): void;
    /** What callbacks throw, and errors nobody listens to. */
    report(error: unknown): void;
}

export class Handle implements Subscription {
    readonly ready: Promise<Subscription>;
    state: Subscription['state'] = 'pending';
    private readonly _events: Emitter<SubscriptionEvents>;
    private _settle!: { resolve: (s: Subscription) => void; reject: (e: PushError) => void };
    private readonly _gapMs: number;
    private _held: Frame | null = null; /* waits for its turn under maxRate */
    private _timer: unknown = null;

    constructor(
        readonly query: string,
        readonly shared: Shared,
        private readonly _host: HandleHost,
        private readonly _callback: Deliver | DeliverNotification,
        { maxRate, signal }: Pick<SubscribeOptions, 'maxRate' | 'signal'>,
    ) {
        this._events = new Emitter((error) => this._host.report(error));
        this.ready = new Promise((resolve, reject) => (this._settle = { resolve, reject }));
        this.ready.catch(() => {}); /* who does not wait for it is told by the event */
        this._gapMs = maxRate ? 1000 / maxRate : 0;
        if (signal?.aborted)
            queueMicrotask(() => this.unsubscribe());
        else
            signal?.addEventListener('abort', () => this.unsubscribe(), { once: true });
    }

    get error(): PushError | null {
        return this.shared.error;
    }

    get series(): readonly (Series | null)[] {
        return this.shared.data.series;
    }

    get values(): readonly Value[] {
        return this.shared.data.values;
    }

    get time(): number {
        return this.shared.time;
    }

    get late(): boolean {
        return this.shared.late;
    }

    on<K extends keyof SubscriptionEvents>(event: K, listener: (detail: SubscriptionEvents[K]) => void): () => void {
        return this._events.on(event, listener);
    }

    emit<K extends keyof SubscriptionEvents>(event: K, detail: SubscriptionEvents[K]): boolean {
        return this._events.emit(event, detail);
    }

    becomeLive(): void {
        if (this.state === 'closed')
            return;
        this.state = 'live';
        this._settle.resolve(this);
    }

    frame(frame: Frame): void {
        if (!this._gapMs)
            return this._call(frame);
        this._held = this._held ? merge(this._held, frame) : copyFrame(frame);
        if (this._timer === null)
            this._flush();
    }

    notify(notification: Notification): void {
        this._call(notification);
    }

    fail(error: PushError, final: boolean): void {
        if (final) {
            this.state = 'failed';
            this._settle.reject(error);
        }
        if (!this.emit('error', error))
            this._host.report(error);
    }

    unsubscribe(): void {
        if (this.state === 'closed')
            return;
        this.state = 'closed';
        this._host.env.clearTimeout(this._timer);
        this._held = null;
        this._settle.reject(new PushError('aborted', 'the subscription was ended before its first state'));
        this._host.release(this);
    }

    [Symbol.dispose](): void {
        this.unsubscribe();
    }

    private _flush(): void {
        const frame = this._held;
        this._held = this._timer = null;
        if (!frame)
            return;
        this._timer = this._host.env.setTimeout(() => {
            this._timer = null;
            this._flush();
        }, this._gapMs);
        this._call(frame);
    }

    private _call(what: Frame | Notification): void {
        if (this.state === 'closed')
            return;
        this.becomeLive();
        try {
            (this._callback as (w: Frame | Notification) => void)(what);
        } catch (error) {
            this._host.report(error);
        }
    }
}

/** Two frames as one: all points, the newest state. */
function merge(a: Frame, b: Frame): Frame {
    const next = copyFrame(b);
    if (b.reset)
        return next;
    const changed = a.changed && b.changed ? [...new Set([...a.changed, ...b.changed])] : null;
    const kind = a.kind === 'full' ? 'full' : b.kind;
    return { ...next, kind, changed, points: [...a.points, ...next.points], ended: [...a.ended, ...next.ended], reset: a.reset };
}
