/* number-panel.ts - what panels of numbers have in common: a tile, bar or dial per number, made and taken away as numbers come and go. */
import type { Status, Theme } from '../lib/color.ts';
import type { DataTable, Panel, PanelContext, PanelData } from './base.ts';
import { leads } from './data-links.ts';
import { describeSeries, seriesTable } from './describe.ts';
import { linkedOf, worstValue, type Shown } from './values.ts';

export abstract class NumberPanel<Part extends { readonly root: HTMLElement }> implements Panel {
    private readonly parts: Part[] = [];
    protected data: PanelData | null = null;
    protected width = 0;
    protected height = 0;

    constructor(protected readonly host: HTMLElement, protected readonly context: PanelContext, name: string, private readonly make: () => Part) {
        host.classList.add(name);
        context.theme.on(() => context.invalidate(), { signal: context.signal });
    }

    protected abstract show(data: PanelData, theme: Theme): void;

    /** As many parts as numbers, each drawn and leading where its links say. They stand before `behind`. */
    protected each(numbers: readonly Shown[], draw: (part: Part, s: Shown) => void, behind: Node | null = null): void {
        while (this.parts.length < numbers.length) {
            const part = this.make();
            this.parts.push(part);
            this.host.insertBefore(part.root, behind);
        }
        this.parts.splice(numbers.length).forEach((p) => p.root.remove());
        numbers.forEach((s, i) => {
            draw(this.parts[i]!, s);
            leads(this.parts[i]!.root, linkedOf(s), this.context);
        });
    }

    update(data: PanelData): void {
        this.data = data;
    }

    resize(width: number, height: number): void {
        this.width = width;
        this.height = height;
    }

    draw(): void {
        if (this.data)
            this.show(this.data, this.context.theme.get());
    }

    describe(): string {
        return describeSeries(this.context, this.data);
    }

    table(): DataTable | null {
        return seriesTable(this.data);
    }

    worst(): Status | null {
        return worstValue(this.data, this.context);
    }

    destroy(): void {
        this.host.replaceChildren();
    }
}
