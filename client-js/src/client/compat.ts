/* compat.ts - two classes for code written against the simple form of the protocol: `MetricStreamClient`, `NotificationService`. */
import { defaultEnv } from './env.ts';
import { decodeValue } from './protocol.ts';
import type { Env, Notification as Notice } from './types.ts';

const FIRST_MS = 1000, FACTOR = 1.5, MAX_MS = 30_000;

/** A WebSocket that comes back after 1 s, ×1.5 each time, at most 30 s. */
abstract class SimpleSocket {
    private _socket: WebSocket | null = null;
    private _delay = FIRST_MS;
    private _timer: unknown;
    private readonly _env: Env;

    constructor(private readonly _url: string, env: Partial<Env> = {}) {
        this._env = { ...defaultEnv(), ...env };
    }

    connect(): void {
        if (this._socket)
            return;
        this._env.clearTimeout(this._timer);
        const Socket = this._env.WebSocket as typeof WebSocket;
        const socket = (this._socket = new Socket(this._url));
        socket.onopen = () => {
            this._delay = FIRST_MS;
            this.opened();
        };
        socket.onmessage = (event) => this._socket === socket && this._read(event.data as string);
        socket.onerror = () => {};
        socket.onclose = () => {
            if (this._socket !== socket)
                return;
            this._socket = null;
            this._timer = this._env.setTimeout(() => this.connect(), this._delay);
            this._delay = Math.min(this._delay * FACTOR, MAX_MS);
        };
    }

    disconnect(): void {
        this._env.clearTimeout(this._timer);
        const socket = this._socket;
        this._socket = null;
        socket?.close();
    }

    protected abstract opened(): void;
    protected abstract receive(message: unknown): void;

    protected send(message: object): void {
        if (this._socket?.readyState === 1)
            this._socket.send(JSON.stringify(message));
    }

    /** One listener's mistake is not the others'. */
    protected tell<A extends unknown[]>(listeners: Iterable<(...args: A) => void>, ...args: A): void {
        for (const listener of listeners) {
            try {
                listener(...args);
            } catch (error) {
                console.error(error);
            }
        }
    }

    private _read(text: string): void {
        const message = JSON.parse(text);
        if (message.error !== undefined)
            console.error(`${this._url}: ${message.metric ?? ''} ${message.error}`);
        else
            this.receive(message);
    }
}

export type MetricCallback = (value: number | null, timestamp: number) => void;

export class MetricStreamClient extends SimpleSocket {
    private readonly _callbacks = new Map<string, Set<MetricCallback>>();

    subscribe(metric: string, callback: MetricCallback): void {
        const set = this._callbacks.get(metric) ?? new Set();
        this._callbacks.set(metric, set.add(callback));
        this.send({ action: 'subscribe', metric }); /* asking again tells its value again, for the newcomer */
    }

    unsubscribe(metric: string, callback: MetricCallback): void {
        const set = this._callbacks.get(metric);
        if (!set?.delete(callback) || set.size)
            return;
        this._callbacks.delete(metric);
        this.send({ action: 'unsubscribe', metric });
    }

    protected override opened(): void {
        for (const metric of this._callbacks.keys())
            this.send({ action: 'subscribe', metric });
    }

    protected override receive(message: unknown): void {
        const m = message as { metric: string; value: number; timestamp: number };
        this.tell(this._callbacks.get(m.metric) ?? [], decodeValue(m.value), m.timestamp);
    }
}

export type NotificationListener = (notification: Notice) => void;

export class NotificationService extends SimpleSocket {
    private static _instance: NotificationService | null = null;
    private readonly _listeners = new Set<NotificationListener>();

    /** The page's one service; the first call decides the address (default: the page's own server). */
    static getInstance(url?: string, env?: Partial<Env>): NotificationService {
        if (!this._instance) {
            const page = (globalThis as { location?: Location }).location;
            this._instance = new NotificationService(url ?? `${page?.origin.replace(/^http/, 'ws')}/notifications`, env);
        }
        return this._instance;
    }

    /** Connects with the first one. */
    addListener(listener: NotificationListener): void {
        this._listeners.add(listener);
        this.connect();
    }

    removeListener(listener: NotificationListener): void {
        this._listeners.delete(listener);
        if (!this._listeners.size)
            this.disconnect();
    }

    protected override opened(): void {}

    protected override receive(message: unknown): void {
        const notification = message as Notice;
        this.tell(this._listeners, notification);
        if (notification.type === 'critical' && (notification.status ?? 'firing') === 'firing')
            showDesktop(notification).catch(() => {});
    }
}

/** Only if the user has allowed it before. Through the service worker where there is one: Android knows no other way. */
async function showDesktop(n: Notice): Promise<void> {
    if (typeof Notification === 'undefined' || Notification.permission !== 'granted')
        return;
    const options: NotificationOptions = { body: n.message ?? '', tag: String(n.id), requireInteraction: true };
    const worker = await navigator.serviceWorker?.getRegistration();
    if (worker)
        await worker.showNotification(n.title, options);
    else
        new Notification(n.title, options);
}
