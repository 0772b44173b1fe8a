/* looks.e2e.mjs - how dashboards of others come out where ours ask for less: two units in one chart, panels that repeat side by side,
 * numbers nobody judges, legends with figures.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, openPage, settled, shot, Site, until } from '../lib/site.mjs';

const target = (expr, more = {}) => ({ refId: 'A', expr, ...more });
const panel = (id, title, type, targets, gridPos, more = {}) => ({ id, title, type, targets: [targets].flat().map((t, i) => ({ ...t, refId: 'ABCDEF'[i] })), gridPos, ...more });
const at = (x, y, w = 12, h = 8) => ({ x, y, w, h });
const field = (defaults, overrides = []) => ({ fieldConfig: { defaults, overrides } });
const JUDGED = { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] };
const LONG = 'a name that is much longer than what there is room for beside a chart';
const named = (n) => Array.from({ length: n }, (_, i) => target(`vector(${1000 + i})`, { legendFormat: `${LONG} ${i}` }));
const BOARD = {
    uid: 'looks', title: 'Looks', time: { from: 'now-5m', to: 'now' },
    templating: { list: [{ name: 'host', type: 'custom', query: 'a,b', multi: true, current: { value: ['a', 'b'] } }] },
    panels: [
        panel(1, 'Total', 'stat', target('vector(2400)'), at(0, 0, 6), { ...field({ thresholds: JUDGED }), options: { colorMode: 'none' } }),
        panel(2, 'Judged', 'stat', target('vector(2400)'), at(6, 0, 6), { ...field({ thresholds: JUDGED }), options: { colorMode: 'value' } }),
        panel(3, 'Numbers', 'stat', [target('vector(1)', { legendFormat: 'one' }), target('vector(123456789.5)', { legendFormat: 'many' }), target('vector(42)', { legendFormat: 'some' })], at(12, 0), { ...field({ unit: 'none', decimals: 3 }), options: { graphMode: 'none' } }),
        panel(4, 'Two units', 'timeseries', [target('vector(3)', { legendFormat: 'seconds' }), target('vector(0.5)', { legendFormat: 'share' })], at(0, 8),
            field({ unit: 's' }, [{ matcher: { id: 'byName', options: 'share' }, properties: [{ id: 'unit', value: 'percentunit' }] }])),
        panel(5, 'Figures', 'timeseries', named(3), at(12, 8), { ...field({ decimals: 2 }), options: { legend: { displayMode: 'table', placement: 'right', calcs: ['min', 'max', 'mean'], sortBy: 'Max', sortDesc: true } } }),
        panel(6, 'Hot', 'timeseries', target('vector(90)', { legendFormat: 'hot' }), at(0, 16), field({ color: { mode: 'thresholds' }, thresholds: JUDGED })),
        panel(7, 'Rows', 'table', target('vector(7)', { format: 'table', instant: true }), at(12, 16), field({}, [{ matcher: { id: 'byName', options: 'Time' }, properties: [{ id: 'custom.hidden', value: 'true' }] }])),
        panel(8, 'Short names', 'timeseries', [target('vector(1)', { legendFormat: 'a' }), target('vector(2)', { legendFormat: 'b' })], at(0, 24)),
        panel(9, 'Names of some length', 'timeseries', [target('vector(1)', { legendFormat: 'MWMWMWMWMWMWMWMW' }), target('vector(2)', { legendFormat: 'b' })], at(12, 24)),
        panel(12, 'Wrapped', 'logs', [], at(0, 40, 12, 8), { options: { wrapLogMessage: true } }),
        panel(13, 'Low', 'stat', target('vector(99)', { legendFormat: 'of all' }), at(12, 40, 6, 4), { ...field({ thresholds: JUDGED, unit: 'percent' }), options: { textMode: 'value_and_name', colorMode: 'background' } }),
        panel(14, 'Kernel', 'stat', target('node_uname_info', { format: 'table', instant: true }), at(18, 40, 6, 4), { options: { reduceOptions: { calcs: ['lastNotNull'], fields: '/^release$/' } } }),
        panel(15, 'One of two', 'stat', [target('vector(1)', { legendFormat: 'one' }), target('vector(2)', { legendFormat: 'two' })], at(12, 44, 6, 4), { options: { reduceOptions: { fields: '/^two$/' }, textMode: 'value_and_name' } }),
        panel(16, 'Warm', 'timeseries', target('vector(time() % 20)', { legendFormat: 'warm' }), at(18, 44, 6, 4),
            field({ min: 0, max: 20, color: { mode: 'continuous-GrYlRd' }, custom: { lineWidth: 4, fillOpacity: 40, gradientMode: 'scheme' } })),
        panel(10, 'Left $host', 'stat', target('vector(1)'), at(0, 32, 12, 4), { repeat: 'host' }),
        panel(11, 'Right $host', 'stat', target('vector(2)'), at(12, 32, 12, 4), { repeat: 'host' }),
    ],
};
let site, browser, page;

before(async () => {
    site = new Site();
    site.flags.push('--data', site.folder);
    await site.start();
    const answer = await fetch(`${site.url}/api/v1/dashboards/looks`, { method: 'PUT', body: JSON.stringify(BOARD), headers: { 'content-type': 'application/json' } });
    assert.ok(answer.ok, await answer.text());
    const told = await fetch(`${site.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify([{
        labels: { alertname: 'Talkative', severity: 'warning' }, startsAt: new Date(Date.now() - 1000).toISOString(),
        annotations: { summary: 'Talkative', description: 'what has happened takes more words than there is room for in one line of this panel, but not in two' },
    }]) });
    assert.ok(told.ok, await told.text());
    browser = await launch();
    page = await openPage(browser, { viewport: { width: 1440, height: 2100 } }); /* all of it in sight */
    await page.goto(`${site.url}/d/looks`);
    await page.waitForFunction(() => document.querySelectorAll('.grid .panel[data-state="live"]').length === 18);
    await shot(page, 'looks');
});
after(async () => {
    await browser?.close();
    await site?.stop();
});

