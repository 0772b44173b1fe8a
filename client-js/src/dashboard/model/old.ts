/* old.ts - panels of earlier Grafana versions (graph, singlestat, table-old, numbers of version 6), as today's. */
import { byName } from '../lib/names.ts';
import { at, bool, list, number, numberOr, object, objects, string, strings } from './json.ts';
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
    case 'heatmap': return { ...out, ...heatmap(panel) };
    case 'grafana-piechart-panel': return { ...out, ...pie(panel) };
    default: return at(panel, 'options.fieldOptions') ? { ...out, ...fieldOptions(object(panel['options'])) } : out;
    }
}

type Part = Record<string, Json>;

const CALCS = byName({ current: 'lastNotNull', avg: 'mean', total: 'sum', first: 'firstNotNull', name: 'lastNotNull' });
const calcOf = (name: string): string => CALCS[name] ?? name;
/* As legends and tables head their columns. */
const HEADINGS = byName({ current: 'Last', avg: 'Mean', total: 'Total', min: 'Min', max: 'Max', count: 'Count' });
const fixed = (color: Json): JsonObject => ({ id: 'color', value: { mode: 'fixed', fixedColor: color } });
const aliasColors = (p: JsonObject): JsonObject[] =>
    Object.entries(object(p['aliasColors'])).map(([name, color]) => ({ matcher: { id: 'byName', options: name }, properties: [fixed(color)] }));

/** What an axis says of its values. */
function axis(a: JsonObject): Part {
    const out: Part = {};
    for (const name of ['min', 'max', 'decimals'])
        if (number(a[name]) !== null)
            out[name] = number(a[name]);
    if (a['label'])
        out['custom.axisLabel'] = a['label'];
    if (!bool(a['show'], true))
        out['custom.axisPlacement'] = 'hidden';
    if (numberOr(a['logBase'], 1) > 1)
        out['custom.scaleDistribution'] = { type: 'log', log: numberOr(a['logBase'], 10) };
    return a['format'] ? { unit: a['format'], ...out } : out;
}

/** Left and right; before version 3 they were spread over the panel. */
function axes(p: JsonObject): [JsonObject, JsonObject] {
    const one = (side: string, i: number): JsonObject => {
        const of = (name: string) => at(p, `grid.${side}${name}`) ?? null;
        return { format: list(p['y_formats'])[i] ?? null, min: of('Min'), max: of('Max'), logBase: of('LogBase'), label: p[`${side}YAxisLabel`] ?? null };
    };
    const [left, right] = objects(p['yaxes']);
    return [left ?? one('left', 0), right ?? one('right', 1)];
}

function graph(p: JsonObject): Part {
    const [left, right] = axes(p);
    const stacking = bool(p['stack']) ? (bool(p['percentage']) ? 'percent' : 'normal') : 'none';
    const legend = object(p['legend']);
    const calcs = bool(legend['values'], true) ? ['min', 'max', 'avg', 'current', 'total'].filter((k) => bool(legend[k])).map(calcOf) : [];
    const thresholds = objects(p['thresholds']).filter((t) => number(t['value']) !== null);
    const looks = (name: string) => thresholds.some((t) => bool(t[name], name === 'line'));
    const said = Object.entries(axis(left)), custom = said.filter(([name]) => name.startsWith('custom.')).map(([name, value]) => [name.slice(7), value] as const);
    const defaults: Part = {
        unit: '', ...Object.fromEntries(said), color: { mode: 'palette-classic' }, links: at(p, 'fieldConfig.defaults.links') ?? at(p, 'options.dataLinks') ?? [],
        custom: {
            drawStyle: bool(p['bars']) ? 'bars' : bool(p['lines'], true) ? 'line' : 'points', lineWidth: numberOr(p['linewidth'], 1), fillOpacity: 10 * numberOr(p['fill'], 0), stacking: { mode: stacking },
            lineInterpolation: bool(p['steppedLine']) ? 'stepAfter' : 'linear', spanNulls: p['nullPointMode'] === 'connected',
            showPoints: bool(p['points']) ? 'always' : 'never', scaleDistribution: { type: 'linear' },
            thresholdsStyle: { mode: ['line', 'fill'].filter(looks).join('+').replace('fill', 'area') || 'off' }, ...Object.fromEntries(custom),
        },
        thresholds: { mode: 'absolute', steps: limits(thresholds) },
    };
    const mode = at(p, 'xaxis.mode'), reduce = calcOf(strings(at(p, 'xaxis.values'))[0] ?? 'current');
    return {
        ...(mode === 'series' ? { type: 'bargauge' } : mode === 'histogram' ? { type: 'histogram' } : {}),
        fieldConfig: { defaults, overrides: [...aliasColors(p), ...objects(p['seriesOverrides']).map((o) => seriesOverride(o, p, right))] },
        options: {
            legend: {
                showLegend: bool(legend['show'], true), displayMode: bool(legend['alignAsTable']) ? 'table' : 'list', placement: bool(legend['rightSide']) ? 'right' : 'bottom', calcs,
                ...(legend['sort'] ? { sortBy: HEADINGS[string(legend['sort'])] ?? '', sortDesc: bool(legend['sortDesc']) } : {}),
            },
            tooltip: { mode: bool(at(p, 'tooltip.shared'), true) ? 'multi' : 'single' },
            ...(mode === 'series' ? { reduceOptions: { calcs: [reduce] } } : {}),
        },
    };
}

