/* variables.ts - the variables of the dashboard that is open: asked from the server, in order, again when one they depend on
 * changes. */
import type { Labels } from '../client/index.ts';
import type { ApiError, Fetcher } from './api.ts';
import { seriesText } from './model/legend.ts';
import type { Variable } from './model/types.ts';
import { chooseValue, fixedOptions, inOrder, interpolate, makeOptions, parseLookup, references, type Lookup, type Macros, type Option, type Variables, type VariableState } from './model/vars.ts';
import { recall, remember } from './theme.ts';

const MAX_OPTIONS = 5000;

/* What the last look-ups found, for when the server is away: panels ask with these values. */
const FOUND = 'streamgauge.lookups', FOUND_KEPT = 40, FOUND_VALUES = 200;

function foundBefore(key: string): string[] | undefined {
    try {
        return (JSON.parse(recall(FOUND) ?? '[]') as [string, string[]][]).find(([k]) => k === key)?.[1];
    } catch {
        return undefined;
    }
}

function keepFound(key: string, all: readonly string[]): void {
    let kept: [string, readonly string[]][] = [];
    try {
        kept = JSON.parse(recall(FOUND) ?? '[]') as [string, string[]][];
    } catch {
        /* written by something else */
    }
    remember(FOUND, JSON.stringify([[key, all.slice(0, FOUND_VALUES)], ...kept.filter(([k]) => k !== key)].slice(0, FOUND_KEPT)));
}

export class VariableSet {
    readonly states = new Map<string, VariableState>();
    private readonly order: Variable[];

    constructor(definitions: readonly Variable[], private readonly fetcher: Fetcher, private readonly macros: () => Macros,
        private readonly wanted: Map<string, string[]>) {
        this.order = inOrder(definitions);
        for (const d of definitions) /* in the order they are shown in */
            this.states.set(d.name, this.fixed(d));
    }

    get all(): Variables {
        return this.states;
    }

    private fixed(d: Variable): VariableState {
        const options = fixedOptions(d) ?? d.options;
        return { definition: d, options, value: chooseValue(d, options, this.wanted.get(d.name) ?? null), error: '' };
    }

    /** Asks for those that need it. `changed`: only what depends on these. */
    async resolve(signal: AbortSignal, changed: ReadonlySet<string> | null = null): Promise<void> {
        const dirty = new Set(changed ?? []);
        for (const d of this.order) {
            if (d.type !== 'query')
                continue;
            if (changed && !references(`${d.query} ${d.regex}`).some((name) => dirty.has(name)))
                continue;
            const before = this.states.get(d.name)!;
            const next = await this.ask(d, signal, before);
            if (signal.aborted)
                return;
            this.states.set(d.name, next);
            if (next.value.join() !== before.value.join())
                dirty.add(d.name);
        }
    }

    private async ask(d: Variable, signal: AbortSignal, before: VariableState): Promise<VariableState> {
        const lookup = parseLookup(interpolate(d.query, this.states, this.macros()));
        if (!lookup)
            return { ...before, error: `"${d.query}" is no query that is known here` };
        const key = JSON.stringify(lookup);
        try {
            const found = (await this.look(lookup, signal).then((all) => (keepFound(key, all), all), (error: Error) => {
                const known = (error as Partial<ApiError>).status === 0 && foundBefore(key);
                if (known)
                    return known;
                throw error;
            })).slice(0, MAX_OPTIONS);
            const options: Option[] = makeOptions(found, { regex: interpolate(d.regex, this.states, this.macros()), sort: d.sort });
            return { definition: d, options, value: chooseValue(d, options, this.wanted.get(d.name) ?? null), error: options.length ? '' : 'there are none' };
        } catch (error) {
            return { ...before, error: (error as Error).message };
        }
    }

    private async look(lookup: Lookup, signal: AbortSignal): Promise<string[]> {
        const get = async (path: string) => ((await this.fetcher.json(path, signal)) as { data?: unknown }).data;
        const match = (metric: string) => (metric ? `?${new URLSearchParams({ 'match[]': metric })}` : '');
        switch (lookup.kind) {
        case 'values': return (await get(`/api/v1/label/${encodeURIComponent(lookup.label)}/values${match(lookup.metric)}`)) as string[];
        case 'labels': return (await get(`/api/v1/labels${match(lookup.metric)}`)) as string[];
        case 'names': {
            const pattern = new RegExp(lookup.pattern || '.');
            return ((await get('/api/v1/label/__name__/values')) as string[]).filter((name) => pattern.test(name));
        }
        case 'result': {
            const { result } = (await get(`/api/v1/query?${new URLSearchParams({ query: lookup.query })}`)) as { result: { metric: Labels; value: [number, string] }[] | [number, string] };
            return Array.isArray(result) && typeof result[0] === 'object'
                ? (result as { metric: Labels; value: [number, string] }[]).map((r) => `${seriesText(r.metric)} ${r.value[1]} ${Math.round(r.value[0] * 1000)}`)
                : [String((result as unknown[])[1] ?? '')];
        }
        }
    }

    /** Sets one and asks anew for what depends on it. */
    async set(name: string, value: readonly string[], signal: AbortSignal): Promise<void> {
        const state = this.states.get(name);
        if (!state)
            return;
        this.wanted.set(name, [...value]);
        this.states.set(name, { ...state, value: chooseValue(state.definition, state.options, value) });
        await this.resolve(signal, new Set([name]));
    }
}
