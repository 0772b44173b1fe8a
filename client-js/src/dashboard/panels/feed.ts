/* feed.ts - alerts and notifications as rows for people: which state, whose, how old, in which order. No DOM. */
import type { Notification } from '../../client/index.ts';
import type { Status } from '../lib/color.ts';
import { list, number, object, objects, string } from '../model/json.ts';
import type { Json, JsonObject } from '../model/types.ts';

export type Standing = 'firing' | 'pending' | 'acknowledged' | 'silenced' | 'inhibited' | 'muted';
export type Severity = 'info' | 'warning' | 'critical';

export interface AlertRow {
    /** For acknowledge(); '' : it cannot be acknowledged. */
    readonly id: string;
    readonly fingerprint: string;
    readonly severity: Severity;
    readonly standing: Standing;
    readonly name: string;
    readonly title: string;
    readonly message: string;
    readonly labels: Readonly<Record<string, string>>;
    /** ms since the epoch. */
    readonly since: number;
    readonly by: string;
    readonly ackedAt: number;
    readonly url: string;
}

const SEVERITIES: Readonly<Record<string, Severity>> = {
    critical: 'critical', crit: 'critical', page: 'critical', fatal: 'critical', emergency: 'critical', error: 'critical', warning: 'warning', warn: 'warning',
};
const severityOf = (word: string): Severity => SEVERITIES[word.toLowerCase()] ?? 'info';
const LOUD: readonly Standing[] = ['firing', 'acknowledged', 'pending', 'silenced', 'inhibited', 'muted'];
const RANK: readonly Severity[] = ['critical', 'warning', 'info'];

const texts = (v: unknown): Record<string, string> => Object.fromEntries(Object.entries(object(v)).map(([k, s]) => [k, string(s)]));
const first = (from: Readonly<Record<string, string>>, ...names: string[]): string => names.map((n) => from[n]).find(Boolean) ?? '';

/** A row of what the server sends on the notification feed, or lists at /api/alerts. null: it has ended. */
function ofNotification(n: Notification): AlertRow | null {
    const context = object(n['context']);
    const labels = texts(context['labels']), annotations = texts(context['annotations']);
    const status: string = n.status ?? 'firing';
    if (status === 'resolved')
        return null;
    return {
        id: String(n.id), fingerprint: string(context['fingerprint'], String(n.id)), severity: n.type,
        standing: (LOUD as readonly string[]).includes(status) ? (status as Standing) : 'firing',
        name: labels['alertname'] ?? n.title, title: n.title, message: n.message ?? first(annotations, 'description', 'message'), labels,
        since: number(context['startsAt']) ?? n.timestamp ?? 0, by: string(context['acknowledgedBy']), ackedAt: number(context['acknowledgedAt']) ?? 0,
        url: n.actionUrl ?? '',
    };
}

const time = (v: unknown): number => {
    const t = Date.parse(string(v));
    return Number.isFinite(t) ? t : 0;
};

/** Rows of GET /api/v2/alerts (Alertmanager's list; acknowledgements are our addition). */
export function ofAlertmanager(answer: Json): AlertRow[] {
    return objects(answer).map((a): AlertRow => {
        const labels = texts(a['labels']), annotations = texts(a['annotations']), status = object(a['status']), ack = object(a['acknowledgement']);
        const since = time(a['startsAt']), fingerprint = string(a['fingerprint']);
        const standing: Standing = list(status['silencedBy']).length ? 'silenced' : list(status['inhibitedBy']).length ? 'inhibited'
            : list(status['mutedBy']).length ? 'muted' : a['acknowledgement'] ? 'acknowledged' : 'firing';
        return {
            id: fingerprint && since ? `${fingerprint}-${since.toString(16)}` : '', fingerprint, labels, standing, since, severity: severityOf(labels['severity'] ?? ''),
            name: labels['alertname'] ?? fingerprint, title: first(annotations, 'summary', 'title') || (labels['alertname'] ?? 'alert'),
            message: first(annotations, 'description', 'message'), by: string(ack['by']), ackedAt: time(ack['at']),
            url: first(annotations, 'runbook_url', 'dashboard_url', 'link') || string(a['generatorURL']),
        };
    });
}

