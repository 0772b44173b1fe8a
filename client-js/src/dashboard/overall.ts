/* overall.ts - the one state a display shows of all it knows: the alerts, and what the numbers on the page are by their thresholds. A
 * calm word above a red number would be a lie. */
import type { Severity } from '../client/index.ts';
import type { Item } from '../notify/types.ts';
import type { Status } from './lib/color.ts';
import { WORD } from './lib/glyph.ts';

/** A panel by the thresholds of its numbers. */
export interface Judged {
    readonly title: string;
    readonly status: Status;
}

export interface Overall {
    readonly status: Status;
    readonly word: string;
    /** The alerts alone. */
    readonly alerts: Status;
    /** Panels that are worse than the alerts: their titles; those of the worst state only. */
    readonly panels: readonly string[];
}

/** Of the notification centre. */
export interface Alerts {
    readonly worst: Severity | null;
    list(filter: { state: Item['state'][] }): readonly Item[];
}

const RANK: Readonly<Partial<Record<Status, number>>> = { ok: 1, info: 2, warning: 3, critical: 4 };
const rank = (status: Status): number => RANK[status] ?? 0;

/** Warning or worse. */
export const isBad = (status: Status): boolean => rank(status) >= rank('warning');

/** The worst of these; null: nothing is judged. */
export function worstOf(all: Iterable<Status | null>): Status | null {
    let worst: Status | null = null;
    for (const status of all)
        if (status && rank(status) > (worst ? rank(worst) : 0))
            worst = status;
    return worst;
}

/** `lost`: nothing comes from the server, so that nothing is known. */
export function overall(center: Alerts, lost: boolean, judged: readonly Judged[]): Overall {
    if (lost)
        return { status: 'stale', word: WORD.stale, alerts: 'stale', panels: [] };
    const alerts: Status = center.worst ?? (center.list({ state: ['acknowledged'] }).some((i) => i.live) ? 'acknowledged' : 'ok');
    const shown = worstOf(judged.map((j) => j.status));
    if (shown && isBad(shown) && rank(shown) > rank(alerts))
        return { status: shown, word: WORD[shown], alerts, panels: judged.filter((j) => j.status === shown).map((j) => j.title) };
    return { status: alerts, word: alerts === 'ok' && (!shown || judged.some((j) => j.status === 'stale')) ? 'No alerts' : WORD[alerts], alerts, panels: [] };
}

/** "Disks", "Disks +2". */
export const named = (titles: readonly string[]): string => (titles.length ? `${titles[0]}${titles.length > 1 ? ` +${titles.length - 1}` : ''}` : '');
