/* app.ts - what all parts of the page share. */
import type { Notification, PushClient } from '../client/index.ts';
import type { NotificationCenter } from '../notify/center.ts';
import type { Announcer } from './announcer.ts';
import type { Fetcher, Stored } from './api.ts';
import type { DataHub } from './data.ts';
import type { Freshness } from './freshness.ts';
import type { Signal } from './lib/signal.ts';
import type { Page } from './page.ts';
import type { Crosshair } from './panels/base.ts';
import type { Router } from './router.ts';
import type { Scheduler } from './scheduler.ts';
import type { Themes } from './theme.ts';

export const HOME = 'host-overview';

export interface App {
    readonly client: PushClient;
    readonly fetcher: Fetcher;
    readonly router: Router;
    readonly freshness: Freshness;
    readonly announcer: Announcer;
    readonly scheduler: Scheduler;
    readonly hub: DataHub;
    readonly themes: Themes;
    readonly center: NotificationCenter;
    /** Newest last. */
    readonly notifications: Signal<readonly Notification[]>;
    readonly crosshair: Signal<Crosshair | null>;
    /** What can be opened; asked for again after something was saved or deleted. */
    readonly dashboards: Signal<readonly Stored[]>;
    /** The dashboard that is open; null: the list of them, or a page that says why there is none. */
    readonly page: Signal<Page | null>;
    /** A wall display: `?kiosk`. */
    readonly kiosk: boolean;
    /** Asks for the list of dashboards again. */
    relist(): Promise<void>;
    /** Opens what the address says again, from the server. */
    reload(): Promise<void>;
}
