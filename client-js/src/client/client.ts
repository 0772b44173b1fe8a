/* client.ts - one connection to a server, kept alive: transports, states, back-off, resuming, power.
 *
 *     idle ──► connecting ──welcome──► open ──lost──► reconnecting ──welcome──► open
 *                                        └─hidden 5 min─► suspended ──shown──► reconnecting        any ──► closed
 */
import { Backoff } from './backoff.ts';
import { Emitter } from './emitter.ts';
import { defaultEnv } from './env.ts';
import { PushError } from './errors.ts';
import { iterate } from './iterate.ts';
import { RATES, watchPower } from './power.ts';
import type { Action, ServerMessage } from './protocol.ts';
import { checkMove } from './state.ts';
import { Handle, Shared, toError, type Deliver, type DeliverNotification } from './subscription.ts';
import { openSse } from './transport/sse.ts';
import type { Ended, Sink, Transport } from './transport/transport.ts';
import { openWs } from './transport/ws.ts';
import type {
    ClientEvents, ClientOptions, Env, Frame, NotificationOptions, Power, Sample, State, StateChange, StreamOptions,
    SubscribeOptions, Subscription, TokenRequest, TransportName, Welcome,
} from './types.ts';

const CONNECT_MS = 5000;        /* connect and welcome */
const WS_SILENT_MS = 2500;      /* a WebSocket that says nothing that long gets SSE beside it */
const STABLE_MS = 5000;         /* open that long: the next loss starts with the shortest wait again */
const DEAD_GRACE_MS = 10_000;   /* beyond the heartbeat without a word: the connection is dead */
const PONG_MS = 2000;
const WATCH_MS = 1000;
const ASLEEP_MS = 5000;         /* a second that took longer: the machine has slept */
const REMEMBER_MS = 600_000;    /* SSE is tried first that long after it was needed */
const PROBE_MS = 300_000;       /* on SSE: how often WebSocket is tried again */
const PROBE_SOON_MS = 5000;     /* … when WebSocket has worked before */
const RETRY_SUBSCRIBE_MS = 1000;
const EXPIRY_MARGIN_MS = 30_000;
const MAX_TIMER_MS = 0x7fffffff;

type Timer = 'retry' | 'connect' | 'silent' | 'stable' | 'watch' | 'pong' | 'probe' | 'probeEnd' | 'expiry';

interface Waiting {
    resolve: () => void;
    reject: (error: PushError) => void;
}

/** http(s)://host/prefix of any address of the server, or of the page. */
function baseOf(url: string | undefined): string {
    const page = (globalThis as { location?: Location }).location?.href;
    const u = new URL(url ?? '/', page);
    return u.origin.replace(/^null$/, `${u.protocol}//${u.host}`).replace(/^ws/, 'http') + u.pathname.replace(/\/(stream)?\/?$/, '');
}

export class PushClient {
    /** Of the newest connection. */
    welcome: Welcome | null = null;
    /** Server time up to which everything due has come; 0: never connected. */
    serverTime = 0;
    state: State = 'idle';

    private readonly _base: string;
    private readonly _env: Env;
    private readonly _events: Emitter<ClientEvents>;
    private readonly _backoff: Backoff;
    private readonly _shareds = new Map<string, Shared>();   /* by id */
    private _byStream = new Map<number, Set<Shared>>();
    private readonly _timers = new Map<Timer, unknown>();
    private readonly _requests = new Map<string, Waiting>(); /* actions whose end we wait for */
    private _connectWaiters: Waiting[] = [];
    private _link: Transport | null = null;
    private _trying: Transport[] = [];
    private _dialing: AbortController | null = null;
    private _token: string | null = null;
    private _tokenReason: TokenRequest['reason'] = 'connect';
    private _wsWorked = false;
    private _heardAt = 0;
    private _watchedAt = 0;
    private _lastId = 0;
    private _level: Power = 'full';
    private _stopWatching: (() => void) | null = null;
    private readonly _wake = () => this._woken();

    private readonly _options: ClientOptions;

