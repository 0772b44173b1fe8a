/* vars.ts - variables of a dashboard: what they can be, what they are, and how they go into queries, titles and links. */
import { toRegExp } from './field.ts';
import { parseDuration, promDuration } from './time.ts';
import type { Variable } from './types.ts';

export const ALL = '$__all';

export interface Option {
    readonly text: string;
    readonly value: string;
}

export interface VariableState {
    readonly definition: Variable;
    readonly options: readonly Option[];
    /** [ALL] for all of them. */
    readonly value: readonly string[];
    /** Why there are no options. */
    readonly error: string;
}

export type Variables = ReadonlyMap<string, VariableState>;

/** Times that queries may name: ms. */
export interface Macros {
    readonly intervalMs: number;
    /** How often there are new samples. */
    readonly scrapeMs: number;
    readonly from: number;
    readonly to: number;
}

const REFERENCE = /\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}/g;

const escapeRegex = (s: string): string => s.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
/* In a PromQL string a backslash is two. */
const forPromQL = (s: string): string => escapeRegex(s).replace(/\\/g, '\\\\');
const joinRegex = (values: readonly string[], escape: (s: string) => string): string =>
    values.length === 1 ? escape(values[0]!) : `(${values.map(escape).join('|')})`;

/** The values behind a state, ALL spelled out. */
export function valuesOf(state: VariableState): readonly string[] {
    return state.value.includes(ALL) ? state.options.map((o) => o.value) : state.value;
}

export function textOf(state: VariableState): string {
    if (state.value.includes(ALL))
        return 'All';
    return state.value.map((v) => state.options.find((o) => o.value === v)?.text ?? v).join(' + ');
}

export type Purpose = 'query' | 'text' | 'link';

function formatted(state: VariableState, format: string, purpose: Purpose): string {
    const { definition: d } = state;
    const values = valuesOf(state);
    const raw = state.value.includes(ALL) && d.allValue ? d.allValue : null;
    switch (format) {
    case 'raw': return raw ?? values.join(',');
    case 'csv': return values.join(',');
    case 'pipe': return values.join('|');
    case 'regex': return raw ?? joinRegex(values, escapeRegex);
    case 'text': return textOf(state);
    case 'json': return JSON.stringify(values);
    case 'doublequote': return values.map((v) => JSON.stringify(v)).join(',');
    case 'singlequote': return values.map((v) => `'${v.replace(/'/g, "\\'")}'`).join(',');
    case 'percentencode': return encodeURIComponent(values.join(','));
    case 'queryparam': return (state.value.includes(ALL) ? ['All'] : state.value).map((v) => `var-${encodeURIComponent(d.name)}=${encodeURIComponent(v)}`).join('&');
    case 'glob': return values.length > 1 ? `{${values.join(',')}}` : (values[0] ?? '');
    default: break;
    }
    if (purpose === 'text')
        return textOf(state);
    if (purpose === 'link')
        return encodeURIComponent(values.join(','));
    if (raw !== null)
        return raw;
    /* One that can be only one is taken as it is: it may be part of an expression. */
    return d.multi || d.includeAll ? joinRegex(values, forPromQL) : (values[0] ?? '');
}

function macro(name: string, m: Macros): string | null {
    const range = Math.max(1000, m.to - m.from);
    switch (name) {
    case '__interval': return promDuration(Math.max(m.intervalMs, 1));
    case '__interval_ms': return String(Math.round(m.intervalMs));
    /* A rate needs four samples to survive the loss of one. */
    case '__rate_interval': return promDuration(Math.max(m.intervalMs + m.scrapeMs, 4 * m.scrapeMs));
    case '__range': return promDuration(Math.round(range / 1000) * 1000);
    case '__range_s': return String(Math.round(range / 1000));
    case '__range_ms': return String(Math.round(range));
    case '__from': return String(Math.round(m.from));
    case '__to': return String(Math.round(m.to));
    default: return null;
    }
}

