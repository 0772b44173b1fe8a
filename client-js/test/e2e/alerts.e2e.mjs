/* alerts.e2e.mjs - the panels of alerts and events on the real server: what fires is listed, taken on by a press or a key, silenced by
 * others, over again; and each of it is an event.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axe, launch, openPage, settled, shot, Site } from '../lib/site.mjs';

const DASHBOARD = { uid: 'on-call', title: 'On call', panels: [
    { id: 1, type: 'alertlist', title: 'Alerts', gridPos: { x: 0, y: 0, w: 12, h: 12 }, options: { maxItems: 20, sortOrder: 1 } },
    { id: 2, type: 'logs', title: 'Events', gridPos: { x: 12, y: 0, w: 12, h: 12 }, options: { showTime: true }, targets: [{ refId: 'A', datasource: { type: 'loki' }, expr: '{app="shop"}' }] },
    { id: 3, type: 'alertlist', title: 'Only payments', gridPos: { x: 0, y: 12, w: 12, h: 6 }, options: { alertInstanceLabelFilter: '{service="payments"}' } },
] };
let site, browser, page;

before(async () => {
    site = new Site();
    site.flags.push('--data', join(site.folder, 'data'));
    await site.start();
    const answer = await fetch(`${site.url}/api/v1/dashboards/on-call`, { method: 'PUT', body: JSON.stringify(DASHBOARD), headers: { 'content-type': 'application/json' } });
    assert.ok(answer.ok, await answer.text());
    browser = await launch();
    page = await openPage(browser);
    await page.goto(`${site.url}/d/on-call`);
    await settled(page);
});
after(async () => {
    await browser?.close();
    await site?.stop();
});

const panel = (title) => page.locator('.panel', { has: page.getByRole('heading', { name: title, exact: true }) });
const row = (title, from = 'Alerts') => panel(from).locator('.al-row:visible', { hasText: title });
const state = (locator, value) => locator.and(page.locator(`[data-status="${value}"]`)).waitFor();

test('nothing fires, nothing has happened, and both say so', async () => {
    await panel('Alerts').getByText('No alert fires').waitFor();
    await panel('Events').getByText('No event yet').waitFor();
    await panel('Events').getByText(/loki is not asked/).waitFor();
});

test('alerts appear by themselves, the worst first, and are events', async () => {
    await site.alert('QueueLong', 'warning', { service: 'mail' });
    await row('QueueLong').waitFor();
    await site.alert('PaymentsDown', 'critical', { service: 'payments' });
    await row('PaymentsDown').waitFor();
    assert.deepEqual(await panel('Alerts').locator('.al-row:visible').evaluateAll((rows) => rows.map((r) => r.dataset.status)), ['critical', 'warning']);
    await panel('Events').locator('.lg-row', { hasText: 'PaymentsDown' }).waitFor();
    await panel('Events').locator('.lg-row', { hasText: 'QueueLong' }).waitFor();
});

test('a panel for one service lists only its own', async () => {
    await row('PaymentsDown', 'Only payments').waitFor();
    assert.equal(await row('QueueLong', 'Only payments').count(), 0);
});

test('a press acknowledges: the server knows, every list and the events tell', async () => {
    assert.deepEqual((await site.acknowledged()).acks ?? [], []);
    await row('PaymentsDown').getByRole('button', { name: /Ack/ }).click();
    await state(row('PaymentsDown'), 'acknowledged');
    await state(row('PaymentsDown', 'Only payments'), 'acknowledged');
    const acks = JSON.stringify(await site.acknowledged());
    const [alert] = (await (await fetch(`${site.url}/api/v2/alerts?filter=alertname=PaymentsDown`)).json());
    assert.ok(acks.includes(alert.fingerprint), acks);
    assert.ok(alert.acknowledgement, JSON.stringify(alert));
    assert.equal(await row('PaymentsDown').getByRole('button', { name: /^Ack/ }).count(), 0);
    await panel('Events').locator('.lg-row', { hasText: 'ACK' }).filter({ hasText: 'PaymentsDown' }).first().waitFor();
});

test('by keyboard alone; what comes into its place is not acknowledged instead', async () => {
    await row('QueueLong').getByRole('button', { name: /^Ack/ }).focus();
    await site.alert('QueueFailed', 'critical', { service: 'mail' });
    await row('QueueFailed').waitFor();
    await page.keyboard.press('Enter');
    await state(row('QueueLong'), 'acknowledged');
    await state(row('QueueFailed'), 'critical');
});

test('what another has taken on, or silenced, is told within seconds', async () => {
    await site.alert('DiskFull', 'critical', { service: 'db' });
    await row('DiskFull').waitFor();
    const answer = await fetch(`${site.url}/api/v2/silences`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({
        matchers: [{ name: 'alertname', value: 'DiskFull', isRegex: false, isEqual: true }], startsAt: new Date().toISOString(), endsAt: new Date(Date.now() + 3_600_000).toISOString(), createdBy: 'ann', comment: 'new disk is on its way',
    }) });
    assert.ok(answer.ok, await answer.text());
    await state(row('DiskFull'), 'maintenance');
});

test('in both themes; nobody is shut out', async () => {
    for (const theme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme: theme });
        await page.waitForFunction((name) => document.documentElement.dataset.theme === name, theme);
        assert.deepEqual(await axe(page), []);
        await shot(page, `alerts-${theme}`);
    }
    assert.deepEqual(page.complaints, []);
});

test('what is over leaves the list and is an event', async () => {
    await site.alert('QueueLong', 'warning', { service: 'mail', ended: true });
    await row('QueueLong').waitFor({ state: 'detached' }).catch(() => row('QueueLong').waitFor({ state: 'hidden' }));
    await panel('Events').locator('.lg-row', { hasText: 'OK' }).filter({ hasText: 'QueueLong' }).first().waitFor();
});
