/* layout.ts - panels on 24 columns: rows that fold, panels that repeat for each value of a variable. */
import { number, string } from './json.ts';
import type { PanelModel } from './types.ts';
import { interpolate, valuesOf, type Variables } from './vars.ts';

export interface Placed {
    readonly model: PanelModel;
    /** Stays the same while the value it repeats for is there. */
    readonly key: string;
    /** Variables with a value of their own in this panel. */
    readonly scoped: Readonly<Record<string, string>>;
}

/** Panels below one row's title, up to the next. `row` null: before the first. */
export interface Section {
    readonly row: PanelModel | null;
    readonly panels: readonly Placed[];
}

const COLUMNS = 24;

const moved = (p: PanelModel, x: number, y: number, w: number): PanelModel => ({ ...p, gridPos: { ...p.gridPos, x, y, w } });

/** The line it comes to: it moves up to what is above it, as it does in Grafana. */
const lineBelow = (above: readonly Placed[], x: number, w: number): number =>
    above.reduce((line, { model: { gridPos: g } }) => (g.x < x + w && x < g.x + g.w ? Math.max(line, g.y + g.h) : line), 0);

/** One panel for each value: side by side, or one below the other. */
function repeat(panels: readonly PanelModel[], variables: Variables, scope: Readonly<Record<string, string>>, suffix: string): Placed[] {
    const out: Placed[] = [];
    for (const p of [...panels].sort((a, b) => a.gridPos.y - b.gridPos.y || a.gridPos.x - b.gridPos.x)) {
        const state = p.repeat && !Object.hasOwn(scope, p.repeat) ? variables.get(p.repeat) : undefined;
        const values = state ? valuesOf(state) : [];
        const { x, w, h } = p.gridPos;
        if (!values.length) {
            out.push({ model: moved(p, x, lineBelow(out, x, w), w), key: `${p.id}${suffix}`, scoped: scope });
            continue;
        }
        const down = string(p.source['repeatDirection']) === 'v';
        const across = down ? 1 : Math.max(1, Math.min(values.length, COLUMNS, Math.floor(number(p.source['maxPerRow']) ?? 4)));
        const width = down ? w : Math.floor(COLUMNS / across), left = down ? x : 0;
        const top = lineBelow(out, left, across * width);
        out.push(...values.map((value, i): Placed => ({
            model: moved(p, left + (i % across) * width, top + Math.floor(i / across) * h, width),
            key: `${p.id}${suffix}:${value}`, scoped: { ...scope, [p.repeat]: value },
        })));
    }
    return out;
}

export function layout(panels: readonly PanelModel[], variables: Variables): Section[] {
    const sorted = panels.map((p, i) => ({ p, i })).sort((a, b) => a.p.gridPos.y - b.p.gridPos.y || a.i - b.i).map(({ p }) => p);
    const parts: { row: PanelModel | null; panels: PanelModel[] }[] = [{ row: null, panels: [] }];
    for (const p of sorted) {
        if (p.type === 'row')
            parts.push({ row: p, panels: [...p.panels] }, ...(p.collapsed ? [{ row: null, panels: [] }] : [])); /* what is folded is in it */
        else
            parts.at(-1)!.panels.push(p);
    }
    return parts.filter((s) => s.row || s.panels.length).flatMap((s) => sections(s.row, s.panels, variables));
}

const NO_TIMES = { intervalMs: 1000, scrapeMs: 1000, from: 0, to: 0 };
/* Rows made of one have numbers no document has. */
const COPIES = 1e9;

/** A row that repeats is there once for each value, with its panels. */
function sections(row: PanelModel | null, panels: readonly PanelModel[], variables: Variables): Section[] {
    const state = row?.repeat ? variables.get(row.repeat) : undefined;
    const values = state ? valuesOf(state) : [];
    const titled = (i: number, scope: Readonly<Record<string, string>>) => row && { ...row, id: row.id + i * COPIES, title: interpolate(row.title, variables, NO_TIMES, 'text', scope) };
    if (!values.length)
        return [{ row: titled(0, {}), panels: repeat(panels, variables, {}, '') }];
    return values.map((value, i) => ({ row: titled(i, { [row!.repeat]: value }), panels: repeat(panels, variables, { [row!.repeat]: value }, `@${value}`) }));
}