/** Puts variables and macros in. What is unknown stays, so that the error names it. */
export function interpolate(text: string, variables: Variables, macros: Macros, purpose: Purpose = 'query', extra: Readonly<Record<string, string>> = {}): string {
    if (!text.includes('$') && !text.includes('[['))
        return text;
    return text.replace(REFERENCE, (all, plain?: string, bracket?: string, bracketFormat?: string, brace?: string, path?: string, format?: string) => {
        const name = (plain ?? bracket ?? brace)!;
        const key = path ? `${name}.${path}` : name;
        if (Object.hasOwn(extra, key)) {
            const own = extra[key]!;
            return purpose === 'link' && format !== 'raw' ? encodeURIComponent(own) : own;
        }
        const state = variables.get(name);
        if (state)
            return intervalOf(state, macros) ?? formatted(state, format ?? bracketFormat ?? '', purpose);
        if (name === '__all_variables')
            return [...variables.values()].filter((v) => v.definition.hide < 2 || v.definition.type !== 'datasource').map((v) => formatted(v, 'queryparam', 'link')).join('&');
        if (name === '__url_time_range')
            return `from=${Math.round(macros.from)}&to=${Math.round(macros.to)}`;
        return macro(name, macros) ?? all;
    });
}

const AUTO = 'auto', ANY_AUTO = /^(auto|\$__auto)/; /* "$__auto_interval_name" in exports */
const USUAL_AUTO = { count: 30, leastMs: 1000 };

/** `auto` of an interval variable: a part of the range. */
function intervalOf({ definition: d, value }: VariableState, m: Macros): string | null {
    if (d.type !== 'interval' || !ANY_AUTO.test(value[0] ?? ''))
        return null;
    const { count, leastMs } = d.auto ?? USUAL_AUTO;
    return promDuration(Math.max(leastMs, 1000, Math.round((m.to - m.from) / count / 1000) * 1000));
}

/** Names of the variables a text refers to. */
export function references(text: string): string[] {
    return [...text.matchAll(REFERENCE)].map((m) => (m[1] ?? m[2] ?? m[4])!);
}

/* ---- what a variable can be ---- */

export type Lookup =
    | { readonly kind: 'values'; readonly label: string; readonly metric: string }
    | { readonly kind: 'names'; readonly pattern: string }
    | { readonly kind: 'labels'; readonly metric: string }
    | { readonly kind: 'result'; readonly query: string };

/** The query of a variable, variables already put in. null: none that is understood. */
export function parseLookup(query: string): Lookup | null {
    const q = query.trim();
    const call = /^(label_values|label_names|metrics|query_result)\s*\(([\s\S]*)\)$/.exec(q);
    if (!call)
        return q ? { kind: 'result', query: q } : null;
    const inner = call[2]!.trim();
    switch (call[1]) {
    case 'metrics': return { kind: 'names', pattern: inner };
    case 'label_names': return { kind: 'labels', metric: inner };
    case 'query_result': return { kind: 'result', query: inner };
    default: {
        const comma = lastComma(inner);
        const label = inner.slice(comma + 1).trim();
        return /^[\w.:]+$/.test(label) ? { kind: 'values', label, metric: comma < 0 ? '' : inner.slice(0, comma).trim() } : null;
    }
    }
}

/* Commas also stand between matchers and in strings. */
function lastComma(text: string): number {
    let depth = 0, found = -1, quote = '';
    for (let i = 0; i < text.length; i++) {
        const c = text[i]!;
        if (quote) {
            if (c === '\\')
                i++;
            else if (c === quote)
                quote = '';
        } else if (c === '"' || c === "'" || c === '`') {
            quote = c;
        } else if ('({['.includes(c)) {
            depth++;
        } else if (')}]'.includes(c)) {
            depth--;
        } else if (c === ',' && depth === 0) {
            found = i;
        }
    }
    return found;
}

/** Through the variable's regex (its groups `text` and `value`, or the first group), without doubles, sorted. */
export function makeOptions(found: readonly string[], { regex, sort }: Pick<Variable, 'regex' | 'sort'>): Option[] {
    const pattern = regex ? toRegExp(regex) : null;
    const out = new Map<string, Option>();
    for (const item of found) {
        const m = pattern?.exec(item);
        if (pattern && !m)
            continue;
        const value = m?.groups?.['value'] ?? (m?.groups?.['text'] !== undefined ? m.groups['text'] : m?.[1]) ?? item;
        out.set(value, { text: m?.groups?.['text'] ?? value, value });
    }
    return sorted([...out.values()], sort);
}

