/* announcer.ts - the two live regions of the page. They say little: a screen reader must stay usable. */
import { h } from './lib/h.ts';

const CALM_MS = 15_000;
const URGENT_MS = 5000;
const MAX_LETTERS = 140;

class Region {
    private readonly root: HTMLElement;
    private saidAt = -Infinity;
    private waiting = '';
    private timer = false;

    constructor(role: 'status' | 'alert', private readonly gap: number) {
        this.root = h('div', { role, class: 'sr-only' });
        document.body.append(this.root);
    }

    /** The newest of what waits is said when it may be. */
    say(words: string): void {
        this.waiting = words.slice(0, MAX_LETTERS);
        const wait = this.saidAt + this.gap - performance.now();
        if (wait <= 0)
            return this.speak();
        if (this.timer)
            return;
        this.timer = true;
        setTimeout(() => {
            this.timer = false;
            this.speak();
        }, wait);
    }

    private speak(): void {
        this.saidAt = performance.now();
        this.root.textContent = this.waiting;
    }
}

export class Announcer {
    private readonly calm = new Region('status', CALM_MS);
    private readonly urgent = new Region('alert', URGENT_MS);

    say(words: string, urgent = false): void {
        (urgent ? this.urgent : this.calm).say(words);
    }
}
