/* pie.ts - shares of a whole: at most twelve slices, the rest is one called "other". Slices differ by texture too, and carry
 * their names where there is room. */
import type { Theme } from '../lib/color.ts';
import type { DataTable, PanelData, PanelFactory } from './base.ts';
import { CanvasPanel, clamp, fillOf, listOf, objectOf, plural, reasonOf, textOf, total, type Tip } from './kit.ts';
import { NO_FIELD, points, say, type Point } from './show.ts';

const MAX_SLICES = 12;
const TURN = 2 * Math.PI;

interface Slice {
    readonly point: Point;
    readonly value: number;
    readonly share: number;
    readonly from: number;
    readonly to: number;
}

/** Shares of the points, largest first unless told otherwise, as angles from the top, clockwise. */
function slicesOf(all: readonly Point[], sort = 'desc'): { slices: Slice[]; left: number } {
    const usable = all.filter((p) => p.value !== null && Number.isFinite(p.value) && p.value > 0) as (Point & { value: number })[];
    const ordered = sort === 'none' ? [...usable] : [...usable].sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
    const keep = ordered.length > MAX_SLICES ? new Set([...ordered].sort((a, b) => b.value - a.value).slice(0, MAX_SLICES - 1)) : new Set(ordered);
    const rest = ordered.filter((p) => !keep.has(p));
    const shown = ordered.filter((p) => keep.has(p));
    if (rest.length) {
        const first = rest[0]!;
        shown.push({ ...first, name: `other (${rest.length})`, key: '…', index: 5, value: total(rest.map((p) => p.value)), field: { ...first.field, mappings: [], links: [] } });
    }
    const sum = total(shown.map((p) => p.value));
    let at = -TURN / 4;
    const slices = shown.map((point) => {
        const from = at;
        at += (point.value / sum) * TURN;
        return { point, value: point.value, share: point.value / sum, from, to: at };
    });
    return { slices, left: all.length - usable.length };
}

const percent = (share: number): string => `${(share * 100).toFixed(share >= 0.1 || share === 0 ? 0 : 1)}%`;

class Pie extends CanvasPanel {
    private slices: readonly Slice[] = [];
    private unusable = 0;
    private ring = { x: 0, y: 0, outer: 0, inner: 0 };
    private readonly options = this.context.model.options;
    private readonly donut = textOf(this.options['pieType']) === 'donut';
    private readonly labels = listOf(this.options['displayLabels']).map(String);
    private readonly legendOptions = objectOf(this.options['legend']);

    protected take(data: PanelData): void {
        ({ slices: this.slices, left: this.unusable } = slicesOf(points(data, this.context.model), textOf(this.options['sort'], 'desc')));
    }

    protected problem(): string {
        if (this.slices.length)
            return '';
        return this.unusable && this.data?.state === 'live' ? 'No value above zero, so there is nothing to share' : reasonOf(this.data);
    }

    private fill(slice: Slice, theme: Theme): string | CanvasPattern {
        const { color, index } = slice.point;
        return fillOf(this.ctx, color(theme), index, this.scale);
    }

    /** Where names and values stand: right when wide, else below. */
    private layout(width: number, height: number): { x: number; y: number; w: number; rows: number; vertical: boolean } | null {
        const { px, legendOptions: o } = this;
        const hidden = o['showLegend'] === false || o['displayMode'] === 'hidden';
        const right = textOf(o['placement'], width > height * 1.3 ? 'right' : 'bottom') === 'right' && (width > px * 20 || (height <= px * 9 && width > px * 10));
        const rowHeight = px * 1.6;
        let w = width, bottom = height, legend = null;
        if (!hidden && right) {
            const side = width > px * 20 ? clamp(width * 0.45, px * 10, px * 26) : clamp(this.namesWidth(), px * 7.2, width * 0.7);
            const rows = Math.max(1, Math.min(this.slices.length, Math.floor(height / rowHeight)));
            w -= side;
            legend = { x: w, y: (height - rows * rowHeight) / 2, w: side, rows, vertical: true };
        } else if (!hidden && height > px * 9) {
            const rows = Math.min(Math.ceil(this.slices.length / Math.max(1, Math.floor(width / (px * 12)))), Math.floor((height * 0.35) / rowHeight));
            bottom -= rows * rowHeight + px * 0.5;
            legend = rows ? { x: px / 2, y: bottom + px * 0.25, w: width - px, rows, vertical: false } : null;
        }
        const outer = Math.max(4, Math.min(w, bottom) / 2 - px * 0.7);
        this.ring = { x: w / 2, y: bottom / 2, outer, inner: this.donut ? outer * 0.6 : 0 };
        return legend;
    }

