/* notices.ts - the notification centre as people see it: the feed into its model, the bell with its list, toasts. */
import type { Notification, PushClient, Severity } from '../client/index.ts';
import { hideDesktop, safeLink, showDesktop } from '../notify/actions.ts';
import { setBadge } from '../notify/badge.ts';
import { NotificationCenter } from '../notify/center.ts';
import { openStore, type Store } from '../notify/store.ts';
import type { Item, Preferences } from '../notify/types.ts';
import type { App } from './app.ts';
import { age, dateTime } from './lib/format.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { icon } from './lib/icons.ts';
import type { Signal } from './lib/signal.ts';
import { popover } from './menu.ts';
import { recall, remember } from './theme.ts';

const KEPT = 1000;
const RECENT_MS = 60_000; /* what happened before the page was opened is news to nobody */
const SHOWN = 60;
const TOASTS = 4;
const TOAST_MS = 8000;
const AGES_MS = 1000;
const PREFERENCES = 'streamgauge.notifications';

function preferences(): Partial<Preferences> {
    try {
        return JSON.parse(recall(PREFERENCES) ?? '{}') as Partial<Preferences>;
    } catch {
        return {};
    }
}

/** The page does not wait for it. */
function storeSoon(): Store {
    const opening = openStore();
    return {
        load: async () => (await opening)?.load() ?? [],
        save: async (put, remove) => (await opening)?.save(put, remove),
    };
}

/** The model on the feed of the server. Who makes it heard is somebody else (alarm.ts). */
export function openCenter(client: PushClient, notifications: Signal<readonly Notification[]>): NotificationCenter {
    const center = new NotificationCenter({ store: storeSoon(), preferences: preferences(), ack: (id, comment) => client.ack(id, comment) });
    center.on('change', () => setBadge(center.firing.length, center.worst));
    center.on('alert', ({ item, route }) => void (route.desktop && showDesktop(item).catch(() => {})));
    center.load().catch(() => {});
    client.notifications((n) => {
        const item = center.add(n, client.serverTime - (n.timestamp ?? client.serverTime) > RECENT_MS);
        if (item.state !== 'firing')
            hideDesktop(item.id).catch(() => {});
        notifications.set([...notifications.get().slice(1 - KEPT), n]);
    }, { history: '1h' });
    return center;
}

const statusOf = (item: Item): 'critical' | 'warning' | 'info' | 'ok' | 'acknowledged' =>
    (item.state === 'resolved' ? 'ok' : item.state === 'acknowledged' ? 'acknowledged' : item.severity);

export class Bell {
    readonly root: HTMLButtonElement;
    private readonly count = h('span', { class: 'count' });
    private readonly mark = h('span', { class: 'bell-mark' });
    private readonly list = h('div', { class: 'notes-list', tabindex: 0, 'aria-label': 'Notifications' });
    private readonly head = h('div', { class: 'notes-head' });
    private readonly tools = h('div', { class: 'notes-tools' });
    private only: 'all' | 'firing' = 'all';
    private open = false;
    private worst: Severity | null | undefined;

    constructor(private readonly app: App) {
        this.root = h('button', { type: 'button', class: 'bell tool', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => this.show() }, this.mark, this.count);
        app.center.on('change', () => this.refresh());
        setInterval(() => this.open && this.ages(), AGES_MS);
        this.refresh();
    }

    private refresh(): void {
        const { center } = this.app;
        const firing = center.firing.length, { worst } = center;
        if (worst !== this.worst) {
            this.worst = worst;
            put(this.mark, worst ? glyph(worst) : bellIcon());
            this.root.dataset['status'] = worst ?? '';
        }
        text(this.count, firing ? String(firing) : center.unread ? String(Math.min(99, center.unread)) : '');
        this.count.classList.toggle('quiet', !firing);
        this.root.setAttribute('aria-label', `Notifications: ${firing} firing, ${center.unread} unread`);
        this.root.title = this.root.getAttribute('aria-label')!;
        if (this.open)
            this.fill();
    }

    show(): void {
        const content = h('section', { class: 'notes', role: 'dialog' }, this.head, this.list, this.tools);
        this.open = true;
        this.fill();
        popover(this.root, content, { label: 'Notifications', onClose: () => {
            this.open = false;
            this.app.center.markRead();
        } });
        if (!content.isConnected)
            this.open = false;
        content.querySelector<HTMLElement>('button, a')?.focus();
    }

