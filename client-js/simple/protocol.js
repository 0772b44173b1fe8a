/* protocol.js - one WebSocket to /stream, subprotocol streamgauge.v1: subscriptions that outlive the connection.
 *
 *     connecting ──welcome──► open ──lost──► waiting ──timer, "online", page shown──► connecting
 *          └─────── token refused or missing ───────► token ──setToken──► connecting
 *
 * Lost connections come back with full-jitter back-off and resume each subscription at its epoch and offset, so nothing is lost
 * or doubled as long as the server still holds what was missed; otherwise it says so (gap) and sends a full state.
 */
import { Backoff } from './backoff.js';
import { History } from './history.js';

const CONNECT_MS = 5000;      /* connect and welcome */
const STABLE_MS = 5000;       /* open that long: the next loss starts with the shortest wait again */
const DEAD_GRACE_MS = 10000;  /* beyond the heartbeat without a word: the socket is dead */

/** @typedef {'connecting' | 'open' | 'waiting' | 'token'} State */
/** @typedef {{code: string, message: string, position?: number, retryable?: boolean}} ProtocolError */

/** "1s", "200ms" … to ms. @param {string} text */
function durationMs(text) {
    const units = /** @type {Record<string, number>} */ ({ ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000 });
    let ms = 0;
    for (const [, n, unit] of text.matchAll(/(\d+)(ms|s|m|h|d)/g))
        ms += Number(n) * units[unit];
    return ms;
}

export class Subscription {
    /**
     * @param {string} id
     * @param {string} query
     * @param {{interval?: string, history?: string, keepMs?: number, onChange?: (s: Subscription) => void}} options
     */
    constructor(id, query, options) {
        this.id = id;
        this.query = query;
        this.interval = options.interval ?? '1s';
        this.stepMs = durationMs(this.interval);
        this.historyText = options.history ?? '5m';
        this.onChange = options.onChange ?? (() => {});
        this.data = new History(options.keepMs ?? durationMs(this.historyText) + 10000);
        this.stream = -1;      /* number of the stream on this connection */
        this.epoch = '';       /* where to resume */
        this.offset = 0;
        /** @type {ProtocolError | null} */
        this.error = null;
        this.answered = false; /* a full state or an error has come */
        this.lastChangeMs = 0; /* local clock */
    }

    request() {
        const resume = this.offset ? { epoch: this.epoch, offset: this.offset } : {};
        const history = this.historyText ? { history: this.historyText } : {};
        return { action: 'subscribe', id: this.id, query: this.query, interval: this.interval, ...history, ...resume };
    }
}

export class Connection {
    /**
     * @param {string} url
     * @param {{onState: (state: State, detail: {retryAt?: number, reason?: string}) => void, onTime: (t: number) => void,
     *          onWelcome?: (w: any) => void, token?: string | null}} hooks
     */
    constructor(url, hooks) {
        this.url = url;
        this.hooks = hooks;
        /** @type {State} */
        this.state = 'connecting';
        this.token = hooks.token ?? null;
        /** @type {Map<string, Subscription>} */
        this.subscriptions = new Map();
        /** @type {Map<number, Set<Subscription>>} */
        this.byStream = new Map();
        this.backoff = new Backoff();
        /** @type {WebSocket | null} */
        this.socket = null;
        this.timer = 0;
        this.heardAt = 0;     /* local monotonic ms of the last message */
        this.serverTime = 0;  /* newest t: everything due has been evaluated up to it */
        this.lostAt = 0;      /* serverTime when the connection was lost last */
        this.heartbeatMs = 5000;
        this.epoch = '';
        for (const event of ['online', 'pageshow'])
            addEventListener(event, () => this.retryNow());
        document.addEventListener('visibilitychange', () => document.hidden || this.retryNow());
        setInterval(() => this.checkAlive(), 1000);
    }

    connect() {
        clearTimeout(this.timer);
        this.move('connecting', {});
        const socket = new WebSocket(this.url, ['streamgauge.v1']);
        this.socket = socket;
        this.timer = setTimeout(() => this.lost(socket, 'no answer within 5 s'), CONNECT_MS);
        socket.onopen = () => this.greet();
        socket.onmessage = (event) => this.socket === socket && this.receive(event.data);
        socket.onclose = (event) => this.closed(socket, event);
    }

    greet() {
        /** @type {object[]} */
        const messages = this.token ? [{ action: 'auth', token: this.token }] : [];
        this.byStream.clear();
        for (const s of this.subscriptions.values())
            messages.push(s.request());
        if (messages.length)
            this.send(messages);
    }

    /** @param {object} message */
    send(message) {
        if (this.socket?.readyState === WebSocket.OPEN)
            this.socket.send(JSON.stringify(message));
    }

