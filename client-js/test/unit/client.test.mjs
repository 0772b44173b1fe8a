/* The connection: states, back-off, dead sockets, fallback and back, tokens, power. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { PushClient } from '../../dist/.js/client/client.js';
import { FakePage, FakeSocket, fakeEnv } from '../lib/fake.mjs';

let fake, client, states;

function make(options = {}, env = {}) {
    fake = fakeEnv(env);
    client = new PushClient('ws://h:1/stream', { power: 'full', ...options, env: fake.env });
    states = [];
    client.on('state', (s) => states.push(s));
    return client;
}
const names = () => states.map((s) => s.state);
const actions = (name) => fake.socket().sent.filter((a) => a.action === name);

async function open(options, env) {
    make(options, env);
    const promise = client.connect();
    await fake.clock.advance(0);
    fake.socket().welcome();
    await promise;
}
const logged = console.error;
beforeEach(() => { console.error = logged; });

test('addresses: any address of the server, with a path before it or not', async () => {
    for (const [given, want] of [['http://h:1', 'ws://h:1/stream'], ['https://h/', 'wss://h/stream'], ['wss://h/x/stream', 'wss://h/x/stream'], ['https://h/x/', 'wss://h/x/stream']]) {
        const { env, clock, socket } = fakeEnv();
        new PushClient(given, { env }).connect();
        await clock.advance(0);
        assert.equal(socket().url, want);
        assert.deepEqual(socket().protocols, ['streamgauge.v1']);
    }
});

test('connect: resolves on the welcome, tells states, time and welcome', async () => {
    make();
    const times = [], welcomes = [];
    client.on('time', (t) => times.push(t));
    client.on('welcome', (w) => welcomes.push(w.session));
    const promise = client.connect();
    await fake.clock.advance(0);
    fake.socket().welcome();
    await promise;
    await client.connect();
    assert.deepEqual(names(), ['connecting', 'open']);
    assert.deepEqual([states[1].transport, client.transport, client.power], ['ws', 'ws', 'full']);
    fake.socket().say({ type: 'heartbeat', t: 7000 });
    fake.socket().say({ type: 'heartbeat', t: 6000 });
    assert.deepEqual([times, welcomes, client.serverTime], [[1000, 7000, 7000], ['1'], 7000]);
    client[Symbol.dispose]();
    assert.equal(client.state, 'closed');
    assert.ok(fake.socket().closedByClient);
    assert.equal(fake.clock.timers.size, 0, 'nothing ticks after close');
});

test('the server\'s clock may be set back', async () => {
    await open();
    fake.socket().say({ type: 'heartbeat', t: 500_000 });
    fake.socket().say({ type: 'heartbeat', t: 2000 });
    assert.equal(client.serverTime, 2000);
});

test('connect: an aborted signal ends it', async () => {
    make();
    await assert.rejects(client.connect({ signal: AbortSignal.abort() }), { code: 'aborted' });
    assert.equal(client.state, 'idle');
    const abort = new AbortController();
    const promise = client.connect({ signal: abort.signal });
    abort.abort();
    await assert.rejects(promise, { code: 'aborted' });
    assert.equal(client.state, 'closed');
    const again = client.connect();
    await fake.clock.advance(0);
    fake.socket().welcome();
    await again;
    assert.equal(client.state, 'open');
});

test('close: who waits for the connection is told', async () => {
    make();
    const promise = client.connect();
    client.close();
    client.close();
    await assert.rejects(promise, { code: 'closed' });
    assert.deepEqual(names(), ['connecting', 'closed']);
});

test('no welcome within five seconds: given up and tried again', async () => {
    make({ transports: ['ws'] });
    client.connect();
    await fake.clock.advance(0);
    fake.socket().open();
    await fake.clock.advance(5000);
    assert.deepEqual([states.at(-1).state, states.at(-1).reason], ['reconnecting', 'no answer within 5 s']);
    assert.ok(FakeSocket.all[0].closedByClient);
    FakeSocket.all[0].say({ type: 'welcome' }); /* too late */
    assert.equal(client.state, 'reconnecting');
    assert.equal(states.at(-1).retryAt, 1e12 + 5000 + 150);
    await fake.clock.advance(150);
    assert.equal(FakeSocket.all.length, 2);
});

