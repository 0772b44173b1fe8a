/* Subscriptions: sharing, resuming, gaps, history, rates, iterators, errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PushClient } from '../../dist/.js/client/client.js';
import { pushStore } from '../../dist/.js/client/adapters/svelte.js';
import { fakeEnv } from '../lib/fake.mjs';

let fake, client;

async function open(more = {}) {
    fake = fakeEnv();
    client = new PushClient('http://h:1', { power: 'full', transports: ['ws'], env: fake.env, ...more });
    client.on('error', () => {});
    client.connect();
    await fake.clock.advance(0);
    fake.socket().welcome();
}
async function reopen(more = {}) {
    fake.socket().end();
    await fake.clock.advance(1000);
    fake.socket().welcome(more);
}
const say = (m) => fake.socket().say(m);
const subscribed = (id, stream = 1, recovered = false) => say({ type: 'subscribed', id, stream, recovered });
const full = (o, t, values, more = {}) => say({ type: 'full', s: 1, o, t, series: values.map((_, i) => ({ i: `${i}` })), points: [[t, values]], ...more });
const update = (o, t, d) => say({ s: 1, o, t, d });
const rows = (frames) => frames.flatMap((f) => f.points.map(([t, v]) => [t, ...v]));
/** Keeps copies, as a consumer must. */
const into = (list) => (f) => list.push({ ...f, value: f.value, points: f.points.map(([t, v]) => [t, [...v]]) });

test('before the connection: asked for on the welcome, and it connects by itself', async () => {
    fake = fakeEnv();
    client = new PushClient('http://h:1', { power: 'full', env: fake.env });
    const sub = client.subscribe('up', () => {}, { interval: '1s', history: '5m' });
    assert.deepEqual([client.state, sub.state, sub.query, sub.time, sub.error], ['connecting', 'pending', 'up', 0, null]);
    await fake.clock.advance(0);
    fake.socket().welcome();
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'subscribe', query: 'up', interval: '1s', history: '5m', id: 's1' }]);
    subscribed('s1');
    full(1, 2000, [7]);
    assert.equal(await sub.ready, sub);
    assert.deepEqual([sub.state, sub.time, sub.values, sub.series[0].key], ['live', 2000, [7], '{i="0"}']);
});

test('a stream the server is behind with is late until it comes', async () => {
    await open();
    const subs = ['a', 'b'].map((q) => client.subscribe(q, () => {}));
    subscribed('s1', 1);
    subscribed('s2', 2);
    const late = () => subs.map((s) => s.late);
    assert.deepEqual(late(), [false, false]);
    say({ type: 'heartbeat', t: 5000, late: [2, 9] });
    assert.deepEqual(late(), [false, true]);
    say({ type: 'heartbeat', t: 6000, late: true });
    assert.deepEqual(late(), [true, true]);
    full(1, 7000, [7]);
    assert.deepEqual(late(), [false, true]);
    say({ type: 'heartbeat', t: 8000 });
    assert.deepEqual(late(), [false, false]);
});

test('many subscriptions go in messages of a hundred', async () => {
    fake = fakeEnv();
    client = new PushClient('http://h:1', { power: 'full', env: fake.env });
    for (let i = 0; i < 250; i++)
        client.subscribe(`m${i}`, () => {});
    await fake.clock.advance(0);
    const sizes = [];
    const send = fake.socket().send;
    fake.socket().send = (text) => (sizes.push(JSON.parse(text).length), send.call(fake.socket(), text));
    fake.socket().welcome();
    assert.deepEqual(sizes, [100, 100, 50]);
});

test('the same expression is one subscription of the server, also for one who comes later', async () => {
    await open();
    const a = [], b = [], c = [];
    const first = client.subscribe('up', into(a));
    const second = client.subscribe('up', into(b));
    assert.equal(fake.socket().takeSent().length, 1);
    subscribed('s1');
    full(1, 2000, [1, 2]);
    const third = client.subscribe('up', into(c));
    await third.ready;
    assert.deepEqual(fake.socket().takeSent(), []);
    update(2, 3000, [0, 5]);
    assert.deepEqual([rows(a), rows(b), rows(c)], [[[2000, 1, 2], [3000, 5, 2]], [[2000, 1, 2], [3000, 5, 2]], [[2000, 1, 2], [3000, 5, 2]]]);
    assert.deepEqual([c[0].kind, c[0].reset, c[1].kind, c[1].changed, c[1].value], ['full', true, 'update', [0], 7]);
    first.unsubscribe();
    first.unsubscribe();
    client.unsubscribe(second);
    assert.deepEqual(fake.socket().takeSent(), []);
    third[Symbol.dispose]();
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'unsubscribe', id: 's1' }]);
    update(3, 4000, [0, 6]);
    assert.equal(a.length, 2);
});

