/* inspect.ts - what is behind a panel: its queries, its data, its definition. */
import { formatValue } from './lib/format.ts';
import { h, put } from './lib/h.ts';
import { copy, dialog } from './menu.ts';
import type { JsonObject } from './model/types.ts';
import type { DataTable, PanelData } from './panels/base.ts';

const MAX_ROWS = 200;

export interface Inspected {
    readonly title: string;
    readonly source: JsonObject;
    readonly queries: readonly { readonly refId: string; readonly expr: string }[];
    readonly data: PanelData | null;
    readonly table: DataTable | null;
}

export function inspect(p: Inspected): void {
    const body = h('div', { class: 'inspect-body', tabindex: 0 });
    const tabs: [string, () => Node[]][] = [['Queries', () => queries(p)], ['Data', () => data(p)], ['JSON', () => [code(JSON.stringify(p.source, null, 2))]]];
    const buttons = tabs.map(([name, make]) => h('button', { type: 'button', class: 'tab', 'aria-pressed': 'false', onclick: (e: Event) => {
        buttons.forEach((b) => b.setAttribute('aria-pressed', String(b === e.currentTarget)));
        put(body, ...make());
    } }, name));
    dialog(`Inspect: ${p.title || 'panel'}`, h('div', { class: 'tabs' }, ...buttons), body).classList.add('wide');
    buttons[0]!.click();
}

function code(text: string): HTMLElement {
    const button = h('button', { type: 'button', class: 'button small', onclick: () => void copy(text).then((ok) => (button.textContent = ok ? 'Copied' : 'Not allowed')) }, 'Copy');
    return h('div', { class: 'code' }, button, h('pre', null, h('code', null, text)));
}

function queries({ queries: all, data: d }: Inspected): Node[] {
    if (!all.length)
        return [h('p', { class: 'dim' }, 'This panel asks nothing.')];
    return [...all.flatMap(({ refId, expr }) => {
        const block = d?.blocks.find((b) => b.refId === refId);
        const points = block?.times.length ?? 0;
        return [h('h3', null, refId, h('span', { class: 'dim' }, block ? ` ${block.series.length} series, ${points} ${points === 1 ? 'moment' : 'moments'}` : '')), code(expr)];
    }), d?.reason ? h('p', null, `${d.state}: ${d.reason}`) : h('span')];
}

function data({ table, data: d }: Inspected): Node[] {
    if (!table?.columns.length)
        return [h('p', { class: 'dim' }, d?.reason || 'There is no data.')];
    const csv = () => [table.columns.map((c) => c.name), ...table.rows].map((r) => r.map((v) => `"${String(v ?? '').replaceAll('"', '""')}"`).join(',')).join('\n');
    return [
        h('p', null, h('button', { type: 'button', class: 'button small', onclick: () => download('data.csv', csv(), 'text/csv') }, 'Download CSV'), h('span', { class: 'dim' }, ` ${table.rows.length} rows`)),
        h('table', { class: 'plain' }, h('thead', null, h('tr', null, ...table.columns.map((c) => h('th', { scope: 'col' }, c.name)))),
            h('tbody', null, ...table.rows.slice(0, MAX_ROWS).map((r) => h('tr', null, ...r.map((v, i) => h('td', { class: typeof v === 'number' ? 'figure' : '' }, typeof v === 'number' ? formatValue(v, table.columns[i]!.field.unit, table.columns[i]!.field.decimals) : (v ?? ''))))))),
        table.rows.length > MAX_ROWS ? h('p', { class: 'dim' }, `and ${table.rows.length - MAX_ROWS} more rows`) : h('span'),
    ];
}

export function download(name: string, text: string, type: string): void {
    const url = URL.createObjectURL(new Blob([text], { type }));
    h('a', { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
}