test('waits grow while it fails, and begin anew after five stable seconds only', async () => {
    make({ transports: ['ws'], backoff: { base: 1000, max: 3000 } });
    client.connect();
    const waits = [];
    for (let i = 0; i < 5; i++) {
        await fake.clock.advance(0);
        fake.socket().end();
        waits.push(states.at(-1).retryAt - 1e12 - fake.clock.ms);
        await fake.clock.advance(waits.at(-1));
    }
    assert.deepEqual(waits, [150, 500, 1000, 1500, 1500]);
    fake.socket().welcome();
    await fake.clock.advance(4000);
    fake.socket().end(1006);
    assert.equal(states.at(-1).retryAt - 1e12 - fake.clock.ms, 1500);
    await fake.clock.advance(1500);
    fake.socket().welcome();
    await fake.clock.advance(5000);
    fake.socket().end(1006);
    assert.equal(states.at(-1).retryAt - 1e12 - fake.clock.ms, 150);
    assert.equal(states.at(-1).attempt, 1);
});

test('a server that drains says when to come back', async () => {
    await open({ transports: ['ws'] });
    fake.socket().end(1001, '{"retryAfter":4000}');
    assert.equal(states.at(-1).retryAt - 1e12 - fake.clock.ms, 6000);
    await fake.clock.advance(5999);
    assert.equal(FakeSocket.all.length, 1);
    await fake.clock.advance(1);
    assert.equal(FakeSocket.all.length, 2);
});

test('a token that is not accepted ends it; a callback is asked once more', async () => {
    await open({ token: 'old' });
    assert.deepEqual(actions('auth'), [{ action: 'auth', token: 'old' }]);
    fake.socket().end(4001, 'bad token');
    assert.deepEqual([states.at(-1).state, states.at(-1).error.code, states.at(-1).reason], ['closed', 'denied', 'bad token']);
    await fake.clock.advance(60_000);
    assert.equal(FakeSocket.all.length, 1, 'no more tries');

    const asked = [];
    await open({ token: async ({ reason }) => (asked.push(reason), `t${asked.length}`) });
    fake.socket().end(4001, 'bad token');
    await fake.clock.advance(1000);
    fake.socket().welcome();
    assert.deepEqual(asked, ['connect', 'refused']);
    assert.deepEqual(actions('auth'), [{ action: 'auth', token: 't2' }]);
    fake.socket().end(4003, '');
    assert.equal(client.state, 'closed');
    assert.equal(states.at(-1).reason, 'token refused');
});

test('a stable connection forgets that a token was refused before', async () => {
    const asked = [];
    await open({ token: ({ reason }) => (asked.push(reason), null) });
    fake.socket().end(4001, '');
    await fake.clock.advance(1000);
    fake.socket().welcome();
    await fake.clock.advance(6000);
    fake.socket().end(4001, '');
    await fake.clock.advance(1000);
    assert.deepEqual(asked, ['connect', 'refused', 'refused']);
    assert.equal(client.state, 'reconnecting');
});

test('a subscription that is denied for want of a token ends it', async () => {
    await open();
    const sub = client.subscribe('up', () => {});
    fake.socket().say({ type: 'error', id: 's1', code: 'denied', message: 'a token with the right to read is needed', retryable: false });
    assert.equal(client.state, 'closed');
    assert.equal(states.at(-1).error.code, 'denied');
    assert.equal(sub.state, 'pending', 'a new connection with a token brings it');
    client.connect();
    await fake.clock.advance(0);
    fake.socket().welcome();
    assert.equal(actions('subscribe').length, 1);
});

test('a token callback that fails is tried again, one that comes too late is not used', async () => {
    let answer = () => Promise.reject(new Error('offline'));
    make({ token: () => answer(), transports: ['ws'] });
    client.connect();
    await fake.clock.advance(0);
    assert.equal(states.at(-1).reason, 'no token: offline');
    answer = () => new Promise(() => {});
    await fake.clock.advance(150 + 5000);
    assert.equal(states.at(-1).reason, 'no answer within 5 s');
    assert.equal(FakeSocket.all.length, 0);
});

test('a token that ends is replaced half a minute before', async () => {
    const tokens = ['a', 'b'];
    await open({ token: () => ({ token: tokens.shift() ?? 'c', expiresAt: fake.env.date() + 90_000 }) });
    await fake.clock.advance(1);
    for (let i = 0; i < 6; i++) {
        fake.socket().say({ type: 'heartbeat', t: 2000 + i });
        await fake.clock.advance(10_000);
    }
    assert.deepEqual(actions('auth').map((a) => a.token), ['a', 'b']);
});

test('silence beyond the heartbeat and ten seconds: the socket is dead', async () => {
    await open();
    await fake.clock.advance(15_000);
    assert.equal(client.state, 'open');
    await fake.clock.advance(1000);
    assert.deepEqual([states.at(-1).state, states.at(-1).reason], ['reconnecting', 'the server went silent']);
    assert.ok(FakeSocket.all[0].closedByClient);
});