test('by its expression: all of it ends, others go on', async () => {
    await open();
    const one = client.subscribe('up', () => {}), other = client.subscribe('up', () => {}, { interval: '5s' }), rest = client.subscribe('down', () => {});
    fake.socket().takeSent();
    client.unsubscribe('nothing of ours');
    client.unsubscribe('up');
    assert.deepEqual([one.state, other.state, rest.state], ['closed', 'closed', 'pending']);
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'unsubscribe', id: 's1' }, { action: 'unsubscribe', id: 's2' }]);
});

test('who comes later and wants history asks for it; the others are not disturbed', async () => {
    await open();
    const a = [], b = [];
    client.subscribe('up', into(a));
    subscribed('s1');
    full(1, 5000, [1]);
    client.subscribe('up', into(b), { history: '3s' });
    assert.deepEqual(fake.socket().takeSent().map((x) => [x.id, x.history]), [['s1', undefined], ['s2', '3s']]);
    subscribed('s2');
    update(2, 6000, [0, 2]);
    assert.equal(b.length, 0, 'has no state yet');
    say({ type: 'full', s: 1, o: 2, t: 6000, series: [{ i: '0' }], points: [[3000, ['NaN']], [4000, [1]], [5000, [1]], [6000, [2]]] });
    assert.deepEqual(rows(b), [[3000, NaN], [4000, 1], [5000, 1], [6000, 2]]);
    assert.equal(a.at(-1).reset, true, 'older points than it knew: it begins anew, nothing doubled');
    update(3, 7000, [0, 3]);
    assert.deepEqual(rows(b).at(-1), [7000, 3]);
});

test('two that want different history and come together each get theirs', async () => {
    await open();
    const frames = [];
    client.subscribe('up', () => {}, { history: '1s' });
    client.subscribe('up', into(frames), { history: '2s' });
    subscribed('s1');
    subscribed('s2');
    say({ type: 'full', s: 1, o: 1, t: 9000, series: [{}], points: [[8000, [1]], [9000, [2]]] });
    say({ type: 'full', s: 1, o: 1, t: 9000, series: [{}], points: [[7000, [0]], [8000, [1]], [9000, [2]]] });
    assert.deepEqual(rows(frames.slice(frames.findLastIndex((f) => f.reset))), [[7000, 0], [8000, 1], [9000, 2]]);
});

test('a reconnect resumes: nothing lost, nothing doubled', async () => {
    await open();
    const got = [], recovered = [];
    const sub = client.subscribe('up', into(got));
    sub.on('recovered', () => recovered.push(1));
    subscribed('s1');
    full(1, 2000, [1]);
    update(2, 3000, [0, 2]);
    await reopen();
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'subscribe', query: 'up', id: 's1', epoch: 'e1', offset: 2 }]);
    subscribed('s1', 1, true);
    update(2, 3000, [0, 2]);
    update(3, 4000, [0, 3]);
    assert.deepEqual([rows(got), recovered], [[[2000, 1], [3000, 2], [4000, 3]], [1]]);
});

test('a gap: a point without values breaks the line, the event says from when to when', async () => {
    await open();
    const got = [], gaps = [];
    client.subscribe('up', into(got)).on('gap', (g) => gaps.push(g));
    subscribed('s1');
    full(5, 2000, [1]);
    await reopen({ epoch: 'e2' });
    subscribed('s1');
    say({ type: 'gap', s: 1, from: 0, to: 1 });
    update(1, 9000, [0, 1]);
    full(1, 9000, [4]);
    assert.deepEqual(rows(got), [[2000, 1], [2001, null], [9000, 4]]);
    assert.deepEqual(gaps, [{ from: 2000, to: 9000, filled: false }]);
    assert.equal(got[1].reset, false);
    update(2, 10_000, [0, 5]);
    assert.deepEqual(rows(got).at(-1), [10_000, 5], 'offsets of another epoch count anew');
});