    /** @param {Subscription} s */
    subscribe(s) {
        this.subscriptions.set(s.id, s);
        this.send(s.request());
        return s;
    }

    /** @param {Subscription} s */
    unsubscribe(s) {
        this.subscriptions.delete(s.id);
        this.byStream.get(s.stream)?.delete(s);
        this.send({ action: 'unsubscribe', id: s.id });
    }

    /** @param {string} token */
    setToken(token) {
        this.token = token;
        this.drop();
        this.connect();
    }

    retryNow() {
        if (this.state === 'waiting')
            this.connect();
        else
            this.checkAlive();
    }

    /* ---- incoming ---- */

    /** @param {string} text */
    receive(text) {
        this.heardAt = performance.now();
        const m = JSON.parse(text);
        if (m.t > this.serverTime || (m.t && this.serverTime - m.t > 60000)) /* forward, or the server's clock was set back */
            this.serverTime = m.t;
        switch (m.type) {
        case undefined:
            this.each(m.s, (s) => s.data.update(m), m);
            break;
        case 'full':
            this.each(m.s, (s) => s.data.full(m, s.stepMs, this.lostAt), m);
            break;
        case 'welcome':
            this.welcomed(m);
            break;
        case 'subscribed':
            this.subscribed(m);
            break;
        case 'error':
            this.failed(m);
            break;
        }
        if (m.t)
            this.hooks.onTime(m.t);
    }

    /** @param {number} stream @param {(s: Subscription) => void} apply @param {any} m */
    each(stream, apply, m) {
        for (const s of this.byStream.get(stream) ?? []) {
            apply(s);
            s.offset = m.o;
            s.epoch = this.epoch;
            s.error = m.error ?? null;
            s.answered = true;
            s.lastChangeMs = performance.now();
            s.onChange(s);
        }
    }

    /** @param {any} m */
    welcomed(m) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.backoff.reset(), STABLE_MS);
        this.heartbeatMs = m.heartbeat ?? this.heartbeatMs;
        this.epoch = m.epoch;
        this.hooks.onWelcome?.(m);
        this.move('open', {});
    }

    /** @param {any} m */
    subscribed(m) {
        const s = this.subscriptions.get(m.id);
        if (!s)
            return;
        s.stream = m.stream;
        if (!m.recovered)
            s.data.forgetSlots();
        const all = this.byStream.get(m.stream) ?? new Set();
        this.byStream.set(m.stream, all.add(s));
    }

    /** @param {any} m */
    failed(m) {
        if (m.code === 'denied')
            this.needToken(m.message);
        const one = m.id === undefined ? null : this.subscriptions.get(m.id);
        const many = m.s === undefined ? [] : [...(this.byStream.get(m.s) ?? [])];
        for (const s of one ? [one] : many) {
            s.error = m;
            s.answered = true;
            s.onChange(s);
        }
    }

    /* ---- the connection's end ---- */

    /** @param {string} reason */
    needToken(reason) {
        this.drop();
        this.move('token', { reason });
    }

    /** Forgets the socket without a word from it afterwards. */
    drop() {
        clearTimeout(this.timer);
        const socket = this.socket;
        this.socket = null;
        socket?.close();
    }

    /** @param {WebSocket} socket @param {CloseEvent} event */
    closed(socket, event) {
        if (this.socket !== socket)
            return;
        if (event.code === 4001 || event.code === 4003) {
            this.needToken(event.reason || 'a token is needed');
            return;
        }
        let wait = 0;
        try {
            wait = Number(JSON.parse(event.reason).retryAfter) || 0;
        } catch {
            /* most reasons are words */
        }
        this.lost(socket, event.reason && !wait ? event.reason : `close code ${event.code}`, wait);
    }

    /** @param {WebSocket} socket @param {string} reason @param {number} [wait] ms the server asked for */
    lost(socket, reason, wait = 0) {
        if (this.socket !== socket)
            return;
        this.drop();
        this.lostAt = this.serverTime;
        const ms = this.backoff.next(wait);
        this.timer = setTimeout(() => this.connect(), ms);
        this.move('waiting', { reason, retryAt: performance.now() + ms });
    }

    /** By the clock, not by a timer of its own: timers of hidden pages hardly run. */
    checkAlive() {
        const quiet = performance.now() - this.heardAt;
        if (this.state === 'open' && this.socket && quiet > this.heartbeatMs + DEAD_GRACE_MS)
            this.lost(this.socket, 'the server went silent');
    }

    /** @param {State} state @param {{retryAt?: number, reason?: string}} detail */
    move(state, detail) {
        this.state = state;
        this.hooks.onState(state, detail);
    }
}
