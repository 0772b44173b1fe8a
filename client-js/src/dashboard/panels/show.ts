/* show.ts - values as words, and the data of panels that show one number for each thing: shares, bars, places. */
import { seriesStyle, type Status, type Theme } from '../lib/color.ts';
import { formatValue } from '../lib/format.ts';
import { chosenCalc, reduceValues } from '../model/calcs.ts';
import { display, findMapping } from '../model/display.ts';
import type { FieldConfig, PanelModel } from '../model/types.ts';
import type { Labels } from '../../client/index.ts';
import type { DataSeries, DataTable, PanelData } from './base.ts';

/** Of what is a plain text or count. */
export const NO_FIELD: FieldConfig = {
    unit: '', decimals: null, min: null, max: null, noValue: '', displayName: '', mappings: [], thresholds: { mode: 'absolute', steps: [] },
    color: { mode: '', fixed: '' }, links: [], custom: {},
};

/** A value, mapped or with its unit. */
export function say(value: number | null, field: FieldConfig): string {
    const mapping = findMapping(field.mappings, value);
    if (mapping?.text)
        return mapping.type === 'regex' ? display(value, field, DARK).full : mapping.text;
    return value === null ? field.noValue || '–' : formatValue(value, field.unit, field.decimals);
}

/* Colours are not asked for where only words are wanted. */
const DARK = { text: '', dim: '', status: {} } as unknown as Theme;

export interface Point {
    readonly name: string;
    readonly key: string;
    readonly labels: Labels;
    readonly index: number;
    readonly value: number | null;
    readonly field: FieldConfig;
    readonly stale: boolean;
    /** By field, thresholds or place. */
    color(theme: Theme): string;
}

function colorBy(value: number | null, field: FieldConfig, index: number): (theme: Theme) => string {
    return (theme) => {
        const own = field.color.mode === '' || field.color.mode.startsWith('palette') ? '' : display(value, field, theme).color;
        return own || findMapping(field.mappings, value)?.color?.replace(/^(?!#).*/, () => display(value, field, theme).color) || seriesStyle(index).color;
    };
}

function ofSeries(series: DataSeries, calc: string): Point {
    const { name, key, labels, index, field, stale } = series;
    const value = calc === 'lastNotNull' && series.last !== null && !series.values.length ? series.last : reduceValues(series.values, calc);
    return { name, key, labels, index, value, field, stale, color: colorBy(value, field, index) };
}

/** Rows of a table: the texts are the name, each number is a point. */
function ofTable({ columns, rows }: DataTable): Point[] {
    const numeric = columns.map((_, c) => rows.some((r) => typeof r[c] === 'number') && rows.every((r) => typeof r[c] !== 'string'));
    const isTime = (c: number) => /^time$/i.test(columns[c]!.name) || /^dateTime/.test(columns[c]!.field.unit);
    const values = columns.map((_, c) => c).filter((c) => numeric[c] && !isTime(c));
    const texts = columns.map((_, c) => c).filter((c) => !numeric[c]);
    return rows.flatMap((row, r) => values.map((c, i): Point => {
        const words = texts.map((t) => String(row[t] ?? '')).filter(Boolean).join(' ');
        const name = values.length > 1 ? [words, columns[c]!.name].filter(Boolean).join(' ') : words || columns[c]!.name;
        const value = typeof row[c] === 'number' ? row[c] : null, index = r * values.length + i, { field } = columns[c]!;
        const labels = Object.fromEntries(texts.map((t) => [columns[t]!.name, String(row[t] ?? '')]));
        return { name, key: `${r}/${c}`, labels, index, value, field, stale: false, color: colorBy(value, field, index) };
    }));
}

/** One number for each series, or for each row of a table. */
export function points(data: PanelData, model: PanelModel): Point[] {
    if (data.table)
        return ofTable(data.table);
    const calc = chosenCalc(model.options);
    return data.blocks.flatMap((b) => b.series.map((s) => ofSeries(s, calc)));
}

const places = new Map<string, number>();

/** Colour and state of a value in time; what no mapping or threshold knows gets a colour of its own. */
export function stateColor(value: number, { field }: Pick<DataSeries, 'field'>, theme: Theme): { color: string; status: Status | null; texture: number } {
    const { color, status } = display(value, field, theme);
    if (color)
        return { color, status, texture: 0 };
    const words = say(value, field);
    if (!places.has(words) && places.size < 1000)
        places.set(words, places.size);
    const place = places.get(words) ?? 0;
    return { color: seriesStyle(place).color, status: null, texture: place };
}
