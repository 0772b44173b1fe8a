/* Variables, times, and the grid they repeat panels on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { layout } from '../../dist/.js/dashboard/model/layout.js';
import { loadDashboard } from '../../dist/.js/dashboard/model/forms.js';
import { describeRange, intervalFor, parseDuration, parseTime, promDuration, resolveRange, stepFor } from '../../dist/.js/dashboard/model/time.js';
import { ALL, chooseValue, customOptions, fixedOptions, fromAddress, inOrder, interpolate, makeOptions, parseLookup, references, textOf, toAddress, valuesOf } from '../../dist/.js/dashboard/model/vars.js';

const define = (more) => loadDashboard({ title: 'x', templating: { list: [more] } }).dashboard.variables[0];
const options = (...values) => values.map((v) => ({ text: v.toUpperCase(), value: v }));
const state = (name, value, more = {}, opts = options('a', 'b', 'c.d')) => [name, { definition: define({ name, type: 'custom', ...more }), options: opts, value: [value].flat(), error: '' }];
const macros = { intervalMs: 15_000, scrapeMs: 5000, from: 1_000_000, to: 4_600_000 };
const variables = new Map([
    state('one', 'c.d'), state('multi', ['a', 'c.d'], { multi: true }), state('single', ['c.d'], { multi: true }), state('all', ALL, { includeAll: true }), state('any', ALL, { includeAll: true, allValue: '.*' }),
    state('quoted', ['a"b', "it's"], { multi: true }, []), state('step', 'auto', { type: 'interval' }, []), state('none', [], { multi: true }, []), state('hidden', 'streamgauge', { type: 'datasource', hide: 2 }, []),
]);
const put = (text, purpose, extra) => interpolate(text, variables, macros, purpose, extra);

describe('variables in queries', () => {
    test('every way of writing one', () => {
        assert.equal(put('$one ${one} [[one]] $one_x $oneself ${one:raw} [[multi:csv]] costs 5$ $5 $$'), 'c.d c.d c.d $one_x $oneself c.d a,c.d costs 5$ $5 $$');
        assert.equal(put('nothing to do'), 'nothing to do');
    });

    test('many are a pattern that survives a PromQL string; one that cannot be many is as it is', () => {
        assert.equal(put('x{a=~"$multi"}'), 'x{a=~"(a|c\\\\.d)"}');
        assert.equal(put('x{a=~"$single"}'), 'x{a=~"c\\\\.d"}');
        assert.equal(put('x{a=~"$all"}'), 'x{a=~"(a|b|c\\\\.d)"}');
        assert.equal(put('x{a=~"$any"} ${any:regex} ${any:raw} ${any:csv}'), 'x{a=~".*"} .* .* a,b,c.d');
        assert.equal(put('x{a=~"$none"}'), 'x{a=~"()"}');
    });

    test('formats', () => {
        const all = Object.fromEntries(['raw', 'csv', 'pipe', 'regex', 'text', 'json', 'doublequote', 'singlequote', 'percentencode', 'queryparam', 'glob', 'unheard'].map((f) => [f, put(`\${multi:${f}}`)]));
        assert.deepEqual(all, { raw: 'a,c.d', csv: 'a,c.d', pipe: 'a|c.d', regex: '(a|c\\.d)', text: 'A + C.D', json: '["a","c.d"]', doublequote: '"a","c.d"', singlequote: "'a','c.d'",
            percentencode: 'a%2Cc.d', queryparam: 'var-multi=a&var-multi=c.d', glob: '{a,c.d}', unheard: '(a|c\\\\.d)' });
        assert.deepEqual([put('${quoted:doublequote}'), put('${quoted:singlequote}'), put('${one:glob}'), put('${none:glob}'), put('${all:queryparam}')], ['"a\\"b","it\'s"', "'a\"b','it\\'s'", 'c.d', '', 'var-all=All']);
    });

    test('in texts they are read, in links they are encoded', () => {
        assert.deepEqual([put('$multi', 'text'), put('$all', 'text'), put('?x=$quoted', 'link'), textOf(variables.get('quoted'))], ['A + C.D', 'All', "?x=a%22b%2Cit's", 'a"b + it\'s']);
        assert.equal(put('?$__all_variables&${__url_time_range}', 'link').slice(0, 60), '?var-one=c.d&var-multi=a&var-multi=c.d&var-single=c.d&var-al');
        assert.doesNotMatch(put('$__all_variables', 'link'), /hidden/);
        assert.match(put('$__url_time_range', 'link'), /^from=1000000&to=4600000$/);
    });

    test('values of a place of their own come first, and nothing every object has is one', () => {
        assert.deepEqual([put('$one', 'query', { one: 'mine' }), put('${__field.labels.job}', 'link', { '__field.labels.job': 'a b' }), put('${__data.x:raw}', 'link', { '__data.x': 'a b' })], ['mine', 'a%20b', 'a b']);
        assert.equal(put('$constructor ${toString}'), '$constructor ${toString}');
    });

    test('times of the panel', () => {
        assert.equal(put('$__interval $__interval_ms $__rate_interval ${__range} $__range_s $__range_ms $__from $__to $__nonsense'), '15s 15000 20s 1h 3600 3600000 1000000 4600000 $__nonsense');
        assert.equal(interpolate('$__rate_interval', variables, { ...macros, intervalMs: 60_000 }), '65s');
        assert.equal(put('$step'), '2m');
    });

    test('are found', () => {
        assert.deepEqual(references('$a ${b:csv} [[c]] ${d.e} x'), ['a', 'b', 'c', 'd']);
        assert.deepEqual(valuesOf(variables.get('all')), ['a', 'b', 'c.d']);
    });
});

describe('what a variable can be', () => {
    test('queries, by their functions', () => {
        assert.deepEqual(['label_values(job)', 'label_values(up{a="x,y", b=~"(1|2),\\"3"}, instance)', 'label_values( rate(x[5m]) , le )', 'label_names()', 'metrics(node_.*)', 'query_result(topk(3, up))', 'up', '  '].map(parseLookup), [
            { kind: 'values', label: 'job', metric: '' }, { kind: 'values', label: 'instance', metric: 'up{a="x,y", b=~"(1|2),\\"3"}' }, { kind: 'values', label: 'le', metric: 'rate(x[5m])' }, { kind: 'labels', metric: '' },
            { kind: 'names', pattern: 'node_.*' }, { kind: 'result', query: 'topk(3, up)' }, { kind: 'result', query: 'up' }, null]);
        assert.equal(parseLookup('label_values(up, not a label)'), null);
    });

    test('options: chosen and cut by a pattern, without doubles', () => {
        const make = (regex, sort = 0) => makeOptions(['b-10:9100', 'a-9:9100', 'b-10:9100', 'C-1'], { regex, sort });
        assert.deepEqual(make('').map((o) => o.value), ['b-10:9100', 'a-9:9100', 'C-1']);
        assert.deepEqual(make('/(.*):\\d+/').map((o) => o.value), ['b-10', 'a-9']);
        assert.deepEqual(make('/(?<text>\\w)-(?<value>\\d+)/'), [{ text: 'b', value: '10' }, { text: 'a', value: '9' }, { text: 'C', value: '1' }]);
        assert.deepEqual(make('/(?<text>^\\w)/').map((o) => o.value), ['b', 'a', 'C']);
        assert.deepEqual(make('/[/').length, 3);
    });

    test('options: sorted', () => {
        const by = (sort) => makeOptions(['b10', 'b9', 'A1', 'x'], { regex: '', sort }).map((o) => o.text).join();
        assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].map(by), ['b10,b9,A1,x', 'A1,b10,b9,x', 'x,b9,b10,A1', 'A1,b9,b10,x', 'x,b10,b9,A1', 'A1,b10,b9,x', 'x,b9,b10,A1', 'A1,b9,b10,x', 'x,b10,b9,A1']);
    });

    test('lists of their own', () => {
        assert.deepEqual(customOptions('a, b : 2 ,c\\,d,,'), [{ text: 'a', value: 'a' }, { text: 'b', value: '2' }, { text: 'c,d', value: 'c,d' }]);
        const of = (type, query, more = {}) => fixedOptions(define({ name: 'x', type, query, ...more }));
        assert.deepEqual(of('custom', '', { options: [{ text: 'All', value: '$__all' }, { text: 'X', value: 'x' }] }), [{ text: 'X', value: 'x' }]);
        assert.deepEqual(of('interval', '1m,"5m" \'1h\',auto,nonsense').map((o) => o.value), ['1m', '5m', '1h', 'auto']);
        assert.deepEqual([of('constant', 'c'), of('textbox', 't'), of('datasource', 'prometheus'), of('query', 'q'), of('adhoc', ''), of('interval', '', { options: [{ text: '1m', value: '1m' }] })],
            [[{ text: 'c', value: 'c' }], [{ text: 't', value: 't' }], [{ text: 'this server', value: 'streamgauge' }], null, [], [{ text: '1m', value: '1m' }]]);
    });

    test('an interval by the time shown is offered where the document says so, by all its names', () => {
        const auto = { type: 'interval', query: '1m,10m', auto: true, auto_count: 60, auto_min: '10s', current: { text: 'auto', value: '$__auto_interval_x' } };
        const [v, plain] = [auto, { ...auto, auto: false }].map((more) => define({ name: 'x', ...more }));
        assert.deepEqual([fixedOptions(v), fixedOptions(plain)].map((all) => all.map((o) => o.value)), [['auto', '1m', '10m'], ['1m', '10m']]);
        assert.deepEqual([chooseValue(v, fixedOptions(v), null), chooseValue(v, fixedOptions(v), ['$__auto']), chooseValue(plain, fixedOptions(plain), null)], [['auto'], ['auto'], ['1m']]);
        const of = (definition, rangeMs) => interpolate('$x', new Map([['x', { definition, options: [], value: ['auto'], error: '' }]]), { ...macros, from: 0, to: rangeMs });
        assert.deepEqual([of(v, 3_600_000), of(v, 60_000), of(plain, 3_600_000)], ['1m', '10s', '2m']);
        assert.deepEqual(fixedOptions(define({ name: 'x', type: 'interval', auto: true, options: [{ text: 'auto', value: '$__auto_interval_x' }, { text: '1m', value: '1m' }] })).map((o) => o.value), ['auto', '1m']);
    });

    test('the value: what the address wants, else the document, else all, else the first', () => {
        const choose = (more, wanted = null, opts = options('a', 'b')) => chooseValue(define({ name: 'x', type: 'query', ...more }), opts, wanted);
        assert.deepEqual([
            choose({}), choose({ current: { value: 'b' } }), choose({ current: { value: 'gone' } }), choose({ includeAll: true }), choose({ includeAll: true, current: { value: ['$__all'] } }), choose({ includeAll: true, current: { value: 'gone' } }),
            choose({ multi: true, current: { value: ['a', 'b'] } }), choose({ current: { value: ['a', 'b'] } }), choose({}, ['z']), choose({ includeAll: true }, ['All']), choose({}, ['All']), choose({ includeAll: true }, null, []), choose({}, null, []),
            choose({ type: 'textbox', query: 't' }), choose({ type: 'textbox', query: 't' }, ['typed']), choose({ type: 'constant', query: 'c' }, ['z'], options('c')), choose({ type: 'datasource' }, ['z'], options('s')),
        ], [['a'], ['b'], ['a'], [ALL], [ALL], ['a'], ['a', 'b'], ['a'], ['z'], [ALL], ['a'], [ALL], [], ['t'], ['typed'], ['c'], ['s']]);
    });

    test('those others depend on come first; a circle ends', () => {
        const make = (name, query) => define({ name, type: 'query', query });
        const order = (...list) => inOrder(list).map((v) => v.name).join('');
        assert.equal(order(make('a', 'x{b="$b"}'), make('b', '[[c]]'), make('c', 'up')), 'cba');
        assert.equal(order(make('a', '$b'), make('b', '$a'), make('d', '$d')).length, 3);
    });

    test('from and to the address', () => {
        assert.deepEqual([...fromAddress(new URLSearchParams('var-a=1&var-a=2&from=3&var-b='))], [['a', ['1', '2']], ['b', ['']]]);
        const search = new URLSearchParams('from=1&var-old=x');
        toAddress(variables, search);
        assert.equal(search.get('from'), '1');
        assert.deepEqual([search.get('var-old'), search.getAll('var-multi'), search.get('var-all'), search.get('var-hidden')], [null, ['a', 'c.d'], ALL, null]);
    });

    test('queries as objects, and definitions beside', () => {
        assert.deepEqual([define({ name: 'a', type: 'query', query: { query: 'q', refId: 'x' } }).query, define({ name: 'a', type: 'query', query: {}, definition: 'd' }).query, define({ name: 'a', type: 'query', definition: 'd' }).query], ['q', 'd', 'd']);
        assert.deepEqual([define({ current: { value: '' } }).current, define({ current: { value: 5 } }).current, define({}).current], [[], ['5'], []]);
    });
});

describe('times', () => {
    test('durations', () => {
        assert.deepEqual(['5s', '1h30m', '250ms', '1.5h', ' 2d ', '1M', '1w', '1y', '', '5', 'x', '-5s', '5 s', '5s!'].map(parseDuration), [5000, 5_400_000, 250, 5_400_000, 172_800_000, 2_592_000_000, 604_800_000, 31_536_000_000, null, null, null, null, 5000, null]);
        assert.deepEqual([90_000, 300_000, 86_400_000, 250, 0, 7_200_000].map(promDuration), ['90s', '5m', '1d', '250ms', '1ms', '2h']);
    });

    const now = new Date(2026, 2, 4, 13, 45, 30, 500).getTime(); /* a Wednesday */
    const local = (...parts) => new Date(...parts).getTime();

    test('relative, rounded down for a start and up for an end', () => {
        assert.equal(parseTime('now', now), now);
        assert.equal(parseTime('now-1h', now), now - 3_600_000);
        assert.equal(parseTime('now+1d-2h', now), now + 22 * 3_600_000);
        const cases = { s: [local(2026, 2, 4, 13, 45, 30), local(2026, 2, 4, 13, 45, 31)], m: [local(2026, 2, 4, 13, 45), local(2026, 2, 4, 13, 46)], h: [local(2026, 2, 4, 13), local(2026, 2, 4, 14)], d: [local(2026, 2, 4), local(2026, 2, 5)],
            w: [local(2026, 2, 2), local(2026, 2, 9)], M: [local(2026, 2, 1), local(2026, 3, 1)], y: [local(2026, 0, 1), local(2027, 0, 1)] };
        for (const [unit, [start, end]] of Object.entries(cases))
            assert.deepEqual([parseTime(`now/${unit}`, now), parseTime(`now/${unit}`, now, true)], [start, end - 1], unit);
        assert.equal(parseTime('now-1d/d', now), local(2026, 2, 3));
        assert.equal(parseTime('now/ms', now), now);
    });

    test('absolute, or none', () => {
        assert.deepEqual([parseTime('1700000000000', now), parseTime('1700000000', now), parseTime('2026-03-01T00:00:00Z', now), parseTime('2026-03-01 12:00', now), parseTime('yesterday', now), parseTime('now-', now), parseTime('now-1x', now), parseTime('', now)],
            [1.7e12, 1.7e12, Date.UTC(2026, 2, 1), local(2026, 2, 1, 12), null, null, null, null]);
    });

    test('ranges slide only if they end now and start a while before', () => {
        const range = (from, to) => resolveRange({ from, to }, now);
        assert.deepEqual(range('now-1h', 'now'), { from: now - 3_600_000, to: now, live: true });
        assert.deepEqual([range('now/d', 'now').live, range('now-2h', 'now-1h').live, range('2026-03-01', '2026-03-02').live], [false, false, false]);
        for (const [from, to] of [['x', 'now'], ['now', 'now-1h'], ['now', 'now']])
            assert.deepEqual(range(from, to), { from: now - 900_000, to: now, live: true });
    });

    test('steps people can name, never finer than the least', () => {
        assert.deepEqual([stepFor(900_000, 500), stepFor(3_600_000, 800), stepFor(86_400_000, 1000), stepFor(1000, 1000), stepFor(60_000, 600, 100), stepFor(864e5 * 4000, 100), stepFor(60_000, 1)], [2000, 5000, 120_000, 1000, 100, 40 * 864e5, 2000]);
        assert.deepEqual([intervalFor(900_000, 900, null), intervalFor(900_000, 900, 5000), intervalFor(3_600_000, 900, 1000), intervalFor(60_000, 900, null)], [1000, 5000, 5000, 1000]);
        assert.deepEqual([intervalFor(900_000, 900, 100), intervalFor(900_000, 900, 1), intervalFor(900_000, 900, 250), intervalFor(3_600_000, 900, 100)], [100, 100, 500, 500], 'below a second as far as points can be kept');
    });

    test('in words', () => {
        assert.deepEqual([describeRange({ from: 'now-15m', to: 'now' }), describeRange({ from: 'now-1h', to: 'now' }), describeRange({ from: 'now/d', to: 'now' })], ['Last 15 minutes', 'Last hour', 'now/d to now']);
        const at = String(local(2026, 2, 1, 12));
        assert.equal(describeRange({ from: at, to: at.slice(0, -3) }), '2026-03-01 12:00:00 to 2026-03-01 12:00:00');
    });
});

