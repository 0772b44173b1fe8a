/* transform.ts - Grafana's transformations, on tables small enough to be made anew for each paint. */
import type { Labels } from '../../client/types.ts';
import { byName } from '../lib/names.ts';
import { calc, calcName, reduceValues } from './calcs.ts';
import { toRegExp } from './field.ts';
import { at, bool, number, numberOr, object, objects, string, strings } from './json.ts';
import type { JsonObject, Transformation } from './types.ts';

export type Cell = number | string | null;

export interface Field {
    readonly name: string;
    readonly type: 'time' | 'number' | 'string';
    readonly labels: Labels;
    readonly refId: string;
    readonly values: readonly Cell[];
}

export interface Frame {
    readonly refId: string;
    /** Of equal length. */
    readonly fields: readonly Field[];
}

type Apply = (frames: readonly Frame[], options: JsonObject) => readonly Frame[];

const rowsOf = (f: Frame): number => f.fields[0]?.values.length ?? 0;
const NONE: Labels = {};

const field = (name: string, type: Field['type'], values: readonly Cell[], more: Partial<Field> = {}): Field => ({ name, type, values, labels: NONE, refId: '', ...more });
const isNumber = (f: Field): boolean => f.type === 'number';
const numbers = (f: Field): number[] => f.values.map((v) => (typeof v === 'number' ? v : NaN));

/* ---- columns: which, in what order, under what name ---- */

const eachFrame = (f: (fields: readonly Field[], options: JsonObject) => readonly Field[]): Apply => (frames, options) =>
    frames.map((frame) => ({ ...frame, fields: f(frame.fields, options) })).filter((frame) => frame.fields.length);

const organize = eachFrame((fields, o) => {
    const exclude = object(o['excludeByName']), include = object(o['includeByName']), order = object(o['indexByName']), rename = object(o['renameByName']);
    const including = Object.values(include).some((v) => v === true);
    const place = (f: Field, i: number) => number(order[f.name]) ?? 1000 + i;
    return fields.map((f, i) => ({ f, at: place(f, i) }))
        .filter(({ f }) => exclude[f.name] !== true && (!including || include[f.name] === true))
        .sort((a, b) => a.at - b.at)
        .map(({ f }) => (string(rename[f.name]) ? { ...f, name: string(rename[f.name]) } : f));
});

function named(o: JsonObject): ((name: string) => boolean) | null {
    const names = strings(o['names']), pattern = string(o['pattern']) ? toRegExp(string(o['pattern'])) : null;
    return names.length || pattern ? (name) => names.includes(name) || (pattern?.test(name) ?? false) : null;
}

const filterFieldsByName = eachFrame((fields, o) => {
    const include = named(object(o['include'])), exclude = named(object(o['exclude']));
    return fields.filter((f) => (!include || include(f.name)) && !exclude?.(f.name));
});

const renameByRegex = eachFrame((fields, o) => {
    const pattern = toRegExp(string(o['regex']));
    return pattern && string(o['regex']) ? fields.map((f) => ({ ...f, name: f.name.replace(pattern, string(o['renamePattern'])) })) : fields;
});

const filterByRefId: Apply = (frames, o) => {
    const pattern = toRegExp(`^(?:${string(o['include'])})$`);
    return o['include'] && pattern ? frames.filter((f) => pattern.test(f.refId)) : frames;
};

const convertFieldType = eachFrame((fields, o) => fields.map((f) => {
    const to = objects(o['conversions']).find((c) => c['targetField'] === f.name)?.['destinationType'];
    if (to === 'number')
        return { ...f, type: 'number' as const, values: f.values.map((v) => number(v)) };
    if (to === 'string')
        return { ...f, type: 'string' as const, values: f.values.map((v) => (v === null ? null : String(v))) };
    return to === 'time' ? { ...f, type: 'time' as const, values: f.values.map((v) => (typeof v === 'string' ? Date.parse(v) : v)) } : f;
}));

/* ---- rows ---- */

const pick = (f: Frame, rows: readonly number[]): Frame => ({ ...f, fields: f.fields.map((x) => ({ ...x, values: rows.map((r) => x.values[r] ?? null) })) });

/** Numbers by size, texts with their numbers by size; nothing comes last. */
export function compareCells(a: Cell, b: Cell): number {
    const none = (v: Cell) => v === null || (typeof v === 'number' && Number.isNaN(v));
    if (none(a) || none(b))
        return none(a) === none(b) ? 0 : none(a) ? 1 : -1;
    return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
}

