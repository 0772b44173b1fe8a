/* table.ts - rows and columns. Only the rows that can be seen exist; they are used again as one scrolls. */
import { inkOn } from '../lib/color.ts';
import { glyph } from '../lib/glyph.ts';
import { h, put, text } from '../lib/h.ts';
import { calcName, reduceValues } from '../model/calcs.ts';
import { display } from '../model/display.ts';
import { at, bool, number, objects, string, strings } from '../model/json.ts';
import { sortRows } from '../model/transform.ts';
import type { DataTable, Panel, PanelContext, PanelData, PanelFactory } from './base.ts';
import { sentence } from './describe.ts';
import { limits } from './values.ts';

const ROW = { sm: 26, md: 32, lg: 42 } as const;
const SPARE = 3; /* rows beyond each edge */
const NARROW = 60;

type Column = DataTable['columns'][number] & { readonly source: number; readonly low: number; readonly high: number; readonly numeric: boolean };

class Cell {
    readonly root = h('td');
    private readonly bar = h('span', { class: 'cell-bar', 'aria-hidden': 'true' });
    private readonly mark = h('span', { class: 'cell-mark' });
    private readonly words = h('span', { class: 'cell-text' });
    private link: HTMLAnchorElement | null = null;
    private status: string | null = null;

    constructor() {
        this.root.append(this.bar, this.mark, this.words);
    }

    draw(value: string | number | null, c: Column, context: PanelContext, row: DataTable['rows'][number]): void {
        const theme = context.theme.get();
        const d = display(value, c.field, theme, { min: c.low, max: c.high });
        const type = cellType(c);
        const { style } = this.root;
        text(this.words, d.full);
        this.root.title = d.full.length > 24 ? d.full : '';
        this.root.className = `${c.numeric ? 'figure' : ''} ${type && `cell-${type}`}`;
        const background = type.startsWith('color-background') && d.color.startsWith('#');
        style.backgroundColor = background ? d.color : '';
        style.color = background ? inkOn(d.color) : type === 'color-text' && d.color ? d.color : '';
        this.bar.hidden = type !== 'gauge' || typeof value !== 'number';
        if (!this.bar.hidden) {
            this.bar.style.width = `${(100 * d.part).toFixed(1)}%`;
            this.bar.style.backgroundColor = d.color || theme.dim;
        }
        const status = type === '' ? null : d.status;
        if (status !== this.status) {
            this.status = status;
            put(this.mark, status ? glyph(status, status) : null);
        }
        this.root.style.setProperty('--mark', background ? inkOn(d.color) : d.color);
        this.root.style.setProperty('--cell', background ? d.color : 'var(--panel)');
        this.drawLink(c, context, value, row);
    }

    private drawLink(c: Column, context: PanelContext, value: string | number | null, row: DataTable['rows'][number]): void {
        const first = c.field.links[0];
        if (!first) {
            if (this.link) {
                this.root.append(this.words);
                this.link.remove();
                this.link = null;
            }
            return;
        }
        if (!this.link) {
            this.link = h('a');
            this.words.replaceWith(this.link);
            this.link.append(this.words);
            this.link.addEventListener('click', (e) => {
                e.preventDefault();
                context.services.open(this.link!.getAttribute('href')!, this.link!.target === '_blank' || e.ctrlKey || e.metaKey);
            });
        }
        const facts: Record<string, string> = { '__value.raw': String(value ?? ''), '__value.text': this.words.textContent ?? '', '__value.numeric': String(value ?? ''), '__field.name': c.name, '__series.name': c.name };
        this.names.forEach((name, i) => (facts[`__data.fields.${name}`] = facts[`__data.fields["${name}"]`] = facts[`__data.fields[${i}]`] = String(row[i] ?? '')));
        this.link.setAttribute('href', context.href?.(first, facts) ?? context.interpolate(first.url));
        this.link.target = first.newTab ? '_blank' : '';
    }

    names: readonly string[] = [];
}

function cellType(c: Column): string {
    const custom = c.field.custom;
    const type = string(at(custom, 'cellOptions.type')) || string(custom['displayMode']);
    switch (type) {
    case 'color-text': case 'color-background': case 'gauge': return type;
    case 'color-background-solid': return 'color-background';
    case 'basic': case 'gradient-gauge': case 'lcd-gauge': return 'gauge';
    default: return '';
    }
}

class Table implements Panel {
    private readonly head = h('tr');
    private readonly body = h('tbody');
    private readonly foot = h('tfoot');
    private readonly above = h('tr', { class: 'spacer', 'aria-hidden': 'true' });
    private readonly below = h('tr', { class: 'spacer', 'aria-hidden': 'true' });
    private readonly element = h('table', null);
    private readonly scroller = h('div', { class: 'table-scroll', tabindex: 0, role: 'group' });
    private readonly rows: { root: HTMLTableRowElement; cells: Cell[] }[] = [];
    private data: PanelData | null = null;
    private columns: Column[] = [];
    private columnsKey = '';
    private sort: { name: string; desc: boolean } | null = null;
    private height = 0;
    private readonly rowHeight: number;

