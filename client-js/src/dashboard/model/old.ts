/* old.ts - panels of earlier Grafana versions (graph, singlestat, table-old), as today's. */
import { byName } from '../lib/names.ts';
import { at, bool, list, number, numberOr, object, objects, string } from './json.ts';
import type { Json, JsonObject } from './types.ts';
import { RENAMED } from './version.ts';

export function modernize(panel: JsonObject): JsonObject {
    const type = RENAMED[string(panel['type'])] ?? string(panel['type']);
    const out = { ...panel, type };
    switch (panel['type']) {
    case 'graph': return { ...out, ...graph(panel) };
    case 'singlestat': return { ...out, ...singlestat(panel) };
    case 'table': case 'table-old': return { ...out, ...table(panel) };
    case 'text': return { ...out, options: { content: panel['content'] ?? '', mode: panel['mode'] ?? 'markdown' } };
    default: return out;
    }
}

type Part = Record<string, Json>;

function graph(p: JsonObject): Part {
    const [left, right] = objects(p['yaxes']);
    const drawStyle = bool(p['bars']) ? 'bars' : bool(p['lines'], true) ? 'line' : 'points';
    const stacking = bool(p['stack']) ? (bool(p['percentage']) ? 'percent' : 'normal') : 'none';
    const calcs = ['min', 'max', 'avg', 'current', 'total'].filter((k) => bool(at(p, `legend.${k}`)))
        .map((k) => ({ avg: 'mean', current: 'lastNotNull', total: 'sum' })[k] ?? k);
    const thresholds = objects(p['thresholds']).filter((t) => number(t['value']) !== null);
    const defaults: Part = {
        unit: string(left?.['format']), color: { mode: 'palette-classic' },
        custom: {
            drawStyle, lineWidth: numberOr(p['linewidth'], 1), fillOpacity: 10 * numberOr(p['fill'], 0), stacking: { mode: stacking },
            lineInterpolation: bool(p['steppedLine']) ? 'stepAfter' : 'linear', spanNulls: p['nullPointMode'] === 'connected',
            showPoints: bool(p['points']) ? 'always' : 'never',
            scaleDistribution: numberOr(left?.['logBase'], 1) > 1 ? { type: 'log', log: numberOr(left?.['logBase'], 10) } : { type: 'linear' },
            thresholdsStyle: { mode: thresholds.length ? 'line' : 'off' },
        },
        thresholds: {
            mode: 'absolute',
            steps: [{ color: 'green', value: null }, ...thresholds.map((t) => ({ color: t['colorMode'] === 'critical' ? 'red' : 'yellow', value: t['value'] ?? null }))],
        },
    };
    for (const name of ['min', 'max', 'decimals'])
        if (number(left?.[name]) !== null)
            defaults[name] = number(left![name]);
    return {
        fieldConfig: { defaults, overrides: objects(p['seriesOverrides']).map((o) => seriesOverride(o, string(right?.['format']))) as Json },
        options: {
            legend: { showLegend: bool(at(p, 'legend.show'), true), displayMode: bool(at(p, 'legend.alignAsTable')) ? 'table' : 'list', placement: bool(at(p, 'legend.rightSide')) ? 'right' : 'bottom', calcs },
            tooltip: { mode: bool(at(p, 'tooltip.shared'), true) ? 'multi' : 'single' },
        },
    };
}

function seriesOverride(o: JsonObject, rightUnit: string): JsonObject {
    const alias = string(o['alias']);
    const properties: JsonObject[] = [];
    const add = (id: string, value: Json) => properties.push({ id, value });
    if (numberOr(o['yaxis'], 1) === 2) {
        add('custom.axisPlacement', 'right');
        if (rightUnit)
            add('unit', rightUnit);
    }
    if (o['transform'] === 'negative-Y')
        add('custom.transform', 'negative-Y');
    if (o['color'] !== undefined)
        add('color', { mode: 'fixed', fixedColor: o['color'] });
    if (number(o['fill']) !== null)
        add('custom.fillOpacity', 10 * number(o['fill'])!);
    if (number(o['linewidth']) !== null)
        add('custom.lineWidth', number(o['linewidth']));
    if (o['stack'] === false)
        add('custom.stacking', { mode: 'none' });
    return { matcher: { id: alias.startsWith('/') ? 'byRegexp' : 'byName', options: alias }, properties };
}

const SINGLE_CALCS = byName({ current: 'lastNotNull', avg: 'mean', total: 'sum', first: 'firstNotNull' });

function singlestat(p: JsonObject): Part {
    const [t1, t2] = string(p['thresholds']).split(',').map((s) => number(s));
    const colors = list(p['colors']).map((c) => string(c));
    const steps: Json[] = [{ color: colors[0] ?? 'green', value: null }];
    if (t1 !== null && t1 !== undefined)
        steps.push({ color: colors[1] ?? 'yellow', value: t1 });
    if (t2 !== null && t2 !== undefined)
        steps.push({ color: colors[2] ?? 'red', value: t2 });
    const calc = SINGLE_CALCS[string(p['valueName'])] ?? (string(p['valueName']) || 'mean');
    const maps = objects(p['valueMaps']).filter((m) => m['value'] !== 'null').map((m) => ({ type: 'value', options: { [string(m['value'])]: { text: string(m['text']) } } }));
    const empty = objects(p['valueMaps']).find((m) => m['value'] === 'null');
    const gauge = bool(at(p, 'gauge.show'));
    return {
        type: gauge ? 'gauge' : 'stat',
        fieldConfig: {
            defaults: {
                unit: string(p['format']), decimals: number(p['decimals']), mappings: maps, noValue: string(empty?.['text']), thresholds: { mode: 'absolute', steps },
                color: { mode: bool(p['colorValue']) || bool(p['colorBackground']) || gauge ? 'thresholds' : 'fixed', fixedColor: 'text' },
                ...(gauge ? { min: numberOr(at(p, 'gauge.minValue'), 0), max: numberOr(at(p, 'gauge.maxValue'), 100) } : {}),
            },
            overrides: [],
        },
        options: {
            reduceOptions: { calcs: [calc] }, graphMode: bool(at(p, 'sparkline.show')) ? 'area' : 'none',
            colorMode: bool(p['colorBackground']) ? 'background' : bool(p['colorValue']) ? 'value' : 'none', textMode: 'auto',
        },
    };
}

function table(p: JsonObject): Part {
    const made = objects(p['styles']).map((s) => {
        const pattern = string(s['pattern']);
        const properties: JsonObject[] = [];
        if (s['alias'])
            properties.push({ id: 'displayName', value: s['alias'] });
        if (s['type'] === 'number' && s['unit'])
            properties.push({ id: 'unit', value: s['unit'] });
        if (number(s['decimals']) !== null && s['type'] === 'number')
            properties.push({ id: 'decimals', value: number(s['decimals']) });
        if (s['type'] === 'hidden')
            properties.push({ id: 'custom.hidden', value: true });
        if (s['colorMode'] === 'cell' || s['colorMode'] === 'row' || s['colorMode'] === 'value')
            properties.push({ id: 'custom.cellOptions', value: { type: s['colorMode'] === 'value' ? 'color-text' : 'color-background' } });
        return { matcher: { id: pattern.startsWith('/') ? 'byRegexp' : 'byName', options: pattern }, properties };
    });
    return { fieldConfig: { defaults: { ...object(at(p, 'fieldConfig.defaults')) }, overrides: made as Json }, transformations: p['transformations'] ?? [{ id: 'merge', options: {} }], options: {} };
}
