/* flamegraph.ts - where time or memory goes: stacks as boxes, callers above (an icicle). Stacks come from series with a label
 * `stack`, from a URL of this server (options.url), or pasted as folded text. Click to zoom, type to search. */
import { luminance, type Theme } from '../../lib/color.ts';
import { h, put, text } from '../../lib/h.ts';
import { fit, plural, reasonOf, seriesOf, stateWord, textOf } from '../kit.ts';
import { NO_FIELD, say } from '../show.ts';
import type { FieldConfig } from '../../model/types.ts';
import type { DataTable, Panel, PanelContext, PanelData, PanelFactory } from '../base.ts';
import { layout, parseFolded, search, treeOf, type Box, type Tree } from './stacks.ts';

const MAX_TEXT = 16 << 20;
const MAX_HEIGHT = 16_000; /* px of a canvas */

/** The same name has the same shade everywhere. */
function hue(name: string): number {
    let hash = 0;
    for (let i = 0; i < name.length; i++)
        hash = (hash * 31 + name.charCodeAt(i)) | 0;
    return ((hash >>> 0) % 1000) / 1000;
}

class FlameGraph implements Panel {
    private data: PanelData | null = null;
    private tree: Tree | null = null;
    private given = false; /* pasted or loaded: data of series is not looked at */
    private stale = true;
    private failure = '';
    private field: FieldConfig = this.context.model.defaults;
    private focus = 0;
    private focusPath: string[] = [];
    private hits: Uint8Array | null = null;
    private boxes: Box[] = [];
    private width = 0;
    private px = 12;
    private hovered = -1;
    private readonly canvas = h('canvas', { class: 'dp-canvas-flow', role: 'img', tabindex: 0 });
    private readonly ctx = this.canvas.getContext('2d')!;
    private readonly find = h('input', { type: 'search', placeholder: 'Search', 'aria-label': 'Search frames' });
    private readonly found = h('span');
    private readonly path = h('span', { class: 'fg-path' });
    private readonly reset = h('button', { type: 'button', hidden: true }, 'Reset zoom');
    private readonly paste = h('button', { type: 'button' }, 'Paste stacks');
    private readonly body = h('div', { class: 'fg-body' }, this.canvas);
    private readonly bar = h('div', { class: 'fg-bar' }, this.find, this.found, this.reset, this.paste, this.path);
    private readonly note = h('div', { class: 'dp-reason', hidden: true });

    constructor(private readonly host: HTMLElement, private readonly context: PanelContext) {
        host.classList.add('dp', 'fg');
        host.append(this.bar, this.body);
        this.body.append(this.note);
        this.bar.hidden = context.kiosk;
        const { signal, theme } = context;
        theme.on(() => context.invalidate(), { signal });
        this.find.addEventListener('input', () => context.invalidate(), { signal });
        this.reset.addEventListener('click', () => this.zoom(0), { signal });
        this.paste.addEventListener('click', () => this.askText(), { signal });
        this.canvas.addEventListener('click', (e) => this.zoom(Math.max(0, this.frameAt(e))), { signal });
        this.canvas.addEventListener('pointermove', (e) => this.hover(this.frameAt(e)), { signal });
        this.canvas.addEventListener('pointerleave', () => this.hover(-1), { signal });
        this.canvas.addEventListener('keydown', (e) => e.key === 'Escape' && this.zoom(0), { signal });
        const { options } = context.model;
        if (textOf(options['text']))
            this.take(textOf(options['text']));
        else if (textOf(options['url']))
            void this.fetch(context.interpolate(textOf(options['url'])));
    }

    /* Only this server: what a dashboard says is not trusted with more. */
    private async fetch(address: string): Promise<void> {
        this.given = true;
        try {
            const url = new URL(address, location.href);
            if (url.origin !== location.origin)
                throw new Error(`"${address}" is not on this server`);
            const answer = await fetch(url, { signal: this.context.signal });
            if (!answer.ok)
                throw new Error(`${url.pathname} answers ${answer.status}`);
            this.take(await answer.text());
        } catch (error) {
            if (!this.context.signal.aborted)
                this.failure = error instanceof Error ? error.message : String(error);
        }
        this.context.invalidate();
    }

