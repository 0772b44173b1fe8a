/* gauge.ts - a value on an arc: thresholds beside it, with ticks where they are, and its state as shape and word. */
import { resolveColor, type Theme } from '../lib/color.ts';
import { formatValue } from '../lib/format.ts';
import { glyph, WORD } from '../lib/glyph.ts';
import { h, put, svg, text } from '../lib/h.ts';
import { absoluteSteps } from '../model/field.ts';
import { bool } from '../model/json.ts';
import type { PanelData, PanelFactory } from './base.ts';
import { NumberPanel } from './number-panel.ts';
import { fitText, orientationOf, shownValues, tiles, type Shown } from './values.ts';

/* Of a box of 200 × 150; angles in turns of the arc, 0 to 1. */
const CX = 100, CY = 102, R = 74, START = 0.8 * Math.PI, SWEEP = 1.4 * Math.PI;

function point(part: number, r: number): string {
    const a = START + SWEEP * part;
    return `${(CX + r * Math.cos(a)).toFixed(2)} ${(CY + r * Math.sin(a)).toFixed(2)}`;
}

function arc(from: number, to: number, r: number): string {
    return `M${point(from, r)}A${r} ${r} 0 ${SWEEP * (to - from) > Math.PI ? 1 : 0} 1 ${point(to, r)}`;
}

class Dial {
    readonly root = h('div', { class: 'gauge-dial' });
    private readonly name = h('div', { class: 'stat-name' });
    private readonly marks = svg('g');
    private readonly value = svg('path', { class: 'gauge-value', fill: 'none', 'stroke-width': 20 });
    private readonly label = svg('text', { class: 'gauge-text', x: CX, y: CY + 2, 'text-anchor': 'middle' });
    private readonly unit = svg('tspan', { class: 'gauge-unit' });
    private readonly number = svg('tspan');
    private readonly said = h('span', { class: 'sr-only' });
    private readonly word = h('div', { class: 'gauge-word' });
    private built = '';
    private status = '';

    constructor() {
        this.label.append(this.number, this.unit);
        this.root.append(svg('svg', { viewBox: '0 -5 200 177', 'aria-hidden': 'true' }, svg('path', { class: 'gauge-track', d: arc(0, 1, R), fill: 'none', 'stroke-width': 20 }), this.value, this.marks, this.label), this.said, this.word, this.name);
    }

    draw(s: Shown, o: { labels: boolean; markers: boolean; names: boolean }, theme: Theme): void {
        const { display: d, field, min, max } = s;
        const steps = absoluteSteps(field, min, max);
        const key = JSON.stringify([steps, min, max, theme.name, field.unit, o]);
        if (key !== this.built) {
            this.built = key;
            this.marks.replaceChildren(...(o.markers ? this.ring(s, theme) : []), ...this.ticks(s, o.labels, theme));
        }
        const color = s.stale ? theme.stale : d.color || theme.dim;
        this.value.setAttribute('d', d.part > 0 ? arc(0, Math.max(0.004, d.part), R) : '');
        this.value.setAttribute('stroke', color);
        text(this.number, d.prefix + d.text);
        text(this.unit, d.suffix ? ` ${d.suffix}` : '');
        const letters = d.prefix.length + d.text.length + (d.suffix ? 0.5 + 0.6 * d.suffix.length : 0);
        text(this.said, d.full);
        this.label.setAttribute('font-size', String(Math.min(34, fitText(letters, 104, 40))));
        this.label.setAttribute('fill', s.stale ? theme.stale : theme.text);
        const status = s.stale ? 'stale' : d.status;
        if (`${status}` !== this.status) {
            this.status = `${status}`;
            put(this.word, status ? glyph(status) : null, status ? WORD[status] : '');
        }
        this.root.dataset['status'] = status ?? '';
        text(this.name, o.names ? s.name : '');
    }

    private ring(s: Shown, theme: Theme): Node[] {
        const { min, max, field } = s;
        const part = (v: number) => Math.min(1, Math.max(0, (v - min) / (max - min)));
        const steps = absoluteSteps(field, min, max);
        return steps.map((step, i) => {
            const from = part(step.value), to = part(steps[i + 1]?.value ?? Infinity);
            return to > from ? svg('path', { d: arc(from, to, R + 15), fill: 'none', 'stroke-width': 4, stroke: resolveColor(step.color, theme, theme.dim) }) : null;
        }).filter((n): n is SVGPathElement => n !== null);
    }

    private ticks(s: Shown, labels: boolean, theme: Theme): Node[] {
        const { min, max, field } = s;
        const at = absoluteSteps(field, min, max).map((t) => t.value).filter((v) => v > min && v < max);
        const part = (v: number) => (v - min) / (max - min);
        const lines = at.map((v) => svg('path', { d: `M${point(part(v), R - 12)}L${point(part(v), R + 19)}`, stroke: theme.text, 'stroke-width': 1.5 }));
        const write = (v: number, anchor: string, dx = 0) => {
            const [x, y] = point(part(v), R + 24).split(' ').map(Number) as [number, number];
            return svg('text', { x: x + dx, y: y + 4, 'text-anchor': anchor, class: 'gauge-tick', fill: theme.dim }, formatValue(v, field.unit, field.decimals));
        };
        const ends = [[min, 0.02], [max, 0.98]].map(([v, p]) => {
            const [x, y] = point(p!, R).split(' ').map(Number) as [number, number];
            return svg('text', { x, y: y + 22, 'text-anchor': 'middle', class: 'gauge-tick', fill: theme.dim }, formatValue(v!, field.unit, null));
        });
        return [...lines, ...ends, ...(labels ? at.map((v) => write(v, part(v) < 0.4 ? 'end' : part(v) > 0.6 ? 'start' : 'middle')) : [])];
    }
}

class Gauge extends NumberPanel<Dial> {
    protected show(data: PanelData, theme: Theme): void {
        const { options } = this.context.model;
        const all = shownValues(data, this.context.model, theme, Date.now());
        const { columns } = tiles(Math.max(1, all.length), this.width, this.height, orientationOf(this.context.model) === 'horizontal' ? 'auto' : orientationOf(this.context.model), 1.2);
        this.host.style.setProperty('--columns', String(columns));
        const o = { labels: bool(options['showThresholdLabels']), markers: bool(options['showThresholdMarkers'], true), names: all.length > 1 };
        this.each(all, (dial, s) => dial.draw(s, o, theme));
    }
}

export const panel: PanelFactory = (host, context) => new Gauge(host, context, 'gauge', () => new Dial());
