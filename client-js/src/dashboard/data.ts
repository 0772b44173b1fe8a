/* data.ts - what panels ask for, asked once: sources are shared by expression, interval and history. A live source is a
 * subscription of the library with its points in a ring; a historic one is the answer to one range query. */
import { labelsKey, type Frame, type Labels, type PushClient, type Subscription, type Value } from '../client/index.ts';
import type { Fetcher } from './api.ts';
import { Ring } from './lib/ring.ts';
import { promDuration } from './model/time.ts';

const MAX_SERIES = 1000;
const MAX_ROWS = 11_000;
const SPARE_COLUMNS = 64;

export interface SourceSpec {
    readonly expr: string;
    readonly intervalMs: number;
    /** Points before now; 0: only what is. */
    readonly historyMs: number;
    /** Of the past: asked once. Then historyMs is to − from. */
    readonly to: number | null;
}

export interface SourceSeries {
    readonly labels: Labels;
    readonly key: string;
    readonly column: number;
    last: number | null;
    lastTime: number;
    /** The server has no value any more; `last` is the one it had. */
    stale: boolean;
    /** Left the result. */
    gone: boolean;
}

type Listener = () => void;

/** A source as it was last seen, to be kept beyond the visit. */
export interface Seen {
    readonly expr: string;
    readonly time: number;
    readonly times: Float64Array;
    readonly series: readonly { readonly key: string; readonly labels: Labels; readonly last: number | null; readonly lastTime: number; readonly values: Float64Array }[];
}

export class Source {
    ring: Ring;
    /** By column. */
    series: SourceSeries[] = [];
    /** Changes with the set of series. */
    shape = 0;
    error = '';
    loaded = false;
    /** Of the newest state. */
    time = 0;
    /** Series beyond MAX_SERIES, and those of them that had ended. */
    refused = 0;
    refusedEnded = 0;
    /** Series that the server leaves out. */
    leftOut = 0;
    /** The connection is gone, and what was missed is not known yet. */
    detached = false;
    /** The server is behind with it. */
    late = false;
    readonly listeners = new Set<Listener>();
    private readonly byKey = new Map<string, SourceSeries>();
    private values: Value[] = [];
    private slots: (SourceSeries | null)[] = [];

    constructor(readonly spec: SourceSpec) {
        const rows = spec.historyMs ? Math.ceil(spec.historyMs / spec.intervalMs) + 4 : 2;
        this.ring = new Ring(Math.min(MAX_ROWS, rows));
    }

    changed(): void {
        for (const listener of this.listeners)
            listener();
    }

    fail(message: string): void {
        this.error = message;
        this.changed();
    }

    take(frame: Frame): void {
        if (frame.reset) {
            this.ring.clear();
            this.series.forEach((s) => (s.last = null));
        }
        const sets = frame.kind === 'full' || frame.series.length !== this.slots.length || frame.series.some((s, i) => s?.key !== this.slots[i]?.key);
        if (sets)
            this.place(frame.series);
        if (frame.kind === 'update')
            this.hold(frame.time - this.spec.intervalMs);
        for (const [time, values] of frame.points)
            this.row(time, values);
        this.bury(frame.ended);
        this.leftOut = frame.leftOut;
        this.values = [...frame.values];
        this.time = frame.time;
        this.newest(frame.time);
        this.loaded = true;
        this.detached = this.late = false;
        this.error = '';
        this.changed();
    }

    /** No news until then means that nothing changed: the line goes on. Not across a lost connection, or when the server says that it is
     * behind with this: there nobody knows. */
    advance(time: number, late: boolean): void {
        if (late !== this.late) {
            this.late = late;
            this.changed();
        }
        if (!this.loaded || this.error || this.detached || late || time <= this.time)
            return;
        this.hold(time);
        for (const s of this.slots)
            if (s && !s.stale && s.last !== null && s.lastTime < time)
                s.lastTime = time;
    }

    private hold(until: number): void {
        const { intervalMs, historyMs } = this.spec;
        if (!historyMs || !this.values.length)
            return;
        const last = this.ring.length ? this.ring.timesView()[this.ring.length - 1]! : 0;
        /* Rows lie on the interval, so that stacked and joined series meet. */
        const from = Math.max(last + intervalMs, until - historyMs);
        for (let t = Math.ceil(from / intervalMs) * intervalMs; t <= until; t += intervalMs)
            this.row(t, this.values);
    }

    /** The server's time up to which this is known to be so. */
    get knownAt(): number {
        return this.series.reduce((t, s) => Math.max(t, s.lastTime), this.time);
    }

    /** Copies: the views change with the next point. */
    seen(): Seen {
        const { ring } = this;
        return {
            expr: this.spec.expr, time: this.time, times: ring.timesView().slice(),
            series: this.series.filter((s) => !s.gone).map((s) => ({ key: s.key, labels: s.labels, last: s.last, lastTime: s.lastTime, values: ring.columnView(s.column).slice() })),
        };
    }