    private take(folded: string): void {
        this.given = true;
        if (folded.length > MAX_TEXT)
            this.failure = `${(folded.length / 1048576).toFixed(0)} MB of stacks are too many; at most ${MAX_TEXT >> 20}`;
        else
            this.show(parseFolded(folded));
        this.context.invalidate();
    }

    private show(tree: Tree): void {
        this.failure = tree.frames.length > 1 || !this.given ? '' : 'No stack in it: a line is "main;run;read 12"';
        this.tree = tree;
        /* New data of the same program keeps the zoom. */
        let at = 0;
        for (const name of this.focusPath)
            at = tree.frames[at]!.children.find((c) => tree.frames[c]!.name === name) ?? at;
        this.focus = at;
    }

    private askText(): void {
        const area = h('textarea', { 'aria-label': 'Folded stacks, one in a line', placeholder: 'main;run;read 12', spellcheck: 'false' });
        const box = h('form', { class: 'fg-paste' }, area, h('div', null, h('button', { type: 'submit' }, 'Show'), ' ', h('button', { type: 'button', onclick: () => box.remove() }, 'Cancel')));
        box.addEventListener('submit', (e) => {
            e.preventDefault();
            box.remove();
            this.focusPath = [];
            this.take(area.value);
        });
        this.host.append(box);
        area.focus();
    }

    update(data: PanelData): void {
        this.data = data;
        this.stale = true;
    }

    private refresh(): void {
        if (this.given || !this.stale || !this.data)
            return;
        this.stale = false;
        const series = [...seriesOf(this.data)].map(([s]) => s).filter((s) => s.labels['stack']);
        this.field = series[0]?.field ?? this.field;
        if (series.length)
            this.show(treeOf(series.map((s) => [s.labels['stack']!, s.last ?? NaN])));
        else
            this.tree = null;
        this.failure = series.length || !this.data.blocks.some((b) => b.series.length) ? (series.length ? this.failure : '') : 'No series has a label "stack"';
    }

    private problem(): string {
        this.refresh();
        if (this.failure)
            return this.failure;
        if (this.tree)
            return this.tree.frames[0]!.total > 0 ? '' : this.data && this.data.state !== 'live' && !this.given ? reasonOf(this.data) : 'No stack has a value above zero';
        return this.context.model.targets.length ? reasonOf(this.data) : 'Paste folded stacks, or give a URL of them (options.url)';
    }

    resize(width: number): void {
        this.width = Math.floor(width);
    }

    draw(): void {
        const problem = this.problem();
        text(this.note, problem);
        this.note.hidden = !problem;
        this.canvas.hidden = problem !== '';
        if (problem || !this.tree)
            return;
        const words = this.find.value.trim();
        const result = words ? search(this.tree, words) : null;
        this.hits = result?.hits ?? null;
        text(this.found, result ? `${(result.share * 100).toFixed(1)}% match` : '');
        this.reset.hidden = this.focus === 0;
        this.paint(this.tree, this.context.theme.get());
        this.hover(this.hovered);
        this.canvas.setAttribute('aria-label', this.describe());
    }

    private get row(): number {
        return Math.round(this.px * 1.6);
    }

    private paint(tree: Tree, theme: Theme): void {
        const style = getComputedStyle(this.host), scale = Math.min(3, window.devicePixelRatio || 1), { ctx } = this;
        this.px = Math.max(10, (parseFloat(style.fontSize) || 14) * 0.86);
        this.boxes = layout(tree, this.focus, this.width);
        const rows = Math.min(Math.floor(MAX_HEIGHT / scale / this.row), this.boxes.reduce((n, b) => Math.max(n, b.row), 0) + 1);
        const height = rows * this.row;
        if (this.canvas.width !== Math.round(this.width * scale) || this.canvas.height !== Math.round(height * scale)) {
            this.canvas.width = Math.round(this.width * scale);
            this.canvas.height = Math.round(height * scale);
            this.canvas.style.setProperty('width', `${this.width}px`);
            this.canvas.style.setProperty('height', `${height}px`);
        }
        ctx.setTransform(scale, 0, 0, scale, 0, 0);
        ctx.clearRect(0, 0, this.width, height);
        ctx.font = `${this.px}px ${style.fontFamily}`;
        ctx.textBaseline = 'middle';
        for (const box of this.boxes)
            if (box.row < rows)
                this.paintBox(box, tree, theme);
    }

