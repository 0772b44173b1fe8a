/* earth.ts - the world on a flat canvas: Natural Earth's projection (Šavrič et al. 2011) and coasts in it. Longitudes only stretch in it,
 * so land that reaches over the edge is land drawn once more, a turn further. */

export type LonLat = readonly [lon: number, lat: number];

/** Corners that follow each other: longitude, latitude, longitude … in degrees, without a jump where the numbers of meridians end. */
export type Trace = Float32Array;

const RAD = Math.PI / 180;
const EDGE_STEP = 5; /* degrees between corners of the map's rim */

/** Length of a degree of longitude, against one at the equator of a plain map. */
function wide(lat: number): number {
    const a = (lat * RAD) ** 2, b = a * a;
    return RAD * (0.8707 - 0.131979 * a + b * (-0.013791 + b * (0.003971 * a - 0.001529 * b)));
}

function high(lat: number): number {
    const p = lat * RAD, a = p * p, b = a * a;
    return p * (1.007226 + a * (0.015085 + b * (-0.044475 + 0.028874 * a - 0.005916 * b)));
}

/** Of high(). */
function latOf(y: number): number {
    let low = -90, up = 90;
    for (let i = 0; i < 30; i++) {
        const mid = (low + up) / 2;
        if (high(mid) < y)
            low = mid;
        else
            up = mid;
    }
    return (low + up) / 2;
}

export class Earth {
    private readonly scale: number;
    private readonly x0: number;
    private readonly y0: number;
    private readonly meridian: number;

    /** `shown` fills the box; with a `zoom` beyond 1 the middle of it is `center`. */
    constructor(width: number, height: number, shown: readonly LonLat[], center: LonLat = [0, 0], zoom = 1, margin = 2) {
        const xs = shown.map(([lon, lat]) => lon * wide(lat)), ys = shown.map(([, lat]) => -high(lat));
        const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
        const scale = Math.min((width - 2 * margin) / (right - left), (height - 2 * margin) / (bottom - top));
        this.scale = scale * zoom;
        this.meridian = zoom > 1 ? center[0] : 0;
        this.x0 = zoom > 1 ? width / 2 : (width - scale * (left + right)) / 2;
        this.y0 = zoom > 1 ? height / 2 + this.scale * high(center[1]) : (height - scale * (top + bottom)) / 2;
    }

    private at(east: number, lat: number): [number, number] {
        return [this.x0 + this.scale * east * wide(lat), this.y0 - this.scale * high(lat)];
    }

    xy([lon, lat]: LonLat): [number, number] {
        return this.at(turned(lon - this.meridian), lat);
    }

    /** null: beside the map. */
    lonLat(x: number, y: number): LonLat | null {
        const lat = latOf((this.y0 - y) / this.scale), east = (x - this.x0) / this.scale / wide(lat);
        return Math.abs(east) <= 180 && Math.abs(lat) < 89.9 ? [turned(east + this.meridian), lat] : null;
    }

    /** The rim of the whole map: a path to clip by. */
    rim(ctx: CanvasRenderingContext2D): void {
        ctx.beginPath();
        for (const side of [-180, 180])
            for (let lat = -90; lat <= 90; lat += EDGE_STEP)
                ctx.lineTo(...this.at(side, side < 0 ? lat : -lat));
        ctx.closePath();
    }

    /** Adds to the path. */
    path(ctx: CanvasRenderingContext2D, trace: Trace, closed: boolean): void {
        let west = Infinity, east = -Infinity;
        for (let i = 0; i < trace.length; i += 2) {
            west = Math.min(west, trace[i]!);
            east = Math.max(east, trace[i]!);
        }
        for (const turn of [-360, 0, 360]) {
            const shift = turn - this.meridian;
            if (west + shift >= 180 || east + shift <= -180)
                continue;
            for (let i = 0; i < trace.length; i += 2) {
                const [x, y] = this.at(trace[i]! + shift, trace[i + 1]!);
                if (i)
                    ctx.lineTo(x, y);
                else
                    ctx.moveTo(x, y);
            }
            if (closed)
                ctx.closePath();
        }
    }
}

/** The same direction, from -180 to 180. */
function turned(degrees: number): number {
    return degrees - 360 * Math.round(degrees / 360);
}

/* ---- the atlas as it is stored ---- */

export interface Outlines {
    /** Borders and coasts, each a word of encoded polyline (tools/world.mjs writes it): where it begins, and the steps from corner to
     * corner, in `unit` degrees. */
    readonly arcs: string;
    readonly unit: number;
    /** Rings by country: numbers of arcs, ~number for one that is walked backwards. */
    readonly land: readonly (readonly [id: string, ...rings: (readonly number[])[]])[];
}

export interface Country {
    readonly id: string;
    readonly rings: readonly Trace[];
}

export function drawable({ arcs, unit, land }: Outlines): { borders: Trace[]; countries: Country[] } {
    const borders = arcs.split(' ').map((word) => {
        const steps = numbersOf(word);
        const trace = new Float32Array(steps.length);
        let lon = 0, lat = 0;
        for (let i = 0; i < steps.length; i += 2) {
            trace[i] = (lon += steps[i]!) * unit;
            trace[i + 1] = (lat += steps[i + 1]!) * unit;
        }
        return trace;
    });
    return { borders, countries: land.map(([id, ...rings]) => ({ id, rings: rings.map((numbers) => ring(numbers, borders)) })) };
}

/** Five bits to a letter from "?" on, the lowest first, 32 more where others follow; the lowest of all is the sign. */
function numbersOf(word: string): number[] {
    const out: number[] = [];
    for (let i = 0, bits = 0, value = 0; i < word.length; i++) {
        const letter = word.charCodeAt(i) - 63;
        value |= (letter & 31) << bits;
        bits += 5;
        if (letter >= 32)
            continue;
        out.push(value & 1 ? ~(value >> 1) : value >> 1);
        bits = value = 0;
    }
    return out;
}

function ring(numbers: readonly number[], borders: readonly Trace[]): Trace {
    const corners: number[] = [];
    for (const n of numbers) {
        const arc = borders[n < 0 ? ~n : n]!;
        for (let i = corners.length ? 2 : 0; i < arc.length; i += 2) {
            const from = n < 0 ? arc.length - 2 - i : i;
            const before = corners[corners.length - 2] ?? arc[from]!;
            corners.push(before + turned(arc[from]! - before), arc[from + 1]!);
        }
    }
    const west = corners[0]!, east = corners[corners.length - 2]!;
    if (Math.abs(east - west) > 180) /* it goes around the pole */
        corners.push(east, -90, west, -90);
    return new Float32Array(corners);
}
