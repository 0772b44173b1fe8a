/* color.ts - the colours of series and states, and contrast. The same values as styles/tokens.css, for what is drawn on canvas. */
import { byName } from './names.ts';

export type Status = 'ok' | 'info' | 'warning' | 'critical' | 'maintenance' | 'stale' | 'acknowledged';
export type ThemeName = 'dark' | 'light';

export interface Theme {
    readonly name: ThemeName;
    readonly page: string;
    readonly panel: string;
    readonly line: string;
    readonly text: string;
    readonly dim: string;
    readonly stale: string;
    readonly status: Readonly<Record<Exclude<Status, 'stale' | 'acknowledged'>, string>>;
}

export const THEMES: Readonly<Record<ThemeName, Theme>> = {
    dark: {
        name: 'dark', page: '#0B0F14', panel: '#151B23', line: '#2A333F', text: '#E6EDF3', dim: '#9FB0C0', stale: '#7D8A97',
        status: { ok: '#58D58D', warning: '#FFEB3B', critical: '#F0480F', info: '#3B82FB', maintenance: '#CFA6FF' },
    },
    light: {
        name: 'light', page: '#F3F5F7', panel: '#FFFFFF', line: '#D5DBE1', text: '#10161D', dim: '#46525F', stale: '#6A7682',
        status: { ok: '#25826E', warning: '#948A10', critical: '#9B0F0F', info: '#18417D', maintenance: '#B52BD0' },
    },
};

/** In this order, never status hues first; each with its own dash, so that colour is not the only difference. */
export const SERIES: readonly { color: string; dash: readonly number[] }[] = [
    { color: '#56B4E9', dash: [] },
    { color: '#E69F00', dash: [8, 4] },
    { color: '#009E73', dash: [2, 3] },
    { color: '#CC79A7', dash: [8, 3, 2, 3] },
    { color: '#0072B2', dash: [14, 4] },
    { color: '#BFC8D1', dash: [4, 4] },
    { color: '#8C9EFF', dash: [1, 3] },
    { color: '#B79F00', dash: [12, 3, 2, 3, 2, 3] },
    { color: '#7FD1AE', dash: [6, 6] },
    { color: '#F2A6C9', dash: [10, 2] },
    { color: '#3F8FBF', dash: [3, 6] },
    { color: '#9AA5B1', dash: [16, 3, 3, 3] },
];

/* The same hues where the ground is light: 3.9 : 1 at least. */
const ON_LIGHT = ['#1F7FC0', '#A86A00', '#00805C', '#B0508A', '#004C80', '#66727F', '#5A63C8', '#7D6C00', '#2E8B6A', '#C2467F', '#2F7391', '#7A828C'] as const;

let ground: ThemeName = 'dark';

/** On which ground series are drawn: one page has one theme. */
export function drawOn(theme: ThemeName): void {
    ground = theme;
}

export function seriesStyle(i: number): { color: string; dash: readonly number[] } {
    const { color, dash } = SERIES[i % SERIES.length]!;
    return { color: ground === 'light' ? ON_LIGHT[i % SERIES.length]! : color, dash };
}

/* Grafana's names, to ours: what a dashboard calls green is our green, which is told apart by the colour-blind too. */
const NAMED = byName({
    green: 'ok', yellow: 'warning', orange: 'warning', red: 'critical', blue: 'info', purple: 'maintenance',
});

/** A colour as dashboards write it ("green", "dark-red", "#rrggbb", "text") in this theme. */
export function resolveColor(name: string | undefined, theme: Theme, fallback: string): string {
    if (!name)
        return fallback;
    if (name.startsWith('#') || name.startsWith('rgb'))
        return name;
    if (name === 'text')
        return theme.text;
    if (name === 'transparent')
        return 'transparent';
    const base = NAMED[name.replace(/^(super-light|light|semi-dark|dark)-/, '')];
    return base ? theme.status[base as keyof Theme['status']] : fallback;
}

function channels(hex: string): [number, number, number] {
    const full = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex;
    return [1, 3, 5].map((i) => parseInt(full.slice(i, i + 2), 16) / 255) as [number, number, number];
}

/** Relative luminance of #rgb or #rrggbb, 0 to 1 (WCAG 2.2). */
export function luminance(hex: string): number {
    const [r, g, b] = channels(hex).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Contrast of two colours, 1 to 21 (WCAG 2.2). */
export function contrast(a: string, b: string): number {
    const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
    return (hi + 0.05) / (lo + 0.05);
}

/** Black or white, whichever is easier to read on it. */
export function inkOn(background: string): string {
    return contrast(background, '#000000') >= contrast(background, '#FFFFFF') ? '#000000' : '#FFFFFF';
}

/** A colour #rrggbb or rgb(…) that lets through what is below; 0 to 1. */
export function alpha(color: string, a: number): string {
    if (color.startsWith('rgb'))
        return color.replace(/^rgba?\(([^)]*)\)$/, (_, inner: string) => `rgba(${inner.split(',').slice(0, 3).join(',')},${a})`);
    if (!color.startsWith('#'))
        return color;
    const [r, g, b] = channels(color.slice(0, 7)).map((c) => Math.round(c * 255));
    return `rgba(${r},${g},${b},${a})`;
}
