/* convert-v2.ts - Grafana's v2 resource (elements, layouts, variables with a kind) as a classic dashboard. */
import { byName } from '../lib/names.ts';
import { at, bool, isObject, number, numberOr, object, objects, string, strings } from './json.ts';
import type { Json, JsonObject, LintNote } from './types.ts';

export function convertV2(document: JsonObject, notes: LintNote[]): JsonObject {
    const spec = isObject(document['spec']) ? document['spec'] : document;
    const time = object(spec['timeSettings']);
    const known = new Set(['elements', 'layout', 'title', 'description', 'tags', 'timeSettings', 'variables', 'links', 'annotations', 'cursorSync', 'editable', 'liveNow', 'preload']);
    for (const key of Object.keys(spec))
        if (!known.has(key))
            notes.push({ level: 'ignored', place: `spec.${key}`, text: 'unknown to the converter' });
    return {
        uid: string(at(document, 'metadata.name')) || string(spec['uid']),
        title: string(spec['title']),
        description: string(spec['description']),
        tags: strings(spec['tags']),
        time: { from: string(time['from'], 'now-15m'), to: string(time['to'], 'now') },
        refresh: string(time['autoRefresh']),
        timezone: string(time['timezone']),
        templating: { list: objects(spec['variables']).map(variable) },
        annotations: { list: objects(spec['annotations']).map((a) => object(a['spec'])) },
        links: objects(spec['links']) as Json,
        panels: layout(object(spec['layout']), object(spec['elements']), 0, notes).panels,
        schemaVersion: 41,
    };
}

interface Placed {
    panels: JsonObject[];
    height: number;
}

/* Tabs become rows: everything is on one page here. */
function layout(l: JsonObject, elements: JsonObject, y: number, notes: LintNote[]): Placed {
    const spec = object(l['spec']);
    switch (l['kind']) {
    case 'GridLayout': return grid(objects(spec['items']), elements, y, notes);
    case 'AutoGridLayout': return autoGrid(spec, elements, y, notes);
    case 'RowsLayout': return rows(objects(spec['rows']), elements, y, notes);
    case 'TabsLayout':
        notes.push({ level: 'changed', place: 'spec.layout', text: 'tabs are shown as rows' });
        return rows(objects(spec['tabs']), elements, y, notes);
    default:
        notes.push({ level: 'error', place: 'spec.layout', text: `unknown layout "${string(l['kind'])}"` });
        return { panels: [], height: 0 };
    }
}

function grid(items: JsonObject[], elements: JsonObject, y0: number, notes: LintNote[]): Placed {
    const panels: JsonObject[] = [];
    let height = 0;
    for (const item of items) {
        const s = object(item['spec']);
        const pos = { x: numberOr(s['x'], 0), y: y0 + numberOr(s['y'], 0), w: numberOr(s['width'], 12), h: numberOr(s['height'], 8) };
        if (item['kind'] === 'GridLayoutRow') {
            const inner = grid(objects(s['elements']), elements, pos.y + 1, notes);
            panels.push(row(string(s['title']), bool(s['collapsed']), pos.y, inner));
            if (!bool(s['collapsed']))
                panels.push(...inner.panels);
            height = Math.max(height, pos.y + 1 + inner.height - y0);
            continue;
        }
        const p = element(string(at(s, 'element.name')), elements, pos, notes);
        if (p)
            panels.push({ ...p, ...repeated(s) });
        height = Math.max(height, pos.y + pos.h - y0);
    }
    return { panels, height };
}

const repeated = (s: JsonObject): JsonObject =>
    (isObject(s['repeat']) ? { repeat: string(at(s, 'repeat.value')), repeatDirection: string(at(s, 'repeat.direction')), maxPerRow: number(at(s, 'repeat.maxPerRow')) } : {});

function autoGrid(spec: JsonObject, elements: JsonObject, y0: number, notes: LintNote[]): Placed {
    const across = Math.max(1, Math.min(12, numberOr(spec['maxColumnCount'], 3)));
    const w = Math.floor(24 / across), h = 8;
    const items = objects(spec['items']);
    const panels: JsonObject[] = [];
    items.forEach((item, i) => {
        const p = element(string(at(item, 'spec.element.name')), elements, { x: (i % across) * w, y: y0 + Math.floor(i / across) * h, w, h }, notes);
        if (p)
            panels.push({ ...p, ...repeated(object(item['spec'])) });
    });
    return { panels, height: Math.ceil(items.length / across) * h };
}

