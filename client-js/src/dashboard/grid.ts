/* grid.ts - the panels of a dashboard on their 24 columns: made, kept while they stay the same, and destroyed. */
import { h } from './lib/h.ts';
import { layout, type Section } from './model/layout.ts';
import type { Dashboard, PanelModel } from './model/types.ts';
import type { Variables } from './model/vars.ts';
import type { Judged } from './overall.ts';
import { PanelHost, type HostEnvironment } from './panel-host.ts';

const NEAR = '200px';

export class Grid {
    readonly root = h('div', { class: 'grid' });
    private readonly hosts = new Map<string, PanelHost>();
    private readonly folded = new Set<number>();
    private readonly seen: IntersectionObserver;
    private viewed: number | null = null;
    private variables: Variables = new Map();

    constructor(private readonly dashboard: Dashboard, private readonly env: HostEnvironment, private readonly announce: (text: string) => void) {
        for (const p of dashboard.panels)
            if (p.type === 'row' && p.collapsed)
                this.folded.add(p.id);
        this.seen = new IntersectionObserver((entries) => {
            for (const e of entries) {
                const host = this.hostOf(e.target);
                if (host)
                    host.visible = e.isIntersecting;
            }
        }, { rootMargin: NEAR });
    }

    get panels(): readonly PanelHost[] {
        return [...this.hosts.values()];
    }

    /** What the panels show by their thresholds. */
    get judged(): Judged[] {
        return this.panels.filter((p) => p.root.isConnected).map((p) => p.judged).filter((j) => j !== null);
    }

    hostOf(element: Element | null): PanelHost | null {
        const root = element?.closest('.panel');
        return root ? (this.panels.find((p) => p.root === root) ?? null) : null;
    }

    /** Full view of one panel; null: all. */
    set view(id: number | null) {
        this.viewed = id;
        this.show(this.variables);
    }

    show(variables: Variables): void {
        this.variables = variables;
        const focused = document.activeElement as HTMLElement | null;
        const sections = layout(this.dashboard.panels, variables);
        const wanted = new Map<string, PanelHost>();
        const parts: HTMLElement[] = [];
        for (const section of this.viewed === null ? sections : this.only(sections)) {
            if (section.row && this.viewed === null)
                parts.push(this.rowTitle(section.row, section.panels.length));
            if (section.row && this.folded.has(section.row.id) && this.viewed === null)
                continue;
            parts.push(h('div', { class: 'section' }, ...section.panels.map((placed) => {
                const known = this.hosts.get(placed.key);
                const host = known?.placed.model.type === placed.model.type ? known : new PanelHost(placed, this.env);
                wanted.set(placed.key, host);
                const { x, y, w, h: height } = placed.model.gridPos;
                const { style } = host.root;
                style.gridColumn = this.viewed === null ? `${x + 1} / span ${w}` : '1 / -1';
                style.gridRow = this.viewed === null ? `${y + 1} / span ${height}` : '1 / -1';
                return host.root;
            })));
        }
        if (this.viewed !== null) /* the others are out of sight, and keep what they know */
            this.hosts.forEach((host, key) => wanted.has(key) || wanted.set(key, host));
        for (const [key, host] of this.hosts)
            if (wanted.get(key) !== host) {
                this.seen.unobserve(host.root);
                host.destroy();
            }
        this.hosts.clear();
        wanted.forEach((host, key) => this.hosts.set(key, host));
        this.root.classList.toggle('one', this.viewed !== null);
        this.root.replaceChildren(...parts);
        if (focused && this.root.contains(focused)) /* it has moved, and would lose the focus */
            focused.focus({ preventScroll: true });
        wanted.forEach((host) => {
            if (!host.root.isConnected)
                host.visible = false;
            this.seen.observe(host.root);
        });
        if (!parts.length)
            this.root.append(h('p', { class: 'nothing' }, 'This dashboard has no panels.'));
    }

    private only(sections: readonly Section[]): Section[] {
        const found = sections.flatMap((s) => s.panels).filter((p) => p.model.id === this.viewed).slice(0, 1);
        return found.length ? [{ row: null, panels: found }] : [...sections];
    }

    private rowTitle(row: PanelModel, panels: number): HTMLElement {
        const folded = this.folded.has(row.id);
        return h('h2', { class: 'row-title' }, h('button', { type: 'button', 'aria-expanded': String(!folded), onclick: () => this.fold(row) },
            h('span', { class: 'fold', 'aria-hidden': 'true' }, folded ? '▸' : '▾'), row.title, folded ? h('span', { class: 'dim' }, ` ${panels} panels`) : null));
    }

    private fold(row: PanelModel): void {
        if (!this.folded.delete(row.id))
            this.folded.add(row.id);
        const folded = this.folded.has(row.id);
        this.show(this.variables);
        this.announce(`${row.title || 'Row'} ${folded ? 'folded' : 'unfolded'}`);
        [...this.root.querySelectorAll<HTMLButtonElement>('.row-title button')].find((b) => b.textContent?.includes(row.title))?.focus();
    }

    refresh(): void {
        this.hosts.forEach((host) => host.refresh());
    }

    tick(): void {
        this.hosts.forEach((host) => host.tick());
    }

    /** Moves the focus to the nearest panel in a direction. */
    move(key: string): boolean {
        const here = (document.activeElement as HTMLElement | null)?.closest('.panel');
        const all = this.panels.map((p) => p.root).filter((root) => root.isConnected);
        if (!all.length)
            return false;
        if (!here) {
            all[0]!.focus();
            return true;
        }
        const a = here.getBoundingClientRect();
        const horizontal = key === 'ArrowLeft' || key === 'ArrowRight';
        const sign = key === 'ArrowRight' || key === 'ArrowDown' ? 1 : -1;
        let best: HTMLElement | null = null, least = Infinity;
        for (const other of all) {
            const b = other.getBoundingClientRect();
            const dx = (b.left + b.right - a.left - a.right) / 2, dy = (b.top + b.bottom - a.top - a.bottom) / 2;
            const along = sign * (horizontal ? dx : dy), across = Math.abs(horizontal ? dy : dx);
            if (other === here || along <= 4)
                continue;
            const far = along + 2 * across;
            if (far < least) {
                least = far;
                best = other;
            }
        }
        best?.focus();
        best?.scrollIntoView({ block: 'nearest' });
        return true;
    }

    destroy(): void {
        this.seen.disconnect();
        this.hosts.forEach((host) => host.destroy());
        this.hosts.clear();
        this.root.remove();
    }
}
