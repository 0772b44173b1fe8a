/* Calculations and transformations, and the small things below them: rings, signals, elements, shapes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Ring } from '../../dist/.js/dashboard/lib/ring.js';
import { signal } from '../../dist/.js/dashboard/lib/signal.js';
import { calc, calcId, CALCS, calcName, chosenCalc, quantile, reduceValues } from '../../dist/.js/dashboard/model/calcs.js';
import { compareCells, makesTable, sortRows, toOneTable, transform, transformNames } from '../../dist/.js/dashboard/model/transform.js';

describe('calculations', () => {
    const all = (values) => Object.fromEntries(Object.keys(CALCS).map((id) => [id, reduceValues(values, id)]));

    test('of points with a gap and a restart', () => {
        const { variance, stdDev, ...rest } = all([NaN, 2, 4, NaN, 1, 1, NaN]);
        assert.deepEqual(rest, { lastNotNull: 1, last: null, firstNotNull: 2, first: null, min: 1, max: 4, mean: 2, sum: 8, count: 7, range: 3, diff: -1, diffperc: -0.5, delta: 3, step: -3, logmin: 1, allIsZero: 0, allIsNull: 0, changeCount: 2, distinctCount: 3, median: 1.5 });
        assert.ok(Math.abs(variance - 1.5) < 1e-12 && Math.abs(stdDev - Math.sqrt(1.5)) < 1e-12);
    });

    test('of nothing are nothing', () => {
        for (const values of [[], [NaN], new Float64Array([NaN, NaN])]) {
            const { count, allIsNull, ...rest } = all(values);
            assert.deepEqual([count, allIsNull], [values.length, 1]);
            assert.deepEqual([...new Set(Object.values(rest))], [null]);
        }
    });

    test('are found by the headings exports name them by', () => {
        assert.deepEqual(['Max', 'Last *', 'Last', 'Mean', 'Total', 'Name', ''].map(calcId), ['max', 'lastNotNull', 'lastNotNull', 'mean', 'sum', undefined, undefined]);
    });

    test('of one point; of infinities; from zero', () => {
        const one = all([5]);
        assert.deepEqual([one.last, one.first, one.delta, one.step, one.diff, one.median, one.stdDev, one.changeCount], [5, 5, 0, 0, 0, 5, 0, 0]);
        assert.deepEqual([reduceValues([1, Infinity, -Infinity], 'max'), reduceValues([1, -Infinity], 'min'), reduceValues([0, 5], 'diffperc'), reduceValues([0, 0], 'allIsZero'), reduceValues([-1, 0], 'logmin')], [Infinity, -Infinity, null, 1, null]);
    });

    test('percentiles', () => {
        const values = Array.from({ length: 101 }, (_, i) => 100 - i);
        assert.deepEqual([reduceValues(values, 'p95'), reduceValues(values, 'p99'), reduceValues(values, 'p1'), reduceValues(values, 'p99.5'), calcName('p95')], [95, 99, 1, 99.5, 'p95']);
        assert.deepEqual([quantile([], 0.5), quantile([1, 2], 0.5), quantile([1], 0.9)], [null, 1.5, 1]);
        assert.equal(reduceValues([Infinity, Infinity, 1], 'p75'), Infinity);
    });

    test('unknown ones, and names every object has, are none', () => {
        for (const id of ['nonsense', 'p0', 'p100', 'constructor', 'toString', '__proto__']) {
            assert.equal(calc(id), undefined, id);
            assert.equal(reduceValues([1], id), null);
        }
        assert.equal(calcName('nonsense'), 'nonsense');
    });

    test('the one of a panel', () => {
        assert.deepEqual([{}, { reduceOptions: {} }, { reduceOptions: { calcs: ['max', 'min'] } }, { reduceOptions: { calcs: 'mean' } }, { reduceOptions: { calcs: ['nonsense'] } }, { reduceOptions: { calcs: [5] } }].map(chosenCalc), ['lastNotNull', 'lastNotNull', 'max', 'mean', 'lastNotNull', 'lastNotNull']);
    });
});

describe('transformations', () => {
    const f = (name, values, more = {}) => ({ name, type: typeof values.find((v) => v !== null) === 'string' ? 'string' : 'number', labels: {}, refId: 'A', values, ...more });
    const time = (...values) => f('Time', values, { type: 'time' });
    const frame = (...fields) => ({ refId: 'A', fields });
    const table = (frames) => frames.map((fr) => Object.fromEntries(fr.fields.map((x) => [x.name, x.values])));
    const run = (frames, ...steps) => table(transform(frames, steps.map(([id, options = {}]) => ({ id, options }))));
    const hosts = frame(f('host', ['b', 'a', 'c']), f('cpu', [5, null, 1]), f('mem', [50, 20, 90]));

    test('organize: left out, in order, renamed, chosen', () => {
        assert.deepEqual(run([hosts], ['organize', { excludeByName: { mem: true, host: false }, indexByName: { cpu: 0, host: 1 }, renameByName: { cpu: 'CPU', host: '' } }]).map(Object.entries), [[['CPU', [5, null, 1]], ['host', ['b', 'a', 'c']]]]);
        assert.deepEqual(run([hosts], ['organize', { includeByName: { mem: true } }]), [{ mem: [50, 20, 90] }]);
        assert.deepEqual(run([hosts], ['organize', { excludeByName: { mem: true, host: true, cpu: true } }]), []);
    });

    test('filterFieldsByName, renameByRegex, filterByRefId', () => {
        assert.deepEqual(run([hosts], ['filterFieldsByName', { include: { names: ['host'], pattern: '^m' } }]).map(Object.keys), [['host', 'mem']]);
        assert.deepEqual(run([hosts], ['filterFieldsByName', { exclude: { pattern: '/CPU/i' } }]).map(Object.keys), [['host', 'mem']]);
        assert.deepEqual(run([hosts], ['renameByRegex', { regex: '(.)(.*)', renamePattern: '$2$1' }]).map(Object.keys), [['osth', 'puc', 'emm']]);
        assert.deepEqual(run([hosts], ['renameByRegex', { regex: '(', renamePattern: 'x' }]).map(Object.keys), [['host', 'cpu', 'mem']]);
        const two = [hosts, { ...hosts, refId: 'B' }];
        assert.deepEqual([run(two, ['filterByRefId', { include: 'B' }]).length, run(two, ['filterByRefId', { include: 'A|B' }]).length, run(two, ['filterByRefId']).length], [1, 2, 2]);
    });

    test('convertFieldType', () => {
        const [t] = run([frame(f('n', ['1', 'x', null]), f('s', [1, null]), f('d', ['2026-03-01T00:00:00Z', null]), f('z', [1]))], ['convertFieldType', { conversions: [{ targetField: 'n', destinationType: 'number' }, { targetField: 's', destinationType: 'string' }, { targetField: 'd', destinationType: 'time' }, { targetField: 'z', destinationType: 'other' }] }]);
        assert.deepEqual(t, { n: [1, null, null], s: ['1', null], d: [Date.UTC(2026, 2, 1), null], z: [1] });
    });

    test('sortBy: nothing last, equal ones as they were', () => {
        assert.deepEqual(run([hosts], ['sortBy', { sort: [{ field: 'cpu' }] }])[0].host, ['c', 'b', 'a']);
        assert.deepEqual(run([hosts], ['sortBy', { sort: [{ field: 'cpu', desc: true }] }])[0].host, ['b', 'c', 'a']);
        assert.deepEqual(run([hosts], ['sortBy', { sort: [{ field: 'gone' }] }])[0].host, ['b', 'a', 'c']);
        assert.deepEqual([compareCells('a10', 'a9') > 0, compareCells(2, 10) < 0, compareCells(null, NaN), compareCells(null, 1), compareCells(1, NaN)], [true, true, 0, 1, -1]);
        assert.deepEqual(sortRows(['b', NaN, 'a', null, 'a'], true), [0, 2, 4, 1, 3]);
    });

    test('limit: rows, or series of one row', () => {
        assert.deepEqual(run([hosts], ['limit', { limitField: 1 }]), [{ host: ['b'], cpu: [5], mem: [50] }]);
        assert.equal(run([frame(f('a', [1])), frame(f('b', [1])), frame(f('c', [1]))], ['limit', { limitField: 2 }]).length, 2);
        assert.deepEqual(run([frame(f('a', Array.from({ length: 20 }, (_, i) => i)))], ['limit', {}])[0].a.length, 10);
    });

    test('merge: rows that agree become one, others stay', () => {
        const a = frame(f('host', ['a', 'b']), f('Value #A', [1, 2])), b = frame(f('host', ['b', 'c']), f('Value #B', [3, 4]));
        assert.deepEqual(run([a, b], ['merge']), [{ 'host': ['a', 'b', 'c'], 'Value #A': [1, 2, null], 'Value #B': [null, 3, 4] }]);
        assert.deepEqual(run([a], ['merge']), table([a]));
        assert.deepEqual(run([frame(f('host', ['a']), f('Value', [1])), frame(f('host', ['a']), f('Value', [2]))], ['merge']), [{ host: ['a', 'a'], Value: [1, 2] }]);
    });

    test('joinByField: outer, inner, columns of the same name', () => {
        const a = frame(time(1, 2), f('v', [10, 20])), b = frame(time(3, 2), f('v', [30, 40]));
        assert.deepEqual(run([a, b], ['joinByField', {}]), [{ 'Time': [1, 2, 3], 'v 1': [10, 20, null], 'v 2': [null, 40, 30] }]);
        assert.deepEqual(run([a, b], ['seriesToColumns', { byField: 'Time', mode: 'inner' }]), [{ 'Time': [2], 'v 1': [20], 'v 2': [40] }]);
        assert.deepEqual(run([hosts], ['joinByField', { byField: 'gone' }]), table([hosts]));
    });

    test('concatenate', () => {
        assert.deepEqual(run([frame(f('a', [1, 2])), frame(f('b', [3]))], ['concatenate']), [{ a: [1, 2], b: [3, null] }]);
        assert.deepEqual(run([frame(f('a', [1])), frame(f('a', [3])), frame(f('b', [4]))], ['concatenate']), [{ 'a 1': [1], 'a 2': [3], 'b': [4] }]);
        assert.deepEqual(run([hosts], ['concatenate']), table([hosts]));
    });

    test('labelsToFields: columns, rows, the name from a label', () => {
        const series = (labels, values) => frame(time(1, 2), f('v', values, { labels }));
        const two = [series({ __name__: 'up', host: 'a', dc: 'x' }, [1, 2]), series({ __name__: 'up', host: 'b', dc: 'x' }, [3, 4])];
        assert.deepEqual(run(two, ['labelsToFields', {}]), [{ Time: [1, 2, 1, 2], host: ['a', 'a', 'b', 'b'], dc: ['x', 'x', 'x', 'x'], up: [1, 2, 3, 4] }]);
        assert.deepEqual(run(two, ['labelsToFields', { keepLabels: ['host'] }]).map(Object.keys), [['Time', 'host', 'up']]);
        assert.deepEqual(run(two, ['labelsToFields', { mode: 'rows' }])[1], { label: ['host', 'dc'], value: ['b', 'x'] });
        assert.deepEqual(run(two, ['labelsToFields', { valueLabel: 'host', keepLabels: ['host'] }]), [{ Time: [1, 2], a: [1, 2], b: [3, 4] }]);
        assert.deepEqual(run([hosts], ['labelsToFields']), table([hosts]));
        const named = [{ refId: 'A', fields: [f('v', [1], { labels: { host: 'a' } })] }, { refId: 'B', fields: [f('v', [2], { labels: { host: 'a' } })] }];
        assert.deepEqual(run(named, ['labelsToFields']), [{ 'host': ['a'], 'Value #A': [1], 'Value #B': [2] }]);
    });

    test('reduce: series to rows, columns to one value', () => {
        const s = frame(time(1, 2, 3), f('a', [1, NaN, 3], { labels: { host: 'x' } }), f('b', [null, null, null]));
        assert.deepEqual(run([s], ['reduce', { reducers: ['max', 'nonsense', 'mean'], labelsToFields: true }]), [{ Field: ['a', 'b'], host: ['x', null], Max: [3, null], Mean: [2, null] }]);
        assert.deepEqual(run([s], ['reduce', { includeTimeField: true }]), [{ Field: ['Time', 'a', 'b'], Max: [3, 3, null] }]);
        assert.deepEqual(run([s], ['reduce', { mode: 'reduceFields', reducers: ['min', 'max'] }]), [{ 'a Min': [1], 'a Max': [3], 'b Min': [null], 'b Max': [null] }]);
        assert.deepEqual(run([], ['reduce']), [{ Field: [], Max: [] }]);
    });

    test('groupBy', () => {
        const t = frame(f('dc', ['x', 'y', 'x']), f('v', [1, 2, 3]), f('w', [1, 1, 1]));
        assert.deepEqual(run([t], ['groupBy', { fields: { dc: { operation: 'groupby', aggregations: [] }, v: { operation: 'aggregate', aggregations: ['sum', 'nonsense', 'max'] } } }]), [{ 'dc': ['x', 'y'], 'v (sum)': [4, 2], 'v (max)': [3, 2] }]);
        assert.deepEqual(run([t], ['groupBy', {}]), table([t]));
    });

    test('calculateField: of two, of a row, instead of all, or not at all', () => {
        const binary = (left, operator, right, more = {}) => run([hosts], ['calculateField', { mode: 'binary', binary: { left, operator, right }, ...more }])[0];
        assert.deepEqual(['+', '-', '*', '/', '%', '**'].map((op) => binary('mem', op, '2')[`mem ${op} 2`]), [[52, 22, 92], [48, 18, 88], [100, 40, 180], [25, 10, 45], [0, 0, 0], [2500, 400, 8100]]);
        assert.deepEqual(binary({ matcher: { id: 'byName', options: 'mem' } }, '/', { fixed: '10' }, { alias: 'x', replaceFields: true }), { x: [5, 2, 9] });
        assert.deepEqual(binary('mem', '+', 'cpu', { alias: 's' }).s, [55, null, 91]);
        assert.deepEqual([Object.keys(binary('gone', '+', '1')), Object.keys(binary('mem', 'constructor', '1'))], [['host', 'cpu', 'mem'], ['host', 'cpu', 'mem']]);
        assert.deepEqual(run([hosts], ['calculateField', { mode: 'reduceRow', reduce: { reducer: 'sum' } }])[0].Total, [55, 20, 91]);
        assert.deepEqual(run([hosts], ['calculateField', { reduce: { reducer: 'max', include: ['cpu'] }, alias: 'm' }])[0].m, [5, null, 1]);
        assert.deepEqual(Object.keys(run([hosts], ['calculateField', { mode: 'windowFunctions' }])[0]), ['host', 'cpu', 'mem']);
    });

    test('what is unknown changes nothing', () => {
        for (const id of ['spatial', 'constructor', 'toString', '__proto__'])
            assert.deepEqual(run([hosts], [id]), table([hosts]));
    });

    test('which make tables; one table of many', () => {
        assert.deepEqual([makesTable([{ id: 'organize', options: {} }]), makesTable([{ id: 'limit', options: {} }, { id: 'reduce', options: {} }])], [false, true]);
        assert.equal(toOneTable([]), null);
        assert.equal(toOneTable([hosts]), hosts);
        assert.deepEqual(table([toOneTable([frame(f('a', [1])), frame(f('a', [2]))])]), [{ a: [1, 2] }]);
    });

    test('of drawn series only names, order and number', () => {
        const names = (...steps) => transformNames(['cpu a', 'cpu b', 'mem'], steps.map(([id, options]) => ({ id, options })));
        assert.deepEqual(names(['limit', { limitField: 2 }], ['renameByRegex', { regex: 'cpu (.)', renamePattern: '$1' }], ['sortBy', {}]), [{ index: 0, name: 'a' }, { index: 1, name: 'b' }]);
        assert.deepEqual(names(['organize', { indexByName: { mem: 0 }, excludeByName: { 'cpu a': true } }]), [{ index: 2, name: 'mem' }, { index: 1, name: 'cpu b' }]);
        assert.deepEqual(names(['filterFieldsByName', { exclude: { pattern: '.*' } }]), []);
    });
});

describe('rings of points', () => {
    const column = (r, c = 0) => [...r.columnView(c)];

    test('keep the newest, in order, for any number of pushes', () => {
        const r = new Ring(3);
        assert.equal(r.addColumn(), 0);
        for (let i = 1; i <= 50; i++) {
            r.push(i);
            r.set(0, i * 10);
            const first = Math.max(1, i - 2);
            assert.deepEqual([...r.timesView()], Array.from({ length: Math.min(3, i) }, (_, k) => first + k));
            assert.deepEqual(column(r), [...r.timesView()].map((t) => t * 10));
        }
    });

    test('of the smallest kind', () => {
        const r = new Ring(0);
        r.addColumn();
        for (let i = 0; i < 9; i++) {
            r.push(i);
            r.set(0, i);
        }
        assert.deepEqual([[...r.timesView()], column(r), r.capacity], [[8], [8], 1]);
    });

    test('a new column has nothing before; a row at the same time is the same row', () => {
        const r = new Ring(4);
        r.addColumn();
        r.push(1);
        r.set(0, 1);
        assert.equal(r.addColumn(), 1);
        r.push(2);
        r.set(1, 5);
        r.push(2);
        r.set(0, 7);
        assert.deepEqual([column(r, 0), column(r, 1), r.width, r.length], [[1, 7], [NaN, 5], 2, 2]);
    });

    test('are set by their time, and forget all', () => {
        const r = new Ring(4);
        r.addColumn();
        for (const t of [1, 2, 3])
            r.push(t);
        r.setAt(0, 2.5, 1); /* no such row */
        r.setAt(0, 4, 1);
        r.setAt(0, 2, 22);
        assert.deepEqual(column(r), [NaN, 22, NaN]);
        r.clear();
        assert.deepEqual([r.length, [...r.timesView()]], [0, []]);
        r.push(3);
        assert.deepEqual(column(r), [NaN]);
    });
});

