/* panels.e2e.mjs - node --test test/e2e/panels.e2e.mjs: every panel type in Chromium, on golden data of every kind, in both themes,
 * under the policy of the product. Environment: TYPES=a,b only these · SHOTS=folder keeps pictures.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { alerts, PANELS, SITUATIONS } from '../lib/golden.mjs';
import { launch, servePanels } from '../lib/panels-server.mjs';

const types = (process.env.TYPES ?? Object.keys(PANELS).join()).split(',');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What a panel without values has to say for itself. */
const REASONS = /no series match|no values|no value|no event|no alert|nothing|no data|–/i;
let site, browser, page;
/** @type {string[]} */
const complaints = [];

before(async () => {
    site = await servePanels();
    browser = await launch();
    page = await browser.newPage({ viewport: { width: 1420, height: 900 }, timezoneId: 'UTC', locale: 'en-US' });
    page.on('pageerror', (e) => complaints.push(`exception: ${e.message}`));
    page.on('console', (m) => {
        if (m.type() === 'error' && !m.location().url.endsWith('favicon.ico'))
            complaints.push(`console: ${m.text()}`);
    });
    await page.goto(site.url);
});

after(async () => {
    await browser?.close();
    site?.close();
});

async function mount(options) {
    complaints.length = 0;
    const errors = await page.evaluate((o) => window.bench.mount(o), { types, ...options });
    assert.deepEqual([...errors, ...complaints], []);
    return page.evaluate(() => window.bench.report());
}

const only = (type) => ({ skip: types.includes(type) ? false : 'not asked for' });
const host = (type) => page.locator('.page-panel', { has: page.locator('h2', { hasText: new RegExp(`^${type} ·`) }) }).locator('.page-host');
const draw = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

