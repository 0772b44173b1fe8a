/* geomap.ts - values on the map of the world: countries filled with a shade, points as discs, states as their shapes. The map is
 * part of the program: nothing is asked from elsewhere. */
import { seriesStyle, type Theme } from '../../lib/color.ts';
import { drawGlyph } from '../../lib/glyph.ts';
import { h } from '../../lib/h.ts';
import { display } from '../../model/display.ts';
import type { DataTable, PanelContext, PanelData, PanelFactory } from '../base.ts';
import { CanvasPanel, clamp, numberOf, objectOf, plural, reasonOf, textOf, type Tip } from '../kit.ts';
import { shades } from '../ramp.ts';
import { NO_FIELD, points, say, type Point } from '../show.ts';
import { drawable, Earth, type Country, type LonLat, type Trace } from './earth.ts';
import { countryName, layerOf, Places, type Place } from './places.ts';
import world from './world.json';

const MAX_SPOTS = 2000;
const MAX_ZOOM = 64;

interface Atlas {
    readonly places: Places;
    readonly countries: readonly Country[];
    readonly borders: readonly Trace[];
}

/** All series of one place. */
interface Spot {
    readonly place: Place;
    readonly name: string;
    readonly points: readonly Point[];
    readonly value: number;
}

/** Not the first shades, which are like the land; small values are told apart better than large ones. */
const shadeAt = (part: number): number => Math.round(12 + clamp(part, 0, 1) ** 0.6 * 51);

/* Nobody's servers are in Antarctica, nor at the pole. */
const SHOWN: readonly LonLat[] = [[-172, 20], [180, 20], [-172, -30], [180, -30], [-30, 83.5], [0, -56]];

let atlas: Promise<Atlas> | null = null;

async function load(): Promise<Atlas> {
    const answer = await fetch(world as unknown as string); /* the bundler makes it an address */
    if (!answer.ok)
        throw new Error(`the map cannot be read: the server answers ${answer.status}`);
    const { places, regions, ...outlines } = await answer.json();
    return { places: new Places(places, regions), ...drawable(outlines) };
}

class GeoMap extends CanvasPanel {
    private spots: Spot[] = [];
    private lost = 0;
    private earth = new Earth(1, 1, SHOWN);
    private base: HTMLCanvasElement | null = null;
    private baseKey = '';
    private zoom = 1;
    private center: LonLat = [0, 0];
    private readonly layer = layerOf(this.context.model.options);

    constructor(host: HTMLElement, context: PanelContext, private readonly atlas: Atlas) {
        super(host, context);
        host.classList.add('gm');
        const view = objectOf(context.model.options['view']);
        if (textOf(view['id']) === 'coords') {
            this.center = [clamp(numberOf(view['lon'], 0), -180, 180), clamp(numberOf(view['lat'], 0), -85, 85)];
            this.zoom = clamp(2 ** (numberOf(view['zoom'], 1) - 1), 1, MAX_ZOOM);
        }
        if (context.kiosk)
            return;
        this.canvas.tabIndex = 0;
        this.canvas.addEventListener('keydown', (e) => this.key(e), { signal: context.signal });
        this.canvas.addEventListener('dblclick', (e) => this.closer(e), { signal: context.signal });
    }

    private key(e: KeyboardEvent): void {
        if (e.key === '+' || e.key === '-')
            this.zoom = clamp(this.zoom * (e.key === '+' ? 2 : 0.5), 1, MAX_ZOOM);
        else if (e.key === '0' || e.key === 'Escape')
            this.zoom = 1;
        else
            return;
        if (this.zoom === 1)
            this.center = [0, 0];
        e.stopPropagation();
        this.context.invalidate();
    }

    private closer(e: MouseEvent): void {
        const box = this.canvas.getBoundingClientRect();
        const at = this.earth.lonLat(e.clientX - box.left, e.clientY - box.top);
        this.zoom = e.shiftKey || this.zoom >= MAX_ZOOM ? 1 : this.zoom * 2;
        this.center = at && this.zoom > 1 ? at : [0, 0];
        this.context.invalidate();
    }

    protected take(data: PanelData): void {
        const groups = new Map<string, { place: Place; points: Point[] }>();
        this.lost = 0;
        for (const point of located(data, this.context)) {
            const place = this.atlas.places.find(point.labels, this.layer.location);
            if (!place) {
                this.lost++;
                continue;
            }
            const key = place.country || `${place.lat.toFixed(2)} ${place.lon.toFixed(2)}`;
            const group = groups.get(key);
            if (group)
                group.points.push(point);
            else if (groups.size < MAX_SPOTS)
                groups.set(key, { place, points: [point] });
        }
        this.spots = [...groups.values()].map(({ place, points: all }): Spot => ({
            place, points: all, name: place.country ? countryName(place.country) : all[0]!.name,
            value: all.reduce((sum, p) => (p.value === null ? sum : sum + p.value), all.some((p) => p.value !== null) ? 0 : NaN),
        }));
    }

