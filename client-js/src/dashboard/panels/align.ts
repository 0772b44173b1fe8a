/* align.ts - series of several queries on one axis of time, stacked if wanted. Pure. */
import type { DataBlock, DataSeries } from './base.ts';

export type Column = (number | null)[];

export interface Aligned {
    readonly times: Column;
    /** As they are. */
    readonly raw: readonly Column[];
    readonly series: readonly DataSeries[];
}

/** What cannot be drawn is a gap: nothing, NaN and the infinities. */
function drawable(v: number): number | null {
    return Number.isFinite(v) ? v : null;
}

function sameTimes(blocks: readonly DataBlock[]): boolean {
    const a = blocks[0]!.times;
    return blocks.every(({ times: b }) => {
        if (b.length !== a.length)
            return false;
        for (let i = 0; i < a.length; i++)
            if (a[i] !== b[i])
                return false;
        return true;
    });
}

/** Moments of all blocks, ascending, once each. */
function union(blocks: readonly DataBlock[]): Float64Array {
    const all = new Float64Array(blocks.reduce((n, b) => n + b.times.length, 0));
    let n = 0;
    for (const b of blocks) {
        all.set(b.times, n);
        n += b.times.length;
    }
    all.sort();
    let out = 0;
    for (let i = 0; i < all.length; i++)
        if (i === 0 || all[i] !== all[i - 1])
            all[out++] = all[i]!;
    return all.subarray(0, out);
}

/** Between two points of a block, a moment of another block is no gap. */
function onto(times: Float64Array, b: DataBlock, values: Float64Array): (number | null | undefined)[] {
    const out: (number | null | undefined)[] = [];
    let k = 0;
    for (let i = 0; i < times.length; i++) {
        while (k < b.times.length && b.times[k]! < times[i]!)
            k++;
        out.push(b.times[k] === times[i] ? drawable(values[k]!) : undefined);
    }
    return out;
}

export function align(blocks: readonly DataBlock[]): Aligned {
    const used = blocks.filter((b) => b.series.length);
    const series = used.flatMap((b) => b.series).sort((a, b) => a.index - b.index);
    if (!used.length)
        return { times: [], raw: [], series };
    const byKey = new Map<string, Column>();
    let times = used[0]!.times;
    if (used.length > 1 && !sameTimes(used)) {
        times = union(used);
        for (const b of used)
            for (const s of b.series)
                byKey.set(s.key, onto(times, b, s.values) as Column);
    } else {
        for (const b of used)
            for (const s of b.series) {
                const column: Column = new Array(s.values.length);
                for (let i = 0; i < column.length; i++)
                    column[i] = drawable(s.values[i]!);
                byKey.set(s.key, column);
            }
    }
    return { times: Array.from(times), raw: series.map((s) => byKey.get(s.key)!), series };
}

export interface StackRule {
    readonly group: string;
    readonly percent: boolean;
    /** Drawn downwards. */
    readonly negative: boolean;
}

/** Columns as drawn: sums within a group. `below`: the index whose line is the lower edge of each; −1: the axis. */
export function stack(raw: readonly Column[], rules: readonly (StackRule | null)[]): { drawn: Column[]; below: number[] } {
    const totals = new Map<string, number[]>();
    const sums = new Map<string, { values: number[]; last: number }>();
    rules.forEach((rule, i) => {
        if (!rule?.percent)
            return;
        const t = totals.get(rule.group) ?? [];
        raw[i]!.forEach((v, k) => (t[k] = (t[k] ?? 0) + Math.abs(v ?? 0)));
        totals.set(rule.group, t);
    });
    const below: number[] = [];
    const drawn = raw.map((column, i): Column => {
        const rule = rules[i] ?? null;
        const sign = rule?.negative ? -1 : 1;
        if (!rule || rule.group === '') {
            below.push(-1);
            return sign < 0 ? column.map((v) => (v === null ? v : v === undefined ? v : -v)) : column;
        }
        const key = `${rule.group}${sign}`;
        const sum = sums.get(key) ?? { values: [], last: -1 };
        below.push(sum.last);
        const t = totals.get(rule.group);
        const out = column.map((v, k) => {
            const part = rule.percent ? (t![k] ? (v ?? 0) / t![k]! : 0) : (v ?? 0);
            sum.values[k] = (sum.values[k] ?? 0) + sign * part;
            return v === null || v === undefined ? (v as null) : sum.values[k]!;
        });
        sums.set(key, { values: sum.values, last: i });
        return out;
    });
    return { drawn, below };
}