const of = (title) => page.locator('.panel', { has: page.getByRole('heading', { name: title, exact: true }) });
const boxes = (locator) => locator.evaluateAll((all) => all.map((e) => e.getBoundingClientRect().toJSON()));

test('a number that is not to be coloured is not judged, whatever thresholds came with it', async () => {
    await of('Judged').locator('.stat-tile[data-status="critical"]').waitFor();
    await of('Total').locator('.stat-tile[data-status=""]').waitFor();
    assert.equal(await of('Total').locator('.glyph').count(), 0);
});

test('numbers side by side are of one size and on one line', async () => {
    await of('Numbers').locator('.stat-tile').nth(2).waitFor();
    const sizes = await of('Numbers').locator('.stat-value').evaluateAll((all) => all.map((e) => getComputedStyle(e).fontSize));
    assert.equal(sizes.length, 3);
    assert.equal(new Set(sizes).size, 1, sizes.join());
    const rows = await boxes(of('Numbers').locator('.stat-name'));
    assert.equal(new Set(rows.map((b) => Math.round(b.top))).size, new Set((await boxes(of('Numbers').locator('.stat-tile'))).map((b) => Math.round(b.top))).size);
});

test('the second unit has its axis on the other side', async () => {
    const [plot] = await boxes(of('Two units').locator('.u-over'));
    const axes = (await boxes(of('Two units').locator('.u-axis'))).filter((b) => b.height > 0.8 * plot.height);
    assert.deepEqual(axes.map((b) => (b.left >= plot.right - 1 ? 'right' : b.right <= plot.left + 1 ? 'left' : 'over')).sort(), ['left', 'right']);
});

test('beside a chart the names of the legend give way, not its figures', async () => {
    const legend = of('Figures').locator('.legend');
    await page.waitForFunction((e) => e.querySelectorAll('tbody tr').length === 3 && e.scrollWidth <= e.clientWidth, await legend.elementHandle());
    const [box] = await boxes(legend), figures = await boxes(legend.locator('td.figure'));
    assert.equal(figures.length, 9);
    assert.ok(figures.every((f) => f.width > 0 && f.right <= box.right + 1), JSON.stringify(figures.at(-1)));
});

test('a legend is in the order the export wants', async () => {
    const names = await of('Figures').locator('.legend tbody .name').allTextContents();
    assert.deepEqual(names.map((n) => n.at(-1)), ['2', '1', '0']);
});

test('a line coloured by its value is', async () => {
    const mark = of('Hot').locator('.legend .mark');
    await mark.waitFor();
    const [color, red] = await mark.evaluate((e) => {
        const probe = document.createElement('i');
        probe.className = 'mark';
        document.body.append(probe);
        probe.style.color = 'var(--critical)';
        const is = [getComputedStyle(e).backgroundColor, getComputedStyle(probe).color];
        probe.remove();
        return is;
    });
    assert.equal(color, red);
});

