/* status.ts - whether what is shown is live: a beat and a clock that advance only when the server is heard. */
import type { App } from './app.ts';
import { age, timeOfDay } from './lib/format.ts';
import { glyph } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { popover } from './menu.ts';

export class StatusView {
    readonly root: HTMLButtonElement;
    private readonly mark = h('span', { class: 'status-mark' });
    private readonly word = h('span', { class: 'status-word' });
    private readonly clock = h('time', { class: 'status-clock' });
    private shown = '';

    constructor(private readonly app: App) {
        this.root = h('button', { type: 'button', class: 'status tool', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => this.details() }, this.mark, this.word, this.clock);
        app.freshness.connection.on(() => this.draw(), { now: true });
        app.freshness.beat.on((t) => {
            text(this.clock, timeOfDay(t));
            this.mark.classList.toggle('beat');
        });
    }

    private draw(): void {
        const c = this.app.freshness.connection.get();
        const word = c.fatal ? 'Refused' : c.lostSince ? 'Disconnected' : c.state === 'open' ? 'Live' : c.state === 'suspended' ? 'Asleep' : 'Connecting';
        if (word === this.shown)
            return;
        this.shown = word;
        put(this.mark, glyph(c.fatal ? 'critical' : word === 'Live' ? 'ok' : 'stale'));
        text(this.word, word);
        this.root.dataset['status'] = word === 'Live' ? 'ok' : 'stale';
        this.root.title = `Connection: ${word}`;
    }

    private details(): void {
        const list = h('dl', { class: 'facts' });
        const fill = () => {
            const { client, freshness, scheduler, hub } = this.app;
            const c = freshness.connection.get();
            const rows: [string, string][] = [
                ['Connection', `${this.shown}${c.transport ? `, ${c.transport === 'ws' ? 'WebSocket' : 'Server-Sent Events'}` : ''}`],
                ['Last heard', freshness.beat.get() ? `${timeOfDay(freshness.beat.get())} (${age(freshness.now() - freshness.beat.get())} ago)` : 'never'],
                ['Server', String(client.welcome?.server ?? '–')],
                ['Session', String(client.welcome?.session ?? '–')],
                ['Queries asked', String(hub.size)],
                ['Paints a second', String(scheduler.rate)],
            ];
            put(list, ...rows.map(([k, v]) => [h('dt', null, k), h('dd', null, v)]));
        };
        fill();
        const timer = setInterval(fill, 1000);
        popover(this.root, h('section', { class: 'box', role: 'dialog', tabindex: -1 }, h('h2', null, 'Connection'), list), { label: 'Connection', onClose: () => clearInterval(timer) });
    }
}