    /** What an earlier visit saw, until the server says more. */
    restore(seen: Seen): void {
        if (this.loaded)
            return;
        const columns = seen.series.map((old) => {
            const s = this.columnOf(old.key, old.labels);
            if (s)
                Object.assign(s, { last: old.last, lastTime: old.lastTime });
            return s?.column;
        });
        seen.times.forEach((time, i) => {
            this.ring.push(time);
            columns.forEach((column, k) => column !== undefined && this.ring.set(column, seen.series[k]!.values[i]!));
        });
        this.time = seen.time;
        this.loaded = this.detached = true;
        this.shape++;
        this.changed();
    }

    private row(time: number, values: readonly Value[]): void {
        const { ring } = this;
        if (ring.length && time < ring.timesView()[ring.length - 1]!)
            return;
        ring.push(time);
        for (let i = 0; i < values.length; i++) {
            const v = values[i], s = this.slots[i];
            if (s && v !== null && v !== undefined)
                this.ring.set(s.column, v);
        }
    }

    /** Series that ended before this page came are lines of the past. */
    private bury(ended: Frame['ended']): void {
        for (const { labels, points } of ended) {
            const key = labelsKey(labels);
            const s = this.byKey.has(key) || this.byKey.size < MAX_SERIES ? this.columnOf(key, labels) : null;
            if (!s) {
                this.refusedEnded++;
                continue;
            }
            s.gone = !this.slots.includes(s);
            for (const [time, v] of points)
                if (v !== null)
                    this.ring.setAt(s.column, time, v);
        }
    }

    /** Who has which slot now. */
    private place(series: Frame['series']): void {
        const living = new Set(series.map((s) => s?.key ?? ''));
        for (const s of this.series)
            s.gone = !living.has(s.key);
        if (this.series.length > SPARE_COLUMNS + 2 * series.length)
            this.compact(living);
        this.refused = this.refusedEnded = 0;
        this.slots = series.map((s) => (s ? this.columnOf(s.key, s.labels) : null));
        this.shape++;
    }

    private columnOf(key: string, labels: Labels): SourceSeries | null {
        let known = this.byKey.get(key);
        if (!known) {
            const column = this.byKey.size < MAX_SERIES ? this.ring.addColumn() : this.evict();
            if (column === null) {
                this.refused++;
                return null;
            }
            known = { labels, key, column, last: null, lastTime: 0, stale: false, gone: false };
            this.series[known.column] = known;
            this.byKey.set(key, known);
        }
        known.gone = false;
        return known;
    }

    /** What has gone makes room for what lives. */
    private evict(): number | null {
        const old = this.series.find((s) => s.gone);
        if (!old)
            return null;
        this.byKey.delete(old.key);
        this.ring.blank(old.column);
        return old.column;
    }

    /** Columns of series that come and go must not pile up: those without a point left are given up. */
    private compact(needed: ReadonlySet<string>): void {
        const old = this.ring;
        const kept = this.series.filter((s) => needed.has(s.key) || old.columnView(s.column).some((v) => !Number.isNaN(v))).slice(-MAX_SERIES);
        const times = old.timesView();
        this.ring = new Ring(old.capacity);
        this.byKey.clear();
        const columns = kept.map((s) => old.columnView(s.column));
        this.series = kept.map((s) => ({ ...s, column: this.ring.addColumn() }));
        this.series.forEach((s) => this.byKey.set(s.key, s));
        for (let i = 0; i < times.length; i++) {
            this.ring.push(times[i]!);
            columns.forEach((c, k) => this.ring.set(k, c[i]!));
        }
    }

    private newest(time: number): void {
        this.slots.forEach((s, i) => {
            const v = this.values[i] ?? null;
            if (!s)
                return;
            if (v === null && s.last === null)
                this.past(s);
            s.stale = v === null && s.last !== null;
            if (v !== null) {
                s.last = v;
                s.lastTime = time;
            }
        });
        for (const s of this.series)
            if (s.gone)
                s.last = null;
    }

    /** History ends before now: the last of it is the newest there is, and old. */
    private past(s: SourceSeries): void {
        const times = this.ring.timesView(), values = this.ring.columnView(s.column);
        const i = values.findLastIndex((v) => !Number.isNaN(v));
        if (i >= 0)
            Object.assign(s, { last: values[i]!, lastTime: times[i]! });
    }

