/* notices.ts - the notification centre as people see it: the feed into its model, the bell with its list, toasts. */
import type { Notification, PushClient, Severity } from '../client/index.ts';
import { hideDesktop, safeLink, showDesktop } from '../notify/actions.ts';
import { setBadge } from '../notify/badge.ts';
import { NotificationCenter } from '../notify/center.ts';
import { openStore, type Store } from '../notify/store.ts';
import type { Item, Preferences } from '../notify/types.ts';
import type { App } from './app.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { icon } from './lib/icons.ts';
import type { Signal } from './lib/signal.ts';
import { hands } from './menu.ts';
import { recall, remember } from './theme.ts';

const KEPT = 1000;
const RECENT_MS = 60_000; /* what happened before the page was opened is news to nobody */
const TOASTS = 4;
const TOAST_MS = 8000;
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
    const chosen = ({ sound, desktop, quiet } = center.preferences): string => JSON.stringify({ sound, desktop, quiet });
    let kept = chosen();
    center.on('change', () => {
        setBadge(center.firing.length, center.worst);
        if (kept !== chosen())
            remember(PREFERENCES, (kept = chosen()));
    });
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

export class Bell {
    readonly root: HTMLButtonElement;
    private readonly count = h('span', { class: 'count' });
    private readonly mark = h('span', { class: 'bell-mark' });
    private worst: Severity | null | undefined;

    constructor(private readonly app: App) {
        this.root = h('button', { type: 'button', class: 'bell tool', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', onclick: () => this.show() }, this.mark, this.count);
        app.center.on('change', () => this.refresh());
        this.refresh();
        app.router.route.on(() => {
            if (location.hash.startsWith('#/alerts/'))
                void import('./notices-link.ts').then((m) => m.followLink(this.root, app));
        }, { now: true });
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
    }

    show(): void {
        void hands().then((m) => m.showNotices(this.root, this.app));
    }
}

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
