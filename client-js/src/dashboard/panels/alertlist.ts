/* alertlist.ts - what fires, who has taken it on, what is silenced: unacknowledged first, then by severity and age. Listed by the
 * server, kept up to date by the notification feed. */
import { age, dateTime, plural } from '../lib/format.ts';
import { glyph, WORD } from '../lib/glyph.ts';
import { h, put, text } from '../lib/h.ts';
import { safeLink } from '../../notify/actions.ts';
import { numberOr as numberOf, string as textOf } from '../model/json.ts';
import type { DataTable, Panel, PanelContext, PanelData, PanelFactory } from './base.ts';
import { byUrgency, filterOf, merged, ofAlertmanager, ORDERS, pendingOf, statusOf, type AlertRow, type Severity } from './feed.ts';

const TICK_MS = 1000; /* ages */
const LIST_MS = 15_000; /* silences come on no feed */
const MIN_LIST_MS = 1000;
const MAX_ROWS = 200;
const ROW_PX = 46;

const HIDDEN_LABELS = new Set(['alertname', 'severity', '__name__']);

interface Line {
    readonly element: HTMLLIElement;
    readonly status: HTMLElement;
    readonly title: HTMLButtonElement;
    readonly detail: HTMLElement;
    readonly age: HTMLElement;
    readonly button: HTMLButtonElement;
    row: AlertRow | null;
    shown: string;
}

class AlertList implements Panel {
    private listed: readonly AlertRow[] = [];
    private listedAt = 0;
    private asking = 0;
    private again = false;
    private failure = '';
    private answered = false;
    private height = 0;
    private readonly options = this.context.model.options;
    private readonly keep = filterOf(this.options);
    private readonly list = h('ul', { class: 'al-list' });
    private readonly head = h('div', { class: 'al-head' });
    private readonly more = h('div', { class: 'al-more', hidden: true });
    private readonly note = h('div', { class: 'dp-reason', hidden: true });
    private readonly lines: Line[] = [];
    private readonly acking = new Set<string>();
    private readonly failed = new Map<string, string>();

    constructor(private readonly host: HTMLElement, private readonly context: PanelContext) {
        host.classList.add('dp', 'al');
        host.append(this.head, this.list, this.more, this.note);
        const { signal, services } = context;
        services.notifications.on(() => {
            context.invalidate();
            void this.ask();
        }, { signal });
        const timer = setInterval(() => {
            context.invalidate();
            if (Date.now() - this.asking >= LIST_MS && document.visibilityState === 'visible')
                void this.ask();
        }, TICK_MS);
        signal.addEventListener('abort', () => clearInterval(timer), { once: true });
        void this.ask();
    }

    private async ask(): Promise<void> {
        if (Date.now() - this.asking < MIN_LIST_MS) {
            if (!this.again) {
                this.again = true;
                setTimeout(() => {
                    this.again = false;
                    if (!this.context.signal.aborted)
                        void this.ask();
                }, MIN_LIST_MS);
            }
            return;
        }
        this.asking = Date.now();
        const at = this.asking, { services, signal } = this.context;
        try {
            const [now, waiting] = await Promise.all([services.json('/api/v2/alerts', signal), services.json('/api/v1/alerts', signal)]);
            if (at < this.listedAt)
                return; /* one asked later was quicker */
            this.listed = [...ofAlertmanager(now), ...pendingOf(waiting)];
            this.listedAt = at;
            this.failure = '';
            this.answered = true;
        } catch (error) {
            if (signal.aborted)
                return;
            this.failure = error instanceof Error ? error.message : String(error);
        }
        this.context.invalidate();
    }

    /** What is shown, in order. */
    private rows(): AlertRow[] {
        const order = ORDERS[numberOf(this.options['sortOrder'], 3)] ?? byUrgency;
        return merged(this.listed, this.context.services.notifications.get(), this.listedAt).filter(this.keep).sort(order);
    }

    update(_data: PanelData): void {}

    resize(_width: number, height: number): void {
        this.height = height;
    }

    draw(): void {
        const all = this.rows();
        const problem = all.length ? '' : this.failure ? `Alerts could not be read: ${this.failure}` : this.answered ? '' : 'Waiting for the list of alerts';
        text(this.note, problem);
        this.note.hidden = !problem;
        this.list.hidden = problem !== '';
        this.drawHead(all, problem !== '');
        const stat = textOf(this.options['viewMode']) === 'stat';
        const limit = Math.min(MAX_ROWS, Math.max(0, numberOf(this.options['maxItems'], 100)));
        const fits = this.context.kiosk ? this.fitting(all.length) : limit;
        const shown = stat ? [] : all.slice(0, Math.min(limit, fits));
        while (this.lines.length < shown.length)
            this.lines.push(this.makeLine());
        const at = document.activeElement, focused = this.lines.find((line) => line.button === at || line.title === at), row = focused?.row;
        this.lines.forEach((line, i) => this.fill(line, shown[i] ?? null));
        if (row && focused.row?.fingerprint !== row.fingerprint) {
            /* The focus goes along with its alert: Enter must not acknowledge what has come into its place. */
            const to = this.lines.find((line) => line.row?.fingerprint === row.fingerprint);
            (at as HTMLElement).blur();
            to?.[focused.button === at ? 'button' : 'title'].focus({ preventScroll: true });
        }
        this.more.hidden = stat || shown.length === all.length || problem !== '';
        text(this.more, `+${all.length - shown.length} more`);
    }

    /** A wall does not scroll: what does not fit is counted. Before that each has one line instead of two. */
    private fitting(wanted: number): number {
        const count = (dense: boolean): number => {
            this.host.classList.toggle('dense', dense);
            return Math.max(1, Math.floor((this.height - 2 * (this.head.offsetHeight || 28)) / (this.lines[0]?.element.offsetHeight || ROW_PX)));
        };
        const roomy = count(false);
        return roomy >= wanted ? roomy : count(true);
    }