describe('signals', () => {
    test('tell what is new, once', () => {
        const s = signal(1), heard = [];
        const end = s.on((v) => heard.push(v), { now: true });
        s.set(1);
        s.set(2);
        end();
        s.set(3);
        assert.deepEqual([heard, s.get()], [[1, 2], 3]);
    });

    test('end with an abort, also one that was before; a listener may end another', () => {
        const s = signal(0), heard = [], end = new AbortController();
        s.on((v) => heard.push(v), { signal: end.signal });
        s.on(() => end.abort());
        s.on((v) => heard.push(v), { signal: AbortSignal.abort(), now: true });
        s.set(1);
        s.set(2);
        assert.deepEqual(heard, [1]);
    });
});

/* As little of a document as h.ts touches. */
class FakeNode {
    constructor(tag, space) {
        Object.assign(this, { tag, space, attributes: {}, children: [], dataset: {}, listeners: {}, styles: {} });
        this.style = { setProperty: (k, v) => (this.styles[k] = v) };
        this.writes = 0;
    }

    append(child) { this.children.push(child); }

    replaceChildren() { this.children = []; }

    setAttribute(k, v) { this.attributes[k] = v; }

    addEventListener(k, f) { this.listeners[k] = f; }

    get textContent() { return this.children.join(''); }

