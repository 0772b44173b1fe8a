/* uplot.e2e.mjs - uPlot as we bundle it (tools/uplot.mjs) against uPlot as it comes: the same pixels, events, scales and elements, for
 * every way of drawing that timeseries.ts asks for. */
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import { launch } from '../lib/panels-server.mjs';
import { lean } from '../../tools/uplot.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/* As build.mjs does. */
async function script(plugins) {
    const { outputFiles: [file] } = await build({ stdin: { contents: 'import u from "uplot"; globalThis.UPlot = u;', resolveDir: root }, bundle: true, format: 'esm', minifySyntax: true, write: false, plugins });
    const joined = await rollup({ input: 'uplot', plugins: [{ name: 'text', resolveId: (id) => id, load: () => file.text }] });
    return (await joined.generate({ format: 'es' })).output[0].code;
}

/* Runs in the page. */
async function draw() {
    const { UPlot } = globalThis, { paths } = UPlot, t0 = 1.7e12, second = 1000;
    const times = Array.from({ length: 300 }, (_, i) => t0 + i * second);
    const waves = times.map((_, i) => (i % 41 ? 50 + 40 * Math.sin(i / 9) : null)), powers = times.map((_, i) => (i % 67 ? 10 ** (3 * Math.sin(i / 20)) : undefined));
    const slope = times.map((_, i) => (i > 100 && i < 104 ? null : i / 3 - 20));
    const ways = { linear: paths.linear(), spline: paths.spline(), before: paths.stepped({ align: -1 }), after: paths.stepped({ align: 1 }), bars: paths.bars({ size: [0.7, 80], align: 0 }), left: paths.bars({ size: [0.7, 80], align: -1 }), points: () => null };
    const settled = () => new Promise((done) => setTimeout(done));
    const out = {};
    for (const [way, path] of Object.entries(ways))
        for (const log of [0, 2, 10])
            for (const busy of [false, true]) {
                const said = [];
                const left = log ? { distr: 3, log, range: (_, lo, hi) => UPlot.rangeLog(lo, hi, log, true) } : { range: (_, lo, hi) => UPlot.rangeNum(lo, hi, { min: { pad: 0.05, soft: 0, mode: 1 }, max: { pad: 0.08, soft: 0, mode: 2 } }) };
                const data = [times, log ? powers : waves, slope];
                const u = new UPlot({
                    width: 700, height: 300, ms: 1, legend: { show: false }, pxAlign: 1, padding: [8, 30, 0, 4], focus: { alpha: 0.3 },
                    cursor: { y: false, drag: { x: true, y: false, setScale: false, dist: 8 }, points: { size: 6 }, focus: { prox: busy ? 30 : -1 } },
                    scales: { x: { time: true, auto: false }, l: left, r: {} },
                    axes: [{ incrs: [1, 5, 30, 60, 120].map((s) => s * second), values: (_, all) => all.map((v) => new Date(v).toISOString().slice(11, 19)) }, { scale: 'l', size: 50 }, { scale: 'r', side: 1, grid: { show: false } }],
                    series: [{}, { scale: 'l', stroke: '#f00', fill: '#f003', width: 1.5, paths: path, spanGaps: busy, points: { show: busy || ((_, __, a, b) => b - a < 2), size: 5 } },
                        { scale: busy || log ? 'r' : 'l', stroke: '#00f', dash: [8, 4], width: 1.5, paths: path, points: { show: false } }],
                    bands: way === 'linear' || way === 'after' ? [{ series: [1, 2] }] : [],
                    hooks: { setCursor: [() => said.push(u.cursor.idx)], setSelect: [() => said.push(u.select.left, u.select.width)], draw: [() => said.push('drawn')], drawClear: [() => said.push('cleared')] },
                }, data, document.body);
                const pixels = () => u.ctx.getImageData(0, 0, u.ctx.canvas.width, u.ctx.canvas.height).data.reduce((sum, v) => (sum * 31 + v) | 0, 0);
                await settled();
                u.batch(() => {
                    u.setData(data, false);
                    u.setScale('x', { min: t0 + 3 * second, max: t0 + 290 * second });
                });
                await settled();
                said.push(pixels());
                u.setSize({ width: 500, height: 200 });
                await settled();
                const box = u.over.getBoundingClientRect();
                const hand = (type, x, y, on = u.over) => on.dispatchEvent(new MouseEvent(type, { clientX: box.left + x, clientY: box.top + y, bubbles: true, movementX: 1 }));
                for (const [type, x, y, on] of [['mouseenter', 50, 50], ['mousemove', 50, 50], ['mousemove', 120, 60], ['mousedown', 120, 60], ['mousemove', 240, 70], ['mouseup', 240, 70, document], ['mousemove', 250, 30]])
                    hand(type, x, y, on);
                await settled();
                said.push(pixels(), u.over.innerHTML);
                u.setCursor({ left: 99, top: 0 }, true);
                hand('mouseleave', 600, 30);
                hand('dblclick', 60, 60);
                await settled();
                said.push(pixels(), u.over.innerHTML, u.posToVal(77, 'x'), u.valToPos(12, 'l'), u.valToPos(12, 'l', true), u.bbox, u.scales.l.min, u.scales.l.max);
                out[`${way}, ${log ? `log ${log}` : 'linear'}${busy ? ', with points' : ''}`] = said;
                u.destroy();
            }
    return out;
}

test('what is left out is not missed', async () => {
    const [whole, ours] = await Promise.all([[], [lean]].map(async (plugins) => {
        const page = await browser.newPage(), errors = [];
        page.on('pageerror', (e) => errors.push(e.message));
        await page.setContent('<body></body>');
        await page.addScriptTag({ content: await script(plugins), type: 'module' });
        await page.waitForFunction(() => 'UPlot' in globalThis);
        const result = await page.evaluate(draw);
        assert.deepEqual(errors, []);
        return result;
    }));
    assert.equal(Object.keys(whole).length, 42);
    assert.ok(Object.values(whole).every((said) => said.includes('drawn')));
    for (const [name, said] of Object.entries(whole))
        assert.deepEqual(ours[name], said, name);
});