    private paintBox(box: Box, tree: Tree, theme: Theme): void {
        const { ctx, row, px } = this, f = tree.frames[box.frame]!, y = box.row * row;
        const dark = luminance(theme.panel) < 0.2, above = f.depth < tree.frames[this.focus]!.depth;
        const hit = this.hits?.[box.frame], t = hue(f.name);
        ctx.globalAlpha = this.hits && !hit ? 0.35 : above ? 0.6 : 1;
        ctx.fillStyle = box.frame === 0 ? theme.line : hit ? theme.status.maintenance : `hsl(${(195 + t * 50).toFixed(0)} ${dark ? '32%' : '48%'} ${((dark ? 30 : 78) + t * 10).toFixed(0)}%)`;
        const w = Math.max(1, box.width - (box.width > 3 ? 1 : 0));
        ctx.fillRect(box.x, y, w, row - 1);
        if (box.frame === this.hovered || hit) {
            ctx.strokeStyle = theme.text;
            ctx.lineWidth = hit ? 1 : 2;
            ctx.strokeRect(box.x + 1, y + 1, w - 2, row - 3);
        }
        if (box.width > px * 2.5) {
            ctx.fillStyle = hit ? (dark ? '#000000' : '#FFFFFF') : theme.text;
            ctx.globalAlpha = 1;
            ctx.fillText(fit(ctx, `${f.name}  ${this.share(f.total, tree)}`, box.width - px * 0.6), box.x + px * 0.3, y + row / 2);
        }
        ctx.globalAlpha = 1;
    }

    private share(value: number, tree: Tree): string {
        return `${((100 * value) / tree.frames[0]!.total).toFixed(1)}%`;
    }

    private frameAt(e: MouseEvent): number {
        const bounds = this.canvas.getBoundingClientRect();
        const x = e.clientX - bounds.left, row = Math.floor((e.clientY - bounds.top) / this.row);
        return this.boxes.find((b) => b.row === row && x >= b.x && x < b.x + b.width)?.frame ?? -1;
    }

    private hover(frame: number): void {
        const f = this.tree?.frames[frame];
        const focus = this.tree?.frames[this.focus];
        text(this.path, f ? `${f.name}: ${say(f.total, this.field)} (${this.share(f.total, this.tree!)}), itself ${say(f.self, this.field)}` : focus && this.focus ? `zoomed to ${focus.name}` : '');
        if (frame !== this.hovered) {
            this.hovered = frame;
            this.context.invalidate();
        }
    }

    private zoom(frame: number): void {
        this.focus = this.tree?.frames[frame] ? frame : 0;
        this.focusPath = [];
        for (let i = this.focus; i > 0; i = this.tree!.frames[i]!.parent)
            this.focusPath.unshift(this.tree!.frames[i]!.name);
        this.context.invalidate();
    }

    /** What uses most itself, by name. */
    private hottest(): (readonly [name: string, self: number])[] {
        const selves = new Map<string, number>();
        for (const f of this.tree?.frames.slice(1) ?? [])
            selves.set(f.name, (selves.get(f.name) ?? 0) + f.self);
        return [...selves].sort((a, b) => b[1] - a[1]);
    }

    describe(): string {
        const problem = this.problem(), title = this.context.interpolate(this.context.model.title) || 'Flame graph';
        if (problem || !this.tree)
            return `${title}: ${problem}.`;
        const top = this.hottest().slice(0, 3).map(([name, self]) => `${name} ${this.share(self, this.tree!)}`).join(', ');
        return `${title}: ${this.given ? '' : stateWord(this.data)}flame graph of ${plural(this.tree.frames.length - 1, 'frame')}; most by themselves: ${top}.`;
    }

    table(): DataTable | null {
        return { columns: [{ name: 'Frame', field: NO_FIELD }, { name: 'Self', field: this.field }], rows: this.hottest().slice(0, 500).map(([name, self]) => [name, self]) };
    }

    destroy(): void {
        this.canvas.width = this.canvas.height = 0;
        put(this.host);
        this.host.classList.remove('dp', 'fg');
    }
}

export const panel: PanelFactory = (host, context) => new FlameGraph(host, context);
