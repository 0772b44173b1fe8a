/* banner.ts - across the top when nothing comes from the server: since when, and what is done about it. It cannot be overlooked and
 * does not hang on colour. */
import type { Connection, Freshness } from './freshness.ts';
import { timeOfDay } from './lib/format.ts';
import { glyph } from './lib/glyph.ts';
import { h, text } from './lib/h.ts';

export function bannerText(c: Connection): string {
    if (!c.lostSince)
        return '';
    const since = c.lostSince > 1 ? `data from ${timeOfDay(c.lostSince)}` : 'no data yet';
    const next = c.fatal ? c.fatal : c.retryIn > 0 ? `retry in ${c.retryIn} s` : 'trying again';
    return `DISCONNECTED · ${since} · ${next}`;
}

/** `announce` says it once when it comes and once when it goes. */
export function banner(freshness: Freshness, announce: (words: string, urgent?: boolean) => void): HTMLElement {
    const words = h('strong', null);
    const root = h('div', { class: 'lost-banner', hidden: true }, glyph('stale'), words);
    freshness.connection.on((c) => {
        const was = !root.hidden;
        root.hidden = !c.lostSince;
        document.documentElement.classList.toggle('lost', !!c.lostSince);
        text(words, bannerText(c));
        if (was === root.hidden)
            announce(c.lostSince ? 'The connection to the server is lost. What is shown is old.' : 'The connection is back.', !!c.lostSince);
    }, { now: true });
    return root;
}
