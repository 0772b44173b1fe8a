/* variable-bar.ts - the variables of a dashboard to choose from, and its links. */
import type { App } from './app.ts';
import { h, put, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { hands } from './menu.ts';
import { textOf, type VariableState } from './model/vars.ts';
import type { Page } from './page.ts';

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
        const button = h('button', { type: 'button', class: 'variable-button', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => void hands().then((m) => m.chooseValue(button, page, state)) }, words, icon(ICONS.down));
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