    private drawHead(all: readonly AlertRow[], nothing: boolean): void {
        this.head.hidden = nothing;
        const firing = all.filter((r) => r.standing === 'firing');
        const count = (s: Severity) => firing.filter((r) => r.severity === s).length;
        const parts = ([['critical', count('critical')], ['warning', count('warning')], ['info', count('info')],
            ['acknowledged', all.filter((r) => r.standing === 'acknowledged').length],
            ['maintenance', all.filter((r) => ['silenced', 'inhibited', 'muted'].includes(r.standing)).length]] as const).filter(([, n]) => n > 0);
        const key = JSON.stringify(parts) + this.failure;
        if (this.head.dataset['key'] === key)
            return;
        this.head.dataset['key'] = key;
        const word = { critical: WORD.critical, warning: WORD.warning, info: WORD.info, acknowledged: WORD.acknowledged, maintenance: 'SILENCED' };
        put(this.head, ...(firing.length ? [] : [h('span', { class: 'al-chip' }, glyph('ok'), all.length ? 'nothing new fires' : 'No alert fires')]),
            ...parts.map(([status, n]) => h('span', { class: 'al-chip', data: { status } }, glyph(status), `${n} ${word[status]}`)),
            this.failure ? h('span', { class: 'al-chip' }, glyph('stale'), `old list: ${this.failure}`) : null);
    }

    private makeLine(): Line {
        const status = h('span', { class: 'al-status' }), title = h('button', { class: 'al-title', type: 'button' }), detail = h('span', { class: 'al-detail' });
        const ageBox = h('span', { class: 'al-age' }), button = h('button', { class: 'al-ack', type: 'button' }, 'Ack');
        const line: Line = { element: h('li', { class: 'al-row' }, status, h('span', { class: 'al-text' }, title, detail), ageBox, button), status, title, detail, age: ageBox, button, row: null, shown: '' };
        const { signal } = this.context;
        button.addEventListener('click', () => void this.acknowledge(line.row), { signal });
        title.addEventListener('click', () => line.row && this.open(line.row), { signal });
        this.list.append(line.element);
        return line;
    }

    private fill(line: Line, row: AlertRow | null): void {
        line.row = row;
        line.element.hidden = !row;
        if (!row)
            return;
        const status = statusOf(row), failed = this.failed.get(row.id) ?? '', acking = this.acking.has(row.id);
        text(line.age, age(Math.max(0, Date.now() - row.since)));
        const key = JSON.stringify([row.id, status, row.severity, row.title, row.message, row.by, failed, acking, row.standing, row.url]);
        if (line.shown === key)
            return;
        line.shown = key;
        line.element.dataset['status'] = status;
        line.element.dataset['standing'] = row.standing;
        const word = row.standing === 'firing' ? WORD[row.severity] : row.standing === 'acknowledged' ? `ACK ${row.by}`.trim() : row.standing.toUpperCase();
        put(line.status, glyph(status), h('span', null, word));
        text(line.title, row.title);
        line.title.disabled = !this.linkOf(row);
        const labels = Object.entries(row.labels).filter(([k]) => !HIDDEN_LABELS.has(k)).map(([k, v]) => `${k}=${v}`).join('  ');
        text(line.detail, failed ? `not acknowledged: ${failed}` : [row.standing !== 'firing' ? row.severity : '', row.message || labels].filter(Boolean).join(' · '));
        line.detail.title = [row.message, labels].filter(Boolean).join('\n');
        line.age.title = `since ${dateTime(row.since)}`;
        line.button.hidden = this.context.kiosk || row.standing !== 'firing' || !row.id;
        line.button.disabled = acking;
        line.button.setAttribute('aria-label', `Ack ${row.title}`);
    }

    private linkOf(row: AlertRow): string | null {
        return row.url ? safeLink(row.url, location.href) : null;
    }

    private open(row: AlertRow): void {
        const href = this.linkOf(row);
        if (href)
            this.context.services.open(href, true);
    }

    private async acknowledge(row: AlertRow | null): Promise<void> {
        if (!row?.id || this.acking.has(row.id))
            return;
        this.acking.add(row.id);
        this.failed.delete(row.id);
        this.context.invalidate();
        try {
            await this.context.services.acknowledge(row.id);
            this.context.services.announce(`${row.title} acknowledged`);
            this.asking = 0;
            await this.ask();
        } catch (error) {
            this.failed.set(row.id, error instanceof Error ? error.message : String(error));
            this.context.services.announce(`${row.title} could not be acknowledged`, true);
        }
        this.acking.delete(row.id);
        this.context.invalidate();
    }

    describe(): string {
        const all = this.rows(), firing = all.filter((r) => r.standing === 'firing');
        const start = `${this.context.interpolate(this.context.model.title) || 'Alerts'}: `;
        if (!this.answered && !all.length)
            return start + (this.failure ? `the list could not be read: ${this.failure}.` : 'waiting for the list.');
        const worst = firing.slice(0, 3).map((r) => `${r.severity} ${r.title}`).join(', ');
        return `${start}${firing.length ? `${plural(firing.length, 'alert')} ${firing.length === 1 ? 'fires' : 'fire'} unacknowledged: ${worst}` : 'no unacknowledged alert fires'}${all.length > firing.length ? `; ${all.length - firing.length} acknowledged, pending or silenced` : ''}.`;
    }

    /** It is one. */
    table(): DataTable | null {
        return null;
    }

    destroy(): void {
        this.host.replaceChildren();
        this.host.classList.remove('dp', 'al', 'dense');
    }
}

export const panel: PanelFactory = (host, context) => new AlertList(host, context);
