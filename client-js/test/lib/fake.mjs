/* fake.mjs - surroundings for the library in which time stands still until told otherwise. */

export class Clock {
    ms = 0;
    timers = new Map();
    last = 0;

    /** Runs what is due, in order, and lets promises settle between. */
    async advance(ms) {
        const until = this.ms + ms;
        await settle();
        for (;;) {
            const due = [...this.timers].filter(([, t]) => t.at <= until).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
            if (!due)
                break;
            this.timers.delete(due[0]);
            this.ms = Math.max(this.ms, due[1].at);
            due[1].fn();
            await settle();
        }
        this.ms = until;
        await settle();
    }
}

export async function settle() {
    for (let i = 0; i < 12; i++)
        await new Promise((resolve) => setImmediate(resolve));
}

/** A WebSocket whose server is the test. */
export class FakeSocket {
    static all = [];
    readyState = 0;
    sent = [];

    constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        FakeSocket.all.push(this);
    }
    send(text) {
        const m = JSON.parse(text);
        this.sent.push(...(Array.isArray(m) ? m : [m]));
    }
    close() {
        this.readyState = 3;
        this.closedByClient = true;
    }
    /* the server's side */
    open() {
        this.readyState = 1;
        this.onopen?.();
    }
    say(message) {
        this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) });
    }
    welcome(more = {}) {
        this.open();
        this.say({ type: 'welcome', server: 'streamgauge/test', session: '1', epoch: 'e1', time: 1000, heartbeat: 5000, limits: {}, ...more });
    }
    end(code = 1006, reason = '') {
        this.readyState = 3;
        this.onclose?.({ code, reason });
    }
    takeSent() {
        return this.sent.splice(0);
    }
}

/** fetch() whose server is the test: GET /events gives a stream to write to, POSTs are kept. */
export class FakeHttp {
    requests = [];
    streams = [];
    status = 200;
    body = '';
    headers = {};

    fetch = async (url, init = {}) => {
        const request = { url: String(url), method: init.method ?? 'GET', headers: init.headers ?? {}, body: init.body && JSON.parse(init.body) };
        this.requests.push(request);
        if (this.status === 0)
            throw new TypeError('fetch failed');
        if (request.url.includes('/events?') && this.status === 200) {
            let controller;
            const stream = new ReadableStream({ start: (c) => (controller = c) });
            init.signal?.addEventListener('abort', () => {
                try {
                    controller.error(new Error('aborted'));
                } catch {
                    /* ended before */
                }
            });
            const write = (text) => controller.enqueue(new TextEncoder().encode(text));
            const server = {
                request, write, end: () => controller.close(), get aborted() { return init.signal.aborted; },
                say: (m) => write(`event: ${m.type ?? 'update'}\ndata: ${JSON.stringify(m)}\n\n`),
                welcome: (more = {}) => server.say({ type: 'welcome', server: 'x', session: 'abc', epoch: 'e1', time: 1000, heartbeat: 5000, limits: {}, ...more }),
            };
            this.streams.push(server);
            return new Response(stream, { status: 200 });
        }
        const status = request.method === 'POST' && this.status === 200 ? 204 : this.status;
        return new Response(status === 204 ? null : this.body, { status, headers: this.headers });
    };
    get posted() {
        return this.requests.filter((r) => r.method === 'POST').flatMap((r) => r.body);
    }
}

/** A page: events and what the library looks at. */
export class FakePage extends EventTarget {
    visibilityState = 'visible';
    show(state) {
        this.visibilityState = state;
        this.dispatchEvent(new Event('visibilitychange'));
    }
}

export function fakeEnv(more = {}) {
    FakeSocket.all = [];
    const clock = new Clock(), http = new FakeHttp();
    const kept = new Map();
    const env = {
        now: () => clock.ms,
        date: () => 1e12 + clock.ms,
        random: () => 0.5,
        setTimeout: (fn, ms) => (clock.timers.set(++clock.last, { fn, at: clock.ms + ms }), clock.last),
        clearTimeout: (timer) => clock.timers.delete(timer),
        fetch: http.fetch,
        WebSocket: FakeSocket,
        window: undefined, document: undefined, navigator: undefined,
        storage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v), removeItem: (k) => kept.delete(k) },
        ...more,
    };
    return { env, clock, http, kept, socket: (i = -1) => FakeSocket.all.at(i), sockets: () => FakeSocket.all };
}
