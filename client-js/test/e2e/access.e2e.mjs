/* access.e2e.mjs - without a mouse, and without colours. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BINARY } from '../lib/server.mjs';
import { address, browser, onSite, openPage, settled, shot, Site, site, until } from '../lib/site.mjs';

onSite({ data: true });

test('by keyboard alone: down into a panel\'s dashboard and up again, and acknowledged', async () => {
    const page = await openPage(browser);
    await page.goto(site.url);
    await settled(page);
    await page.keyboard.press('ArrowRight'); /* the first panel */
    assert.match(await page.evaluate(() => document.activeElement.querySelector('.panel-title')?.textContent ?? ''), /CPU busy/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/d/node-detail*');
    await settled(page);
    assert.equal(await page.evaluate(() => new URLSearchParams(location.search).get('var-instance') !== ''), true, 'variables go along');
    await page.keyboard.press('Backspace');
    await page.waitForURL((url) => !url.pathname.includes('node-detail'));
    await settled(page);
    await site.alert('ByKeyboard', 'critical');
    await page.locator('.toast', { hasText: 'ByKeyboard' }).waitFor();
    await page.keyboard.press('a');
    await until(async () => (await (await fetch(`${site.url}/api/summary`)).json()).alerts.critical.acknowledged === 1, 'the server knows');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

/* A dashboard with one number in each state. */
const STATES = { ok: 'green', info: 'blue', warning: 'yellow', critical: 'red', maintenance: 'purple' };
const board = {
    uid: 'states', title: 'States', tags: [], panels: Object.entries(STATES).map(([name, color], i) => ({
        id: i + 1, type: 'stat', title: name, gridPos: { x: 4 * i, y: 0, w: 4, h: 6 }, targets: [{ refId: 'A', expr: 'vector(7)' }], options: { graphMode: 'none' },
        fieldConfig: { defaults: { color: { mode: 'thresholds' }, thresholds: { mode: 'absolute', steps: [{ color: 'text', value: null }, { color, value: 1 }] } }, overrides: [] },
    })),
};

/** Silhouettes: what differs from the ground, 32 × 32. */
async function silhouettes(page, painter) {
    const out = {};
    for (const name of Object.keys(STATES)) {
        const png = await page.locator('.panel', { has: page.locator('.panel-title', { hasText: new RegExp(`^${name}$`) }) }).locator('.stat-state .glyph').screenshot();
        out[name] = await painter.evaluate(async (data) => {
            const image = await createImageBitmap(await (await fetch(data)).blob());
            const canvas = new OffscreenCanvas(32, 32), c = canvas.getContext('2d');
            c.drawImage(image, 0, 0, 32, 32);
            const { data: px } = c.getImageData(0, 0, 32, 32);
            const grey = Array.from({ length: 1024 }, (_, i) => 0.2126 * px[4 * i] + 0.7152 * px[4 * i + 1] + 0.0722 * px[4 * i + 2]);
            return grey.map((v) => (Math.abs(v - grey[0]) > 20 ? 1 : 0) /* a corner is ground in every one of them */);
        }, `data:image/png;base64,${png.toString('base64')}`);
    }
    return out;
}

test('states are told apart by shape, with every kind of colour vision and with none', async () => {
    await fetch(`${site.url}/api/v1/dashboards/states`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(board) });
    const painter = await browser.newPage();
    let least = Infinity;
    for (const theme of ['dark', 'light']) {
        const page = await openPage(browser, { theme, deviceScaleFactor: 2 });
        await page.goto(`${site.url}/d/states`);
        await settled(page);
        await page.locator('.stat-state .glyph').nth(4).waitFor();
        const session = await page.context().newCDPSession(page);
        for (const type of ['none', 'protanopia', 'deuteranopia', 'tritanopia', 'achromatopsia']) {
            await session.send('Emulation.setEmulatedVisionDeficiency', { type });
            const all = Object.entries(await silhouettes(page, painter));
            await shot(page, `vision-${type}-${theme}`);
            for (const [i, [a, x]] of all.entries())
                for (const [b, y] of all.slice(i + 1)) {
                    const differs = x.filter((v, k) => v !== y[k]).length / x.length;
                    least = Math.min(least, differs);
                    assert.ok(differs > 0.06, `${a} looks like ${b} with ${type}, ${theme}: ${(100 * differs).toFixed(1)} % of the pixels differ`);
                }
        }
        await page.context().close();
    }
    console.log(`goal 11: least difference of two states' silhouettes, any vision, both themes: ${(100 * least).toFixed(1)} % of the pixels (6)`);
});

test('a link with a token opens a display once; the token is out of sight and out of reach afterwards', async (t) => {
    const made = execFileSync(BINARY, ['token'], { encoding: 'utf8' });
    const token = /^token: *(\S+)/m.exec(made)[1], hash = /^hash: *(\S+)/m.exec(made)[1];
    const guarded = new Site();
    t.after(() => guarded.stop());
    const config = join(guarded.folder, 'guarded.yml');
    writeFileSync(config, `auth: {tokens: [{name: wall, hash: "${hash}", rights: [read]}]}\n`);
    guarded.flags.push('--config', config);
    await guarded.start();
    const page = await openPage(browser);
    await page.goto(`${guarded.url}/d/streamgauge`);
    await page.getByRole('button', { name: /sign in/i }).first().waitFor();
    await page.goto(`${guarded.url}/d/streamgauge?kiosk#token=${token}`);
    await page.waitForFunction(() => document.querySelectorAll('.panel[data-state="live"]').length > 10);
    assert.equal(await address(page), `${guarded.url}/d/streamgauge?kiosk`);
    assert.equal(await page.evaluate(() => document.cookie), '', 'scripts cannot read it');
    const [cookie] = await page.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
    await page.context().close();
});