/** Those of GET /api/v1/alerts that only wait for their time: the others are in Alertmanager's list. */
export function pendingOf(answer: Json): AlertRow[] {
    return objects(object(object(answer)['data'])['alerts']).filter((a) => a['state'] === 'pending').map((a): AlertRow => {
        const labels = texts(a['labels']), annotations = texts(a['annotations']);
        return {
            id: '', fingerprint: JSON.stringify(labels), severity: severityOf(labels['severity'] ?? ''), standing: 'pending', name: labels['alertname'] ?? '',
            title: first(annotations, 'summary', 'title') || (labels['alertname'] ?? 'alert'), message: first(annotations, 'description', 'message'), labels,
            since: time(a['activeAt']), by: '', ackedAt: 0, url: '',
        };
    });
}

/** The list with what the feed has told since: by fingerprint, a newer episode wins. */
export function merged(listed: readonly AlertRow[], feed: readonly Notification[], listedAt: number): AlertRow[] {
    const rows = new Map(listed.map((r) => [r.fingerprint, r]));
    for (const n of feed) {
        const fingerprint = string(object(n['context'])['fingerprint'], String(n.id));
        if ((n.timestamp ?? 0) < listedAt)
            continue; /* the list is newer */
        const row = ofNotification(n);
        const before = rows.get(fingerprint);
        if (row)
            rows.set(fingerprint, before && before.standing !== 'firing' && row.standing === 'firing' && before.since === row.since && before.standing !== 'acknowledged'
                ? before : row); /* a silenced alert that is told again stays silenced */
        else if (before && before.standing !== 'pending')
            rows.delete(fingerprint);
    }
    return [...rows.values()];
}

/** What nobody looks after, what is looked after or waits, what nobody is told. */
const group = (r: AlertRow): number => (r.standing === 'firing' ? 0 : r.standing === 'acknowledged' || r.standing === 'pending' ? 1 : 2);

/** Unacknowledged first, then by severity, then the oldest. */
export function byUrgency(a: AlertRow, b: AlertRow): number {
    return group(a) - group(b) || RANK.indexOf(a.severity) - RANK.indexOf(b.severity)
        || LOUD.indexOf(a.standing) - LOUD.indexOf(b.standing) || a.since - b.since || (a.fingerprint < b.fingerprint ? -1 : 1);
}

const name = (a: AlertRow, b: AlertRow): number => a.name.localeCompare(b.name) || a.since - b.since;
/** By the numbers of Grafana's alert list: 1, 2 alphabetical · 3 importance · 4, 5 time. */
export const ORDERS: Readonly<Record<number, (a: AlertRow, b: AlertRow) => number>> = {
    1: name, 2: (a, b) => name(b, a), 3: byUrgency, 4: (a, b) => a.since - b.since, 5: (a, b) => b.since - a.since,
};

export function statusOf({ standing, severity }: Pick<AlertRow, 'standing' | 'severity'>): Status {
    if (standing === 'acknowledged')
        return 'acknowledged';
    return standing === 'firing' ? severity : standing === 'pending' ? 'info' : 'maintenance';
}

/* ---- filters ---- */

interface Matcher {
    readonly name: string;
    readonly test: (value: string) => boolean;
}

/** `{team="a", env=~"p.*"}`, with or without braces. What is no matcher is left out. */
export function matchersOf(text: string): Matcher[] {
    const out: Matcher[] = [];
    for (const [, label, op, value] of text.matchAll(/([A-Za-z_][\w.]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)) {
        const plain = value!.replace(/\\(.)/g, '$1');
        let test = (v: string): boolean => v === plain;
        if (op!.endsWith('~')) {
            try {
                const pattern = new RegExp(`^(?:${plain})$`);
                test = (v) => pattern.test(v);
            } catch {
                continue;
            }
        }
        out.push({ name: label!, test: op!.startsWith('!') ? (v) => !test(v) : test });
    }
    return out;
}

export function filterOf(options: JsonObject): (row: AlertRow) => boolean {
    const states = object(options['stateFilter']);
    const matchers = matchersOf(string(options['alertInstanceLabelFilter']));
    const wanted = string(options['alertName']).toLowerCase();
    return (row) => !(states['firing'] === false && row.standing !== 'pending') && !(states['pending'] === false && row.standing === 'pending')
        && (!wanted || row.name.toLowerCase().includes(wanted)) && matchers.every((m) => m.test(row.labels[m.name] ?? ''));
}
