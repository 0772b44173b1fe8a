/* notices-list.ts - what has been notified, and whether it is heard. */
import { safeLink } from '../notify/actions.ts';
import type { Item } from '../notify/types.ts';
import type { App } from './app.ts';
import { age, dateTime } from './lib/format.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { popover } from './menu.ts';

const SHOWN = 60;
const AGES_MS = 1000;
const HOUR_MS = 3_600_000;
const NIGHT = { from: 22, to: 7 };

let only: 'all' | 'firing' | 'services' = 'all';
const silenced = new Map<string, number>(); /* until when; by us, in this visit: silences come on no feed */

export function showNotices(anchor: HTMLElement, app: App): void {
    new Notices(app).show(anchor);
}

type Status = Parameters<typeof glyph>[0];

const statusOf = (item: Item): Status =>
    (item.state === 'resolved' ? 'ok' : item.state === 'acknowledged' ? 'acknowledged' : item.severity);

interface Context {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
}

const contextOf = (item: Item): Context => (item.notification.context ?? {}) as Context;

/** What it belongs to, for those who look after one thing. */
function serviceOf(item: Item): string {
    const { labels = {} } = contextOf(item);
    return labels['service'] || labels['job'] || item.notification.source || 'other';
}

/** By service, in the order of the newest of each. */
function grouped(all: readonly Item[]): Map<string, Item[]> {
    const out = new Map<string, Item[]>();
    for (const item of all)
        out.set(serviceOf(item), [...(out.get(serviceOf(item)) ?? []), item]);
    return out;
}

export class Notices {
    protected readonly list = h('div', { class: 'notes-list', tabindex: 0, 'aria-label': 'Notifications' });
    private readonly head = h('div', { class: 'notes-head' });
    private readonly tools = h('div', { class: 'notes-tools' });
    private readonly push = h('div', { class: 'notes-push' });

    constructor(protected readonly app: App) {}

    show(anchor: HTMLElement): void {
        const content = h('section', { class: 'notes', role: 'dialog' }, this.head, this.list, this.tools, this.push);
        const end = new AbortController();
        this.fill();
        popover(anchor, content, { label: 'Notifications', onClose: () => {
            end.abort();
            this.app.center.markRead();
        } });
        if (!content.isConnected)
            return;
        void import('./push-switch.ts').then((m) => m.pushSwitch(this.push, this.app.fetcher.token));
        const timer = setInterval(() => this.ages(), AGES_MS);
        end.signal.addEventListener('abort', () => clearInterval(timer));
        const off = this.app.center.on('change', () => this.fill());
        end.signal.addEventListener('abort', off);
        content.querySelector<HTMLElement>('button, a')?.focus();
    }

    protected items(): Item[] {
        return this.app.center.list(only === 'all' ? {} : { state: ['firing', 'acknowledged'] });
    }

    protected fill(): void {
        const { center } = this.app;
        const focused = (document.activeElement as HTMLElement | null)?.dataset['key'];
        const all = this.items();
        const tab = (name: typeof only, label: string) => h('button', { type: 'button', class: 'tab', 'aria-pressed': String(only === name), data: { key: name }, onclick: () => {
            only = name;
            this.fill();
        } }, label);
        put(this.head, h('h2', null, 'Notifications'), h('div', { class: 'tabs' }, tab('all', 'All'), tab('firing', 'Firing'), tab('services', 'By service')));
        const shown = all.slice(0, SHOWN);
        const entries = only === 'services' ? [...grouped(shown)].flatMap(([name, items]) => [h('div', { class: 'notes-group', role: 'listitem' }, `${name} · ${items.length}`), ...items.map((i) => this.entry(i))])
            : shown.map((i) => this.entry(i));
        put(this.list, ...(all.length ? entries : [h('p', { class: 'nothing' }, glyph('ok'), only === 'all' ? ' Nothing has happened.' : ' Nothing fires.')]),
            all.length > SHOWN ? h('p', { class: 'dim', role: 'listitem' }, `and ${all.length - SHOWN} more`) : null);
        this.list.setAttribute('role', all.length ? 'list' : 'group');
        put(this.tools, this.toggle('Sound', center.preferences.sound, (on) => center.setPreferences({ sound: on })),
            this.toggle('Desktop', center.preferences.desktop && desktopState() === 'granted', (on) => void this.desktop(on), desktopState() === 'denied' ? 'The browser was told not to show notifications of this page: change it in its settings.' : ''),
            this.toggle('Mute critical 30 min', center.isMuted('critical'), (on) => center.mute('critical', on)),
            this.toggle('Mute warnings', center.isMuted('warning'), (on) => center.mute('warning', on)),
            this.toggle(`Only critical from ${NIGHT.from} to ${NIGHT.to}`, !!center.preferences.quiet, (on) => center.setPreferences({ quiet: on ? NIGHT : undefined })));
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
                this.actions(item), h('div', { class: 'note-when' }, h('time', { data: { at: item.changedAt }, title: dateTime(item.changedAt) }, `${age(Date.now() - item.changedAt)} ago`), n.source ? ` · ${n.source}` : '')),
            ack);
    }

    /** What can be done about it besides acknowledging. */
    private actions(item: Item): HTMLElement | null {
        const { labels, annotations = {} } = contextOf(item);
        const links = [['Runbook', annotations['runbook_url'] ?? annotations['runbook']], ['Dashboard', annotations['dashboard_url'] ?? annotations['panel_url']]] as const;
        const all: HTMLElement[] = links.flatMap(([label, url]) => {
            const href = safeLink(url, location.href);
            return href ? [h('a', { class: 'button small', href, rel: 'noopener', data: { key: `${label} ${item.id}` } }, label)] : [];
        });
        if (labels && item.live && item.state !== 'resolved') {
            const done = (silenced.get(item.id) ?? 0) > Date.now();
            all.push(h('button', { type: 'button', class: 'button small', disabled: done, data: { key: `silence ${item.id}` }, onclick: (e: Event) => void this.silence(item, labels, e.currentTarget as HTMLButtonElement) }, done ? 'Silenced' : 'Silence 1 h'));
        }
        return all.length ? h('div', { class: 'actions' }, ...all) : null;
    }

    /** Nobody is told of it for an hour; it goes on being listed. */
    private async silence(item: Item, labels: Readonly<Record<string, string>>, button: HTMLButtonElement): Promise<void> {
        const now = Date.now();
        button.disabled = true;
        try {
            await this.app.fetcher.request('/api/v2/silences', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({
                matchers: Object.entries(labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true })),
                startsAt: new Date(now).toISOString(), endsAt: new Date(now + HOUR_MS).toISOString(), createdBy: 'dashboard', comment: 'for an hour, from the dashboard',
            }) });
            silenced.set(item.id, now + HOUR_MS);
            text(button, 'Silenced');
            this.app.announcer.say(`Silenced for an hour: ${item.notification.title}`);
        } catch (error) {
            button.disabled = false;
            button.title = (error as Error).message;
            text(button, 'Failed');
        }
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

    private async desktop(on: boolean): Promise<void> {
        if (on && desktopState() === 'default')
            await Notification_().requestPermission();
        this.app.center.setPreferences({ desktop: on });
    }
}

const Notification_ = () => globalThis.Notification;
const desktopState = () => Notification_()?.permission ?? 'denied';