test('series that ended before the history was read come with their own times', async () => {
    await open();
    const frames = [];
    client.subscribe('up', into(frames), { history: '3s', maxRate: 1 });
    subscribed('s1');
    full(1, 3000, [1], { points: [[1000, [null]], [2000, [1]], [3000, [1]]], ended: [[{ i: 'x' }, [7, '+Inf']]] });
    update(2, 4000, [0, 2]);
    await fake.clock.advance(1000);
    assert.deepEqual(frames.map((f) => f.ended), [[{ labels: { i: 'x' }, points: [[1000, 7], [2000, Infinity]] }], []]);
    assert.deepEqual(frames[0].series.map((s) => s.key), ['{i="0"}']);
});

test('series that the server leaves out are counted until it says otherwise', async () => {
    await open();
    const frames = [];
    client.subscribe('up', into(frames));
    subscribed('s1');
    full(1, 1000, [1], { leftOut: 12 });
    say({ s: 1, o: 2, t: 2000, d: [0, 2] });
    say({ s: 1, o: 3, t: 3000, d: [0, 3], leftOut: 4 });
    say({ s: 1, o: 4, t: 4000, d: [0, 4], leftOut: 0 });
    full(5, 5000, [1], { leftOut: 7 });
    full(6, 6000, [1]);
    assert.deepEqual(frames.map((f) => f.leftOut), [12, 12, 4, 0, 7, 0]);
});

test('a gap that history fills: only what was missing, no break', async () => {
    await open();
    const got = [], gaps = [];
    client.subscribe('up', into(got), { history: '5s' }).on('gap', (g) => gaps.push(g));
    subscribed('s1');
    full(5, 3000, [1]);
    await reopen({ epoch: 'e2' });
    subscribed('s1');
    say({ type: 'full', s: 1, o: 1, t: 6000, series: [{ i: '0' }], points: [[3000, [1]], [4000, [2]], [5000, [3]], [6000, [4]]] });
    assert.deepEqual(rows(got), [[3000, 1], [4000, 2], [5000, 3], [6000, 4]]);
    assert.deepEqual(gaps, [{ from: 3000, to: 4000, filled: true }]);
});

test('a gap with nothing new behind it adds nothing', async () => {
    await open();
    const got = [], gaps = [];
    client.subscribe('up', into(got)).on('gap', (g) => gaps.push(g));
    subscribed('s1');
    full(5, 3000, [1]);
    say({ type: 'gap', s: 1, from: 6, to: 7 });
    full(7, 3000, [1]);
    assert.deepEqual([rows(got), gaps], [[[3000, 1]], [{ from: 3000, to: 3000, filled: false }]]);
});

test('a server whose clock was set back begins anew', async () => {
    await open();
    const got = [];
    client.subscribe('up', into(got));
    subscribed('s1');
    full(1, 9000, [1]);
    await reopen({ epoch: 'e2' });
    subscribed('s1');
    full(1, 4000, [2]);
    assert.deepEqual([got[1].reset, rows([got[1]])], [true, [[4000, 2]]]);
});

test('a stream opened anew under another number goes on', async () => {
    await open();
    const got = [];
    client.subscribe('up', into(got));
    subscribed('s1', 1);
    full(1, 1000, [1]);
    subscribed('s1', 2, true);
    update(2, 2000, [0, 9]);
    assert.equal(got.length, 1, 'the old number is nobody\'s');
    say({ s: 2, o: 3, t: 3000, d: [0, 2] });
    assert.deepEqual(rows(got).at(-1), [3000, 2]);
    subscribed('s77', 5);
});

test('a refused expression: ready rejects, the event tells, the client\'s event if nobody listens', async () => {
    await open();
    const heard = [], orphans = [];
    client.on('error', (e) => orphans.push(e.message));
    const a = client.subscribe('bad(', () => {});
    a.on('error', (e) => heard.push(e.position));
    const b = client.subscribe('worse(', () => {});
    say({ type: 'error', id: 's1', code: 'syntax', message: 'A', position: 3, retryable: false });
    say({ type: 'error', id: 's2', code: 'syntax', message: 'B', retryable: false });
    await assert.rejects(a.ready, { name: 'PushError', code: 'syntax', retryable: false, position: 3 });
    assert.deepEqual([heard, orphans, a.state, b.error.message], [[3], ['B'], 'failed', 'B']);
    await reopen();
    assert.deepEqual(fake.socket().takeSent(), [], 'not asked again');
    client.subscribe('bad(', () => {});
    assert.equal(fake.socket().takeSent().length, 1, 'unless somebody does');
});

