/* line-path.ts - lines of more points than there are pixels: of each column of pixels the least and the greatest value, in their
 * order, and one value for the area below. It looks the same and costs a fraction to draw, most of all where no GPU does it. Where a
 * line goes up and down more than along, its dashes cannot be told from its teeth, and are left out.
 */
import type uPlot from 'uplot';
import type { Column } from './align.ts';

const DENSE = 1.5; /* points a pixel */
const ROUGH = 4, SMOOTH = 3; /* pixels of teeth for one along: dashes go, and come back */
const BAND_CLIP_FILL = 1; /* uPlot's flag of paths made in the usual way */

interface Room {
    readonly x: (time: number) => number;
    readonly y: (value: number) => number;
    /** Where areas stand, pixels. */
    readonly ground: number;
}

/** One run without a gap after another: its line, and its area down to the ground. */
class Pen {
    readonly stroke = new Path2D();
    columns = 0;
    /** Pixels within columns. */
    teeth = 0;
    private at = NaN;
    private low = 0;
    private high = 0;
    private rising = false; /* the greatest came after the least; pixels count downwards */
    private down = false;

    constructor(private readonly fill: Path2D | null, private readonly ground: number) {}

    point(x: number, y: number): void {
        if (x !== this.at) {
            this.flush();
            this.at = x;
            this.low = this.high = y;
        } else if (y > this.low) {
            this.low = y;
            this.rising = false;
        } else if (y < this.high) {
            this.high = y;
            this.rising = true;
        }
    }

    /** The column is complete. */
    private flush(): void {
        const { stroke, fill, at, low, high } = this;
        if (Number.isNaN(at))
            return;
        const [first, last] = this.rising ? [low, high] : [high, low];
        if (this.down)
            stroke.lineTo(at, first);
        else {
            this.down = true;
            stroke.moveTo(at, first);
            fill?.moveTo(at, this.ground);
        }
        if (low !== high)
            stroke.lineTo(at, last);
        this.columns++;
        this.teeth += low - high;
        fill?.lineTo(at, low + high < 2 * this.ground ? high : low); /* the farther one */
    }

    /** A gap, or the end. */
    lift(): void {
        this.flush();
        if (this.down)
            this.fill?.lineTo(this.at, this.ground);
        this.at = NaN;
        this.down = false;
    }
}

function roomOf(u: uPlot, key: string): Room {
    const { left, top, width, height } = u.bbox;
    const { min: from = 0, max: to = 1 } = u.scales['x']!, { min = 0, max = 1, distr } = u.scales[key]!;
    const perMs = width / (to - from), perUnit = height / (max - min);
    const ground = distr === 3 ? min : 0;
    const y = distr === 3 ? (v: number) => Math.round(u.valToPos(v, key, true)) : (v: number) => Math.round(top + height - (v - min) * perUnit);
    return { x: (t) => Math.round(left + (t - from) * perMs), y, ground: Math.min(top + height, Math.max(top, y(ground))) };
}

/** Lines from point to point; `usual` draws those with few points, and those that bound an area of another. */
export function linePath(usual: uPlot.Series.PathBuilder, dash: number[], banded: boolean): uPlot.Series.PathBuilder {
    return (u, index, from, to) => {
        const series = u.series[index]!;
        if (banded || to - from < DENSE * u.bbox.width) {
            series.dash = dash;
            return usual(u, index, from, to);
        }
        const times = u.data[0], column = u.data[index] as Column;
        const room = roomOf(u, series.scale!);
        const fill = series.fill ? new Path2D() : null, pen = new Pen(fill, room.ground);
        for (let i = from; i <= to; i++) {
            const v = column[i];
            if (typeof v === 'number')
                pen.point(room.x(times[i]!), room.y(v));
            else if (v === null && !series.spanGaps)
                pen.lift();
        }
        pen.lift();
        series.dash = pen.teeth > (series.dash?.length ? ROUGH : SMOOTH) * pen.columns ? [] : dash;
        return { stroke: pen.stroke, fill, clip: null, band: null, gaps: [], flags: BAND_CLIP_FILL };
    };
}
