/* glyph.ts - the states as shapes: told apart without colour, down to 12 pixels. The same outlines for DOM (SVG) and canvas. */
import type { Status } from './color.ts';
import { svg } from './h.ts';
import { byName } from './names.ts';

/* In a box of 16. `mark` is drawn in the ground's colour on the filled outline, or in the state's own on a hollow one. */
interface Shape {
    readonly outline: string;
    readonly mark: string;
    readonly hollow?: boolean;
    readonly dash?: string;
}

const SHAPES: Readonly<Record<Status, Shape>> = {
    ok: { outline: 'M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z', mark: 'M4.8 8.3l2.2 2.2l4.2-4.6' },
    info: { outline: 'M2 2h12v12h-12z', mark: 'M8 7v4.5M8 4.4v.4' },
    warning: { outline: 'M8 1l7.5 13.5h-15z', mark: 'M8 6v4M8 12v.4' },
    critical: { outline: 'M8 .3l7.7 7.7l-7.7 7.7l-7.7-7.7z', mark: 'M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8' },
    maintenance: { outline: 'M4 4h8a4 4 0 0 1 0 8h-8a4 4 0 0 1 0-8z', mark: 'M4.5 8h7' },
    stale: { outline: 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13z', mark: 'M8 4.5v3.8l2.6 1.6', hollow: true, dash: '2.6 1.8' },
    acknowledged: { outline: 'M8 .8l7.2 7.2l-7.2 7.2l-7.2-7.2z', mark: 'M5 8.2l2 2l3.8-4', hollow: true },
};

export const WORD: Readonly<Record<Status, string>> = {
    ok: 'OK', info: 'INFO', warning: 'WARN', critical: 'CRIT', maintenance: 'MAINT', stale: 'STALE', acknowledged: 'ACK',
};

/** An SVG of the state; styles of `.glyph` and `[data-status]` give it colour. `label`: said by screen readers; else it is decoration. */
export function glyph(status: Status, label = ''): SVGSVGElement {
    const shape = SHAPES[status];
    return svg('svg', {
        class: `glyph${shape.hollow ? ' hollow' : ''}`, viewBox: '0 0 16 16', data: { status },
        ...(label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' }),
    }, svg('path', { class: 'outline', d: shape.outline, 'stroke-dasharray': shape.dash }), svg('path', { class: 'mark', d: shape.mark }));
}

/** The same on canvas, centred at x, y; `size` is its width. */
export function drawGlyph(ctx: CanvasRenderingContext2D, status: Status, x: number, y: number, size: number, color: string, ground: string): void {
    const shape = SHAPES[status];
    ctx.save();
    ctx.translate(x - size / 2, y - size / 2);
    ctx.scale(size / 16, size / 16);
    ctx.setLineDash(shape.dash ? shape.dash.split(' ').map(Number) : []);
    ctx.fillStyle = ctx.strokeStyle = color;
    ctx.lineWidth = 2;
    if (shape.hollow)
        ctx.stroke(new Path2D(shape.outline));
    else
        ctx.fill(new Path2D(shape.outline));
    ctx.setLineDash([]);
    ctx.strokeStyle = shape.hollow ? color : ground;
    ctx.stroke(new Path2D(shape.mark));
    ctx.restore();
}

const BY_COLOR = byName<Status>({
    green: 'ok', blue: 'info', yellow: 'warning', orange: 'warning', red: 'critical', purple: 'maintenance',
});

/** What state a dashboard means with a colour's name; null: none, it only decorates. */
export function statusOfColor(name: string | undefined): Status | null {
    return BY_COLOR[(name ?? '').replace(/^(super-light|light|semi-dark|dark)-/, '')] ?? null;
}
