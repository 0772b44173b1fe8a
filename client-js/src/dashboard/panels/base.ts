/* base.ts - what a panel is, and what it is given.
 *
 * The shell makes a panel with its factory (registry.ts), gives it data whenever there is news, and the scheduler has it drawn:
 * visible panels only, at most a few per animation frame. A panel keeps no timers and no subscriptions of its own; everything it
 * listens to ends with `context.signal`. */
import type { Labels } from '../../client/index.ts';
import type { Status, Theme } from '../lib/color.ts';
import type { Signal } from '../lib/signal.ts';
import type { FieldConfig, Json, Link, PanelModel } from '../model/types.ts';

/** A series of one target. Arrays are views: valid until the next update, not to be kept. */
export interface DataSeries {
    /** Shown to people: legendFormat, or the labels that tell it apart, after overrides and renaming. */
    readonly name: string;
    readonly labels: Labels;
    readonly refId: string;
    /** Stays the same for the life of the panel: colours and hidden state hang on it. */
    readonly key: string;
    /** Place among all series of the panel: picks the colour. */
    readonly index: number;
    /** By the block's times; NaN: nothing to draw. */
    readonly values: Float64Array;
    /** The newest value: null when it has gone; NaN and the infinities are values here. */
    readonly last: number | null;
    /** Server time of `last`. */
    readonly lastTime: number;
    /** Older than its interval allows: shown in stale style, the value kept. */
    readonly stale: boolean;
    /** Unit, thresholds, mappings … with overrides applied. */
    readonly field: FieldConfig;
}

/** The series of one target on one column of times, ms since the epoch, ascending. */
export interface DataBlock {
    readonly refId: string;
    readonly times: Float64Array;
    readonly series: readonly DataSeries[];
    /** How it was asked for: a panel may draw `heatmap` and `table` differently. */
    readonly format: 'time_series' | 'table' | 'heatmap';
    readonly instant: boolean;
}

/** A table, after transformations that make one (reduce, merge, organize …). */
export interface DataTable {
    readonly columns: readonly { readonly name: string; readonly field: FieldConfig }[];
    readonly rows: readonly (readonly (string | number | null)[])[];
}

export interface PanelData {
    /**
     * loading: nothing has come yet · live · stale: what is shown is old, `reason` says since when · error: `reason` is the text;
     * what was there stays · empty: the query works and has no series, `reason` says what was asked.
     */
    readonly state: 'loading' | 'live' | 'stale' | 'error' | 'empty';
    readonly reason: string;
    readonly blocks: readonly DataBlock[];
    readonly table: DataTable | null;
    /** Shown range, ms since the epoch; `live`: it slides. */
    readonly from: number;
    readonly to: number;
    readonly live: boolean;
    /** Counts changes of the set of series, their names or fields: then a panel builds anew, else it only draws. */
    readonly shape: number;
}

/** What several panels share: the crosshair. null: none. `source` ignores its own. */
export interface Crosshair {
    readonly time: number;
    readonly source: object;
}

/** Where panels get what is no query: notifications, alerts, acknowledgement. */
export interface Services {
    /** GET of a JSON document of this server. */
    json(path: string, signal?: AbortSignal): Promise<Json>;
    /** Newest last; changes with each notification. */
    readonly notifications: Signal<readonly import('../../client/index.ts').Notification[]>;
    acknowledge(id: string, comment?: string): Promise<void>;
    /** Goes to a link of a panel, alert or series; only same-origin or http(s). */
    open(href: string, newTab?: boolean): void;
    /** Shows this range on the whole dashboard, ms since the epoch; absent where there is no choice (a wall). */
    zoom?(from: number, to: number): void;
    /** For screen readers; rate-limited by the shell. */
    announce(text: string, urgent?: boolean): void;
}

export interface PanelContext {
    readonly model: PanelModel;
    readonly theme: Signal<Theme>;
    readonly crosshair: Signal<Crosshair | null>;
    readonly services: Services;
    /** Variables and time macros put in: for titles, links, texts. */
    interpolate(text: string): string;
    /** Where a link of a value leads: `facts` are `__value.raw`, `__field.labels.mode`, `__data.fields.x` … by these names. */
    href?(link: Link, facts: Readonly<Record<string, string>>): string;
    /** Ends with the panel. */
    readonly signal: AbortSignal;
    /** Asks to be drawn soon, for what is not data (hover, sorting, theme). */
    invalidate(): void;
    /** A wall display: no hover, no controls, larger type. */
    readonly kiosk: boolean;
}

export interface Panel {
    /** Keeps the data; draws nothing. Must be cheap. */
    update(data: PanelData): void;
    /** Draws the newest data. Only called while visible and at a size above zero. */
    draw(): void;
    /** CSS pixels of the host; a draw follows. */
    resize(width: number, height: number): void;
    /** One sentence for those who do not see it: state, newest values, range. */
    describe(): string;
    /** The same as rows, for "show as table"; null: it is a table or has none. */
    table(): DataTable | null;
    /** The worst of its numbers by their thresholds; null: it judges none, or they are old. Absent: it shows none. */
    worst?(): Status | null;
    destroy(): void;
}

/** Builds into `host`, which is empty, positioned and clipped. Throws for options it cannot work with: the shell shows the text. */
export type PanelFactory = (host: HTMLElement, context: PanelContext) => Panel | Promise<Panel>;
