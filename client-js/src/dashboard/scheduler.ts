/* scheduler.ts - who may paint when. One animation frame paints as many panels as fit into it, those that wait longest first, and
 * only visible ones; painting all of them whenever data comes is what makes dashboards stutter. When frames get long all the same,
 * each panel paints less often; it never stops. */

const PER_FRAME = 4;
const SHARE = 0.65; /* of a frame's time is for panels: data and hands need some as well */
const LEARN = 0.1;
const RATES = [10, 5, 2, 1]; /* paints a second */
const SAMPLES = 120;
const JUDGE_MS = 1000;
const GOOD_SECONDS = 3; /* before it goes faster again */
const SLOW_MS = 20;
const IDLE_MS = 200; /* a longer pause between frames was ours, not the machine's */

export interface Clock {
    now(): number;
    frame(fn: () => void): void;
    after(ms: number, fn: () => void): void;
    /** Once what this frame has painted is drawn. Without a GPU the drawing costs several times what the scripts do. */
    drawn(fn: () => void): void;
}

const afterFrame: (() => void)[] = [];
let channel: MessageChannel | null = null;

/* A message is taken up when the frame is through. */
function drawn(fn: () => void): void {
    if (!channel) {
        channel = new MessageChannel();
        channel.port1.onmessage = () => afterFrame.splice(0).forEach((f) => f());
    }
    afterFrame.push(fn);
    channel.port2.postMessage(0);
}

const browser: Clock = {
    now: () => performance.now(),
    frame: (fn) => void requestAnimationFrame(fn),
    after: (ms, fn) => void setTimeout(fn, ms),
    drawn,
};

export interface Ticket {
    /** There is news. `urgent`: it is about what a hand just did; limits of rate and pause do not count. */
    invalidate(urgent?: boolean): void;
    visible: boolean;
    remove(): void;
}

class Entry implements Ticket {
    dirtyAt = -1;
    paintedAt = -Infinity;
    urgent = false;
    private shown = false;

    constructor(readonly paint: () => void, readonly maxHz: number, private readonly scheduler: Scheduler) {}

    get visible(): boolean {
        return this.shown;
    }

    set visible(value: boolean) {
        this.shown = value;
        this.scheduler.wake();
    }

    invalidate(urgent = false): void {
        if (this.dirtyAt < 0)
            this.dirtyAt = this.scheduler.clock.now();
        this.urgent ||= urgent;
        this.scheduler.wake();
    }

    remove(): void {
        this.scheduler.forget(this);
    }
}

export class Scheduler {
    readonly clock: Clock;
    /** Counts paints. */
    painted = 0;
    private readonly entries = new Set<Entry>();
    private readonly gaps: number[] = [];
    private frameAsked = false;
    private timerAt = Infinity;
    private frameAt = -Infinity;
    private judgedAt = 0;
    private good = 0;
    private level = 0;
    private held = false;
    /** ms between frames as the display has them. */
    private usual = 1000 / 60;
    /** ms of one panel's paint, drawing included; of late. */
    private cost = 2;

    constructor(private readonly onError: (error: unknown) => void = (e) => console.error(e), clock: Clock = browser) {
        this.clock = clock;
    }

    /** Paints a second that a panel gets at the moment. */
    get rate(): number {
        return RATES[this.level]!;
    }

    get paused(): boolean {
        return this.held;
    }

    set paused(value: boolean) {
        this.held = value;
        this.wake();
    }

    add(paint: () => void, maxHz = RATES[0]!): Ticket {
        const entry = new Entry(paint, maxHz, this);
        this.entries.add(entry);
        return entry;
    }

    forget(ticket: Ticket): void {
        this.entries.delete(ticket as Entry);
    }

    wake(): void {
        if (this.frameAsked)
            return;
        const wait = this.untilDue();
        if (wait === null)
            return;
        if (wait > IDLE_MS / 4) {
            const due = this.clock.now() + wait;
            if (due >= this.timerAt)
                return;
            this.timerAt = due; /* one that was to ring later finds nothing to do */
            this.clock.after(wait, () => {
                if (this.timerAt === due)
                    this.timerAt = Infinity;
                this.wake();
            });
            return;
        }
        this.frameAsked = true;
        this.clock.frame(() => this.frame());
    }

    private candidates(): Entry[] {
        return [...this.entries].filter((e) => e.visible && e.dirtyAt >= 0 && (!this.held || e.urgent));
    }

    private due(e: Entry): number {
        /* Half a frame early: else a rate of 10 becomes one of 8.6 on frames of 16.7 ms. */
        return e.urgent ? 0 : e.paintedAt + 1000 / Math.min(e.maxHz, this.rate) - 8;
    }

    /** ms until somebody may paint; null: nobody wants to. */
    private untilDue(): number | null {
        const all = this.candidates();
        return all.length ? Math.max(0, Math.min(...all.map((e) => this.due(e))) - this.clock.now()) : null;
    }

    private frame(): void {
        const start = this.clock.now();
        this.frameAsked = false;
        this.measure(start);
        const ready = this.candidates().filter((e) => this.due(e) <= start).sort((a, b) => Number(b.urgent) - Number(a.urgent) || a.dirtyAt - b.dirtyAt);
        const budget = SHARE * this.usual;
        const some = ready.slice(0, Math.max(1, Math.min(PER_FRAME, Math.floor(budget / this.cost))));
        let painted = 0;
        for (const entry of some) {
            entry.dirtyAt = -1;
            entry.urgent = false;
            entry.paintedAt = start;
            painted++;
            try {
                entry.paint();
            } catch (error) {
                this.onError(error);
            }
            if (this.clock.now() - start > budget)
                break;
        }
        if (painted) {
            this.painted += painted;
            this.clock.drawn(() => (this.cost += LEARN * ((this.clock.now() - start) / painted - this.cost)));
        }
        this.wake();
    }

    private measure(now: number): void {
        const gap = now - this.frameAt;
        this.frameAt = now;
        if (gap < IDLE_MS)
            this.gaps.push(gap);
        if (this.gaps.length > SAMPLES)
            this.gaps.shift();
        if (now - this.judgedAt < JUDGE_MS || this.gaps.length < 20)
            return;
        this.judgedAt = now;
        const sorted = [...this.gaps].sort((a, b) => a - b);
        const p95 = sorted[Math.floor(0.95 * (sorted.length - 1))]!;
        /* A display of 30 Hz is not a slow machine: its shortest frames are long as well. */
        this.usual = Math.min(34, sorted[Math.floor(0.1 * sorted.length)]!);
        const slow = p95 > Math.max(SLOW_MS, 1.4 * this.usual);
        this.good = slow ? 0 : this.good + 1;
        if (slow && this.level < RATES.length - 1) {
            this.level++;
            this.gaps.length = 0;
        } else if (this.good >= GOOD_SECONDS && this.level > 0) {
            this.level--;
            this.good = 0;
            this.gaps.length = 0;
        }
    }
}
