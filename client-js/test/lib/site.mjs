/* site.mjs - the real binary with its embedded dashboard, and a browser on it. Tests of the whole: each starts its own server on a
 * free port. Environment SHOTS=folder keeps pictures.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { launch } from './panels-server.mjs';
import { Server, sleep, until } from './server.mjs';

export { launch, sleep, until };

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const SHIPPED = ['host-overview', 'node-detail', 'operations-command-center', 'user-activity-stream', 'streamgauge'];
export const SIZES = { desk: { width: 1440, height: 900 }, hd: { width: 1920, height: 1080 }, uhd: { width: 3840, height: 2160 }, small: { width: 1366, height: 768 }, phone: { width: 390, height: 844 } };

export class Site extends Server {
    /** With the metrics of this machine, as on a fresh start. */
    constructor(...flags) {
        super(...flags);
        this.base = ['--statsd', 'off'];
    }
    /** Fires as a Prometheus would that has us as its Alertmanager. `ended`: it is over. */
    async alert(name, severity, { ended = false, ...labels } = {}) {
        const now = Date.now();
        const response = await fetch(`${this.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{
            labels: { alertname: name, severity, ...labels }, annotations: { summary: `${name} in ${labels.service ?? 'test'}` },
            startsAt: new Date(now - 1000).toISOString(), ...(ended ? { endsAt: new Date(now - 1).toISOString() } : {}),
        }]) });
        assert.ok(response.ok, await response.text());
    }
    /** The value of an expression that gives one; NaN: it gives none. */
    async value(query) {
        const { data } = await (await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query })}`)).json();
        return Number(data.result[0]?.value[1] ?? NaN);
    }
    /** Rates over this machine's metrics have something to go by. */
    async sampled(times) {
        await until(async () => (await this.value('min(count_over_time(node_cpu_seconds_total[1m]))')) >= times, `${times} samples of this machine`);
    }
    async acknowledged() {
        return (await (await fetch(`${this.url}/api/v1/acks`)).json());
    }
}

export let site, browser;

/** One server and one browser for all tests of a file. `data`: what people change is kept in its folder. */
export function onSite({ data = false } = {}) {
    before(async () => {
        site = new Site();
        if (data)
            site.flags.push('--data', site.folder);
        await site.start();
        browser = await launch();
    });
    after(async () => {
        await browser?.close();
        await site?.stop();
    });
}

/* What a shop would tell: enough for the wall to be about something. */
const COUNTRIES = ['DE', 'US', 'FR', 'BR', 'IN', 'JP', 'GB', 'ZA', 'AU', 'CA', 'PL', 'SE', 'MX', 'KR', 'IT', 'ES'];
const ACTIONS = ['view product', 'add to basket', 'search', 'login', 'checkout', 'pay', 'review'];

/** Feeds what the shipped dashboards know besides this host, once a second, until the returned function is called. */
export function feedShop(site) {
    let n = 0, busy = false;
    const totals = new Map();
    const count = (metric, labels, by) => {
        const key = metric + JSON.stringify(labels);
        totals.set(key, (totals.get(key) ?? 0) + by);
        return { metric, labels, value: totals.get(key) };
    };
    const beat = async () => {
        if (busy)
            return;
        busy = true;
        n++;
        const wave = 1 + 0.35 * Math.sin(n / 25) + 0.1 * Math.sin(n / 3);
        const samples = [];
        COUNTRIES.forEach((country_code, i) => samples.push(count('http_requests_total', { code: '200', country_code }, Math.round((160 / (i + 1)) * wave))));
        samples.push(count('http_requests_total', { code: '404' }, Math.round(6 * wave)), count('http_requests_total', { code: '503' }, n % 40 < 6 ? 4 : 1));
        for (const [le, share] of [['0.05', 0.45], ['0.1', 0.72], ['0.25', 0.93], ['0.5', 0.98], ['1', 0.997], ['+Inf', 1]])
            samples.push(count('http_request_duration_seconds_bucket', { le }, Math.round(500 * wave * (share === 1 ? 1 : share * (0.95 + 0.05 * Math.cos(n / 17))))));
        for (const [client, share] of [['web', 0.52], ['iOS', 0.27], ['Android', 0.18], ['API', 0.03]])
            samples.push({ metric: 'active_users', labels: { client }, value: Math.round(1840 * share * (1 + 0.1 * Math.sin(n / 40))) });
        ACTIONS.forEach((action, i) => samples.push(count('user_actions_total', { action, result: 'ok' }, Math.round((40 / (i + 1)) * wave)), count('user_actions_total', { action, result: 'failed' }, (n + i) % 9 === 0 ? 1 : 0)));
        for (let u = 0; u < 40; u++)
            samples.push({ metric: 'session_duration_seconds', labels: { user: `u${u}` }, value: 20 + ((u * 7919 + n) % 97) * 9 * Math.abs(Math.sin(u)) });
        await site.post(samples).catch(() => {});
        busy = false;
    };
    void beat();
    const timer = setInterval(beat, 1000);
    return () => clearInterval(timer);
}

