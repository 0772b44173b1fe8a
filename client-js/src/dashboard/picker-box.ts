/* picker-box.ts - dashboards to choose from: search by words, ordered by level. */
import type { Stored } from './api.ts';
import { HOME, type App } from './app.ts';
import { levelOf, plainTags } from './crumbs.ts';
import { h, put } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { popover } from './menu.ts';

export const LEVELS = [['overview', 'Overview'], ['domain', 'Domain'], ['drilldown', 'Drill-down'], ['custom', 'Custom']] as const;

export const hrefOf = (d: Stored): string => (d.uid === HOME ? '/' : `/d/${encodeURIComponent(d.uid)}`);

/** Every word is in the title or a tag. */
export function matching(all: readonly Stored[], words: string): Stored[] {
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((d) => wanted.every((w) => `${d.title} ${d.tags.join(' ')} ${d.uid}`.toLowerCase().includes(w)));
}

export function pickDashboard(anchor: HTMLElement, app: App): void {
    const field = h('input', { type: 'search', placeholder: 'Search dashboards', 'aria-label': 'Search dashboards', autocomplete: 'off', spellcheck: 'false' });
    const list = h('div', { class: 'picker-list' });
    const content = h('section', { class: 'picker-box', role: 'dialog' }, h('div', { class: 'picker-search' }, icon(ICONS.search), field), list,
        h('footer', null, h('a', { href: '/dashboards' }, 'All dashboards')));
    const fill = () => {
        const found = matching(app.dashboards.get(), field.value);
        put(list, ...LEVELS.map(([level, name]) => {
            const here = found.filter((d) => levelOf(d.tags) === level);
            return here.length ? h('section', null, h('h3', null, name), ...here.map((d) => entry(app, d))) : null;
        }), found.length ? null : h('p', { class: 'nothing' }, 'No dashboard matches.'));
    };
    fill();
    field.addEventListener('input', fill);
    content.addEventListener('keydown', (e) => {
        const links = [...list.querySelectorAll('a')];
        const i = links.indexOf(document.activeElement as HTMLAnchorElement);
        if (e.key === 'ArrowDown')
            links[Math.min(links.length - 1, i + 1)]?.focus();
        else if (e.key === 'ArrowUp')
            (i > 0 ? links[i - 1] : field)?.focus();
        else if (e.key === 'Enter' && document.activeElement === field)
            links[0]?.click();
        else
            return;
        e.preventDefault();
    });
    popover(anchor, content, { label: 'Dashboards' });
    field.focus();
}

function entry(app: App, d: Stored): HTMLElement {
    const here = app.page.get()?.dashboard.uid === d.uid;
    return h('a', { class: 'picker-entry', href: hrefOf(d), 'aria-current': here ? 'page' : null }, h('span', null, d.title), ...plainTags(d.tags).slice(0, 3).map((t) => h('span', { class: 'tag' }, t)));
}