test('a hidden page hears as rarely as it is sent frames, and waits that much longer', async () => {
    await open();
    assert.equal(client.heartbeat, 5000);
    client.setPower('saver');
    assert.equal(client.heartbeat, 5000);
    client.setPower('hidden');
    assert.equal(client.heartbeat, 10_000);
    await fake.clock.advance(20_000);
    assert.equal(client.state, 'open');
    await fake.clock.advance(1000);
    assert.deepEqual([states.at(-1).state, states.at(-1).reason], ['reconnecting', 'the server went silent']);
});

test('back from sleep: a ping, and two seconds later another socket', async () => {
    const page = new FakePage();
    await open({}, { window: page, document: page });
    page.dispatchEvent(new Event('pageshow'));
    page.dispatchEvent(new Event('online'));
    assert.equal(actions('ping').length, 1, 'one ping for both');
    fake.socket().say({ type: 'pong', server: 1 });
    await fake.clock.advance(2000);
    assert.equal(client.state, 'open', 'it lives');
    page.dispatchEvent(new Event('pageshow'));
    await fake.clock.advance(1999);
    assert.equal(client.state, 'open');
    await fake.clock.advance(1);
    assert.equal(states.at(-1).reason, 'no answer to a ping');
    page.dispatchEvent(new Event('online'));
    assert.equal(client.state, 'reconnecting');
    await fake.clock.advance(0);
    assert.equal(FakeSocket.all.length, 2, 'at once, not after the wait');
    page.visibilityState = 'hidden';
    fake.socket().end();
    page.dispatchEvent(new Event('online'));
    await fake.clock.advance(0);
    assert.equal(FakeSocket.all.length, 2, 'not for a hidden page');
});

test('a machine that slept asks whether the socket lives, without any event', async () => {
    await open();
    const date = fake.env.date;
    let slept = 0;
    client._env.date = () => date() + slept;
    slept = 60_000;
    await fake.clock.advance(1000);
    assert.equal(actions('ping').length, 1);
});

test('WebSocket refused: SSE at once, remembered, and back when WebSocket works', async () => {
    make();
    client.connect();
    await fake.clock.advance(0);
    fake.socket().end(1006);
    await fake.clock.advance(0);
    const sse = fake.http.streams[0];
    assert.equal(sse.request.url, 'http://h:1/events?topic=notifications');
    const got = [];
    client.subscribe('up', (f) => got.push([f.kind, f.value]));
    sse.welcome();
    await fake.clock.advance(0);
    assert.deepEqual([client.state, client.transport], ['open', 'sse']);
    assert.deepEqual(fake.http.posted.map((a) => [a.action, a.id]), [['unsubscribe', '1'], ['subscribe', 's1']]);
    assert.equal(fake.http.requests.at(-1).url, 'http://h:1/events/abc');
    sse.say({ type: 'subscribed', id: 's1', stream: 4, recovered: false });
    sse.say({ type: 'full', s: 4, o: 9, t: 2000, series: [{}], points: [[2000, [5]]] });
    await fake.clock.advance(0);
    assert.deepEqual(got, [['full', 5]]);
    assert.ok([...fake.kept.keys()][0].includes('sse'));

    /* the next page load goes there directly */
    const second = new PushClient('http://h:1', { env: fake.env, power: 'full' });
    second.connect().catch(() => {});
    await fake.clock.advance(0);
    assert.deepEqual([FakeSocket.all.length, fake.http.streams.length], [1, 2]);
    second.close();

    /* after five minutes WebSocket is tried beside it, in vain; after ten it takes over where SSE was */
    const beat = async (ms) => {
        for (let i = 0; i < ms; i += 5000) {
            sse.say({ type: 'heartbeat', t: 3000 + i });
            await fake.clock.advance(5000);
        }
    };
    await beat(300_000);
    assert.equal(FakeSocket.all.length, 2);
    fake.socket().end(1006);
    await beat(300_000);
    assert.equal(FakeSocket.all.length, 3);
    fake.socket().welcome();
    assert.deepEqual([client.transport, states.at(-1).previous, states.at(-1).state, sse.aborted], ['ws', 'open', 'open', true]);
    assert.deepEqual(actions('subscribe'), [{ action: 'subscribe', query: 'up', id: 's1', epoch: 'e1', offset: 9 }]);
    assert.equal(fake.kept.size, 0);
});

