/* field.ts - how a value is shown: the defaults of a panel, and what overrides change for one series or column. */
import { at, bool, isObject, number, numberOr, object, objects, string, strings, withValue } from './json.ts';
import type { FieldConfig, Json, JsonObject, Link, Mapping, Override, Threshold } from './types.ts';

export function fieldConfig(d: JsonObject): FieldConfig {
    return {
        unit: string(d['unit']),
        decimals: number(d['decimals']),
        min: number(d['min']),
        max: number(d['max']),
        noValue: string(d['noValue']),
        displayName: string(d['displayName']) || string(d['displayNameFromDS']),
        mappings: mappings(d['mappings']),
        thresholds: {
            mode: at(d, 'thresholds.mode') === 'percentage' ? 'percentage' : 'absolute',
            steps: thresholdSteps(at(d, 'thresholds.steps')),
        },
        color: { mode: string(at(d, 'color.mode')), fixed: string(at(d, 'color.fixedColor')) },
        links: links(d['links']),
        custom: object(d['custom']),
    };
}

/** Ascending; the first one counts from −∞, whatever it says. */
export function thresholdSteps(v: unknown): Threshold[] {
    const steps = objects(v).map((s, i) => ({ value: i === 0 ? (number(s['value']) ?? -Infinity) : numberOr(s['value'], -Infinity), color: string(s['color'], 'green') }));
    return steps.sort((a, b) => a.value - b.value);
}

export function links(v: unknown): Link[] {
    return objects(v).filter((l) => string(l['url']) !== '' || string(l['dashUri']) !== '' || string(l['dashboard']) !== '').map((l) => ({
        title: string(l['title']) || string(l['dashboard']) || 'Open',
        url: string(l['url']) || (l['dashUri'] ? `/d/${string(l['dashUri']).replace(/^db\//, '')}` : `/dashboards?query=${encodeURIComponent(string(l['dashboard']))}`),
        newTab: bool(l['targetBlank']),
        keepTime: bool(l['keepTime']),
        includeVars: bool(l['includeVars']),
    }));
}

/* ---- mappings ---- */

function mappings(v: unknown): Mapping[] {
    return objects(v).flatMap((m, place): Mapping[] => {
        const o = object(m['options']);
        const result = (r: unknown, type: Mapping['type'], match: string, more: Partial<Mapping> = {}): Mapping => ({
            type, match, text: typeof at(r, 'text') === 'string' ? string(at(r, 'text')) : undefined, color: string(at(r, 'color')) || undefined,
            index: numberOr(at(r, 'index'), place), ...more,
        });
        switch (m['type']) {
        case 'value': return Object.entries(o).map(([match, r]) => result(r, 'value', match));
        case 'range': return [result(o['result'], 'range', '', { from: numberOr(o['from'], -Infinity), to: numberOr(o['to'], Infinity) })];
        case 'regex': return [result(o['result'], 'regex', string(o['pattern']))];
        case 'special': return [result(o['result'], 'special', string(o['match']))];
        case 1: case undefined: return m['value'] === undefined ? [] : [result(m, 'value', string(m['value']))]; /* before 8.0 */
        case 2: return [result(m, 'range', '', { from: numberOr(m['from'], -Infinity), to: numberOr(m['to'], Infinity) })];
        default: return [];
        }
    });
}

/* ---- overrides ---- */

export function overrides(panel: JsonObject): Override[] {
    return objects(at(panel, 'fieldConfig.overrides')).map((o) => ({
        matcher: { id: string(at(o, 'matcher.id')), options: (at(o, 'matcher.options') ?? null) as Json },
        properties: objects(o['properties']).map((p) => ({ id: string(p['id']), value: p['value'] ?? null })),
    }));
}

/** What an override is matched against. */
export interface FieldIdentity {
    readonly name: string;
    readonly refId: string;
    readonly type: 'number' | 'string' | 'time';
}

/** "/pattern/flags" or a pattern. null: it is not one. */
export function toRegExp(text: string): RegExp | null {
    const [, body, flags] = /^\/(.*)\/([gimsuy]*)$/s.exec(text) ?? [null, text, ''];
    try {
        return new RegExp(body!, flags!.replace(/[gy]/g, ''));
    } catch {
        return null;
    }
}

export function matches({ id, options }: Override['matcher'], field: FieldIdentity): boolean {
    switch (id) {
    case 'byName': return field.name === string(options);
    case 'byRegexp': return toRegExp(string(options))?.test(field.name) ?? false;
    case 'byType': return field.type === string(options);
    case 'byFrameRefID': return field.refId === string(options);
    case 'byNames': {
        const o = object(options);
        const named = strings(o['names']).includes(field.name);
        return o['mode'] === 'exclude' ? !named : named;
    }
    default: return false;
    }
}

const PATHS: Readonly<Record<string, string>> = { 'color': 'color', 'thresholds': 'thresholds' };

/** The configuration of one field: the defaults with all overrides that match it, in order. */
export function resolveField(defaults: FieldConfig, all: readonly Override[], field: FieldIdentity): FieldConfig {
    const properties = all.filter((o) => matches(o.matcher, field)).flatMap((o) => o.properties);
    if (!properties.length)
        return defaults;
    let raw: JsonObject = {};
    for (const { id, value } of properties)
        raw = id.startsWith('custom.') ? withValue(raw, id, value) : { ...raw, [PATHS[id] ?? id]: value };
    const parsed = fieldConfig(raw);
    const changed: Record<string, unknown> = {};
    for (const name of Object.keys(parsed) as (keyof FieldConfig)[])
        if (name in raw && name !== 'custom')
            changed[name] = parsed[name];
    return { ...defaults, ...changed, custom: merge(defaults.custom, parsed.custom) };
}

function merge(a: JsonObject, b: JsonObject): JsonObject {
    const out: Record<string, Json> = { ...a };
    for (const [key, value] of Object.entries(b))
        out[key] = isObject(value) && isObject(a[key]) ? merge(a[key] as JsonObject, value) : value;
    return out;
}

/** Steps of percent as steps of the value. */
export function absoluteSteps(field: FieldConfig, min: number, max: number): readonly Threshold[] {
    if (field.thresholds.mode === 'absolute')
        return field.thresholds.steps;
    return field.thresholds.steps.map((s) => ({ ...s, value: s.value === -Infinity ? s.value : min + (s.value / 100) * (max - min) }));
}

/** Names of properties and matchers that resolveField() understands; lint names the others. */
export const KNOWN_PROPERTIES: ReadonlySet<string> = new Set(['unit', 'decimals', 'min', 'max', 'noValue', 'displayName', 'mappings', 'thresholds', 'color', 'links']);
export const KNOWN_MATCHERS: ReadonlySet<string> = new Set(['byName', 'byRegexp', 'byType', 'byFrameRefID', 'byNames']);
