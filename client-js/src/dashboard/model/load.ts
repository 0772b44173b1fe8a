/* load.ts - a dashboard from Grafana's JSON, classic or v2, as exported, as answered by Grafana's API, or our own. What only documents
 * of other versions need comes when one is opened. */
import { fieldConfig, links, overrides } from './field.ts';
import { at, bool, isObject, list, number, numberOr, object, objects, string, strings } from './json.ts';
import { parseDuration } from './time.ts';
import type { Dashboard, GridPos, JsonObject, LintNote, PanelModel, Target, Transformation, Variable } from './types.ts';
import { isOld, isV2 } from './version.ts';

export const COLUMNS = 24;
const MAX_PANELS = 500;

/** Makes today's classic form of others (forms.ts). */
export interface Forms {
    convertV2(document: JsonObject, notes: LintNote[]): JsonObject;
    modernize(panel: JsonObject): JsonObject;
}

class OtherForm extends Error {}

const CLASSIC_ONLY: Forms = {
    convertV2: () => { throw new OtherForm(); },
    modernize: () => { throw new OtherForm(); },
};

/** Throws only for what is no dashboard at all. `fallbackUid`: for documents without one. */
export async function openDashboard(document: unknown, fallbackUid = ''): Promise<Dashboard> {
    try {
        return readDashboard(document, fallbackUid, CLASSIC_ONLY);
    } catch (error) {
        if (!(error instanceof OtherForm))
            throw error;
        return readDashboard(document, fallbackUid, await import('./forms.ts'));
    }
}

/** `notes`: what was changed on the way is added. */
export function readDashboard(document: unknown, fallbackUid: string, forms: Forms, notes: LintNote[] = []): Dashboard {
    const source = classic(document, { forms, notes });
    const tags = strings(source['tags']);
    const own = object(source['x-push']);
    const all = panels(source, { forms, notes, used: new Set(), placed: false, interval: string(own['interval']), elements: object(source['__elements']) });
    return {
        uid: string(source['uid']) || fallbackUid || slug(string(source['title'])),
        title: string(source['title'], 'Untitled'),
        description: string(source['description']),
        tags,
        level: levelOf(tags, own),
        time: { from: string(at(source, 'time.from'), 'now-15m'), to: string(at(source, 'time.to'), 'now') },
        refresh: string(source['refresh']),
        variables: objects(at(source, 'templating.list')).map(variable),
        links: dashboardLinks(source),
        panels: all,
        version: numberOr(source['version'], 0),
        own,
        source,
    };
}

export function slug(title: string): string {
    return title.toLowerCase().normalize('NFKD').replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64) || 'dashboard';
}

interface Reading {
    readonly forms: Forms;
    readonly notes: LintNote[];
    /** Numbers of panels. */
    readonly used: Set<number>;
    /** Panels of a library, by their uid. */
    readonly elements: JsonObject;
    /** Others have a place: then one without has the size Grafana gives it. */
    placed: boolean;
    /** Of panels that name none. */
    readonly interval: string;
}

/* ---- the document ---- */

function classic(document: unknown, { forms, notes }: Pick<Reading, 'forms' | 'notes'>): JsonObject {
    if (!isObject(document))
        throw new Error('a dashboard is a JSON object');
    if (isV2(document)) {
        notes.push({ level: 'changed', place: '', text: 'converted from the v2 schema to the classic one' });
        return forms.convertV2(document, notes);
    }
    const inner = isObject(document['dashboard']) && !document['panels'] ? document['dashboard'] : isObject(document['spec']) && !document['panels'] ? document['spec'] : document;
    if (!Array.isArray(inner['panels']) && !Array.isArray(inner['rows']) && !inner['title'])
        throw new Error('this is no dashboard: it has neither "panels" nor "title"');
    const named = inner['uid'] === undefined && typeof at(document, 'metadata.name') === 'string' ? { ...inner, uid: at(document, 'metadata.name')! } : inner;
    return putInputs(named, notes);
}