    constructor(host: HTMLElement, private readonly context: PanelContext) {
        const { options } = context.model;
        host.classList.add('table-panel');
        this.rowHeight = ROW[string(options['cellHeight'], 'sm') as keyof typeof ROW] ?? ROW.sm;
        const [first] = objects(options['sortBy']);
        this.sort = first ? { name: string(first['displayName']), desc: bool(first['desc']) } : null;
        this.element.append(h('thead', { hidden: options['showHeader'] === false }, this.head), this.body, this.foot);
        this.element.style.setProperty('--row', `${this.rowHeight}px`);
        this.scroller.append(this.element);
        this.scroller.setAttribute('aria-label', `Rows of ${context.interpolate(context.model.title) || 'the table'}`);
        host.append(this.scroller);
        this.scroller.addEventListener('scroll', () => context.invalidate(), { passive: true });
        context.theme.on(() => context.invalidate(), { signal: context.signal });
    }

    update(data: PanelData): void {
        this.data = data;
    }

    resize(_: number, height: number): void {
        this.height = height;
    }

    draw(): void {
        const table = this.data?.table;
        if (!table)
            return;
        this.build(table);
        const order = this.order(table);
        const first = Math.max(0, Math.floor(this.scroller.scrollTop / this.rowHeight) - SPARE);
        const count = Math.min(order.length - first, Math.ceil(this.height / this.rowHeight) + 2 * SPARE);
        while (this.rows.length < count)
            this.rows.push(this.addRow());
        this.rows.splice(Math.max(0, count)).forEach((r) => r.root.remove());
        this.above.style.height = `${first * this.rowHeight}px`;
        this.below.style.height = `${Math.max(0, order.length - first - count) * this.rowHeight}px`;
        const names = table.columns.map((c) => c.name);
        this.rows.forEach(({ cells, root }, i) => {
            const row = table.rows[order[first + i]!]!;
            root.ariaRowIndex = String(first + i + 2);
            this.columns.forEach((c, k) => {
                cells[k]!.names = names;
                cells[k]!.draw(row[c.source] ?? null, c, this.context, row);
            });
        });
        this.footer(table);
    }

    private order(table: DataTable): number[] {
        const by = this.sort ? table.columns.findIndex((c) => c.name === this.sort!.name) : -1;
        return by < 0 ? table.rows.map((_, i) => i) : sortRows(table.rows.map((r) => r[by] ?? null), this.sort!.desc);
    }

    private build(table: DataTable): void {
        const shown = table.columns.map((c, source) => ({ ...c, source })).filter((c) => !bool(c.field.custom['hidden']) && !bool(at(c.field.custom, 'hideFrom.viz')));
        this.columns = shown.map((c) => {
            const values = table.rows.map((r) => r[c.source] ?? null);
            const { min, max } = cellType(c as Column) ? limits(c.field, values) : { min: 0, max: 100 };
            return { ...c, low: min, high: max, numeric: values.some((v) => typeof v === 'number') && !c.field.unit.startsWith('dateTime') };
        });
        const key = JSON.stringify([this.columns.map((c) => [c.name, c.numeric]), this.sort]);
        if (key === this.columnsKey)
            return;
        this.columnsKey = key;
        this.rows.splice(0);
        this.body.replaceChildren(this.above, this.below);
        this.head.replaceChildren(...this.columns.map((c) => this.header(c)));
    }

    private header(c: Column): HTMLElement {
        const sorted = this.sort?.name === c.name ? this.sort : null;
        const width = number(c.field.custom['width']);
        return h('th', {
            scope: 'col', class: c.numeric ? 'figure' : '', 'aria-sort': sorted ? (sorted.desc ? 'descending' : 'ascending') : null, style: width ? { width: `${Math.max(NARROW, width)}px` } : {},
        }, h('button', { type: 'button', onclick: () => this.sortBy(c.name) }, c.name, h('span', { class: 'sort', 'aria-hidden': 'true' }, sorted ? (sorted.desc ? ' ▼' : ' ▲') : '')));
    }

    /** Descending, ascending, as it comes. */
    private sortBy(name: string): void {
        this.sort = this.sort?.name !== name ? { name, desc: true } : this.sort.desc ? { name, desc: false } : null;
        this.context.invalidate();
    }

    private addRow(): { root: HTMLTableRowElement; cells: Cell[] } {
        const cells = this.columns.map(() => new Cell());
        const root = h('tr', null, ...cells.map((c) => c.root));
        this.body.insertBefore(root, this.below);
        return { root, cells };
    }

    private footer(table: DataTable): void {
        const footer = this.context.model.options['footer'];
        if (!bool(at(footer, 'show'))) {
            this.foot.replaceChildren();
            return;
        }
        const reducer = strings(at(footer, 'reducer'))[0] ?? 'sum', only = strings(at(footer, 'fields'));
        put(this.foot, h('tr', null, ...this.columns.map((c, i) => {
            const counted = c.numeric && (!only.length || only.includes(c.name));
            const value = counted ? reduceValues(table.rows.map((r) => (typeof r[c.source] === 'number' ? (r[c.source] as number) : NaN)), reducer) : null;
            return h('td', { class: c.numeric ? 'figure' : '' }, value === null ? (i === 0 ? calcName(reducer) : '') : display(value, { ...c.field, mappings: [] }, this.context.theme.get()).full);
        })));
    }

    describe(): string {
        const table = this.data?.table;
        const title = this.context.interpolate(this.context.model.title) || 'Table';
        return table ? `${title}: table of ${table.rows.length} rows, ${table.columns.map((c) => c.name).join(', ')}.` : `${title}: ${sentence(this.data?.reason || 'no data')}`;
    }

    table(): DataTable | null {
        return null;
    }

    destroy(): void {
        this.scroller.remove();
    }
}

export const panel: PanelFactory = (host, context) => new Table(host, context);
