/* Dashboards read: classic, old, v2, as answered by an API; and what lint says of them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadDashboard } from '../../dist/.js/dashboard/model/forms.js';
import { openDashboard, slug } from '../../dist/.js/dashboard/model/load.js';
import { at, bool, number, string, strings, withValue } from '../../dist/.js/dashboard/model/json.js';

const one = (panel, more = {}) => loadDashboard({ title: 'T', panels: [panel], ...more });
const first = (panel) => one(panel).dashboard.panels[0];
const texts = ({ notes }) => notes.map((n) => `${n.level} ${n.place}: ${n.text}`);

describe('values nobody has checked', () => {
    test('are read if they are of the type, or text of it', () => {
        assert.deepEqual([1.5, '2.5', ' 3 ', '', ' ', 'x', NaN, Infinity, null, true, [], {}].map(number), [1.5, 2.5, 3, null, null, null, null, null, null, null, null, null]);
        assert.deepEqual(['a', 1, true, null, {}].map((v) => string(v, 'or')), ['a', '1', 'true', 'or', 'or']);
        assert.deepEqual(strings(['a', 1, null, {}, true]), ['a', '1']);
        assert.deepEqual([bool(true), bool('true', true), bool(1), bool(undefined, true)], [true, true, false, true]);
        assert.deepEqual(['true', 'false', 'no', ''].flatMap((v) => [bool(v), bool(v, true)]), [true, true, false, false, false, true, false, true], 'generators write them as text');
    });

    test('are found and set by path', () => {
        assert.equal(at({ a: { b: [1] } }, 'a.b.c'), undefined);
        assert.deepEqual(at({ a: { b: { c: null } } }, 'a.b'), { c: null });
        const before = { a: { b: 1, keep: 2 } };
        assert.deepEqual(withValue(before, 'a.b.c', 3), { a: { b: { c: 3 }, keep: 2 } });
        assert.deepEqual(before, { a: { b: 1, keep: 2 } });
    });
});

describe('documents', () => {
    test('what is no dashboard is refused with a reason', () => {
        for (const wrong of [null, 1, 'x', []])
            assert.throws(() => loadDashboard(wrong), /is a JSON object/);
        assert.throws(() => loadDashboard({ hello: 1 }), /neither "panels" nor "title"/);
    });

    test('nothing but a title is a dashboard with the usual settings', () => {
        const { dashboard: d, notes } = loadDashboard({ title: 'Ünïcode — and more!' });
        assert.deepEqual([d.uid, d.title, d.time, d.refresh, d.level, d.panels, d.variables, d.version], ['u-ni-code-and-more', 'Ünïcode — and more!', { from: 'now-15m', to: 'now' }, '', 'custom', [], [], 0]);
        assert.deepEqual(notes, []);
    });

    test('a query has the interval of its own, of its panel, or of the dashboard', () => {
        const { dashboard } = one({ targets: [{ interval: '5s' }, {}], interval: '200ms' }, { 'x-push': { interval: '100ms' } });
        assert.deepEqual(dashboard.panels[0].targets.map((t) => t.interval), ['5s', '200ms']);
        assert.equal(one({ targets: [{}] }, { 'x-push': { interval: '100ms' } }).dashboard.panels[0].targets[0].interval, '100ms');
    });

    test('a short name of any title', () => {
        assert.deepEqual(['A  b', '--x--', '', '日本', 'y'.repeat(99)].map(slug), ['a-b', 'x', 'dashboard', 'dashboard', 'y'.repeat(64)]);
    });

    test('the answer of a dashboard API, and a resource with a spec', () => {
        assert.equal(loadDashboard({ dashboard: { uid: 'a', title: 'A', panels: [] }, meta: {} }).dashboard.uid, 'a');
        assert.equal(loadDashboard({ apiVersion: 'v1', metadata: { name: 'named' }, spec: { title: 'B', panels: [] } }).dashboard.uid, 'named');
        assert.equal(loadDashboard({ title: 'C' }, 'file-name').dashboard.uid, 'file-name');
    });

    test('constants of an export are put in, wherever they are, whatever they contain', () => {
        const { dashboard: d, notes } = one({ type: 'stat', title: '${VAR_Q}', targets: [{ expr: 'up{a="${VAR_Q}"}' }] },
            { __inputs: [{ type: 'constant', name: 'VAR_Q', value: 'a "quoted" \\ $& text' }, { type: 'datasource', name: 'DS_PROMETHEUS' }] });
        assert.equal(d.panels[0].title, 'a "quoted" \\ $& text');
        assert.equal(d.panels[0].targets[0].expr, 'up{a="a "quoted" \\ $& text"}');
        assert.match(texts({ notes }).join(), /__inputs: VAR_Q is/);
    });

    test('levels by tag, else by our own setting', () => {
        const level = (more) => loadDashboard({ title: 'x', ...more }).dashboard.level;
        assert.deepEqual(['overview', 'domain', 'drilldown', 'custom', 'nonsense'].map((l) => level({ tags: ['a', `level:${l}`] })), ['overview', 'domain', 'drilldown', 'custom', 'custom']);
        assert.equal(level({ 'x-push': { level: 'domain' } }), 'domain');
    });

    test('links: to pages, and to dashboards by tag', () => {
        const { links } = loadDashboard({ title: 'x', links: [
            { type: 'link', title: 'Wiki', url: 'https://w', targetBlank: true, keepTime: true, includeVars: true },
            { type: 'dashboards', tags: ['a b', 'c'] }, { type: 'link', title: 'nowhere' }, { dashboard: 'old one' }, { dashUri: 'db/older', title: 'Older' },
        ] }).dashboard;
        assert.deepEqual(links, [
            { title: 'Wiki', url: 'https://w', newTab: true, keepTime: true, includeVars: true },
            { title: 'a b, c', url: '/dashboards?tag=a%20b&tag=c', newTab: false, keepTime: false, includeVars: false },
            { title: 'old one', url: '/dashboards?query=old%20one', newTab: false, keepTime: false, includeVars: false },
            { title: 'Older', url: '/d/older', newTab: false, keepTime: false, includeVars: false },
        ]);
    });

    test('what is not understood is kept as it came', () => {
        const source = { title: 'x', somethingNew: { a: [1] }, panels: [{ type: 'stat', alsoNew: true, gridPos: { x: 0, y: 0, w: 4, h: 4 } }] };
        const { dashboard: d, notes } = loadDashboard(source);
        assert.equal(d.source, source);
        assert.equal(d.panels[0].source, source.panels[0]);
        assert.deepEqual(notes.map((n) => n.place), ['somethingNew', 'panels[0].alsoNew']);
    });
});

describe('panels', () => {
    test('every panel has an id of its own', () => {
        const { dashboard: d } = loadDashboard({ title: 'x', panels: [{ id: 2 }, { id: 2 }, {}, { id: -1 }, { id: '7' }, { type: 'row', panels: [{ id: 2 }] }] });
        const ids = d.panels.flatMap((p) => [p.id, ...p.panels.map((q) => q.id)]);
        assert.equal(new Set(ids).size, 7);
        assert.ok(ids.every((i) => i > 0));
        assert.equal(ids[4], 7);
    });

    test('places are on the grid, whatever they say', () => {
        const of = (gridPos) => first({ type: 'stat', gridPos }).gridPos;
        assert.deepEqual(of({ x: 20, y: -3, w: 10, h: 0 }), { x: 14, y: 0, w: 10, h: 1 });
        assert.deepEqual(of({ x: 'a', y: 1e9, w: 99, h: 1e9 }), { x: 0, y: 100_000, w: 24, h: 200 });
        assert.deepEqual(of(undefined), { x: 0, y: 0, w: 12, h: 8 });
    });

    test('queries: instant only where no range is asked for; letters where there are no names', () => {
        const { targets } = first({ type: 'table', interval: '30s', targets: [
            { expr: 'up', instant: true }, { refId: 'X', expr: 'up', instant: true, range: true, format: 'table', interval: '1m', legendFormat: '{{a}}', hide: true },
            { format: 'heatmap' }, { format: 'logs' },
        ] });
        assert.deepEqual(targets.map((t) => [t.refId, t.instant, t.format, t.interval, t.hide]), [
            ['A', true, 'time_series', '30s', false], ['X', false, 'table', '1m', true], ['C', false, 'heatmap', '30s', false], ['D', false, 'time_series', '30s', false]]);
    });

    test('queries in other languages are told by their data source, or their look', () => {
        const foreign = (t) => first({ type: 'stat', targets: [t] }).targets[0].foreign;
        assert.deepEqual([{ datasource: { type: 'loki' }, expr: '{a="b"}' }, { datasource: { type: 'mysql' }, rawSql: 'select' }, { query: 'from(bucket)' }].map(foreign), ['loki', 'mysql', 'another language']);
        assert.deepEqual([{ datasource: { type: 'prometheus' }, expr: 'up' }, { datasource: '${DS_PROMETHEUS}', expr: 'up' }, { datasource: { type: 'datasource', uid: '-- Mixed --' } }, { expr: '' }].map(foreign), ['', '', '', '']);
    });

    test('disabled transformations are none; panels of a library are used as they come with it', () => {
        assert.deepEqual(first({ type: 'table', transformations: [{ id: 'merge', disabled: true }, { id: 'limit', options: { limitField: 3 } }] }).transformations, [{ id: 'limit', options: { limitField: 3 } }]);
        const p = first({ id: 9, gridPos: { w: 5, h: 5 }, libraryPanel: { name: 'L', model: { id: 1, type: 'gauge', title: 'From the library', gridPos: { w: 1, h: 1 } } } });
        assert.deepEqual([p.id, p.type, p.title, p.gridPos.w], [9, 'gauge', 'From the library', 5]);
    });

    test('more panels than anybody looks at are not built, in rows neither, nor rows in rows', () => {
        const many = (n) => Array.from({ length: n }, () => ({ type: 'stat' }));
        const flat = loadDashboard({ title: 'x', panels: many(700) });
        assert.equal(flat.dashboard.panels.length, 500);
        assert.match(texts(flat).join('\n'), /ignored panels: 200 of 700 panels/);
        const nested = loadDashboard({ title: 'x', panels: [{ type: 'row', panels: many(700) }] });
        assert.equal(nested.dashboard.panels[0].panels.length, 499);
        assert.match(texts(nested).join('\n'), /ignored panels\[0\]\.panels: 201 of 700/);
        let deep = { type: 'row', panels: [] };
        for (let i = 0; i < 50_000; i++)
            deep = { type: 'row', panels: [deep] };
        assert.equal(first(deep).panels[0].panels.length, 0);
    });
});

describe('old dashboards', () => {
    test('rows of twelve columns are placed on the grid', () => {
        const loaded = loadDashboard({ title: 'x', rows: [
            { title: 'One', height: '250px', panels: [{ type: 'graph', span: 8 }, { type: 'graph', span: 4 }, { type: 'graph', span: 6 }] },
            { title: 'Two', collapse: true, height: 100, panels: [{ type: 'text', content: 'hi', span: 12 }] },
            { panels: [{ type: 'stat' }] },
        ] });
        assert.deepEqual(loaded.dashboard.panels.map((p) => [p.type, p.gridPos.x, p.gridPos.y, p.gridPos.w, p.gridPos.h]), [
            ['row', 0, 0, 24, 1], ['timeseries', 0, 1, 16, 7], ['timeseries', 16, 1, 8, 7], ['timeseries', 0, 8, 12, 7], ['row', 0, 15, 24, 1], ['stat', 0, 19, 8, 7]]);
        assert.deepEqual(loaded.dashboard.panels[4].panels.map((p) => [p.type, p.options]), [['text', { content: 'hi', mode: 'markdown' }]]);
        assert.match(texts(loaded).join('\n'), /changed rows: rows of the old layout/);
        const odd = JSON.parse('{"title": "x", "rows": [{"height": {"toString": 1, "valueOf": 1}, "panels": [{"type": "graph"}]}]}');
        assert.deepEqual(loadDashboard(odd).dashboard.panels.map((p) => p.gridPos.h), [7], 'a height that is none');
        assert.match(texts(loaded).join('\n'), /changed panels\[1\]\.type: "graph" is shown as "timeseries"/);
    });

    test('graph', () => {
        const p = first({ type: 'graph', bars: true, linewidth: 2, fill: 3, stack: true, percentage: true, steppedLine: true, nullPointMode: 'connected', points: true,
            yaxes: [{ format: 'bytes', min: '0', max: null, decimals: 1, logBase: 2 }, { format: 'percent' }],
            legend: { show: true, alignAsTable: true, rightSide: true, avg: true, current: true, max: true }, tooltip: { shared: false },
            thresholds: [{ value: 5, colorMode: 'critical' }, { value: 3, colorMode: 'warning' }, { colorMode: 'ok' }],
            seriesOverrides: [{ alias: '/err.*/', yaxis: 2, color: '#f00', fill: 0, linewidth: 3, stack: false, transform: 'negative-Y' }, { alias: 'plain' }] });
        assert.deepEqual([p.type, p.defaults.unit, p.defaults.min, p.defaults.max, p.defaults.decimals], ['timeseries', 'bytes', 0, null, 1]);
        assert.deepEqual(p.defaults.custom, { drawStyle: 'bars', lineWidth: 2, fillOpacity: 30, stacking: { mode: 'percent' }, lineInterpolation: 'stepAfter', spanNulls: true, showPoints: 'always', scaleDistribution: { type: 'log', log: 2 }, thresholdsStyle: { mode: 'line' } });
        assert.deepEqual(p.defaults.thresholds.steps, [{ value: -Infinity, color: 'green' }, { value: 3, color: 'yellow' }, { value: 5, color: 'red' }]);
        assert.deepEqual(p.options, { legend: { showLegend: true, displayMode: 'table', placement: 'right', calcs: ['max', 'mean', 'lastNotNull'] }, tooltip: { mode: 'single' } });
        assert.deepEqual(p.overrides[0], { matcher: { id: 'byRegexp', options: '/err.*/' }, properties: [
            { id: 'custom.axisPlacement', value: 'right' }, { id: 'unit', value: 'percent' }, { id: 'custom.transform', value: 'negative-Y' }, { id: 'color', value: { mode: 'fixed', fixedColor: '#f00' } },
            { id: 'custom.fillOpacity', value: 0 }, { id: 'custom.lineWidth', value: 3 }, { id: 'custom.stacking', value: { mode: 'none' } }] });
        assert.deepEqual(p.overrides[1], { matcher: { id: 'byName', options: 'plain' }, properties: [] });
        assert.equal(first({ type: 'graph', lines: false }).defaults.custom['drawStyle'], 'points');
    });

    test('singlestat', () => {
        const p = first({ type: 'singlestat', format: 'percent', decimals: 2, valueName: 'avg', thresholds: '70,90', colors: ['green', 'orange', 'red'], colorBackground: true, sparkline: { show: true },
            valueMaps: [{ value: 'null', text: 'N/A' }, { value: '1', text: 'up' }] });
        assert.deepEqual([p.type, p.defaults.unit, p.defaults.decimals, p.defaults.noValue], ['stat', 'percent', 2, 'N/A']);
        assert.deepEqual(p.defaults.thresholds.steps.map((s) => [s.value, s.color]), [[-Infinity, 'green'], [70, 'orange'], [90, 'red']]);
        assert.deepEqual(p.defaults.mappings.map((m) => [m.type, m.match, m.text]), [['value', '1', 'up']]);
        assert.deepEqual(p.options, { reduceOptions: { calcs: ['mean'] }, graphMode: 'area', colorMode: 'background', textMode: 'auto' });
        const gauge = first({ type: 'singlestat', gauge: { show: true, minValue: 1 }, valueName: 'max' });
        assert.deepEqual([gauge.type, gauge.defaults.min, gauge.defaults.max, gauge.options['reduceOptions'], gauge.options['colorMode']], ['gauge', 1, 100, { calcs: ['max'] }, 'none']);
        assert.deepEqual(first({ type: 'singlestat' }).options['reduceOptions'], { calcs: ['mean'] });
    });

    test('table', () => {
        const p = first({ type: 'table-old', styles: [
            { pattern: '/.*/', type: 'number', unit: 'bytes', decimals: 1, colorMode: 'cell' }, { pattern: 'Time', type: 'hidden', alias: 'When' }, { pattern: 'v', colorMode: 'value' }] });
        assert.equal(p.type, 'table');
        assert.deepEqual(p.overrides.map((o) => [o.matcher.id, o.properties.map((x) => x.id)]), [['byName', ['custom.cellOptions']], ['byName', ['displayName', 'custom.hidden']], ['byRegexp', ['unit', 'decimals', 'custom.cellOptions']]], 'the first style that fits counts, so it is the last override');
        assert.deepEqual(p.transformations, [{ id: 'merge', options: {} }]);
        assert.equal(first({ type: 'table', styles: [] }).transformations.length, 1);
        assert.equal(first({ type: 'grafana-piechart-panel' }).type, 'piechart');
    });

    test('graph: axes, colours and looks of its series', () => {
        const p = first({ type: 'graph', nullPointMode: 'null', lines: true, aliasColors: { used: '#0f0' }, fieldConfig: { defaults: { links: [{ title: 'L', url: '/x' }] } },
            yaxes: [{ format: 's', label: 'Seconds', show: false }, { format: 'percent', label: 'Share', min: 0, max: '100', logBase: 10 }],
            legend: { values: false, current: true, sort: 'current', sortDesc: true },
            thresholds: [{ value: 10, op: 'lt', colorMode: 'critical', fill: true, line: false }, { value: 90, op: 'gt', colorMode: 'custom', fillColor: '#abc', fill: true, line: true }],
            seriesOverrides: [{ alias: 'r', yaxis: 2 }, { alias: 'b', bars: true, lines: false, legend: false }, { alias: 'p', lines: false, points: true, pointradius: 1 }, { alias: 'd', dashes: true, dashLength: 3 }] });
        assert.deepEqual(['axisLabel', 'axisPlacement', 'thresholdsStyle'].map((k) => p.defaults.custom[k]), ['Seconds', 'hidden', { mode: 'line+area' }]);
        assert.deepEqual(p.defaults.thresholds.steps, [{ value: -Infinity, color: 'red' }, { value: 10, color: 'green' }, { value: 90, color: '#abc' }]);
        assert.deepEqual([p.defaults.links.map((l) => l.url), p.options['legend'].calcs, p.options['legend'].sortBy, p.options['legend'].sortDesc], [['/x'], [], 'Last', true]);
        assert.deepEqual(p.overrides.map((o) => [o.matcher.options, Object.fromEntries(o.properties.map((x) => [x.id.replace('custom.', ''), x.value]))]), [
            ['used', { color: { mode: 'fixed', fixedColor: '#0f0' } }],
            ['r', { axisPlacement: 'right', unit: 'percent', min: 0, max: 100, axisLabel: 'Share', scaleDistribution: { type: 'log', log: 10 } }],
            ['b', { drawStyle: 'bars', hideFrom: { legend: true } }], ['p', { drawStyle: 'points', showPoints: 'always', pointSize: 2 }], ['d', { lineStyle: { fill: 'dash', dash: [3, 10] } }]]);
        const early = first({ type: 'graph', y_formats: ['bytes', 'short'], leftYAxisLabel: 'Used', grid: { leftMin: 0, leftMax: null, leftLogBase: 1 } });
        assert.deepEqual([early.defaults.unit, early.defaults.min, early.defaults.max, early.defaults.custom['axisLabel']], ['bytes', 0, null, 'Used']);
        const bars = first({ type: 'graph', xaxis: { mode: 'series', values: ['total'] } });
        assert.deepEqual([bars.type, bars.options['reduceOptions'], first({ type: 'graph', xaxis: { mode: 'histogram' } }).type], ['bargauge', { calcs: ['sum'] }, 'histogram']);
    });

    test('singlestat: words around and instead of numbers', () => {
        const units = [{ postfix: 's' }, { prefix: '#', format: 'none' }, { prefix: 'a', postfix: 'b' }, { format: 'bytes', postfix: ' used' }].map((p) => first({ type: 'singlestat', ...p }).defaults.unit);
        assert.deepEqual(units, ['suffix:s', 'prefix:#', '', 'bytes']);
        const p = first({ type: 'singlestat', mappingType: 2, rangeMaps: [{ from: '0', to: '5', text: 'low' }, { from: 'null', to: 'null', text: 'N/A' }], valueName: 'name', tableColumn: 'version', targets: [{ expr: 'x', format: 'table' }] });
        assert.deepEqual([p.defaults.mappings.map((m) => [m.type, m.from, m.to, m.text]), p.defaults.noValue], [[['range', 0, 5, 'low']], 'N/A']);
        assert.deepEqual([p.options['textMode'], p.options['reduceOptions']], ['name', { calcs: ['lastNotNull'], fields: 'version' }]);
    });

    test('table: styles and what it makes of series', () => {
        const p = first({ type: 'table', transform: 'table', styles: [{ pattern: 'when', type: 'date' }, { pattern: 'v', type: 'number', unit: 's', colorMode: 'cell', thresholds: ['10', '20'], colors: ['a', 'b', 'c'], link: true, linkUrl: '/d/${__cell:raw}?r=${__cell_1}', linkTooltip: 'T' },
            { pattern: 'state', type: 'string', mappingType: 1, valueMaps: [{ value: '1', text: 'up' }] }] });
        const of = (name) => Object.fromEntries(p.overrides.find((o) => o.matcher.options === name).properties.map((x) => [x.id, x.value]));
        assert.deepEqual(of('when'), { unit: 'dateTimeAsIso' });
        assert.deepEqual(of('v')['thresholds'].steps, [{ color: 'a', value: null }, { color: 'b', value: 10 }, { color: 'c', value: 20 }]);
        assert.equal(of('v')['links'][0].url, '/d/${__value.raw:raw}?r=${__data.fields[1]}');
        assert.deepEqual(of('state')['mappings'], [{ type: 'value', options: { 1: { text: 'up' } } }]);
        const steps = (transform, columns) => first({ type: 'table', styles: [], transform, columns }).transformations;
        assert.deepEqual(steps('timeseries_aggregations', [{ value: 'avg' }, { value: 'current' }]), [{ id: 'reduce', options: { reducers: ['mean', 'lastNotNull'] } }, { id: 'organize', options: { renameByName: { Field: 'Metric', Mean: 'Avg', Last: 'Current' } } }]);
        assert.deepEqual([steps('timeseries_to_rows')[1].options, steps('timeseries_to_columns')[0].id, steps('timeseries_aggregations')[0].options], [{ renameByName: { Field: 'Metric', Last: 'Value' } }, 'joinByField', { reducers: ['mean'] }]);
    });

    test('numbers of version 6, a heatmap, a pie, a text and rows that repeat', () => {
        const p = first({ type: 'gauge', options: { orientation: 'auto', fieldOptions: { calcs: ['max'], values: false, defaults: { unit: 'percent', max: 100, title: 'T' }, thresholds: [{ color: 'green', value: null }, { color: 'red', value: 80 }], mappings: [] } } });
        assert.deepEqual([p.options, p.defaults.unit, p.defaults.max, p.defaults.displayName, p.defaults.thresholds.steps.at(-1)], [{ orientation: 'auto', reduceOptions: { calcs: ['max'], values: false } }, 'percent', 100, 'T', { value: 80, color: 'red' }]);
        assert.deepEqual(first({ type: 'heatmap', dataFormat: 'tsbuckets', yAxis: { format: 's' } }).options, { calculate: false, yAxis: { unit: 's', reverse: false }, legend: { show: false } });
        assert.deepEqual(first({ type: 'grafana-piechart-panel', format: 'bytes', pieType: 'donut', valueName: 'total' }).options, { pieType: 'donut', reduceOptions: { calcs: ['sum'] }, legend: { showLegend: true } });
        assert.deepEqual(first({ type: 'text', content: 'Hello', mode: 'html', options: {} }).options, { content: 'Hello', mode: 'html' });
        assert.deepEqual(loadDashboard({ title: 'x', rows: [{ repeat: 'host', panels: [{ type: 'graph' }] }] }).dashboard.panels.map((q) => [q.type, q.repeat]), [['row', 'host'], ['timeseries', '']]);
    });

    test('what is lost of them is named', () => {
        const said = texts(one({ type: 'graph', alert: { name: 'a' }, timeRegions: [{ op: 'time' }], legend: { hideZero: true, hideEmpty: false }, nullPointMode: 'null as zero' })).join('\n');
        assert.match(said, /panels\[0\]\.alert: not used/);
        assert.match(said, /timeRegions: not used/);
        assert.match(said, /legend\.hideZero: not used/);
        assert.doesNotMatch(said, /hideEmpty/);
        assert.match(said, /nullPointMode: nothing is not drawn as zero/);
        assert.match(texts(one({ type: 'singlestat', format: 's', postfix: 'x' })).join(), /beside a unit/);
    });

    test('a panel without a place has the size Grafana gives it, unless none has one', () => {
        const sizes = (...panels) => loadDashboard({ title: 'x', panels }).dashboard.panels.map(({ gridPos: { w, h } }) => [w, h]);
        assert.deepEqual(sizes({ type: 'stat' }, { type: 'stat', gridPos: { x: 6, y: 0, w: 6, h: 3 } }, { type: 'stat', gridPos: {} }), [[6, 3], [6, 3], [12, 8]]);
        assert.deepEqual(sizes({ type: 'stat' }), [[12, 8]]);
    });

    test('panels of a library: in the panel, beside all in an export, or nowhere', () => {
        const lib = { uid: 'u1', name: 'L' }, model = { type: 'graph', title: 'T', targets: [{ expr: 'up' }] };
        const { dashboard, notes } = loadDashboard({ title: 'x', __elements: { u1: { uid: 'u1', kind: 1, model } },
            panels: [{ id: 7, libraryPanel: lib, gridPos: { x: 3, y: 0, w: 4, h: 5 } }, { id: 8, libraryPanel: { ...lib, model: { ...model, type: 'stat' } } }, { id: 9, libraryPanel: { uid: 'gone' } }] });
        assert.deepEqual(dashboard.panels.map((p) => [p.id, p.type, p.title, p.gridPos.x]), [[7, 'timeseries', 'T', 3], [8, 'stat', 'T', 0], [9, 'of a library', '', 0]]);
        assert.match(texts({ notes }).join('\n'), /there is no panel "of a library" here/);
    });

    test('a type named as what every object has is no old panel', () => {
        for (const type of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
            const loaded = one({ type });
            assert.equal(loaded.dashboard.panels[0].type, type);
            assert.match(texts(loaded).join('\n'), /there is no panel/);
        }
    });
});

