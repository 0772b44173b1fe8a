/* What needs a page: web vitals, the React adapter, the simple form's reconnecting and desktop notifications. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { MetricStreamClient, NotificationService } from '../../dist/.js/client/compat.js';
import { reportWebVitals } from '../../dist/.js/client/vitals.js';
import { FakePage, FakeSocket, fakeEnv, settle } from '../lib/fake.mjs';

const originals = new Map();
function setGlobal(name, value) {
    if (!originals.has(name))
        originals.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
afterEach(() => {
    for (const [name, descriptor] of originals)
        descriptor ? Object.defineProperty(globalThis, name, descriptor) : delete globalThis[name];
    originals.clear();
});

test('web vitals: measured as the browser tells them, reported when the visitor leaves', () => {
    const observers = new Map();
    class Observer {
        static supportedEntryTypes = ['largest-contentful-paint', 'paint', 'navigation', 'event', 'layout-shift'];
        constructor(take) { this.take = take; }
        observe({ type }) { observers.set(type, this); }
        disconnect() { observers.delete(this); this.gone = true; }
    }
    const tell = (type, ...entries) => observers.get(type).take({ getEntries: () => entries });
    const page = new FakePage(), reports = [];
    setGlobal('PerformanceObserver', Observer);
    setGlobal('document', page);
    const stop = reportWebVitals({ report: async (...args) => { reports.push(args); throw new Error('offline'); } }, { labels: { page: 'home' }, token: 't' });
    page.show('hidden');
    assert.deepEqual(reports, [], 'nothing measured, nothing reported');
    tell('largest-contentful-paint', { startTime: 800 }, { startTime: 1200 });
    tell('paint', { name: 'first-paint', startTime: 1 }, { name: 'first-contentful-paint', startTime: 500 });
    tell('navigation', { responseStart: 90 });
    tell('event', { duration: 48 }, { duration: 104 }, { duration: 64 });
    const shift = (startTime, value, hadRecentInput = false) => ({ startTime, value, hadRecentInput });
    tell('layout-shift', shift(2000, 0.1), shift(2500, 0.2), shift(2600, 9, true), shift(5000, 0.25), shift(5900, 0.01));
    page.show('visible');
    page.show('hidden');
    const [samples, options] = reports[0];
    assert.deepEqual(Object.fromEntries(samples.map((s) => [s.metric, Math.round(s.value * 1000) / 1000])), {
        web_vitals_lcp_seconds: 1.2, web_vitals_fcp_seconds: 0.5, web_vitals_ttfb_seconds: 0.09, web_vitals_inp_seconds: 0.104, web_vitals_cls: 0.3,
    });
    assert.deepEqual([samples[0].labels, options], [{ page: 'home' }, { token: 't' }]);
    page.show('hidden');
    assert.equal(reports.length, 1, 'once');
    stop();
    assert.ok(observers.get('paint').gone);
});

test('web vitals: a browser that measures less reports less', () => {
    setGlobal('PerformanceObserver', class { static supportedEntryTypes = []; });
    setGlobal('document', new FakePage());
    reportWebVitals({ report: () => assert.fail('nothing to report') })();
});

test('React: usePush gives the newest frame and subscribes once per question', async () => {
    const folder = new URL('../../dist/.js/node_modules/react/', import.meta.url);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL('package.json', folder), '{"type":"module","main":"index.js"}');
    writeFileSync(new URL('index.js', folder), `
        export const useCallback = (f) => f, useRef = (current) => (globalThis.reactRef ??= { current });
        export const useSyncExternalStore = (subscribe, get, server) => {
            globalThis.reactStore = { subscribe, get, server };
            return get();
        };`);
    const { usePush } = await import('../../dist/.js/client/adapters/react.js');
    const calls = [];
    const client = { subscribe: (q, f, o) => (calls.push({ q, f, o }), { unsubscribe: () => calls.push('end') }) };
    assert.equal(usePush(client, 'up', { maxRate: 2 }), null);
    const store = globalThis.reactStore;
    let changes = 0;
    const stop = store.subscribe(() => changes++);
    assert.deepEqual([calls[0].q, calls[0].o.maxRate, store.server()], ['up', 2, null]);
    const values = [1];
    calls[0].f({ values, value: 1, kind: 'full' });
    values[0] = 2;
    assert.deepEqual([store.get().values, store.get().value, changes], [[1], 1, 1]);
    stop();
    assert.equal(calls.at(-1), 'end');
});

test('MetricStreamClient: comes back after 1 s, ×1.5, at most 30 s, and asks again', async () => {
    const { env, clock, socket } = fakeEnv();
    const c = new MetricStreamClient('ws://h/stream', env);
    const got = [];
    c.subscribe('a', (v, t) => got.push([v, t]));
    c.connect();
    c.connect();
    assert.equal(FakeSocket.all.length, 1);
    socket().open();
    assert.deepEqual(socket().takeSent(), [{ action: 'subscribe', metric: 'a' }]);
    let wait = 1000;
    for (let i = 1; i < 12; i++) {
        socket().onerror();
        socket().end();
        await clock.advance(wait - 1);
        assert.equal(FakeSocket.all.length, i);
        await clock.advance(1);
        assert.equal(FakeSocket.all.length, i + 1);
        wait = Math.min(30_000, wait * 1.5);
    }
    socket().open();
    socket().say({ metric: 'a', value: 1, timestamp: 2 });
    socket().say({ metric: 'b', value: 1, timestamp: 2 });
    assert.deepEqual(got, [[1, 2]]);
    socket().end();
    await clock.advance(1000);
    assert.equal(FakeSocket.all.length, 13, 'after a connection the wait is short again');
    const last = socket();
    c.unsubscribe('a', () => {});
    c.disconnect();
    last.end();
    await clock.advance(60_000);
    assert.equal(FakeSocket.all.length, 13);
    c.disconnect();
});

test('NotificationService: desktop notifications for critical ones that fire, if the user has allowed it', async () => {
    const { env, socket } = fakeEnv();
    const shown = [];
    class Desktop {
        static permission = 'granted';
        constructor(title, options) { shown.push([title, options]); }
    }
    setGlobal('Notification', Desktop);
    setGlobal('navigator', {});
    NotificationService._instance = null;
    setGlobal('location', { origin: 'https://h' });
    const service = NotificationService.getInstance(undefined, env);
    service.addListener(() => {});
    assert.equal(socket().url, 'wss://h/notifications');
    socket().open();
    socket().say({ id: 1, type: 'critical', title: 'down', message: 'm', status: 'firing' });
    socket().say({ id: 1, type: 'critical', title: 'up', status: 'resolved' });
    socket().say({ id: 2, type: 'warning', title: 'w' });
    await settle();
    assert.deepEqual(shown, [['down', { body: 'm', tag: '1', requireInteraction: true }]]);
    setGlobal('navigator', { serviceWorker: { getRegistration: async () => ({ showNotification: async (...a) => shown.push(a) }) } });
    socket().say({ id: 3, type: 'critical', title: 'again' });
    await settle();
    assert.deepEqual(shown[1], ['again', { body: '', tag: '3', requireInteraction: true }]);
    Desktop.permission = 'denied';
    socket().say({ id: 4, type: 'critical', title: 'x' });
    await settle();
    assert.equal(shown.length, 2);
    service.disconnect();
});
