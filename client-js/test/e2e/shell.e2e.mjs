/* shell.e2e.mjs - what stands around the panels: finding a dashboard, choosing a time, changing and importing, the page without a
 * mouse. The address always says what is shown.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { address, axe, browser, equipped, inspectPanels, onSite, openPage, settled, shot, Site, site, until } from '../lib/site.mjs';

onSite({ data: true });

async function on(path, run, options) {
    const page = await openPage(browser, options);
    try {
        await page.goto(site.url + path);
        await page.locator('.grid .panel, .list-page, .page-reason').first().waitFor();
        await equipped(page);
        await run(page);
    } finally {
        await page.context().close();
    }
}

const parameter = async (page, name) => new URL(await address(page)).searchParams.get(name);
const panel = (title, type, expr, gridPos, more = {}) => ({ type, title, gridPos, targets: [{ refId: 'A', expr }], ...more });
const BOARD = {
    uid: 'made-here', title: 'Made here', tags: ['level:custom', 'host'], time: { from: 'now-5m', to: 'now' },
    templating: { list: [
        { name: 'mode', label: 'Mode', type: 'query', query: 'label_values(node_cpu_seconds_total, mode)', multi: true, includeAll: true, current: { value: ['user'] } },
        { name: 'level', type: 'custom', query: 'low : 1,high : 9', current: { value: '1' } },
        { name: 'note', type: 'textbox', query: 'hello' },
    ] },
    panels: [
        panel('Modes $mode', 'timeseries', 'sum by (mode) (rate(node_cpu_seconds_total{mode=~"$mode"}[30s]))', { x: 0, y: 0, w: 12, h: 8 }, { targets: [{ refId: 'A', expr: 'sum by (mode) (rate(node_cpu_seconds_total{mode=~"$mode"}[30s]))', legendFormat: '{{mode}}' }] }),
        panel('Level', 'stat', 'vector($level)', { x: 12, y: 0, w: 6, h: 8 }, { links: [{ title: 'Down', url: '/d/node-detail' }] }),
        panel('Says $note', 'text', '', { x: 18, y: 0, w: 6, h: 8 }, { options: { mode: 'markdown', content: '**$note** world' }, targets: [] }),
        panel('Linked', 'stat', 'sum by (mode) (node_cpu_seconds_total{mode="idle"})', { x: 0, y: 14, w: 12, h: 6 }, { fieldConfig: { defaults: { links: [{ title: 'Mode', url: '/d/node-detail?var-job=${__field.labels.mode}&v=${__value.raw}' }] }, overrides: [] } }),
    panel('Odd', 'mystery-panel', 'up', { x: 0, y: 8, w: 12, h: 6 }),
        panel('Broken', 'stat', 'rate(up', { x: 12, y: 8, w: 12, h: 6 }),
    ],
};
const put = (uid, board) => fetch(`${site.url}/api/v1/dashboards/${uid}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(board) });

describe('finding', () => {
    test('the picker searches by words and is left by Enter', () => on('/', async (page) => {
        await page.keyboard.press('/');
        await page.getByPlaceholder('Search dashboards').fill('node det');
        assert.equal(await page.locator('.picker-entry').count(), 1);
        await page.keyboard.press('Enter');
        await page.waitForURL('**/d/node-detail');
        await page.locator('.crumbs a', { hasText: 'Host overview' }).waitFor();
        await page.locator('.panel').first().waitFor();
        await page.keyboard.press('Backspace');
        await page.waitForURL(`${site.url}/`);
    }));

    test('the list keeps words and tags in its address', () => on('/dashboards', async (page) => {
        await page.locator('.card').first().waitFor();
        await page.locator('.chip', { hasText: 'wall' }).first().click();
        assert.equal(await parameter(page, 'tag'), 'wall');
        await page.getByLabel('Search dashboards').fill('operations');
        assert.equal(await page.locator('.card').count(), 1);
        assert.equal(await parameter(page, 'q'), 'operations');
    }));

    test('an address of nothing says so', () => on('/d/nowhere', async (page) => {
        assert.match(await page.locator('.page-reason').innerText(), /No such dashboard[\s\S]*nowhere/);
        assert.deepEqual(await axe(page), []);
    }));
});

