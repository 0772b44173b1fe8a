/* The library against the real server: everyday use, kill and restart, blocked WebSocket, a path that goes silent. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PushClient } from '../../dist/.js/client/client.js';
import { MetricStreamClient } from '../../dist/.js/client/compat.js';
import { Proxy, Server, sleep, until, WebSocket } from '../lib/server.mjs';

let server;
before(async () => { server = await new Server().start(); });
after(() => server.stop());

const open = new Set();
function connect(url, options = {}) {
    const client = new PushClient(url, { WebSocket, ...options });
    client.errors = [];
    client.states = [];
    client.on('error', (e) => client.errors.push(e));
    client.on('state', (s) => client.states.push({ ...s, at: performance.now() }));
    open.add(client);
    return client;
}
after(() => open.forEach((c) => c.close()));
const keep = (list) => (f) => list.push({ ...f, value: f.value, values: [...f.values], points: f.points.map(([t, v]) => [t, [...v]]) });
const rows = (frames) => frames.flatMap((f) => f.points.map(([t, v]) => [t, ...v]));
const rising = (frames) => rows(frames).every(([t], i, all) => i === 0 || t > all[i - 1][0]);

for (const transport of ['ws', 'sse']) {
    test(`${transport}: values, history, errors with their place, unsubscribing`, async () => {
        const client = connect(server.url, { transports: [transport] });
        const metric = `everyday_${transport}`, got = [], asked = Date.now();
        await server.post([{ metric, labels: { shop: 'oslo' }, value: 3 }]);
        const sub = client.subscribe(metric, keep(got), { interval: '100ms', history: '2s' });
        await sub.ready;
        assert.equal(client.transport, transport);
        /* Two seconds at ten a second, and now; and what came while they were read. */
        const times = got[0].points.map(([t]) => t);
        assert.ok(times.length >= 21 && times.slice(0, 21).every((t, i) => t === times[0] + 100 * i), times.join());
        assert.ok(times[0] > asked - 2100 && times[0] <= Date.now() - 2000, `${times[0]} is not two seconds before ${asked}`);
        await server.post([{ metric, labels: { shop: 'rome' }, value: 4 }]);
        await until(() => got.at(-1).value === 7, 'both series');
        assert.deepEqual(sub.series.map((s) => s.labels.shop), ['oslo', 'rome']);
        assert.ok(rising(got));
        await assert.rejects(client.subscribe('sum(up', () => {}).ready, (e) => e.code === 'syntax' && e.retryable === false && e.position >= 0);
        await assert.rejects(client.subscribe('nobody', () => {}, { named: true }).ready, { code: 'not_found' });
        const twice = client.subscribe(metric, () => {}, { interval: '100ms' });
        await twice.ready;
        sub.unsubscribe();
        twice.unsubscribe();
        const frames = got.length;
        await server.post([{ metric, labels: { shop: 'oslo' }, value: 9 }]);
        const check = client.subscribe(metric, () => {}, { interval: '100ms' });
        await check.ready;
        await until(() => check.values.includes(9), 'the new value');
        assert.equal(got.length, frames);
        client.close();
    });

    test(`${transport}: report, and for await`, async () => {
        const client = connect(server.url, { transports: [transport] });
        await client.connect();
        const metric = `reported_${transport}`;
        await client.report({ metric, value: 1, labels: { page: 'home' } });
        await assert.rejects(client.ack('no-such-notification'), (e) => e.name === 'PushError');
        for await (const f of client.stream(metric, { interval: '100ms' })) {
            if (f.value === 1)
                break;
        }
        client.close();
        await client.report({ metric, value: 2 }); /* without a connection: by HTTP */
    });
}

test('two hundred subscriptions at once, and one too many is told', async () => {
    const client = connect(server.url, { transports: ['ws'] });
    await client.connect();
    const limit = client.welcome.limits.subscriptions;
    const subs = Array.from({ length: limit }, (_, i) => client.subscribe(`vector(${i})`, () => {}, { interval: '10s' }));
    await Promise.all(subs.map((s) => s.ready));
    assert.deepEqual(subs.map((s) => s.values[0]), subs.map((_, i) => i));
    await assert.rejects(client.subscribe('vector(-1)', () => {}).ready, { code: 'limit' });
    client.close();
});

