/* modules.test.mjs - the page's pure modules, by node --test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../client-js/simple/backoff.js';
import { age, format, labelText, parts } from '../../client-js/simple/format.js';
import { History } from '../../client-js/simple/history.js';
import { niceStep, timeTicks, valueAxis } from '../../client-js/simple/scale.js';

const one = (h) => [...h.series.values()][0];
const sampled = (h, start, step, n, until = Infinity) => [...h.sample(one(h), start, step, n, until)];

test('history: a value holds until it changes', () => {
    const h = new History(60000);
    h.full({ t: 1000, series: [{ a: 'b' }], points: [[1000, [5]]] }, 1000, 0);
    h.update({ t: 4000, d: [0, 7] });
    assert.deepEqual(sampled(h, 0, 1000, 6), [NaN, 5, 5, 5, 7, 7]);
    assert.deepEqual(sampled(h, 0, 1000, 6, 4000), [NaN, 5, 5, 5, 7, NaN]);
});

test('history: null is a gap, and special values are numbers', () => {
    const h = new History(60000);
    h.full({ t: 1000, series: [{}], points: [[1000, [5]]] }, 1000, 0);
    h.update({ t: 2000, d: [0, null] });
    h.update({ t: 3000, d: [0, '-Inf'] });
    assert.deepEqual(sampled(h, 1000, 1000, 3), [5, NaN, -Infinity]);
});

test('history: what a restarted server has forgotten stays, with a gap', () => {
    const h = new History(600000);
    h.full({ t: 3000, series: [{ a: '1' }], points: [[1000, [1]], [2000, [2]], [3000, [3]]] }, 1000, 0);
    h.forgetSlots();
    h.full({ t: 9000, series: [{ a: '1' }], points: [[1000, [null]], [8000, [8]], [9000, [9]]] }, 1000, 5000);
    assert.deepEqual(sampled(h, 1000, 1000, 9), [1, 2, 3, 3, 3, NaN, NaN, 8, 9]);
});

test('history: a full state with history fills what was missed', () => {
    const h = new History(600000);
    h.full({ t: 2000, series: [{ a: '1' }], points: [[1000, [1]], [2000, [2]]] }, 1000, 0);
    h.full({ t: 5000, series: [{ a: '1' }], points: [[1000, [1]], [2000, [2]], [3000, [3]], [4000, [4]], [5000, [5]]] }, 1000, 2000);
    assert.deepEqual(sampled(h, 1000, 1000, 5), [1, 2, 3, 4, 5]);
});

test('history: slots are given to other series', () => {
    const h = new History(600000);
    h.full({ t: 1000, series: [{ a: '1' }], points: [[1000, [1]]] }, 1000, 0);
    h.update({ t: 2000, d: [0, 20], del: [0], add: [[0, { a: '2' }]] });
    const [first, second] = [...h.series.values()];
    assert.deepEqual([h.last(first), h.last(second)], [NaN, 20]);
    assert.deepEqual(h.present().map((s) => s.labels.a), ['2']);
});

test('history: memory is bounded by the window', () => {
    const h = new History(10000);
    h.full({ t: 0, series: [{}], points: [[0, [0]]] }, 1000, 0);
    for (let t = 1000; t < 1e6; t += 1000)
        h.update({ t, d: [0, t] });
    assert.ok(one(h).times.length < 100);
    assert.equal(one(h).values.at(-1), 999000);
    for (let t = 1e6; t < 2e6; t += 100000)
        h.update({ t, d: [0, t], add: [[0, { n: String(t) }]], del: [0] });
    assert.ok(h.series.size < 4);
});

test('history: a clock that stepped back', () => {
    const h = new History(10000);
    h.full({ t: 5000, series: [{}], points: [[5000, [5]]] }, 1000, 0);
    h.update({ t: 6000, d: [0, 6] });
    h.update({ t: 3000, d: [0, 3] });
    assert.deepEqual(one(h).times, [3000]);
});

test('format: units', () => {
    const nb = (v, unit) => format(v, unit).replaceAll('\u00a0', ' ');
    assert.equal(nb(0.1234, 'percent'), '12.3 %');
    assert.equal(nb(1, 'percent'), '100 %');
    assert.equal(nb(3 * 2 ** 30, 'bytes'), '3.00 GiB');
    assert.equal(nb(1023.9, 'bytes/s'), '1.00 KiB/s');
    assert.equal(nb(512, 'bytes'), '512 B');
    assert.equal(nb(93784, 'seconds'), '1 d 2 h');
    assert.equal(nb(3725, 'seconds'), '1 h 2 min');
    assert.equal(nb(0.0025, 'seconds'), '2.50 ms');
    assert.equal(nb(1234567, 'count'), '1.23 M');
    assert.equal(nb(3, 'count'), '3');
    assert.equal(nb(0, 'count'), '0');
    assert.equal(nb(-2.5, 'count'), '-2.5');
    assert.equal(nb(0.00001, 'count'), '1.00e-5');
    assert.deepEqual(parts(NaN, 'count'), ['–', '']);
    assert.deepEqual(parts(-Infinity, 'percent'), ['−∞', '']);
    assert.deepEqual(parts(null, 'bytes'), ['–', '']);
});

test('format: labels and ages', () => {
    assert.equal(labelText({ __name__: 'up', job: 'a"b' }), 'up{job="a\\"b"}');
    assert.equal(labelText({}), '{}');
    assert.equal(labelText({ __name__: 'up' }), 'up');
    assert.equal(age(42000), '00:42');
    assert.equal(age(3723000), '1:02:03');
});

test('scale: axes hold their data, on round steps', () => {
    assert.equal(niceStep(1, 5, false), 0.2);
    assert.equal(niceStep(0, 5, false), 1);
    assert.equal(niceStep(3 * 2 ** 20, 4, true), 2 ** 20);
    for (const [lo, hi] of [[0, 0], [0, 1e-9], [-5, 17], [1e6, 1e6], [0.93, 0.94], [-3, -1]]) {
        const a = valueAxis(lo, hi, { binary: false, wanted: 4 });
        assert.ok(a.lo <= lo && a.hi >= hi && a.hi > a.lo && (a.hi - a.lo) / a.step < 12, JSON.stringify([lo, hi, a]));
    }
    const { ticks } = timeTicks(61000, 361000, 5);
    assert.ok(ticks.length >= 2 && ticks.length <= 6 && ticks.every((t) => t % 60000 === 0));
});

test('backoff: full jitter that grows to a bound and honours the server', () => {
    const most = new Backoff(() => 1), least = new Backoff(() => 0);
    const waits = Array.from({ length: 10 }, () => most.next());
    assert.ok(waits[0] <= 300);
    assert.ok(waits.every((w, i) => i < 2 || w >= waits[i - 1]));
    assert.equal(waits.at(-1), 20000);
    assert.equal(least.next(1500), 1500);
    most.reset();
    assert.ok(most.next() <= 300);
});
