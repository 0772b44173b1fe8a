/* offline.e2e.mjs - the service worker: the last thing seen when the server is away, and a new build. */
import assert from 'node:assert/strict';
import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { browser, inspectPanels, onSite, openPage, settled, shot, site, until } from '../lib/site.mjs';

onSite();

const controlled = (page) => page.waitForFunction(() => navigator.serviceWorker.controller !== null, null, { timeout: 60_000 });

test('installs: a manifest with icons that are there, a worker that has the page', async () => {
    const page = await openPage(browser, { serviceWorkers: 'allow' });
    await page.goto(site.url);
    const { name, icons, start_url } = await (await fetch(site.url + (await page.locator('link[rel="manifest"]').getAttribute('href')))).json();
    assert.equal(name, 'streamgauge');
    assert.equal((await fetch(new URL(start_url, site.url))).status, 200);
    for (const icon of icons) {
        const answer = await fetch(site.url + icon.src);
        assert.equal(answer.status, 200, icon.src);
        assert.equal(answer.headers.get('content-type'), icon.type);
    }
    const session = await page.context().newCDPSession(page);
    const { errors } = await session.send('Page.getAppManifest');
    assert.deepEqual(errors, []);
    await controlled(page);
    await page.context().close();
});

test('loaded again without a server: what was seen last, as old, with its age', async () => {
    const page = await openPage(browser, { serviceWorkers: 'allow' });
    await page.goto(`${site.url}/d/host-overview`);
    await settled(page);
    await controlled(page);
    await page.reload(); /* the documents of dashboards go into the cache the second time */
    await settled(page);
    await page.waitForTimeout(4000);
    const seen = await page.locator('.panel-stat', { hasText: 'Memory used' }).locator('.panel-body').innerText();
    assert.match(seen, /\d/);
    await page.goto(`${site.url}/d/streamgauge`); /* left well before the half minute of regular keeping */
    await settled(page);
    await site.kill();

    await page.goto(`${site.url}/d/host-overview`);
    const from = Date.now();
    await page.locator('.panel[data-state="stale"]').first().waitFor();
    console.log(`goal 14: offline reload → last data ${Date.now() - from} ms (1000)`);
    await shot(page, 'offline');
    await page.locator('.banner', { hasText: /DISCONNECTED · data from \d\d:\d\d:\d\d/ }).waitFor(); /* "no data yet" until what was kept is read */
    /* A frame paints a few panels only: one after the other they are old. */
    await until(async () => (await inspectPanels(page)).some((p) => p.title === 'Memory used' && p.state === 'stale' && /\d/.test(p.words)), 'the panel is old, and the value there');
    await until(async () => (await inspectPanels(page)).some((p) => p.type === 'timeseries' && p.ink > 500), 'lines are there');

    await site.start();
    await until(async () => (await page.locator('.banner').isVisible()) === false, 'the page lives again');
    await until(async () => (await page.locator('.panel[data-state="stale"]').count()) === 0, 'nothing is old');
    await page.context().close();
});

/** What stands before the server and gives out another worker, as a new build would. */
async function front() {
    const server = createServer((request, answer) => {
        const asked = ask(site.url + request.url, { method: request.method, headers: { ...request.headers, host: new URL(site.url).host, 'accept-encoding': 'identity' } }, (got) => {
            const other = own.newer && request.url === '/sw.js';
            const headers = { ...got.headers };
            delete headers['content-length'];
            delete headers.etag;
            answer.writeHead(got.statusCode, headers);
            got.on('data', (d) => answer.write(d));
            got.on('end', () => answer.end(other ? '\n/* newer */' : ''));
        });
        asked.on('error', () => answer.destroy());
        request.pipe(asked);
    });
    server.on('upgrade', (request, socket, head) => {
        const through = connect(site.port, '127.0.0.1', () => {
            const lines = [`GET ${request.url} HTTP/1.1`, ...Object.entries({ ...request.headers, host: new URL(site.url).host, origin: site.url }).map(([k, v]) => `${k}: ${v}`)];
            through.write(`${lines.join('\r\n')}\r\n\r\n`);
            through.write(head);
            socket.pipe(through).pipe(socket);
        });
        for (const [a, b] of [[socket, through], [through, socket]])
            a.on('error', () => b.destroy()).on('close', () => b.destroy());
    });
    const own = { newer: false, close: () => (server.close(), server.closeAllConnections()) };
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    own.url = `http://127.0.0.1:${server.address().port}`;
    return own;
}

test('a new build: a page says so and stays; a wall takes it when it is quiet', async (t) => {
    const before = await front();
    t.after(() => before.close());
    const page = await openPage(browser, { serviceWorkers: 'allow' });
    await page.goto(before.url);
    await controlled(page);
    const wall = await page.context().newPage();
    await wall.goto(`${before.url}/d/operations-command-center?kiosk`);
    await settled(wall);
    for (const p of [page, wall])
        await p.evaluate(() => (globalThis.before = true));
    before.newer = true;
    await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
    await page.locator('.toast', { hasText: 'new version' }).waitFor();
    await shot(page, 'new-version');
    assert.equal(await page.evaluate(() => globalThis.before), true, 'nobody is interrupted');
    await until(() => wall.evaluate(() => globalThis.before === undefined).catch(() => false), 'the wall is another');
    await settled(wall);
    assert.equal(await page.evaluate(() => globalThis.before), true, 'nobody is interrupted');
    await page.context().close();
});
