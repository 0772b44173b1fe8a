/* extras.ts - what the page is besides panels: a wall, a phone, something for when the server is away, a page that renews itself.
 * Loaded after the shell stands, so that first panels do not wait for it. */
import { alarm, type Alarm } from './alarm.ts';
import { HOME, type App } from './app.ts';
import { importing } from './importing.ts';
import { Keys } from './keys.ts';
import { kioskOptions } from './kiosk.ts';
import { h } from './lib/h.ts';
import { openDashboard } from './model/load.ts';
import { keepSeen, recall } from './offline.ts';
import { Page } from './page.ts';
import { phone } from './phone.ts';
import type { Shell } from './shell.ts';
import { updates, type Updates } from './update.ts';
import { Wall } from './wall.ts';
import { Watchdog } from './watchdog.ts';

const OFFER_MS = 700; /* a server that has not answered by then may be away */
const AHEAD_KEPT_MS = 3000; /* what was asked ahead is held until the page has taken it */
const CALM_MS = 60_000;
const SOON_MS = 4000; /* a dashboard that is left so soon has not been looked at */

export function extras(app: App, shell: Shell): void {
    const { signal } = new AbortController(); /* for as long as the page lives */
    new Keys(app, shell);
    importing(app);
    const sound = alarm(app.center, signal);
    const fresh = updates(signal, () => renew());
    let wall: Watchdog | null = null;
    const renew = (): void => {
        if (wall)
            wall.want('build');
        else
            shell.toast('info', 'A new version is here', 'It is shown when this page is loaded again.');
    };
    app.client.on('welcome', () => void fresh.look());
    const options = app.kiosk ? kioskOptions(app.router.route.get().search, screen.width / screen.height) : null;
    if (options)
        wall = hang(app, shell, sound, fresh, signal);
    else {
        shell.tools.prepend(sound.button);
        phone({ app, main: shell.main, notices: () => shell.bell.show(), signal });
    }
    away(app, signal);
    /* A subscription that the browser or the server has changed meanwhile would end in silence. */
    if (globalThis.Notification?.permission === 'granted')
        void import('../notify/push.ts').then((m) => new m.WebPush({ token: app.fetcher.token }).renew()).catch(() => {});
}

/* ---- the wall ---- */

function hang(app: App, shell: Shell, sound: Alarm, fresh: Updates, signal: AbortSignal): Watchdog {
    const options = kioskOptions(app.router.route.get().search, screen.width / screen.height)!;
    const uid = () => app.router.route.get().uid || HOME;
    const ahead = new Ahead(app, shell.main);
    const alerting = new Set<string>();
    const wall = new Wall({
        options, freshness: app.freshness, center: app.center, soundButton: sound.button, signal,
        show: (next) => {
            app.router.go(`/d/${encodeURIComponent(next)}${location.search}`);
            ahead.soonOver();
        },
        prepare: (next) => void ahead.load(next),
        alertsOn: (pages) => (alerting.has(uid()) ? uid() : (pages.find((p) => alerting.has(p)) ?? '')),
        announce: (words, urgent) => app.announcer.say(words, urgent),
        judged: () => app.page.get()?.grid.judged ?? [],
    }, uid());
    shell.main.before(wall.strip);
    /* The clock needs a word from the server each second, whatever is shown. */
    app.client.subscribe('time()', () => {}, { interval: '1s', signal });
    app.client.setPower('full');
    const look = (id: string, panels: readonly { type: string }[]): void => void (panels.some((p) => p.type === 'alertlist') && alerting.add(id));
    app.page.on((page) => page && (wall.showing(page.dashboard), look(page.dashboard.uid, page.dashboard.panels)), { signal, now: true });
    for (const other of wall.rotation?.pages ?? [])
        documentOf(app, other).then((d) => openDashboard(d.document, other)).then((d) => look(other, d.panels)).catch(() => {});
    let touched = -Infinity;
    for (const type of ['pointerdown', 'keydown'])
        document.addEventListener(type, () => (touched = performance.now()), { signal });
    const dog = new Watchdog({
        quiet: () => app.center.worst !== 'critical' && performance.now() - touched > CALM_MS,
        paints: () => app.scheduler.painted,
        alive: () => document.visibilityState === 'visible' && !app.scheduler.paused && app.client.state === 'open' && !app.freshness.connection.get().lostSince && (app.page.get()?.grid.panels.length ?? 0) > 0,
        reload: () => fresh.apply(),
    }, options.reloadAt);
    dog.start(signal);
    return dog;
}

async function documentOf(app: App, uid: string): ReturnType<App['fetcher']['dashboard']> {
    if (!app.dashboards.get().length)
        await app.relist().catch(() => {});
    return app.fetcher.dashboard(uid, app.dashboards.get().find((d) => d.uid === uid)?.shipped);
}

/** The next page of a rotation, out of sight: what it asks is answered when it is shown. */
class Ahead {
    private page: Page | null = null;
    private loading = new AbortController();
    private readonly place = h('div', { class: 'ahead', 'aria-hidden': 'true', inert: true });

    constructor(private readonly app: App, private readonly main: HTMLElement) {}

    async load(uid: string): Promise<void> {
        this.over();
        const { signal } = this.loading;
        const found = await documentOf(this.app, uid).catch(() => null);
        const dashboard = found && (await openDashboard(found.document, uid).catch(() => null));
        if (!dashboard || signal.aborted)
            return;
        const { app } = this;
        const page = new Page(app, dashboard, { version: found.version, shipped: found.shipped }, app.router.route.get().search);
        this.page = page;
        this.place.replaceChildren(page.grid.root);
        this.main.append(this.place);
        await page.start();
    }

    soonOver(): void {
        const { signal } = this.loading;
        setTimeout(() => signal.aborted || this.over(), AHEAD_KEPT_MS);
    }

    private over(): void {
        this.loading.abort();
        this.loading = new AbortController();
        this.page?.destroy();
        this.page = null;
        this.place.remove();
    }
}

/* ---- when the server is away ---- */

function away(app: App, signal: AbortSignal): void {
    let offered: unknown = null, met = app.client.state === 'open';
    const offer = async (): Promise<void> => {
        const page = app.page.get();
        if (met || !page || offered === page)
            return;
        offered = page;
        const seen = await recall(page.dashboard.uid);
        if (!seen || met)
            return;
        app.hub.remember(seen.sources);
        app.freshness.restore(seen.at);
    };
    app.client.on('state', ({ state }) => {
        met ||= state === 'open';
        if (state === 'reconnecting')
            void offer();
    });
    const late = (): void => void setTimeout(() => void offer(), app.client.state === 'reconnecting' || !navigator.onLine ? 0 : OFFER_MS);
    app.page.on((page) => page && late(), { signal, now: true });
    const save = keepSeen(() => {
        const page = app.page.get();
        const at = app.freshness.beat.get();
        const good = page && at && app.client.state === 'open' && !app.freshness.connection.get().lostSince;
        return good ? { uid: page.dashboard.uid, at, sources: app.hub.seen() } : null;
    }, signal);
    app.page.on((page) => page && setTimeout(() => app.page.get() === page && save(), SOON_MS), { signal, now: true });
}
