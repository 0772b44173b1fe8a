/* centre.e2e.mjs - the notification centre: what can be done about an alert from there, by service, and Web Push switched on and off.
 * The push service itself is not reached: the browser's side of it is played.
 */
import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { axe, launch, openPage, settled, shot, Site, SIZES, until } from '../lib/site.mjs';

let site, browser;

before(async () => {
    site = new Site();
    site.flags.push('--data', site.folder);
    await site.start();
    for (const [name, severity, service] of [['PaymentsDown', 'critical', 'payments'], ['QueueLong', 'warning', 'mail'], ['CardsSlow', 'warning', 'payments']])
        await site.alert(name, severity, { service });
    browser = await launch();
});
after(async () => {
    await browser?.close();
    await site?.stop();
});

async function centre(options) {
    const page = await openPage(browser, options);
    await page.goto(site.url);
    await settled(page);
    await page.locator('.bell').click();
    await page.locator('.notes .note', { hasText: 'QueueLong' }).waitFor();
    return page;
}

const note = (page, title) => page.locator('.notes .note', { hasText: title });
const json = async (path) => (await fetch(site.url + path)).json();

test('by service: each with its alerts', async () => {
    const page = await centre();
    await page.getByRole('button', { name: 'By service' }).click();
    for (const group of ['mail · 1', 'payments · 2']) /* they come one by one */
        await page.locator('.notes-group', { hasText: group }).waitFor();
    const lines = await page.locator('.notes-group, .note-title').allInnerTexts();
    const groups = lines.join('\n').split(/\n(?=payments · |mail · )/).map((g) => g.replace(/(CRIT|WARN|ACK) /g, '')).sort();
    assert.match(groups[0], /^mail · 1\n.*QueueLong/);
    assert.match(groups[1], /^payments · 2\n.*(PaymentsDown.*\n.*CardsSlow|CardsSlow.*\n.*PaymentsDown)/);
    assert.deepEqual(await axe(page, '.notes'), []);
    await shot(page, 'centre-services');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('silenced for an hour, by its labels', async () => {
    const page = await centre();
    await note(page, 'QueueLong').getByRole('button', { name: 'Silence 1 h' }).click();
    await note(page, 'QueueLong').getByRole('button', { name: 'Silenced' }).waitFor();
    const [silence, ...more] = await json('/api/v2/silences');
    assert.equal(more.length, 0);
    assert.deepEqual(silence.matchers.map((m) => `${m.name}=${m.value}`).sort(), ['alertname=QueueLong', 'service=mail', 'severity=warning']);
    assert.ok(silence.matchers.every((m) => m.isEqual && !m.isRegex));
    assert.equal(Math.round((Date.parse(silence.endsAt) - Date.parse(silence.startsAt)) / 60_000), 60);
    await until(async () => (await json('/api/v2/alerts')).find((a) => a.labels.alertname === 'QueueLong').status.state === 'suppressed', 'the server keeps it back');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('a runbook is one press away; addresses that are no web are not', async () => {
    await fetch(`${site.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{
        labels: { alertname: 'WithRunbook', severity: 'info', service: 'mail' }, startsAt: new Date(Date.now() - 1000).toISOString(),
        annotations: { summary: 'WithRunbook', runbook_url: 'https://example.org/runbook', dashboard_url: 'javascript:alert(1)' },
    }]) });
    const page = await centre();
    assert.equal(await note(page, 'WithRunbook').getByRole('link', { name: 'Runbook', exact: true }).getAttribute('href'), 'https://example.org/runbook');
    assert.equal(await note(page, 'WithRunbook').getByRole('link', { name: 'Dashboard', exact: true }).count(), 0);
    await page.context().close();
});

test('what is chosen stays: muted hours here, sound on a phone', async () => {
    const page = await centre();
    await page.getByRole('switch', { name: /Only critical from/ }).click();
    await page.reload();
    await page.locator('.bell').click();
    await page.getByRole('switch', { name: /Only critical from/, checked: true }).waitFor();
    await page.context().close();
    const phone = await openPage(browser, { viewport: SIZES.phone });
    await phone.goto(site.url);
    const settings = phone.getByRole('navigation', { name: 'Phone' }).getByRole('button', { name: 'Settings' });
    await settings.click();
    await phone.getByRole('checkbox', { name: 'Sound for alerts' }).uncheck();
    await phone.reload();
    await settings.click();
    assert.equal(await phone.getByRole('checkbox', { name: 'Sound for alerts' }).isChecked(), false);
    await phone.context().close();
});

test('on a phone the list ends above the bar, and a thumb finds what is to be pressed', async () => {
    const page = await openPage(browser, { viewport: SIZES.phone, hasTouch: true, isMobile: true });
    await page.goto(site.url);
    await page.getByRole('navigation', { name: 'Phone' }).getByRole('button', { name: 'Alerts' }).tap();
    await page.getByRole('switch', { name: 'Push' }).waitFor();
    await site.alert('Another', 'critical', { service: 'mail' }); /* a toast would come */
    await note(page, 'Another').waitFor();
    const covered = await page.locator('.notes-tools button, .notes-push button').evaluateAll((all) => all.filter((e) => {
        const b = e.getBoundingClientRect();
        return !e.contains(document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2));
    }).map((e) => e.textContent));
    assert.deepEqual(covered, []);
    const low = await page.locator('.notes button:visible').evaluateAll((all) => all.filter((e) => e.getBoundingClientRect().height < 48).map((e) => e.textContent));
    assert.deepEqual(low, []);
    assert.deepEqual(await axe(page, '.notes'), []);
    await shot(page, 'centre-phone');
    await page.context().close();
});

/* In the page: a push service that always agrees. */
function play({ p256dh, auth, endpoint }) {
    let current = JSON.parse(localStorage.getItem('played') ?? 'null');
    const made = (key) => ({ endpoint, options: { applicationServerKey: Uint8Array.from(key).buffer }, toJSON: () => ({ endpoint, keys: { p256dh, auth } }), unsubscribe: async () => (localStorage.removeItem('played'), (current = null), true) });
    Object.assign(PushManager.prototype, {
        getSubscription: async () => current && made(current),
        subscribe: async ({ applicationServerKey }) => {
            localStorage.setItem('played', JSON.stringify((current = [...applicationServerKey])));
            return made(current);
        },
    });
}

test('Web Push: what for, a switch, and the server knows; off again', async () => {
    const ecdh = createECDH('prime256v1');
    const browserSide = { endpoint: 'https://push.example/one', p256dh: ecdh.generateKeys('base64url'), auth: randomBytes(16).toString('base64url') };
    const page = await openPage(browser, { serviceWorkers: 'allow', permissions: ['notifications'] });
    await page.addInitScript(play, browserSide);
    const said = [];
    page.on('request', (r) => /push\/subscriptions/.test(r.url()) && said.push(`${r.method()} ${JSON.parse(r.postData()).endpoint}`));
    await page.goto(site.url);
    await settled(page);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    await page.locator('.bell').click();
    const push = page.getByRole('switch', { name: 'Push' });
    await push.and(page.locator('[aria-checked="false"]')).waitFor();
    await page.getByText('also while the page is closed').waitFor();
    const [answer] = await Promise.all([page.waitForResponse((r) => /push\/subscriptions/.test(r.url())), push.click()]);
    assert.ok(answer.ok(), `${answer.status()}`);
    await push.and(page.locator('[aria-checked="true"]')).waitFor();
    assert.deepEqual(await axe(page, '.notes'), []);
    await page.reload(); /* told again at each start */
    await until(() => said.length === 2, 'the subscription is renewed');
    await page.locator('.bell').click();
    await push.and(page.locator('[aria-checked="true"]')).waitFor();
    await push.click();
    await push.and(page.locator('[aria-checked="false"]')).waitFor();
    assert.deepEqual(said, ['POST https://push.example/one', 'POST https://push.example/one', 'DELETE https://push.example/one']);
    assert.deepEqual(page.complaints, []);
    await page.context().close();
});

test('Web Push: where it cannot be, the switch says why', async () => {
    const page = await openPage(browser);
    await page.addInitScript(() => Object.defineProperty(window, 'PushManager', { value: undefined }));
    await page.goto(site.url);
    await settled(page);
    await page.locator('.bell').click();
    await page.getByText('This browser cannot.').waitFor();
    assert.ok(await page.getByRole('switch', { name: 'Push' }).isDisabled());
    await page.context().close();
});
