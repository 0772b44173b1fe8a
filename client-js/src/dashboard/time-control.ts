/* time-control.ts - which time is shown: the last minutes, sliding or held; or some time of the past. */
import type { App } from './app.ts';
import { timeOfDay } from './lib/format.ts';
import { h, put, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { popover } from './menu.ts';
import { describeRange, parseTime } from './model/time.ts';
import type { Page } from './page.ts';

const LAST = ['5m', '15m', '30m', '1h', '3h', '6h', '12h', '24h', '2d', '7d'];

export class TimeControl {
    readonly root = h('div', { class: 'time-control', role: 'group', 'aria-label': 'Time' });
    private readonly range: HTMLButtonElement;
    private readonly words = h('span', { class: 'time-words' });
    private readonly short = h('span', { class: 'time-short', 'aria-hidden': 'true' });
    private readonly pause: HTMLButtonElement;
    private page: Page | null = null;
    private ends: (() => void)[] = [];

    constructor(app: App) {
        this.range = h('button', { type: 'button', class: 'tool', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => this.choose() }, icon(ICONS.clock), this.words, this.short, icon(ICONS.down));
        this.pause = h('button', { type: 'button', class: 'tool pause', onclick: () => this.press() });
        this.root.append(this.range, this.pause);
        app.page.on((page) => this.take(page), { now: true });
    }

    private take(page: Page | null): void {
        this.ends.splice(0).forEach((end) => end());
        this.page = page;
        this.root.hidden = !page;
        if (page)
            this.ends = [page.range.on(() => this.draw()), page.pausedAt.on(() => this.draw())];
        this.draw();
    }

    private draw(): void {
        const { page } = this;
        if (!page)
            return;
        const { live } = page.resolved(), paused = page.pausedAt.get();
        text(this.words, describeRange(page.range.get()) + (paused ? ` until ${timeOfDay(paused)}` : ''));
        text(this.short, live ? page.range.get().from.replace(/^now-/, '') : '');
        /* Whichever of the two is in sight is part of it. */
        this.range.setAttribute('aria-label', `Time: ${this.words.textContent} ${this.short.textContent}`.trim());
        const label = !live ? 'Live' : paused ? 'Resume' : 'Pause';
        this.root.dataset['mode'] = !live ? 'historic' : paused ? 'paused' : 'live';
        put(this.pause, icon(live && !paused ? ICONS.pause : ICONS.play), h('span', null, label));
        this.pause.setAttribute('aria-pressed', String(paused > 0));
        this.pause.title = !live ? 'Back to now' : 'Space';
    }

    private press(): void {
        const { page } = this;
        if (!page)
            return;
        if (page.resolved().live)
            page.pause(page.pausedAt.get() === 0);
        else
            page.setRange(page.dashboard.time.to === 'now' ? page.dashboard.time : { from: 'now-15m', to: 'now' });
    }

    private choose(): void {
        const page = this.page!;
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
        const close = popover(this.range, h('section', { class: 'box time-box', role: 'dialog' },
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
}

const two = (n: number): string => String(n).padStart(2, '0');

function local(ms: number): string {
    const d = new Date(ms);
    return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/* A date goes into the address as ms: it means the same to everybody. */
const stored = (words: string): string => (words.trim().startsWith('now') ? words.trim() : String(parseTime(words, Date.now())));
