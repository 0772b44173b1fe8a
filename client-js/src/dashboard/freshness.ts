/* freshness.ts - whether what is shown is what is. The clock of a display advances only when the server speaks, so a frozen browser
 * looks frozen; three seconds without a connection, or a heartbeat that stays out, and a banner says from when the data is. */
import type { PushClient, StateChange } from '../client/index.ts';
import { glyph } from './lib/glyph.ts';
import { h, text } from './lib/h.ts';
import { signal, type Signal } from './lib/signal.ts';

export const LOST_MS = 3000;
export const GRACE_MS = 3000;
const HEARTBEAT_MS = 5000; /* until the server has told its own */
const CHECK_MS = 250;

export interface Link {
    /** connecting: the first time, and not for long yet · live · lost: what is shown may be old. */
    readonly state: 'connecting' | 'live' | 'lost';
    /** Server time of the newest word, ms since the epoch; 0: there was none. */
    readonly heard: number;
    /** Local clock, ms since the epoch: when the next try is made; 0: not known, or none. */
    readonly retryAt: number;
    readonly reason: string;
}

export interface FreshnessEnv {
    now(): number; /* ms, monotonic */
    every(ms: number, fn: () => void): () => void;
}

const browser: FreshnessEnv = {
    now: () => performance.now(),
    every(ms, fn) {
        const timer = setInterval(fn, ms);
        return () => clearInterval(timer);
    },
};

export class Freshness {
    readonly link: Signal<Link> = signal<Link>({ state: 'connecting', heard: 0, retryAt: 0, reason: '' });
    /** Server time, with every word of the server. */
    readonly time: Signal<number> = signal(0);
    private heardAt: number;
    private downAt: number;
    private open = false;
    private heartbeat = HEARTBEAT_MS;
    private last: StateChange | null = null;

    constructor(client: Pick<PushClient, 'on'>, abort: AbortSignal, private readonly env: FreshnessEnv = browser) {
        this.heardAt = this.downAt = env.now();
        const ends = [
            client.on('welcome', (welcome) => {
                this.heartbeat = welcome.heartbeat || HEARTBEAT_MS;
                this.hear(welcome.time);
            }),
            client.on('time', (time) => this.hear(time)),
            client.on('state', (change) => this.change(change)),
            env.every(CHECK_MS, () => this.check()),
        ];
        abort.addEventListener('abort', () => ends.forEach((end) => end()), { once: true });
    }

    private hear(time: number): void {
        this.heardAt = this.env.now();
        this.time.set(time);
        this.check();
    }

    private change(change: StateChange): void {
        const open = change.state === 'open';
        if (this.open && !open)
            this.downAt = this.env.now();
        if (!this.open && open)
            this.heardAt = this.env.now();
        this.open = open;
        this.last = change;
        this.check();
    }

    /** Called by itself; also when the page is shown again. */
    check(): void {
        const now = this.env.now();
        const silent = this.open && now - this.heardAt > this.heartbeat + GRACE_MS;
        const down = !this.open && (now - this.downAt >= LOST_MS || Boolean(this.last?.error));
        const before = this.link.get();
        const state = silent || down ? 'lost' : this.open ? 'live' : before.state;
        const next: Link = {
            state, heard: this.time.get(), retryAt: this.open ? 0 : (this.last?.retryAt ?? 0),
            reason: silent ? 'the server is silent' : (this.last?.error?.message ?? this.last?.reason ?? ''),
        };
        if (next.state !== before.state || next.retryAt !== before.retryAt || next.reason !== before.reason || (next.state === 'lost' && next.heard !== before.heard))
            this.link.set(next);
    }
}

const two = (n: number): string => String(n).padStart(2, '0');

export function clockText(ms: number, utc = false): string {
    if (!ms)
        return '--:--:--';
    const d = new Date(ms);
    return utc ? `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}` : `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** "00:42", "3:05:10", "2 d". */
export function ageText(ms: number): string {
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s >= 172_800)
        return `${Math.floor(s / 86_400)} d`;
    return `${s >= 3600 ? `${Math.floor(s / 3600)}:` : ''}${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

export function bannerText(link: Link, now: number): string {
    const parts = ['DISCONNECTED', link.heard ? `data from ${clockText(link.heard)}` : 'no data yet'];
    if (link.reason && !link.retryAt)
        parts.push(link.reason);
    if (link.retryAt)
        parts.push(link.retryAt > now ? `retry in ${Math.ceil((link.retryAt - now) / 1000)} s` : 'retrying');
    return parts.join(' · ');
}

/** Across the top of the page, as long as the link is lost. Says it in words, shape and pattern; colour comes last. */
export function banner(freshness: Freshness, abort: AbortSignal): HTMLElement {
    const words = h('span');
    const element = h('div', { class: 'lost-banner', hidden: true }, glyph('stale'), words);
    let timer = 0;
    const show = (): void => text(words, bannerText(freshness.link.get(), Date.now()));
    freshness.link.on((link) => {
        const lost = link.state === 'lost';
        element.hidden = !lost;
        document.documentElement.classList.toggle('link-lost', lost);
        clearInterval(timer);
        if (lost) {
            show();
            timer = setInterval(show, 500);
        }
    }, { signal: abort, now: true });
    abort.addEventListener('abort', () => clearInterval(timer), { once: true });
    return element;
}

/** Seconds that only the server moves, and a dot that beats with it. */
export function clock(freshness: Freshness, abort: AbortSignal): HTMLElement {
    const digits = h('span', { class: 'clock-time' }), utc = h('span', { class: 'clock-utc' });
    const dot = h('span', { class: 'clock-beat', 'aria-hidden': 'true' });
    let second = 0;
    freshness.time.on((time) => {
        if (Math.floor(time / 1000) === second)
            return;
        second = Math.floor(time / 1000);
        text(digits, clockText(time));
        text(utc, `${clockText(time, true)} UTC`);
        dot.classList.toggle('on');
    }, { signal: abort, now: true });
    return h('span', { class: 'clock', title: 'Time of the server. It stands still when the server does.' }, dot, digits, utc);
}
