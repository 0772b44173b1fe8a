/* freshness.js - how old what one sees is. The clock is the server's and moves only when the server says so: a page that shows
 * old data must look old. States: connecting, live, stale (open, but silent), lost, token. Shape, word and colour each tell them.
 */
import { byId, setText } from './dom.js';
import { age, clock } from './format.js';

const STALE_MS = 3000;     /* streams tick every second */
const BANNER_MS = 1000;    /* a blink of the network is no news */
const STATUS_EVERY_MS = 5000;

const shapes = /** @type {Record<string, [string, string]>} */ ({
    connecting: ['CONNECTING', 'M8 2.500a5.500 5.500 0 1 1-.01 0z'],
    live: ['LIVE', 'M8 2a6 6 0 1 1-.01 0z'],
    stale: ['STALE', 'M8 2a6 6 0 1 1-.01 0zM8 5v3.500l2 1.500'],
    lost: ['DISCONNECTED', 'M8 1.500 14.500 8 8 14.500 1.500 8zM6 6l4 4M10 6l-4 4'],
    token: ['TOKEN NEEDED', 'M3 7h10v7H3zM5 7V5a3 3 0 0 1 6 0v2'],
});

export class Freshness {
    /** @param {import('./protocol.js').Connection} connection */
    constructor(connection) {
        this.connection = connection;
        this.link = '';
        this.heard = performance.now(); /* local; last frame with a server time */
        this.lostAt = 0;
        this.retryAt = 0;
        this.said = -Infinity;
        this.everLive = false;
        byId('retry').addEventListener('click', () => connection.retryNow());
        setInterval(() => this.renew(), 250);
    }

    /** @param {number} t server time */
    tick(t) {
        this.heard = performance.now();
        setText(byId('clock'), clock(t));
        this.renew();
    }

    /** @param {string} state of the connection @param {{retryAt?: number}} detail */
    move(state, detail) {
        if (state === 'waiting' && !this.lostAt)
            this.lostAt = performance.now();
        if (state === 'open')
            this.lostAt = 0;
        this.retryAt = detail.retryAt ?? 0;
        this.renew();
    }

    /** @returns {string} */
    judge() {
        const { state } = this.connection;
        if (state === 'token')
            return 'token';
        if (state !== 'open')
            return this.lostAt ? 'lost' : 'connecting';
        if (performance.now() - this.heard > STALE_MS)
            return 'stale';
        return this.connection.serverTime ? 'live' : 'connecting';
    }

    renew() {
        const link = this.judge(), now = performance.now(), quiet = now - this.heard;
        setText(byId('age'), this.everLive && link !== 'token' ? (quiet < 1500 ? 'data: now' : `data: ${age(quiet)} old`) : '');
        this.banner(link, quiet, now);
        if (link === this.link)
            return;
        this.link = link;
        this.everLive ||= link === 'live';
        document.body.dataset.link = link;
        setText(byId('badge-word'), shapes[link][0]);
        byId('badge-shape').setAttribute('d', shapes[link][1]);
        this.announce(link, now);
    }

    /** @param {string} link @param {number} quiet ms since the last word @param {number} now */
    banner(link, quiet, now) {
        const shown = link === 'stale' || (link === 'lost' && now - this.lostAt > BANNER_MS);
        byId('banner').hidden = !shown;
        if (!shown)
            return;
        const from = this.connection.serverTime ? `data from ${clock(this.connection.serverTime)}` : 'no data yet';
        const wait = Math.max(0, Math.ceil((this.retryAt - now) / 1000));
        setText(byId('banner-word'), link === 'stale' ? `STALE ${age(quiet)}` : 'DISCONNECTED');
        setText(byId('banner-text'), link === 'stale' ? `${from} · connected, but nothing arrives` : `${from} · ${wait ? `retry in ${wait} s` : 'trying again'}`);
        byId('retry').hidden = link === 'stale';
    }

    /** @param {string} link @param {number} now */
    announce(link, now) {
        if (link === 'lost' || link === 'stale') {
            setText(byId('live-alert'), link === 'lost' ? 'Disconnected. The values shown are old.' : 'Stale. Nothing arrives; the values shown are old.');
            setText(byId('live-status'), '');
        } else if (link === 'live' && (now - this.said > STATUS_EVERY_MS || byId('live-alert').textContent)) {
            setText(byId('live-alert'), '');
            setText(byId('live-status'), 'Live');
            this.said = now;
        }
    }
}
