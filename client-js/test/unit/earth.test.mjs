/* earth.test.mjs - the map's projection against d3-geo's, and land beyond the edge. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { geoNaturalEarth1 } from 'd3-geo';
import { drawable, Earth } from '../../dist/.js/dashboard/panels/lazy/earth.js';

const SHOWN = [[-172, 20], [180, 20], [-30, 83.5], [0, -56]];
const near = (a, b, by, words) => assert.ok(Math.abs(a - b) < by, `${words}: ${a} is not ${b}`);

test('places lie where d3 puts them', () => {
    const theirs = geoNaturalEarth1().fitExtent([[2, 2], [998, 498]], { type: 'MultiPoint', coordinates: SHOWN });
    const earth = new Earth(1000, 500, SHOWN);
    for (let lon = -179; lon < 180; lon += 17)
        for (let lat = -85; lat < 90; lat += 10) {
            const [x, y] = earth.xy([lon, lat]), [tx, ty] = theirs([lon, lat]);
            near(x, tx, 0.01, `x of ${lon} ${lat}`);
            near(y, ty, 0.01, `y of ${lon} ${lat}`);
        }
});

test('what is under the pointer is what was drawn there, nearer too; beside the map is nothing', () => {
    for (const earth of [new Earth(1000, 500, SHOWN), new Earth(1000, 500, SHOWN, [170, 50], 8)])
        for (const at of [[165, 45], [179, 55], [-175, 52]]) {
            const back = earth.lonLat(...earth.xy(at));
            near(back[0], at[0], 1e-6, 'longitude');
            near(back[1], at[1], 1e-6, 'latitude');
        }
    assert.equal(new Earth(1000, 500, SHOWN).lonLat(1, 1), null);
});

test('the middle of a nearer view is its center', () => {
    assert.deepEqual(new Earth(1000, 500, SHOWN, [100, -30], 4).xy([100, -30]).map(Math.round), [500, 250]);
});

test('land over the edge is drawn at both edges, and in one piece where the edge is elsewhere', () => {
    const moves = (earth, trace) => {
        let n = 0;
        earth.path({ moveTo: () => n++, lineTo() {}, closePath() {} }, Float32Array.from(trace), true);
        return n;
    };
    const over = [170, 60, 190, 60, 190, 70, 170, 70];
    assert.equal(moves(new Earth(1000, 500, SHOWN), over), 2);
    assert.equal(moves(new Earth(1000, 500, SHOWN, [175, 60], 2), over), 1);
    assert.equal(moves(new Earth(1000, 500, SHOWN), [10, 10, 20, 10, 20, 20]), 1);
});

test('the atlas has closed rings without jumps, also around the pole', () => {
    const { countries, borders } = drawable(JSON.parse(readFileSync('src/dashboard/panels/lazy/world.json', 'utf8')));
    assert.ok(borders.length > 500 && countries.length > 170);
    for (const { id, rings } of countries)
        for (const ring of rings)
            for (let i = 2; i < ring.length; i += 2)
                assert.ok(Math.abs(ring[i] - ring[i - 2]) <= 180 || ring[i + 1] === -90, `${id}: from ${ring[i - 2]} to ${ring[i]}`);
    const box = (id) => countries.find((c) => c.id === id).rings.flatMap((r) => [...r].filter((_, i) => i % 2 === 1));
    assert.equal(Math.min(...box('AQ')), -90);
    near(Math.max(...box('NO')), 80.6, 0.3, 'the north of Norway');
});