test('a cut connection comes back where it was: nothing lost, nothing doubled', async () => {
    const proxy = await new Proxy(server.port).start();
    const client = connect(proxy.url, { transports: ['ws'] }), witness = connect(server.url, { transports: ['ws'] });
    const got = [], recovered = [], told = [];
    await server.post([{ metric: 'resumed', value: 0 }]);
    const sub = client.subscribe('resumed', keep(got), { interval: '100ms', history: '1s' });
    sub.on('recovered', () => recovered.push(1));
    witness.subscribe('resumed', keep(told), { interval: '100ms' });
    await until(() => got.at(-1)?.value === 0, 'the first value');
    for (let i = 1; i <= 12; i++) {
        if (i % 4 === 0) {
            await until(() => recovered.length === i / 4 - 1 && client.state === 'open', 'it is back from the cut before');
            proxy.sockets.forEach((s) => s.destroy());
        }
        await server.post([{ metric: 'resumed', value: i }]);
        await until(() => told.at(-1)?.value === i, `a tick of its own for ${i}`); /* by one that is not cut */
    }
    await until(() => got.at(-1).value === 12, 'the last value');
    assert.equal(recovered.length, 3);
    assert.ok(rising(got), 'no moment twice');
    const seen = new Set(rows(got).map(([, v]) => v));
    assert.deepEqual(Array.from({ length: 13 }, (_, i) => i).filter((i) => !seen.has(i)), [], 'every value was seen');
    assert.equal(client.states.filter((s) => s.state === 'open').length, 4);
    console.log('# goal 6: 3 cuts, 13 values: 0 lost, 0 doubled (0, 0)');
    client.close();
    witness.close();
    proxy.stop();
});

test('server killed and started again: open again, the gap is shown, never a value twice', async () => {
    const own = await new Server().start();
    const client = connect(own.url, { transports: ['ws', 'sse'] });
    const got = [], gaps = [];
    await own.post([{ metric: 'restarted', value: 1 }]);
    const sub = client.subscribe('restarted', keep(got), { interval: '100ms' });
    sub.on('gap', (g) => gaps.push(g));
    await sub.ready;
    await until(() => got.at(-1).value === 1, 'the first value');
    await own.kill('SIGKILL');
    await until(() => client.state === 'reconnecting', 'the loss is noticed');
    await until(() => Date.now() >= got.at(-1).time + 100, 'a tick without a server'); /* else there is no time that nobody knows of */
    await own.start();
    await until(() => client.state === 'open', 'open again');
    await own.post([{ metric: 'restarted', value: 2 }]);
    await until(() => got.at(-1).value === 2, 'the value after it');
    assert.equal(gaps.length, 1);
    assert.ok(rising(got));
    assert.ok(rows(got).some(([, v], i) => i > 0 && (v ?? null) === null), 'the line is broken');
    const before_ = client.states.length;
    await own.kill('SIGTERM');
    await until(() => client.state === 'reconnecting', 'the drain is noticed');
    assert.match(client.states[before_].reason, /come back later|stream ended|terminated|closed|fetch/);
    client.close();
    await own.stop();
});

test('WebSocket refused by something between: live over SSE, and back when it may', async () => {
    const proxy = await new Proxy(server.port).start();
    proxy.mode = 'no-upgrade';
    const client = connect(proxy.url);
    const began = performance.now();
    const got = [];
    await server.post([{ metric: 'blocked', value: 1 }]);
    const sub = client.subscribe('blocked', keep(got), { interval: '100ms' });
    await sub.ready;
    console.log(`# goal 7: ws refused: live by SSE after ${(performance.now() - began).toFixed(0)} ms (4000)`);
    assert.equal(client.transport, 'sse');
    assert.equal(proxy.upgrades, 1);
    proxy.mode = 'pass';
    client._after('probe', 0, () => client._open('ws')); /* what the clock does after five minutes */
    await until(() => client.transport === 'ws', 'WebSocket has taken over');
    assert.ok(!client.states.some((s) => s.state === 'reconnecting'), 'without a break');
    await server.post([{ metric: 'blocked', value: 2 }]);
    await until(() => got.at(-1).value === 2, 'the value over WebSocket');
    assert.ok(rising(got));
    client.close();
    proxy.stop();
});

test('WebSocket never answered: SSE beside it wins', async () => {
    const proxy = await new Proxy(server.port).start();
    proxy.mode = 'silent-upgrade';
    const client = connect(proxy.url);
    const began = performance.now();
    await client.connect();
    console.log(`# goal 7: ws silent: live by SSE after ${(performance.now() - began).toFixed(0)} ms (4000)`);
    assert.equal(client.transport, 'sse');
    client.close();
    proxy.stop();
});

for (const transport of ['ws', 'sse']) {
    test(`${transport}: a path that goes silent is found by the clock, and by a ping on waking`, async () => {
        const proxy = await new Proxy(server.port).start();
        let ahead = 0; /* the client's clock runs ahead instead of the test waiting */
        const client = connect(proxy.url, { transports: [transport], env: { now: () => performance.now() + ahead } });
        const sub = client.subscribe('vector(1)', () => {}, { interval: '100ms' });
        await sub.ready;
        proxy.mode = 'blackhole';
        ahead += client.welcome.heartbeat + 10_000;
        await until(() => client.states.some((s) => s.reason === 'the server went silent'), 'silence is noticed');
        proxy.mode = 'pass';
        await until(() => client.state === 'open', 'open again');
        proxy.mode = 'blackhole';
        const began = performance.now();
        /* What a page shown again does; again, as what was under way already when the path went silent counts as a sign of life. */
        await until(() => client.states.some((s) => s.reason === 'no answer to a ping') || client._woken(), 'the ping was not answered');
        console.log(`# goal 7: ${transport}: dead socket found ${(performance.now() - began).toFixed(0)} ms after waking (2500)`);
        proxy.mode = 'pass';
        await until(() => client.state === 'open', 'open again');
        client.close();
        proxy.stop();
    });
}

