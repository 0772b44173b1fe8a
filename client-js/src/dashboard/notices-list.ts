/* notices-list.ts - what has been notified, and whether it is heard. */
import { safeLink } from '../notify/actions.ts';
import type { Item, Preferences } from '../notify/types.ts';
import type { App } from './app.ts';
import { age, dateTime } from './lib/format.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { popover } from './menu.ts';
import { PREFERENCES } from './notices.ts';
import { remember } from './theme.ts';

const SHOWN = 60;
const AGES_MS = 1000;

let only: 'all' | 'firing' = 'all';

export function showNotices(anchor: HTMLElement, app: App): void {
    new Notices(app).show(anchor);
}

type Status = Parameters<typeof glyph>[0];

const statusOf = (item: Item): Status =>
    (item.state === 'resolved' ? 'ok' : item.state === 'acknowledged' ? 'acknowledged' : item.severity);

export class Notices {
    protected readonly list = h('div', { class: 'notes-list', tabindex: 0, 'aria-label': 'Notifications' });
    private readonly head = h('div', { class: 'notes-head' });
    private readonly tools = h('div', { class: 'notes-tools' });

    constructor(protected readonly app: App) {}

    show(anchor: HTMLElement): void {
        const content = h('section', { class: 'notes', role: 'dialog' }, this.head, this.list, this.tools);
        const end = new AbortController();
        this.fill();
        popover(anchor, content, { label: 'Notifications', onClose: () => {
            end.abort();
            this.app.center.markRead();
        } });
        if (!content.isConnected)
            return;
        const timer = setInterval(() => this.ages(), AGES_MS);
        end.signal.addEventListener('abort', () => clearInterval(timer));
        const off = this.app.center.on('change', () => this.fill());
        end.signal.addEventListener('abort', off);
        content.querySelector<HTMLElement>('button, a')?.focus();
    }

    protected items(): Item[] {
        return this.app.center.list(only === 'firing' ? { state: ['firing', 'acknowledged'] } : {});
    }

    protected fill(): void {
        const { center } = this.app;
        const focused = (document.activeElement as HTMLElement | null)?.dataset['key'];
        const all = this.items();
        const tab = (name: 'all' | 'firing', label: string) => h('button', { type: 'button', class: 'tab', 'aria-pressed': String(only === name), data: { key: name }, onclick: () => {
            only = name;
            this.fill();
        } }, label);
        put(this.head, h('h2', null, 'Notifications'), h('div', { class: 'tabs' }, tab('all', 'All'), tab('firing', 'Firing')));
        put(this.list, ...(all.length ? all.slice(0, SHOWN).map((i) => this.entry(i)) : [h('p', { class: 'nothing' }, glyph('ok'), only === 'firing' ? ' Nothing fires.' : ' Nothing has happened.')]),
            all.length > SHOWN ? h('p', { class: 'dim', role: 'listitem' }, `and ${all.length - SHOWN} more`) : null);
        this.list.setAttribute('role', all.length ? 'list' : 'group');
        put(this.tools, this.toggle('Sound', center.preferences.sound, (on) => this.prefer({ sound: on })),
            this.toggle('Desktop', center.preferences.desktop && desktopState() === 'granted', (on) => void this.desktop(on), desktopState() === 'denied' ? 'The browser was told not to show notifications of this page: change it in its settings.' : ''),
            this.toggle('Mute critical 30 min', center.isMuted('critical'), (on) => center.mute('critical', on)));
        if (focused)
            [...this.list.parentElement?.querySelectorAll<HTMLElement>('[data-key]') ?? []].find((e) => e.dataset['key'] === focused)?.focus();
    }

    protected entry(item: Item, status: Status = statusOf(item)): HTMLElement {
        const { notification: n } = item;
        const href = safeLink(n.actionUrl, location.href);
        const ack = item.state === 'firing' && item.live ? h('button', { type: 'button', class: 'button small', data: { key: `ack ${item.id}` }, onclick: (e: Event) => void this.ack(item, e.currentTarget as HTMLButtonElement) }, 'Ack') : null;
        return h('div', { class: `note${item.read ? '' : ' unread'}${item.live ? '' : ' past'}`, role: 'listitem', data: { status } },
            glyph(status), h('div', { class: 'note-text' },
                h('div', { class: 'note-title' }, h('span', { class: 'note-word' }, WORD[status]), ' ', href ? h('a', { href, data: { key: item.id } }, n.title) : n.title),
                n.message ? h('div', { class: 'note-message' }, n.message) : null,
                h('div', { class: 'note-when' }, h('time', { data: { at: item.changedAt }, title: dateTime(item.changedAt) }, `${age(Date.now() - item.changedAt)} ago`), n.source ? ` · ${n.source}` : '')),
            ack);
    }

    private ages(): void {
        for (const t of this.list.querySelectorAll('time'))
            text(t, `${age(Date.now() - Number(t.dataset['at']))} ago`);
    }

    private async ack(item: Item, button: HTMLButtonElement): Promise<void> {
        button.disabled = true;
        try {
            await this.app.center.ack(item.id);
            this.app.announcer.say(`Acknowledged: ${item.notification.title}`);
        } catch (error) {
            button.disabled = false;
            button.title = (error as Error).message;
            text(button, 'Failed');
        }
    }

    private toggle(label: string, on: boolean, change: (on: boolean) => void, why = ''): HTMLElement {
        return h('button', { type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(on), disabled: why !== '', title: why || null, data: { key: label }, onclick: () => change(!on) }, label);
    }

    private prefer(p: Partial<Preferences>): void {
        this.app.center.setPreferences(p);
        const { sound, desktop, quiet } = this.app.center.preferences;
        remember(PREFERENCES, JSON.stringify({ sound, desktop, quiet }));
    }

    private async desktop(on: boolean): Promise<void> {
        if (on && desktopState() === 'default')
            await Notification_().requestPermission();
        this.prefer({ desktop: on });
    }
}

const Notification_ = () => globalThis.Notification;
const desktopState = () => Notification_()?.permission ?? 'denied';
