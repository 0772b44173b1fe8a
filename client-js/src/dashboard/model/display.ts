/* display.ts - a value as it is shown: mapped or formatted text, its colour, and the state it means. */
import { resolveColor, seriesStyle, type Status, type Theme } from '../lib/color.ts';
import { byName } from '../lib/names.ts';
import { formatParts, formatValue } from '../lib/format.ts';
import { statusOfColor } from '../lib/glyph.ts';
import { absoluteSteps, toRegExp } from './field.ts';
import type { FieldConfig, Mapping } from './types.ts';

export interface Display {
    readonly prefix: string;
    readonly text: string;
    readonly suffix: string;
    /** All of it. */
    readonly full: string;
    /** By mapping, thresholds or the fixed colour; '' : none, the panel's own choice. */
    readonly color: string;
    /** Told by shape and word too; null: the colour means no state. */
    readonly status: Status | null;
    /** Where it lies between min and max, 0 to 1. */
    readonly part: number;
}

const compiled = new Map<string, RegExp | null>();

function regex(pattern: string): RegExp | null {
    if (!compiled.has(pattern)) {
        if (compiled.size > 500)
            compiled.clear();
        compiled.set(pattern, toRegExp(pattern));
    }
    return compiled.get(pattern)!;
}

function special(match: string, value: number | string | null): boolean {
    switch (match) {
    case 'null': return value === null;
    case 'nan': return typeof value === 'number' && Number.isNaN(value);
    case 'null+nan': return value === null || (typeof value === 'number' && Number.isNaN(value));
    case 'empty': return value === '';
    case 'true': return value === 'true' || value === 1;
    case 'false': return value === 'false' || value === 0;
    default: return false;
    }
}

function hits(m: Mapping, value: number | string | null): boolean {
    switch (m.type) {
    case 'value': return value === null ? m.match === 'null' : String(value) === m.match || (typeof value === 'number' && m.match !== '' && Number(m.match) === value);
    case 'range': {
        const n = typeof value === 'string' ? Number(value || NaN) : value;
        return n !== null && n >= (m.from ?? -Infinity) && n <= (m.to ?? Infinity);
    }
    case 'regex': return value !== null && (regex(m.match)?.test(String(value)) ?? false);
    case 'special': return special(m.match, value);
    }
}

/** Exact values first, as Grafana does; then the first that fits, in the document's order. */
export function findMapping(mappings: readonly Mapping[], value: number | string | null): Mapping | null {
    return mappings.find((m) => m.type === 'value' && hits(m, value)) ?? mappings.find((m) => m.type !== 'value' && hits(m, value)) ?? null;
}

/** A regex mapping's text may use its groups. */
function mappedText(m: Mapping, value: number | string | null): string | null {
    if (m.text === undefined || m.text === '')
        return null;
    const pattern = m.type === 'regex' ? regex(m.match) : null;
    return pattern ? String(value).replace(pattern, m.text) : m.text;
}

const CONTINUOUS = byName<readonly string[]>({
    'continuous-GrYlRd': ['green', 'yellow', 'red'], 'continuous-RdYlGr': ['red', 'yellow', 'green'], 'continuous-BlYlRd': ['blue', 'yellow', 'red'],
    'continuous-YlRd': ['yellow', 'red'], 'continuous-BlPu': ['blue', 'purple'], 'continuous-YlBl': ['yellow', 'blue'],
    'continuous-blues': ['#0E2A4A', '#8FCBFF'], 'continuous-reds': ['#4A1204', '#FF9A78'], 'continuous-greens': ['#0A3A22', '#8FF0B8'], 'continuous-purples': ['#33124F', '#E0C6FF'],
});

/** Between colours #rrggbb, t from 0 to 1. */
export function mix(colors: readonly string[], t: number): string {
    const place = Math.min(1, Math.max(0, t)) * (colors.length - 1);
    const i = Math.min(colors.length - 2, Math.floor(place));
    if (colors.length < 2)
        return colors[0] ?? '#888888';
    const channel = (hex: string, k: number) => parseInt(hex.slice(1 + 2 * k, 3 + 2 * k), 16);
    const f = place - i;
    return `#${[0, 1, 2].map((k) => Math.round(channel(colors[i]!, k) * (1 - f) + channel(colors[i + 1]!, k) * f).toString(16).padStart(2, '0')).join('')}`;
}

/** Ways of colouring that are understood; '' is by thresholds. */
export const knowsColorMode = (mode: string): boolean => ['', 'thresholds', 'fixed', 'shades', 'palette-classic', 'palette-classic-by-name'].includes(mode) || mode in CONTINUOUS;

export function stepOf(field: FieldConfig, value: number, min: number, max: number): { color: string; index: number } | null {
    const steps = absoluteSteps(field, min, max);
    let found = -1;
    steps.forEach((s, i) => {
        if (value >= s.value)
            found = i;
    });
    return found < 0 ? null : { color: steps[found]!.color, index: found };
}

export interface DisplayOptions {
    /** Of all that is shown, for percent thresholds and continuous colours where the field has none. */
    readonly min?: number;
    readonly max?: number;
    readonly now?: number;
    /** Colour of the palette when the field's colours go by series. */
    readonly index?: number;
}

function colorOf(field: FieldConfig, value: number, min: number, max: number, theme: Theme, index: number | undefined): { color: string; status: Status | null } {
    const { mode, fixed } = field.color;
    if (mode === 'fixed' || mode === 'shades')
        return { color: resolveColor(fixed || 'text', theme, theme.text), status: null };
    if (mode in CONTINUOUS)
        return { color: mix(CONTINUOUS[mode]!.map((c) => resolveColor(c, theme, theme.dim)), max > min ? (value - min) / (max - min) : 0), status: null };
    if (mode.startsWith('palette'))
        return { color: index === undefined ? '' : seriesStyle(index).color, status: null };
    const step = stepOf(field, value, min, max);
    if (!step)
        return { color: '', status: null };
    /* One step alone is a colour, not a judgement. */
    return { color: resolveColor(step.color, theme, theme.text), status: field.thresholds.steps.length > 1 ? statusOfColor(step.color) : null };
}

export function display(value: number | string | null, field: FieldConfig, theme: Theme, options: DisplayOptions = {}): Display {
    const mapping = findMapping(field.mappings, value);
    const min = field.min ?? options.min ?? 0, max = field.max ?? options.max ?? 100;
    const n = typeof value === 'number' ? value : NaN;
    const part = Number.isNaN(n) || max <= min ? 0 : Math.min(1, Math.max(0, (n - min) / (max - min)));
    let { color, status } = Number.isNaN(n) ? { color: '', status: null } : colorOf(field, n, min, max, theme, options.index);
    if (mapping?.color) {
        color = resolveColor(mapping.color, theme, theme.text);
        status = statusOfColor(mapping.color);
    }
    const mapped = mapping ? mappedText(mapping, value) : null;
    const now = options.now ?? Date.now();
    if (mapped !== null || typeof value !== 'number') {
        const text = mapped ?? (value === null ? field.noValue || '–' : String(value));
        return { prefix: '', text, suffix: '', full: text, color, status, part };
    }
    return { ...formatParts(value, field.unit, field.decimals, now), full: formatValue(value, field.unit, field.decimals, now), color, status, part };
}
