/* service.ts - the notification centre on a live client: feed, sound, desktop, badge. */
import type { PushClient } from '../client/client.ts';
import type { NotificationFilter, Subscription } from '../client/types.ts';
import { hideDesktop, showDesktop } from './actions.ts';
import { setBadge } from './badge.ts';
import { NotificationCenter, type CenterOptions } from './center.ts';
import { Sound } from './sound.ts';
import { openStore } from './store.ts';

export interface ServiceOptions extends Omit<CenterOptions, 'ack'> {
    filter?: NotificationFilter;
    /** Repeats those of this time when the page opens ("1h"); they alert nobody. */
    history?: string;
    sound?: Sound;
}

export interface Service {
    readonly center: NotificationCenter;
    readonly sound: Sound;
    readonly subscription: Subscription;
    stop(): void;
}

/** What happened before the page was opened is news to nobody. */
const RECENT_MS = 60_000;

export async function startNotifications(client: PushClient, options: ServiceOptions = {}): Promise<Service> {
    const center = new NotificationCenter({
        ...options, store: options.store ?? (await openStore()), ack: (id, comment) => client.ack(id, comment),
    });
    const sound = options.sound ?? new Sound();
    center.on('alert', ({ item, route }) => {
        if (route.sound === 'warning')
            void sound.warning();
        if (route.desktop)
            showDesktop(item).catch(() => {}); /* the centre shows it all the same */
    });
    center.on('change', () => {
        setBadge(center.firing.length, center.worst);
        if (center.preferences.sound && center.worst === 'critical' && !center.isMuted('critical'))
            sound.critical();
        else
            sound.stop();
    });
    await center.load();
    const subscription = client.notifications((n) => {
        const old = client.serverTime - (n.timestamp ?? client.serverTime) > RECENT_MS;
        const item = center.add(n, old);
        if (item.state !== 'firing')
            hideDesktop(item.id).catch(() => {});
    }, { filter: options.filter, history: options.history ?? '1h' });
    return {
        center, sound, subscription,
        stop() {
            sound.stop();
            subscription.unsubscribe();
        },
    };
}
