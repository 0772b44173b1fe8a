/* The library against every transcript of tests/data/proto: what it asks is what they say, and what it shows is what they tell. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PushClient } from '../../dist/.js/client/client.js';
import { MetricStreamClient, NotificationService } from '../../dist/.js/client/compat.js';
import { decodeValue } from '../../dist/.js/client/protocol.js';
import { FakeSocket, fakeEnv } from '../lib/fake.mjs';
import { concrete, names, read } from '../lib/transcript.mjs';

/* A second, plain reading of the protocol: per stream the values by labels. */
class Plain {
    streams = new Map();
    take(m) {
        if (m.type === 'full')
            this.streams.set(m.s, m.series.map((labels, i) => ({ labels, v: m.points.at(-1)[1][i] ?? null })));
        const slots = m.type === undefined && this.streams.get(m.s);
        if (!slots)
            return;
        for (const slot of m.del ?? [])
            slots[slot] = { labels: null, v: null };
        for (const [slot, labels] of m.add ?? [])
            slots[slot] = { labels, v: null };
        for (let i = 0; i < (m.d ?? []).length; i += 2)
            slots[m.d[i]].v = m.d[i + 1];
    }
    of(s) {
        return (this.streams.get(s) ?? []).filter((x) => x?.labels).map((x) => [JSON.stringify(x.labels), decodeValue(x.v)]);
    }
}

/* What the library's own types do not let through. */
const isMistake = (a) => (a.topic ?? 'notifications') !== 'notifications' || (a.offset !== undefined && a.epoch === undefined) || (a.query && a.filter);

class Player {
    constructor(sse) {
        this.sse = sse;
        this.fake = fakeEnv();
        this.client = new PushClient('http://h:1', { env: this.fake.env, transports: [sse ? 'sse' : 'ws'], power: 'full' });
        this.client.on('error', () => {});
        this.subs = new Map();   /* the transcript's id → subscription */
        this.ours = new Map();   /* the transcript's id → the library's */
        this.streamOf = new Map();
        this.plain = new Plain();
        this.notes = [];
    }
    say(m) {
        if (this.sse)
            this.fake.http.streams.at(-1).say(m);
        else
            this.fake.socket().say(m);
    }
    async sent() {
        await this.fake.clock.advance(0);
        return this.sse ? this.fake.http.requests.splice(0).flatMap((r) => r.body ?? []) : this.fake.socket().takeSent();
    }
    async open() {
        if (this.client.state === 'idle')
            this.client.connect();
        else if (this.client.state === 'open')
            this.sse ? this.fake.http.streams.at(-1).end() : this.fake.socket().end();
        await this.fake.clock.advance(1000);
        if (!this.sse)
            this.fake.socket().open();
    }
    async subscribe(a, epoch) {
        const old = this.subs.get(a.id);
        const anew = old && (a.epoch === undefined || old.state === 'closed'); /* the transcript begins from nothing */
        if (anew)
            old.unsubscribe();
        const known = !anew && old;
        const { query, interval, history, topic, filter } = a;
        if (!known) {
            const callback = (x) => topic && this.notes.push(x);
            this.subs.set(a.id, topic ? this.client.notifications(callback, { filter, history })
                : this.client.subscribe(query ?? a.stream, callback, { interval, history, named: a.stream !== undefined }));
            this.subs.get(a.id).on('error', () => {});
            this.ours.set(a.id, `s${[...this.client._shareds.keys()].at(-1).slice(1)}`);
        }
        const sent = (await this.sent()).find((x) => x.id === this.ours.get(a.id) && x.action === 'subscribe');
        if (a.epoch === undefined || (a.epoch === epoch && known)) {
            /* A subscription that shares another's asks nothing; what is asked is what the transcript says, beside the id. */
            if (sent && !(a.topic && a.epoch))
                assert.deepEqual({ ...sent, id: a.id }, JSON.parse(JSON.stringify(a)));
            else if (a.epoch)
                assert.ok(sent?.epoch === a.epoch && sent.offset >= a.offset, 'resumes where it was');
        }
    }
}

const V1 = names.filter((n) => n.startsWith('v1-') || n === 'sse');