export function sortRows(values: readonly Cell[], desc: boolean): number[] {
    const empty = (i: number) => values[i] === null || Number.isNaN(values[i]);
    return values.map((_, i) => i).sort((x, y) => {
        if (empty(x) || empty(y))
            return Number(empty(x)) - Number(empty(y)) || x - y;
        return (desc ? -1 : 1) * compareCells(values[x]!, values[y]!) || x - y;
    });
}

const sortBy: Apply = (frames, o) => frames.map((f) => {
    const [first] = objects(o['sort']);
    const by = f.fields.find((x) => x.name === string(first?.['field']));
    return by ? pick(f, sortRows(by.values, bool(first?.['desc']))) : f;
});

const limit: Apply = (frames, o) => {
    const n = Math.max(0, numberOr(o['limitField'], 10));
    return frames.length > 1 && frames.every((f) => rowsOf(f) <= 1) ? frames.slice(0, n)
        : frames.map((f) => pick(f, Array.from({ length: Math.min(n, rowsOf(f)) }, (_, i) => i)));
};

/* ---- several tables to one ---- */

function unionNames(frames: readonly Frame[]): string[] {
    return [...new Set(frames.flatMap((f) => f.fields.map((x) => x.name)))];
}

const sample = (frames: readonly Frame[], name: string): Field => frames.flatMap((f) => f.fields).find((x) => x.name === name)!;

/** Rows that agree in what the tables share become one row. */
const merge: Apply = (frames) => {
    if (frames.length < 2)
        return frames;
    const names = unionNames(frames);
    const shared = names.filter((n) => n !== 'Value' && frames.filter((f) => f.fields.some((x) => x.name === n)).length > 1);
    const rows: Map<string, Cell>[] = [];
    const byKey = new Map<string, Map<string, Cell>[]>();
    for (const f of frames)
        for (let r = 0; r < rowsOf(f); r++) {
            const row = new Map(f.fields.map((x) => [x.name, x.values[r] ?? null]));
            const key = JSON.stringify(shared.map((n) => row.get(n) ?? null));
            const same = byKey.get(key) ?? [];
            const into = same.find((other) => [...row].every(([n, v]) => !other.has(n) || other.get(n) === v));
            if (into) {
                row.forEach((v, n) => into.set(n, v));
            } else {
                rows.push(row);
                byKey.set(key, [...same, row]);
            }
        }
    return [{ refId: frames[0]!.refId, fields: names.map((n) => ({ ...sample(frames, n), values: rows.map((row) => row.get(n) ?? null) })) }];
};

/** Columns of one name are told apart: "Time 1", "Time 2". */
function numbered(fields: readonly Field[]): Field[] {
    const all = new Map<string, number>(), seen = new Map<string, number>();
    const count = (to: Map<string, number>, { name }: Field) => to.set(name, (to.get(name) ?? 0) + 1).get(name)!;
    fields.forEach((x) => count(all, x));
    return fields.map((x) => (all.get(x.name)! > 1 ? { ...x, name: `${x.name} ${count(seen, x)}` } : x));
}

/** Side by side, rows meeting in one column: time, as a rule. */
const joinByField: Apply = (frames, o) => {
    const by = string(o['byField']) || frames[0]?.fields.find((f) => f.type === 'time')?.name || '';
    const joined = frames.filter((f) => f.fields.some((x) => x.name === by));
    if (!joined.length)
        return frames;
    const column = (f: Frame) => f.fields.find((x) => x.name === by)!;
    const inner = o['mode'] === 'inner';
    const sets = joined.map((f) => new Set(column(f).values));
    const keys = [...new Set(joined.flatMap((f) => column(f).values))].filter((k) => !inner || sets.every((s) => s.has(k))).sort(compareCells);
    const fields: Field[] = [{ ...column(joined[0]!), values: keys }];
    for (const f of joined) {
        const rowOf = new Map(column(f).values.map((k, r) => [k, r]));
        for (const x of f.fields.filter((y) => y.name !== by))
            fields.push({ ...x, values: keys.map((k) => (rowOf.has(k) ? (x.values[rowOf.get(k)!] ?? null) : null)) });
    }
    return [{ refId: joined[0]!.refId, fields: numbered(fields) }];
};

/** Columns of all, without looking. */
const concatenate: Apply = (frames) => {
    const length = Math.max(0, ...frames.map(rowsOf));
    return frames.length < 2 ? frames : [{
        refId: frames[0]!.refId,
        fields: numbered(frames.flatMap((f) => f.fields.map((x) => ({ ...x, values: Array.from({ length }, (_, r) => x.values[r] ?? null) })))),
    }];
};