    protected problem(): string {
        if (this.spots.some((s) => !Number.isNaN(s.value)))
            return '';
        return this.lost && !this.spots.length ? `No series has a place: labels lat and lon, country_code or region are looked for (${plural(this.lost, 'series', 'series')} without)` : reasonOf(this.data);
    }

    /** The map without data, drawn once for a size, theme and view. */
    private ground(width: number, height: number, theme: Theme): HTMLCanvasElement {
        const key = [width, height, this.scale, theme.name, this.zoom, ...this.center].join();
        if (this.base && key === this.baseKey)
            return this.base;
        this.baseKey = key;
        const earth = (this.earth = new Earth(width, height, SHOWN, this.center, this.zoom));
        const canvas = h('canvas', { width: this.canvas.width, height: this.canvas.height }), ctx = canvas.getContext('2d')!;
        ctx.scale(this.scale, this.scale);
        earth.rim(ctx);
        ctx.clip();
        ctx.fillStyle = theme.line;
        ctx.beginPath();
        for (const country of this.atlas.countries)
            this.outline(ctx, country);
        ctx.fill();
        ctx.strokeStyle = theme.panel;
        ctx.lineWidth = 0.7;
        ctx.beginPath();
        for (const border of this.atlas.borders)
            earth.path(ctx, border, false);
        ctx.stroke();
        return (this.base = canvas);
    }

    private outline(ctx: CanvasRenderingContext2D, country: Country): void {
        for (const ring of country.rings)
            this.earth.path(ctx, ring, true);
    }

    private country({ place }: Spot): Country | undefined {
        return this.atlas.countries.find((c) => c.id === place.country);
    }

    /** Countries are filled unless the dashboard asks for markers. */
    private filled(spot: Spot): boolean {
        return spot.place.country !== '' && this.layer.type !== 'markers' && this.country(spot) !== undefined;
    }

    protected paint(ctx: CanvasRenderingContext2D, width: number, height: number, theme: Theme): void {
        const foot = height > this.px * 14 ? this.px * 1.8 : 0;
        ctx.drawImage(this.ground(width, height - foot, theme), 0, 0, width, height);
        ctx.save();
        ctx.beginPath();
        ctx.rect(0, 0, width, height - foot);
        ctx.clip();
        const finite = this.spots.map((s) => s.value).filter(Number.isFinite);
        const min = Math.min(0, ...finite), max = Math.max(...finite, min + Number.EPSILON);
        const colors = shades(theme);
        const shade = (v: number) => colors[shadeAt((v - min) / (max - min))]!;
        const rest: Spot[] = [];
        ctx.save();
        this.earth.rim(ctx);
        ctx.clip();
        ctx.lineWidth = 1;
        for (const spot of this.spots) {
            if (!this.filled(spot)) {
                rest.push(spot);
                continue;
            }
            const { color, status } = this.judged(spot, theme);
            ctx.beginPath();
            this.outline(ctx, this.country(spot)!);
            ctx.fillStyle = !Number.isFinite(spot.value) ? theme.stale : status ? theme.line : color || shade(spot.value);
            ctx.fill();
            ctx.strokeStyle = theme.text;
            ctx.stroke();
            if (status)
                rest.push(spot);
        }
        ctx.restore();
        this.paintSpots(ctx, rest, max, theme);
        ctx.restore();
        if (foot)
            this.scaleKey(ctx, theme, min, max, height, colors);
    }

    /** By thresholds, if the dashboard has them. */
    private judged(spot: Spot, theme: Theme): { color: string; status: ReturnType<typeof display>['status'] } {
        const { field } = spot.points[0]!;
        return field.color.mode === 'thresholds' || field.color.mode === 'fixed' || field.mappings.length ? display(spot.value, field, theme) : { color: '', status: null };
    }

    private radius(value: number, max: number): number {
        const size = objectOf(this.layer.style['size']);
        const crowd = this.spots.length > 100 ? 0.5 : 1;
        const low = numberOf(size['min'], 4) * crowd, high = numberOf(size['max'], 15) * crowd * (this.px / 12);
        return Number.isFinite(value) && max > 0 ? low + Math.sqrt(clamp(value / max, 0, 1)) * (high - low) : low;
    }

    private paintSpots(ctx: CanvasRenderingContext2D, spots: readonly Spot[], max: number, theme: Theme): void {
        for (const spot of [...spots].sort((a, b) => b.value - a.value)) { /* small ones on top */
            const at = this.earth.xy([spot.place.lon, spot.place.lat]);
            const { color, status } = this.judged(spot, theme), r = this.radius(spot.value, max);
            if (status) {
                drawGlyph(ctx, status, at[0], at[1], Math.max(12, r * 2), color, theme.panel);
                continue;
            }
            ctx.beginPath();
            ctx.arc(at[0], at[1], r, 0, 2 * Math.PI);
            ctx.globalAlpha = 0.7;
            ctx.fillStyle = Number.isFinite(spot.value) ? color || seriesStyle(0).color : theme.stale;
            ctx.fill();
            ctx.globalAlpha = 1;
            ctx.strokeStyle = theme.text;
            ctx.setLineDash(Number.isFinite(spot.value) ? [] : [2, 2]);
            ctx.stroke();
            ctx.setLineDash([]);
        }
    }

