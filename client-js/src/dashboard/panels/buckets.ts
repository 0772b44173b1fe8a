/* buckets.ts - rows of a heatmap from the cumulative buckets of Prometheus. */
import type { DataBlock, DataSeries } from './base.ts';

export interface BucketRow {
    readonly low: number;
    readonly high: number;
    readonly name: string;
    readonly values: Float64Array;
}

const bound = (series: DataSeries): number => {
    const le = series.labels['le'] ?? '';
    return /^\+?inf$/i.test(le) ? Infinity : le === '' ? NaN : Number(le);
};

/**
 * Lowest first. Series that share a bound are added up; each row is what its bucket has beyond the next lower one. A counter that
 * lags behind a lower bucket for a moment counts as nothing, not as negative.
 */
export function bucketRows(block: DataBlock): BucketRow[] {
    const byBound = new Map<number, Float64Array>();
    for (const series of block.series) {
        const le = bound(series);
        if (Number.isNaN(le))
            continue;
        const sum = byBound.get(le);
        if (!sum)
            byBound.set(le, Float64Array.from(series.values));
        else
            series.values.forEach((v, i) => (sum[i] = Number.isNaN(sum[i]!) ? v : Number.isNaN(v) ? sum[i]! : sum[i]! + v));
    }
    const bounds = [...byBound.keys()].sort((a, b) => a - b);
    return bounds.map((high, i) => {
        const upper = byBound.get(high)!, lower = i ? byBound.get(bounds[i - 1]!)! : null;
        return {
            low: i ? bounds[i - 1]! : -Infinity, high, name: high === Infinity ? '+Inf' : String(high),
            values: lower ? upper.map((v, k) => Math.max(0, v - (Number.isNaN(lower[k]!) ? 0 : lower[k]!))) : upper,
        };
    });
}
