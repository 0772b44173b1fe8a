/* page.ts - one open dashboard: its range of time, variables, panels in full view; all of it in the address. */
import type { App } from './app.ts';
import { Grid } from './grid.ts';
import { signal, type Signal } from './lib/signal.ts';
import { resolveRange, type Resolved, type TimeRange } from './model/time.ts';
import type { Dashboard, Link } from './model/types.ts';
import { fromAddress, toAddress, type Macros } from './model/vars.ts';
import { scrapeOf } from './panel-data.ts';
import type { HostEnvironment } from './panel-host.ts';
import { VariableSet } from './variables.ts';

const TICK_MS = 1000;
const RESOLVE_MS = 60_000; /* variables that follow the time are asked again that often */
const SCRAPE_MS = 15_000;

export interface Origin {
    readonly version: number;
    readonly shipped: boolean;
}

export class Page {
    readonly grid: Grid;
    readonly variables: VariableSet;
    readonly range: Signal<TimeRange>;
    /** The moment of pausing; 0: it runs. */
    readonly pausedAt: Signal<number> = signal(0);
    /** Counts changes of variables. */
    readonly changes: Signal<number> = signal(0);
    readonly view: Signal<number | null> = signal<number | null>(null);
    private readonly controller = new AbortController();
    private resolving = new AbortController();
    private resolvedAt = Date.now();

    constructor(private readonly app: App, readonly dashboard: Dashboard, readonly origin: Origin, search: URLSearchParams) {
        this.range = signal(this.rangeOf(search));
        this.variables = new VariableSet(this.dashboard.variables, app.fetcher, () => this.macros(), fromAddress(search));
        this.grid = new Grid(this.dashboard, this.environment(), (text) => app.announcer.say(text));
        this.view.set(viewOf(search));
        const timer = setInterval(() => this.tick(), TICK_MS);
        this.controller.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
        app.freshness.connection.on(() => this.grid.tick(), { signal: this.controller.signal });
    }

    /** Fills the variables, then shows the panels. */
    async start(): Promise<void> {
        await this.variables.resolve(this.resolving.signal);
        if (this.controller.signal.aborted)
            return;
        this.grid.show(this.variables.all);
        if (this.view.get() !== null)
            this.grid.view = this.view.get();
        this.changes.set(this.changes.get() + 1);
    }

    private environment(): HostEnvironment {
        const { app } = this;
        return {
            around: {
                hub: app.hub, now: () => this.now(), range: () => this.range.get(), variables: () => this.variables.all,
                lostSince: () => app.freshness.connection.get().lostSince, scrapeMs: scrapeOf(this.dashboard.own),
            },
            scheduler: app.scheduler, theme: app.themes.theme, crosshair: app.crosshair, kiosk: app.kiosk,
            services: {
                json: (path, signal) => app.fetcher.json(path, signal), notifications: app.notifications,
                acknowledge: (id, comment) => app.center.ack(id, comment), open: (href, newTab) => app.router.open(href, newTab),
                ...(app.kiosk ? {} : { zoom: (from: number, to: number) => this.setRange({ from: String(Math.round(from)), to: String(Math.round(to)) }) }),
                announce: (text, urgent) => app.announcer.say(text, urgent),
            },
            view: (id) => this.setView(this.view.get() === null ? id : null),
            href: (link, interpolate) => this.href(link, interpolate),
        };
    }

    now(): number {
        return this.pausedAt.get() || this.app.freshness.now();
    }

    resolved(): Resolved {
        return resolveRange(this.range.get(), this.now());
    }

    private macros(): Macros {
        const { from, to } = this.resolved();
        return { intervalMs: Math.max(1000, (to - from) / 1000), scrapeMs: scrapeOf(this.dashboard.own) || SCRAPE_MS, from, to };
    }

    private rangeOf(search: URLSearchParams): TimeRange {
        const { time } = this.dashboard;
        return { from: search.get('from') || time.from, to: search.get('to') || time.to };
    }

    /* ---- what people change ---- */

    private address(change: (search: URLSearchParams) => void, push = false): void {
        const search = new URLSearchParams(location.search);
        change(search);
        this.app.router.replace(search, push);
    }

    setRange(range: TimeRange): void {
        this.address((s) => {
            s.set('from', range.from);
            s.set('to', range.to);
        }, true);
        this.pause(false);
        this.range.set(range);
        this.grid.refresh();
    }

