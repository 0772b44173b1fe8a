/* sw.ts - service worker of the dashboard: three routes, Web Push, and clicks on what it shows.
 *
 * Shell (hashed files, the page): cache first. Dashboards: what is cached, and a new one for the next time. Everything else, streams,
 * rights, the API: never cached.
 */
declare const self: ServiceWorkerGlobalScope;
declare const __ASSETS__: readonly string[]; /* of the shell, filled in by build.mjs */
declare const __BUILD__: string;
declare const __PAGES__: readonly string[]; /* addresses of the one page; '*' at the end: all below */

const SHELL = `shell-${__BUILD__}`;
const DATA = 'dashboards';
const shell = new Set(__ASSETS__);
const refreshed = /^\/(api\/v1\/dashboards|dashboards\/)/;

const isPage = (path: string) =>
    path === '/' || __PAGES__.some((p) => (p.endsWith('*') ? path.startsWith(p.slice(0, -1)) : path === p));

self.addEventListener('install', (event) => {
    event.waitUntil((async () => {
        const cache = await caches.open(SHELL);
        await cache.addAll(__ASSETS__.map((path) => new Request(path, { cache: 'reload' })));
    })());
});

self.addEventListener('activate', (event) => {
    event.waitUntil((async () => {
        for (const name of await caches.keys())
            if (name !== SHELL && name !== DATA)
                await caches.delete(name);
        await self.clients.claim();
    })());
});

self.addEventListener('message', (event) => {
    if (event.data === 'update')
        void self.skipWaiting(); /* the page chose a quiet moment */
});

self.addEventListener('fetch', (event) => {
    const { request } = event;
    const url = new URL(request.url);
    if (request.method !== 'GET' || url.origin !== self.location.origin)
        return;
    if (request.mode === 'navigate' && isPage(url.pathname))
        event.respondWith(page(request));
    else if (shell.has(url.pathname) && url.pathname !== '/')
        event.respondWith(cacheFirst(url.pathname, request));
    else if (refreshed.test(url.pathname))
        event.respondWith(staleWhileRevalidate(event));
});

/* The page of the build whose files we hold, or a newer one's from the network would ask for files we have not. */
async function page(request: Request): Promise<Response> {
    return (await caches.match('/', { cacheName: SHELL })) ?? fetch(request);
}

async function cacheFirst(path: string, request: Request): Promise<Response> {
    return (await caches.match(path, { cacheName: SHELL })) ?? fetch(request);
}

async function staleWhileRevalidate(event: FetchEvent): Promise<Response> {
    const cache = await caches.open(DATA);
    const fresh = fetch(event.request).then(async (response) => {
        if (response.ok)
            await cache.put(event.request, response.clone());
        else if ([401, 403, 404].includes(response.status))
            await cache.delete(event.request); /* no longer to be seen */
        return response;
    });
    const cached = await cache.match(event.request);
    if (!cached)
        return fresh;
    if (event.request.cache === 'no-cache') /* the page knows that it has changed */
        return fresh.catch(() => cached);
    event.waitUntil(fresh.catch(() => {}));
    return cached;
}

/* ---- Web Push ---- */

interface Payload {
    id?: string | number;
    type?: string;
    title?: string;
    message?: string;
    status?: string;
    actionUrl?: string;
    /** Declarative Web Push (RFC 8030): the same payload is shown by browsers without a worker. */
    notification?: { title?: string; body?: string; navigate?: string; tag?: string };
}

function decode(data: PushMessageData | null): Payload {
    try {
        return data?.json() ?? {};
    } catch {
        return { message: data?.text() ?? '' };
    }
}

/* Every push must show something, also one we do not understand, or the browser takes the permission away. */
self.addEventListener('push', (event) => {
    const p = decode(event.data);
    const tag = String(p.id ?? p.notification?.tag ?? 'streamgauge');
    const firing = (p.status ?? 'firing') === 'firing';
    const options = {
        body: p.message ?? p.notification?.body ?? '',
        tag,
        renotify: firing,
        requireInteraction: p.type === 'critical' && firing,
        silent: !firing,
        icon: '/icon.svg',
        data: { id: p.id === undefined ? null : String(p.id), url: p.actionUrl ?? p.notification?.navigate ?? '/' },
        actions: firing && p.id !== undefined ? [{ action: 'ack', title: 'Acknowledge' }] : [],
    };
    const title = `${firing ? '' : `${p.status}: `}${p.title ?? p.notification?.title ?? 'Notification'}`;
    /* A worker cannot play sound: open pages can. */
    const channel = new BroadcastChannel('streamgauge-push');
    channel.postMessage(p);
    channel.close();
    event.waitUntil(self.registration.showNotification(title, options));
});

self.addEventListener('notificationclick', (event) => {
    const { id, url } = (event.notification.data ?? {}) as { id?: string | null; url?: string };
    event.notification.close();
    event.waitUntil(event.action === 'ack' && id ? ack(id, event.notification) : open(url ?? '/'));
});

/* The cookie of the page says who acknowledges. When that fails the notification is back, with the reason. */
async function ack(id: string, shown: Notification): Promise<void> {
    const reason = await fetch('/api/v1/acks', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ notification: id }),
    }).then(
        (response) => (response.ok ? '' : `not acknowledged (HTTP ${response.status})`),
        () => 'not acknowledged: the server cannot be reached',
    );
    if (reason)
        await self.registration.showNotification(shown.title, { body: `${shown.body}\n${reason}`, tag: id, data: shown.data });
}

async function open(link: string): Promise<void> {
    const url = new URL(link, self.location.origin);
    if (url.protocol !== 'https:' && url.origin !== self.location.origin)
        return;
    for (const client of await self.clients.matchAll({ type: 'window' })) {
        if (url.origin === self.location.origin && 'focus' in client) {
            await client.focus();
            await client.navigate(url.href).catch(() => null);
            return;
        }
    }
    await self.clients.openWindow(url.href);
}

/* The browser has replaced the subscription: the server hears of it, else pushes would end in silence. */
self.addEventListener('pushsubscriptionchange', (event) => {
    const change = event as ExtendableEvent & { newSubscription?: PushSubscription | null; oldSubscription?: PushSubscription | null };
    change.waitUntil((async () => {
        const options = change.oldSubscription?.options;
        const subscription = change.newSubscription ?? (options && (await self.registration.pushManager.subscribe(options)));
        if (subscription)
            await fetch('/api/v1/push/subscriptions', {
                method: 'POST',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify(subscription.toJSON()),
            });
    })());
});

export {};
