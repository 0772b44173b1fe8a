/* calcs.ts - one number out of a series' points, by Grafana's names. NaN among the points is "nothing here". */

import { byName } from '../lib/names.ts';

type Values = ArrayLike<number>;

const clean = (v: Values): number[] => Array.from(v).filter((x) => !Number.isNaN(x));
const total = (v: readonly number[]): number => v.reduce((a, b) => a + b, 0);

function firstOf(v: Values): number | null {
    for (let i = 0; i < v.length; i++)
        if (!Number.isNaN(v[i]!))
            return v[i]!;
    return null;
}

function lastOf(v: Values): number | null {
    for (let i = v.length - 1; i >= 0; i--)
        if (!Number.isNaN(v[i]!))
            return v[i]!;
    return null;
}

/** Linear between the two nearest ranks. */
export function quantile(sorted: readonly number[], q: number): number | null {
    if (!sorted.length)
        return null;
    const rank = q * (sorted.length - 1);
    const low = Math.floor(rank), part = rank - low;
    return part === 0 ? sorted[low]! : sorted[low]! * (1 - part) + sorted[low + 1]! * part;
}

const percentile = (q: number) => (v: Values): number | null => quantile(clean(v).sort((a, b) => a - b), q);
const some = (f: (v: readonly number[]) => number | null) => (v: Values): number | null => {
    const c = clean(v);
    return c.length ? f(c) : null;
};
const extreme = (better: (a: number, b: number) => boolean, start = 0) => (v: Values): number | null => {
    let found: number | null = null;
    for (let i = start; i < v.length; i++)
        if (!Number.isNaN(v[i]!) && (found === null || better(v[i]!, found)))
            found = v[i]!;
    return found;
};

const min = extreme((a, b) => a < b);
const max = extreme((a, b) => a > b);
const mean = some((c) => total(c) / c.length);

function variance(c: readonly number[]): number {
    const m = total(c) / c.length;
    return total(c.map((x) => (x - m) ** 2)) / c.length;
}

/** What a counter has grown by; a fall is a restart from zero. */
function delta(c: readonly number[]): number {
    let grown = 0;
    for (let i = 1; i < c.length; i++)
        grown += c[i]! >= c[i - 1]! ? c[i]! - c[i - 1]! : c[i]!;
    return grown;
}

interface Calc {
    readonly name: string;
    readonly of: (values: Values) => number | null;
}

export const CALCS = byName<Calc>({
    lastNotNull: { name: 'Last', of: lastOf },
    last: { name: 'Last (with nothing)', of: (v) => (v.length && !Number.isNaN(v[v.length - 1]!) ? v[v.length - 1]! : null) },
    firstNotNull: { name: 'First', of: firstOf },
    first: { name: 'First (with nothing)', of: (v) => (v.length && !Number.isNaN(v[0]!) ? v[0]! : null) },
    min: { name: 'Min', of: min },
    max: { name: 'Max', of: max },
    mean: { name: 'Mean', of: mean },
    sum: { name: 'Total', of: some(total) },
    count: { name: 'Count', of: (v) => v.length },
    range: { name: 'Range', of: some((c) => max(c)! - min(c)!) },
    diff: { name: 'Difference', of: some((c) => c.at(-1)! - c[0]!) },
    diffperc: { name: 'Difference %', of: some((c) => (c[0] === 0 ? null : (c.at(-1)! - c[0]!) / c[0]!)) },
    delta: { name: 'Delta', of: some(delta) },
    step: { name: 'Step', of: some((c) => (c.length < 2 ? 0 : Math.min(...c.slice(1).map((x, i) => x - c[i]!)))) },
    logmin: { name: 'Min above zero', of: (v) => min(clean(v).filter((x) => x > 0)) },
    allIsZero: { name: 'All zero', of: some((c) => (c.every((x) => x === 0) ? 1 : 0)) },
    allIsNull: { name: 'All nothing', of: (v) => (clean(v).length ? 0 : 1) },
    changeCount: { name: 'Changes', of: some((c) => c.reduce((n, x, i) => n + (i > 0 && x !== c[i - 1] ? 1 : 0), 0)) },
    distinctCount: { name: 'Distinct', of: some((c) => new Set(c).size) },
    variance: { name: 'Variance', of: some(variance) },
    stdDev: { name: 'Std dev', of: some((c) => Math.sqrt(variance(c))) },
    median: { name: 'Median', of: percentile(0.5) },
});

/** p1 to p99. */
function ofPercentile(id: string): Calc | undefined {
    const n = Number(/^p(\d{1,2}(?:\.\d+)?)$/.exec(id)?.[1] ?? NaN);
    return n > 0 ? { name: id, of: percentile(n / 100) } : undefined;
}

export function calc(id: string): Calc | undefined {
    return CALCS[id] ?? ofPercentile(id);
}

/** By the heading Grafana gives it: "Max", "Last *". */
export const calcId = (name: string): string | undefined => Object.keys(CALCS).find((id) => CALCS[id]!.name === name.replace(/ \*$/, ''));

export const calcName = (id: string): string => calc(id)?.name ?? id;

/** null: nothing to tell, or an unknown name. */
export function reduceValues(values: Values, id: string): number | null {
    return calc(id)?.of(values) ?? null;
}

/** The one of the panel's options, and whether every series' every value is wanted instead. */
export function chosenCalc(options: { readonly [key: string]: unknown }): string {
    const calcs = (options['reduceOptions'] as { calcs?: unknown } | undefined)?.calcs;
    const first: unknown = Array.isArray(calcs) ? calcs[0] : calcs;
    return typeof first === 'string' && calc(first) ? first : 'lastNotNull';
}