describe('time', () => {
    test('a range goes into the address, Back takes it out', () => on('/', async (page) => {
        await page.locator('.time-control .tool').first().click();
        await page.getByRole('button', { name: 'Last hour', exact: true }).click();
        assert.equal(await parameter(page, 'from'), 'now-1h');
        assert.match(await page.locator('.time-control').innerText(), /Last hour/);
        await page.goBack();
        await page.waitForFunction(() => /5 minutes/.test(document.querySelector('.time-control').innerText));
    }));

    test('what is not a time is told', () => on('/', async (page) => {
        await page.locator('.time-control .tool').first().click();
        await page.getByLabel('From').fill('yesterday-ish');
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        assert.match(await page.locator('.form-note').innerText(), /not a time/);
        await page.getByLabel('From').fill('now-3m');
        await page.getByLabel('To', { exact: true }).fill('now-1m');
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        await page.locator('.time-control[data-mode="historic"]').waitFor();
        await page.locator('.time-control .pause').click();
        await page.locator('.time-control[data-mode="live"]').waitFor();
    }));

    test('a drag over a chart shows that time; space holds it', () => on('/', async (page) => {
        await settled(page);
        const over = page.locator('.panel-timeseries .u-over').first();
        await over.waitFor();
        const b = await over.boundingBox();
        await page.mouse.move(b.x + 0.4 * b.width, b.y + 20);
        await page.mouse.down();
        await page.mouse.move(b.x + 0.8 * b.width, b.y + 20, { steps: 6 });
        await page.mouse.up();
        await page.locator('.time-control[data-mode="historic"]').waitFor();
        assert.ok(Number(await parameter(page, 'to')) - Number(await parameter(page, 'from')) > 60_000);
        await page.locator('.time-control .pause').click();
        await page.locator('#main').focus();
        await page.keyboard.press('Space');
        await page.locator('.time-control[data-mode="paused"]').waitFor();
        await page.keyboard.press('Space');
        await page.locator('.time-control[data-mode="live"]').waitFor();
    }));

    test('the pointer in one chart is seen in the others, with one tooltip', () => on('/', async (page) => {
        await settled(page);
        await page.locator('.panel-timeseries .u-over').nth(1).waitFor();
        const b = await page.locator('.panel-timeseries .u-over').first().boundingBox();
        await page.mouse.move(b.x + b.width - 4, b.y + 30);
        await page.mouse.move(b.x + b.width - 5, b.y + 32);
        await page.locator('.tooltip:visible').first().waitFor();
        assert.equal(await page.locator('.tooltip:visible').count(), 1);
        await page.waitForFunction(() => [...document.querySelectorAll('.panel-timeseries .u-cursor-x')].slice(0, 3).every((c) => /translate\((?!-)/.test(c.style.transform)));
    }));
});

describe('a dashboard of one\'s own', () => {
    before(async () => assert.ok((await put('made-here', BOARD)).ok));

    test('its variables fill queries, titles and the address', () => on('/d/made-here', async (page) => {
        await settled(page);
        assert.match(await page.locator('.panel-stat .stat-value').first().innerText(), /1/);
        await page.locator('.variable-button').nth(1).click();
        await page.getByRole('option', { name: 'high' }).click();
        assert.equal(await parameter(page, 'var-level'), '9');
        await page.waitForFunction(() => document.querySelector('.panel-stat .number')?.textContent === '9');
        await page.locator('.variable-button').first().click();
        await page.getByRole('option', { name: 'system' }).click();
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => /user \+ system/.test(document.querySelector('.panel-title').textContent));
        await page.getByLabel('note').fill('goodbye');
        await page.keyboard.press('Enter');
        await page.waitForFunction(() => /goodbye world/.test(document.querySelector('.markdown')?.textContent ?? ''));
        await page.locator('.panel-timeseries').focus();
        await page.goBack();
        await page.waitForFunction(() => /hello world/.test(document.querySelector('.markdown')?.textContent ?? ''));
        assert.match(await page.evaluate(() => document.activeElement.className), /panel-timeseries/, 'the focus stays in its panel');
        await page.goto(`${site.url}/d/made-here?var-level=9&var-mode=idle`);
        await page.waitForFunction(() => document.querySelector('.panel-stat .number')?.textContent === '9' && /Modes idle/.test(document.querySelector('.panel-title').textContent));
    }));

    test('what cannot be shown says why', () => on('/d/made-here', async (page) => {
        await settled(page);
        assert.match(await page.locator('.panel-mystery-panel').innerText(), /There is no panel "mystery-panel" here/);
        assert.match(await page.locator('.panel', { hasText: 'Broken' }).innerText(), /Error[\s\S]*\w+/);
    }));

    test('a chart opened after the crash shows what crashed, a number only what lives', async () => {
        const now = Date.now(), samples = [];
        for (let age = 25 * 60_000; age > 0; age -= 15_000)
            for (const worker of age > 10 * 60_000 ? ['crashed', 'alive'] : ['alive'])
                samples.push({ metric: 'worker_load', labels: { worker }, value: worker === 'alive' ? 2 : 5, timestamp: now - age });
        await site.post(samples);
        const of = (title, type, x) => panel(title, type, 'worker_load', { x, y: 0, w: 12, h: 8 }, { targets: [{ refId: 'A', expr: 'worker_load', legendFormat: '{{worker}}' }] });
        await put('crash', { uid: 'crash', title: 'After the crash', time: { from: 'now-30m', to: 'now' }, panels: [of('Load', 'timeseries', 0), of('Now', 'stat', 12)] });
        await on('/d/crash', async (page) => {
            await settled(page);
            await shot(page, 'after-the-crash');
            const [chart, number] = await inspectPanels(page);
            assert.match(chart.label, /crashed.*alive|alive.*crashed/s);
            assert.match(number.words, /2/);
            assert.doesNotMatch(number.words, /crashed|5/);
            assert.deepEqual(page.complaints, []);
        });
    });

    test('a panel says how many series the server leaves out', async (t) => {
        const small = new Site();
        t.after(() => small.stop());
        const config = join(small.folder, 'small.yml');
        writeFileSync(config, 'limits: {series_per_stream: 3}\n');
        small.flags.push('--config', config, '--data', join(small.folder, 'data'));
        await small.start();
        await small.post(Array.from({ length: 8 }, (_, i) => ({ metric: 'crowd', labels: { i: `${i}` }, value: i })));
        await fetch(`${small.url}/api/v1/dashboards/crowd`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ uid: 'crowd', title: 'Crowd', panels: [panel('Crowd', 'timeseries', 'crowd', { x: 0, y: 0, w: 24, h: 8 })] }) });
        const page = await openPage(browser);
        await page.goto(`${small.url}/d/crowd`);
        await page.getByText('5 more series than the 3 shown').waitFor();
        await page.context().close();
    });

    test('full view, table, inspection and the way back, by keys', () => on('/d/made-here', async (page) => {
        await settled(page);
        await page.locator('.panel-timeseries').focus();
        await page.keyboard.press('v');
        await page.waitForFunction(() => document.querySelectorAll('.grid .panel').length === 1);
        assert.equal(await parameter(page, 'viewPanel'), '1');
        await page.keyboard.press('Escape');
        await page.waitForFunction(() => document.querySelectorAll('.grid .panel').length === 6);
        await page.locator('.panel-timeseries').focus();
        await page.keyboard.press('t');
        await page.locator('.as-table td', { hasText: 'user' }).first().waitFor();
        await page.keyboard.press('t');
        await page.keyboard.press('i');
        assert.match(await page.locator('dialog').innerText(), /rate\(node_cpu_seconds_total\{mode=~"user"\}/);
        assert.deepEqual(await axe(page), []);
        await page.getByRole('button', { name: 'Data' }).click();
        await page.locator('dialog td', { hasText: 'user' }).first().waitFor();
        await page.keyboard.press('Escape');
        await page.locator('.panel-timeseries').focus();
        await page.keyboard.press('ArrowRight');
        assert.match(await page.evaluate(() => document.activeElement.className), /panel-stat/);
        await page.keyboard.press('Enter');
        await page.waitForURL('**/d/node-detail');
    }));

    test('another size or theme is there at once, not one panel after the other', () => on('/d/made-here', async (page) => {
        await settled(page);
        await page.locator('.panel-timeseries .u-wrap').waitFor();
        const [wrap, body, before, after] = await page.evaluate(async () => {
            const width = (what) => document.querySelector(`.panel-timeseries ${what}`).getBoundingClientRect().width;
            const colour = () => getComputedStyle(document.querySelector('.panel-stat .number')).color;
            document.querySelector('.grid').style.width = '900px';
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done))); /* the frame that shows it */
            const sizes = [width('.u-wrap'), width('.panel-body')], was = colour();
            document.querySelector('.theme').click();
            await null;
            return [...sizes, was, colour()];
        });
        assert.ok(Math.abs(wrap - body) < 1.5, `the chart is ${wrap} px wide in ${body} px`);
        assert.notEqual(after, before, 'the colour of numbers');
    }));

    test('a value leads where its link says, with its labels', () => on('/d/made-here', async (page) => {
        await page.locator('.linked').click();
        await page.waitForURL('**/d/node-detail?**');
        assert.equal(await parameter(page, 'var-job'), 'idle');
        assert.ok(Number(await parameter(page, 'v')) > 0);
    }));

    test('a value that leads somewhere is called what it shows, also when that changes', async () => {
        const led = (type, x) => panel(`Pulse ${type}`, type, 'pulse', { x, y: 0, w: 8, h: 8 }, { fieldConfig: { defaults: { links: [{ title: 'Detail', url: '/d/node-detail' }] }, overrides: [] } });
        await put('pulse', { uid: 'pulse', title: 'Pulse', time: { from: 'now-5m', to: 'now' }, panels: [led('stat', 0), led('gauge', 8), led('bargauge', 16)] });
        await site.post([{ metric: 'pulse', value: 17 }]);
        await on('/d/pulse', async (page) => {
            await settled(page);
            for (const value of [17, 42]) {
                await site.post([{ metric: 'pulse', value }]);
                await until(async () => await page.getByRole('link', { name: String(value), description: 'Detail' }).count() === 3, `three links of ${value}`);
                assert.deepEqual(await axe(page), []);
            }
        });
    });

    test('links of a dashboard from somebody else run nothing', async () => {
        const url = 'javascript:document.title="run"';
        await put('foreign', { uid: 'foreign', title: 'Foreign', links: [{ type: 'link', title: 'Above', url }], panels: [
            panel('Header', 'stat', 'vector(1)', { x: 0, y: 0, w: 8, h: 8 }, { links: [{ title: 'Down', url }] }),
            panel('Words', 'text', '', { x: 8, y: 0, w: 8, h: 8 }, { targets: [], options: { mode: 'markdown', content: `[code](${url}) [away](/\\example.org) [stays](/d/node-detail)` } }),
        ] });
        await on('/d/foreign', async (page) => {
            await settled(page);
            await page.locator('.markdown a').waitFor();
            assert.deepEqual(await page.locator('a.link, a.panel-link, .markdown a').evaluateAll((all) => all.map((a) => a.getAttribute('href')).sort()), ['#', '#', '/d/node-detail']);
        });
    });

    test('it is changed as JSON, checked while one types, and not over somebody else\'s change', () => on('/d/made-here', async (page) => {
        await settled(page);
        await page.locator('#main').focus();
        await page.keyboard.press('e');
        const area = page.locator('textarea.json');
        await page.locator('.lint li', { hasText: 'mystery-panel' }).waitFor();
        await shot(page, 'editor');
        assert.deepEqual(await axe(page), []);
        const words = await area.inputValue();
        await area.fill(words.slice(0, -3));
        await page.locator('.lint-summary', { hasText: /line \d+/ }).waitFor();
        assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
        await area.fill(words.replace('Made here', 'Made anew'));
        await page.locator('.lint-summary', { hasText: 'Made anew' }).waitFor();
        assert.ok((await put('made-here', { ...BOARD, title: 'Theirs' })).ok);
        await page.getByRole('button', { name: 'Save' }).click();
        await page.locator('.form-note', { hasText: 'Somebody else' }).waitFor();
        await page.getByRole('button', { name: 'Replace theirs' }).click();
        await page.waitForFunction(() => document.title.includes('Made anew'));
        assert.equal(await page.locator('dialog').count(), 0);
    }));
});