test('a probe that is not answered is given up', async () => {
    make();
    client.connect();
    await fake.clock.advance(0);
    fake.socket().end(1006);
    await fake.clock.advance(0);
    fake.http.streams[0].welcome();
    const beat = async (n) => {
        for (let i = 0; i < n; i++) {
            fake.http.streams[0].say({ type: 'heartbeat', t: 3000 });
            await fake.clock.advance(5000);
        }
    };
    await beat(60);
    assert.equal(FakeSocket.all.length, 2);
    await beat(1);
    assert.ok(FakeSocket.all[1].closedByClient);
    await beat(60);
    assert.equal(FakeSocket.all.length, 3);
    assert.equal(client.transport, 'sse');
});

test('WebSocket silent: SSE beside it, the first welcome wins', async () => {
    for (const winner of ['ws', 'sse']) {
        make();
        client.connect();
        await fake.clock.advance(2499);
        assert.equal(fake.http.streams.length, 0);
        await fake.clock.advance(1);
        assert.equal(fake.http.streams.length, 1);
        if (winner === 'ws')
            fake.socket().welcome();
        else
            fake.http.streams[0].welcome();
        await fake.clock.advance(0);
        assert.equal(client.transport, winner);
        assert.ok(winner === 'ws' ? fake.http.streams[0].aborted : fake.socket().closedByClient);
    }
});

test('when WebSocket has worked before, SSE is a short stay', async () => {
    await open();
    fake.socket().end(1006);
    await fake.clock.advance(150);
    fake.socket().end(1006);
    await fake.clock.advance(0);
    fake.http.streams[0].welcome();
    await fake.clock.advance(0);
    assert.equal(client.transport, 'sse');
    assert.equal(fake.kept.size, 0, 'not remembered');
    await fake.clock.advance(5000);
    fake.socket().welcome();
    assert.equal(client.transport, 'ws');
});

test('SSE refused: by rights it ends, by load it waits, by an unreachable server it is tried again', async () => {
    for (const [status, headers, body, state, reason, wait] of [
        [401, {}, '{"error":"a token is needed"}', 'closed', 'a token is needed'],
        [403, {}, 'no', 'closed', 'HTTP 403'],
        [400, {}, '{"x":1}', 'closed', 'HTTP 400'],
        [503, { 'retry-after': '5' }, '', 'reconnecting', 'HTTP 503', 7500],
        [502, {}, '<html>', 'reconnecting', 'HTTP 502', 150],
        [0, {}, '', 'reconnecting', 'fetch failed', 150],
    ]) {
        make({ transports: ['sse'] });
        Object.assign(fake.http, { status, headers, body });
        client.connect().catch(() => {});
        await fake.clock.advance(0);
        const last = states.at(-1);
        assert.deepEqual([last.state, last.reason, last.retryAt && last.retryAt - 1e12], [state, reason, wait]);
    }
});

test('SSE: a stream that ends, and a session that is not there any more, are lost connections', async () => {
    make({ transports: ['sse'], token: 't' });
    client.connect();
    await fake.clock.advance(0);
    assert.equal(fake.http.streams[0].request.headers.authorization, 'Bearer t');
    fake.http.streams[0].welcome();
    await fake.clock.advance(0);
    fake.http.streams[0].end();
    await fake.clock.advance(0);
    assert.equal(states.at(-1).reason, 'the stream ended');
    await fake.clock.advance(150);
    fake.http.streams[1].welcome();
    await fake.clock.advance(0);
    Object.assign(fake.http, { status: 404, body: '{"error":"no such session"}' });
    client.subscribe('up', () => {});
    await fake.clock.advance(0);
    assert.equal(states.at(-1).reason, 'no such session');
});

test('no transport at all is said at once', async () => {
    make({ transports: ['ws'] }, { WebSocket: undefined });
    await assert.rejects(client.connect(), { code: 'unsupported' });
    assert.equal(client.state, 'closed');
});

test('a WebSocket that cannot even be made (mixed content) falls back', async () => {
    make({}, { WebSocket: class { constructor() { throw new Error('SecurityError'); } } });
    client.connect();
    await fake.clock.advance(0);
    fake.http.streams[0].welcome();
    await fake.clock.advance(0);
    assert.equal(client.transport, 'sse');
});