    private fill(): void {
        const { center } = this.app;
        const focused = (document.activeElement as HTMLElement | null)?.dataset['key'];
        const all = center.list(this.only === 'firing' ? { state: ['firing', 'acknowledged'] } : {});
        const tab = (name: 'all' | 'firing', label: string) => h('button', { type: 'button', class: 'tab', 'aria-pressed': String(this.only === name), data: { key: name }, onclick: () => {
            this.only = name;
            this.fill();
        } }, label);
        put(this.head, h('h2', null, 'Notifications'), h('div', { class: 'tabs' }, tab('all', 'All'), tab('firing', 'Firing')));
        put(this.list, ...(all.length ? all.slice(0, SHOWN).map((i) => this.entry(i)) : [h('p', { class: 'nothing' }, glyph('ok'), this.only === 'firing' ? ' Nothing fires.' : ' Nothing has happened.')]),
            all.length > SHOWN ? h('p', { class: 'dim', role: 'listitem' }, `and ${all.length - SHOWN} more`) : null);
        this.list.setAttribute('role', all.length ? 'list' : 'group');
        put(this.tools, this.toggle('Sound', center.preferences.sound, (on) => this.prefer({ sound: on })),
            this.toggle('Desktop', center.preferences.desktop && desktopState() === 'granted', (on) => void this.desktop(on), desktopState() === 'denied' ? 'The browser was told not to show notifications of this page: change it in its settings.' : ''),
            this.toggle('Mute critical 30 min', center.isMuted('critical'), (on) => center.mute('critical', on)));
        if (focused)
            [...this.list.parentElement?.querySelectorAll<HTMLElement>('[data-key]') ?? []].find((e) => e.dataset['key'] === focused)?.focus();
    }

    private entry(item: Item): HTMLElement {
        const { notification: n } = item;
        const status = statusOf(item);
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

function bellIcon(): SVGSVGElement {
    return icon('M8 1.5a4 4 0 0 0-4 4c0 4-1.5 5-2 6h12c-.5-1-2-2-2-6a4 4 0 0 0-4-4zM6.5 13.5a1.6 1.6 0 0 0 3 0');
}


/** What is worth a glance, for a while; what is critical stays until somebody acts on it elsewhere or here. */
export class Toasts {
    readonly root = h('section', { class: 'toasts', 'aria-label': 'News' });
    private readonly byId = new Map<string, HTMLElement>();

    constructor(private readonly app: App) {
        app.center.on('alert', ({ item, route }) => {
            if (route.toastMs)
                this.show(item.severity, item.notification.title, item.notification.message ?? '', { id: item.id, ms: item.severity === 'critical' ? 0 : route.toastMs, item });
            if (route.announce)
                app.announcer.say(`${item.severity}: ${item.notification.title}`, route.announce === 'assertive');
        });
        app.center.on('storm', ({ count, worst }) => {
            this.show(worst, `${count} notifications in 10 seconds`, 'The list has them all.', { id: 'storm', ms: TOAST_MS });
            app.announcer.say(`${count} notifications, the worst is ${worst}`, worst === 'critical');
        });
        app.center.on('change', () => {
            for (const id of this.byId.keys())
                if (id !== 'storm' && !app.center.firing.some((i) => i.id === id) && app.center.list().some((i) => i.id === id))
                    this.remove(id);
        });
    }

    show(severity: Severity, title: string, message = '', { id = title, ms = TOAST_MS, item }: { id?: string; ms?: number; item?: Item } = {}): void {
        this.remove(id);
        const href = safeLink(item?.notification.actionUrl, location.href);
        const root = h('div', { class: 'toast', data: { status: severity } }, glyph(severity),
            h('div', { class: 'toast-text' }, h('strong', null, item ? `${WORD[severity]} · ` : '', title), message ? h('p', null, message) : null,
                h('div', { class: 'actions' }, item ? h('button', { type: 'button', class: 'button small', onclick: () => void this.app.center.ack(item.id).catch(() => {}) }, 'Acknowledge') : null, href ? h('a', { class: 'button small', href }, 'Open') : null)),
            h('button', { type: 'button', class: 'icon', 'aria-label': 'Dismiss', onclick: () => this.remove(id) }, '✕'));
        this.byId.set(id, root);
        this.root.prepend(root);
        for (const old of [...this.byId.keys()].slice(0, -TOASTS))
            this.remove(old);
        if (ms)
            setTimeout(() => this.byId.get(id) === root && this.remove(id), ms);
    }

    private remove(id: string): void {
        this.byId.get(id)?.remove();
        this.byId.delete(id);
    }
}
