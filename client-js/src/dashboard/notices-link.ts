/* notices-link.ts - links in mail and chat end in #/alerts/<fingerprint>: that alert, at the top of the list. Loaded when there is one. */
import type { Notification } from '../client/index.ts';
import type { Item } from '../notify/types.ts';
import type { ApiError } from './api.ts';
import type { App } from './app.ts';
import { h, text } from './lib/h.ts';
import { closePopover } from './menu.ts';
import { Notices } from './notices-list.ts';

/** The address is the dashboard's again. */
export function followLink(anchor: HTMLElement, app: App): void {
    const fingerprint = /^#\/alerts\/([0-9a-f]{16})(-[0-9a-f]+)?$/.exec(location.hash)?.[1];
    setHash('');
    if (!fingerprint || app.kiosk)
        return;
    closePopover();
    new Linked(app, fingerprint).show(anchor);
}

const setHash = (hash: string): void => history.replaceState(history.state, '', location.pathname + location.search + hash);

const itemOf = (n: Notification, state: Item['state']): Item => ({
    id: String(n.id), notification: n, severity: n.type, state, read: true, live: true, firstAt: n.timestamp ?? 0, changedAt: n.timestamp ?? 0,
});

class Linked extends Notices {
    private readonly said = h('p', { class: 'note-said', role: 'status', tabindex: -1, hidden: true });
    private known: Item | null = null; /* when the centre has not heard of it */
    private quiet = false; /* it is silenced, inhibited or muted */

    constructor(app: App, private readonly fingerprint: string) {
        super(app);
    }

    override show(anchor: HTMLElement): void {
        super.show(anchor);
        this.list.before(this.said);
        void this.find().then(() => this.focus());
    }

    /** What the server knows of it: what it is now, or how it ended. */
    private async find(): Promise<void> {
        const { center, fetcher } = this.app;
        this.say('Looking for the alert …');
        try {
            const { alerts: [now] } = await fetcher.json(`/api/alerts?all=true&fingerprint=${this.fingerprint}`) as unknown as { alerts: Notification[] };
            if (now?.status === 'firing' || now?.status === 'acknowledged') {
                if (!this.target()?.live)
                    center.add(now, true);
                this.say('');
            } else if (now) {
                this.known = itemOf(now, 'acknowledged');
                this.quiet = true;
                this.say(`This alert is ${now.status as string}.`);
            } else {
                const past = await fetcher.json('/api/v1/notifications?limit=1000') as unknown as { notifications: { notification: Notification }[] };
                const last = past.notifications.findLast((n) => this.isIt(n.notification.id))?.notification;
                this.known = last ? itemOf({ ...last, status: 'resolved' }, 'resolved') : null;
                this.say(last ? 'This alert has resolved.' : 'This alert does not fire any more.');
            }
        } catch (error) {
            const { message, status } = error as ApiError;
            if (status === 401 || status === 403)
                setHash(`#/alerts/${this.fingerprint}`); /* to be followed after signing in */
            this.say(`The alert cannot be looked up: ${message}.`);
        }
        this.fill();
    }

    /** Unless somebody has gone elsewhere meanwhile. */
    private focus(): void {
        const at = document.activeElement;
        if (!this.list.isConnected || (at !== document.body && !this.list.parentElement!.contains(at)))
            return;
        const to = this.list.querySelector<HTMLElement>('.linked') ?? this.said;
        to.focus();
        to.scrollIntoView({ block: 'nearest' });
    }

    private say(words: string): void {
        text(this.said, words);
        this.said.hidden = !words;
    }

    private readonly isIt = (id: string | number): boolean => String(id).startsWith(`${this.fingerprint}-`);

    /** The newest: it may have fired before. */
    private target(): Item | null {
        const heard = this.app.center.list().find((i) => this.isIt(i.id)) ?? null;
        return heard?.live ? heard : this.known ?? heard;
    }

    protected override items(): Item[] {
        const it = this.target();
        if (it?.live && it.state === 'resolved')
            this.say('This alert has resolved.');
        return [...(it ? [it] : []), ...super.items().filter((i) => i.id !== it?.id)];
    }

    protected override entry(item: Item): HTMLElement {
        const it = item.id === this.target()?.id;
        const root = super.entry(item, this.quiet && item === this.known ? 'maintenance' : undefined);
        if (it) {
            root.classList.add('linked');
            root.tabIndex = -1;
            root.dataset['key'] = 'linked';
        }
        return root;
    }
}
