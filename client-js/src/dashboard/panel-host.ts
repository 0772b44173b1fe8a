/* panel-host.ts - the frame around a panel: title, state, menu, the reason when there is nothing, and its life from first sight to
 * destroy(). */
import type { Scheduler, Ticket } from './scheduler.ts';
import type { Theme } from './lib/color.ts';
import { timeOfDay } from './lib/format.ts';
import { h, put, text } from './lib/h.ts';
import { glyph } from './lib/glyph.ts';
import type { Signal } from './lib/signal.ts';
import { copy, menu, popover, type MenuItem } from './menu.ts';
import type { Placed } from './model/layout.ts';
import { parseDuration } from './model/time.ts';
import type { Link } from './model/types.ts';
import { isBad, type Judged } from './overall.ts';
import { PanelQueries, type Surroundings } from './panel-data.ts';
import type { Crosshair, DataTable, Panel, PanelContext, PanelData, PanelFactory, Services } from './panels/base.ts';
import { needsQuery, panelType } from './panels/registry.ts';

const DESCRIBE_MS = 30_000;

export interface HostEnvironment {
    readonly around: Surroundings;
    readonly scheduler: Scheduler;
    readonly theme: Signal<Theme>;
    readonly crosshair: Signal<Crosshair | null>;
    readonly services: Services;
    readonly kiosk: boolean;
    /** Full view of one panel, and back. */
    view(id: number): void;
    /** The address a link leads to: time and variables added if it says so. */
    href(link: Link, interpolate: (text: string) => string): string;
}

/** They show what the server tells of itself: as old as the last word from it. */
const FEEDS = new Set(['alertlist', 'logs']);

/** Of panels that ask no query. */
const NOTHING: PanelData = { state: 'live', reason: '', blocks: [], table: null, from: 0, to: 0, live: true, shape: 0 };

const REASON: Readonly<Record<PanelData['state'], string>> = { loading: 'Loading', live: '', stale: 'Stale', error: 'Error', empty: 'No data' };

export class PanelHost {
    readonly root: HTMLElement;
    private readonly body = h('div', { class: 'panel-body' });
    private readonly overlay = h('div', { class: 'panel-overlay', hidden: true });
    private readonly chip = h('span', { class: 'panel-chip', hidden: true });
    private readonly title = h('h2', { class: 'panel-title' });
    private readonly controller = new AbortController();
    private readonly queries: PanelQueries;
    private readonly ticket: Ticket;
    private readonly observer: ResizeObserver;
    private panel: Panel | null = null;
    private showing: Panel | null = null; /* the table instead of it */
    private data: PanelData | null = null;
    private dataDirty = true;
    private size = { width: 0, height: 0 };
    private described = -Infinity;
    private state = '';

    constructor(readonly placed: Placed, private readonly env: HostEnvironment) {
        const { model, scoped } = placed;
        const id = `panel-${placed.key.replace(/\W/g, '-')}`;
        this.queries = new PanelQueries(model, env.around, () => this.newData(), scoped);
        this.title.id = `${id}-title`;
        const header = h('header', { class: 'panel-header' }, this.title, this.chip, ...this.headerLinks());
        if (model.description.trim() && !env.kiosk)
            header.append(h('button', { type: 'button', class: 'icon panel-info', 'aria-expanded': 'false', 'aria-label': 'About this panel', onclick: (e: Event) => this.about(e.currentTarget as HTMLElement) }, 'i'));
        if (!env.kiosk)
            header.append(h('button', { type: 'button', class: 'icon panel-menu', 'aria-haspopup': 'menu', 'aria-label': 'Panel menu', onclick: (e: Event) => this.openMenu(e.currentTarget as HTMLElement) }, '⋮'));
        this.root = h('section', {
            class: `panel panel-${model.type}${model.transparent ? ' transparent' : ''}`, id, tabindex: 0, 'aria-labelledby': model.title.trim() ? this.title.id : null, data: { state: 'loading', id: String(model.id) },
        }, header, h('div', { class: 'panel-frame' }, this.body, this.overlay));
        this.ticket = env.scheduler.add(() => this.paint(), this.hertz());
        this.observer = new ResizeObserver(([entry]) => this.resized(entry!.contentRect));
        this.observer.observe(this.body);
        env.theme.on(() => queueMicrotask(() => this.repaint()), { signal: this.controller.signal });
        this.retitle();
        void this.load();
    }

    /** Digits that change fast cannot be read; who asks for them at an interval below that wants to see them. */
    private hertz(): number | undefined {
        const { type, targets } = this.placed.model;
        const usual = panelType(type)?.maxHz;
        const asked = targets.map((t) => parseDuration(t.interval) ?? Infinity);
        return usual && Math.max(usual, Math.min(10, 1000 / Math.min(...asked, Infinity)));
    }

    set visible(value: boolean) {
        this.ticket.visible = value;
        this.ask(false);
    }