test('an error that may pass is asked again', async () => {
    await open();
    const sub = client.subscribe('up', () => {});
    fake.socket().takeSent();
    say({ type: 'error', id: 's1', code: 'busy', message: 'limit of 100 actions per second passed', retryable: true });
    assert.equal(sub.state, 'pending');
    await fake.clock.advance(1500);
    assert.equal(fake.socket().takeSent()[0].action, 'subscribe');
    say({ type: 'error', id: 's1', code: 'busy', message: 'again', retryable: true });
    sub.unsubscribe();
    fake.socket().takeSent();
    await fake.clock.advance(2000);
    assert.deepEqual(fake.socket().takeSent().filter((a) => a.action === 'subscribe'), []);
    await assert.rejects(sub.ready, { code: 'aborted' });
});

test('history that cannot be had: told, and the state comes without', async () => {
    await open();
    const sub = client.subscribe('up', () => {}, { history: '1h' });
    subscribed('s1');
    say({ type: 'error', id: 's1', code: 'timeout', message: 'the query took too long', retryable: true });
    assert.equal(sub.error.code, 'timeout');
    full(1, 1000, [1]);
    await sub.ready;
    assert.equal(sub.error, null);
});

test('an expression that fails while it runs keeps its last values until it is well', async () => {
    await open();
    const errors = [];
    const sub = client.subscribe('up', () => {});
    sub.on('error', (e) => errors.push(e.code));
    subscribed('s1');
    full(1, 1000, [1]);
    say({ type: 'error', s: 1, o: 2, t: 2000, code: 'execution', message: 'duplicate', retryable: true });
    assert.deepEqual([errors, sub.error.code, sub.values, sub.state], [['execution'], 'execution', [1], 'live']);
    full(2, 2000, [1], { error: { code: 'execution', message: 'still' } });
    assert.equal(sub.error.message, 'still');
    update(3, 3000, [0, 2]);
    assert.equal(sub.error, null);
});

test('what a callback throws goes to the error event, the stream goes on', async () => {
    await open();
    const errors = [], got = [];
    client.on('error', (e) => errors.push(e.message));
    client.subscribe('up', () => { throw new Error('mine'); });
    client.subscribe('up', into(got));
    subscribed('s1');
    full(1, 1000, [1]);
    assert.deepEqual([errors, got.length], [['mine'], 1]);
});

test('signals end subscriptions, also those given up before', async () => {
    await open();
    const abort = new AbortController();
    const sub = client.subscribe('up', () => {}, { signal: abort.signal });
    abort.abort();
    assert.equal(sub.state, 'closed');
    const late = client.subscribe('up2', () => {}, { signal: AbortSignal.abort() });
    await assert.rejects(late.ready, { code: 'aborted' });
    assert.deepEqual(fake.socket().takeSent().map((a) => a.action), ['subscribe', 'unsubscribe', 'subscribe', 'unsubscribe']);
});

test('maxRate: one call per period, with every point and the newest state', async () => {
    await open();
    const got = [];
    const sub = client.subscribe('up', into(got), { maxRate: 2 });
    subscribed('s1');
    full(1, 1000, [1, 1]);
    assert.equal(got.length, 1, 'the first at once');
    update(2, 1100, [0, 2]);
    update(3, 1200, [1, 3]);
    assert.equal(got.length, 1);
    await fake.clock.advance(500);
    assert.deepEqual([got[1].points, got[1].changed, got[1].kind, got[1].value], [[[1100, [2, 1]], [1200, [2, 3]]], [0, 1], 'update', 5]);
    await fake.clock.advance(500);
    update(4, 1300, [0, 9]);
    assert.equal(got.length, 3, 'the period is over');
    full(5, 1400, [7]);
    update(6, 1500, [0, 8]);
    full(7, 100, [3]);
    update(8, 150, [0, 4]);
    await fake.clock.advance(500);
    assert.deepEqual([got[3].reset, got[3].points, got[3].kind, got[3].changed], [true, [[100, [3]], [150, [4]]], 'full', null]);
    update(9, 300, [0, 5]);
    sub.unsubscribe();
    await fake.clock.advance(1000);
    assert.equal(got.length, 4);
});

