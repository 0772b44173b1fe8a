/* The notification centre: who is told how, storms, history, badge, sound, Web Push, links. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hideDesktop, safeLink, showDesktop } from '../../dist/.js/notify/actions.js';
import { favicon, setBadge } from '../../dist/.js/notify/badge.js';
import { NotificationCenter } from '../../dist/.js/notify/center.js';
import { fromBase64url, WebPush } from '../../dist/.js/notify/push.js';
import { CRITICAL_MUTE_MS, DEFAULTS, isMuted, route } from '../../dist/.js/notify/route.js';
import { startNotifications } from '../../dist/.js/notify/service.js';
import { Sound } from '../../dist/.js/notify/sound.js';
import { openStore } from '../../dist/.js/notify/store.js';
import { Clock, settle } from '../lib/fake.mjs';

const note = (id, type = 'critical', more = {}) => ({ id, type, title: `t${id}`, ...more });
function make(options = {}) {
    const clock = { now: 1e12 };
    const center = new NotificationCenter({ now: () => clock.now, ...options });
    const alerts = [], storms = [];
    center.on('alert', (a) => alerts.push(a.item.id));
    center.on('storm', (s) => storms.push(s));
    return { center, clock, alerts, storms };
}

test('routes: critical is loud, warning shows, info waits in the centre', () => {
    const item = (severity, state = 'firing') => ({ severity, state });
    assert.deepEqual(route(item('critical'), DEFAULTS, 0), { sound: 'critical', announce: 'assertive', desktop: true, toastMs: 8000 });
    assert.deepEqual(route(item('warning'), DEFAULTS, 0), { sound: 'warning', announce: 'polite', desktop: false, toastMs: 8000 });
    assert.deepEqual(route(item('info'), DEFAULTS, 0).toastMs, 0);
    assert.deepEqual(route(item('critical', 'resolved'), DEFAULTS, 0).sound, null);
    assert.deepEqual(route(item('critical'), { ...DEFAULTS, sound: false, desktop: false }, 0).desktop, false);
});

test('routes: mutes, of critical not for ever; quiet hours are not for critical', () => {
    const prefs = { ...DEFAULTS, muted: { critical: 0, warning: 0 } };
    assert.ok(isMuted('warning', prefs, 1e12));
    assert.ok(isMuted('critical', prefs, CRITICAL_MUTE_MS - 1));
    assert.ok(!isMuted('critical', prefs, CRITICAL_MUTE_MS));
    assert.equal(route({ severity: 'critical', state: 'firing' }, prefs, 1).toastMs, 8000, 'still shown');
    const at = (hour) => new Date(2026, 1, 1, hour).getTime();
    const loud = (severity, quiet, hour) => route({ severity, state: 'firing' }, { ...DEFAULTS, quiet }, at(hour)).sound !== null;
    assert.deepEqual([21, 22, 3, 7].map((h) => loud('warning', { from: 22, to: 7 }, h)), [true, false, false, true]);
    assert.deepEqual([8, 9, 17].map((h) => loud('warning', { from: 9, to: 17 }, h)), [true, false, true]);
    assert.ok(loud('critical', { from: 22, to: 7 }, 3));
});

test('centre: one item per id, alerting only what begins to fire', () => {
    const { center, alerts, clock } = make();
    center.add(note(1));
    center.add(note(1));
    assert.deepEqual([alerts, center.unread, center.worst], [['1'], 1, 'critical']);
    clock.now += 5;
    center.add(note(1, 'critical', { status: 'acknowledged' }));
    assert.deepEqual([center.worst, center.list()[0].state, center.list()[0].firstAt, center.list()[0].changedAt], [null, 'acknowledged', 1e12, 1e12 + 5]);
    center.add(note(1));
    assert.deepEqual(alerts, ['1', '1'], 'fires again');
    center.add(note(2, 'warning', { source: 'b', timestamp: 7 }), true);
    assert.deepEqual(alerts.length, 2, 'history alerts nobody');
    center.markRead(['1']);
    assert.equal(center.unread, 1);
    center.markRead();
    assert.equal(center.unread, 0);
    assert.deepEqual(center.list({ severity: ['warning'] }).map((i) => i.id), ['2']);
    assert.deepEqual(center.groups().map((g) => [g.source, g.worst, g.items.length]), [['', 'critical', 1], ['b', 'warning', 1]]);
});

test('centre: more than five in ten seconds are one summary', () => {
    const { center, alerts, storms, clock } = make();
    for (let i = 0; i < 7; i++)
        center.add(note(i, i ? 'warning' : 'critical'));
    assert.deepEqual([alerts.length, storms], [5, [{ count: 6, worst: 'critical' }, { count: 7, worst: 'critical' }]]);
    clock.now += 10_000;
    center.add(note(99));
    assert.equal(alerts.length, 6);
});

test('centre: mute and unmute, acknowledging goes to the server and marks read', async () => {
    const acked = [];
    const { center, alerts } = make({ ack: async (...a) => acked.push(a), preferences: { sound: false } });
    center.mute('warning');
    assert.ok(center.isMuted('warning'));
    center.add(note(1, 'warning'));
    assert.deepEqual(alerts, []);
    center.mute('warning', false);
    assert.ok(!center.isMuted('warning'));
    await center.ack('1', 'mine');
    assert.deepEqual([acked, center.unread], [[['1', 'mine']], 0]);
});

test('centre: 500 items, seven days; what fires stays; a store that fails silences nothing', async () => {
    const removed = [];
    const kept = { id: 'old', severity: 'info', state: 'resolved', read: false, firstAt: 0, changedAt: 0, notification: note('old') };
    const firing = { ...kept, id: 'firing', state: 'firing' };
    const store = { load: async () => [kept, firing], save: async (_, r) => { removed.push(...r); throw new Error('disk full'); } };
    const { center, alerts } = make({ store });
    await center.load();
    assert.deepEqual([center.list().map((i) => i.id), center.worst], [['firing'], null], 'it may have ended since');
    for (let i = 0; i < 500; i++)
        center.add(note(i, 'info'), true);
    assert.deepEqual([center.list().length, removed], [500, ['firing']]);
    center.add(note('x'));
    await settle();
    assert.deepEqual(alerts, ['x']);
    await center.load();
});

test('store: without IndexedDB there is none, and the centre works', async () => {
    const { center } = make({ store: await openStore() });
    await center.load();
    center.add(note(1));
    assert.equal(center.list().length, 1);
});

test('store: IndexedDB', async () => {
    const data = new Map();
    const request = (result, error) => {
        const r = { result, error };
        queueMicrotask(() => (error ? r.onerror() : r.onsuccess()));
        return r;
    };
    const objectStore = () => ({
        getAll: () => request([...data.values()]),
        put: (i) => (data.set(i.id, i), request()),
        delete: (id) => (data.delete(id), request(undefined, id === 'bad' ? new Error('disk') : undefined)),
    });
    const db = { created: [], createObjectStore: (...a) => db.created.push(a), transaction: () => ({ objectStore }) };
    globalThis.indexedDB = { open: () => { const r = request(db); queueMicrotask(() => {}); r.upgrade = setImmediate; Promise.resolve().then(() => r.onupgradeneeded?.()); return r; } };
    const store = await openStore('x');
    await store.save([{ id: 'a' }, { id: 'b' }], []);
    await store.save([], ['a']);
    assert.deepEqual(await store.load(), [{ id: 'b' }]);
    await assert.rejects(store.save([], ['bad']), /disk/);
    delete globalThis.indexedDB;
});

test('badge: title, favicon in shape, the app\'s badge', () => {
    const links = [];
    const badges = [];
    const doc = {
        title: 'Ops', head: { append: (l) => links.push(l) }, querySelector: () => links[0] ?? null, createElement: () => ({}),
        defaultView: { navigator: { setAppBadge: async (n) => { badges.push(n); throw new Error('not installed'); } } },
    };
    setBadge(2, 'critical', doc);
    assert.deepEqual([doc.title, links[0].rel, links[0].href, badges], ['(2) Ops', 'icon', favicon('critical'), [2]]);
    setBadge(0, null, doc);
    assert.deepEqual([doc.title, links.length, links[0].href], ['Ops', 1, favicon(null)]);
    const shapes = ['info', 'warning', 'critical', null].map(favicon).map((s) => decodeURIComponent(s).match(/ d="([^"]*)/)[1]);
    assert.equal(new Set(shapes).size, 4, 'told apart without colour');
});

/* Global timers that stand still. */
function stopTime() {
    const clock = new Clock(), { setTimeout, clearTimeout } = globalThis;
    globalThis.setTimeout = (fn, ms) => (clock.timers.set(++clock.last, { fn, at: clock.ms + ms }), clock.last);
    globalThis.clearTimeout = (timer) => clock.timers.delete(timer);
    return { tick: (ms) => clock.advance(ms), restore: () => Object.assign(globalThis, { setTimeout, clearTimeout }) };
}

