/* Parts of the library that stand alone: back-off, states, values, labels, the event stream's format, events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../../dist/.js/client/backoff.js';
import { labelsKey, StreamState, sum } from '../../dist/.js/client/codec.js';
import { Emitter } from '../../dist/.js/client/emitter.js';
import { defaultEnv } from '../../dist/.js/client/env.js';
import { decodeValue, durationMs } from '../../dist/.js/client/protocol.js';
import { checkMove } from '../../dist/.js/client/state.js';
import { SseParser } from '../../dist/.js/client/transport/sse-parser.js';

test('backoff: short at first, then doubling up to the limit, jitter over the whole', () => {
    const most = new Backoff(() => 1), least = new Backoff(() => 0);
    assert.deepEqual(Array.from({ length: 9 }, () => most.next()), [300, 500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
    assert.equal(least.next() + least.next(), 0);
    most.reset();
    assert.equal(most.next(), 300);
});

test('backoff: those a server sent away together are spread over as long again', () => {
    assert.equal(new Backoff(() => 0).next(5000), 5000);
    assert.equal(new Backoff(() => 1).next(5000), 10_000);
});

test('states: what is not in the diagram throws', () => {
    checkMove('idle', 'connecting');
    checkMove('open', 'suspended');
    checkMove('closed', 'connecting');
    assert.throws(() => checkMove('idle', 'open'), /idle cannot become open/);
    assert.throws(() => checkMove('suspended', 'open'));
    assert.throws(() => checkMove('closed', 'reconnecting'));
});

test('durations: as the server reads them', () => {
    assert.deepEqual(['1s', '100ms', '1m30s', '2h', '1d', '1w', '1y'].map(durationMs), [1000, 100, 90_000, 7_200_000, 864e5, 6048e5, 31536e6]);
});

test('values: the three that JSON has not', () => {
    assert.deepEqual([1.5, null, 'NaN', '+Inf', '-Inf'].map(decodeValue), [1.5, null, NaN, Infinity, -Infinity]);
});

test('labels: one text per label set, whatever their order', () => {
    assert.equal(labelsKey({ b: '2', a: '"1"' }), labelsKey({ a: '"1"', b: '2' }));
    assert.equal(labelsKey({ b: '2', a: '"1"' }), '{a="\\"1\\"",b="2"}');
    assert.equal(labelsKey({}), '{}');
});

test('sum: nulls are not there, nothing is null, not zero', () => {
    assert.equal(sum([1, null, 2]), 3);
    assert.equal(sum([null]), null);
    assert.equal(sum([]), null);
    assert.ok(Number.isNaN(sum([1, NaN])));
});

test('stream state: a series keeps its object across fulls, its slot may change', () => {
    const s = new StreamState();
    s.full({ series: [{ i: '0' }, { i: '1' }], points: [[1, [1, 'NaN']]] });
    const [zero, one] = s.series;
    assert.deepEqual(s.values, [1, NaN]);
    s.full({ series: [{ i: '1' }, null, { i: '0' }], points: [[2, [5, null, 6]]] });
    assert.equal(s.series[0], one);
    assert.equal(s.series[2], zero);
    assert.equal(zero.slot, 2);
});

test('stream state: del, add, d in that order; a slot may be used again; holes are free slots', () => {
    const s = new StreamState();
    s.full({ series: [{ i: '0' }], points: [[1, [1]]] });
    assert.deepEqual(s.update({ del: [0, 7], add: [[0, { i: 'new' }], [3, { i: '3' }]], d: [0, 2, 3, '+Inf'] }), [0, 3]);
    assert.deepEqual(s.series.map((x) => x?.key ?? null), ['{i="new"}', null, null, '{i="3"}']);
    assert.deepEqual(s.values, [2, null, null, Infinity]);
});

test('stream state: a full without points has no values', () => {
    const s = new StreamState();
    assert.deepEqual(s.full({ series: [], points: [] }), []);
    assert.deepEqual(s.values, []);
});

test('event stream: the standard\'s examples, cut at every place', () => {
    const text = ': comment\r\nevent: full\ndata: {"a":\ndata:1}\nid: 7\n\ndata\n\nretry: 3\rdata: x\r\r\nevent: lost\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
        const got = [];
        const parser = new SseParser((e) => got.push([e.event, e.data]));
        parser.push(text.slice(0, cut));
        parser.push(text.slice(cut));
        assert.deepEqual(got, [['full', '{"a":\n1}'], ['message', ''], ['message', 'x']], `cut at ${cut}`);
    }
});

test('events: a listener that throws is no one else\'s concern; listeners can go', () => {
    const thrown = [], got = [];
    const e = new Emitter((x) => thrown.push(x.message));
    assert.equal(e.emit('a', 1), false);
    e.on('a', () => { throw new Error('mine'); });
    const off = e.on('a', (x) => got.push(x));
    assert.equal(e.emit('a', 2), true);
    off();
    e.emit('a', 3);
    assert.deepEqual([thrown, got], [['mine', 'mine'], [2]]);
});

test('environment: Node has clocks, timers, fetch and randomness, and no page', async () => {
    const env = defaultEnv();
    assert.ok(env.now() >= 0 && env.date() > 1.7e12 && env.random() < 1);
    await new Promise((resolve) => env.setTimeout(resolve, 0));
    env.clearTimeout(env.setTimeout(() => assert.fail('was cleared'), 0));
    assert.equal(env.document, undefined);
    assert.equal((await env.fetch('data:text/plain,x').then((r) => r.text())), 'x');
});
