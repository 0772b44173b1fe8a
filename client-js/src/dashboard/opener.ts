/* opener.ts - from an address to what is shown: a dashboard, the list of them, or why not. */
import { ApiError } from './api.ts';
import { setBadge } from '../notify/badge.ts';
import { HOME, type App } from './app.ts';
import { glyph } from './lib/glyph.ts';
import { h, put } from './lib/h.ts';
import { turnOn } from './lib/later.ts';
import { askToken } from './login-form.ts';
import type { Route } from './router.ts';

const RETRY_MS = 5000;

export class Opener {
    private opening = new AbortController();
    private shown = '';

    constructor(private readonly app: App, private readonly main: HTMLElement) {}

    /** `again`: from the server, also when it is the same. */
    async open(route: Route, again = false): Promise<void> {
        const { app } = this;
        const what = route.list ? '/dashboards' : route.uid || HOME;
        const page = app.page.get();
        if (!again && page && this.shown === what)
            return page.follow(route.search);
        this.opening.abort();
        this.opening = new AbortController();
        this.shown = what;
        app.page.set(null);
        page?.destroy();
        app.crosshair.set(null);
        this.main.setAttribute('aria-busy', 'true');
        try {
            await (route.list ? this.list(route) : this.dashboard(what, route, this.opening.signal));
        } finally {
            this.main.removeAttribute('aria-busy');
        }
    }

    private async list(route: Route): Promise<void> {
        const { signal } = this.opening;
        const [{ dashboardList }] = await Promise.all([import('./list.ts'), this.app.relist().catch(() => {}), turnOn('later')]);
        if (signal.aborted)
            return;
        this.entitle('Dashboards · streamgauge');
        put(this.main, dashboardList(this.app, route.search, signal));
    }

    private async dashboard(uid: string, route: Route, signal: AbortSignal): Promise<void> {
        const waiting = setTimeout(() => put(this.main, h('p', { class: 'nothing' }, 'Loading …')), 300);
        try {
            const parts = import('./open-page.ts');
            /* The list says whether it is a shipped one; of the first page that is most likely. */
            const likely = uid === HOME && !this.app.dashboards.get().length ? this.app.fetcher.dashboard(uid, true) : null;
            likely?.catch(() => {});
            if (!this.app.dashboards.get().length)
                await this.app.relist().catch(() => {});
            const known = this.app.dashboards.get().find((d) => d.uid === uid);
            const { document: json, version, shipped } = await (likely && known?.shipped ? likely : this.app.fetcher.dashboard(uid, known?.shipped));
            const { openDashboard, Page } = await parts;
            const dashboard = await openDashboard(json, uid);
            if (signal.aborted)
                return;
            const page = new Page(this.app, dashboard, { version, shipped }, route.search);
            this.entitle(`${page.dashboard.title} · streamgauge`);
            this.app.page.set(page);
            clearTimeout(waiting);
            put(this.main, page.grid.root);
            await page.start();
        } catch (error) {
            if (!signal.aborted)
                this.fail(uid, error as Error);
        } finally {
            clearTimeout(waiting);
        }
    }

    /** What fires is counted in every title. */
    private entitle(words: string): void {
        const { firing, worst } = this.app.center;
        document.title = words;
        setBadge(firing.length, worst);
    }

    private fail(uid: string, error: Error): void {
        const status = error instanceof ApiError ? error.status : -1;
        this.entitle('streamgauge');
        const actions = [h('button', { type: 'button', class: 'button', onclick: () => void this.app.reload() }, 'Try again'), h('a', { class: 'button', href: '/dashboards' }, 'All dashboards')];
        if (status === 401 || status === 403)
            actions.unshift(h('button', { type: 'button', class: 'button primary', onclick: () => askToken() }, 'Sign in with a token'));
        put(this.main, h('div', { class: 'page-reason', role: 'alert' }, glyph(status === 0 ? 'stale' : 'warning'),
            h('h1', null, status === 404 ? 'No such dashboard' : status === 401 || status === 403 ? 'Not allowed' : status === 0 ? 'No connection' : 'This dashboard cannot be shown'),
            h('p', null, sentence(error.message)), status === 404 ? h('p', { class: 'dim' }, `Address: ${uid}`) : null, h('div', { class: 'actions' }, ...actions)));
        if (status === 0) { /* it may be back soon */
            const { signal } = this.opening;
            setTimeout(() => signal.aborted || void this.app.reload(), RETRY_MS);
        }
    }
}

export const sentence = (text: string): string => (text ? `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}` : '');
