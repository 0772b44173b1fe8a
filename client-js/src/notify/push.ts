/* push.ts - Web Push: what is possible here, asking for permission, subscribing at the server. */
import { PushError } from '../client/errors.ts';
import type { NotificationFilter } from '../client/types.ts';

/**
 * subscribed · off: may be switched on · denied: the user has to change the browser's settings, asking again is useless ·
 * install: iOS wants the page on the home screen first · insecure: needs https or localhost · unsupported
 */
export type PushState = 'subscribed' | 'off' | 'denied' | 'install' | 'insecure' | 'unsupported';

export interface PushOptions {
    /** Where the server is: '' is the page's own. */
    base?: string;
    token?: () => string | null;
    filter?: NotificationFilter;
    worker?: () => Promise<ServiceWorkerRegistration | undefined>;
    win?: Window & typeof globalThis;
}

export class WebPush {
    private readonly _win: Window & typeof globalThis;

    constructor(private readonly _options: PushOptions = {}) {
        this._win = _options.win ?? (globalThis as Window & typeof globalThis);
    }

    async state(): Promise<PushState> {
        const win = this._win;
        const nav = win.navigator as Navigator & { standalone?: boolean };
        if (!win.isSecureContext)
            return 'insecure';
        if (nav.standalone === false && !win.PushManager)
            return 'install';
        if (!nav.serviceWorker || !win.PushManager || !win.Notification)
            return 'unsupported';
        if (win.Notification.permission === 'denied')
            return 'denied';
        return (await this._current()) ? 'subscribed' : 'off';
    }

    /** From a click only, after the page has said what for. */
    async enable(): Promise<PushState> {
        const before = await this.state();
        if (before !== 'off')
            return before;
        if ((await this._win.Notification.requestPermission()) !== 'granted')
            return this.state();
        await this._subscribe();
        return 'subscribed';
    }

    async disable(): Promise<void> {
        const subscription = await this._current();
        if (!subscription)
            return;
        await this._call('DELETE', '/api/v1/push/subscriptions', { endpoint: subscription.endpoint });
        await subscription.unsubscribe();
    }

    /** At every start: an expired or changed subscription is made anew, the server is told again. */
    async renew(): Promise<void> {
        if (this._win.isSecureContext && this._win.Notification?.permission === 'granted' && (await this._current()))
            await this._subscribe();
    }

    private async _subscribe(): Promise<void> {
        const worker = await this._worker();
        if (!worker)
            throw new PushError('unsupported', 'Web Push needs the service worker');
        const { key } = (await this._call('GET', '/api/v1/push/key')) as { key: string };
        const wanted = fromBase64url(key);
        let subscription = await worker.pushManager.getSubscription();
        const have = subscription?.options.applicationServerKey;
        if (subscription && have && !equal(new Uint8Array(have), wanted)) { /* the server has a new key */
            await subscription.unsubscribe();
            subscription = null;
        }
        subscription ??= await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
        await this._call('POST', '/api/v1/push/subscriptions', {
            ...subscription.toJSON(), ...(this._options.filter ? { filter: this._options.filter } : {}),
        });
    }

    private async _current(): Promise<PushSubscription | null> {
        return (await (await this._worker())?.pushManager.getSubscription()) ?? null;
    }

    private _worker(): Promise<ServiceWorkerRegistration | undefined> {
        return this._options.worker?.() ?? this._win.navigator.serviceWorker.getRegistration();
    }

    private async _call(method: string, path: string, body?: unknown): Promise<unknown> {
        const token = this._options.token?.();
        const response = await this._win.fetch((this._options.base ?? '') + path, {
            method,
            headers: { ...(body ? { 'content-type': 'application/json' } : {}), ...(token ? { authorization: `Bearer ${token}` } : {}) },
            ...(body ? { body: JSON.stringify(body) } : {}),
        });
        const text = await response.text();
        if (!response.ok)
            throw new PushError(`http_${response.status}`, text.slice(0, 300), response.status >= 500);
        return text ? JSON.parse(text) : null;
    }
}

export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
}

const equal = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((x, i) => x === b[i]);