const DEADLINE_MS = 60_000; /* reached only when something is broken */

/** A page that complains: exceptions and errors of the console go to `page.complaints`. */
export async function openPage(browser, options = {}) {
    const { theme, ...rest } = options;
    const context = await browser.newContext({ viewport: SIZES.desk, colorScheme: theme ?? 'dark', reducedMotion: 'reduce', serviceWorkers: 'block', ...rest });
    context.setDefaultTimeout(DEADLINE_MS);
    const page = await context.newPage();
    page.complaints = [];
    page.on('pageerror', (e) => page.complaints.push(`exception: ${e.message}`));
    page.on('console', (m) => m.type() === 'error' && page.complaints.push(`console: ${m.text()} ${m.location().url}`));
    return page;
}

/** What comes after the shell is there too: keys, pasting and dropping, the strip of a wall, the bar of a phone (extras.ts makes that last). */
export const equipped = (page) => page.locator('.phone-bar, .strip').waitFor({ state: 'attached', timeout: DEADLINE_MS });

/** As the page has it: page.url() hears of it later. */
export const address = (page) => page.evaluate(() => location.href);

/** Every panel in sight shows something, or says why not; the page does what it is asked. */
export async function settled(page) {
    await equipped(page);
    await page.waitForFunction(() => {
        const panels = [...document.querySelectorAll('.grid .panel')].filter((p) => !p.closest('.ahead'));
        return panels.length > 0 && panels.every((p) => {
            const b = p.getBoundingClientRect();
            return b.bottom < 0 || b.top > innerHeight || p.dataset.state !== 'loading';
        });
    }, null, { timeout: DEADLINE_MS });
    /* The state of a number may be known before its turn to be painted: a frame paints one panel at the least, every second one that is new. */
    await page.evaluate(() => new Promise((done) => {
        const near = [...document.querySelectorAll('.grid .panel')].map((p) => p.getBoundingClientRect()).filter((b) => b.bottom > -300 && b.top < innerHeight + 300);
        let frames = 2 * near.length + 2;
        const frame = () => (frames-- > 0 ? requestAnimationFrame(frame) : done());
        frame();
    }));
}

/** What each panel shows: ink on canvases, shapes, words; and what sticks out of it. */
export const inspectPanels = (page) => page.evaluate(() => [...document.querySelectorAll('.grid .panel')].filter((p) => !p.closest('.ahead')).map((p) => {
    let ink = 0;
    for (const canvas of p.querySelectorAll('canvas')) {
        if (!canvas.width || !canvas.height)
            continue;
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 3; i < data.length; i += 4)
            ink += data[i] > 20 ? 1 : 0;
    }
    const body = p.querySelector('.panel-body');
    return { title: p.querySelector('.panel-title')?.textContent ?? '', type: [...p.classList].find((c) => c.startsWith('panel-'))?.slice(6), state: p.dataset.state, ink,
        shapes: body.querySelectorAll('svg path, svg rect, svg circle').length, words: p.querySelector('.panel-frame').innerText.trim(), label: body.getAttribute('aria-label') ?? '' };
}));

/** Text that does not fit where it stands, in pixels; what may scroll or says so with "…" on purpose is left out. */
export const clipped = (page, scope = 'body') => page.evaluate((root) => {
    const out = [];
    const walker = document.createTreeWalker(document.querySelector(root), NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const element = node.parentElement;
        if (!node.textContent.trim() || element.closest('.sr-only, [hidden], .ahead, script, style, noscript, dialog:not([open])') || !element.checkVisibility?.({ checkVisibilityCSS: true, checkOpacity: true }))
            continue;
        const range = document.createRange();
        range.selectNodeContents(node);
        const box = range.getBoundingClientRect();
        if (!box.width || !box.height)
            continue;
        for (let host = element; host && host !== document.documentElement; host = host.parentElement) {
            const style = getComputedStyle(host);
            if (style.overflowX === 'visible' && style.overflowY === 'visible')
                continue;
            if (/auto|scroll/.test(style.overflowY + style.overflowX))
                break;
            const b = host.getBoundingClientRect();
            const dx = Math.max(b.left - box.left, box.right - b.right), dy = Math.max(b.top - box.top, box.bottom - b.bottom);
            if ((dx > 1 && style.textOverflow !== 'ellipsis') || dy > box.height * 0.25)
                out.push(`"${node.textContent.trim().slice(0, 40)}" by ${Math.round(dx)} × ${Math.round(dy)} in ${host.className || host.tagName}`);
            break;
        }
    }
    return out;
}, scope);

/** Words of axe's complaints; none: fine. */
export async function axe(page, scope = 'body') {
    await page.evaluate(axeSource);
    const found = await page.evaluate((s) => globalThis.axe.run(s, { resultTypes: ['violations'] }), scope);
    return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 5).map((n) => `${n.target.join(' ')} (${n.any[0]?.message ?? n.failureSummary ?? ''})`).join(' | ')}`);
}

export async function shot(page, name, options = {}) {
    if (!process.env.SHOTS)
        return;
    mkdirSync(process.env.SHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), ...options });
}
