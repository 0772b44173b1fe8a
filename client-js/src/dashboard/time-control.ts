/* time-control.ts - which time is shown: the last minutes, sliding or held; or some time of the past. */
import type { App } from './app.ts';
import { timeOfDay } from './lib/format.ts';
import { h, put, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { hands } from './menu.ts';
import { describeRange } from './model/time.ts';
import type { Page } from './page.ts';

export class TimeControl {
    readonly root = h('div', { class: 'time-control', role: 'group', 'aria-label': 'Time' });
    private readonly range: HTMLButtonElement;
    private readonly words = h('span', { class: 'time-words' });
    private readonly short = h('span', { class: 'time-short', 'aria-hidden': 'true' });
    private readonly pause: HTMLButtonElement;
    private page: Page | null = null;
    private ends: (() => void)[] = [];

    constructor(app: App) {
        this.range = h('button', { type: 'button', class: 'tool', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => void hands().then((m) => this.page && m.chooseTime(this.range, this.page)) }, icon(ICONS.clock), this.words, this.short, icon(ICONS.down));
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
}