    constructor(url?: string, options: ClientOptions = {}) {
        this._options = { ...options };
        this._base = baseOf(url);
        this._env = { ...defaultEnv(), ...(options.WebSocket ? { WebSocket: options.WebSocket } : {}), ...options.env };
        this._backoff = new Backoff(this._env.random, options.backoff?.base, options.backoff?.max);
        this._events = new Emitter((error) => console.error(error));
    }

    get transport(): TransportName | null {
        return this._link?.name ?? null;
    }

    get power(): Power {
        return this._level;
    }

    /** ms within which the server says something when all is well: with a rate slower than heartbeats they come with the frames. */
    get heartbeat(): number {
        return Math.max(this.welcome?.heartbeat ?? 5000, 1000 / (RATES[this._level] ?? Infinity));
    }

    on<K extends keyof ClientEvents>(event: K, listener: (detail: ClientEvents[K]) => void): () => void {
        return this._events.on(event, listener);
    }

    /** Resolves on the server's welcome. Lost connections come back by themselves until close(). */
    connect({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
        if (this.state === 'open')
            return Promise.resolve();
        if (signal?.aborted)
            return Promise.reject(new PushError('aborted', 'connecting was aborted'));
        const promise = new Promise<void>((resolve, reject) => this._connectWaiters.push({ resolve, reject }));
        promise.catch(() => {}); /* who does not wait is told by the state */
        signal?.addEventListener('abort', () => this.state !== 'open' && this._end(new PushError('aborted', 'connecting was aborted')), { once: true });
        this._start();
        return promise;
    }

    /** Every frame of an expression. Equal subscriptions share one of the server's. Connects when nobody has yet. */
    subscribe(query: string, callback: Deliver, options: SubscribeOptions = {}): Subscription {
        const { interval, history, named } = options;
        const request = { action: 'subscribe', [named ? 'stream' : 'query']: query, interval, history };
        return this._add(query, callback, request, options);
    }

    /** Notifications as they happen: alerts firing, acknowledged, resolved. One filter per client. */
    notifications(callback: DeliverNotification, options: NotificationOptions = {}): Subscription {
        const request = { action: 'subscribe', topic: 'notifications', filter: options.filter, history: options.history };
        return this._add('notifications', callback, request, options);
    }

    /** One, or all of an expression. */
    unsubscribe(what: Subscription | string): void {
        if (typeof what !== 'string')
            return what.unsubscribe();
        for (const shared of [...this._shareds.values()])
            for (const handle of [...shared.handles])
                if (handle.query === what)
                    handle.unsubscribe();
    }

    /** `for await`; leaving the loop unsubscribes. */
    stream(query: string, options: StreamOptions = {}): AsyncIterableIterator<Frame> {
        return iterate((push) => this.subscribe(query, push, options), options);
    }

    /** Acknowledges for everybody. Resolves when the server has taken it. */
    ack(id: string | number, comment?: string): Promise<void> {
        if (this._link)
            return this._request({ action: 'ack', notification: String(id), comment });
        return this._post('/api/v1/acks', { notification: String(id), comment });
    }

    /** Samples of this client. The token needs the right `ingest`; `token`: another one than the connection's. */
    report(samples: Sample | readonly Sample[], { token }: { token?: string } = {}): Promise<void> {
        const list = Array.isArray(samples) ? samples : [samples];
        if (this._link && !token)
            return this._request({ action: 'report', samples: list });
        return this._post('/api/v1/samples', list, token);
    }

    /** Another level, or 'auto' again. */
    setPower(power: Power | 'auto'): void {
        this._options.power = power;
        this._stopWatching?.();
        this._stopWatching = null;
        if (power === 'auto')
            this._stopWatching = watchPower(this._env, (level) => this._setLevel(level));
        else
            this._setLevel(power);
    }

    /** Asks the callback for a token and tells it to the server. */
    async refreshToken(reason: TokenRequest['reason'] = 'expiry'): Promise<void> {
        const { signal } = (this._dialing ??= new AbortController());
        await this._askToken(reason, signal);
        if (this._token)
            this._link?.send([{ action: 'auth', token: this._token }]);
    }

    /** Ends everything. Subscriptions stay and come back if connect() is called again. */
    close(): void {
        this._end(new PushError('closed', 'the client was closed'), 'closed by the client');
    }

    [Symbol.dispose](): void {
        this.close();
    }

    /* ---- subscriptions ---- */

    private _add(query: string, callback: Deliver | DeliverNotification, request: Action, options: SubscribeOptions): Subscription {
        const { history, ...rest } = request;
        const key = JSON.stringify(rest);
        let shared = this._findShared(key, history as string | undefined);
        const known = shared;
        if (!shared) {
            shared = new Shared(`s${++this._lastId}`, key, request);
            this._shareds.set(shared.id, shared);
        }
        const handle = new Handle(query, shared, {
            env: this._env,
            release: (h) => this._release(h),
            report: (error) => this._report(error),
        }, callback, options);
        shared.handles.add(handle);
        if (!known)
            this._link?.send([shared.subscribeAction()]);
        else
            queueMicrotask(() => handle.state === 'pending' && known.present(handle));
        if (this.state === 'idle')
            this._start();
        return handle;
    }

    /* One that has its state already cannot give a newcomer the history it wants. */
    private _findShared(key: string, history: string | undefined): Shared | undefined {
        for (const s of this._shareds.values())
            if (s.key === key && !s.error && (history === undefined || s.isFeed || (!s.live && s.history === history)))
                return s;
        return undefined;
    }

    private _release(handle: Handle): void {
        const { shared } = handle;
        shared.handles.delete(handle);
        if (shared.handles.size || !this._shareds.delete(shared.id))
            return;
        this._byStream.get(shared.stream)?.delete(shared);
        this._link?.send([{ action: 'unsubscribe', id: shared.id }]);
    }

    /* ---- connecting ---- */

    private _start(): void {
        if (this.state !== 'idle' && this.state !== 'closed')
            return;
        this._move('connecting');
        this._env.window?.addEventListener('online', this._wake);
        this._env.window?.addEventListener('pageshow', this._wake);
        this._env.document?.addEventListener('visibilitychange', this._wake);
        this.setPower(this._options.power ?? 'auto');
        this._dial();
    }

    private _dial(): void {
        this._drop();
        const { signal } = (this._dialing = new AbortController());
        this._after('connect', CONNECT_MS, () => this._lost({ reason: 'no answer within 5 s' }));
        this._askToken(this._tokenReason, signal).then(
            () => signal.aborted || this._race(),
            (error) => signal.aborted || this._lost({ reason: `no token: ${error?.message ?? error}` }),
        );
    }

    private async _askToken(reason: TokenRequest['reason'], signal: AbortSignal): Promise<void> {
        const { token } = this._options;
        const got = typeof token === 'function' ? await token({ reason, signal }) : (token ?? null);
        if (signal.aborted)
            return;
        this._token = typeof got === 'object' ? (got?.token ?? null) : got;
        if (typeof got === 'object' && got?.expiresAt)
            this._after('expiry', Math.max(1000, Math.min(MAX_TIMER_MS, got.expiresAt - this._env.date() - EXPIRY_MARGIN_MS)),
                () => this.refreshToken().catch((error) => this._report(error)));
    }

    private _race(): void {
        const first = this._order()[0];
        if (first)
            this._open(first);
        if (first === 'ws' && this._allows('sse'))
            this._after('silent', WS_SILENT_MS, () => this._open('sse'));
        if (!first)
            this._end(new PushError('unsupported', 'no WebSocket here (Node before 22: give the option WebSocket)'));
    }

    private _allows(name: TransportName): boolean {
        return (this._options.transports ?? ['ws', 'sse']).includes(name) && (name !== 'ws' || !!this._env.WebSocket);
    }

    private _order(): TransportName[] {
        const names = (this._options.transports ?? (['ws', 'sse'] as const)).filter((name) => this._allows(name));
        const remembered = Number(this._env.storage?.getItem(this._storageKey)) || 0;
        const sseFirst = this._env.date() - remembered < REMEMBER_MS;
        return sseFirst && names.includes('sse') ? ['sse'] : names;
    }

    private get _storageKey(): string {
        return `streamgauge.sse:${this._base}`;
    }

    /** Only a WebSocket refused while SSE works is worth remembering. */
    private _remember(name: TransportName): void {
        if (name === 'ws')
            this._env.storage?.removeItem(this._storageKey);
        else if (!this._wsWorked && this._allows('ws'))
            this._env.storage?.setItem(this._storageKey, String(this._env.date()));
    }

    private _open(name: TransportName): void {
        if (this._trying.some((t) => t.name === name))
            return;
        let transport: Transport | null = null;
        const sink: Sink = {
            heard: () => {
                if (this._link !== transport)
                    return;
                this._heardAt = this._env.now();
                if (this._timers.has('pong'))
                    this._cancel('pong'); /* it lives */
            },
            message: (text) => this._message(transport!, text),
            ended: (why) => this._ended(transport!, name, why),
        };
        try {
            transport = (name === 'ws' ? openWs : openSse)({ base: this._base, token: this._token, env: this._env }, sink);
            this._trying.push(transport);
        } catch (error) {
            this._ended(transport, name, { reason: String(error) });
        }
    }

    private _ended(transport: Transport | null, name: TransportName, why: Ended): void {
        if (transport && transport === this._link)
            return this._lost(why);
        this._trying = this._trying.filter((t) => t !== transport);
        this._cancel('probeEnd');
        if (this._link)
            return this._probeLater(PROBE_MS);
        if (name === 'sse')
            this._env.storage?.removeItem(this._storageKey);
        if (name === 'ws' && !why.refused && !why.retryAfter && this._allows('sse')) {
            this._cancel('silent');
            return this._open('sse');
        }
        if (why.refused || !this._trying.length)
            this._lost(why);
    }

    /** The first welcome wins; a WebSocket takes over from SSE, each subscription where it was. */
    private _adopt(transport: Transport, welcome: Welcome): void {
        const old = this._link;
        this._link = transport;
        for (const other of [...this._trying, old])
            if (other && other !== transport)
                other.close();
        this._trying = [];
        for (const name of ['connect', 'silent', 'retry', 'probe', 'probeEnd', 'pong'] as const)
            this._cancel(name);
        if (transport.name === 'ws')
            this._wsWorked = true;
        else if (this._allows('ws'))
            this._probeLater(this._wsWorked ? PROBE_SOON_MS : PROBE_MS);
        this._remember(transport.name);
        this._failRequests(new PushError('transport', 'the connection was lost before an answer came', true));
        this.welcome = welcome;
        this._heardAt = this._env.now();
        this._after('stable', STABLE_MS, () => {
            this._backoff.reset();
            this._tokenReason = 'connect';
        });
        this._watch();
        this._resubscribe();
        this._move('open', { transport: transport.name });
        this._events.emit('welcome', welcome);
        this._beat(welcome.time);
        for (const w of this._connectWaiters.splice(0))
            w.resolve();
    }

    private _resubscribe(): void {
        this._byStream = new Map();
        const actions: Action[] = RATES[this._level] === null ? [] : [{ action: 'rate', max: RATES[this._level] }];
        for (const s of this._shareds.values()) {
            s.forgetConnection();
            if (!s.error || s.error.retryable || s.offset >= 0)
                actions.push(s.subscribeAction());
        }
        if (actions.length)
            this._link!.send(actions);
    }

    private _probeLater(ms: number): void {
        this._after('probe', ms, () => {
            this._open('ws');
            this._after('probeEnd', CONNECT_MS, () => {
                this._trying.splice(0).forEach((t) => t.close());
                this._probeLater(PROBE_MS);
            });
        });
    }

    /* ---- incoming ---- */

    private _message(transport: Transport, text: string): void {
        let m: ServerMessage;
        try {
            m = JSON.parse(text);
        } catch {
            return this._report(new PushError('protocol', `not JSON: ${text.slice(0, 80)}`));
        }
        if (m.type === 'welcome') {
            if (this._trying.includes(transport))
                this._adopt(transport, m);
        } else if (transport === this._link) {
            this._receive(m);
        }
    }

    private _receive(m: Exclude<ServerMessage, { type: 'welcome' }>): void {
        const epoch = this.welcome!.epoch;
        switch (m.type) {
        case undefined:
            this._each(m.s, (s) => s.update(m, epoch));
            this._beat(m.t);
            break;
        case 'full':
            this._each(m.s, (s) => s.full(m, epoch));
            this._beat(m.t);
            break;
        case 'heartbeat':
            this._shareds.forEach((s) => (s.late = m.late === true || !!m.late?.includes(s.stream)));
            this._beat(m.t);
            break;
        case 'subscribed':
            this._subscribed(m.id, m.stream, m.recovered);
            break;
        case 'notification':
            this._shareds.forEach((s) => s.isFeed && s.notification(m.o, m.notification, epoch));
            break;
        case 'gap':
            this._shareds.forEach((s) => s.stream === m.s && s.missed(this.serverTime));
            break;
        case 'pong':
            this._requests.get(`r${m.time}`)?.resolve();
            this._requests.delete(`r${m.time}`);
            break;
        case 'error':
            this._failed(m);
            break;
        }
    }

    private _each(stream: number, apply: (s: Shared) => void): void {
        for (const s of this._byStream.get(stream) ?? [])
            apply(s);
    }

    private _subscribed(id: string, stream: number, recovered: boolean): void {
        const s = this._shareds.get(id);
        if (!s)
            return;
        this._byStream.get(s.stream)?.delete(s);
        s.subscribed(stream, recovered);
        if (!s.isFeed)
            this._byStream.set(stream, (this._byStream.get(stream) ?? new Set<Shared>()).add(s));
    }

    private _failed(m: Extract<ServerMessage, { type: 'error' }>): void {
        const error = toError(m);
        if (m.s !== undefined)
            return this._each(m.s, (s) => s.fail(error, false));
        const s = this._shareds.get(m.id ?? '');
        const waiting = this._requests.get(m.id ?? '');
        if (waiting) {
            this._requests.delete(m.id!);
            waiting.reject(error);
        } else if (s) {
            this._refusedOne(s, error);
        } else if (m.id === undefined) {
            this._report(error);
        }
    }

    /** Before `subscribed`: nothing comes of it. After: a full follows (history could not be had). */
    private _refusedOne(s: Shared, error: PushError): void {
        if (error.code === 'denied' && !s.live)
            return this._lost({ reason: error.message, refused: 'denied' });
        s.fail(error, s.stream < 0 && !error.retryable);
        if (s.stream < 0 && error.retryable)
            this._env.setTimeout(() => {
                if (this._shareds.get(s.id) === s && s.stream < 0)
                    this._link?.send([s.subscribeAction()]);
            }, RETRY_SUBSCRIBE_MS * (1 + this._env.random()));
    }

    private _beat(t: number): void {
        /* Forward, or the server's clock was set back. */
        if (t > this.serverTime || this.serverTime - t > 60_000)
            this.serverTime = t;
        this._events.emit('time', this.serverTime);
    }

    /* ---- is it alive? ---- */

    /** By the clock, not by one long timer: those of hidden pages hardly run. */
    private _watch(): void {
        this._watchedAt = this._env.date();
        this._after('watch', WATCH_MS, () => {
            if (!this._link)
                return;
            const slept = this._env.date() - this._watchedAt > ASLEEP_MS;
            if (this._env.now() - this._heardAt > this.heartbeat + DEAD_GRACE_MS)
                this._lost({ reason: 'the server went silent' });
            else if (slept)
                this._checkAlive();
            if (this._link)
                this._watch();
        });
    }

    private _checkAlive(): void {
        if (!this._link || this._timers.has('pong'))
            return;
        this._link.send([{ action: 'ping' }]);
        this._after('pong', PONG_MS, () => this._lost({ reason: 'no answer to a ping' }));
    }

    private _woken(): void {
        if (this._env.document?.visibilityState === 'hidden')
            return;
        if (this.state === 'reconnecting' && this._timers.has('retry'))
            this._dial();
        else
            this._checkAlive();
    }

    /* ---- the connection's end ---- */

    /** Forgets the connection without a word from it afterwards. */
    private _drop(): void {
        this._dialing?.abort();
        for (const name of ['retry', 'connect', 'silent', 'stable', 'watch', 'pong', 'probe', 'probeEnd', 'expiry'] as const)
            this._cancel(name);
        const all = [...this._trying, this._link];
        this._link = null;
        this._trying = [];
        all.forEach((t) => t?.close());
        this._shareds.forEach((s) => s.forgetConnection());
        this._failRequests(new PushError('transport', 'the connection was lost before an answer came', true));
    }

    private _lost(why: Ended): void {
        this._drop();
        if (why.refused === 'denied' && typeof this._options.token === 'function' && this._tokenReason !== 'refused')
            this._tokenReason = 'refused'; /* one more try, with a new one */
        else if (why.refused)
            return this._end(new PushError(why.refused, why.reason), why.reason);
        const ms = this._backoff.next(why.retryAfter);
        this._after('retry', ms, () => this._dial());
        this._move('reconnecting', { reason: why.reason, retryAt: this._env.date() + ms });
    }

    private _end(error: PushError, reason = error.message): void {
        this._drop();
        this._stopWatching?.();
        this._stopWatching = null;
        this._tokenReason = 'connect';
        this._env.window?.removeEventListener('online', this._wake);
        this._env.window?.removeEventListener('pageshow', this._wake);
        this._env.document?.removeEventListener('visibilitychange', this._wake);
        for (const w of this._connectWaiters.splice(0))
            w.reject(error);
        if (this.state !== 'closed')
            this._move('closed', { reason, ...(error.code === 'closed' ? {} : { error }) });
    }

    /* ---- power ---- */

    private _setLevel(level: Power): void {
        const before = this._level;
        this._level = level;
        if (level === before)
            return;
        this._events.emit('power', level);
        if (level === 'suspended' && this.state !== 'idle' && this.state !== 'closed') {
            this._drop();
            this._move('suspended', { reason: 'hidden for five minutes' });
        } else if (before === 'suspended' && this.state === 'suspended') {
            this._move('reconnecting', { reason: 'shown again' });
            this._dial();
        } else if (RATES[level] !== RATES[before]) {
            this._link?.send([{ action: 'rate', max: RATES[level] }]);
        }
    }

    /* ---- small things ---- */

    /** Sends an action and a ping behind it: its pong says that no error came. */
    private _request(action: Action): Promise<void> {
        const n = ++this._lastId;
        return new Promise((resolve, reject) => {
            this._requests.set(`r${n}`, { resolve, reject });
            this._link!.send([{ ...action, id: `r${n}` }, { action: 'ping', time: n }]);
        });
    }

    private _failRequests(error: PushError): void {
        for (const w of this._requests.values())
            w.reject(error);
        this._requests.clear();
    }

    private async _post(path: string, body: unknown, token = this._token): Promise<void> {
        const response = await this._env.fetch(this._base + path, {
            method: 'POST',
            keepalive: true, /* outlives the page, as a beacon does, and can carry a token */
            headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
            body: JSON.stringify(body),
        });
        if (!response.ok)
            throw new PushError(`http_${response.status}`, (await response.text()).slice(0, 500), response.status === 429 || response.status >= 500);
    }

    private _report(error: unknown): void {
        if (!this._events.emit('error', error))
            console.error(error);
    }

    private _move(state: State, detail: Partial<StateChange> = {}): void {
        const previous = this.state;
        checkMove(previous, state);
        this.state = state;
        this._events.emit('state', { state, previous, attempt: this._backoff.attempt, ...detail });
    }

    private _after(name: Timer, ms: number, fn: () => void): void {
        this._cancel(name);
        this._timers.set(name, this._env.setTimeout(() => {
            this._timers.delete(name);
            fn();
        }, ms));
    }

    private _cancel(name: Timer): void {
        this._env.clearTimeout(this._timers.get(name));
        this._timers.delete(name);
    }
}