for (const name of V1) {
    test(`${name}: values, errors and places as in the transcript`, async () => {
        let p, epoch, checked = 0;
        for (const step of read(name)) {
            const where = `${name}.transcript:${step.line}`;
            if (step.kind === '@') {
                const sse = step.text.startsWith('sse');
                p ??= new Player(sse);
                if (p.client.state === 'closed')
                    p.client.connect();
                await p.open();
                if (sse && !p.subs.size)
                    for (const [id, query] of [...new URLSearchParams(step.text.slice(4)).getAll('query').entries()])
                        p.pendingSse = [...(p.pendingSse ?? []), { id: String(id + 1), query }];
            } else if (step.kind === '>' && step.json) {
                for (const a of Array.isArray(step.json) ? step.json : [step.json]) {
                    if (a.action === 'subscribe' && typeof a.id === 'string' && (a.query || a.stream || a.topic) && !(a.query && a.stream) && !isMistake(a))
                        await p.subscribe(a, epoch).catch((e) => assert.fail(`${where}: ${e.message}`));
                    else if (a.action === 'unsubscribe')
                        p.subs.get(a.id)?.unsubscribe();
                }
            } else if (step.kind === '<') {
                const m = concrete(step.json);
                epoch = m.type === 'welcome' ? m.epoch : epoch;
                if (m.id !== undefined)
                    m.id = p.ours.get(m.id) ?? m.id;
                p.plain.take(m);
                p.say(m);
                await p.fake.clock.advance(0);
                if (m.type === 'welcome')
                    for (const { id, query } of p.pendingSse?.splice(0) ?? [])
                        await p.subscribe({ action: 'subscribe', id, query });
                if (m.type === 'subscribed')
                    p.streamOf.set(m.id, m.stream);
                if (m.type !== undefined && m.type !== 'full')
                    continue;
                for (const [id, sub] of p.subs) {
                    const s = p.streamOf.get(p.ours.get(id));
                    if (s !== m.s || sub.state === 'closed' || !sub.time)
                        continue;
                    const shown = sub.series.flatMap((x, i) => (x ? [[JSON.stringify(x.labels), sub.values[i] ?? null]] : []));
                    assert.deepEqual(shown, p.plain.of(s), where);
                    checked++;
                }
            } else if (step.kind === 'close') {
                const [, code, reason] = /^(\d+) ?(.*)$/.exec(step.text);
                p.fake.socket().end(Number(code), reason);
                await p.fake.clock.advance(0);
            } else if (step.text === 'cut') {
                p.sse ? p.fake.http.streams.at(-1).end() : p.fake.socket().end();
                await p.fake.clock.advance(0);
            }
        }
        if (name === 'v1-notifications')
            assert.deepEqual(p.notes.map((n) => n.id), [1, 2, 1], 'each once, also over a reconnect');
        else if (name !== 'v1-auth')
            assert.ok(checked > 0);
        p.client.close();
    });
}

test('the simple form: MetricStreamClient gives the values of its transcripts', async () => {
    for (const name of names.filter((n) => n.startsWith('simple'))) {
        const { env, socket } = fakeEnv();
        FakeSocket.all = [];
        const c = new MetricStreamClient('ws://h/stream', env);
        const got = [], want = [];
        const mine = (m) => (v, t) => got.push([m, v, t]);
        const callbacks = new Map();
        const logged = console.error;
        console.error = () => {};
        for (const step of read(name)) {
            if (step.kind === '@') {
                c.connect();
                socket().open();
            } else if (step.kind === '>' && step.json?.metric) {
                const { action, metric } = step.json;
                if (action === 'unsubscribe' && !callbacks.has(metric))
                    continue; /* it does not ask to end what it has not begun */
                callbacks.set(metric, callbacks.get(metric) ?? mine(metric));
                c[action](metric, callbacks.get(metric));
                if (!step.json.interval)
                    assert.deepEqual(socket().takeSent(), [step.json]);
            } else if (step.kind === '<' && step.json) {
                const m = concrete(step.json);
                if (m.error === undefined && callbacks.has(m.metric))
                    want.push([m.metric, decodeValue(m.value), m.timestamp]);
                socket().say(m);
            }
        }
        console.error = logged;
        assert.deepEqual(got, want);
        c.disconnect();
    }
});

test('/notifications: NotificationService tells every one of its transcript', () => {
    const { env, socket } = fakeEnv();
    const service = NotificationService.getInstance('ws://h/notifications', env);
    assert.equal(NotificationService.getInstance(), service);
    const got = [], want = [];
    const listener = (n) => got.push(n.id);
    const bad = () => { throw new Error('mine'); };
    const logged = console.error;
    console.error = () => {};
    service.addListener(bad);
    service.addListener(listener);
    assert.equal(FakeSocket.all.length, 1);
    for (const step of read('notifications')) {
        if (step.kind === '<') {
            socket().say(step.json);
            if (step.json.id)
                want.push(step.json.id);
        }
    }
    console.error = logged;
    assert.deepEqual(got, want);
    service.removeListener(bad);
    service.removeListener(listener);
    assert.ok(socket().closedByClient);
});