test('a thousand samples a second on one subscription stay small on the wire', async () => {
    const proxy = await new Proxy(server.port).start();
    const client = connect(proxy.url, { transports: ['ws'] });
    const batch = () => Array.from({ length: 100 }, (_, i) => ({ metric: 'wire', labels: { i: `${i}` }, value: Math.round(Math.random() * 1e4) / 100 }));
    await server.post(batch());
    await client.subscribe('wire', () => {}, { interval: '100ms' }).ready;
    const before_ = proxy.bytes, began = performance.now();
    for (let i = 0; i < 40; i++) {
        await server.post(batch());
        await sleep(Math.max(0, 100 * (i + 1) - (performance.now() - began)));
    }
    const perSecond = (proxy.bytes - before_) / ((performance.now() - began) / 1000);
    console.log(`# goal 8: ${(perSecond / 1024).toFixed(1)} KB/s at 1000 samples/s, uncompressed (12)`);
    assert.ok(perSecond < 100 * 1024);
    client.close();
    proxy.stop();
});

test('a hidden client costs little', async () => {
    const proxy = await new Proxy(server.port).start();
    const client = connect(proxy.url, { transports: ['ws'] });
    await client.subscribe('timestamp(vector(time())) * 10 + scalar(vector(time()))', () => {}, { interval: '100ms' }).ready;
    const bytesIn = async (ms) => {
        const before_ = proxy.bytes;
        await sleep(ms);
        return proxy.bytes - before_;
    };
    const visible = await bytesIn(10_000);
    client.setPower('hidden');
    await client.report([]).catch(() => {}); /* the server has taken the rate when it answers */
    const hidden = await bytesIn(10_000);
    console.log(`# goal 8: hidden costs ${((100 * hidden) / visible).toFixed(1)} % of visible (2): ${hidden} and ${visible} bytes in 10 s`);
    assert.ok(hidden < visible / 5);
    const serverTime = client.serverTime;
    client.setPower('full');
    await until(() => client.serverTime > serverTime, 'time goes on when it is shown again');
    assert.equal(client.heartbeat, client.welcome.heartbeat);
    client.close();
    proxy.stop();
});

test('tokens: the callback is asked, a wrong one ends it, a right one opens it again, over both transports', async () => {
    const { createHash } = await import('node:crypto');
    const { writeFileSync } = await import('node:fs');
    const hash = createHash('sha256').update('right-token').digest('hex');
    const own = new Server('--config', 'c.yml');
    writeFileSync(`${own.folder}/c.yml`, `auth: {tokens: [{name: t, hash: "sha256:${hash}", rights: [read, ingest]}]}\n`);
    await own.start();
    for (const transport of ['ws', 'sse']) {
        const asked = [];
        let token = 'wrong';
        const client = connect(own.url, { transports: [transport], token: ({ reason }) => (asked.push(reason), token) });
        client.subscribe('vector(7)', () => {});
        await until(() => client.state === 'closed', 'a wrong token ends it');
        assert.deepEqual(asked, ['connect', 'refused']);
        assert.equal(client.states.at(-1).error.code, 'denied');
        token = 'right-token';
        const sub = client.subscribe('vector(7)', () => {});
        await client.connect();
        await sub.ready;
        assert.equal(sub.values[0], 7);
        await client.report({ metric: 'm', value: 1 });
        client.close();
    }
    const guest = connect(own.url, { transports: ['ws'] });
    guest.subscribe('up', () => {});
    await until(() => guest.state === 'closed', 'without a token it ends');
    await own.stop();
});

test('MetricStreamClient: one number per metric, from the simple form', async () => {
    const client = new MetricStreamClient(`ws://127.0.0.1:${server.port}/stream`, { WebSocket });
    const got = [];
    const callback = (value, timestamp) => got.push([value, timestamp]);
    client.subscribe('simple_metric', callback);
    client.connect();
    await server.post([{ metric: 'simple_metric', labels: { a: '1' }, value: 40 }, { metric: 'simple_metric', labels: { a: '2' }, value: 2.5 }]);
    await until(() => got.at(-1)?.[0] === 42.5, 'the sum');
    assert.ok(Math.abs(got.at(-1)[1] - Date.now()) < 60_000);
    client.unsubscribe('simple_metric', callback);
    client.disconnect();
});

test('the file for <script> at its stable address defines `streamgauge`', async () => {
    const response = await fetch(`${server.url}/streamgauge.js`);
    if (response.status === 404)
        return; /* a binary built without npm */
    assert.match(response.headers.get('content-type'), /javascript/);
    const { createContext, runInContext } = await import('node:vm');
    const context = createContext({ URL, setTimeout, clearTimeout, performance, console });
    runInContext(await response.text(), context);
    assert.deepEqual(runInContext('Object.keys(streamgauge).sort().join()', context),
        'MetricStreamClient,NotificationService,PushClient,PushError,durationMs,labelsKey,reportWebVitals');
});