/* "lt" is bad below its value. */
function limits(thresholds: readonly JsonObject[]): Json {
    const color = (t: JsonObject) => (t['colorMode'] === 'critical' ? 'red' : t['colorMode'] === 'ok' ? 'green' : string(t['colorMode'] === 'custom' ? (t['lineColor'] ?? t['fillColor']) : '') || 'yellow');
    const below = thresholds.find((t) => t['op'] === 'lt');
    return [{ color: below ? color(below) : 'green', value: null }, ...thresholds.map((t) => ({ color: t['op'] === 'lt' ? 'green' : color(t), value: t['value'] ?? null }))];
}

function seriesOverride(o: JsonObject, p: JsonObject, right: JsonObject): JsonObject {
    const alias = string(o['alias']);
    const properties: JsonObject[] = [];
    const add = (id: string, value: Json) => properties.push({ id, value });
    if (numberOr(o['yaxis'], 1) === 2)
        for (const [id, value] of Object.entries({ 'custom.axisPlacement': 'right', ...axis(right) }))
            add(id, value);
    if (o['transform'] === 'negative-Y')
        add('custom.transform', 'negative-Y');
    if (o['color'] !== undefined)
        properties.push(fixed(o['color']));
    if (number(o['fill']) !== null)
        add('custom.fillOpacity', 10 * number(o['fill'])!);
    if (number(o['linewidth']) !== null)
        add('custom.lineWidth', number(o['linewidth']));
    if (o['stack'] === false)
        add('custom.stacking', { mode: 'none' });
    const points = bool(o['points'] ?? p['points']);
    if (o['bars'] !== undefined || o['lines'] !== undefined)
        add('custom.drawStyle', bool(o['bars'] ?? p['bars']) ? 'bars' : bool(o['lines'] ?? p['lines'], true) || !points ? 'line' : 'points');
    if (o['points'] !== undefined)
        add('custom.showPoints', points ? 'always' : 'never');
    if (number(o['pointradius']) !== null)
        add('custom.pointSize', 2 * number(o['pointradius'])!);
    if (bool(o['dashes']))
        add('custom.lineStyle', { fill: 'dash', dash: [numberOr(o['dashLength'], 10), numberOr(o['spaceLength'], 10)] });
    if (o['legend'] === false)
        add('custom.hideFrom', { legend: true });
    return { matcher: { id: alias.startsWith('/') ? 'byRegexp' : 'byName', options: alias }, properties };
}

/** What texts stand for values, from before version 8; and for none. */
function mappings(p: JsonObject): Part {
    const ranges = number(p['mappingType']) === 2;
    const all = objects(p[ranges ? 'rangeMaps' : 'valueMaps']);
    const none = all.find((m) => m[ranges ? 'from' : 'value'] === 'null');
    return {
        mappings: all.filter((m) => m !== none).map((m): JsonObject => (ranges ? { type: 2, from: m['from'] ?? null, to: m['to'] ?? null, text: string(m['text']) }
            : { type: 'value', options: { [string(m['value'])]: { text: string(m['text']) } } })),
        noValue: string(p['nullText']) || string(none?.['text']),
    };
}

/** "70,90" or ["70","90"], with the colours between them. */
function colorSteps(thresholds: Json | undefined, colors: Json | undefined): Json[] {
    const from = [null, ...(typeof thresholds === 'string' ? thresholds.split(',') : list(thresholds)).map((t) => number(t)).filter((t) => t !== null)];
    return from.map((value, i) => ({ color: string(list(colors)[i]) || ['green', 'yellow', 'red'][i] || 'red', value }));
}