/* Exports for sharing have placeholders: "${DS_PROMETHEUS}" is us, constants have their value beside. */
function putInputs(source: JsonObject, notes: LintNote[]): JsonObject {
    const constants = objects(source['__inputs']).filter((i) => i['type'] === 'constant');
    if (!constants.length)
        return source;
    let text = JSON.stringify(source);
    for (const input of constants) {
        text = text.replaceAll(`\${${string(input['name'])}}`, () => JSON.stringify(string(input['value'])).slice(1, -1));
        notes.push({ level: 'changed', place: '__inputs', text: `${string(input['name'])} is "${string(input['value'])}" now` });
    }
    return JSON.parse(text) as JsonObject;
}

function levelOf(tags: readonly string[], own: JsonObject): Dashboard['level'] {
    const level = tags.find((t) => t.startsWith('level:'))?.slice(6) ?? string(own['level']);
    return level === 'overview' || level === 'domain' || level === 'drilldown' ? level : 'custom';
}

function dashboardLinks(source: JsonObject): Dashboard['links'] {
    return links(objects(source['links']).map((l) => {
        const tags = strings(l['tags']);
        return l['type'] === 'dashboards' ? { ...l, url: `/dashboards?${tags.map((t) => `tag=${encodeURIComponent(t)}`).join('&')}`, title: string(l['title']) || tags.join(', ') } : l;
    }));
}

/* ---- panels ---- */

function panels(source: JsonObject, read: Reading): PanelModel[] {
    const { notes } = read;
    const raw = Array.isArray(source['panels']) ? objects(source['panels']) : fromRows(source, notes);
    read.placed = raw.some((p) => isObject(p['gridPos']));
    if (raw.length > MAX_PANELS)
        notes.push({ level: 'ignored', place: 'panels', text: `${raw.length - MAX_PANELS} of ${raw.length} panels: ${MAX_PANELS} are shown at most` });
    return below(raw.slice(0, MAX_PANELS), 'panels', read);
}

/* No more in rows either; rows in rows are none. */
function below(all: readonly JsonObject[], place: string, read: Reading): PanelModel[] {
    const { notes, used } = read;
    const row = place !== 'panels';
    const room = all.slice(0, Math.max(0, row ? MAX_PANELS - used.size : MAX_PANELS));
    if (row && room.length < all.length)
        notes.push({ level: 'ignored', place, text: `${all.length - room.length} of ${all.length} panels: ${MAX_PANELS} are shown at most` });
    return room.map((p, i) => panel(row && p['type'] === 'row' ? { ...p, panels: [] } : p, `${place}[${i}]`, read));
}

/* Before 2018 dashboards had rows with spans of twelve columns. */
function fromRows(source: JsonObject, notes: LintNote[]): JsonObject[] {
    const out: JsonObject[] = [];
    let y = 0;
    for (const row of objects(source['rows'])) {
        const height = Math.max(2, Math.round(numberOr(string(row['height']).replace(/px$/, ''), 250) / 38));
        const inner: JsonObject[] = [];
        const titled = bool(row['showTitle']) || bool(row['collapse']) || row['title'] !== undefined || !!row['repeat'];
        if (titled)
            out.push({ type: 'row', title: string(row['title']), collapsed: bool(row['collapse']), repeat: row['repeat'] ?? null, gridPos: { x: 0, y, w: COLUMNS, h: 1 }, panels: inner });
        y += titled ? 1 : 0;
        let x = 0;
        for (const p of objects(row['panels'])) {
            const w = Math.min(COLUMNS, Math.max(1, Math.round(2 * numberOr(p['span'], 4))));
            if (x + w > COLUMNS) {
                x = 0;
                y += height;
            }
            (bool(row['collapse']) ? inner : out).push({ ...p, gridPos: { x, y, w, h: height } });
            x += w;
        }
        y += height;
    }
    if (out.length)
        notes.push({ level: 'changed', place: 'rows', text: 'rows of the old layout placed on the grid' });
    return out;
}

