/* codec.ts - the state of one stream, kept from full states and updates. */
import { decodeValue, type FullMessage, type UpdateMessage, type WireValue } from './protocol.ts';
import type { Labels, Point, Series, Value } from './types.ts';

/** `{a="b",c="d"}`, sorted by name: equal for equal label sets. */
export function labelsKey(labels: Labels): string {
    return `{${Object.keys(labels).sort().map((name) => `${name}=${JSON.stringify(labels[name])}`).join()}}`;
}

/** The sum of what is there, as in the simple form of the protocol; null: nothing is. */
export function sum(values: readonly Value[]): Value {
    let total: Value = null;
    for (const v of values)
        if (v !== null)
            total = (total ?? 0) + v;
    return total;
}

export class StreamState {
    series: (Series | null)[] = [];
    values: Value[] = [];
    private _known = new Map<string, Series>();

    /** Takes a full state; its points, decoded. */
    full(m: FullMessage): Point[] {
        const before = this._known;
        this._known = new Map();
        this.series = m.series.map((labels, slot) => labels && this._intern(labels, slot, before));
        for (const [, row] of [...m.points, ...(m.ended ?? [])])
            for (let i = 0; i < row.length; i++)
                if (typeof row[i] === 'string')
                    row[i] = decodeValue(row[i]!) as WireValue;
        const points = m.points as unknown as Point[];
        this.values = [...(points.at(-1)?.[1] ?? [])];
        return points;
    }

    /** Takes an update; the slots that changed. del, then add, then d. */
    update(m: UpdateMessage): number[] {
        const changed: number[] = [];
        for (const slot of m.del ?? []) {
            const gone = this.series[slot];
            if (gone)
                this._known.delete(gone.key);
            if (slot < this.series.length)
                this.series[slot] = this.values[slot] = null;
        }
        for (const [slot, labels] of m.add ?? []) {
            for (let i = this.series.length; i < slot; i++)
                this.series[i] = this.values[i] = null;
            this.series[slot] = this._intern(labels, slot, this._known);
            this.values[slot] = null;
        }
        const d = m.d ?? [];
        for (let i = 0; i < d.length; i += 2) {
            const slot = d[i] as number;
            this.values[slot] = decodeValue(d[i + 1] as WireValue);
            changed.push(slot);
        }
        return changed;
    }

    private _intern(labels: Labels, slot: number, before: Map<string, Series>): Series {
        const key = labelsKey(labels);
        const series = before.get(key) ?? { labels, key, slot };
        series.slot = slot;
        this._known.set(key, series);
        return series;
    }
}
