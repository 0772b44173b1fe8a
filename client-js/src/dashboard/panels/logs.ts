/* logs.ts - what happened, as a list: the notification feed, until there is a store of events. Only rows in sight exist. New ones
 * come in at the top; while somebody reads (hover, focus, scrolled away) they wait behind a "3 new" button. */
import type { Notification } from '../../client/index.ts';
import type { Status } from '../lib/color.ts';
import { dateTime, timeOfDay } from '../lib/format.ts';
import { glyph, WORD } from '../lib/glyph.ts';
import { h, put, text } from '../lib/h.ts';
import type { DataTable, Panel, PanelContext, PanelData, PanelFactory } from './base.ts';
import { matchersOf } from './feed.ts';
import { clamp, objectOf, plural, textOf } from './kit.ts';

export interface Entry {
    readonly notification: Notification;
    /** How many equal ones it stands for. */
    readonly count: number;
}

const BEFORE: Readonly<Record<string, (s: string) => string>> = {
    exact: (s) => s, numbers: (s) => s.replace(/\d+/g, '#'), signature: (s) => s.replace(/[^\s\p{P}]/gu, ''),
};

/** Neighbours that say the same become one: the newest, with their number. Newest last. */
function deduplicated(all: readonly Notification[], strategy: string): Entry[] {
    const same = BEFORE[strategy];
    const out: Entry[] = [];
    let before = '';
    for (const notification of all) {
        const words = same ? same(`${notification.type} ${notification.status ?? ''} ${notification.title} ${notification.message ?? ''}`) : '';
        const last = out.at(-1);
        if (same && last && words === before)
            out[out.length - 1] = { notification, count: last.count + 1 };
        else
            out.push({ notification, count: 1 });
        before = words;
    }
    return out;
}

/** Labels of the alert it tells of. */
const labelsOf = (n: Notification): Record<string, unknown> => objectOf(objectOf(n.context)['labels']);

function stateOf(n: Notification): Status {
    return n.status === 'resolved' ? 'ok' : n.status === 'acknowledged' ? 'acknowledged' : n.type;
}

/** What the panel says of queries in a language that is not asked. */
function foreignNote(context: Pick<PanelContext, 'model'>): string {
    const foreign = context.model.targets.filter((t) => t.foreign);
    return foreign.length ? `${[...new Set(foreign.map((t) => t.foreign))].join(', ')} is not asked (${plural(foreign.length, 'query', 'queries')}): there is no store of events. Shown is the notification feed.` : '';
}

interface Line {
    readonly element: HTMLElement;
    readonly time: HTMLElement;
    readonly state: HTMLElement;
    readonly title: HTMLElement;
    readonly message: HTMLElement;
    readonly labels: HTMLElement;
    entry: Entry | null;
}

class Logs implements Panel {
    private entries: Entry[] = [];
    private source: readonly Notification[] | null = null;
    private held: readonly Notification[] | null = null;
    private height = 0;
    private rowHeight = 24;
    private detailed: Notification | null = null;
    private readonly options = this.context.model.options;
    private readonly descending = textOf(this.options['sortOrder'], 'Descending') !== 'Ascending';
    private readonly lines: Line[] = [];
    private readonly note = h('div', { class: 'lg-note', hidden: true });
    private readonly spacer = h('div', { class: 'lg-spacer' });
    private readonly list = h('div', { class: 'lg-list', role: 'log', 'aria-live': 'off', tabindex: 0, 'aria-label': 'Events' }, this.spacer);
    private readonly chip = h('button', { class: 'lg-chip', type: 'button', hidden: true });
    private readonly details = h('div', { class: 'lg-details', hidden: true });
    private readonly reason = h('div', { class: 'dp-reason', hidden: true });
    private readonly matchers = matchersOf(textOf(this.options['filter']));

    constructor(private readonly host: HTMLElement, private readonly context: PanelContext) {
        host.classList.add('dp', 'lg');
        if (this.options['wrapLogMessage'] === true)
            host.classList.add('lg-wrap');
        const words = foreignNote(context);
        text(this.note, words);
        this.note.hidden = !words;
        host.append(this.note, this.list, this.details, this.chip, this.reason);
        const { signal, services } = context;
        services.notifications.on(() => context.invalidate(), { signal });
        if (context.kiosk)
            return;
        this.list.addEventListener('pointerenter', () => this.hold(), { signal });
        this.list.addEventListener('pointerleave', () => this.release(), { signal });
        this.list.addEventListener('focusin', () => this.hold(), { signal });
        this.list.addEventListener('focusout', () => this.release(), { signal });
        this.list.addEventListener('scroll', () => context.invalidate(), { signal, passive: true });
        this.chip.addEventListener('click', () => {
            this.list.scrollTop = this.descending ? 0 : this.spacer.offsetHeight;
            this.held = null;
            context.invalidate();
        }, { signal });
        this.list.addEventListener('click', (e) => this.toggle(this.lines.find((l) => l.element.contains(e.target as Node))?.entry?.notification ?? null), { signal });
        this.list.addEventListener('keydown', (e) => e.key === 'Escape' && this.toggle(null), { signal });
    }

    private hold(): void {
        this.held ??= this.context.services.notifications.get();
    }

