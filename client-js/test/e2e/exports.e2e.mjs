/* exports.e2e.mjs - dashboards as Grafana exports them (test/data/dashboards), stored in the real server and shown on the metrics of
 * this machine: no panel is blank without saying why.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { axe, inspectPanels, launch, openPage, settled, shot, Site } from '../lib/site.mjs';

const folder = new URL('../data/dashboards/', import.meta.url);
const SAMPLES = 4; /* rates need some */

/** By file: what may be without values here, because this machine does not have it or nobody measures it. */
const MAY_LACK = {
    'every-field': /^$/,
    'node-exporter': /SWAP|Swap|temperature|Power supply|Systemd|Scrape|Timesync|drift|Time misc|Huge|Committed|Active|Writeback|Disk|I\/O|Pressure|Root|Entropy|UDP|TCP|Fifo/i,
    'rows-of-2017': /^$/, 'v2': /^$/, 'unsupported': /^(Half known|A drawing)$/,
};
let site, browser;

before(async () => {
    site = new Site();
    site.flags.push('--data', join(site.folder, 'data'));
    await site.start();
    for (const name of Object.keys(MAY_LACK)) {
        const answer = await fetch(`${site.url}/api/v1/dashboards/${name}`, { method: 'PUT', body: readFileSync(new URL(`${name}.json`, folder)), headers: { 'content-type': 'application/json' } });
        assert.ok(answer.ok, `${name}: ${answer.status} ${await answer.text()}`);
    }
    browser = await launch();
    await site.sampled(SAMPLES);
});
after(async () => {
    await browser?.close();
    await site?.stop();
});

async function unfold(page) {
    for (let i = 0; i < 40; i++) {
        const folded = page.locator('.row-title button[aria-expanded="false"]').first();
        if (!(await folded.count()))
            return;
        await folded.click();
    }
}

/* One screen after the other; each panel is looked at where it is in sight. */
async function look(page) {
    const seen = new Map();
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    for (let y = 0; y < height; y += 500) {
        await page.evaluate((top) => scrollTo(0, top), y);
        await settled(page);
        for (const p of await inspectPanels(page)) {
            const before = seen.get(p.title);
            if (!before || (p.state === 'live' && before.state !== 'live') || p.ink > before.ink)
                seen.set(p.title, p);
        }
    }
    return [...seen.values()];
}

for (const name of Object.keys(MAY_LACK))
    describe(name, () => {
        for (const theme of ['dark', 'light'])
            test(`${theme}: every panel shows something, or why not`, async () => {
                const page = await openPage(browser, { theme, viewport: { width: 1600, height: 1100 } });
                await page.goto(`${site.url}/d/${name}`);
                await settled(page);
                if (name !== 'node-exporter' || theme === 'dark')
                    await unfold(page);
                const panels = await look(page);
                assert.ok(panels.length >= 4, JSON.stringify(panels));
                for (const p of panels) {
                    const where = `${name}: "${p.title}" (${p.type}, ${p.state})`;
                    assert.ok(p.ink > 150 || p.shapes > 0 || p.words.length > 0, `${where} is blank`);
                    assert.doesNotMatch(`${p.words} ${p.label}`, MAY_LACK[name].test(p.title) ? /undefined|\[object/ : /undefined|\[object|NaN/, where);
                    if (p.state === 'empty' || p.state === 'error') {
                        assert.match(p.words, /\w{3,}.*\w{3,}/s, `${where} says why it is empty`);
                        assert.match(p.title, MAY_LACK[name], `${where} could have values: ${p.words}`);
                    }
                }
                assert.deepEqual(page.complaints, []);
                assert.deepEqual(await axe(page), []);
                await page.evaluate(() => scrollTo(0, 0));
                await shot(page, `export-${name}-${theme}`, { fullPage: true });
                await page.context().close();
            });
    });
