/* freshness.ts - whether what is shown is new: the server's clock, and since when it has not been heard. Old data must never look
 * like new data. */
import type { PushClient, State, TransportName } from '../client/index.ts';
import { signal, type Signal } from './lib/signal.ts';

const LOST_MS = 3000; /* a connection gone that long is told */
const GRACE_MS = 3000; /* beyond the heartbeat without a word */
const LOOK_MS = 250;
const SKEW_MS = 2000;

export interface Connection {
    readonly state: State;
    readonly transport: TransportName | null;
    /** Server time of the last sign of life while there is none; 0: all is well. */
    readonly lostSince: number;
    /** Seconds until the next try; −1: none is planned. */
    readonly retryIn: number;
    /** Why no try will help; ''. */
    readonly fatal: string;
    readonly attempt: number;
}

export class Freshness {
    readonly connection: Signal<Connection> = signal<Connection>({ state: 'idle', transport: null, lostSince: 0, retryIn: -1, fatal: '', attempt: 0 });
    /** Server time of the newest sign of life: a clock that stands still when nothing comes. */
    readonly beat: Signal<number> = signal(0);
    private skew = 0;
    private heardAt = 0; /* local, monotonic */
    private rateAt = 0;  /* since when as much is to be heard as now */
    private downAt = 0;
    private retryAt = 0;
    private fatal = '';
    private attempt = 0;
    private restored = 0; /* server time of what an earlier visit saw, while there is nothing newer */

    constructor(private readonly client: PushClient) {
        client.on('time', (time) => this.heard(time));
        client.on('welcome', (w) => this.heard(w.time));
        client.on('power', () => (this.rateAt = performance.now()));
        client.on('state', ({ state, retryAt, error, attempt }) => {
            this.downAt = state === 'open' ? 0 : this.downAt || performance.now();
            this.retryAt = retryAt ?? 0;
            this.attempt = attempt;
            this.fatal = state === 'closed' ? (error?.message ?? 'closed') : '';
            this.look();
        });
        setInterval(() => this.look(), LOOK_MS);
    }

    /** The server's time now, as well as can be known. */
    now(): number {
        return this.restored || Date.now() + this.skew;
    }

    /** What is shown is of an earlier visit, of this time: old, until the server is heard. */
    restore(time: number): void {
        if (this.heardAt)
            return;
        this.restored = time;
        this.beat.set(time);
        this.look();
    }

    private heard(time: number): void {
        if (!time)
            return;
        this.heardAt = performance.now();
        this.restored = 0;
        const skew = time - Date.now();
        if (Math.abs(skew - this.skew) > SKEW_MS)
            this.skew = skew;
        this.beat.set(time);
        if (this.connection.get().lostSince)
            this.look();
    }

    private look(): void {
        const now = performance.now();
        const silent = this.heardAt && now - Math.max(this.heardAt, this.rateAt) > this.client.heartbeat + GRACE_MS;
        const down = this.downAt && now - this.downAt > LOST_MS;
        const lost = (down || silent || this.restored > 0) && this.client.state !== 'suspended';
        const next: Connection = {
            state: this.client.state, transport: this.client.transport, fatal: this.fatal, attempt: this.attempt,
            lostSince: lost ? this.beat.get() || 1 : 0,
            retryIn: this.retryAt && this.client.state !== 'open' ? Math.max(0, Math.ceil((this.retryAt - Date.now()) / 1000)) : -1,
        };
        const before = this.connection.get();
        if ((Object.keys(next) as (keyof Connection)[]).some((k) => next[k] !== before[k]))
            this.connection.set(next);
    }
}