describe('the grid', () => {
    const vars = new Map([state('host', ['a', 'b', 'c.d'], { multi: true }), state('lone', ['a'], { multi: true }), state('empty', [], { multi: true }, [])]);
    const load = (...panels) => loadDashboard({ title: 'x', panels: panels.map((p) => ({ type: 'stat', ...p })) }).dashboard.panels;
    const at = (x, y, w, h) => ({ x, y, w, h });
    const places = (section) => section.panels.map(({ model: { gridPos: g }, key, scoped }) => [key, g.x, g.y, g.w, ...Object.values(scoped)]);

    test('panels below a row are its own, up to the next; folded ones too', () => {
        const all = layout(load({ id: 1, gridPos: at(0, 0, 6, 4) }, { id: 2, type: 'row', title: 'R', gridPos: at(0, 4, 24, 1) }, { id: 3, gridPos: at(0, 5, 6, 4) }, { id: 4, type: 'row', collapsed: true, gridPos: at(0, 9, 24, 1), panels: [{ id: 5, type: 'stat', gridPos: at(0, 10, 6, 4) }] }), vars);
        assert.deepEqual(all.map((s) => [s.row?.id ?? null, s.panels.map((p) => p.key)]), [[null, ['1']], [2, ['3']], [4, ['5']]]);
        assert.deepEqual(all.map((s) => s.panels[0].model.gridPos.y), [0, 0, 0]);
        assert.deepEqual(layout([], vars), []);
    });

    test('panels move up to what is above them, as far as their columns are free; the order stays', () => {
        const [s] = layout(load({ id: 1, gridPos: at(0, 2, 12, 4) }, { id: 2, gridPos: at(0, 3000, 24, 5) }, { id: 3, gridPos: at(12, 5, 12, 2) }, { id: 4, gridPos: at(6, 3100, 6, 3) }, { id: 5, gridPos: at(0, 3100, 6, 3) }), vars);
        assert.deepEqual(places(s), [['1', 0, 0, 12], ['3', 12, 0, 12], ['2', 0, 4, 24], ['5', 0, 9, 6], ['4', 6, 9, 6]]);
    });

    test('what comes after a folded row is not in it', () => {
        const all = layout(load({ id: 1, type: 'row', collapsed: true, gridPos: at(0, 0, 24, 1), panels: [{ id: 2, type: 'stat', gridPos: at(0, 1, 6, 4) }] }, { id: 3, gridPos: at(0, 1, 6, 4) }), vars);
        assert.deepEqual(all.map((s) => [s.row?.id ?? null, s.panels.map((p) => p.key)]), [[1, ['2']], [null, ['3']]]);
    });

    test('a row of copies has no more than 24 and whole ones, whatever is asked for', () => {
        for (const maxPerRow of [1000, 2.5, 0, -3, 1e308]) {
            const [s] = layout(load({ id: 1, repeat: 'many', maxPerRow, gridPos: at(0, 0, 6, 4) }), new Map([['many', { ...vars.get('host'), value: Array.from({ length: 40 }, (_, i) => `v${i}`) }]]));
            assert.equal(s.panels.length, 40);
            assert.ok(s.panels.every(({ model: { gridPos: g } }) => g.w >= 1 && g.x + g.w <= 24 && [g.x, g.y, g.w].every(Number.isInteger)), String(maxPerRow));
        }
    });

    test('one panel for each value: side by side, what is below moves down', () => {
        const [s] = layout(load({ id: 1, repeat: 'host', maxPerRow: 2, gridPos: at(0, 0, 6, 4) }, { id: 2, gridPos: at(0, 4, 24, 4) }), vars);
        assert.deepEqual(places(s), [['1:a', 0, 0, 12, 'a'], ['1:b', 12, 0, 12, 'b'], ['1:c.d', 0, 4, 12, 'c.d'], ['2', 0, 8, 24]]);
    });

    test('or one below the other; one value has the whole width; none is one panel', () => {
        const of = (p) => places(layout(load({ id: 1, gridPos: at(3, 0, 6, 4), ...p }), vars)[0]);
        assert.deepEqual(of({ repeat: 'host', repeatDirection: 'v' }), [['1:a', 3, 0, 6, 'a'], ['1:b', 3, 4, 6, 'b'], ['1:c.d', 3, 8, 6, 'c.d']]);
        assert.deepEqual([of({ repeat: 'lone' }), of({ repeat: 'empty' }), of({ repeat: 'unknown' })], [[['1:a', 0, 0, 24, 'a']], [['1', 3, 0, 6]], [['1', 3, 0, 6]]]);
    });

    test('nothing lies under what repeats: what has no room any more is below', () => {
        const overlap = (a, b) => a[1] < b[1] + b[3] && b[1] < a[1] + a[3] && a[2] < b[2] + 4 && b[2] < a[2] + 4;
        const apart = (s) => places(s).every((a, i, all) => all.slice(i + 1).every((b) => !overlap(a, b)));
        const [both] = layout(load({ id: 1, repeat: 'host', gridPos: at(0, 0, 12, 4) }, { id: 2, repeat: 'host', gridPos: at(12, 0, 12, 4) }, { id: 3, gridPos: at(0, 4, 24, 4) }), vars);
        assert.deepEqual(places(both).map(([key, x, y]) => [key, x, y]), [['1:a', 0, 0], ['1:b', 8, 0], ['1:c.d', 16, 0], ['2:a', 0, 4], ['2:b', 8, 4], ['2:c.d', 16, 4], ['3', 0, 8]]);
        const [down] = layout(load({ id: 1, repeat: 'host', repeatDirection: 'v', gridPos: at(0, 0, 12, 4) }, { id: 2, gridPos: at(12, 0, 12, 4) }, { id: 3, gridPos: at(0, 4, 24, 4) }), vars);
        assert.deepEqual(places(down).map(([key, x, y]) => [key, x, y]), [['1:a', 0, 0], ['1:b', 0, 4], ['1:c.d', 0, 8], ['2', 12, 0], ['3', 0, 12]]);
        assert.ok(apart(both) && apart(down));
    });

    test('a row for each value, with its panels', () => {
        const all = layout(load({ id: 1, type: 'row', title: 'On $host', repeat: 'host', gridPos: at(0, 0, 24, 1) }, { id: 2, gridPos: at(0, 1, 6, 4) }, { id: 3, repeat: 'host', gridPos: at(6, 1, 6, 4) }), vars);
        assert.deepEqual(all.map((s) => s.row.title), ['On a', 'On b', 'On c.d']);
        assert.equal(new Set(all.map((s) => s.row.id)).size, 3);
        assert.deepEqual(places(all[1]), [['2@b', 0, 0, 6, 'b'], ['3@b', 6, 0, 6, 'b']]);
        assert.equal(layout(load({ id: 1, type: 'row', title: '$lone', gridPos: at(0, 0, 24, 1) }), vars)[0].row.title, 'A');
    });
});
