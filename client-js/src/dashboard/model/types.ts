/* types.ts - a dashboard as Grafana's classic JSON has it: the part that is understood. What is not stays in the document and is
 * saved again as it came. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

export interface GridPos {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
}

export interface Target {
    readonly refId: string;
    readonly expr: string;
    readonly legendFormat: string;
    readonly instant: boolean;
    readonly format: 'time_series' | 'table' | 'heatmap';
    readonly hide: boolean;
    /** Least distance of points, as "30s"; empty: by the panel's width. */
    readonly interval: string;
    /** Of a language that is not PromQL: named in the panel, not asked. */
    readonly foreign: string;
}

export interface Threshold {
    /** -Infinity for the first step. */
    readonly value: number;
    readonly color: string;
}

export interface Mapping {
    readonly type: 'value' | 'range' | 'regex' | 'special';
    /** value: the text of it; regex: the pattern; special: null, nan, null+nan, empty, true, false. */
    readonly match: string;
    readonly from?: number;
    readonly to?: number;
    readonly text?: string;
    readonly color?: string;
    readonly index: number;
}

export interface Link {
    readonly title: string;
    readonly url: string;
    readonly newTab: boolean;
    readonly keepTime: boolean;
    readonly includeVars: boolean;
}

/** How a value is shown; after overrides. */
export interface FieldConfig {
    readonly unit: string;
    readonly decimals: number | null;
    readonly min: number | null;
    readonly max: number | null;
    readonly noValue: string;
    readonly displayName: string;
    readonly mappings: readonly Mapping[];
    readonly thresholds: { readonly mode: 'absolute' | 'percentage'; readonly steps: readonly Threshold[] };
    /** palette-classic, thresholds, fixed, continuous-… */
    readonly color: { readonly mode: string; readonly fixed: string };
    readonly links: readonly Link[];
    /** `custom` of Grafana: drawStyle, lineWidth, fillOpacity, stacking, axisPlacement, cellOptions, width, hidden … */
    readonly custom: JsonObject;
}

export interface Override {
    readonly matcher: { readonly id: 'byName' | 'byRegexp' | 'byType' | 'byFrameRefID' | string; readonly options: Json };
    readonly properties: readonly { readonly id: string; readonly value: Json }[];
}

export interface Transformation {
    readonly id: string;
    readonly options: JsonObject;
}

export interface PanelModel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly description: string;
    readonly gridPos: GridPos;
    readonly targets: readonly Target[];
    readonly defaults: FieldConfig;
    readonly overrides: readonly Override[];
    readonly options: JsonObject;
    readonly transformations: readonly Transformation[];
    readonly links: readonly Link[];
    /** "1h" of its own, else the dashboard's. */
    readonly timeFrom: string;
    readonly timeShift: string;
    readonly repeat: string;
    readonly transparent: boolean;
    /** Of a row. */
    readonly collapsed: boolean;
    readonly panels: readonly PanelModel[];
    /** As it came. */
    readonly source: JsonObject;
}

export interface Variable {
    readonly name: string;
    readonly label: string;
    readonly type: 'query' | 'custom' | 'constant' | 'interval' | 'textbox' | 'datasource' | 'adhoc' | string;
    readonly query: string;
    readonly regex: string;
    readonly options: readonly { readonly text: string; readonly value: string }[];
    readonly current: readonly string[];
    readonly multi: boolean;
    readonly includeAll: boolean;
    readonly allValue: string;
    /** 0: shown · 1: without label · 2: hidden. */
    readonly hide: number;
    readonly sort: number;
    readonly refresh: number;
    /** Of an interval: it may be chosen by the time shown, so many of it, none shorter. null: not offered. */
    readonly auto: { readonly count: number; readonly leastMs: number } | null;
}

export interface Dashboard {
    readonly uid: string;
    readonly title: string;
    readonly description: string;
    readonly tags: readonly string[];
    /** overview, domain, drilldown or custom: the tag `level:…`. */
    readonly level: 'overview' | 'domain' | 'drilldown' | 'custom';
    readonly time: { readonly from: string; readonly to: string };
    readonly refresh: string;
    readonly variables: readonly Variable[];
    readonly links: readonly Link[];
    readonly panels: readonly PanelModel[];
    readonly version: number;
    /** Our own: kiosk, distance, rotation, staleness. */
    readonly own: JsonObject;
    readonly source: JsonObject;
}

/** What a loader could not use, with its place ("panels[3].options.foo"). */
export interface LintNote {
    readonly level: 'ignored' | 'changed' | 'error';
    readonly place: string;
    readonly text: string;
}
