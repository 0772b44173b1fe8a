/* main.ts - the page begins here: what all share is made, then the address says what to show. */
import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/panels.css';
import './styles/data-panels.css';
import { PushClient, type Notification } from '../client/index.ts';
import { Announcer } from './announcer.ts';
import { Fetcher } from './api.ts';
import type { App } from './app.ts';
import { DataHub } from './data.ts';
import { Freshness } from './freshness.ts';
import { turnOn } from './lib/later.ts';
import { signal } from './lib/signal.ts';
import { takeToken } from './login.ts';
import { openCenter } from './notices.ts';
import { Opener } from './opener.ts';
import { Router } from './router.ts';
import { Scheduler } from './scheduler.ts';
import { Shell } from './shell.ts';
import { Themes } from './theme.ts';

async function start(): Promise<void> {
    const search = new URLSearchParams(location.search);
    const kiosk = search.has('kiosk');
    document.documentElement.classList.toggle('kiosk', kiosk);
    const themes = new Themes(search.get('theme'), kiosk);
    const [refused] = await Promise.all([takeToken(), kiosk ? turnOn('wall') : null]);
    const client = new PushClient('/');
    const fetcher = new Fetcher();
    const notifications = signal<readonly Notification[]>([]);
    const app: App = {
        client, fetcher, themes, kiosk, notifications, router: new Router(), freshness: new Freshness(client), announcer: new Announcer(),
        scheduler: new Scheduler(), hub: new DataHub(client, fetcher), center: openCenter(client, notifications),
        crosshair: signal(null), dashboards: signal([]), page: signal(null),
        relist: async () => app.dashboards.set(await fetcher.dashboards()),
        reload: () => opener.open(app.router.route.get(), true),
    };
    client.on('error', (error) => console.error(error));
    const shell = new Shell(app);
    const opener = new Opener(app, shell.main);
    if (refused)
        shell.toast('warning', 'Not signed in', refused);
    client.connect().catch(() => {}); /* the shell shows how it is going */
    void turnOn('later');
    void import('./extras.ts').then((m) => m.extras(app, shell));
    app.router.route.on((route) => void opener.open(route), { now: true });
}

void start();