    private namesWidth(): number {
        return Math.max(...this.slices.map((s) => this.ctx.measureText(`${s.point.name}  ${this.legendValue(s)}`).width)) + 1.6 * this.px;
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const legend = this.layout(width, height);
        const { x, y, outer, inner } = this.ring;
        for (const slice of this.slices) {
            ctx.beginPath();
            ctx.arc(x, y, outer, slice.from, slice.to);
            ctx.arc(x, y, inner, slice.to, slice.from, true);
            ctx.closePath();
            ctx.fillStyle = this.fill(slice, theme);
            ctx.fill();
            ctx.strokeStyle = theme.panel;
            ctx.lineWidth = 2;
            ctx.stroke();
        }
        ctx.strokeStyle = theme.dim;
        ctx.lineWidth = 1;
        for (const r of inner ? [outer, inner] : [outer]) {
            ctx.beginPath();
            ctx.arc(x, y, r, 0, TURN);
            ctx.stroke();
        }
        this.paintLabels(ctx, theme);
        if (legend)
            this.legend(this.slices.map((s) => ({ name: s.point.name, fill: this.fill(s, theme), value: this.legendValue(s) })),
                legend.x, legend.y, legend.w, legend.rows, theme, legend.vertical);
    }

    private legendValue(slice: Slice): string {
        const wanted = listOf(this.legendOptions['values']).map(String);
        const parts = [...(wanted.includes('value') ? [say(slice.value, slice.point.field)] : []),
            ...(wanted.includes('percent') || !wanted.length ? [percent(slice.share)] : [])];
        return parts.join(' · ');
    }

    private paintLabels(ctx: CanvasRenderingContext2D, theme: Theme): void {
        const { x, y, outer, inner } = this.ring;
        ctx.textAlign = 'center';
        if (this.donut && inner > this.px * 2) {
            const sum = say(total(this.slices.map((s) => s.value)), this.slices[0]!.point.field);
            this.font(1.5, 600);
            this.font(1.5 * Math.min(1, (inner * 1.7) / ctx.measureText(sum).width), 600);
            ctx.fillStyle = theme.text;
            ctx.fillText(sum, x, y);
        }
        this.font(1, 600);
        for (const slice of this.labels.length ? this.slices : []) {
            const angle = (slice.from + slice.to) / 2, r = inner ? (inner + outer) / 2 : outer * 0.66;
            const room = Math.min(outer - inner, (slice.to - slice.from) * r) * (inner ? 1 : 0.9);
            const lines = [...(this.labels.includes('name') ? [slice.point.name] : []), ...(this.labels.includes('value') ? [say(slice.value, slice.point.field)] : []),
                ...(this.labels.includes('percent') ? [percent(slice.share)] : [])];
            const w = Math.max(...lines.map((l) => ctx.measureText(l).width));
            if (w > Math.max(room, slice.share > 0.45 ? outer : 0) || lines.length * this.px * 1.2 > room)
                continue;
            const cx = x + Math.cos(angle) * r, cy = y + Math.sin(angle) * r, high = lines.length * this.px * 1.25;
            ctx.fillStyle = theme.panel; /* letters never stand on a texture */
            ctx.beginPath();
            ctx.roundRect(cx - w / 2 - 3, cy - high / 2 - 1, w + 6, high + 2, 3);
            ctx.fill();
            ctx.fillStyle = theme.text;
            lines.forEach((line, i) => ctx.fillText(line, cx, cy + (i - (lines.length - 1) / 2) * this.px * 1.25));
        }
        ctx.textAlign = 'left';
        this.font(1);
    }

    protected override tipAt(px: number, py: number): Tip | null {
        const { x, y, outer, inner } = this.ring;
        const r = Math.hypot(px - x, py - y);
        let angle = Math.atan2(py - y, px - x);
        if (angle < -TURN / 4)
            angle += TURN;
        const slice = r <= outer && r >= inner && this.slices.find((s) => angle >= s.from && angle < s.to);
        return slice ? { title: slice.point.name, rows: [['value', say(slice.value, slice.point.field)], ['share', percent(slice.share)]] } : null;
    }

    protected override clicked(px: number, py: number): void {
        const tip = this.tipAt(px, py);
        const slice = tip && this.slices.find((s) => s.point.name === tip.title);
        const link = slice && slice.point.field.links[0];
        if (link)
            this.context.services.open(this.context.interpolate(link.url), link.newTab);
    }

    protected sentence(): string {
        const first = this.slices.slice(0, 3).map((s) => `${s.point.name} ${percent(s.share)}`).join(', ');
        return `pie of ${plural(this.slices.length, 'slice')}, largest first: ${first}.`;
    }

    table(): DataTable | null {
        const field = this.slices[0]?.point.field ?? NO_FIELD;
        return {
            columns: [{ name: 'Name', field: NO_FIELD }, { name: 'Value', field }, { name: 'Share', field: { ...NO_FIELD, unit: 'percentunit' } }],
            rows: this.slices.map((s) => [s.point.name, s.value, s.share]),
        };
    }
}

export const panel: PanelFactory = (host, context) => new Pie(host, context);
