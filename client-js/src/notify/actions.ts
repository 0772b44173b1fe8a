/* actions.ts - which links of a notification may be followed, and showing one on the desktop. */
import type { Item } from './types.ts';

/** https anywhere, or the page's own origin; null: not to be followed. */
export function safeLink(url: string | undefined, base: string): string | null {
    try {
        const u = new URL(url ?? '', base);
        return url && (u.protocol === 'https:' || u.origin === new URL(base).origin) ? u.href : null;
    } catch {
        return null;
    }
}

const worker = (win: Window) => win.navigator.serviceWorker?.getRegistration();

/** Through the service worker, which knows the actions; without one as a plain notification. False: not allowed. */
export async function showDesktop(item: Item, win: Window & typeof globalThis = window): Promise<boolean> {
    if (win.Notification?.permission !== 'granted')
        return false;
    const { title, message, actionUrl } = item.notification;
    const options = {
        body: message ?? '', tag: item.id, requireInteraction: item.severity === 'critical',
        data: { id: item.id, url: safeLink(actionUrl, win.location.href) },
    };
    const registration = await worker(win);
    if (registration)
        await registration.showNotification(title, { ...options, actions: [{ action: 'ack', title: 'Acknowledge' }] } as NotificationOptions);
    else
        new win.Notification(title, options);
    return true;
}

/** Takes the shown one away again, when somebody else has acted. */
export async function hideDesktop(id: string, win: Window & typeof globalThis = window): Promise<void> {
    (await (await worker(win))?.getNotifications({ tag: id }))?.forEach((shown) => shown.close());
}