    private get away(): boolean {
        const { scrollTop, scrollHeight, clientHeight } = this.list;
        return this.descending ? scrollTop > this.rowHeight / 2 : scrollTop + clientHeight < scrollHeight - this.rowHeight / 2;
    }

    private release(): void {
        if (this.list.matches(':hover') || this.list.contains(document.activeElement) || this.away)
            return;
        this.held = null;
        this.context.invalidate();
    }

    private wanted(n: Notification): boolean {
        const labels = labelsOf(n);
        return this.matchers.every((m) => m.test(String(labels[m.name] ?? (n as Record<string, unknown>)[m.name] ?? '')));
    }

    private refresh(): void {
        const all = this.context.services.notifications.get();
        const now = this.held ?? all;
        text(this.chip, `${all.length - now.length} new`);
        this.chip.hidden = !this.held || all.length <= now.length;
        if (now === this.source)
            return;
        this.source = now;
        this.entries = deduplicated(this.matchers.length ? now.filter((n) => this.wanted(n)) : now, textOf(this.options['dedupStrategy'], 'none'));
        if (this.descending)
            this.entries.reverse();
    }

    update(_data: PanelData): void {}

    resize(_width: number, height: number): void {
        this.height = height;
        this.rowHeight = Math.round(parseFloat(getComputedStyle(this.list).fontSize || '13') * (this.host.classList.contains('lg-wrap') ? 2.7 : 1.85));
        this.host.style.setProperty('--lg-row', `${this.rowHeight}px`);
    }

    draw(): void {
        this.refresh();
        text(this.reason, this.entries.length ? '' : 'No event yet: alerts and notifications appear here');
        this.reason.hidden = this.entries.length > 0;
        const follow = !this.descending && !this.held && !this.away;
        this.spacer.style.setProperty('height', `${this.entries.length * this.rowHeight}px`);
        if (follow)
            this.list.scrollTop = this.entries.length * this.rowHeight;
        const visible = Math.ceil((this.list.clientHeight || this.height) / this.rowHeight) + 1;
        const first = clamp(Math.floor(this.list.scrollTop / this.rowHeight), 0, Math.max(0, this.entries.length - 1));
        while (this.lines.length < Math.min(visible, this.entries.length))
            this.lines.push(this.makeLine());
        this.lines.forEach((line, i) => this.fill(line, i < visible ? (this.entries[first + i] ?? null) : null, first + i));
    }

    private makeLine(): Line {
        const [time, state, title, message, labels] = ['time', 'state', 'title', 'message', 'labels'].map((c) => h('span', { class: `lg-${c}` })) as [HTMLElement, HTMLElement, HTMLElement, HTMLElement, HTMLElement];
        const element = h('div', { class: 'lg-row' }, this.options['showTime'] === false ? null : time, state, title, message, this.options['showLabels'] === true ? labels : null);
        this.list.append(element);
        return { element, time, state, title, message, labels, entry: null };
    }

    private fill(line: Line, entry: Entry | null, place: number): void {
        line.element.hidden = !entry;
        if (!entry)
            return;
        line.element.style.setProperty('transform', `translateY(${place * this.rowHeight}px)`);
        if (line.entry === entry)
            return;
        line.entry = entry;
        const n = entry.notification, status = stateOf(n);
        line.element.dataset['status'] = status;
        text(line.time, timeOfDay(n.timestamp ?? 0));
        put(line.state, glyph(status), h('span', null, WORD[status]));
        text(line.title, entry.count > 1 ? `${n.title}  ×${entry.count}` : n.title);
        text(line.message, n.message ?? '');
        if (this.options['showLabels'] === true)
            text(line.labels, Object.entries(labelsOf(n)).map(([k, v]) => `${k}=${String(v)}`).join(' '));
    }

    private toggle(n: Notification | null): void {
        this.detailed = n && this.detailed !== n && this.options['enableLogDetails'] !== false ? n : null;
        this.details.hidden = !this.detailed;
        if (this.detailed) {
            const { title, message, source, timestamp, status } = this.detailed;
            const rows: [string, string][] = [['time', dateTime(timestamp ?? 0)], ['state', status ?? 'firing'], ['source', source ?? ''], ['message', message ?? ''],
                ...Object.entries(labelsOf(this.detailed)).map(([k, v]): [string, string] => [k, String(v)])];
            put(this.details, h('strong', null, title), h('dl', null, rows.filter(([, v]) => v).flatMap(([k, v]) => [h('dt', null, k), h('dd', null, v)])));
        }
        this.context.invalidate();
    }

    describe(): string {
        this.refresh();
        const newest = this.descending ? this.entries[0] : this.entries.at(-1);
        return `${this.context.interpolate(this.context.model.title) || 'Events'}: ${newest ? `${plural(this.entries.length, 'event')}; newest: ${WORD[stateOf(newest.notification)]} ${newest.notification.title} at ${dateTime(newest.notification.timestamp ?? 0)}` : 'no event yet'}. ${foreignNote(this.context)}`.trim();
    }

    /** It is one. */
    table(): DataTable | null {
        return null;
    }

    destroy(): void {
        this.host.replaceChildren();
        this.host.classList.remove('dp', 'lg', 'lg-wrap');
    }
}

export const panel: PanelFactory = (host, context) => new Logs(host, context);