test('power: a hidden page gets less, then nothing, and all of it when shown', async () => {
    const page = new FakePage();
    await open({ power: 'auto' }, { document: page, window: page });
    const levels = [];
    client.on('power', (l) => levels.push(l));
    page.show('hidden');
    await fake.clock.advance(9999);
    page.show('visible');
    fake.socket().say({ type: 'heartbeat', t: 2000 });
    await fake.clock.advance(10_000);
    assert.deepEqual(levels, []);
    fake.socket().say({ type: 'heartbeat', t: 2000 });
    page.show('hidden');
    await fake.clock.advance(10_000);
    assert.deepEqual([levels, actions('rate')], [['hidden'], [{ action: 'rate', max: 0.1 }]]);
    for (let i = 0; i < 29; i++) {
        fake.socket().say({ type: 'heartbeat', t: 2000 });
        await fake.clock.advance(10_000);
    }
    assert.deepEqual([levels.at(-1), client.state, client.transport], ['suspended', 'suspended', null]);
    await fake.clock.advance(60_000);
    assert.equal(FakeSocket.all.length, 1);
    page.show('visible');
    assert.equal(client.state, 'reconnecting');
    await fake.clock.advance(0);
    fake.socket().welcome();
    assert.deepEqual([client.state, client.power, actions('rate')], ['open', 'full', []]);
});

test('power: battery, data saver, phones, and the user\'s own choice', async () => {
    const battery = Object.assign(new EventTarget(), { level: 0.5, charging: false });
    const connection = Object.assign(new EventTarget(), { saveData: false });
    await open({ power: 'auto' }, { navigator: { getBattery: async () => battery, connection }, document: new FakePage() });
    assert.equal(client.power, 'full');
    battery.level = 0.1;
    battery.dispatchEvent(new Event('levelchange'));
    assert.deepEqual([client.power, actions('rate').at(-1).max], ['saver', 1]);
    battery.charging = true;
    battery.dispatchEvent(new Event('chargingchange'));
    assert.deepEqual([client.power, actions('rate').at(-1).max], ['full', null]);
    connection.saveData = true;
    connection.dispatchEvent(new Event('change'));
    assert.equal(client.power, 'saver');
    client.setPower('full');
    connection.dispatchEvent(new Event('change'));
    assert.equal(client.power, 'full', 'chosen');
    await open({ power: 'auto' }, { navigator: { userAgentData: { mobile: true } } });
    assert.equal(client.power, 'mobile');
    assert.deepEqual(actions('rate'), [{ action: 'rate', max: 2 }], 'said on connecting');
    await open({ power: 'auto' }, { navigator: { getBattery: async () => { throw new Error('no'); } } });
    assert.equal(client.power, 'full');
});

test('ack and report: resolve with the pong behind them, reject with their error or the connection', async () => {
    await open();
    const ack = client.ack(17, 'mine');
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'ack', notification: '17', comment: 'mine', id: 'r1' }, { action: 'ping', time: 1 }]);
    fake.socket().say({ type: 'pong', time: 1, server: 5 });
    await ack;
    const report = client.report({ metric: 'm', value: 1 });
    assert.deepEqual(fake.socket().takeSent()[0], { action: 'report', samples: [{ metric: 'm', value: 1 }], id: 'r2' });
    fake.socket().say({ type: 'error', id: 'r2', code: 'denied', message: 'a token with the right to ingest is needed' });
    fake.socket().say({ type: 'pong', time: 2, server: 5 });
    await assert.rejects(report, { code: 'denied', retryable: false });
    const cut = client.ack('x');
    fake.socket().end();
    await assert.rejects(cut, { code: 'transport', retryable: true });
});

test('ack and report without a connection, or with a token of their own, go by HTTP', async () => {
    make({ token: 'read' });
    await client.report([{ metric: 'm', value: 1 }], { token: 'ingest' });
    await client.ack('n1');
    assert.deepEqual(fake.http.requests.map((r) => [r.url, r.headers.authorization, r.body]), [
        ['http://h:1/api/v1/samples', 'Bearer ingest', [{ metric: 'm', value: 1 }]],
        ['http://h:1/api/v1/acks', undefined, { notification: 'n1' }]]);
    Object.assign(fake.http, { status: 429, body: '{"error":"slow down"}' });
    await assert.rejects(client.report({ metric: 'm', value: 1 }), { code: 'http_429', retryable: true });
});

test('errors that belong to nobody come as an event, or on the console', async () => {
    await open();
    const lines = [];
    console.error = (e) => lines.push(e.code ?? e.message);
    fake.socket().say('{');
    fake.socket().say({ type: 'error', code: 'limit', message: 'too fast', retryable: true });
    assert.deepEqual(lines, ['protocol', 'limit']);
    const heard = [];
    client.on('error', (e) => heard.push(e.code));
    fake.socket().say({ type: 'error', code: 'limit', message: 'too fast' });
    fake.socket().say({ type: 'error', id: 'r99', code: 'late', message: 'nobody waits any more' });
    fake.socket().say({ type: 'something', of: 'a later version' });
    assert.deepEqual([heard, lines.length], [['limit'], 2]);
    client.on('state', () => { throw new Error('a listener'); });
    client.close();
    assert.deepEqual(lines.at(-1), 'a listener');
});