function panel(raw: JsonObject, place: string, read: Reading): PanelModel {
    const { forms, notes, used } = read;
    /* One of a library is in the panel, or beside all panels of an export. */
    const model = at(raw, 'libraryPanel.model') ?? at(read.elements, `${string(at(raw, 'libraryPanel.uid'))}.model`);
    let p = isObject(model) ? { ...model, gridPos: raw['gridPos'] ?? null, id: raw['id'] ?? null } as JsonObject : raw;
    if (isOld(p)) {
        const was = string(p['type']);
        p = forms.modernize(p);
        notes.push({ level: 'changed', place: `${place}.type`, text: was === p['type'] ? 'settings of an early version, as those of today' : `"${was}" is shown as "${string(p['type'])}"` });
    }
    let id = number(p['id']) ?? 0;
    while (id <= 0 || used.has(id))
        id = Math.max(0, ...used) + 1;
    used.add(id);
    return {
        id,
        type: string(p['type'], p['libraryPanel'] ? 'of a library' : 'unknown'),
        title: string(p['title']),
        description: string(p['description']),
        gridPos: gridPos(p['gridPos'], read.placed),
        targets: objects(p['targets']).map((t, i) => target(t, i, string(p['interval']) || read.interval)),
        defaults: fieldConfig(object(at(p, 'fieldConfig.defaults'))),
        overrides: overrides(p),
        options: object(p['options']),
        transformations: objects(p['transformations']).filter((t) => !bool(t['disabled'])).map((t): Transformation => ({ id: string(t['id']), options: object(t['options']) })),
        links: links(p['links']),
        timeFrom: bool(p['hideTimeOverride']) && !p['timeFrom'] ? '' : string(p['timeFrom']),
        timeShift: string(p['timeShift']),
        repeat: string(p['repeat']),
        transparent: bool(p['transparent']),
        collapsed: bool(p['collapsed']),
        panels: p['type'] === 'row' ? below(objects(p['panels']), `${place}.panels`, read) : [],
        source: raw,
    };
}

function gridPos(v: unknown, placed: boolean): GridPos {
    const g = object(v);
    const whole = (name: string, or: number, min: number, max: number) => Math.min(max, Math.max(min, Math.round(numberOr(g[name], or))));
    const [wide, high] = placed && !isObject(v) ? [6, 3] : [12, 8];
    const w = whole('w', wide!, 1, COLUMNS);
    return { x: whole('x', 0, 0, COLUMNS - w), y: whole('y', 0, 0, 100_000), w, h: whole('h', high!, 1, 200) };
}

const PROMETHEUS = /^(prometheus|grafana-amazonprometheus|mimir|victoriametrics|thanos|streamgauge|-- (Mixed|Grafana) --|datasource|$)/i;

function target(t: JsonObject, i: number, interval: string): Target {
    const type = string(at(t, 'datasource.type'));
    const format = string(t['format']);
    const foreign = !PROMETHEUS.test(type) ? type : !t['expr'] && ['rawSql', 'query', 'target', 'queryText', 'rawQuery'].some((k) => typeof t[k] === 'string' && t[k] !== '') ? 'another language' : '';
    return {
        refId: string(t['refId']) || String.fromCharCode(65 + (i % 26)),
        expr: string(t['expr']),
        legendFormat: string(t['legendFormat']),
        instant: bool(t['instant']) && !bool(t['range']),
        format: format === 'table' || format === 'heatmap' ? format : 'time_series',
        hide: bool(t['hide']),
        interval: string(t['interval']) || interval,
        foreign,
    };
}

/* ---- variables ---- */

function variable(v: JsonObject): Variable {
    const type = string(v['type']);
    const q = v['query'];
    const current = at(v, 'current.value');
    return {
        name: string(v['name']),
        label: string(v['label']),
        type,
        query: (isObject(q) ? string(q['query']) || string(q['expr']) : string(q)) || string(v['definition']),
        regex: string(v['regex']),
        options: objects(v['options']).map((o) => ({ text: string(o['text']), value: string(o['value']) })).filter((o) => o.value !== '$__all'),
        current: Array.isArray(current) ? list(current).map((c) => string(c)) : current === undefined || current === null || current === '' ? [] : [string(current)],
        multi: bool(v['multi']),
        includeAll: bool(v['includeAll']),
        allValue: string(v['allValue']),
        hide: v['hide'] === 'hideVariable' ? 2 : v['hide'] === 'hideLabel' ? 1 : numberOr(v['hide'], 0),
        sort: numberOr(v['sort'], 0),
        refresh: numberOr(v['refresh'], 1),
        auto: type === 'interval' && bool(v['auto']) ? { count: Math.max(1, numberOr(v['auto_count'], 30)), leastMs: parseDuration(string(v['auto_min'])) ?? 1000 } : null,
    };
}
