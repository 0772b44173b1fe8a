/* tooltip-view.ts - what lies under the pointer, beside it. */
import { h, put } from '../lib/h.ts';

const MAX_ROWS = 16;

export interface Tip {
    readonly title: string;
    readonly rows: readonly { readonly name: string; readonly value: string; readonly color: string; readonly strong?: boolean }[];
    /** CSS pixels in the panel. */
    readonly x: number;
    readonly y: number;
}

export class TooltipView {
    private readonly root = h('div', { class: 'tooltip', role: 'presentation', hidden: true });

    constructor(private readonly host: HTMLElement) {
        /* It may be larger than the panel. */
        document.body.append(this.root);
    }

    show({ title, rows, x, y }: Tip): void {
        const more = rows.length - MAX_ROWS;
        put(this.root, h('div', { class: 'tooltip-title' }, title), ...rows.slice(0, MAX_ROWS).map((r) =>
            h('div', { class: r.strong ? 'tooltip-row strong' : 'tooltip-row' }, h('span', { class: 'mark', style: { 'background-color': r.color } }), h('span', { class: 'name' }, r.name), h('span', { class: 'value' }, r.value))),
        more > 0 ? h('div', { class: 'tooltip-more' }, `and ${more} more`) : null);
        this.root.hidden = false;
        const box = this.host.getBoundingClientRect(), own = this.root.getBoundingClientRect();
        const left = box.left + x + 16, top = box.top + y + 12;
        this.root.style.left = `${Math.max(4, left + own.width > innerWidth - 8 ? box.left + x - own.width - 16 : left)}px`;
        this.root.style.top = `${Math.max(4, Math.min(top, innerHeight - own.height - 8))}px`;
    }

    hide(): void {
        this.root.hidden = true;
    }

    destroy(): void {
        this.root.remove();
    }
}