class FakeAudio {
    currentTime = 1;
    destination = {};
    tones = [];
    constructor(state, allowed) { this.state = state; this.allowed = allowed; }
    async resume() { if (!this.allowed) return new Promise(() => {}); this.state = 'running'; }
    createGain() { const n = () => {}; return { gain: { setValueAtTime: n, linearRampToValueAtTime: n }, connect: (x) => x }; }
    createOscillator() { const o = { frequency: { value: 0 }, connect: (x) => x, start: () => this.tones.push(o.frequency.value), stop() {} }; return o; }
}

test('sound: two tones every ten seconds, once a minute after five; one for a warning', async () => {
    const { tick, restore } = stopTime();
    const audio = new FakeAudio('running');
    const sound = new Sound({ context: () => audio });
    sound.critical();
    sound.critical();
    await settle();
    assert.deepEqual(audio.tones, [880, 587]);
    for (let s = 0; s < 300; s += 10) {
        await tick(10_000);
    }
    assert.equal(audio.tones.length, 62);
    await tick(59_000);
    assert.equal(audio.tones.length, 62);
    await tick(1000);
    assert.equal(audio.tones.length, 64);
    sound.stop();
    await tick(600_000);
    assert.equal(audio.tones.length, 64);
    await sound.warning();
    assert.deepEqual(audio.tones.at(-1), 660);
    restore();
});

