/* badge.ts - the state outside of the page: title, favicon (a shape, not only a colour), the app's badge. */
import type { Severity } from '../client/types.ts';

/* Disc, triangle, diamond on 16×16. */
const SHAPES: Record<Severity | 'ok', [path: string, colour: string]> = {
    ok: ['M8 1a7 7 0 1 0 .01 0z', '#58D58D'],
    info: ['M2 2h12v12H2z', '#3B82FB'],
    warning: ['M8 1l7.5 14H.5z', '#FFEB3B'],
    critical: ['M8 0l8 8-8 8-8-8z', '#F0480F'],
};

export function favicon(worst: Severity | null): string {
    const [path, colour] = SHAPES[worst ?? 'ok'];
    return `data:image/svg+xml,${encodeURIComponent(
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="${path}" fill="${colour}"/></svg>`)}`;
}

/** `firing`: how many, unacknowledged. */
export function setBadge(firing: number, worst: Severity | null, doc: Document = document): void {
    doc.title = (firing ? `(${firing}) ` : '') + doc.title.replace(/^\(\d+\) /, '');
    let link = doc.querySelector<HTMLLinkElement>('link[rel~="icon"]');
    if (!link) {
        link = doc.createElement('link');
        link.rel = 'icon';
        doc.head.append(link);
    }
    link.href = favicon(worst);
    const nav = doc.defaultView?.navigator as (Navigator & { setAppBadge?: (n: number) => Promise<void> }) | undefined;
    nav?.setAppBadge?.(firing).catch(() => {}); /* only installed apps have one */
}
