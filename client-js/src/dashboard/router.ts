/* router.ts - the address is the state: dashboard, variables, time, panel in full view. */
import { signal, type Signal } from './lib/signal.ts';

export interface Route {
    /** '' : the list of dashboards. */
    readonly uid: string;
    readonly list: boolean;
    readonly search: URLSearchParams;
}

function parse(): Route {
    const { pathname, search } = location;
    const uid = /^\/d\/([^/]+)/.exec(pathname)?.[1] ?? '';
    return { uid: decodeURIComponent(uid), list: pathname.startsWith('/dashboards'), search: new URLSearchParams(search) };
}

export class Router {
    readonly route: Signal<Route> = signal(parse());

    constructor() {
        addEventListener('popstate', () => this.route.set(parse()));
        document.addEventListener('click', (e) => {
            const link = (e.target as Element).closest?.('a');
            const href = link?.getAttribute('href');
            if (!href || e.defaultPrevented || e.button || e.ctrlKey || e.metaKey || e.shiftKey || link!.target === '_blank' || link!.hasAttribute('download'))
                return;
            const url = new URL(href, location.href);
            if (url.origin === location.origin && this.own(url.pathname)) {
                e.preventDefault();
                this.go(url.pathname + url.search + url.hash);
            }
        });
    }

    private own(path: string): boolean {
        return path === '/' || path.startsWith('/d/') || path === '/dashboards';
    }

    go(href: string): void {
        history.pushState(null, '', href);
        this.route.set(parse());
    }

    /** http(s), or of this server. What else a link of a dashboard says is not followed. */
    open(href: string, newTab = false): void {
        let url: URL;
        try {
            url = new URL(href, location.href);
        } catch {
            return;
        }
        if (!/^https?:$/.test(url.protocol))
            return;
        if (newTab || url.origin !== location.origin)
            window.open(url.href, newTab ? '_blank' : '_self', 'noopener');
        else if (this.own(url.pathname))
            this.go(url.pathname + url.search + url.hash);
        else
            location.assign(url.href);
    }

    /** Changes the address without a new dashboard. `push`: Back undoes it. */
    replace(search: URLSearchParams, push = false): void {
        const text = search.toString();
        const href = location.pathname + (text ? `?${text}` : '');
        if (href === location.pathname + location.search)
            return;
        if (push)
            history.pushState(null, '', href);
        else
            history.replaceState(null, '', href);
    }
}
