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

/* Colours written as numbers, by their hue in degrees: older dashboards know no names. Pale and dark ones mean nothing. */
function statusOfHue(color: string): Status | null {
    const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(color), rgb = /^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/.exec(color);
    const [r, g, b] = hex ? hex.slice(1).map((c) => parseInt(c, 16)) : rgb ? rgb.slice(1).map(Number) : [0, 0, 0];
    const high = Math.max(r!, g!, b!), range = high - Math.min(r!, g!, b!);
    if (high < 90 || range < 0.45 * high)
        return null;
    const hue = (60 * (high === r ? (g! - b!) / range : high === g ? 2 + (b! - r!) / range : 4 + (r! - g!) / range) + 360) % 360;
    return hue < 20 || hue > 340 ? 'critical' : hue < 70 ? 'warning' : hue < 170 ? 'ok' : null;
}

/** What state a dashboard means with a colour, by name or hue; null: none, it only decorates. */
export function statusOfColor(name: string | undefined): Status | null {
    const color = name ?? '';
    return /^(#|rgb)/.test(color) ? statusOfHue(color) : (BY_COLOR[color.replace(/^(super-light|light|semi-dark|dark)-/, '')] ?? null);
}
