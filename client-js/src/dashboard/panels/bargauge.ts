/* bargauge.ts - values as bars, lying or standing: plain, with a gradient over the thresholds, or as cells of an old display. */
import { alpha, resolveColor, type Theme } from '../lib/color.ts';
import { glyph, WORD } from '../lib/glyph.ts';
import { h, put, text } from '../lib/h.ts';
import { mix, stepOf } from '../model/display.ts';
import { absoluteSteps } from '../model/field.ts';
import { bool, string } from '../model/json.ts';
import type { PanelContext, PanelData, PanelFactory } from './base.ts';
import { NumberPanel } from './number-panel.ts';
import { orientationOf, shownValues, type Shown } from './values.ts';

const CELL = 9; /* px of an lcd's cell with its gap */
const MIN_BAR = 18;
const LEAST_BAR = 20; /* with its gap: lower ones cannot be read */
const LEAST_COLUMN = 44;

class Bar {
    readonly root = h('div', { class: 'bar-row' });
    private readonly name = h('div', { class: 'bar-name' });
    private readonly track = h('div', { class: 'bar-track' });
    private readonly fill = h('div', { class: 'bar-fill' });
    private readonly ticks = h('div', { class: 'bar-ticks', 'aria-hidden': 'true' });
    private readonly value = h('div', { class: 'bar-value' });
    private readonly state = h('span', { class: 'bar-state' });
    private readonly number = h('span');
    private cells: HTMLElement[] = [];
    private status = '';
    private built = '';

    constructor() {
        this.value.append(this.state, this.number);
        this.track.append(this.fill, this.ticks);
        this.root.append(this.name, this.track, this.value);
    }

    draw(s: Shown, o: { mode: string; vertical: boolean; unfilled: boolean; length: number }, theme: Theme): void {
        const { display: d } = s;
        const color = s.stale ? theme.stale : d.color || theme.dim;
        text(this.name, s.name);
        text(this.number, d.full);
        const status = s.stale ? 'stale' : d.status;
        if (`${status}` !== this.status) {
            this.status = `${status}`;
            put(this.state, status ? glyph(status, WORD[status]) : null);
        }
        this.root.dataset['status'] = status ?? '';
        this.track.classList.toggle('filled', o.unfilled);
        const part = typeof s.value === 'number' && Number.isFinite(s.value) ? d.part : 0;
        const key = JSON.stringify([o, s.min, s.max, theme.name, s.field.thresholds]);
        if (key !== this.built) {
            this.built = key;
            this.build(s, o);
        }
        if (o.mode === 'lcd')
            this.drawCells(s, part, theme);
        else {
            this.fill.style[o.vertical ? 'height' : 'width'] = `${(100 * part).toFixed(2)}%`;
            this.fill.style.background = o.mode === 'gradient' ? gradient(s, part, o.vertical, theme) : alpha(color, 0.75);
            this.fill.style.setProperty('--edge', color);
        }
    }

    private build(s: Shown, o: { mode: string; vertical: boolean; length: number }): void {
        this.fill.style.width = this.fill.style.height = '';
        const steps = absoluteSteps(s.field, s.min, s.max).filter((t) => t.value > s.min && t.value < s.max);
        this.ticks.replaceChildren(...steps.map((t) => {
            const part = `${(100 * (t.value - s.min)) / (s.max - s.min)}%`;
            return h('i', { style: o.vertical ? { bottom: part } : { left: part } });
        }));
        this.cells.forEach((c) => c.remove());
        this.cells = o.mode === 'lcd' ? Array.from({ length: Math.max(4, Math.min(120, Math.floor(o.length / CELL))) }, () => h('b', { class: 'bar-cell' })) : [];
        this.fill.hidden = o.mode === 'lcd';
        this.track.classList.toggle('lcd', o.mode === 'lcd');
        this.track.prepend(...this.cells);
    }

    private drawCells(s: Shown, part: number, theme: Theme): void {
        const n = this.cells.length;
        this.cells.forEach((cell, i) => {
            const step = stepOf(s.field, s.min + ((i + 0.5) / n) * (s.max - s.min), s.min, s.max);
            const color = s.stale ? theme.stale : s.field.color.mode === 'thresholds' || !s.field.color.mode ? resolveColor(step?.color, theme, theme.dim) : s.display.color || theme.dim;
            cell.style.backgroundColor = (i + 0.5) / n <= part ? color : alpha(color, 0.16);
        });
    }
}

function gradient(s: Shown, part: number, vertical: boolean, theme: Theme): string {
    const steps = absoluteSteps(s.field, s.min, s.max);
    if (s.stale || !part || steps.length < 2)
        return alpha(s.stale ? theme.stale : s.display.color || theme.dim, 0.75);
    const colors = steps.map((t) => ({ color: resolveColor(t.color, theme, theme.dim), at: Math.max(0, Math.min(1, (t.value - s.min) / (s.max - s.min))) }));
    const stops = colors.filter((c) => c.at < part);
    const next = colors.find((c) => c.at >= part);
    const last = stops.at(-1)!;
    const end = next ? mix([last.color, next.color], (part - last.at) / Math.max(1e-9, next.at - last.at)) : last.color;
    return `linear-gradient(${vertical ? 'to top' : 'to right'}, ${stops.map((c) => `${c.color} ${((100 * c.at) / part).toFixed(1)}%`).join(', ')}, ${end} 100%)`;
}

class BarGauge extends NumberPanel<Bar> {
    private readonly more = h('div', { class: 'bar-more', hidden: true });

    constructor(host: HTMLElement, context: PanelContext) {
        super(host, context, 'bargauge', () => new Bar());
        host.append(this.more);
    }

    protected show(data: PanelData, theme: Theme): void {
        const { model } = this.context;
        const orientation = orientationOf(model);
        const vertical = orientation === 'vertical' || (orientation === 'auto' && this.width > this.height * 2 && this.height > 90);
        this.host.classList.toggle('vertical', vertical);
        const found = shownValues(data, model, theme, Date.now());
        const fit = Math.max(1, vertical ? Math.floor(this.width / LEAST_COLUMN) : Math.floor(this.height / LEAST_BAR));
        const all = found.length > fit ? found.slice(0, Math.max(1, fit - 1)) : found;
        this.more.hidden = all.length === found.length;
        text(this.more, `+${found.length - all.length} more`);
        this.host.classList.toggle('tight', !vertical && this.height / Math.max(1, all.length) < 2 * MIN_BAR);
        const o = { mode: string(model.options['displayMode'], 'gradient'), vertical, unfilled: bool(model.options['showUnfilled'], true), length: vertical ? this.height - 50 : this.width * 0.5 };
        this.each(all, (bar, s) => bar.draw(s, o, theme), this.more);
    }
}

export const panel: PanelFactory = (host, context) => new BarGauge(host, context);