/* ---- series to tables ---- */

const labelsToFields: Apply = (frames, o) => {
    const keep = strings(o['keepLabels']);
    const wanted = (labels: Labels) => Object.entries(labels).filter(([n]) => n !== '__name__' && (!keep.length || keep.includes(n)));
    if (o['mode'] === 'rows')
        return frames.flatMap((f) => f.fields.filter((x) => Object.keys(x.labels).length).map((x) => {
            const pairs = wanted(x.labels);
            return { refId: f.refId, fields: [field('label', 'string', pairs.map(([n]) => n)), field('value', 'string', pairs.map(([, v]) => v))] };
        }));
    const nameFrom = string(o['valueLabel']);
    const spread = frames.flatMap((f): Frame[] => {
        const labelled = f.fields.filter((x) => Object.keys(x.labels).length);
        if (!labelled.length)
            return [f];
        const rest = f.fields.filter((x) => !labelled.includes(x));
        return labelled.map((x) => ({
            refId: f.refId,
            fields: [
                ...rest, ...wanted(x.labels).filter(([n]) => n !== nameFrom).map(([n, v]) => field(n, 'string', x.values.map(() => v))),
                { ...x, name: x.labels[nameFrom] ?? x.labels['__name__'] ?? (f.refId && frames.length > 1 && new Set(frames.map((y) => y.refId)).size > 1 ? `Value #${f.refId}` : 'Value'), labels: NONE },
            ],
        }));
    });
    return stack(spread);
};

/** One below the other, where the columns are the same; else merged. */
function stack(frames: readonly Frame[]): readonly Frame[] {
    const names = unionNames(frames);
    const same = frames.every((f) => f.fields.length === names.length);
    if (!same || frames.length < 2)
        return merge(frames, {});
    return [{ refId: frames[0]!.refId, fields: names.map((n) => ({ ...sample(frames, n), values: frames.flatMap((f) => f.fields.find((x) => x.name === n)!.values) })) }];
}

const reduce: Apply = (frames, o) => {
    const reducers = strings(o['reducers']).filter((r) => calc(r));
    const ids = reducers.length ? reducers : ['max'];
    if (o['mode'] === 'reduceFields')
        return frames.map((f) => ({
            ...f,
            fields: f.fields.filter(isNumber).flatMap((x) => ids.map((id) => ({ ...x, name: ids.length > 1 ? `${x.name} ${calcName(id)}` : x.name, values: [reduceValues(numbers(x), id)] }))),
        })).filter((f) => f.fields.length);
    const all = frames.flatMap((f) => f.fields.filter((x) => isNumber(x) || (bool(o['includeTimeField']) && x.type === 'time')));
    const labels = bool(o['labelsToFields']) ? [...new Set(all.flatMap((x) => Object.keys(x.labels)))].filter((n) => n !== '__name__') : [];
    return [{
        refId: frames[0]?.refId ?? '',
        fields: [
            field('Field', 'string', all.map((x) => x.name)),
            ...labels.map((n) => field(n, 'string', all.map((x) => x.labels[n] ?? null))),
            ...ids.map((id) => field(calcName(id), 'number', all.map((x) => reduceValues(numbers(x), id)))),
        ],
    }];
};

const groupBy: Apply = (frames, o) => frames.map((f) => {
    const how = (x: Field) => object(at(o, 'fields') ? object(o['fields'])[x.name] : undefined);
    const keys = f.fields.filter((x) => how(x)['operation'] === 'groupby');
    if (!keys.length)
        return f;
    const groups = new Map<string, number[]>();
    for (let r = 0; r < rowsOf(f); r++) {
        const key = JSON.stringify(keys.map((k) => k.values[r]));
        const group = groups.get(key);
        if (group)
            group.push(r);
        else
            groups.set(key, [r]);
    }
    const rows = [...groups.values()];
    const made = f.fields.filter((x) => how(x)['operation'] === 'aggregate').flatMap((x) => strings(how(x)['aggregations']).filter((a) => calc(a)).map((a) =>
        field(`${x.name} (${a})`, 'number', rows.map((g) => reduceValues(g.map((r) => (typeof x.values[r] === 'number' ? (x.values[r] as number) : NaN)), a)))));
    return { ...f, fields: [...keys.map((k) => ({ ...k, values: rows.map((g) => k.values[g[0]!] ?? null) })), ...made] };
});

