/* registry.ts - panel types by the names dashboards use. Each module registers nothing itself: this list is the one place. Lazy
 * ones are loaded when a dashboard has them. */
import type { PanelFactory } from './base.ts';

export interface PanelType {
    readonly title: string;
    load(): Promise<PanelFactory>;
    /** Needs no query. */
    readonly withoutQuery?: boolean;
}

const types = new Map<string, PanelType>();

export function definePanel(id: string, type: PanelType): void {
    types.set(id, type);
}

export function panelType(id: string): PanelType | undefined {
    return types.get(id);
}

export function panelTypes(): readonly string[] {
    return [...types.keys()].sort();
}
