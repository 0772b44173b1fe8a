/* announcer.ts - the two live regions of the page: everything that is said to screen readers goes through here, and not too often. */
import { h } from './lib/h.ts';

const STATUS_MS = 15_000;
const ALERT_MS = 5000;
const MAX_LENGTH = 140;

/** One region: says the newest text, never more often than the interval; what came in between is counted. */
class Region {
    readonly element: HTMLElement;
    private waiting: string[] = [];
    private timer = 0;
    private saidAt = -Infinity;

    constructor(role: 'status' | 'alert', private readonly intervalMs: number) {
        this.element = h('div', { class: 'sr-only', role });
    }

    say(message: string): void {
        const short = message.length > MAX_LENGTH ? `${message.slice(0, MAX_LENGTH - 1)}…` : message;
        if (this.waiting.at(-1) === short)
            return;
        this.waiting.push(short);
        const wait = this.saidAt + this.intervalMs - performance.now();
        if (wait <= 0)
            this.flush();
        else
            this.timer ||= setTimeout(() => this.flush(), wait);
    }

    private flush(): void {
        clearTimeout(this.timer);
        this.timer = 0;
        this.saidAt = performance.now();
        const more = this.waiting.length - 1;
        const last = this.waiting.at(-1) ?? '';
        this.waiting = [];
        /* The same text twice would not be said again. */
        const next = more > 0 ? `${last} and ${more} more` : last;
        this.element.textContent = this.element.textContent === next ? `${next}\u00a0` : next;
    }

    stop(): void {
        clearTimeout(this.timer);
    }
}

export class Announcer {
    private readonly polite = new Region('status', STATUS_MS);
    private readonly urgent = new Region('alert', ALERT_MS);

    /** Empty at first: text that is there from the beginning is not announced. */
    readonly elements: readonly HTMLElement[] = [this.polite.element, this.urgent.element];

    constructor(abort?: AbortSignal) {
        abort?.addEventListener('abort', () => {
            this.polite.stop();
            this.urgent.stop();
        }, { once: true });
    }

    announce(message: string, urgent = false): void {
        (urgent ? this.urgent : this.polite).say(message);
    }
}
