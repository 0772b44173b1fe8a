/* forms.ts - dashboards of any form, with notes on what becomes of them: for the editor, imports, and documents of other versions. */
import { convertV2 } from './convert-v2.ts';
import { lintDashboard } from './lint.ts';
import { readDashboard } from './load.ts';
import { modernize } from './old.ts';
import type { Dashboard, LintNote } from './types.ts';

export { convertV2, modernize };

export interface Loaded {
    readonly dashboard: Dashboard;
    readonly notes: readonly LintNote[];
}

/** Throws only for what is no dashboard at all. `fallbackUid`: for documents without one. */
export function loadDashboard(document: unknown, fallbackUid = ''): Loaded {
    const notes: LintNote[] = [];
    const dashboard = readDashboard(document, fallbackUid, { convertV2, modernize }, notes);
    return { dashboard, notes: [...notes, ...lintDashboard(dashboard)] };
}
