/* legend-view.ts - names of series below or beside a chart: a list, or a table with figures. A click hides one, with Ctrl or Shift
 * all others. */
import { formatValue } from '../lib/format.ts';
import { h, text } from '../lib/h.ts';
import { calcId, calcName, reduceValues } from '../model/calcs.ts';
import type { Column } from './align.ts';
import type { DataSeries } from './base.ts';

export type LegendMode = 'hidden' | 'list' | 'table';

const FIGURES_MS = 500; /* digits that change faster cannot be read */
const MAX_ENTRIES = 100;
const LEAST_NAME = 64; /* px */

/** Of a table: by the heading of a column; what has no figure comes last. */
export interface LegendSort {
    readonly by: string;
    readonly desc: boolean;
}

interface Row {
    readonly root: HTMLElement;
    readonly mark: HTMLElement;
    readonly name: HTMLElement;
    readonly cells: readonly HTMLElement[];
}

export class LegendView {
    readonly root: HTMLElement;
    readonly calcs: readonly string[];
    private readonly body: HTMLElement;
    private rows: Row[] = [];
    private shown: readonly DataSeries[] = [];
    private figuresAt = -Infinity;
    private room = 0;
    private ranks = new Map<string, number>();

    constructor(private readonly mode: LegendMode, calcs: readonly string[], private readonly toggle: (key: string, only: boolean) => void,
        private readonly sort: LegendSort | null = null) {
        this.calcs = mode === 'hidden' ? [] : calcs;
        const table = mode === 'table';
        this.body = table ? h('tbody') : h('ul', { class: 'legend-list' });
        this.root = h('div', { class: `legend ${mode}`, hidden: mode === 'hidden' }, table
            ? h('table', null, h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Name'), ...this.calcs.map((c) => h('th', { scope: 'col', class: 'figure' }, calcName(c))))), this.body)
            : this.body);
    }

    update(series: readonly DataSeries[], colors: readonly string[], hidden: ReadonlySet<string>, raw: readonly Column[]): void {
        if (this.mode === 'hidden')
            return;
        this.root.hidden = series.length === 0;
        const found = series.filter((s) => !(s.field.custom['hideFrom'] as { legend?: boolean } | undefined)?.legend);
        const figures = performance.now() - this.figuresAt > FIGURES_MS || Math.min(MAX_ENTRIES, found.length) !== this.shown.length;
        const all = this.inOrder(found, (s) => raw[series.indexOf(s)], figures).slice(0, MAX_ENTRIES);
        while (this.rows.length < all.length)
            this.rows.push(this.addRow(this.rows.length));
        this.rows.splice(all.length).forEach((r) => r.root.remove());
        this.shown = all;
        all.forEach((s, i) => {
            const row = this.rows[i]!;
            text(row.name, s.stale ? `${s.name} (stale)` : s.name);
            row.mark.style.backgroundColor = colors[series.indexOf(s)] ?? '';
            row.root.querySelector('button')!.setAttribute('aria-pressed', String(!hidden.has(s.key)));
            if (figures && this.calcs.length) {
                const column = raw[series.indexOf(s)];
                const values = Float64Array.from(column ?? [], (v) => v ?? NaN);
                this.calcs.forEach((c, k) => text(row.cells[k]!, this.figure(formatValue(reduceValues(values, c), s.field.unit, s.field.decimals), c)));
            }
        });
        if (figures)
            this.figuresAt = performance.now();
    }

    private inOrder(found: readonly DataSeries[], columnOf: (s: DataSeries) => Column | undefined, anew: boolean): readonly DataSeries[] {
        if (this.mode !== 'table' || !this.sort?.by)
            return found;
        const { by, desc } = this.sort, sign = desc ? -1 : 1, id = calcId(by);
        if (!id)
            return by === 'Name' ? [...found].sort((a, b) => sign * a.name.localeCompare(b.name, undefined, { numeric: true })) : found;
        if (anew)
            this.ranks = new Map(found.map((s) => [s.key, reduceValues(Float64Array.from(columnOf(s) ?? [], (v) => v ?? NaN), id) ?? NaN]));
        const rank = (s: DataSeries): number => {
            const v = sign * (this.ranks.get(s.key) ?? NaN);
            return Number.isNaN(v) ? Infinity : v;
        };
        return [...found].sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
    }

    /** Beside a chart the names give way, not the figures. `room`: width of both; with another the names may be whole again. */
    narrow(room: number): void {
        const { root } = this, cell = this.rows[0]?.root.firstElementChild as HTMLElement | undefined;
        if (this.mode !== 'table' || !cell)
            return;
        if (room !== this.room)
            root.style.removeProperty('--name');
        this.room = room;
        const over = root.scrollWidth - root.clientWidth;
        if (over > 0)
            root.style.setProperty('--name', `${Math.max(LEAST_NAME, cell.offsetWidth - over)}px`);
    }

    private figure(value: string, calc: string): string {
        return this.mode === 'table' ? value : `${calcName(calc)} ${value}`;
    }

    private addRow(i: number): Row {
        const mark = h('span', { class: 'mark' }), name = h('span', { class: 'name' });
        const button = h('button', { type: 'button', 'aria-pressed': 'true', title: 'Click hides, Ctrl-click shows it alone',
            onclick: (e: MouseEvent) => this.toggle(this.shown[i]!.key, e.ctrlKey || e.metaKey || e.shiftKey) }, mark, name);
        const table = this.mode === 'table';
        const cells = this.calcs.map(() => (table ? h('td', { class: 'figure' }) : h('span', { class: 'figure' })));
        const root = table ? h('tr', null, h('td', null, button), ...cells) : h('li', null, button, ...cells);
        this.body.append(root);
        return { root, mark, name, cells };
    }
}
