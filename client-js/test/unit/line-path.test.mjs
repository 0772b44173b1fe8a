/* Lines of more points than pixels: what is left of them, where they break, what stands on the ground. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { linePath } from '../../dist/.js/dashboard/panels/line-path.js';

before(() => {
    globalThis.Path2D = class {
        steps = [];
        moveTo(...at) { this.steps.push(['M', ...at]); }
        lineTo(...at) { this.steps.push(['L', ...at]); }
    };
});

/** A chart of 10 × 100 pixels over values 0 to 100, and 40 moments. */
function chart(column, series = {}, scale = {}) {
    const u = {
        bbox: { left: 0, top: 0, width: 10, height: 100 }, data: [column.map((_, i) => i), column],
        scales: { x: { min: 0, max: 40 }, y: { min: 0, max: 100, distr: 1, ...scale } }, series: [{}, { scale: 'y', dash: [1, 2], ...series }],
        valToPos: (v) => 100 - 50 * Math.log10(v),
    };
    return { u, draw: (usual = () => 'usual', dash = [1, 2], banded = false) => linePath(usual, dash, banded)(u, 1, 0, column.length - 1) };
}

test('a column keeps its least and its greatest value, in their order', () => {
    const { draw } = chart(Array.from({ length: 41 }, (_, i) => (i === 3 ? 90 : i === 4 ? 10 : i === 15 ? 0 : i === 16 ? 100 : 50)));
    const { stroke, fill } = draw();
    assert.equal(fill, null);
    const at = (x) => stroke.steps.filter(([, px]) => px === x).map(([kind, , y]) => [kind, y]);
    assert.deepEqual(at(0), [['M', 50]]);
    assert.deepEqual(at(1), [['L', 10], ['L', 90]], 'first up, then down');
    assert.deepEqual(at(4), [['L', 100], ['L', 0]], 'first down, then up');
    assert.ok(stroke.steps.length <= 2 * 11);
});

test('a gap breaks line and area, a moment of another query does not', () => {
    const { draw } = chart(Array.from({ length: 41 }, (_, i) => (i >= 14 && i < 26 ? null : i % 3 ? undefined : 20)), { fill: 'red' });
    const { stroke, fill } = draw();
    assert.equal(stroke.steps.filter(([kind]) => kind === 'M').length, 2);
    assert.deepEqual(fill.steps.filter(([kind, , y]) => kind === 'M' && y === 100).length, 2);
    assert.equal(fill.steps.filter(([kind, , y]) => kind === 'L' && y === 100).length, 2, 'each part goes back to the ground');
    assert.ok(!stroke.steps.some(([, x]) => x > 4 && x < 6));
    const joined = chart(Array.from({ length: 41 }, (_, i) => (i >= 14 && i < 26 ? null : 20)), { spanGaps: true }).draw();
    assert.equal(joined.stroke.steps.filter(([kind]) => kind === 'M').length, 1);
});

test('an area reaches the value that is farther from the ground, which stays in sight', () => {
    const { draw } = chart(Array.from({ length: 41 }, (_, i) => (i % 2 ? 10 : -40)), { fill: 'red' }, { min: -50, max: 50 });
    assert.ok(draw().fill.steps.slice(1, -1).every(([, , y]) => y === 90), 'down to −40');
    const above = chart(Array.from({ length: 41 }, () => 70), { fill: 'red' }, { min: 60, max: 80 }).draw().fill.steps;
    assert.deepEqual([above[0][2], above.at(-1)[2]], [100, 100], 'zero is far below the plot');
});

test('a logarithmic axis places values, and grounds areas, as it does', () => {
    const { draw } = chart(Array.from({ length: 41 }, () => 10), { fill: 'red' }, { min: 1, max: 100, distr: 3 });
    assert.equal(draw().stroke.steps[0][2], 50);
    assert.equal(draw().fill.steps[0][2], 100);
});

test('few points, and edges of areas, are drawn in the usual way', () => {
    assert.equal(chart([1, 2, 3]).draw(), 'usual');
    assert.equal(chart(Array.from({ length: 41 }, () => 1)).draw(undefined, undefined, true), 'usual');
});

test('teeth have no dashes; a calm line gets them back', () => {
    const { u, draw } = chart(Array.from({ length: 41 }, (_, i) => (i % 2 ? 20 : 60)));
    draw();
    assert.deepEqual(u.series[1].dash, []);
    u.data[1] = u.data[0].map(() => 50);
    draw();
    assert.deepEqual(u.series[1].dash, [1, 2]);
});
