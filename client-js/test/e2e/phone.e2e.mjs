/* phone.e2e.mjs - a small screen with a thumb: order, sizes, sheets, gestures. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axe, browser, clipped, onSite, openPage, settled, SHIPPED, shot, site, SIZES, until } from '../lib/site.mjs';

onSite();

const open = async (path, theme = 'dark') => {
    const page = await openPage(browser, { viewport: SIZES.phone, deviceScaleFactor: 2, hasTouch: true, isMobile: true, theme });
    await page.goto(site.url + path);
    await settled(page);
    return page;
};

/** Takes a tenth of a second by the events' own times, however long the machine takes; begins where a finger that rests does nothing. */
async function swipe(page, dx) {
    const session = await page.context().newCDPSession(page);
    const x = dx < 0 ? 320 : 60, began = Date.now() / 1000 - 0.2;
    const y = await page.evaluate((left) => Array.from({ length: 50 }, (_, i) => 100 + 10 * i).find((top) => {
        const at = document.elementFromPoint(left, top);
        return at?.closest('main .panel') && !at.closest('.u-over, canvas, a, button, .panel-table, .panel-flamegraph, .panel-geomap');
    }), x);
    const touch = (type, i, touchPoints) => session.send('Input.dispatchTouchEvent', { type, touchPoints, timestamp: began + i / 50 });
    await touch('touchStart', 0, [{ x, y }]);
    for (let i = 1; i <= 5; i++)
        await touch('touchMove', i, [{ x: x + (dx * i) / 5, y }]);
    await touch('touchEnd', 5, []);
}

for (const theme of ['dark', 'light'])
    describe(`${theme} theme`, () => {
        for (const uid of SHIPPED)
            test(uid, async () => {
                const page = await open(`/d/${uid}`, theme);
                await shot(page, `phone-${uid}-${theme}`);
                assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out sideways');
                assert.deepEqual(await clipped(page), [], 'text is cut off');
                const order = await page.evaluate(() => [...document.querySelectorAll('.phone-status, .section:first-child .panel')].map((e) => ({ top: e.getBoundingClientRect().top, what: e.className })).sort((a, b) => a.top - b.top).map((e) => e.what));
                assert.match(order[0], /phone-status/, 'the state comes first');
                const kinds = order.slice(1).map((c) => (/panel-(stat|gauge)\b/.test(c) ? 0 : /panel-alertlist/.test(c) ? 1 : /panel-logs/.test(c) ? 3 : 2));
                assert.deepEqual(kinds, [...kinds].sort((a, b) => a - b), 'numbers, then alerts, then charts, then the stream');
                const small = await page.evaluate(() => [...document.querySelectorAll('.phone-bar button, .phone-status button')].filter((b) => b.getBoundingClientRect().height < 48).length);
                assert.equal(small, 0, 'what the thumb presses is 48 px');
                assert.deepEqual(await axe(page), []);
                assert.deepEqual(page.complaints, []);
                await page.context().close();
            });
    });

test('an alert opens a sheet; a large button acknowledges it for everybody', async () => {
    const page = await open('/');
    await site.alert('PhoneAlert', 'critical', { service: 'shop' });
    const row = page.locator('.phone-status li button', { hasText: 'PhoneAlert' });
    await row.waitFor();
    await shot(page, 'phone-alert');
    await row.tap();
    const sheet = page.locator('dialog.sheet');
    const button = sheet.getByRole('button', { name: 'Acknowledge' });
    assert.ok((await button.boundingBox()).height >= 48);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'phone-sheet');
    await button.tap();
    await sheet.waitFor({ state: 'detached' });
    await until(async () => JSON.stringify(await site.acknowledged()).includes('PhoneAlert') || (await (await fetch(`${site.url}/api/summary`)).json()).alerts.critical.acknowledged === 1, 'the server knows');
    await row.waitFor({ state: 'detached' });
    assert.equal(await page.locator('.phone-status').getAttribute('data-alerts'), 'acknowledged');
    await page.context().close();
});

test('the bar at the bottom: settings change the theme, dashboards lead to the list', async () => {
    const page = await open('/');
    await page.getByRole('navigation', { name: 'Phone' }).getByRole('button', { name: 'Settings' }).tap();
    await page.getByRole('radio', { name: 'Light' }).tap();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
    assert.deepEqual(await axe(page), []);
    await shot(page, 'phone-settings');
    await page.getByRole('button', { name: 'Close' }).tap();
    await page.getByRole('navigation', { name: 'Phone' }).getByRole('button', { name: 'Dashboards' }).tap();
    await page.getByRole('link', { name: 'Node detail' }).first().waitFor();
    await page.context().close();
});

test('a swipe goes to the next dashboard, and back', async () => {
    const page = await open('/');
    const title = async () => (await page.title()).replace(/^\(\d+\) /, ''); /* without what fires */
    const first = await title();
    await swipe(page, -200);
    await until(async () => (await title()) !== first, 'another dashboard');
    await settled(page);
    await swipe(page, 200);
    await until(async () => (await title()) === first, 'the first one');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('a page scrolls over charts; a finger that rests moves the crosshair', async () => {
    const page = await open('/');
    const chart = page.locator('.panel-timeseries .u-over').first();
    await chart.scrollIntoViewIfNeeded();
    assert.equal(await page.locator('.panel-timeseries canvas').first().evaluate((e) => getComputedStyle(e).touchAction), 'pan-y');
    const box = await chart.boundingBox();
    const session = await page.context().newCDPSession(page);
    await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: box.x + box.width / 2, y: box.y + box.height / 2 }] });
    await page.waitForFunction(() => document.documentElement.classList.contains('holding'));
    await session.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: [{ x: box.x + box.width / 2 + 30, y: box.y + box.height / 2 }] });
    await until(() => page.evaluate(() => [...document.querySelectorAll('.u-cursor-x')].some((e) => e.getBoundingClientRect().x > 0 && !e.classList.contains('u-off'))), 'a crosshair');
    await shot(page, 'phone-crosshair');
    await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await page.waitForFunction(() => !document.documentElement.classList.contains('holding'));
    await page.context().close();
});