function singlestat(p: JsonObject): Part {
    const gauge = bool(at(p, 'gauge.show')), column = string(p['tableColumn']);
    const unit = string(p['format']), prefix = string(p['prefix']), postfix = string(p['postfix']);
    const bare = unit === '' || unit === 'none';
    return {
        type: gauge ? 'gauge' : 'stat',
        fieldConfig: {
            defaults: {
                unit: bare && postfix && !prefix ? `suffix:${postfix}` : bare && prefix && !postfix ? `prefix:${prefix}` : unit, decimals: number(p['decimals']), ...mappings(p),
                thresholds: { mode: 'absolute', steps: colorSteps(p['thresholds'], p['colors']) },
                color: { mode: bool(p['colorValue']) || bool(p['colorBackground']) || gauge ? 'thresholds' : 'fixed', fixedColor: 'text' },
                ...(gauge ? { min: numberOr(at(p, 'gauge.minValue'), 0), max: numberOr(at(p, 'gauge.maxValue'), 100) } : {}),
            },
            overrides: [],
        },
        options: {
            reduceOptions: { calcs: [calcOf(string(p['valueName'], 'avg'))], ...(column && objects(p['targets']).some((t) => t['format'] === 'table') ? { fields: column } : {}) },
            graphMode: bool(at(p, 'sparkline.show')) ? 'area' : 'none',
            colorMode: bool(p['colorBackground']) ? 'background' : bool(p['colorValue']) ? 'value' : 'none', textMode: p['valueName'] === 'name' ? 'name' : 'auto',
        },
    };
}

/* The first style that fits counted: so the last override does. */
function table(p: JsonObject): Part {
    const made = objects(p['styles']).map((s) => {
        const pattern = string(s['pattern']), type = s['type'], colored = ['cell', 'row', 'value'].includes(string(s['colorMode']));
        const properties: JsonObject[] = [];
        const add = (id: string, value: Json) => properties.push({ id, value });
        if (s['alias'])
            add('displayName', s['alias']);
        if (type === 'number' && s['unit'])
            add('unit', s['unit']);
        if (type === 'date')
            add('unit', 'dateTimeAsIso');
        if (number(s['decimals']) !== null && type === 'number')
            add('decimals', number(s['decimals']));
        if (type === 'hidden')
            add('custom.hidden', true);
        if (type === 'string' && number(s['mappingType']))
            add('mappings', mappings(s)['mappings']!);
        if (colored)
            add('custom.cellOptions', { type: s['colorMode'] === 'value' ? 'color-text' : 'color-background' });
        if (colored && list(s['thresholds']).length)
            add('thresholds', { mode: 'absolute', steps: colorSteps(s['thresholds'], s['colors']) });
        if (bool(s['link']) && s['linkUrl'])
            add('links', [{ title: string(s['linkTooltip']), url: string(s['linkUrl']).replace(/\$\{__cell_(\d+)/g, '${__data.fields[$1]').replace(/\$\{__cell\b/g, '${__value.raw'), targetBlank: bool(s['linkTargetBlank']) }]);
        return { matcher: { id: pattern.startsWith('/') ? 'byRegexp' : 'byName', options: pattern }, properties };
    });
    return {
        fieldConfig: { defaults: { ...object(at(p, 'fieldConfig.defaults')) }, overrides: made.reverse() as Json }, transformations: p['transformations'] ?? tableSteps(p),
        options: p['showHeader'] === false ? { showHeader: false } : {},
    };
}

function tableSteps(p: JsonObject): Json {
    const columns = objects(p['columns']).map((c) => string(c['value'])).filter((c) => HEADINGS[c]);
    const reduce = (names: readonly string[], heading: (name: string) => string): Json => [
        { id: 'reduce', options: { reducers: names.map(calcOf) } },
        { id: 'organize', options: { renameByName: { Field: 'Metric', ...Object.fromEntries(names.map((c) => [HEADINGS[c]!, heading(c)])) } } }];
    switch (p['transform']) {
    case 'timeseries_aggregations': return reduce(columns.length ? columns : ['avg'], (c) => c[0]!.toUpperCase() + c.slice(1));
    case 'timeseries_to_rows': return reduce(['current'], () => 'Value');
    case 'timeseries_to_columns': return [{ id: 'joinByField', options: {} }];
    default: return [{ id: 'merge', options: {} }];
    }
}

const heatmap = (p: JsonObject): Part => ({
    options: { calculate: p['dataFormat'] !== 'tsbuckets', yAxis: { unit: string(at(p, 'yAxis.format')), reverse: bool(p['reverseYBuckets']) }, legend: { show: bool(at(p, 'legend.show')) } },
});

const pie = (p: JsonObject): Part => ({
    fieldConfig: { defaults: { unit: string(p['format']) }, overrides: aliasColors(p) },
    options: { pieType: string(p['pieType']), reduceOptions: { calcs: [calcOf(string(p['valueName'], 'current'))] }, legend: { showLegend: bool(at(p, 'legend.show'), true) } },
});

/** Version 6. */
function fieldOptions({ fieldOptions: given, ...options }: JsonObject): Part {
    const f = object(given), defaults = object(f['defaults']);
    const old: JsonObject = list(f['thresholds']).length ? { thresholds: { mode: 'absolute', steps: f['thresholds']! } } : {};
    return {
        options: { ...options, reduceOptions: { calcs: f['calcs'] ?? [], values: bool(f['values']) } },
        fieldConfig: { defaults: { ...old, ...(f['mappings'] ? { mappings: f['mappings'] } : {}), displayName: defaults['title'] ?? '', ...defaults }, overrides: f['overrides'] ?? [] },
    };
}