    private async load(): Promise<void> {
        const { model } = this.placed;
        const type = panelType(model.type);
        if (!type)
            return this.say('error', `There is no panel "${model.type}" here. Its definition is kept.`);
        try {
            const [factory] = await Promise.all([type.load(), this.queries.ready()]);
            await this.mount(factory);
        } catch (error) {
            if (!this.controller.signal.aborted)
                this.say('error', (error as Error).message);
        }
    }

    private async mount(factory: PanelFactory): Promise<void> {
        const { signal } = this.controller;
        if (signal.aborted)
            return;
        const panel = await factory(this.body, this.context(signal));
        if (signal.aborted)
            return panel.destroy();
        this.panel = panel;
        this.start();
        this.ticket.invalidate(true);
    }

    private context(signal: AbortSignal): PanelContext {
        const { env } = this;
        return {
            model: this.placed.model, theme: env.theme, crosshair: env.crosshair, services: env.services, signal, kiosk: env.kiosk,
            interpolate: (template) => this.queries.text(template),
            href: (link, facts) => env.href(link, (t) => this.queries.text(t, 'link', facts)),
            invalidate: () => this.ticket.invalidate(true),
        };
    }

    private resized({ width, height }: { width: number; height: number }): void {
        if (width === this.size.width && height === this.size.height)
            return;
        this.size = { width, height };
        this.start();
        this.repaint();
    }

    /** In sight at once, without waiting for its turn: what was painted for another size is cut off, and numbers in the colours of the
     * other theme are not to be seen on this one's ground. */
    private repaint(): void {
        if (this.ticket.visible && this.state && !this.controller.signal.aborted)
            this.paint();
        else
            this.ticket.invalidate(true);
    }

    private start(): void {
        const { width, height } = this.size;
        if (!this.panel || width <= 0 || height <= 0)
            return;
        this.panel.resize(width, height);
        this.showing?.resize(width, height);
        this.ask();
    }

    /** `again`: range, variables or size may be others. */
    private ask(again = true): void {
        const { visible } = this.ticket;
        if (this.panel && this.size.width && needsQuery(this.placed.model))
            this.queries.ask(this.size.width, visible, again, !visible && isBad(this.judged?.status ?? 'ok'));
    }

    /** Range or variables changed. */
    refresh(): void {
        this.retitle();
        this.newData();
        this.start();
        this.ticket.invalidate(true);
    }

    /** Time went on. */
    tick(): void {
        if (this.placed.model.timeShift)
            this.ask();
        if (this.data?.live)
            this.newData();
        else if (FEEDS.has(this.placed.model.type))
            this.ticket.invalidate();
    }

    private newData(): void {
        this.dataDirty = true;
        this.ticket.invalidate(this.waiting());
    }

    /** Nothing has been shown yet: then a pause does not count. */
    private waiting(): boolean {
        return !this.data || this.data.state === 'loading';
    }

    private retitle(): void {
        const { model } = this.placed;
        text(this.title, this.queries.text(model.title));
        const untitled = !model.title.trim();
        this.root.classList.toggle('untitled', untitled);
        this.title.hidden = untitled;
        if (untitled)
            this.root.setAttribute('aria-label', panelType(model.type)?.title ?? model.type);
        this.title.title = this.title.textContent ?? '';
    }

    /* ---- painting ---- */

    private paint(): void {
        const { panel } = this;
        if (!panel || this.size.width <= 0 || this.size.height <= 0)
            return;
        const needsData = needsQuery(this.placed.model);
        const held = this.env.scheduler.paused && !this.waiting();
        if (needsData && !held)
            this.take(panel);
        if (!needsData) {
            const lost = FEEDS.has(this.placed.model.type) ? this.env.around.lostSince() : 0;
            this.say(lost ? 'stale' : 'live', lost > 1 ? `No connection. Data from ${timeOfDay(lost)}.` : lost ? 'No connection.' : '', true);
            this.showing?.update(this.tableData(NOTHING));
        }
        if (this.showing)
            this.showing.draw();
        else if (!needsData || (this.data && this.data.blocks.some((b) => b.series.length || b.times.length)) || this.data?.table)
            panel.draw();
        if (performance.now() - this.described > DESCRIBE_MS) {
            this.described = performance.now();
            this.body.setAttribute('aria-label', panel.describe());
        }
        /* What is inside an image cannot be reached. */
        const role = panel.table() && !this.body.querySelector('button, input, a, [tabindex]') ? 'img' : 'group';
        if (this.body.getAttribute('role') !== role)
            this.body.setAttribute('role', role);
    }

    private take(panel: Panel): void {
        if (!this.dataDirty || !this.queries.asking)
            return;
        this.dataDirty = false;
        this.data = this.queries.build();
        panel.update(this.data);
        this.showing?.update(this.tableData(this.data));
        this.condition(this.data);
    }

    /** What it shows by its thresholds, also while it is out of sight; stale: it asks nothing, for it was never in sight or there is no room; null:
     * it judges nothing, or what it knows is old. */
    get judged(): Judged | null {
        const { panel } = this;
        if (!panel?.worst || !needsQuery(this.placed.model))
            return null;
        if (!this.env.scheduler.paused && this.size.width > 0)
            this.take(panel);
        const status = !this.queries.asking ? 'stale' : this.data?.state === 'live' ? panel.worst() : null;
        return status && { title: this.title.textContent ?? '', status };
    }

