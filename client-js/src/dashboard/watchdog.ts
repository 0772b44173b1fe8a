/* watchdog.ts - a wall nobody touches must mend itself: it loads itself anew when its script fails again and again, when frames come
 * but nothing is painted, when a new build is there, and once a day if asked. At most every ten minutes: a page that cannot live must
 * not flicker. */

const LEAST_MS = 600_000;
const ERRORS = 20, ERRORS_MS = 60_000;
const STILL_MS = 60_000;
const LOOK_MS = 5000;
const KEY = 'streamgauge-reloaded';

export interface Watched {
    /** Nothing critical fires, nobody is at it. */
    quiet(): boolean;
    /** Counts paints; the same number for long while `alive()`: stuck. */
    paints(): number;
    /** Data comes, and there is something to paint. */
    alive(): boolean;
    now?: () => number;
    reload?: () => void;
    storage?: Pick<Storage, 'getItem' | 'setItem'>;
}

export class Watchdog {
    private readonly errors: number[] = [];
    private readonly started: number;
    private paintsSeen = -1;
    private paintsAt: number;
    private wanted = '';

    constructor(private readonly watched: Watched, private readonly reloadAt = '') {
        this.started = this.paintsAt = this.now();
    }

    private now(): number {
        return this.watched.now?.() ?? Date.now();
    }

    /** Listens to the page. */
    start(signal: AbortSignal): void {
        addEventListener('error', () => this.failed(), { signal });
        addEventListener('unhandledrejection', () => this.failed(), { signal });
        const timer = setInterval(() => this.look(), LOOK_MS);
        signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    }

    /** An exception nobody caught. */
    failed(): void {
        const now = this.now();
        this.errors.push(now);
        while (this.errors.length && now - this.errors[0]! > ERRORS_MS)
            this.errors.shift();
        if (this.errors.length >= ERRORS)
            this.reload();
    }

    /** When it is quiet. */
    want(reason: string): void {
        this.wanted ||= reason;
    }

    look(): void {
        const now = this.now();
        const paints = this.watched.paints();
        if (paints !== this.paintsSeen || !this.watched.alive()) {
            this.paintsSeen = paints;
            this.paintsAt = now;
        }
        if (now - this.paintsAt > STILL_MS)
            return this.reload();
        if (this.reloadAt) {
            const [hour, minute] = this.reloadAt.split(':').map(Number) as [number, number];
            const due = new Date(now);
            due.setHours(hour, minute, 0, 0);
            if (this.started < due.getTime() && now >= due.getTime())
                this.want('daily');
        }
        if (this.wanted && this.watched.quiet())
            this.reload();
    }

    private reload(): void {
        const now = this.now();
        const storage = this.watched.storage ?? sessionStorage;
        if (now - Number(storage.getItem(KEY) ?? 0) < LEAST_MS)
            return;
        storage.setItem(KEY, String(now));
        (this.watched.reload ?? (() => location.reload()))();
    }
}