const OPERATORS = byName<(a: number, b: number) => number>({
    '+': (a, b) => a + b, '-': (a, b) => a - b, '*': (a, b) => a * b, '/': (a, b) => a / b, '**': (a, b) => a ** b, '%': (a, b) => a % b,
});

const calculateField: Apply = (frames, o) => frames.map((f) => {
    const mode = string(o['mode'], 'reduceRow');
    const made = mode === 'binary' ? binary(f, object(o['binary']), string(o['alias'])) : mode === 'reduceRow' ? reduceRow(f, object(o['reduce']), string(o['alias'])) : null;
    if (!made)
        return f;
    return { ...f, fields: bool(o['replaceFields']) ? [...f.fields.filter((x) => x.type === 'time'), made] : [...f.fields, made] };
});

/* null: nothing there, and so is what is calculated of it. */
function operand(f: Frame, v: unknown): ((row: number) => number | null) | null {
    const name = string(at(v, 'matcher.options')) || string(at(v, 'fixed')) || string(v);
    const x = f.fields.find((y) => y.name === name);
    if (x)
        return (row) => (typeof x.values[row] === 'number' ? (x.values[row] as number) : null);
    const n = number(name);
    return n === null ? null : () => n;
}

function binary(f: Frame, o: JsonObject, alias: string): Field | null {
    const left = operand(f, o['left']), right = operand(f, o['right']), op = string(o['operator'], '+');
    if (!left || !right || !OPERATORS[op])
        return null;
    return field(alias || `${string(o['left'])} ${op} ${string(o['right'])}`, 'number', Array.from({ length: rowsOf(f) }, (_, r) => {
        const a = left(r), b = right(r);
        return a === null || b === null ? null : OPERATORS[op]!(a, b);
    }));
}

function reduceRow(f: Frame, o: JsonObject, alias: string): Field | null {
    const id = string(o['reducer'], 'sum'), only = strings(o['include']);
    const from = f.fields.filter((x) => isNumber(x) && (!only.length || only.includes(x.name)));
    return calc(id) && from.length ? field(alias || calcName(id), 'number', Array.from({ length: rowsOf(f) }, (_, r) => reduceValues(from.map((x) => numbers(x)[r]!), id))) : null;
}

/* ---- all of them ---- */

const TRANSFORMATIONS = byName<Apply>({
    organize, filterFieldsByName, renameByRegex, filterByRefId, convertFieldType, sortBy, limit, merge, concatenate, joinByField, seriesToColumns: joinByField,
    labelsToFields, reduce, groupBy, calculateField,
});

export const KNOWN_TRANSFORMATIONS: ReadonlySet<string> = new Set(Object.keys(TRANSFORMATIONS));

export function transform(frames: readonly Frame[], steps: readonly Transformation[]): readonly Frame[] {
    return steps.reduce((f, step) => TRANSFORMATIONS[step.id]?.(f, step.options) ?? f, frames);
}

/** Whether they end in a table; else they only choose and name series. */
export function makesTable(steps: readonly Transformation[]): boolean {
    return steps.some((s) => ['merge', 'joinByField', 'seriesToColumns', 'labelsToFields', 'reduce', 'groupBy', 'concatenate', 'calculateField'].includes(s.id));
}

/** One table out of what is left: tables of equal columns one below the other. */
export function toOneTable(frames: readonly Frame[]): Frame | null {
    if (!frames.length)
        return null;
    return frames.length === 1 ? frames[0]! : (stack(frames)[0] ?? null);
}

/** The steps that make sense for drawn series: names by place in `names`, null for what is left out, in the order to draw. */
export function transformNames(names: readonly string[], steps: readonly Transformation[]): { index: number; name: string }[] {
    let fields = names.map((name, index) => ({ index, f: field(name, 'number', []) }));
    for (const { id, options } of steps) {
        if (id === 'limit') {
            fields = fields.slice(0, numberOr(options['limitField'], 10));
        } else if (id === 'organize' || id === 'filterFieldsByName' || id === 'renameByRegex') {
            const marked = fields.map(({ index, f }) => ({ ...f, refId: String(index) }));
            fields = TRANSFORMATIONS[id]!([{ refId: '', fields: marked }], options).flatMap((fr) => fr.fields.map((f) => ({ index: Number(f.refId), f })));
        }
    }
    return fields.map(({ index, f }) => ({ index, name: f.name }));
}
