/* variable-choice.ts - the values of a variable to choose from. */
import { h, put } from './lib/h.ts';
import { popover } from './menu.ts';
import { ALL, type Option, type VariableState } from './model/vars.ts';
import type { Page } from './page.ts';

const MAX_SHOWN = 200;

export function chooseValue(anchor: HTMLElement, page: Page, state: () => VariableState): void {
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
