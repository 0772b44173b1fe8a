/* api.ts - requests to this server. */
import type { Json, JsonObject } from './model/types.ts';

export class ApiError extends Error {
    constructor(message: string, readonly status: number) {
        super(message);
    }
}

const TIMEOUT_MS = 30_000;

function reason(text: string, status: number): string {
    try {
        const body = JSON.parse(text) as { error?: unknown; message?: unknown };
        const said = body.error ?? body.message;
        if (typeof said === 'string' && said)
            return said;
    } catch {
        /* not ours: a proxy's page */
    }
    return `the server answered ${status}`;
}

export interface Stored {
    readonly uid: string;
    readonly title: string;
    readonly tags: readonly string[];
    readonly version: number;
    /** Of the program: cannot be changed, only copied. */
    readonly shipped: boolean;
    /** Somebody's own in the place of a shipped one. */
    readonly replaces?: boolean;
    readonly description?: string;
}

export class Fetcher {
    /** Somebody saved or deleted here: what the service worker remembers is old. */
    private changed = false;

    /** Asked when the server wants a token; null: there is none. */
    constructor(readonly token: () => string | null = () => null, private readonly base = '') {}

    async request(path: string, init: RequestInit = {}): Promise<Response> {
        const token = this.token();
        const headers = new Headers(init.headers);
        if (token)
            headers.set('Authorization', `Bearer ${token}`);
        const late = AbortSignal.timeout(TIMEOUT_MS);
        const signal = init.signal ? (AbortSignal.any?.([init.signal, late]) ?? init.signal) : late;
        const answer = await fetch(this.base + path, { ...init, headers, signal }).catch((error: Error) => {
            throw new ApiError(error.name === 'TimeoutError' ? 'no answer within 30 s' : 'the server cannot be reached', 0);
        });
        if (!answer.ok)
            throw new ApiError(reason(await answer.text(), answer.status), answer.status);
        return answer;
    }

    async json(path: string, signal?: AbortSignal): Promise<Json> {
        return (await (await this.get(path, signal)).json()) as Json;
    }

    private get(path: string, signal?: AbortSignal): Promise<Response> {
        return this.request(path, { signal, ...(this.changed ? { cache: 'no-cache' } : {}) });
    }

    /* ---- dashboards: those of the program are files, those people made are documents with a version ---- */

    async dashboards(): Promise<Stored[]> {
        const [shipped, stored] = await Promise.all([
            this.json('/dashboards/index.json').then((v) => (Array.isArray(v) ? v : []), () => []),
            this.json('/api/v1/dashboards').then((v) => ((v as { dashboards?: Json[] }).dashboards ?? []), () => []),
        ]);
        const all = new Map<string, Stored>();
        for (const [list, own] of [[shipped, true], [stored, false]] as const)
            for (const d of list as unknown as Partial<Stored>[])
                if (d.uid)
                    all.set(d.uid, {
                        uid: d.uid, title: d.title || d.uid, tags: d.tags ?? [], description: d.description ?? all.get(d.uid)?.description ?? '',
                        version: own ? 0 : (d.version ?? 1), shipped: own, replaces: !own && all.has(d.uid),
                    });
        return [...all.values()].sort((a, b) => a.title.localeCompare(b.title));
    }

    /** Somebody's own of that name comes before the shipped one. `shipped`: there is no other. */
    async dashboard(uid: string, shipped = false): Promise<{ document: Json; version: number; shipped: boolean }> {
        const path = encodeURIComponent(uid);
        if (shipped)
            return { document: await this.json(`/dashboards/${path}.json`), version: 0, shipped: true };
        try {
            const answer = await this.get(`/api/v1/dashboards/${path}`);
            const body = (await answer.json()) as JsonObject;
            const version = Number(/\d+/.exec(answer.headers.get('ETag') ?? '')?.[0] ?? body['version'] ?? 0);
            return { document: body['dashboard'] ?? body, version, shipped: false };
        } catch (error) {
            if (!(error instanceof ApiError) || ![0, 400, 404, 503].includes(error.status)) /* 0: away; the worker may have the shipped one */
                throw error;
            const missing = error;
            const document = await this.json(`/dashboards/${path}.json`).catch(() => {
                throw new ApiError(missing.status === 404 ? `there is no dashboard "${uid}"` : missing.message, missing.status);
            });
            return { document, version: 0, shipped: true };
        }
    }

    /** `version`: the one it was made from; 0: a new one. Returns the new one. */
    async save(uid: string, document: Json, version: number): Promise<number> {
        this.changed = true;
        const answer = await this.request(`/api/v1/dashboards/${encodeURIComponent(uid)}`, {
            method: 'PUT', body: JSON.stringify(document), headers: { 'Content-Type': 'application/json', ...(version ? { 'If-Match': `"${version}"` } : {}) },
        });
        return Number(((await answer.json()) as { version?: number }).version ?? version + 1);
    }

    async remove(uid: string, version: number): Promise<void> {
        this.changed = true;
        await this.request(`/api/v1/dashboards/${encodeURIComponent(uid)}`, { method: 'DELETE', headers: version ? { 'If-Match': `"${version}"` } : {} });
    }
}
