/* update.ts - the service worker, and what to do when the server has a new build: the page says so, a wall changes by itself. */

const LOOK_MS = 3_600_000;

/** The build of a page, as index.html has it. */
export function buildOf(html: string): string {
    return /<meta name="build" content="([^"]*)"/.exec(html)?.[1] ?? '';
}

export interface Updates {
    /** After a connection came back: the server may be another one. */
    look(): Promise<void>;
    /** Goes to the new build; never returns for long. */
    apply(): void;
}

/** `found`: there is a new build. */
export function updates(signal: AbortSignal, found: () => void): Updates {
    const own = document.querySelector<HTMLMetaElement>('meta[name="build"]')?.content ?? '';
    const workers = navigator.serviceWorker as ServiceWorkerContainer | undefined; /* only secure pages have them */
    let waiting: ServiceWorker | null = null, told = false;
    const tell = (): void => {
        if (!told)
            found();
        told = true;
    };
    const watch = (registration: ServiceWorkerRegistration): void => {
        const take = (): void => {
            if (registration.waiting && workers?.controller) {
                waiting = registration.waiting;
                tell();
            }
        };
        const follow = (): void => registration.installing?.addEventListener('statechange', take);
        take();
        follow(); /* it may be on its way already */
        registration.addEventListener('updatefound', follow);
    };
    const ready = workers?.register('/sw.js').then((r) => (watch(r), r)).catch(() => null) ?? Promise.resolve(null);
    const updating = { look, apply };

    async function look(): Promise<void> {
        const registration = await ready;
        if (registration)
            return void (await registration.update().catch(() => {}));
        const page = await fetch('/', { cache: 'no-store' }).then((r) => (r.ok ? r.text() : '')).catch(() => '');
        const build = buildOf(page);
        if (own && build && build !== own)
            tell();
    }

    function apply(): void {
        if (!waiting)
            return location.reload();
        workers!.addEventListener('controllerchange', () => location.reload(), { once: true });
        waiting.postMessage('update');
    }
    const timer = setInterval(() => void look(), LOOK_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
    return updating;
}
