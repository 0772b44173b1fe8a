/* list.ts - the page /dashboards: all of them, by level, by words, by tag. */
import type { Stored } from './api.ts';
import type { App } from './app.ts';
import { levelOf, plainTags } from './crumbs.ts';
import { h, put } from './lib/h.ts';
import { hrefOf, LEVELS, matching } from './picker-box.ts';

export function dashboardList(app: App, search: URLSearchParams, signal: AbortSignal): HTMLElement {
    const tags = new Set(search.getAll('tag'));
    const field = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search dashboards', autocomplete: 'off', spellcheck: 'false', value: search.get('q') ?? '' });
    const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Tags' });
    const list = h('div', { class: 'boards' });
    const change = () => {
        const s = new URLSearchParams([...[...tags].map((t): [string, string] => ['tag', t]), ...(field.value ? [['q', field.value] as [string, string]] : [])]);
        app.router.replace(s);
        fill();
    };
    const fill = () => {
        const all = app.dashboards.get();
        const known = [...new Set([...all.flatMap((d) => plainTags(d.tags)), ...tags])].sort();
        put(chips, ...known.map((t) => h('button', { type: 'button', class: 'chip', 'aria-pressed': String(tags.has(t)), onclick: () => {
            if (!tags.delete(t))
                tags.add(t);
            change();
        } }, t)));
        const found = matching(all, field.value).filter((d) => [...tags].every((t) => d.tags.includes(t)));
        put(list, ...LEVELS.map(([level, name]) => {
            const here = found.filter((d) => levelOf(d.tags) === level);
            return here.length ? h('section', null, h('h2', null, name), h('ul', null, ...here.map(card))) : null;
        }), found.length ? null : h('p', { class: 'nothing' }, all.length ? 'No dashboard matches.' : 'There are no dashboards.'));
    };
    field.addEventListener('input', change);
    app.dashboards.on(fill, { signal, now: true });
    return h('div', { class: 'list-page' },
        h('div', { class: 'list-head' }, h('h1', null, 'Dashboards'), field, h('button', { type: 'button', class: 'button', onclick: () => void import('./editor.ts').then((m) => m.importDialog(app)) }, 'Import …')), chips, list);
}

function card(d: Stored): HTMLElement {
    return h('li', null, h('a', { class: 'card', href: hrefOf(d) }, h('strong', null, d.title), d.description ? h('span', { class: 'card-text' }, d.description) : null,
        h('span', { class: 'card-tags' }, ...plainTags(d.tags).map((t) => h('span', { class: 'tag' }, t)), h('span', { class: 'dim' }, d.shipped ? 'shipped' : `version ${d.version}`))));
}