    set textContent(v) { this.writes++; this.children = [v]; }
}

describe('elements and shapes', () => {
    let h, glyph;
    before(async () => {
        globalThis.Node = FakeNode;
        globalThis.document = { createElement: (tag) => new FakeNode(tag), createElementNS: (space, tag) => new FakeNode(tag, space) };
        h = await import('../../dist/.js/dashboard/lib/h.js');
        glyph = await import('../../dist/.js/dashboard/lib/glyph.js');
    });
    after(() => {
        delete globalThis.Node;
        delete globalThis.document;
    });

    test('attributes, styles, data, listeners, children; text stays text', () => {
        const click = () => {}, child = h.h('b', null, 'x');
        const e = h.h('a', { class: 'c', hidden: true, title: null, lang: undefined, open: false, style: { color: 'red' }, data: { id: 1 }, onclick: click }, 'a', 1, null, false, undefined, [child, ['<i>']]);
        assert.deepEqual([e.attributes, e.styles, e.dataset, e.listeners, e.children], [{ class: 'c', hidden: '' }, { color: 'red' }, { id: 1 }, { click }, ['a', '1', child, '<i>']]);
        h.put(e, 'new');
        assert.deepEqual(e.children, ['new']);
        h.text(e, 'new');
        assert.equal(e.writes, 0);
        h.text(e, 'newer');
        assert.deepEqual([e.writes, e.textContent], [1, 'newer']);
        assert.match(h.svg('path').space, /svg/);
    });

    test('a state is a shape of its own, with a word, said only if it is no decoration', () => {
        const states = Object.keys(glyph.WORD);
        const outlines = states.map((s) => glyph.glyph(s).children[0].attributes.d);
        assert.equal(new Set(outlines).size, states.length);
        assert.deepEqual([glyph.glyph('critical').attributes['aria-hidden'], glyph.glyph('critical', 'down').attributes['aria-label'], glyph.glyph('stale').attributes.class], ['true', 'down', 'glyph hollow']);
    });

    test('the same shapes on canvas: filled with a mark in the ground, or hollow', () => {
        globalThis.Path2D = class { constructor(d) { this.d = d; } };
        const calls = [];
        const ctx = new Proxy({}, { get: (o, k) => o[k] ?? ((...a) => calls.push([k, ...a])), set: (o, k, v) => (calls.push([`${String(k)}=`, v]), (o[k] = undefined), true) });
        glyph.drawGlyph(ctx, 'critical', 10, 10, 16, 'red', 'black');
        assert.deepEqual(calls.filter(([k]) => k === 'fill' || k === 'stroke').map(([k]) => k), ['fill', 'stroke']);
        assert.ok(calls.some(([k, v]) => k === 'strokeStyle=' && v === 'black'));
        calls.length = 0;
        glyph.drawGlyph(ctx, 'stale', 10, 10, 16, 'red', 'black');
        assert.deepEqual(calls.filter(([k]) => k === 'fill' || k === 'stroke').map(([k]) => k), ['stroke', 'stroke']);
        assert.ok(calls.some(([k, v]) => k === 'setLineDash' && v?.length === 2));
        delete globalThis.Path2D;
    });
});
