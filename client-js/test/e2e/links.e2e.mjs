/* links.e2e.mjs - the links of mail and chat, /#/alerts/<fingerprint>, on the real server: the alert is in view and focused, whatever
 * became of it, and the address is clean afterwards.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { BINARY } from '../lib/server.mjs';
import { address, axe, launch, openPage, settled, shot, Site, SIZES, until } from '../lib/site.mjs';

let site, browser;
const fingerprints = {};

before(async () => {
    site = new Site();
    site.flags.push('--data', join(site.folder, 'data'));
    await site.start();
    for (const [name, severity] of [['QueueLong', 'warning'], ['DiskFull', 'critical'], ['BatchLate', 'warning'], ['CacheCold', 'info']])
        await site.alert(name, severity, { service: 'shop' });
    for (const alert of await until(async () => {
        const all = await (await fetch(`${site.url}/api/v2/alerts`)).json();
        return all.length >= 4 && all;
    }, 'four alerts'))
        fingerprints[alert.labels.alertname] = alert.fingerprint;
    await site.alert('BatchLate', 'warning', { service: 'shop', ended: true });
    await until(async () => (await (await fetch(`${site.url}/api/v1/notifications`)).json()).notifications.some((n) => n.notification.status === 'resolved'), 'the end of BatchLate');
    const answer = await fetch(`${site.url}/api/v2/silences`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({
        matchers: [{ name: 'alertname', value: 'CacheCold', isRegex: false, isEqual: true }], startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString(), createdBy: 'ann', comment: 'known',
    }) });
    assert.ok(answer.ok, await answer.text());
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await site?.stop();
});

const link = (name) => `${site.url}/#/alerts/${fingerprints[name] ?? name}`;
const entry = (page) => page.locator('.notes .note.linked');
const inView = (locator) => locator.evaluate((e) => {
    const b = e.getBoundingClientRect();
    return b.width > 0 && b.top >= 0 && b.bottom <= innerHeight && b.left >= 0 && b.right <= innerWidth;
});

for (const size of ['desk', 'phone'])
    test(`what fires is in view and focused: ${size}`, async () => {
        const page = await openPage(browser, { viewport: SIZES[size] });
        await page.goto(link('QueueLong'));
        await entry(page).filter({ hasText: 'QueueLong' }).waitFor();
        await page.waitForFunction(() => document.activeElement?.classList.contains('linked'));
        await settled(page);
        assert.ok(await inView(entry(page)));
        assert.ok(await page.evaluate(() => document.activeElement?.classList.contains('linked')), 'the page that came later leaves the focus');
        assert.equal(await entry(page).getAttribute('data-status'), 'warning');
        assert.equal(await address(page), `${site.url}/`);
        assert.deepEqual(await axe(page, '.notes'), []);
        await shot(page, `link-${size}`);
        await page.keyboard.press('Tab'); /* its button is next */
        await page.keyboard.press('Escape');
        await entry(page).waitFor({ state: 'detached' });
        assert.deepEqual(page.complaints, []);
        await page.context().close();
    });

test('what has resolved says so, with what is known of it', async () => {
    const page = await openPage(browser);
    await page.goto(link('BatchLate'));
    await page.locator('.note-said', { hasText: 'This alert has resolved.' }).waitFor();
    await entry(page).filter({ hasText: 'BatchLate' }).and(page.locator('[data-status="ok"]')).waitFor();
    await page.waitForFunction(() => document.activeElement?.classList.contains('linked'));
    assert.equal(await address(page), `${site.url}/`);
    assert.deepEqual(await axe(page, '.notes'), []);
    await page.context().close();
});

test('one that is silenced says so; nobody has heard of another', async () => {
    const page = await openPage(browser);
    await page.goto(link('CacheCold'));
    await page.locator('.note-said', { hasText: 'This alert is silenced.' }).waitFor();
    await page.evaluate(() => location.assign('#/alerts/0123456789abcdef'));
    await page.locator('.note-said', { hasText: 'This alert does not fire any more.' }).waitFor();
    await page.waitForFunction(() => document.activeElement?.classList.contains('note-said'));
    assert.equal(await entry(page).count(), 0);
    assert.equal(await address(page), `${site.url}/`);
    await page.evaluate(() => location.assign('#/alerts/%3Cb%3E'));
    await page.waitForFunction(() => location.hash === '');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('while it is looked at it resolves', async () => {
    const page = await openPage(browser);
    await page.goto(link('DiskFull'));
    await entry(page).filter({ hasText: 'DiskFull' }).and(page.locator('[data-status="critical"]')).waitFor();
    await site.alert('DiskFull', 'critical', { service: 'shop', ended: true });
    await page.locator('.note-said', { hasText: 'This alert has resolved.' }).waitFor();
    await entry(page).and(page.locator('[data-status="ok"]')).waitFor();
    await page.context().close();
});

test('whoever has to sign in first is led there afterwards', async (t) => {
    const made = execFileSync(BINARY, ['token'], { encoding: 'utf8' });
    const token = /^token: *(\S+)/m.exec(made)[1], hash = /^hash: *(\S+)/m.exec(made)[1];
    const guarded = new Site();
    t.after(() => guarded.stop());
    const config = join(guarded.folder, 'guarded.yml');
    writeFileSync(config, `auth: {tokens: [{name: ann, hash: "${hash}", rights: [read]}]}\n`);
    guarded.flags.push('--config', config);
    await guarded.start();
    const page = await openPage(browser);
    await page.goto(`${guarded.url}/#/alerts/0123456789abcdef`);
    await page.locator('.note-said', { hasText: 'cannot be looked up' }).waitFor();
    assert.equal(new URL(await address(page)).hash, '#/alerts/0123456789abcdef');
    await page.locator('input[name=token]').first().fill(token);
    await page.keyboard.press('Enter');
    await page.locator('.note-said', { hasText: 'This alert does not fire any more.' }).waitFor();
    assert.equal(await address(page), `${guarded.url}/`);
    await page.context().close();
});