    private condition(data: PanelData): void {
        const shows = data.blocks.some((b) => b.series.length);
        this.say(data.state, data.reason, shows && data.state !== 'empty');
    }

    /** `beside`: there is something to see, so it goes into the header. */
    private say(state: PanelData['state'], reason: string, beside = false): void {
        const key = `${state} ${reason} ${beside}`;
        if (key === this.state)
            return;
        this.state = key;
        this.described = -Infinity;
        this.root.dataset['state'] = state;
        const covered = !beside && state !== 'live';
        this.overlay.hidden = !covered && state !== 'stale';
        this.overlay.classList.toggle('hatch', state === 'stale');
        const mark = state === 'error' ? glyph('critical') : state === 'stale' ? glyph('stale') : state === 'empty' ? glyph('info') : null;
        put(this.overlay, covered ? h('div', { class: 'panel-reason' }, mark, h('strong', null, REASON[state]), ...reason.split('\n').map((line, i) => h(i ? 'code' : 'p', null, line))) : null);
        const chip = (beside || state === 'stale') && reason !== '';
        this.chip.hidden = !chip;
        put(this.chip, chip ? [mark?.cloneNode(true) as Node | undefined, state === 'live' ? null : h('b', null, state === 'error' ? 'Error' : 'STALE'), h('span', null, reason)] : null);
        this.chip.title = reason;
    }

    /* ---- menu ---- */

    private headerLinks(): HTMLElement[] {
        return this.placed.model.links.slice(0, 1).map((link) => h('a', { class: 'icon panel-link', href: this.linkHref(link), target: link.newTab ? '_blank' : null, rel: 'noopener', title: this.queries.text(link.title), 'aria-label': `Go to ${this.queries.text(link.title)}` }, '↗'));
    }

    private about(anchor: HTMLElement): void {
        popover(anchor, h('section', { class: 'box about', role: 'dialog', tabindex: -1 }, ...this.queries.text(this.placed.model.description).split(/\n{2,}/).map((p) => h('p', null, p))), { label: 'About this panel' });
    }

    private linkHref(link: Link): string {
        return this.env.href(link, (t) => this.queries.text(t, 'link'));
    }

    private openMenu(anchor: HTMLElement): void {
        const { model } = this.placed;
        const items: MenuItem[] = [
            { label: 'Full view', key: 'v', run: () => this.env.view(model.id) },
            { label: this.showing ? 'Show as chart' : 'Show as table', key: 't', run: () => void this.toggleTable() },
            { label: 'Inspect', key: 'i', run: () => void this.inspect() },
            ...model.links.map((link) => ({ label: this.queries.text(link.title), run: () => this.env.services.open(this.linkHref(link), link.newTab) })),
        ];
        if (model.description.trim())
            items.push({ label: 'About this panel', run: () => this.about(anchor) });
        const queries = this.queries.expressions();
        if (queries.length)
            items.splice(3, 0, { label: queries.length > 1 ? 'Copy queries' : 'Copy query', key: 'c', run: () => void this.copyQueries() });
        menu(anchor, items, `Menu of ${this.title.textContent || 'the panel'}`);
    }

    async copyQueries(): Promise<void> {
        const done = await copy(this.queries.expressions().map((q) => q.expr).join('\n'));
        this.env.services.announce(done ? 'Copied' : 'The browser did not allow copying');
    }

    async inspect(): Promise<void> {
        const { inspect } = await import('./inspect.ts');
        inspect({ title: this.title.textContent ?? '', source: this.placed.model.source, queries: this.queries.expressions(), data: this.data, table: this.rows() });
    }

    private rows(): DataTable | null {
        return this.panel?.table() ?? this.data?.table ?? null;
    }

    private tableData(data: PanelData): PanelData {
        return { ...data, table: this.rows() };
    }

    async toggleTable(): Promise<void> {
        if (this.showing) {
            this.showing.destroy();
            this.showing = null;
            this.body.querySelector(':scope > .as-table')?.remove();
            this.body.classList.remove('covered');
        } else if (this.panel?.table()) {
            const factory = await panelType('table')!.load();
            const host = h('div', { class: 'as-table' });
            this.body.classList.add('covered');
            this.body.append(host);
            this.showing = await factory(host, { ...this.context(this.controller.signal), model: { ...this.placed.model, options: {}, transformations: [] } });
            this.showing.resize(this.size.width, this.size.height);
            this.showing.update(this.tableData(this.data ?? NOTHING));
        }
        this.ticket.invalidate(true);
    }

    /** Enter: where the panel leads, else its full view. */
    enter(): void {
        const [link] = this.placed.model.links;
        if (link)
            this.env.services.open(this.linkHref(link), link.newTab);
        else
            this.env.view(this.placed.model.id);
    }

    destroy(): void {
        this.controller.abort();
        this.observer.disconnect();
        this.ticket.remove();
        this.queries.release();
        this.showing?.destroy();
        this.panel?.destroy();
        this.root.remove();
    }
}
