/* rotation.ts - dashboards of a wall in turn. It stands still while somebody holds it, and while something critical fires that nobody
 * has acknowledged: then it goes to the page that shows it and stays. No DOM, no timers of its own: tick() is called. */

const AHEAD_MS = 5000; /* the next page is asked for before it is shown */

export interface RotationState {
    readonly index: number;
    /** 0 … 1 of this page's time. */
    readonly progress: number;
    readonly held: boolean;
    readonly pinned: boolean;
}

export interface RotationEvents {
    show(uid: string): void;
    /** It comes next. */
    prepare(uid: string): void;
}

export class Rotation {
    private index: number;
    private shownAt: number;
    private held = false;
    private pinned = false;
    private prepared = false;
    private lostMs = 0; /* of this page's time, while it was held */
    private at: number;

    constructor(readonly pages: readonly string[], private readonly everyMs: number, private readonly events: RotationEvents, current: string, now: number) {
        this.index = Math.max(0, pages.indexOf(current));
        this.shownAt = this.at = now;
    }

    get state(): RotationState {
        const gone = this.at - this.shownAt - this.lostMs;
        return { index: this.index, progress: Math.min(1, Math.max(0, gone / this.everyMs)), held: this.held, pinned: this.pinned };
    }

    tick(now: number): void {
        const passed = now - this.at;
        this.at = now;
        if (this.held || this.pinned) {
            this.lostMs += passed;
            return;
        }
        if (this.pages.length < 2)
            return;
        const left = this.everyMs - (now - this.shownAt - this.lostMs);
        if (left <= 0)
            return this.go(this.index + 1, now);
        if (left <= AHEAD_MS && !this.prepared) {
            this.prepared = true;
            this.events.prepare(this.pages[(this.index + 1) % this.pages.length]!);
        }
    }

    /** Also by hand: forward and back. */
    go(index: number, now: number): void {
        const n = this.pages.length;
        this.index = ((index % n) + n) % n;
        this.shownAt = this.at = now;
        this.lostMs = 0;
        this.prepared = false;
        this.events.show(this.pages[this.index]!);
    }

    step(by: number, now: number): void {
        this.go(this.index + by, now);
    }

    hold(on = !this.held): boolean {
        this.held = on;
        return on;
    }

    /** Something critical fires: `uid` shows it. '' : it is over. */
    pin(uid: string, now: number): void {
        this.pinned = uid !== '';
        const to = this.pages.indexOf(uid);
        if (this.pinned && to >= 0 && to !== this.index)
            this.go(to, now);
    }
}