describe('v2', () => {
    const panel = (id, more = {}) => ({ kind: 'Panel', spec: { id, title: `P${id}`, description: 'd', links: [], transparent: true,
        data: { kind: 'QueryGroup', spec: {
            queries: [{ kind: 'PanelQuery', spec: { refId: 'A', hidden: false, query: { kind: 'DataQuery', group: 'prometheus', version: 'v0', spec: { expr: 'up', legendFormat: '{{job}}' } } } }],
            transformations: [{ kind: 'Transformation', group: 'limit', spec: { options: { limitField: 2 } } }], queryOptions: { timeFrom: '1h', interval: '15s' } } },
        vizConfig: { kind: 'VizConfig', group: 'stat', version: '', spec: { options: { graphMode: 'none' }, fieldConfig: { defaults: { unit: 's' }, overrides: [] } } }, ...more } });
    const item = (name, x, y, width, height, more = {}) => ({ kind: 'GridLayoutItem', spec: { x, y, width, height, element: { kind: 'ElementReference', name }, ...more } });
    const load = (layout, elements, more = {}) => loadDashboard({ apiVersion: 'dashboard.grafana.app/v2beta1', metadata: { name: 'v2-uid' }, spec: { title: 'V2', tags: ['level:domain'], elements, layout, ...more } });

    test('panels on a grid', () => {
        const loaded = load({ kind: 'GridLayout', spec: { items: [item('a', 3, 4, 6, 5), item('b', 0, 9, 24, 4, { repeat: { mode: 'variable', value: 'host', direction: 'v', maxPerRow: 2 } })] } },
            { a: panel(1), b: panel(2, { vizConfig: { kind: 'timeseries', spec: {} } }) }, { timeSettings: { from: 'now-1h', to: 'now', autoRefresh: '5s' }, extra: 1 });
        const { dashboard: d } = loaded;
        assert.deepEqual([d.uid, d.title, d.level, d.time, d.refresh], ['v2-uid', 'V2', 'domain', { from: 'now-1h', to: 'now' }, '5s']);
        const [a, b] = d.panels;
        assert.deepEqual([a.id, a.type, a.title, a.transparent, a.gridPos, a.timeFrom, a.defaults.unit, a.options], [1, 'stat', 'P1', true, { x: 3, y: 4, w: 6, h: 5 }, '1h', 's', { graphMode: 'none' }]);
        assert.deepEqual(a.targets, [{ refId: 'A', expr: 'up', legendFormat: '{{job}}', instant: false, format: 'time_series', hide: false, interval: '15s', foreign: '' }]);
        assert.deepEqual(a.transformations, [{ id: 'limit', options: { limitField: 2 } }]);
        assert.deepEqual([b.type, b.repeat, b.source['repeatDirection'], b.source['maxPerRow']], ['timeseries', 'host', 'v', 2]);
        assert.match(texts(loaded).join('\n'), /ignored spec\.extra: unknown to the converter/);
        assert.match(texts(loaded)[0], /converted from the v2 schema/);
    });

    test('rows, tabs, rows of a grid, automatic grids', () => {
        const grid = (name) => ({ kind: 'GridLayout', spec: { items: [item(name, 0, 0, 12, 6)] } });
        const rows = load({ kind: 'RowsLayout', spec: { rows: [
            { spec: { title: 'R1', layout: grid('a'), repeat: { mode: 'variable', value: 'dc' } } }, { spec: { title: 'R2', collapse: true, layout: grid('b') } }, { spec: { hideHeader: true, layout: grid('c') } }] } }, { a: panel(1), b: panel(2), c: panel(3) });
        assert.deepEqual(rows.dashboard.panels.map((p) => [p.type, p.gridPos.y, p.panels.length, p.repeat]), [['row', 0, 0, 'dc'], ['stat', 1, 0, ''], ['row', 7, 1, ''], ['stat', 15, 0, '']]);
        const tabs = load({ kind: 'TabsLayout', spec: { tabs: [{ spec: { title: 'T1', layout: grid('a') } }] } }, { a: panel(1) });
        assert.deepEqual(tabs.dashboard.panels.map((p) => [p.type, p.title]), [['row', 'T1'], ['stat', 'P1']]);
        assert.match(texts(tabs).join('\n'), /tabs are shown as rows/);
        const inGrid = load({ kind: 'GridLayout', spec: { items: [
            { kind: 'GridLayoutRow', spec: { y: 0, title: 'open', collapsed: false, elements: [item('a', 0, 0, 6, 3)] } }, { kind: 'GridLayoutRow', spec: { y: 4, title: 'shut', collapsed: true, elements: [item('b', 0, 0, 6, 3)] } }] } }, { a: panel(1), b: panel(2) });
        assert.deepEqual(inGrid.dashboard.panels.map((p) => [p.title, p.gridPos.y, p.panels.length]), [['open', 0, 0], ['P1', 1, 0], ['shut', 4, 1]]);
        const auto = load({ kind: 'AutoGridLayout', spec: { maxColumnCount: 2, items: ['a', 'b', 'c', 'gone'].map((name) => ({ spec: { element: { name } } })) } }, { a: panel(1), b: panel(2), c: panel(3) });
        assert.deepEqual(auto.dashboard.panels.map((p) => Object.values(p.gridPos)), [[0, 0, 12, 8], [12, 0, 12, 8], [0, 8, 12, 8]]);
    });

    test('panels of an automatic grid repeat too; a time zone is named', () => {
        const auto = load({ kind: 'AutoGridLayout', spec: { items: [{ kind: 'AutoGridLayoutItem', spec: { element: { kind: 'ElementReference', name: 'a' }, repeat: { mode: 'variable', value: 'dc' } } }] } }, { a: panel(1) }, { timeSettings: { timezone: 'utc' } });
        assert.equal(auto.dashboard.panels[0].repeat, 'dc');
        assert.match(texts(auto).join('\n'), /timezone: "utc"/);
    });

    test('what is missing, no panel, or of an unknown layout is named', () => {
        const loaded = load({ kind: 'GridLayout', spec: { items: [item('gone', 0, 0, 1, 1), item('lib', 0, 0, 1, 1)] } }, { lib: { kind: 'LibraryPanel' } });
        assert.deepEqual(texts(loaded).slice(1), ['ignored spec.elements.gone: the layout names it, but it is not there', 'ignored spec.elements.lib: "LibraryPanel" is no panel']);
        assert.match(texts(load({ kind: 'FreeLayout', spec: {} }, {})).join('\n'), /error spec\.layout: unknown layout "FreeLayout"/);
    });

    test('variables and annotations', () => {
        const loaded = load({ kind: 'GridLayout', spec: {} }, {}, { variables: [
            { kind: 'QueryVariable', spec: { name: 'job', sort: 'alphabeticalDesc', refresh: 'onTimeRangeChanged', hide: 'hideLabel', multi: true, includeAll: true, allValue: '.*', regex: '/a/', query: { kind: 'DataQuery', group: 'prometheus', spec: { query: 'label_values(up, job)' } }, current: { text: ['a'], value: ['a', 'b'] } } },
            { kind: 'CustomVariable', spec: { name: 'c', query: 'x,y', hide: 'hideVariable', current: { value: 'y' } } }, { kind: 'AdhocVariable', spec: { name: 'f' } }, { kind: 'OwnVariable', spec: { name: 'o' } }],
        annotations: [{ kind: 'AnnotationQuery', spec: { name: 'deploys' } }, { kind: 'AnnotationQuery', spec: { name: 'built in', builtIn: 1 } }] });
        const [job, c, f, o] = loaded.dashboard.variables;
        assert.deepEqual([job.type, job.query, job.sort, job.refresh, job.hide, job.current, job.multi, job.includeAll, job.allValue], ['query', 'label_values(up, job)', 2, 2, 1, ['a', 'b'], true, true, '.*']);
        assert.deepEqual([c.type, c.query, c.hide, c.current, f.type, o.type], ['custom', 'x,y', 2, ['y'], 'adhoc', 'OwnVariable']);
        assert.deepEqual(texts(loaded).slice(1), ['ignored annotations.list[0]: annotations are not drawn ("deploys")', 'ignored templating.list[2]: variables of type "adhoc" are not filled in ($f)', 'ignored templating.list[3]: variables of type "OwnVariable" are not filled in ($o)']);
    });
});