test('sound: blocked by the browser is said, unblocked by a click', async () => {
    const { tick, restore } = stopTime();
    const blocked = [];
    const audio = new FakeAudio('suspended', false);
    const sound = new Sound({ context: () => audio, onBlocked: (b) => blocked.push(b) });
    sound.critical();
    await settle();
    await tick(100);
    assert.deepEqual([blocked, audio.tones], [[true], []]);
    audio.allowed = true;
    assert.equal(await sound.unlock(), true);
    assert.deepEqual(blocked, [true, false]);
    sound.stop();
    restore();
    assert.ok(new Sound());
});

test('links: https anywhere, anything on the own origin, nothing else', () => {
    const base = 'http://ops:8420/d/x';
    assert.equal(safeLink('/d/y', base), 'http://ops:8420/d/y');
    assert.equal(safeLink('https://wiki/x', base), 'https://wiki/x');
    for (const bad of ['http://wiki/x', 'javascript:alert(1)', 'data:text/html,x', '', undefined, 'http://['])
        assert.equal(safeLink(bad, base), null);
});

const window_ = (more = {}) => ({
    isSecureContext: true, Notification: { permission: 'granted' }, PushManager: class {}, location: { href: 'https://h/' },
    navigator: { serviceWorker: { getRegistration: async () => undefined } }, ...more,
});

test('desktop: through the worker with an action, else plainly, not without permission; taken away again', async () => {
    const shown = [], closed = [];
    const registration = {
        showNotification: async (...a) => shown.push(a),
        getNotifications: async ({ tag }) => [{ close: () => closed.push(tag) }],
    };
    const item = { id: '7', severity: 'critical', notification: note(7, 'critical', { message: 'm', actionUrl: '/d/x' }) };
    const win = window_({ navigator: { serviceWorker: { getRegistration: async () => registration } } });
    assert.equal(await showDesktop(item, win), true);
    assert.deepEqual(shown[0], ['t7', { body: 'm', tag: '7', requireInteraction: true, data: { id: '7', url: 'https://h/d/x' }, actions: [{ action: 'ack', title: 'Acknowledge' }] }]);
    await hideDesktop('7', win);
    assert.deepEqual(closed, ['7']);
    const plain = [];
    const Plain = class { static permission = 'granted'; constructor(...a) { plain.push(a); } };
    assert.equal(await showDesktop({ ...item, severity: 'warning', notification: note(7) }, window_({ Notification: Plain, navigator: {} })), true);
    assert.equal(plain[0][1].requireInteraction, false);
    await hideDesktop('7', window_());
    assert.equal(await showDesktop(item, window_({ Notification: { permission: 'default' } })), false);
});

const KEY = 'BGs_-w';
function pushRig({ granted = 'granted', existing = null, status = 200 } = {}) {
    const calls = [], made = [];
    const subscription = (endpoint, key) => ({
        endpoint, options: { applicationServerKey: key }, toJSON: () => ({ endpoint, keys: { p256dh: 'p', auth: 'a' } }),
        unsubscribe: async () => { made.push(`-${endpoint}`); rig.current = null; },
    });
    const rig = { calls, made, current: existing && subscription('old', existing) };
    const worker = {
        pushManager: {
            getSubscription: async () => rig.current,
            subscribe: async (o) => { made.push(o); return (rig.current = subscription('new', o.applicationServerKey.buffer)); },
        },
    };
    const permission = { permission: granted === 'ask' ? 'default' : granted, requestPermission: async () => (permission.permission = rig.answer ?? 'granted') };
    rig.win = window_({
        Notification: permission,
        navigator: { serviceWorker: { getRegistration: async () => worker } },
        fetch: async (url, init) => {
            calls.push([init.method, url, init.body && JSON.parse(init.body), init.headers.authorization]);
            return new Response(url.endsWith('/key') ? JSON.stringify({ key: KEY }) : '', { status });
        },
    });
    return rig;
}

