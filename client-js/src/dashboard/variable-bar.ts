/* variable-bar.ts - the variables of a dashboard to choose from, and its links. */
import type { App } from './app.ts';
import { h, put, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { popover } from './menu.ts';
import { ALL, textOf, type Option, type VariableState } from './model/vars.ts';
import type { Page } from './page.ts';

const MAX_SHOWN = 200;

export class VariableBar {
    readonly root = h('section', { class: 'variables', 'aria-label': 'Variables and links', hidden: true });
    private readonly fields = h('div', { class: 'variable-fields', role: 'group', 'aria-label': 'Variables' });
    private readonly links = h('nav', { class: 'variable-links', 'aria-label': 'Links of the dashboard' });
    private end: (() => void) | null = null;

    constructor(app: App) {
        this.root.append(this.fields, this.links);
        app.page.on((page) => {
            this.end?.();
            this.end = page?.changes.on(() => this.draw(page)) ?? null;
            put(this.fields);
            this.draw(page);
        });
    }

    private draw(page: Page | null): void {
        const states = [...(page?.variables.all.values() ?? [])].filter((s) => s.definition.hide < 2 && s.definition.type !== 'constant' && s.definition.type !== 'datasource');
        const links = page?.dashboard.links ?? [];
        this.root.hidden = !states.length && !links.length;
        if (!page)
            return;
        if (this.fields.childElementCount !== states.length)
            put(this.fields, ...states.map((s) => this.field(page, s.definition.name)));
        states.forEach((s, i) => this.fields.children[i]!.dispatchEvent(new CustomEvent('draw', { detail: s })));
        put(this.links, ...links.map((l) => h('a', { class: 'link', href: page.href(l, (t) => t), target: l.newTab ? '_blank' : null, rel: 'noopener' }, l.title || l.url, l.newTab ? ' ↗' : '')));
    }

    private field(page: Page, name: string): HTMLElement {
        const state = (): VariableState => page.variables.all.get(name)!;
        const { definition: d } = state();
        const label = d.hide === 1 ? '' : d.label || d.name;
        if (d.type === 'textbox') {
            const input = h('input', { spellcheck: 'false', 'aria-label': d.label || d.name, onchange: () => void page.setVariable(name, [input.value]) });
            const root = h('label', { class: 'variable' }, label ? h('span', { class: 'variable-name' }, label) : null, input);
            root.addEventListener('draw', () => void (document.activeElement !== input && (input.value = state().value[0] ?? '')));
            return root;
        }
        const words = h('span', { class: 'variable-value' });
        const button = h('button', { type: 'button', class: 'variable-button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => choose(button, page, state) }, words, icon(ICONS.down));
        const root = h('div', { class: 'variable' }, label ? h('span', { class: 'variable-name' }, label) : null, button);
        root.addEventListener('draw', () => {
            const s = state();
            const missing = !s.value.length || (s.error && !s.options.length);
            text(words, missing ? 'none' : textOf(s));
            button.title = s.error || textOf(s);
            button.classList.toggle('missing', !!missing);
            button.setAttribute('aria-label', `${d.label || d.name}: ${words.textContent}${s.error ? `, ${s.error}` : ''}`);
        });
        return root;
    }
}

function choose(anchor: HTMLElement, page: Page, state: () => VariableState): void {
    const { definition: d } = state();
    let chosen = new Set(state().value);
    const field = h('input', { type: 'search', placeholder: 'Search', 'aria-label': `Search ${d.label || d.name}`, autocomplete: 'off', spellcheck: 'false' });
    const list = h('div', { class: 'options', role: 'listbox', 'aria-label': d.label || d.name, 'aria-multiselectable': d.multi ? 'true' : null });
    const take = (o: Option, more: boolean) => {
        if (!d.multi || o.value === ALL || (!more && !chosen.has(ALL) && chosen.size === 0))
            chosen = new Set([o.value]);
        else {
            chosen.delete(ALL);
            if (!chosen.delete(o.value))
                chosen.add(o.value);
        }
        if (!d.multi)
            close();
        else
            fill(o.value);
        if (chosen.size)
            void page.setVariable(d.name, [...chosen]);
    };
    const fill = (focus = '') => {
        const { options, error } = state();
        const words = field.value.toLowerCase();
        const all = [...(d.includeAll ? [{ text: 'All', value: ALL }] : []), ...options].filter((o) => o.text.toLowerCase().includes(words));
        put(list, ...all.slice(0, MAX_SHOWN).map((o) => h('button', {
            type: 'button', role: 'option', 'aria-selected': String(chosen.has(o.value)), data: { value: o.value }, onclick: (e: MouseEvent) => take(o, e.ctrlKey || e.metaKey),
        }, d.multi ? h('span', { class: 'check', 'aria-hidden': 'true' }, chosen.has(o.value) ? '☑' : '☐') : null, h('span', null, o.text))),
        all.length > MAX_SHOWN ? h('p', { class: 'dim' }, `and ${all.length - MAX_SHOWN} more: search`) : null, all.length ? null : h('p', { class: 'dim' }, error ? `No values: ${error}.` : 'Nothing matches.'));
        if (focus)
            [...list.querySelectorAll<HTMLElement>('button')].find((b) => b.dataset['value'] === focus)?.focus();
    };
    fill();
    field.addEventListener('input', () => fill());
    const content = h('section', { class: 'box options-box', role: 'dialog' }, state().options.length > 8 ? field : null, list);
    content.addEventListener('keydown', (e) => {
        const all = [...list.querySelectorAll('button')];
        const i = all.indexOf(document.activeElement as HTMLButtonElement);
        const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: all.length - 1 }[e.key];
        if (to === undefined || (e.target === field && e.key !== 'ArrowDown'))
            return;
        e.preventDefault();
        (to < 0 ? field : all[Math.min(to, all.length - 1)])?.focus();
    });
    const close = popover(anchor, content, { label: d.label || d.name });
    (field.isConnected ? field : (list.querySelector<HTMLElement>('[aria-selected="true"]') ?? list.querySelector<HTMLElement>('button')))?.focus();
}
