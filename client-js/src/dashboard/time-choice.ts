/* time-choice.ts - the times one can choose: the last minutes, or from and to. */
import { h, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { popover } from './menu.ts';
import { describeRange, parseTime } from './model/time.ts';
import type { Page } from './page.ts';

const LAST = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d'];

export function chooseTime(anchor: HTMLElement, page: Page): void {
    const current = page.range.get();
    const { from, to } = page.resolved();
    const first = h('input', { name: 'from', value: local(from), spellcheck: 'false', autocomplete: 'off' });
    const last = h('input', { name: 'to', value: local(to), spellcheck: 'false', autocomplete: 'off' });
    const note = h('p', { class: 'form-note', role: 'alert' });
    const form = h('form', { class: 'form', onsubmit: (e: Event) => {
        e.preventDefault();
        const now = page.now(), a = parseTime(first.value, now), b = parseTime(last.value, now, true);
        if (a === null || b === null || a >= b)
            text(note, a === null ? '"From" is not a time.' : b === null ? '"To" is not a time.' : '"From" is not before "To".');
        else
            pick({ from: stored(first.value), to: stored(last.value) });
    } }, h('label', null, h('span', null, 'From'), first), h('label', null, h('span', null, 'To'), last), h('p', { class: 'dim' }, 'A date, or "now-6h", "now/d"'), note,
    h('footer', null, h('button', { type: 'submit', class: 'button primary' }, 'Show')));
    const button = (label: string, path: string, run: () => void) => h('button', { type: 'button', class: 'tool', title: label, 'aria-label': label, onclick: run }, icon(path));
    const close = popover(anchor, h('section', { class: 'box time-box', role: 'dialog' },
        h('div', { class: 'time-last' }, h('h3', null, 'Live'), ...LAST.map((d) => h('button', {
            type: 'button', 'aria-pressed': String(current.from === `now-${d}` && current.to === 'now'), onclick: () => pick({ from: `now-${d}`, to: 'now' }),
        }, describeRange({ from: `now-${d}`, to: 'now' })))),
        h('div', { class: 'time-past' }, h('h3', null, 'Past'), form,
            h('div', { class: 'time-move' }, button('Earlier', ICONS.back, () => page.moveRange('back')), button('Zoom out', ICONS.out, () => page.moveRange('out')), button('Later', ICONS.forth, () => page.moveRange('forth')))),
    ), { label: 'Time' });
    const pick = (range: { from: string; to: string }) => {
        close();
        page.setRange(range);
    };
    (document.querySelector<HTMLElement>('.time-last [aria-pressed="true"]') ?? first).focus();
}

const two = (n: number): string => String(n).padStart(2, '0');

function local(ms: number): string {
    const d = new Date(ms);
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/* A date goes into the address as ms: it means the same to everybody. */
const stored = (words: string): string => (words.trim().startsWith('now') ? words.trim() : String(parseTime(words, Date.now())));