test('Web Push: the states a page can be in', async () => {
    const state = (more) => new WebPush({ win: window_(more) }).state();
    assert.equal(await state({ isSecureContext: false }), 'insecure');
    assert.equal(await state({ PushManager: undefined, navigator: { standalone: false } }), 'install');
    assert.equal(await state({ PushManager: undefined }), 'unsupported');
    assert.equal(await state({ Notification: { permission: 'denied' } }), 'denied');
    assert.equal(await state({}), 'off');
});

test('Web Push: permission, the server\'s key, the subscription told; taken back', async () => {
    const rig = pushRig({ granted: 'ask' });
    const push = new WebPush({ win: rig.win, token: () => 't', filter: { severity: 'critical' }, base: 'https://s' });
    assert.equal(await push.enable(), 'subscribed');
    assert.deepEqual([...rig.made[0].applicationServerKey], [...fromBase64url(KEY)]);
    assert.deepEqual(rig.calls[1], ['POST', 'https://s/api/v1/push/subscriptions', { endpoint: 'new', keys: { p256dh: 'p', auth: 'a' }, filter: { severity: 'critical' } }, 'Bearer t']);
    assert.equal(await push.enable(), 'subscribed');
    await push.disable();
    assert.deepEqual([rig.calls.at(-1).slice(0, 3), rig.made.at(-1)], [['DELETE', 'https://s/api/v1/push/subscriptions', { endpoint: 'new' }], '-new']);
    await push.disable();
});

test('Web Push: refused by the user, by the server, without a worker', async () => {
    const rig = pushRig({ granted: 'ask' });
    rig.answer = 'denied';
    assert.equal(await new WebPush({ win: rig.win }).enable(), 'denied');
    await assert.rejects(new WebPush({ win: pushRig({ status: 503 }).win }).enable(), { code: 'http_503', retryable: true });
    await assert.rejects(new WebPush({ win: rig.win = { ...pushRig().win }, worker: async () => undefined }).enable(), { code: 'unsupported' });
});

test('Web Push: at start an old key is replaced, a good subscription told again, none is none', async () => {
    const old = pushRig({ existing: new Uint8Array([1, 2]).buffer });
    await new WebPush({ win: old.win }).renew();
    assert.deepEqual([old.made[0], old.calls.at(-1)[2].endpoint], ['-old', 'new']);
    const good = pushRig({ existing: fromBase64url(KEY).buffer });
    await new WebPush({ win: good.win }).renew();
    assert.deepEqual([good.made, good.calls.at(-1)[2].endpoint], [[], 'old']);
    const none = pushRig();
    await new WebPush({ win: none.win }).renew();
    assert.deepEqual(none.calls, []);
});

test('service: the feed fills the centre, critical sounds until somebody acts, old news alerts nobody', async () => {
    const doc = { title: 'x', head: { append() {} }, querySelector: () => ({}), defaultView: null };
    globalThis.document = doc;
    globalThis.window = window_({ Notification: { permission: 'denied' } });
    let take;
    const calls = [];
    const client = {
        serverTime: 1e12, ack: async (...a) => calls.push(['ack', ...a]),
        notifications: (f, o) => { take = f; calls.push(['subscribe', o]); return { unsubscribe: () => calls.push(['end']) }; },
    };
    const sound = { critical: () => calls.push('critical'), warning: async () => calls.push('warning'), stop: () => calls.push('stop') };
    const service = await startNotifications(client, { sound, filter: { severity: 'critical' }, now: () => 1e12 });
    assert.deepEqual(calls.splice(0), ['stop', ['subscribe', { filter: { severity: 'critical' }, history: '1h' }]].slice(0));
    take(note(1, 'warning', { timestamp: 1e12 }));
    take(note(2, 'critical', { timestamp: 1e12 }));
    assert.deepEqual(calls.splice(0), ['stop', 'warning', 'critical']);
    assert.equal(doc.title, '(2) x');
    take(note(2, 'critical', { status: 'acknowledged' }));
    assert.deepEqual(calls.splice(0), ['stop']);
    take(note(3, 'warning', { timestamp: 1 }));
    assert.deepEqual(calls.splice(0), ['stop'], 'an hour old');
    await service.center.ack('1');
    service.stop();
    await settle();
    assert.deepEqual([calls[0], calls.at(-1)], [['ack', '1', undefined], ['end']]);
    delete globalThis.document;
    delete globalThis.window;
});