function rows(all: JsonObject[], elements: JsonObject, y0: number, notes: LintNote[]): Placed {
    const panels: JsonObject[] = [];
    let y = y0;
    for (const r of all) {
        const s = object(r['spec']);
        const inner = layout(object(s['layout']), elements, y + 1, notes);
        const collapsed = bool(s['collapse']);
        if (!bool(s['hideHeader']))
            panels.push({ ...row(string(s['title']), collapsed, y, inner), ...(isObject(s['repeat']) ? { repeat: string(at(s, 'repeat.value')) } : {}) });
        if (!collapsed || bool(s['hideHeader']))
            panels.push(...inner.panels);
        y += 1 + inner.height;
    }
    return { panels, height: y - y0 };
}

function row(title: string, collapsed: boolean, y: number, inner: Placed): JsonObject {
    return { type: 'row', title, collapsed, gridPos: { x: 0, y, w: 24, h: 1 }, panels: collapsed ? inner.panels : [] };
}

function element(name: string, elements: JsonObject, gridPos: JsonObject, notes: LintNote[]): JsonObject | null {
    const e = object(elements[name]);
    if (e['kind'] !== 'Panel') {
        notes.push({ level: 'ignored', place: `spec.elements.${name}`, text: e['kind'] ? `"${string(e['kind'])}" is no panel` : 'the layout names it, but it is not there' });
        return null;
    }
    const s = object(e['spec']);
    const viz = object(s['vizConfig']);
    const vs = object(viz['spec']);
    const data = object(at(s, 'data.spec'));
    const query = object(data['queryOptions']);
    return {
        id: number(s['id']),
        type: string(viz['group']) || string(viz['kind']),
        title: string(s['title']),
        description: string(s['description']),
        links: objects(s['links']) as Json,
        transparent: bool(s['transparent']),
        gridPos,
        options: object(vs['options']),
        fieldConfig: object(vs['fieldConfig']),
        targets: objects(data['queries']).map(target),
        transformations: objects(data['transformations']).map((t) => ({ id: string(t['group']) || string(t['kind']) || string(at(t, 'spec.id')), options: object(at(t, 'spec.options')), disabled: bool(at(t, 'spec.disabled')) })),
        timeFrom: string(query['timeFrom']),
        timeShift: string(query['timeShift']),
        interval: string(query['interval']),
    };
}

function target(q: JsonObject): JsonObject {
    const s = object(q['spec']);
    const query = object(s['query']);
    const type = string(query['group']) || string(query['kind']);
    return { ...object(query['spec']), refId: string(s['refId']), hide: bool(s['hidden']), datasource: { type: type === 'DataQuery' ? 'prometheus' : type } };
}

const KINDS = byName({
    QueryVariable: 'query', CustomVariable: 'custom', ConstantVariable: 'constant', IntervalVariable: 'interval', TextVariable: 'textbox',
    DatasourceVariable: 'datasource', AdhocVariable: 'adhoc', GroupByVariable: 'groupby', SwitchVariable: 'custom',
});

const SORTS = ['disabled', 'alphabeticalAsc', 'alphabeticalDesc', 'numericalAsc', 'numericalDesc', 'alphabeticalCaseInsensitiveAsc', 'alphabeticalCaseInsensitiveDesc', 'naturalAsc', 'naturalDesc'];

function variable(v: JsonObject): JsonObject {
    const s = object(v['spec']);
    const query = s['query'];
    const inner = object(at(query, 'spec'));
    return {
        ...s,
        type: KINDS[string(v['kind'])] ?? string(v['kind']),
        query: isObject(query) ? string(inner['query']) || string(inner['expr']) || string(s['definition']) : string(query),
        sort: Math.max(0, SORTS.indexOf(string(s['sort']))),
        refresh: s['refresh'] === 'onTimeRangeChanged' ? 2 : 1,
    };
}
