/* crumbs.ts - where we are: overview › domain › drill-down, by the tags dashboards have in common. */
import type { Stored } from './api.ts';
import { HOME, type App } from './app.ts';
import { h, put } from './lib/h.ts';
import type { Dashboard } from './model/types.ts';

const RANK = ['overview', 'domain', 'drilldown', 'custom'] as const;

export const levelOf = (tags: readonly string[]): (typeof RANK)[number] =>
    RANK.find((level) => tags.includes(`level:${level}`)) ?? 'custom';

export const plainTags = (tags: readonly string[]): string[] => tags.filter((t) => !t.startsWith('level:'));

/** What lies above a dashboard: at each higher level the one it shares most tags with. */
export function ancestors(d: Pick<Dashboard, 'uid' | 'tags' | 'level'>, all: readonly Stored[]): Stored[] {
    const mine = new Set(plainTags(d.tags));
    const shared = (s: Stored) => plainTags(s.tags).filter((t) => mine.has(t)).length;
    const rank = RANK.indexOf(d.level);
    const out: Stored[] = [];
    for (const level of RANK.slice(0, rank)) {
        const best = all.filter((s) => s.uid !== d.uid && levelOf(s.tags) === level && shared(s) > 0).sort((a, b) => shared(b) - shared(a))[0];
        if (best)
            out.push(best);
    }
    const home = all.find((s) => s.uid === HOME);
    if (home && d.uid !== HOME && out.every((s) => levelOf(s.tags) !== 'overview') && rank > 0)
        out.unshift(home);
    return out;
}

export class Crumbs {
    readonly root = h('nav', { class: 'crumbs', 'aria-label': 'Breadcrumb' });

    constructor(private readonly app: App) {
        app.page.on(() => this.draw());
        app.dashboards.on(() => this.draw());
    }

    private draw(): void {
        const page = this.app.page.get();
        const above = page ? ancestors(page.dashboard, this.app.dashboards.get()) : [];
        put(this.root, above.map((s) => [h('a', { href: s.uid === HOME ? '/' : `/d/${encodeURIComponent(s.uid)}` }, s.title), h('span', { 'aria-hidden': 'true' }, '›')]));
        this.root.hidden = !above.length;
    }
}

/** One level up. */
export function upwards(app: App): void {
    const page = app.page.get();
    if (page?.view.get() !== null && page)
        return page.setView(null);
    const above = page ? ancestors(page.dashboard, app.dashboards.get()).at(-1) : null;
    app.router.go(above && above.uid !== HOME ? `/d/${encodeURIComponent(above.uid)}` : '/');
}
