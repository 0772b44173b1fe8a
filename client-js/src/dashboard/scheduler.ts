/* scheduler.ts - who may paint when. One animation frame paints as many panels as fit into it, those that wait longest first, and
 * only visible ones; painting all of them whenever data comes is what makes dashboards stutter. When frames get long all the same,
 * each panel paints less often; it never stops. */

const PER_FRAME = 4;
/* Of a frame's time panels get a share, data and hands the rest. A paint seems to take longer than it does, since its end is only heard
 * of when the browser comes to it: so the share grows while no frame comes late, soon to where one did, then ever more boldly. */
const SHARE = { least: 0.1, first: 0.65, most: 1.3, up: 0.1, down: 0.8, wary: 0.95, bolder: 0.001 };
const WARM = 500; /* paints: scripts are slow at first */
const LATE_FRAMES = 3; /* in a second */
const LEARN = 0.1;
const RATES = [10, 5, 2, 1]; /* paints a second */
const SAMPLES = 120;
const JUDGE_MS = 1000;
const GOOD_SECONDS = 3; /* before it goes faster again */
const SLOW_MS = 20;
const IDLE_MS = 200; /* a longer time between frames: the page was not in sight */

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
    /** Those behind frames that painted hardly anything: they tell of the display. */
    private readonly calm: number[] = [];
    private before = 0; /* panels painted by the last frame */
    private urgentLast = false; /* what is urgent comes first, but no two of it while others wait */
    private frameAsked = false;
    private timerAt = Infinity;
    private frameAt = -Infinity;
    /** The next frame was asked for in this one: the time between them is the display's, and no pause of ours. */
    private chained = false;
    private judgedAt = 0;
    private good = 0;
    private level = 0;
    private held = false;
    /** ms between frames as the display has them. */
    private usual = 1000 / 60;
    private share = SHARE.first;
    private mostShare = SHARE.most;
    private late = 0;
    private inTime = 0; /* seconds */
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
        const ready = this.candidates().filter((e) => this.due(e) <= start).sort((a, b) => a.dirtyAt - b.dirtyAt);
        let painted = 0;
        for (let left = Math.min(this.perFrame, ready.length); left > 0; left--) {
            const [entry] = ready.splice(Math.max(0, ready.findIndex((e) => e.urgent !== this.urgentLast)), 1) as [Entry];
            this.urgentLast = entry.urgent;
            entry.dirtyAt = -1;
            entry.urgent = false;
            entry.paintedAt = start;
            painted++;
            try {
                entry.paint();
            } catch (error) {
                this.onError(error);
            }
            if (this.clock.now() - start > this.budget)
                break;
        }
        if (painted) {
            this.painted += painted;
            this.clock.drawn(() => (this.cost += LEARN * ((this.clock.now() - start) / painted - this.cost)));
        }
        this.wake();
        this.chained = this.frameAsked;
        this.before = painted;
    }

    /** ms of a frame that are for panels. */
    private get budget(): number {
        return this.share * this.usual;
    }

    private get perFrame(): number {
        return Math.max(1, Math.min(PER_FRAME, Math.floor(this.budget / this.cost)));
    }

    private adjustShare(): void {
        if (this.late >= LATE_FRAMES && this.painted > WARM) {
            this.mostShare = SHARE.wary * this.share;
            this.share = Math.max(SHARE.least, SHARE.down * this.share);
            this.inTime = 0;
        } else {
            this.mostShare = Math.min(SHARE.most, this.mostShare * (1 + SHARE.bolder * this.inTime++));
            this.share = Math.max(SHARE.least, Math.min(this.mostShare, this.share + SHARE.up));
        }
        this.late = 0;
    }

    private measure(now: number): void {
        const gap = now - this.frameAt;
        this.frameAt = now;
        if (this.chained && gap < IDLE_MS) {
            this.gaps.push(gap);
            if (this.before <= 1)
                this.calm.push(gap);
            this.late += gap > 1.5 * this.usual ? 1 : 0;
        }
        for (const kept of [this.gaps, this.calm])
            if (kept.length > SAMPLES)
                kept.shift();
        if (now - this.judgedAt < JUDGE_MS || this.gaps.length < 20)
            return;
        this.judgedAt = now;
        this.adjustShare();
        const p95 = quantile(this.gaps, 0.95);
        /* A display of 30 Hz is not a slow machine: its shortest frames are long as well. */
        if (this.calm.length >= 20)
            this.usual = Math.min(34, quantile(this.calm, 0.1));
        const slow = p95 > Math.max(SLOW_MS, 1.4 * this.usual);
        this.good = slow ? 0 : this.good + 1;
        if (slow && this.perFrame === 1 && this.level < RATES.length - 1) {
            this.level++;
            this.gaps.length = 0;
        } else if (this.good >= GOOD_SECONDS && this.level > 0) {
            this.level--;
            this.good = 0;
            this.gaps.length = 0;
        }
    }
}

function quantile(values: readonly number[], part: number): number {
    return [...values].sort((a, b) => a - b)[Math.floor(part * (values.length - 1))]!;
}