for (const themeName of ['dark', 'light']) {
    describe(`${themeName} theme`, () => {
        for (const situation of SITUATIONS) {
            test(`panels on data that is ${situation}`, async () => {
                const all = await mount({ situation, themeName });
                assert.deepEqual(all.map((p) => p.type).sort(), [...types].sort(), 'a type was not mounted');
                if (process.env.SHOTS)
                    await page.screenshot({ path: join(process.env.SHOTS, `panels-${situation}-${themeName}.png`), fullPage: true });
                for (const p of all) {
                    assert.ok(p.pixels > 300 || p.svg > 0 || p.text.length > 10 || p.said.length > 10, `${p.type} is blank: ${JSON.stringify(p)}`);
                    assert.deepEqual(p.out, [], `${p.type} sticks out of its panel`);
                    assert.match(p.sentence, p.type === 'text' ? /\S/ : /^\S.*[.!–]$/s, `${p.type} says what it shows`);
                    assert.doesNotMatch(p.sentence, /undefined|\[object/, p.type);
                    assert.doesNotMatch(p.text, /undefined|\[object/, p.type);
                    if (['empty', 'null'].includes(situation) && !['text', 'logs', 'alertlist'].includes(p.type))
                        assert.match(`${p.text} ${p.said}`, REASONS, `${p.type} says why it shows nothing`);
                    if (situation === 'normal' && p.columns >= 0)
                        assert.ok(p.rows > 0, `${p.type} can be shown as a table`);
                }
            });
        }

        test('panels are resized: tiny, wide, and back', async () => {
            await mount({ situation: 'normal', themeName });
            for (const [w, h] of [[90, 60], [1300, 160], [200, 500], [440, 280]]) {
                await page.evaluate(([x, y]) => window.bench.resize(x, y), [w, h]);
                await draw();
                assert.deepEqual(complaints, [], `${w} × ${h}`);
            }
            for (const p of await page.evaluate(() => window.bench.report()))
                assert.deepEqual(p.out, [], `${p.type} sticks out after it was tiny`);
        });

        test('axe finds nothing', async () => {
            await mount({ situation: 'normal', themeName });
            await page.evaluate(axe);
            const found = await page.evaluate(() => globalThis.axe.run('#grid', { resultTypes: ['violations'] }));
            assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 5).join(' | ')}`), []);
        });
    });
}

test('a wall shows no controls, and says how many alerts are not in sight', only('alertlist'), async () => {
    await mount({ situation: 'many', kiosk: true, types: ['alertlist'] });
    assert.equal(await host('alertlist').locator('button.al-ack:visible').count(), 0);
    assert.match(await host('alertlist').locator('.al-more').innerText(), /^\+\d+ more$/);
    assert.equal(await host('alertlist').locator('.al-detail:visible').count(), 0, 'rather one line each than fewer alerts');
    await mount({ situation: 'one', kiosk: true, types: ['alertlist'] });
    await host('alertlist').locator('.al-detail:visible').waitFor();
});

test('alerts: unacknowledged and critical first; acknowledged by keyboard alone', only('alertlist'), async () => {
    await mount({ situation: 'normal', types: ['alertlist'] });
    const states = await host('alertlist').locator('.al-row:visible').evaluateAll((rows) => rows.map((r) => r.dataset.status));
    assert.deepEqual(states, ['critical', 'warning', 'info', 'info', 'acknowledged', 'info', 'maintenance', 'maintenance']);
    assert.equal(await host('alertlist').locator('.al-row:visible .glyph').count(), 8);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await draw();
    const first = alerts('normal')['/api/v2/alerts'][1];
    assert.deepEqual(await page.evaluate(() => window.bench.acknowledged), [`${first.fingerprint}-${Date.parse(first.startsAt).toString(16)}`]);
});

test('events: a LogQL query is said not to be asked; only rows in sight exist; a click shows details', only('logs'), async () => {
    await mount({ situation: 'many', types: ['logs'] });
    assert.match(await host('logs').locator('.lg-note').innerText(), /is not asked .*notification feed/);
    const rows = host('logs').locator('.lg-row');
    assert.ok(await rows.count() < 40, 'rows are pooled');
    assert.equal(await host('logs').locator('.lg-list').evaluate((e) => e.scrollHeight > 10_000 * 20), true);
    await rows.first().click();
    assert.match(await host('logs').locator('.lg-details').innerText(), /alertname/);
    await host('logs').locator('.lg-list').evaluate((e) => (e.scrollTop = e.scrollHeight));
    await draw();
    assert.match(await host('logs').innerText(), /p99 has been 0 ms/);
});

test('flame graph: click zooms, search finds, pasted stacks are shown', only('flamegraph'), async () => {
    await mount({ situation: 'normal', types: ['flamegraph'] });
    const at = host('flamegraph'), canvas = at.locator('canvas');
    await canvas.click({ position: { x: 60, y: 47 } });
    await draw();
    assert.match(await at.locator('.fg-path').innerText(), /serve|accept/);
    await at.getByRole('button', { name: 'Reset zoom' }).click();
    await at.getByRole('searchbox').fill('parse');
    await draw();
    assert.match(await at.innerText(), /\d+\.\d% match/);
    await at.getByRole('button', { name: 'Paste stacks' }).click();
    await at.getByRole('textbox', { name: /Folded stacks/ }).fill('a;b 3\na;<img src=x onerror=alert(1)> 1\nnot a stack');
    await at.getByRole('button', { name: 'Show' }).click();
    await draw();
    const [{ sentence, rows }] = await page.evaluate(() => window.bench.report());
    assert.match(sentence, /flame graph of 3 frames; most by themselves: b 75\.0%/);
    assert.equal(rows, 3);
    assert.equal(await page.locator('img').count(), 0);
});

test('a tooltip tells the value under the pointer, and the crosshair is shared', { skip: !['heatmap', 'state-timeline', 'piechart'].every((t) => types.includes(t)) && 'not asked for' }, async () => {
    await mount({ situation: 'normal', types: ['heatmap', 'state-timeline', 'piechart'] });
    await host('heatmap').locator('canvas').hover({ position: { x: 200, y: 100 } });
    assert.match(await host('heatmap').locator('.dp-tip').innerText(), /2026-03-01 1[12]:\d\d:\d\d/);
    assert.equal(await host('state-timeline').locator('.dp-cross').isVisible(), true);
    await host('piechart').locator('canvas').hover({ position: { x: 170, y: 60 } });
    assert.match(await host('piechart').locator('.dp-tip').innerText(), /share/);
    assert.equal(await host('state-timeline').locator('.dp-cross').isVisible(), false);
});

test('the map knows countries by code and name, points by coordinates, and what it does not know', only('geomap'), async () => {
    await mount({ situation: 'normal', types: ['geomap'] });
    const [{ sentence }] = await page.evaluate(() => window.bench.report());
    assert.match(sentence, /map of 20 places; most: Germany/);
    const canvas = host('geomap').locator('canvas');
    await canvas.focus();
    await page.keyboard.press('+');
    await page.keyboard.press('0');
    assert.deepEqual(complaints, []);
});