test('a line takes the colour of its newest value without a new chart', async () => {
    const canvas = await of('Warm').locator('canvas').elementHandle(), mark = await of('Warm').locator('.legend .mark').elementHandle();
    const before = await mark.evaluate((e) => e.style.backgroundColor);
    await page.waitForFunction(([c, m, old]) => {
        const wanted = m.style.backgroundColor.match(/\d+/g).map(Number);
        if (m.style.backgroundColor === old || !c.isConnected)
            return !c.isConnected;
        const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);
        let drawn = 0;
        for (let i = 0; i < data.length; i += 4)
            drawn += data[i + 3] === 255 && wanted.every((v, k) => Math.abs(v - data[i + k]) < 3) ? 1 : 0;
        return drawn > 5;
    }, [canvas, mark, before]);
    assert.ok(await canvas.evaluate((e) => e.isConnected), 'it was made anew');
    await shot(of('Warm'), 'looks-warm');
});

test('a chart goes on when the end of a press is not heard of', async () => {
    const over = of('Warm').locator('.u-over'), mark = await of('Warm').locator('.legend .mark').elementHandle();
    const goesOn = async () => page.waitForFunction(([m, old]) => m.style.backgroundColor !== old, [mark, await mark.evaluate((e) => e.style.backgroundColor)]);
    await over.dispatchEvent('mousedown', { button: 2, buttons: 2 });
    await goesOn();
    await over.dispatchEvent('mousedown', { button: 0, buttons: 1 });
    await page.evaluate(() => window.dispatchEvent(new Event('blur')));
    await goesOn();
    await over.dispatchEvent('mousedown', { button: 0, buttons: 1 });
    await over.dispatchEvent('mousemove', { buttons: 0 });
    await goesOn();
});

test('a column hidden by the text "true" is hidden', async () => {
    await of('Rows').getByText('7', { exact: true }).first().waitFor();
    assert.deepEqual(await of('Rows').locator('th').allInnerTexts(), ['Value']);
});

test('names at the ends of lines have the room they need, or stand in the legend', async () => {
    const room = async (title) => {
        const [plot] = await boxes(of(title).locator('.u-over')), [body] = await boxes(of(title).locator('.panel-body'));
        return body.right - plot.right;
    };
    assert.ok(await room('Short names') < 60, `${await room('Short names')} px for one letter`);
    assert.equal(await of('Short names').locator('.legend li').count(), 0);
    assert.equal(await of('Names of some length').locator('.legend li:visible').count(), 2);
});

test('an event that is wrapped has the lines it needs', async () => {
    const message = of('Wrapped').locator('.lg-message', { hasText: 'what has happened' });
    await message.waitFor();
    const [row] = await boxes(of('Wrapped').locator('.lg-row', { hasText: 'what has happened' }));
    const words = await message.evaluate((e) => {
        const range = document.createRange();
        range.selectNodeContents(e);
        return { ...range.getBoundingClientRect().toJSON(), lines: range.getClientRects().length };
    });
    assert.equal(words.lines, 2);
    assert.ok(words.top >= row.top && words.bottom <= row.bottom, JSON.stringify([words, row]));
});

test('a number may be a text: only the fields that are asked for', async () => {
    const { data } = await (await fetch(`${site.url}/api/v1/query?query=node_uname_info`)).json();
    const { release } = data.result[0].metric;
    assert.ok(release);
    assert.deepEqual(await of('Kernel').locator('.stat-value').allInnerTexts(), [release]);
    assert.deepEqual(await of('One of two').locator('.stat-name').allInnerTexts(), ['two']);
});

test('names do not touch the edge of what is filled', async () => {
    const [tile] = await boxes(of('Low').locator('.stat-tile')), [name] = await boxes(of('Low').locator('.stat-name'));
    assert.ok(name.top >= tile.top + 3, JSON.stringify([tile.top, name.top]));
});

test('what repeats side by side does not lie over each other', async () => {
    const all = await boxes(page.locator('.grid .panel'));
    for (const [i, a] of all.entries())
        for (const b of all.slice(i + 1))
            assert.ok(a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top, JSON.stringify([a, b]));
});

test('a moment of another day has its date', async () => {
    const day = 86_400_000, now = Date.now();
    await page.goto(`${site.url}/d/looks?from=${now - 3 * day}&to=${now - 2 * day}&viewPanel=8`);
    await settled(page);
    const [plot] = await boxes(page.locator('.panel-timeseries .u-over').first());
    let x = 200;
    await until(async () => {
        x = (x + 7) % plot.width; /* a slow machine looks often */
        await page.mouse.move(plot.left + x, plot.top + 100);
        return /^\d{4}-\d\d-\d\d \d\d:\d\d/.test(await page.locator('.tooltip:visible .tooltip-title').innerText({ timeout: 200 }).catch(() => ''));
    }, 'a tooltip with a date');
    assert.deepEqual(page.complaints, []);
});
