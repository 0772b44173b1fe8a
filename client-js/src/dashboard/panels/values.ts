/* values.ts - the numbers of a panel that shows numbers: one per series, reduced, or one per row of a table. */
import type { Status, Theme } from '../lib/color.ts';
import { chosenCalc, reduceValues } from '../model/calcs.ts';
import { display, type Display } from '../model/display.ts';
import { toRegExp } from '../model/field.ts';
import { at, bool, numberOr, object, string } from '../model/json.ts';
import type { FieldConfig, PanelModel } from '../model/types.ts';
import { worstOf } from '../overall.ts';
import type { DataSeries, PanelContext, PanelData } from './base.ts';
import type { Linked } from './data-links.ts';

export interface Shown {
    readonly key: string;
    readonly name: string;
    readonly value: number | string | null;
    readonly display: Display;
    readonly field: FieldConfig;
    readonly stale: boolean;
    readonly lastTime: number;
    /** null: of a table. */
    readonly series: DataSeries | null;
    readonly min: number;
    readonly max: number;
}

const MAX_SHOWN = 100;

/** Limits of a scale: as configured; else of 0 to 1 or 100 for percent; else from the values. */
export function limits(field: FieldConfig, values: Iterable<number | string | null>): { min: number; max: number } {
    const natural = field.unit === 'percentunit' ? 1 : field.unit === 'percent' ? 100 : null;
    let least = 0, most = -Infinity;
    if (natural === null && (field.min === null || field.max === null))
        for (const v of values)
            if (typeof v === 'number' && Number.isFinite(v))
                [least, most] = [Math.min(least, v), Math.max(most, v)];
    const min = field.min ?? least;
    const max = field.max ?? natural ?? Math.max(min + 1e-9, most);
    return { min, max: max > min ? max : min + 1 };
}

function reduced(s: DataSeries, calc: string): number | null {
    if (calc === 'lastNotNull' || calc === 'last')
        return s.last ?? (calc === 'lastNotNull' ? reduceValues(s.values, calc) : null);
    return s.values.length ? reduceValues(s.values, calc) : s.last;
}

/** What a panel shows, formatted. */
export function shownValues(data: PanelData, model: PanelModel, theme: Theme, now: number): Shown[] {
    const reduce = object(model.options['reduceOptions']);
    const limit = bool(reduce['values']) ? numberOr(reduce['limit'], 25) : MAX_SHOWN;
    const only = string(reduce['fields']) ? toRegExp(string(reduce['fields'])) : null;
    const found = data.table ? fromTable(data) : fromSeries(data, chosenCalc(model.options));
    const raw = (only && ofFields(data, only, found)) || found;
    const all = raw.slice(0, Math.min(limit, MAX_SHOWN));
    /* What is not to be coloured is not judged: exports have thresholds at every number, wanted or not. */
    const judges = model.type !== 'stat' || model.options['colorMode'] !== 'none';
    const common = limits(model.defaults, raw.map((r) => r.value));
    return all.map((r, i) => {
        const { min, max } = r.field.min !== null || r.field.max !== null || r.field !== model.defaults ? limits(r.field, raw.map((x) => x.value)) : common;
        const shown = display(r.value, r.field, theme, { min, max, now, index: r.series?.index ?? i });
        return { ...r, min, max, display: judges ? shown : { ...shown, status: null } };
    });
}

/** How bad it is, by the thresholds. */
export const worstValue = (data: PanelData | null, context: PanelContext): Status | null =>
    data && worstOf(shownValues(data, context.model, context.theme.get(), data.to).map((s) => (s.stale ? null : s.display.status)));

type Raw = Omit<Shown, 'display' | 'min' | 'max'>;

function fromSeries(data: PanelData, calc: string): Raw[] {
    return data.blocks.flatMap((b) => b.series).filter((s) => s.last !== null || s.values.some((v) => !Number.isNaN(v))).map((s) => ({
        key: s.key, name: s.name, value: reduced(s, calc), field: s.field, stale: s.stale, lastTime: s.lastTime, series: s,
    }));
}

/**
 * Only the fields of that name: series; or labels and values of `format: table`, of the last row, texts too ("/^version$/").
 * null: there are none.
 */
function ofFields(data: PanelData, only: RegExp, found: readonly Raw[]): Raw[] | null {
    const named = found.filter((r) => only.test(r.series?.name ?? r.key.slice(r.key.indexOf(':') + 1)));
    if (named.length)
        return named;
    const labels = data.table ? fromTexts(data, only) : data.blocks.filter((b) => b.format === 'table').flatMap((b) => {
        const s = b.series.findLast((x) => x.last !== null);
        return s ? Object.keys(s.labels).filter((label) => only.test(label)).map((label): Raw => ({
            key: `${s.key} ${label}`, name: label, value: s.labels[label]!, field: s.field, stale: s.stale, lastTime: s.lastTime, series: null,
        })) : [];
    });
    return labels.length ? labels : null;
}

function fromTexts(data: PanelData, only: RegExp): Raw[] {
    const { columns, rows } = data.table!, last = rows.at(-1);
    return last ? columns.flatMap((c, i): Raw[] => (only.test(c.name) ? [{ key: c.name, name: c.name, value: last[i] ?? null, field: c.field, stale: false, lastTime: 0, series: null }] : [])) : [];
}

/** What its links may name. */
export const linkedOf = (s: Shown): Linked => ({ name: s.name, field: s.field, labels: s.series?.labels ?? {}, value: s.value, text: s.display.full, time: s.lastTime });

/** Every number of every row, named by the row's text. */
function fromTable(data: PanelData): Raw[] {
    const { columns, rows } = data.table!;
    const numeric = columns.map((c, i) => ({ c, i })).filter(({ c, i }) => !c.field.unit.startsWith('dateTime') && rows.some((r) => typeof r[i] === 'number'));
    const naming = columns.findIndex((c, i) => rows.some((r) => typeof r[i] === 'string') && c.name !== '');
    return rows.flatMap((row, r) => numeric.map(({ c, i }) => ({
        key: `${r}:${c.name}`, name: naming < 0 ? c.name : numeric.length > 1 ? `${row[naming] ?? ''} ${c.name}` : String(row[naming] ?? c.name),
        value: row[i] ?? null, field: c.field, stale: false, lastTime: 0, series: null,
    })));
}

/** Place of several tiles in a box: as near to the wanted shape of one as can be. */
export function tiles(n: number, width: number, height: number, orientation: string, aspect = 2.2): { columns: number; rows: number } {
    if (orientation === 'horizontal')
        return { columns: 1, rows: n };
    if (orientation === 'vertical')
        return { columns: n, rows: 1 };
    let best = { columns: 1, rows: n }, worst = Infinity;
    for (let columns = 1; columns <= n; columns++) {
        const rows = Math.ceil(n / columns);
        const badness = Math.abs(Math.log((width / columns) / (height / rows) / aspect)) + 0.25 * (columns * rows - n) / n;
        if (badness < worst) {
            worst = badness;
            best = { columns, rows };
        }
    }
    return best;
}

/** Size in CSS pixels at which text of so many letters fits. */
export const fitText = (letters: number, width: number, height: number, max = 96): number =>
    Math.max(11, Math.min(max, Math.floor(height), Math.floor(width / (0.62 * Math.max(2, letters)))));

export const orientationOf = (model: PanelModel): string => string(at(model.options, 'orientation'), 'auto');