describe('importing', () => {
    const paste = (page, words) => page.evaluate((w) => {
        const data = new DataTransfer();
        data.setData('text/plain', w);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    }, words);

    test('an export pasted anywhere becomes a dashboard, and is deleted again', () => on('/', async (page) => {
        await paste(page, JSON.stringify({ dashboard: { ...BOARD, uid: 'pasted', title: 'Pasted one' }, meta: { slug: 'x' } }));
        await page.locator('.lint-summary', { hasText: 'Pasted one' }).waitFor();
        assert.equal(await page.getByLabel('Address /d/').inputValue(), 'pasted');
        await page.getByRole('button', { name: 'Save' }).click();
        await page.waitForURL('**/d/pasted');
        await page.waitForFunction(() => document.querySelector('.picker-title').textContent === 'Pasted one');
        const kept = await (await fetch(`${site.url}/api/v1/dashboards/pasted`)).json();
        assert.equal(kept.dashboard.title, 'Pasted one');
        assert.equal(kept.dashboard.panels[4].type, 'mystery-panel', 'what is not known is kept');
        await page.locator('#main').focus();
        await page.keyboard.press('e');
        await page.getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('button', { name: 'Really delete' }).click();
        await page.waitForURL('**/dashboards');
        assert.equal((await fetch(`${site.url}/api/v1/dashboards/pasted`)).status, 404);
    }));

    test('a file dropped on the page is read', () => on('/', async (page) => {
        await page.evaluate((w) => {
            const data = new DataTransfer();
            data.items.add(new File([w], 'x.json', { type: 'application/json' }));
            document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
        }, JSON.stringify({ title: 'From a file', panels: [] }));
        await page.locator('.lint-summary', { hasText: 'From a file: 0 panels' }).waitFor();
        assert.equal(await page.getByLabel('Address /d/').inputValue(), 'from-a-file');
    }));

    test('a shipped one is changed under its own address, and comes back', () => on('/d/streamgauge', async (page) => {
        await settled(page);
        await page.locator('#main').focus();
        await page.keyboard.press('e');
        const area = page.locator('textarea.json');
        await area.fill((await area.inputValue()).replace(/"title": "streamgauge"/, '"title": "Ours"'));
        await page.locator('.lint-summary', { hasText: 'Ours' }).waitFor();
        await page.getByRole('button', { name: 'Save' }).click();
        await page.waitForFunction(() => document.title.includes('Ours'));
        await page.locator('#main').focus();
        await page.keyboard.press('e');
        await page.getByRole('button', { name: 'Back to the shipped one' }).click();
        await page.getByRole('button', { name: 'Really: back to the shipped one' }).click();
        await page.waitForFunction(() => document.title.startsWith('streamgauge'));
    }));
});