function sorted(options: Option[], sort: number): Option[] {
    if (!sort)
        return options;
    const numeric = (o: Option) => Number(/-?\d+(\.\d+)?/.exec(o.text)?.[0] ?? Infinity);
    const kind = Math.ceil(sort / 2); /* 1 alphabetical · 2 numerical · 3 without case · 4 natural */
    const compare = (a: Option, b: Option): number =>
        kind === 2 ? numeric(a) - numeric(b) : kind === 3 ? a.text.toLowerCase().localeCompare(b.text.toLowerCase())
            : kind === 4 ? a.text.localeCompare(b.text, undefined, { numeric: true }) : a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
    options.sort(compare);
    return sort % 2 ? options : options.reverse();
}

/** "a,b : c\,d" of a custom variable: text and value may differ. */
export function customOptions(query: string): Option[] {
    return query.split(/(?<!\\),/).map((s) => s.replace(/\\,/g, ',').trim()).filter(Boolean).map((s) => {
        const [, text, value] = /^(.+?)\s+:\s+(.+)$/.exec(s) ?? [];
        return value === undefined ? { text: s, value: s } : { text: text!, value };
    });
}

function intervalOptions(query: string): Option[] {
    return (query.match(/(["'])(.*?)\1|[^,\s]+/g) ?? []).map((s) => s.replace(/^["']|["']$/g, '')).filter((s) => s === 'auto' || parseDuration(s) !== null)
        .map((s) => ({ text: s, value: s }));
}

/** Options that need nobody to be asked; null: the server has to be. */
export function fixedOptions(v: Variable): Option[] | null {
    switch (v.type) {
    case 'custom': return v.query ? customOptions(v.query) : [...v.options];
    case 'constant': return [{ text: v.query, value: v.query }];
    case 'interval': {
        const all = v.query ? intervalOptions(v.query) : v.options.filter((o) => !ANY_AUTO.test(o.value));
        return v.auto && !all.some((o) => o.value === AUTO) ? [{ text: AUTO, value: AUTO }, ...all] : all;
    }
    case 'textbox': return [{ text: v.query, value: v.query }];
    case 'datasource': return [{ text: 'this server', value: 'streamgauge' }];
    case 'query': return null;
    default: return [...v.options];
    }
}

/** What is wanted (by the address, else by the document), as far as it can be; else all, or the first. */
export function chooseValue(v: Variable, options: readonly Option[], wanted: readonly string[] | null): string[] {
    if (v.type === 'datasource' || v.type === 'constant')
        return options.slice(0, 1).map((o) => o.value);
    const want = (wanted ?? v.current).map((w) => (w === 'All' || w === ALL ? ALL : v.type === 'interval' && ANY_AUTO.test(w) ? AUTO : w));
    if (v.type === 'textbox')
        return [want[0] ?? v.query];
    if (want.includes(ALL) && v.includeAll)
        return [ALL];
    /* An address may name what is not there at the moment: its panels then say so. */
    const possible = want.filter((w) => w !== ALL && (options.some((o) => o.value === w) || wanted !== null));
    if (possible.length)
        return v.multi ? possible : possible.slice(0, 1);
    if (options.length)
        return v.includeAll && v.current.length === 0 ? [ALL] : [options[0]!.value];
    return v.includeAll ? [ALL] : [];
}

/** Those a variable's query names come before it. A circle is left in the document's order. */
export function inOrder(variables: readonly Variable[]): Variable[] {
    const out: Variable[] = [];
    const visiting = new Set<string>();
    const byName = new Map(variables.map((v) => [v.name, v]));
    const visit = (v: Variable): void => {
        if (out.includes(v) || visiting.has(v.name))
            return;
        visiting.add(v.name);
        for (const name of references(`${v.query} ${v.regex}`))
            if (byName.has(name))
                visit(byName.get(name)!);
        out.push(v);
    };
    variables.forEach(visit);
    return out;
}

/** `?var-x=a&var-x=b` as wanted values by name. */
export function fromAddress(search: URLSearchParams): Map<string, string[]> {
    const out = new Map<string, string[]>();
    for (const [key, value] of search)
        if (key.startsWith('var-'))
            out.set(key.slice(4), [...(out.get(key.slice(4)) ?? []), value]);
    return out;
}

export function toAddress(variables: Variables, search: URLSearchParams): void {
    for (const key of [...search.keys()])
        if (key.startsWith('var-'))
            search.delete(key);
    for (const { definition: d, value } of variables.values())
        if (d.type !== 'datasource' && d.type !== 'constant')
            for (const v of value)
                search.append(`var-${d.name}`, v);
}
