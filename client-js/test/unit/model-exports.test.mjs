/* Whole documents as Grafana exports them (test/data/dashboards, of our own making): read, and nothing of them lost unsaid. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { loadDashboard } from '../../dist/.js/dashboard/model/forms.js';

const folder = new URL('../data/dashboards/', import.meta.url);
const shipped = new URL('../../dashboards/', import.meta.url);
const read = (name, from = folder) => JSON.parse(readFileSync(new URL(name, from), 'utf8'));
const all = (d) => d.panels.flatMap((p) => [p, ...p.panels]);
const lines = ({ notes }) => notes.map((n) => `${n.level} ${n.place}: ${n.text}`);

/** What is said of each; nothing else may be. */
const SAID = {
    'every-field.json': ['changed __inputs: VAR_FIXED is "9100" now', 'changed panels[17].targets[0]: asks loki: only PromQL is answered here'],
    'node-exporter.json': [],
    'rows-of-2017.json': ['changed rows: rows of the old layout placed on the grid', 'changed panels[1].type: "singlestat" is shown as "stat"', 'changed panels[2].type: "singlestat" is shown as "gauge"',
        'changed panels[3].type: settings of an early version, as those of today', 'changed panels[5].type: "graph" is shown as "timeseries"', 'changed panels[6].type: settings of an early version, as those of today'],
    'v2.json': ['changed : converted from the v2 schema to the classic one'],
    'unsupported.json': [
        'ignored annotationsExtra: not used here', 'ignored annotations.list[0]: annotations are not drawn ("Deployments")', 'ignored templating.list[0]: variables of type "adhoc" are not filled in ($filters)',
        'ignored templating.list[1]: variables of type "groupby" are not filled in ($dc)', 'ignored panels[0].fieldConfig.defaults.actions: not used here', 'ignored panels[0].fieldConfig.defaults.custom.axisGridShow: not used here',
        'ignored panels[0].fieldConfig.defaults.custom.lineGlow: not used here', 'ignored panels[0].options.timezone: not used here', 'ignored panels[0].options.annotations: not used here',
        'error panels[0].targets[1]: asks influxdb: only PromQL is answered here', 'ignored panels[0].targets[1].rawQuery: not used here',
        'changed panels[0].fieldConfig.defaults.unit: unknown unit "furlongs": shown behind the number as it is', 'changed panels[0].fieldConfig.defaults.color.mode: "rainbow" is not known: coloured by thresholds',
        'ignored panels[0].fieldConfig.overrides[0].matcher: "byValue" matches nothing here', 'ignored panels[0].fieldConfig.overrides[1].properties: "custom.cellOptions" is not used here',
        'ignored panels[0].fieldConfig.overrides[1].properties: "actions" is not used here', 'ignored panels[0].transformations[0]: "spatial" is not applied',
        'ignored panels[0].transformations[1].options.mode: "windowFunctions" is not calculated', 'error panels[1].type: there is no panel "canvas" here: its place shows its name',
        'ignored panels[2].options.prettifyLogMessage: not used here', 'changed panels[2].targets[0]: asks loki: only PromQL is answered here', 'ignored panels[3].options.justifyMode: not used here',
        'changed panels[3].options.reduceOptions.calcs[0]: "uniqueValues" is not known: the last value is shown'],
};

describe('exports', () => {
    test('every file is expected', () => assert.deepEqual(readdirSync(folder).sort(), Object.keys(SAID).sort()));

    for (const [name, said] of Object.entries(SAID))
        test(`${name}: what is not used is named, nothing else`, () => assert.deepEqual(lines(loadDashboard(read(name))), said));

    test('loading changes nothing of the document, and again gives the same', () => {
        for (const name of Object.keys(SAID)) {
            const source = read(name), first = loadDashboard(source);
            assert.deepEqual(source, read(name));
            assert.deepEqual(loadDashboard(source), first);
        }
    });

    test('every panel type and every variable type is among them', () => {
        const { dashboard: d } = loadDashboard(read('every-field.json'));
        assert.deepEqual([...new Set(all(d).map((p) => p.type))].sort(), ['alertlist', 'barchart', 'bargauge', 'flamegraph', 'gauge', 'geomap', 'heatmap', 'histogram', 'logs', 'piechart', 'row', 'stat', 'state-timeline', 'status-history', 'table', 'text', 'timeseries']);
        assert.deepEqual([...new Set(d.variables.map((v) => v.type))].sort(), ['constant', 'custom', 'datasource', 'interval', 'query', 'textbox']);
        assert.equal(d.variables.find((v) => v.name === 'fixed').query, '9100');
        assert.deepEqual([d.level, d.refresh, d.own['distance'], d.links.length], ['domain', '5s', 4, 2]);
    });

    test('the long one: folded rows keep their panels, gauges their limits, overrides their patterns', () => {
        const { dashboard: d } = loadDashboard(read('node-exporter.json'));
        const rows = d.panels.filter((p) => p.type === 'row');
        assert.deepEqual([rows.length, rows.filter((r) => r.collapsed).length, all(d).filter((p) => p.type !== 'row').length], [15, 13, 48]);
        const busy = d.panels.find((p) => p.title === 'CPU Busy');
        assert.deepEqual([busy.defaults.max, busy.defaults.unit, busy.targets[0].instant, busy.defaults.thresholds.steps.map((s) => s.value)], [100, 'percent', true, [-Infinity, 85, 95]]);
        assert.deepEqual(d.variables.map((v) => [v.name, v.type, v.hide]), [['ds_prometheus', 'datasource', 0], ['job', 'query', 0], ['nodename', 'query', 0], ['node', 'query', 0], ['diskdevices', 'custom', 2]]);
    });
});

describe('dashboards of the program', () => {
    for (const name of readdirSync(shipped).filter((n) => n.endsWith('.json')))
        test(`${name} is understood whole`, () => {
            const loaded = loadDashboard(read(name, shipped));
            assert.deepEqual(lines(loaded), []);
            assert.equal(loaded.dashboard.uid, name.replace('.json', ''));
        });
});
