/* center.ts - the model of the notification centre: what fires, who acknowledged, what is unread. No DOM. */
import { Emitter } from '../client/emitter.ts';
import type { Notification, Severity } from '../client/types.ts';
import { DEFAULTS, isMuted, route, stormGuard } from './route.ts';
import { MAX_AGE_MS, MAX_ITEMS, type Store } from './store.ts';
import type { Item, Preferences, Route } from './types.ts';

export interface CenterEvents {
    /** The list, the counts or the preferences changed. */
    change: void;
    /** Something is to be shown, said or played. */
    alert: { item: Item; route: Route };
    /** Too many at once: one summary instead of each. */
    storm: { count: number; worst: Severity };
}

export interface CenterOptions {
    store?: Store | null;
    preferences?: Partial<Preferences>;
    now?: () => number;
    /** Tells the server; the answer comes back as a notification, to all displays. */
    ack?: (id: string, comment?: string) => Promise<void>;
}

const RANK: readonly Severity[] = ['info', 'warning', 'critical'];

export class NotificationCenter {
    preferences: Preferences;
    private readonly _items = new Map<string, Item>();
    private readonly _events = new Emitter<CenterEvents>((error) => console.error(error));
    private readonly _storm = stormGuard();
    private readonly _now: () => number;

    constructor(private readonly _options: CenterOptions = {}) {
        this._now = _options.now ?? Date.now;
        this.preferences = { ...DEFAULTS, ..._options.preferences };
    }

    on<K extends keyof CenterEvents>(event: K, listener: (detail: CenterEvents[K]) => void): () => void {
        return this._events.on(event, listener);
    }

    /** What an earlier visit left. Newer messages that came meanwhile win. */
    async load(): Promise<void> {
        for (const item of (await this._options.store?.load()) ?? [])
            if (!this._items.has(item.id))
                this._items.set(item.id, { ...item, live: false });
        this._trim();
        this._events.emit('change', undefined);
    }

    /** Takes a message. `quiet`: it is history, nobody is alerted. */
    add(notification: Notification, quiet = false): Item {
        const now = this._now();
        const id = String(notification.id);
        const before = this._items.get(id);
        const state = notification.status ?? 'firing';
        const again = before?.state === state;
        const item: Item = {
            id, notification, severity: notification.type, state, live: true,
            read: again ? before.read : state !== 'firing' && (before?.read ?? false),
            firstAt: before?.firstAt ?? notification.timestamp ?? now,
            changedAt: again ? before.changedAt : (notification.timestamp ?? now),
        };
        this._items.delete(id); /* newest last */
        this._items.set(id, item);
        this._save([item]);
        if (!quiet && !again)
            this._alert(item, now);
        return item;
    }

    /** Newest first; of these severities and states, if given. */
    list({ severity, state }: { severity?: readonly Severity[]; state?: readonly Item['state'][] } = {}): Item[] {
        return [...this._items.values()].reverse()
            .filter((i) => (severity ?? i.severity).includes(i.severity) && (state ?? i.state).includes(i.state));
    }

    /** By what they come from, the worst group first. */
    groups(): { source: string; worst: Severity; items: Item[] }[] {
        const all = this.list();
        return [...new Set(all.map(sourceOf))]
            .map((source) => {
                const items = all.filter((i) => sourceOf(i) === source);
                return { source, items, worst: worstOf(items) };
            })
            .sort((a, b) => RANK.indexOf(b.worst) - RANK.indexOf(a.worst));
    }

    get unread(): number {
        return this.list().filter((i) => !i.read).length;
    }

    /** What is known to fire, unacknowledged. */
    get firing(): Item[] {
        return this.list({ state: ['firing'] }).filter((i) => i.live);
    }

    /** The worst of it; null: calm. */
    get worst(): Severity | null {
        const { firing } = this;
        return firing.length ? worstOf(firing) : null;
    }

    markRead(ids: readonly string[] = [...this._items.keys()]): void {
        const changed = this.list().filter((i) => !i.read && ids.includes(i.id)).map((i) => ({ ...i, read: true }));
        changed.forEach((i) => this._items.set(i.id, i));
        this._save(changed);
    }

    /** For everybody. The item changes when the server says so. */
    async ack(id: string, comment?: string): Promise<void> {
        await this._options.ack?.(id, comment);
        this.markRead([id]);
    }

    mute(severity: Severity, on = true): void {
        this.setPreferences({ muted: { ...this.preferences.muted, [severity]: on ? this._now() : undefined } });
    }

    isMuted(severity: Severity): boolean {
        return isMuted(severity, this.preferences, this._now());
    }

    setPreferences(preferences: Partial<Preferences>): void {
        this.preferences = { ...this.preferences, ...preferences };
        this._events.emit('change', undefined);
    }

    private _alert(item: Item, now: number): void {
        const r = route(item, this.preferences, now);
        if (!r.announce && !r.toastMs) /* what sounds is announced, too */
            return;
        const count = this._storm(now);
        if (count)
            this._events.emit('storm', { count, worst: this.worst ?? item.severity });
        else
            this._events.emit('alert', { item, route: r });
    }

    private _save(put: Item[]): void {
        const removed = this._trim();
        this._options.store?.save(put, removed).catch(() => {}); /* a full disk must not silence an alert */
        this._events.emit('change', undefined);
    }

    /** The first ones are the oldest. What fires is kept whatever its age. */
    private _trim(): string[] {
        const oldest = this._now() - MAX_AGE_MS;
        const surplus = this._items.size - MAX_ITEMS;
        const removed = [...this._items.values()]
            .filter((i, n) => n < surplus || (i.state !== 'firing' && i.changedAt < oldest)).map((i) => i.id);
        removed.forEach((id) => this._items.delete(id));
        return removed;
    }
}

const sourceOf = (item: Item) => item.notification.source ?? '';

function worstOf(items: readonly Item[]): Severity {
    return RANK.findLast((severity) => items.some((i) => i.severity === severity)) ?? 'info';
}