describe('notifications', () => {
    test('a critical one is told, counted, acknowledged from the list', () => on('/', async (page) => {
        await settled(page);
        await site.alert('Burning', 'critical', { service: 'oven' });
        await page.locator('.toast[data-status="critical"]').waitFor();
        await page.waitForFunction(() => document.title.startsWith('(1) '));
        const other = await page.context().newPage();
        await other.goto(`${site.url}/dashboards`);
        await other.locator('.card', { hasText: 'Node detail' }).click();
        await other.waitForFunction(() => document.title === '(1) Node detail · streamgauge');
        await other.close();
        await page.locator('.bell').click();
        assert.deepEqual(await axe(page, '.notes'), []);
        await page.locator('.note', { hasText: 'Burning' }).getByRole('button', { name: 'Ack' }).click();
        await page.locator('.note[data-status="acknowledged"]', { hasText: 'Burning' }).waitFor();
        await page.locator('.toast').waitFor({ state: 'detached' });
        await page.keyboard.press('Escape');
        await until(() => page.title().then((t) => !t.startsWith('(')), 'the title is calm again');
    }));

    test('letters can be switched off', () => on('/', async (page) => {
        await page.keyboard.press('?');
        await page.getByLabel('Single letters do something').uncheck();
        await page.keyboard.press('Escape');
        await page.keyboard.press('/');
        assert.equal(await page.locator('.picker-box').count(), 0);
    }));
});

describe('what opens over the page', () => {
    for (const theme of ['dark', 'light'])
        test(`shuts nobody out, ${theme}`, () => on('/d/made-here', async (page) => {
            await settled(page);
            for (const [name, button] of [['time', '.time-control .tool'], ['picker', '.picker'], ['variable', '.variable-button'], ['status', '.status'], ['bell', '.bell'], ['more', '.topbar [aria-label="More"]']]) {
                await page.locator(button).first().click();
                await page.locator('.popover').waitFor();
                assert.deepEqual(await axe(page), [], name);
                await page.keyboard.press('Escape');
                await page.locator('.popover').waitFor({ state: 'detached' });
                assert.equal(await page.evaluate((b) => document.activeElement === document.querySelector(b), button), true, `${name}: the focus is where it was`);
            }
            await page.locator('.panel-timeseries').hover();
            await page.locator('.panel-timeseries .panel-menu').click();
            assert.deepEqual(await axe(page), [], 'menu');
            await page.keyboard.press('Escape');
            await page.locator('#main').focus();
            await page.keyboard.press('?');
            await page.locator('dialog').waitFor();
            assert.deepEqual(await axe(page), [], 'help');
        }, { theme }));
});
