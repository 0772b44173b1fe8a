/* panel-table.ts - the data of a panel as one table, by its transformations: for those that have any, and for tables. */
import { toOneTable, transform, type Field, type Frame } from './model/transform.ts';
import type { FieldConfig, Transformation } from './model/types.ts';
import type { DataBlock, DataTable } from './panels/base.ts';

export { makesTable, transformNames } from './model/transform.ts';

type ConfigOf = (name: string, refId: string, type: Field['type']) => FieldConfig;

export function tableOf(blocks: readonly DataBlock[], steps: readonly Transformation[], now: number, configOf: ConfigOf): DataTable | null {
    const many = new Set(blocks.map((b) => b.refId)).size > 1;
    const raw = blocks.flatMap((b) => (b.format === 'table' ? [tableFrame(b, many, now)] : seriesFrames(b, steps.length > 0, now)));
    const one = toOneTable(transform(raw.filter((f) => f.fields.length), steps));
    return one && toDataTable(one, configOf);
}

export function toDataTable(frame: Frame, configOf: ConfigOf): DataTable {
    const columns = frame.fields.map((f) => {
        const field = configOf(f.name, f.refId || frame.refId, f.type);
        const timed = f.type === 'time' && !field.unit.startsWith('dateTime') && !field.unit.startsWith('time:');
        return { name: field.displayName || f.name, field: timed ? { ...field, unit: 'dateTimeAsIso' } : field };
    });
    const n = frame.fields[0]?.values.length ?? 0;
    return { columns, rows: Array.from({ length: n }, (_, r) => frame.fields.map((f) => f.values[r] ?? null)) };
}

/** `format: table`: a row per series, a column per label. */
function tableFrame(b: DataBlock, many: boolean, now: number): Frame {
    const series = b.series.filter((s) => s.last !== null);
    const labels = [...new Set(series.flatMap((s) => Object.keys(s.labels)))].sort();
    const make = (name: string, type: Field['type'], values: Field['values']): Field => ({ name, type, values, labels: {}, refId: b.refId });
    return {
        refId: b.refId,
        fields: series.length ? [
            make('Time', 'time', series.map(() => now)), /* of the answer: tables of one moment meet in it */
            ...labels.map((l) => make(l, 'string', series.map((s) => s.labels[l] ?? null))),
            make(many ? `Value #${b.refId}` : 'Value', 'number', series.map((s) => s.last)),
        ] : [],
    };
}

/** Time series: a frame each, all points for what reduces them, else the newest. */
function seriesFrames(b: DataBlock, whole: boolean, now: number): Frame[] {
    const times = [...b.times];
    return b.series.filter((s) => s.last !== null || s.values.length).map((s) => {
        const all = whole && !b.instant && s.values.length > 0;
        const values = all ? Array.from(s.values, (v) => (Number.isNaN(v) ? null : v)) : [s.last];
        const at: (number | null)[] = all ? times : [s.lastTime || now];
        if (!whole)
            return { refId: b.refId, fields: [
                { name: 'Series', type: 'string' as const, values: [s.name], labels: {}, refId: b.refId },
                { name: 'Value', type: 'number' as const, values, labels: {}, refId: b.refId },
            ] };
        return { refId: b.refId, fields: [
            { name: 'Time', type: 'time' as const, values: at, labels: {}, refId: b.refId },
            { name: s.name, type: 'number' as const, values, labels: s.labels, refId: b.refId },
        ] };
    });
}