    private scaleKey(ctx: CanvasRenderingContext2D, theme: Theme, min: number, max: number, height: number, colors: readonly string[]): void {
        const { px } = this, y = height - px, { field } = this.spots[0]!.points[0]!;
        const low = say(min, field), high = say(max, field);
        let x = px * 0.5;
        ctx.fillStyle = theme.dim;
        if (this.spots.some((s) => this.filled(s) && !this.judged(s, theme).color)) {
            ctx.fillText(low, x, y);
            x += ctx.measureText(low).width + px * 0.5;
            for (let i = 0; i < colors.length; i++) {
                ctx.fillStyle = colors[shadeAt(i / (colors.length - 1))]!;
                ctx.fillRect(x + i * px * 0.2, y - px * 0.4, px * 0.22, px * 0.8);
            }
            x += colors.length * px * 0.2 + px * 0.5;
            ctx.fillStyle = theme.dim;
            ctx.fillText(high, x, y);
        }
        if (this.lost) {
            const words = `${this.lost} without a place`;
            ctx.fillText(words, this.width - ctx.measureText(words).width - px * 0.5, y);
        }
    }

    private spotAt(x: number, y: number): Spot | null {
        const finite = this.spots.map((s) => s.value).filter(Number.isFinite), max = Math.max(...finite, 0);
        let best: Spot | null = null, distance = Infinity;
        for (const spot of this.spots) {
            const at = this.earth.xy([spot.place.lon, spot.place.lat]);
            const d = Math.hypot(at[0] - x, at[1] - y);
            if (d < Math.max(8, this.radius(spot.value, max)) && d < distance && !this.filled(spot)) {
                best = spot;
                distance = d;
            }
        }
        return best ?? this.countryAt(x, y);
    }

    private countryAt(x: number, y: number): Spot | null {
        const onMap = this.earth.lonLat(x, y) !== null;
        return this.spots.find((s) => {
            if (!onMap || !this.filled(s))
                return false;
            this.ctx.beginPath();
            this.outline(this.ctx, this.country(s)!);
            return this.ctx.isPointInPath(x * this.scale, y * this.scale);
        }) ?? null;
    }

    protected override tipAt(x: number, y: number): Tip | null {
        const spot = this.spotAt(x, y);
        if (!spot)
            return null;
        const rows = [...spot.points].sort((a, b) => (b.value ?? 0) - (a.value ?? 0)).slice(0, 8).map((p): [string, string] => [p.name, say(p.value, p.field)]);
        if (spot.points.length > 8)
            rows.push([`+${spot.points.length - 8} more`, '']);
        return { title: spot.name, rows };
    }

    protected override clicked(x: number, y: number): void {
        const link = this.spotAt(x, y)?.points[0]!.field.links[0];
        if (link)
            this.context.services.open(this.context.interpolate(link.url), link.newTab);
    }

    private ordered(): Spot[] {
        return [...this.spots].sort((a, b) => (b.value || 0) - (a.value || 0));
    }

    protected sentence(): string {
        const top = this.ordered().slice(0, 3).map((s) => `${s.name} ${say(s.value, s.points[0]!.field)}`).join(', ');
        return `map of ${plural(this.spots.length, 'place')}; most: ${top}${this.lost ? `; ${this.lost} series without a place` : ''}.`;
    }

    table(): DataTable | null {
        return {
            columns: [{ name: 'Place', field: NO_FIELD }, { name: 'Value', field: this.spots[0]?.points[0]!.field ?? NO_FIELD }],
            rows: this.ordered().map((s) => [s.name, s.value]),
        };
    }

    override destroy(): void {
        if (this.base)
            this.base.width = this.base.height = 0;
        this.host.classList.remove('gm');
        super.destroy();
    }
}

const COORDINATE = /^(lat|latitude|lon|lng|long|longitude|geo_lat|geo_lon)$/i;

/** Of a table each row is one: its columns are what labels are to a series. */
function located(data: PanelData, context: PanelContext): Point[] {
    const { table } = data;
    if (!table)
        return points(data, context.model);
    const value = table.columns.findIndex((c, i) => !COORDINATE.test(c.name) && !/^time$/i.test(c.name) && table.rows.some((r) => typeof r[i] === 'number'));
    if (value < 0)
        return [];
    const { field } = table.columns[value]!;
    return table.rows.map((row, index): Point => {
        const labels = Object.fromEntries(table.columns.map((c, i) => [c.name, String(row[i] ?? '')]));
        const cell = row[value];
        return { name: String(row.find((v) => typeof v === 'string') ?? index + 1), key: String(index), labels, index: 0, value: typeof cell === 'number' ? cell : null, field, stale: false, color: (theme) => display(1, { ...field, color: { mode: 'palette-classic', fixed: '' } }, theme, { index: 0 }).color };
    });
}

export const panel: PanelFactory = async (host, context) => new GeoMap(host, context, await (atlas ??= load().catch((error: unknown) => {
    atlas = null; /* the next one tries again */
    throw error;
})));