describe('lint names', () => {
    test('a zone that times are not shown in', () => {
        for (const [timezone, said] of [['utc', ['changed timezone: "utc" is not used: times are those of who looks']], ['browser', []], ['', []], [undefined, []]])
            assert.deepEqual(texts(loadDashboard({ title: 'Z', timezone, panels: [] })), said);
    });

    const says = (panel, more) => texts(one({ type: 'timeseries', ...panel }, more)).join('\n');

    test('nothing of a dashboard that is understood whole', () => {
        assert.equal(says({ id: 1, title: 'a', datasource: { type: 'prometheus', uid: '${DS_PROMETHEUS}' }, gridPos: {}, targets: [{ refId: 'A', expr: 'up', editorMode: 'code', range: true }],
            fieldConfig: { defaults: { unit: 'Bps', custom: { lineWidth: 1, axisBorderShow: false, axisColorMode: 'text', axisLabel: '', insertNulls: false }, mappings: [{ type: 'special', options: { match: 'null', result: { text: '-' } } }] }, overrides: [] },
            options: { legend: {}, tooltip: {}, timezone: [] }, transformations: [{ id: 'organize', options: {} }] }), '');
    });

    test('unknown panels, also in rows, and their place', () => {
        assert.match(texts(loadDashboard({ title: 'x', panels: [{ type: 'row', panels: [{ type: 'canvas' }] }] })).join('\n'), /error panels\[0\]\.panels\[0\]\.type: there is no panel "canvas"/);
    });

    test('queries in another language, names that are there twice, data sources', () => {
        const text = says({ datasource: { uid: 'abc' }, targets: [{ refId: 'A', expr: 'up' }, { refId: 'A', datasource: { type: 'mysql' }, rawSql: 'x' }] });
        assert.match(text, /error panels\[0\]\.targets\[1\]: asks mysql: only PromQL/);
        assert.match(text, /error panels\[0\]\.targets\[1\]\.refId: "A" is there twice/);
        assert.match(text, /ignored panels\[0\]\.targets\[1\]\.rawSql/);
        assert.match(text, /changed panels\[0\]\.datasource: data source "abc"/);
        assert.match(says({ type: 'logs', targets: [{ datasource: { type: 'loki' }, expr: '{}' }] }), /changed panels\[0\]\.targets\[0\]: asks loki/);
        assert.match(says({ datasource: 'Influx' }), /data source "Influx"/);
    });

    test('options and settings no panel reads, unless they are as usual', () => {
        const text = says({ options: { legend: {}, timezone: ['utc'] }, fieldConfig: { defaults: { weird: 1, custom: { lineWidth: 2, axisGridShow: true } }, overrides: [] } });
        assert.deepEqual(text.split('\n'), ['ignored panels[0].fieldConfig.defaults.weird: not used here', 'ignored panels[0].fieldConfig.defaults.custom.axisGridShow: not used here', 'ignored panels[0].options.timezone: not used here']);
    });

    test('units, colours, mappings, calculations, transformations, overrides', () => {
        const text = says({ type: 'stat', fieldConfig: { defaults: { unit: 'parsecs', color: { mode: 'rainbow' }, mappings: [{ type: 'psychic' }] }, overrides: [
            { matcher: { id: 'byValue', options: {} }, properties: [{ id: 'unit', value: 'ells' }, { id: 'mystery', value: 1 }] }] },
        options: { reduceOptions: { calcs: ['lastNotNull', 'toString'] } }, transformations: [{ id: 'spatial' }, { id: 'calculateField', options: { mode: 'windowFunctions' } }, { id: 'calculateField', options: { mode: 'binary' } }] });
        assert.deepEqual(text.split('\n'), [
            'changed panels[0].fieldConfig.defaults.unit: unknown unit "parsecs": shown behind the number as it is',
            'changed panels[0].fieldConfig.defaults.color.mode: "rainbow" is not known: coloured by thresholds',
            'ignored panels[0].fieldConfig.defaults.mappings[0]: mappings of type "psychic" are not used here',
            'changed panels[0].options.reduceOptions.calcs[1]: "toString" is not known: the last value is shown',
            'ignored panels[0].fieldConfig.overrides[0].matcher: "byValue" matches nothing here',
            'changed panels[0].fieldConfig.overrides[0].properties: unknown unit "ells"',
            'ignored panels[0].fieldConfig.overrides[0].properties: "mystery" is not used here',
            'ignored panels[0].transformations[0]: "spatial" is not applied',
            'ignored panels[0].transformations[1].options.mode: "windowFunctions" is not calculated']);
    });

    test('settings of series that only others panels have', () => {
        assert.match(says({ fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'custom.cellOptions', value: { type: 'gauge' } }, { id: 'custom.lineWidth', value: 3 }] }] } }), /^ignored panels\[0\]\.fieldConfig\.overrides\[0\]\.properties: "custom\.cellOptions" is not used here$/);
    });
});

describe('opened without notes', () => {
    test('what has a form of today and what has another become the same as with notes', async () => {
        const other = { title: 'old', panels: [{ type: 'row', panels: [{ type: 'graph', yaxes: [{ format: 's' }] }] }] };
        for (const document of [{ title: 'x', panels: [{ type: 'stat', targets: [{ expr: 'up' }] }] }, other, { title: 'n', elements: {}, layout: {} }])
            assert.deepEqual(await openDashboard(document, 'u'), loadDashboard(document, 'u').dashboard);
    });

    test('what is none is refused', async () => {
        await assert.rejects(openDashboard([]), /a dashboard is a JSON object/);
    });
});