test('named streams are asked by name', async () => {
    await open();
    client.subscribe('checkout_p99', () => {}, { named: true });
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'subscribe', stream: 'checkout_p99', id: 's1' }]);
});

test('notifications: once each, resumed, gaps told, one filter per client', async () => {
    await open();
    const got = [], late = [], gaps = [];
    const sub = client.notifications((n) => got.push(n.id), { filter: { severity: ['critical'] }, history: '1h' });
    sub.on('gap', (g) => gaps.push(g));
    assert.deepEqual(fake.socket().takeSent(), [{ action: 'subscribe', topic: 'notifications', filter: { severity: ['critical'] }, history: '1h', id: 's1' }]);
    subscribed('s1', 0);
    await sub.ready;
    say({ type: 'notification', o: 3, notification: { id: 'a', type: 'critical', title: 't', timestamp: 1500 } });
    const second = client.notifications((n) => late.push(n.id), { filter: { severity: ['critical'] } });
    await second.ready;
    await reopen();
    assert.deepEqual(fake.socket().takeSent()[0].offset, 3);
    subscribed('s1', 0, true);
    say({ type: 'notification', o: 3, notification: { id: 'a', type: 'critical', title: 't' } });
    say({ type: 'notification', o: 4, notification: { id: 'b', type: 'critical', title: 't' } });
    assert.deepEqual([got, late], [['a', 'b'], ['b']]);
    say({ type: 'gap', s: 0, from: 5, to: 9 });
    assert.deepEqual(gaps, [{ from: 1500, to: 1000, filled: false }]);
    await reopen({ epoch: 'e2' });
    subscribed('s1', 0, false);
    say({ type: 'notification', o: 1, notification: { id: 'c', type: 'critical', title: 't' } });
    assert.deepEqual(got, ['a', 'b', 'c']);
});

test('for await: frames that may be kept, leaving unsubscribes', async () => {
    await open();
    const kept = [];
    const loop = (async () => {
        for await (const f of client.stream('up')) {
            kept.push(f);
            if (kept.length === 3)
                break;
        }
    })();
    subscribed('s1');
    full(1, 1000, [1]);
    await fake.clock.advance(0);
    update(2, 2000, [0, 2]);
    update(3, 3000, [0, 3]);
    await loop;
    assert.deepEqual(kept.map((f) => [f.values, f.value, f.points[0][1]]), [[[1], 1, [1]], [[2], 2, [2]], [[3], 3, [3]]]);
    assert.deepEqual(fake.socket().takeSent().at(-1), { action: 'unsubscribe', id: 's1' });
});

test('for await: a slow loop loses the oldest, or the newest', async () => {
    for (const [overflow, want] of [['drop-oldest', [3, 4]], ['drop-newest', [1, 2]]]) {
        await open();
        const iterator = client.stream('up', { buffer: 2, overflow });
        subscribed('s1');
        full(1, 1000, [1]);
        for (let i = 2; i <= 4; i++)
            update(i, i * 1000, [0, i]);
        assert.deepEqual([(await iterator.next()).value.value, (await iterator.next()).value.value], want);
        await iterator.return();
    }
});

test('for await: refusal throws, an abort ends', async () => {
    await open();
    const refused = client.stream('bad(');
    assert.equal(refused[Symbol.asyncIterator](), refused);
    const next = refused.next();
    say({ type: 'error', id: 's1', code: 'syntax', message: 'x', retryable: false });
    await assert.rejects(next, { code: 'syntax' });
    const abort = new AbortController();
    const ended = client.stream('up', { signal: abort.signal });
    const last = ended.next();
    abort.abort();
    assert.deepEqual(await last, { value: undefined, done: true });
    assert.equal(fake.socket().takeSent().at(-1).action, 'unsubscribe');
});

test('svelte store: null, then frames that may be kept, unsubscribed with the last reader', async () => {
    await open();
    const seen = [];
    const stop = pushStore(client, 'up').subscribe((f) => seen.push(f));
    subscribed('s1');
    full(1, 1000, [1]);
    update(2, 2000, [0, 2]);
    assert.deepEqual([seen[0], seen[1].values, seen[2].value], [null, [1], 2]);
    stop();
    assert.equal(fake.socket().takeSent().at(-1).action, 'unsubscribe');
});
