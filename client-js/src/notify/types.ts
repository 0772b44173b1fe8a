/* types.ts - words of the notification centre. */
import type { Notification, Severity } from '../client/types.ts';

export type ItemState = 'firing' | 'acknowledged' | 'resolved';

/** One notification as the centre keeps it: its newest message and what happened to it here. */
export interface Item {
    readonly id: string;
    readonly notification: Notification;
    readonly severity: Severity;
    readonly state: ItemState;
    readonly read: boolean;
    /** The server has told it in this visit. What an earlier visit left may have ended since. */
    readonly live: boolean;
    /** ms since the epoch: when it first came, and when it last changed. */
    readonly firstAt: number;
    readonly changedAt: number;
}

export interface Preferences {
    /** Severities that make no sound and no desktop notification. For critical it ends by itself (CRITICAL_MUTE_MS). */
    readonly muted: Readonly<Partial<Record<Severity, number>>>; /* ms since the epoch: when it was muted */
    /** Hours of the local day in which only critical is loud, e.g. {from: 22, to: 7}. */
    readonly quiet?: { readonly from: number; readonly to: number };
    readonly sound: boolean;
    readonly desktop: boolean;
}

/** What is done about a notification. */
export interface Route {
    readonly sound: Severity | null;
    readonly announce: 'assertive' | 'polite' | null;
    readonly desktop: boolean;
    /** ms a toast is shown; 0: none. */
    readonly toastMs: number;
}