    /** Twice as long, or the neighbouring time of the same length. */
    moveRange(move: 'out' | 'back' | 'forth'): void {
        const { from, to } = this.resolved();
        const length = to - from, shift = move === 'back' ? -length / 2 : move === 'forth' ? length / 2 : 0, grow = move === 'out' ? length / 2 : 0;
        const end = Math.min(this.app.freshness.now(), to + shift + grow);
        this.setRange({ from: String(Math.round(Math.min(from + shift - grow, end - length))), to: String(Math.round(end)) });
    }

    pause(on: boolean): void {
        if (on === this.pausedAt.get() > 0)
            return;
        this.pausedAt.set(on ? this.app.freshness.now() : 0);
        this.app.scheduler.paused = on;
        this.app.announcer.say(on ? 'Paused' : 'Live');
        if (!on)
            this.grid.tick();
    }

    async setVariable(name: string, value: readonly string[]): Promise<void> {
        this.resolving.abort();
        this.resolving = new AbortController();
        const { signal } = this.resolving;
        await this.variables.set(name, value, signal);
        if (signal.aborted || this.controller.signal.aborted)
            return;
        this.address((s) => toAddress(this.variables.all, s), true);
        this.redraw();
    }

    setView(id: number | null): void {
        this.address((s) => {
            s.delete('viewPanel');
            if (id !== null)
                s.set('viewPanel', String(id));
        }, true);
        this.showView(id);
    }

    private showView(id: number | null): void {
        if (id === this.view.get())
            return;
        const before = this.view.get();
        this.view.set(id);
        this.grid.view = id;
        this.grid.panels.find((p) => p.placed.model.id === (id ?? before))?.root.focus({ preventScroll: id !== null });
    }

    /** Back and forward change the address without a new dashboard. */
    async follow(search: URLSearchParams): Promise<void> {
        const range = this.rangeOf(search), old = this.range.get();
        if (range.from !== old.from || range.to !== old.to) {
            this.range.set(range);
            this.grid.refresh();
        }
        this.showView(viewOf(search));
        for (const [name, value] of fromAddress(search))
            if (this.variables.all.get(name)?.value.join() !== value.join())
                await this.variables.set(name, value, this.resolving.signal);
        this.redraw();
    }

    private redraw(): void {
        this.grid.show(this.variables.all);
        this.grid.refresh();
        this.changes.set(this.changes.get() + 1);
    }

    private tick(): void {
        if (this.pausedAt.get() || document.visibilityState === 'hidden')
            return;
        this.grid.tick();
        if (Date.now() - this.resolvedAt > RESOLVE_MS && this.dashboard.variables.some((v) => v.type === 'query'))
            void this.resolveAgain();
    }

    /** What a variable can be changes with what the server sees. */
    private async resolveAgain(): Promise<void> {
        this.resolvedAt = Date.now();
        const before = this.values();
        await this.variables.resolve(this.resolving.signal);
        if (this.controller.signal.aborted)
            return;
        if (this.values() !== before)
            this.redraw();
        else
            this.changes.set(this.changes.get() + 1);
    }

    private values(): string {
        return JSON.stringify([...this.variables.all.values()].map((v) => [v.value, v.value.includes('$__all') ? v.options : 0]));
    }

    /* ---- links ---- */

    href(link: Link, interpolate: (text: string) => string): string {
        let url: URL;
        try {
            url = new URL(interpolate(link.url), location.href);
        } catch {
            return '#';
        }
        if (!/^(https?|mailto):$/.test(url.protocol)) /* a dashboard of somebody else's is no program */
            return '#';
        if (link.keepTime && !url.searchParams.has('from')) {
            url.searchParams.set('from', this.range.get().from);
            url.searchParams.set('to', this.range.get().to);
        }
        if (link.includeVars) {
            const own = new URLSearchParams();
            toAddress(this.variables.all, own);
            const given = new Set(url.searchParams.keys());
            for (const [name, value] of own)
                if (!given.has(name))
                    url.searchParams.append(name, value);
        }
        return url.origin === location.origin ? url.pathname + url.search + url.hash : url.href;
    }

    destroy(): void {
        this.controller.abort();
        this.resolving.abort();
        this.app.scheduler.paused = false;
        this.grid.destroy();
    }
}

function viewOf(search: URLSearchParams): number | null {
    const id = Number(search.get('viewPanel')?.replace(/^panel-/, '') ?? NaN);
    return Number.isInteger(id) ? id : null;
}
