/* dashboards.e2e.mjs - what is shipped, as it is after a fresh start: every panel shows something or says why not, nothing sticks out,
 * nobody is shut out.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { axe, browser, clipped, feedShop, inspectPanels, onSite, openPage, settled, SHIPPED, shot, site, SIZES } from '../lib/site.mjs';

let stop;

after(() => stop?.());
onSite();

/* In sight one after the other: what is out of sight paints nothing. */
async function wander(page) {
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    for (let y = 0; y < height; y += 600) {
        await page.evaluate((top) => scrollTo(0, top), y);
        await settled(page);
    }
    await page.evaluate(() => scrollTo(0, 0));
}

async function check(page, name) {
    await settled(page);
    await wander(page);
    for (const p of await inspectPanels(page)) {
        const where = `${name}: "${p.title}" (${p.type})`;
        assert.ok(p.ink > 150 || p.shapes > 0 || p.words.length > 0, `${where} is blank`);
        if (p.state === 'empty' || p.state === 'error')
            assert.match(p.words, /\w{3,}.*\w{3,}/s, `${where} says why it is empty`);
        assert.notEqual(p.state, 'error', `${where}: ${p.words}`);
        assert.doesNotMatch(`${p.words} ${p.label}`, /undefined|\[object|NaN%/, where);
    }
    assert.deepEqual(page.complaints, [], name);
}

for (const theme of ['dark', 'light']) {
    describe(`${theme}, on a fresh start`, () => {
        for (const uid of SHIPPED) {
            test(uid, async () => {
                const page = await openPage(browser, { theme });
                await page.goto(`${site.url}/d/${uid}`);
                await check(page, `${uid} ${theme}`);
                assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, 'nothing sticks out sideways');
                assert.deepEqual(await clipped(page), [], 'text is cut off');
                assert.deepEqual(await axe(page), []);
                await shot(page, `${uid}-${theme}`, { fullPage: true });
                await page.context().close();
            });
        }
    });
}

test('the first address shows this host, live', async () => {
    const page = await openPage(browser);
    await page.goto(site.url);
    await settled(page);
    assert.match(await page.title(), /Host overview/);
    const value = page.locator('.panel-stat', { hasText: 'CPU busy' }).locator('.panel-body');
    assert.match(await value.innerText(), /\d/);
    await page.context().close();
});

test('the list of dashboards, in both themes', async () => {
    for (const theme of ['dark', 'light']) {
        const page = await openPage(browser, { theme });
        await page.goto(`${site.url}/dashboards`);
        await page.getByRole('link', { name: 'Host overview' }).first().waitFor();
        for (const title of ['Node detail', 'Operations Command Center', 'User Activity Stream'])
            assert.ok(await page.getByRole('link', { name: title }).count() > 0, title);
        assert.deepEqual(await axe(page), []);
        assert.deepEqual(page.complaints, []);
        await shot(page, `list-${theme}`);
        await page.context().close();
    }
});

test('a dashboard that is not there says so', async () => {
    const page = await openPage(browser);
    await page.goto(`${site.url}/d/nothing-like-that`);
    await page.getByText('No such dashboard').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.context().close();
});

test('dashboards about a shop, once there is one', async () => {
    stop = feedShop(site);
    await site.alert('CheckoutSlow', 'warning', { service: 'checkout' });
    await site.alert('PaymentsDown', 'critical', { service: 'payments' });
    for (const theme of ['dark', 'light'])
        for (const uid of ['operations-command-center', 'user-activity-stream']) {
            const page = await openPage(browser, { theme, viewport: SIZES.hd });
            await page.goto(`${site.url}/d/${uid}`);
            await page.getByText('requests/s', { exact: false }).or(page.getByText('Active users')).first().waitFor();
            await check(page, uid);
            assert.deepEqual(await axe(page), []);
            await shot(page, `shop-${uid}-${theme}`);
            await page.context().close();
        }
});
