/* data-links.ts - links of a value: where a tile, a bar or a line leads when it is clicked. */
import { h } from '../lib/h.ts';
import { menu } from '../menu.ts';
import type { FieldConfig } from '../model/types.ts';
import type { Labels } from '../../client/index.ts';
import type { PanelContext } from './base.ts';

export interface Linked {
    readonly name: string;
    readonly field: FieldConfig;
    readonly labels: Labels;
    readonly value: number | string | null;
    readonly text: string;
    /** ms since the epoch. */
    readonly time: number;
}

function facts(v: Linked): Record<string, string> {
    const value = String(v.value ?? '');
    return {
        '__value.raw': value, '__value.numeric': value, '__value.text': v.text, '__value.time': String(Math.round(v.time)),
        '__field.name': v.name, '__series.name': v.name, '__data.fields.Value': value,
        ...Object.fromEntries(Object.entries(v.labels).flatMap(([name, label]) => [[`__field.labels.${name}`, label], [`__data.fields.${name}`, label]])),
    };
}

const titleOf = (link: FieldConfig['links'][number], context: PanelContext) => context.interpolate(link.title) || link.url;

function whereTo({ name, field: { links } }: Linked, context: PanelContext): string {
    return links.length === 1 ? titleOf(links[0]!, context) : `Links of ${name}`;
}

/** Opens the one link there is, or asks which, below `anchor`. */
export function follow(v: Linked, context: PanelContext, anchor: HTMLElement): void {
    const open = (i: number) => {
        const link = v.field.links[i]!;
        context.services.open(context.href?.(link, facts(v)) ?? context.interpolate(link.url), link.newTab);
    };
    if (v.field.links.length === 1)
        open(0);
    else if (v.field.links.length)
        menu(anchor, v.field.links.map((l, i) => ({ label: titleOf(l, context), run: () => open(i) })), whereTo(v, context));
}

const newest = new WeakMap<HTMLElement, Linked>();

/** Makes an element lead where its value's links say; to be called with each new value. */
export function leads(root: HTMLElement, v: Linked, context: PanelContext): void {
    const on = v.field.links.length > 0 && !context.kiosk;
    if (on && !newest.has(root)) {
        const go = () => {
            const now = newest.get(root);
            if (now)
                follow(now, context, root);
        };
        root.addEventListener('click', go);
        root.addEventListener('keydown', (e) => {
            if (e.key === 'Enter' && e.target === root) {
                e.preventDefault();
                e.stopPropagation();
                go();
            }
        });
    }
    if (on) {
        newest.set(root, v);
        const to = whereTo(v, context);
        if (root.title !== to)
            root.title = to;
    }
    if (on === root.classList.contains('linked'))
        return;
    root.classList.toggle('linked', on);
    if (on) {
        root.tabIndex = 0;
        root.setAttribute('role', 'link'); /* what it shows is its name, so that it is never an old value */
    } else
        for (const name of ['tabindex', 'role', 'title'])
            root.removeAttribute(name);
}

/** A point of a chart to hang a menu on. */
export function pointIn(host: HTMLElement, x: number, y: number): HTMLElement {
    const known = host.querySelector<HTMLElement>(':scope > .link-point') ?? host.appendChild(h('span', { class: 'link-point', 'aria-hidden': 'true' }));
    known.style.left = `${x}px`;
    known.style.top = `${y}px`;
    return known;
}