    /** The answer of a range query. */
    fill(result: readonly RangeSeries[]): void {
        const { intervalMs, historyMs, to } = this.spec;
        this.place(result.map((r, slot) => ({ labels: r.metric, key: labelsKey(r.metric), slot })));
        const byTime = new Map<number, [number, number][]>();
        for (const [slot, r] of result.entries())
            for (const [t, v] of r.values ?? (r.value ? [r.value] : [])) {
                const time = Math.round(t * 1000);
                byTime.set(time, [...(byTime.get(time) ?? []), [slot, parseValue(v)]]);
            }
        /* Every step is a row, also one without points: a gap is a gap. */
        const first = byTime.size ? Math.min(...byTime.keys()) : 0;
        for (let t = first - Math.floor((first - (to! - historyMs)) / intervalMs) * intervalMs; byTime.size && historyMs && t <= to!; t += intervalMs)
            if (!byTime.has(t))
                byTime.set(t, []);
        for (const time of [...byTime.keys()].sort((a, b) => a - b)) {
            this.ring.push(time);
            for (const [slot, v] of byTime.get(time)!) {
                const s = this.slots[slot];
                if (!s)
                    continue;
                this.ring.set(s.column, v);
                s.last = v;
                s.lastTime = time;
            }
        }
        this.time = to!;
        this.loaded = true;
        this.error = '';
        this.changed();
    }
}

interface RangeSeries {
    readonly metric: Labels;
    readonly values?: readonly [number, string][];
    readonly value?: [number, string];
}

function parseValue(text: string): number {
    return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}

export interface Hold {
    readonly source: Source;
    release(): void;
}

interface Kept {
    readonly source: Source;
    users: number;
    subscription: Subscription | null; /* of what is live */
    end(): void;
}

export class DataHub {
    private readonly kept = new Map<string, Kept>();
    private most = 200; /* queries a session may ask, until the server says */
    private remembered: ReadonlyMap<string, Seen> = new Map();

    constructor(private readonly client: PushClient, private readonly fetcher: Fetcher) {
        client.on('time', (time) => {
            for (const { source, subscription } of this.kept.values())
                if (subscription)
                    source.advance(time, subscription.late);
        });
        client.on('welcome', ({ limits }) => (this.most = limits['subscriptions'] ?? this.most));
        client.on('state', ({ state }) => {
            if (state !== 'open')
                for (const { source } of this.kept.values())
                    source.detached = true;
        });
    }

    get size(): number {
        return this.kept.size;
    }

    /** Whether less than this part of what a session may ask is asked. */
    room(part: number): boolean {
        return this.size < this.most * part;
    }

    /** What is shown now of what is live. */
    seen(): Seen[] {
        return [...this.kept.values()].filter(({ source }) => source.spec.to === null && source.loaded && !source.error).map(({ source }) => source.seen());
    }

    /** The server cannot be reached: sources show this until it can. */
    remember(seen: readonly Seen[]): void {
        this.remembered = new Map(seen.map((s) => [s.expr, s]));
        for (const { source } of this.kept.values())
            this.recall(source);
    }

    private recall(source: Source): void {
        const seen = source.spec.to === null && this.client.state !== 'open' && this.remembered.get(source.spec.expr);
        if (seen)
            source.restore(seen);
    }

    /** `listener`: there is news. Release what you no longer need. */
    acquire(spec: SourceSpec, listener: Listener): Hold {
        const key = JSON.stringify(spec);
        let kept = this.kept.get(key);
        if (!kept) {
            const source = new Source(spec);
            kept = { source, users: 0, ...(spec.to === null ? this.subscribe(source) : { subscription: null, end: this.query(source) }) };
            this.kept.set(key, kept);
            this.recall(source);
        }
        const mine = kept;
        mine.users++;
        mine.source.listeners.add(listener);
        let held = true;
        return {
            source: mine.source,
            release: () => {
                if (!held)
                    return;
                held = false;
                mine.source.listeners.delete(listener);
                if (--mine.users)
                    return;
                this.kept.delete(key);
                mine.end();
            },
        };
    }

    private subscribe(source: Source): Pick<Kept, 'subscription' | 'end'> {
        const { expr, intervalMs, historyMs } = source.spec;
        const subscription: Subscription = this.client.subscribe(expr, (frame) => source.take(frame), {
            interval: promDuration(intervalMs), ...(historyMs ? { history: promDuration(Math.ceil(historyMs / 1000) * 1000) } : {}),
        });
        subscription.on('error', (error) => source.fail(error.message));
        subscription.on('recovered', () => (source.detached = false));
        return { subscription, end: () => subscription.unsubscribe() };
    }

    private query(source: Source): () => void {
        const controller = new AbortController();
        const { expr, intervalMs, historyMs, to } = source.spec;
        const search = historyMs
            ? new URLSearchParams({ query: expr, start: String((to! - historyMs) / 1000), end: String(to! / 1000), step: String(intervalMs / 1000) })
            : new URLSearchParams({ query: expr, time: String(to! / 1000) });
        this.fetcher.json(`/api/v1/query${historyMs ? '_range' : ''}?${search}`, controller.signal).then(
            (answer) => source.fill((((answer as { data?: { result?: unknown } }).data?.result ?? []) as RangeSeries[])),
            (error: Error) => controller.signal.aborted || source.fail(error.message),
        );
        return () => controller.abort();
    }
}
