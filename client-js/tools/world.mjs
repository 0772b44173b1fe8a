/* world.mjs - makes src/dashboard/panels/lazy/world.json: coasts and borders (world-atlas, 1 : 110 million) with their ISO codes, and
 * where countries and regions of clouds lie. Run when world-atlas changes: node tools/world.mjs
 *
 * Needs /usr/share/iso-codes and /usr/share/zoneinfo/zone.tab. A country's place is the middle of its largest land; of those too
 * small for the map it is their first city in zone.tab.
 */
import { geoArea, geoCentroid } from 'd3-geo';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { feature } from 'topojson-client';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (/** @type {string} */ path) => readFileSync(path, 'utf8');
const atlas = JSON.parse(read(join(root, 'node_modules/world-atlas/countries-110m.json')));
const iso = JSON.parse(read('/usr/share/iso-codes/json/iso_3166-1.json'))['3166-1'];
const UNIT = 0.1; /* degrees: a pixel of a 4K display */

/** "+4230+00131" of ISO 6709. @param {string} text @returns {[number, number]} longitude, latitude */
function zonePlace(text) {
    const [, lat, lon] = /^([+-]\d+)([+-]\d+)$/.exec(text);
    const degrees = (/** @type {string} */ s, /** @type {number} */ n) =>
        (s[0] === '-' ? -1 : 1) * (Number(s.slice(1, 1 + n)) + Number(s.slice(1 + n, 3 + n)) / 60);
    return [degrees(lon, 3), degrees(lat, 2)];
}

const cities = new Map();
for (const line of read('/usr/share/zoneinfo/zone.tab').split('\n')) {
    const [code, place] = line.split('\t');
    if (place && !code.startsWith('#') && !cities.has(code))
        cities.set(code, zonePlace(place));
}

/** The middle of the largest part: France lies in Europe. */
function middle(geometry) {
    const parts = geometry.type === 'MultiPolygon' ? geometry.coordinates : [geometry.coordinates];
    const areas = parts.map((coordinates) => ({ type: 'Polygon', coordinates })).map((p) => ({ p, area: geoArea(p) }));
    return geoCentroid(areas.reduce((a, b) => (b.area > a.area ? b : a)).p);
}

const NAMES = { Kosovo: ['XK', 'XKX'] };
const byNumber = new Map(iso.map((c) => [c.numeric, [c.alpha_2, c.alpha_3]]));
const codesOf = (geometry) => byNumber.get(geometry.id) ?? NAMES[geometry.properties.name];

const places = new Map();
for (const g of atlas.objects.countries.geometries) {
    const codes = codesOf(g);
    if (codes)
        places.set(codes[0], [codes[1], middle(feature(atlas, g).geometry)]);
}
for (const { alpha_2, alpha_3 } of iso)
    if (!places.has(alpha_2) && cities.has(alpha_2))
        places.set(alpha_2, [alpha_3, cities.get(alpha_2)]);

/* Where clouds say their regions are: longitude, latitude. */
const REGIONS = `us-east-1 -77.5 39 us-east-2 -83 40 us-west-1 -121.9 37.4 us-west-2 -119.7 45.8 us-central1 -95.9 41.3 us-east1 -80 33.2
us-east4 -77.5 39 us-west1 -121.2 45.6 ca-central-1 -73.6 45.5 northamerica-northeast1 -73.6 45.5 sa-east-1 -46.6 -23.5 southamerica-east1 -46.6 -23.5
eu-west-1 -6.3 53.3 eu-west-2 -0.1 51.5 eu-west-3 2.4 48.9 eu-central-1 8.7 50.1 eu-central-2 8.5 47.4 eu-north-1 18 59.3 eu-south-1 9.2 45.5
eu-south-2 -0.9 41.7 europe-west1 3.9 50.4 europe-west2 -0.1 51.5 europe-west3 8.7 50.1 europe-west4 6.8 53.4 europe-north1 27.2 60.6
me-south-1 50.6 26.2 me-central-1 55.3 25.2 il-central-1 34.8 32.1 af-south-1 18.4 -33.9 africa-south1 28 -26.2 ap-south-1 72.9 19.1 ap-south-2 78.5 17.4
asia-south1 72.9 19.1 ap-southeast-1 103.8 1.4 ap-southeast-2 151.2 -33.9 ap-southeast-3 106.8 -6.2 ap-southeast-4 145 -37.8
asia-southeast1 103.8 1.4 australia-southeast1 151.2 -33.9 ap-northeast-1 139.7 35.7 ap-northeast-2 127 37.6 ap-northeast-3 135.5 34.7
asia-northeast1 139.7 35.7 asia-east1 120.5 24.1 ap-east-1 114.2 22.3 asia-east2 114.2 22.3 cn-north-1 116.4 39.9 cn-northwest-1 105.2 37.5
eastus -79.8 37.4 eastus2 -78.4 36.7 westus -122.4 37.8 westus2 -119.9 47.2 centralus -93.6 41.6 northeurope -6.3 53.3 westeurope 4.9 52.4
uksouth -0.8 50.9 germanywestcentral 8.7 50.1 southeastasia 103.8 1.3 japaneast 139.8 35.7 australiaeast 151.2 -33.9 brazilsouth -46.6 -23.6
africa 20 5 antarctica 0 -82 asia 95 45 europe 15 50 northamerica -100 45 oceania 140 -25 southamerica -60 -15`;

const round = (/** @type {number} */ n) => String(Math.round(n * 10) / 10);
const list = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([code, [three, [lon, lat]]]) => `${code} ${three} ${round(lon)} ${round(lat)}`).join('\n');

/* Corners on a grid, each arc as its first corner and the steps to the next ones. Over the edge of the map steps go on: 181 is no -179. */
const { transform: { scale, translate }, arcs } = atlas;
const turned = (/** @type {number} */ n) => n - (360 / UNIT) * Math.round((n * UNIT) / 360);
const steps = arcs.map((/** @type {number[][]} */ arc) => {
    const out = [];
    let x = 0, y = 0, lon = 0, lat = 0;
    for (const [dx, dy] of arc) {
        x += dx;
        y += dy;
        const at = [Math.round((x * scale[0] + translate[0]) / UNIT), Math.round((y * scale[1] + translate[1]) / UNIT)];
        const step = out.length ? [turned(at[0] - lon), at[1] - lat] : at;
        if (out.length && !step[0] && !step[1])
            continue;
        out.push(...step);
        lon += step[0];
        lat += step[1];
    }
    return out;
});

/* Encoded polyline: see numbersOf() of lazy/earth.ts. */
function word(/** @type {number[]} */ numbers) {
    let out = '';
    for (const n of numbers) {
        let left = n < 0 ? ~(n << 1) : n << 1;
        for (; left >= 32; left >>= 5)
            out += String.fromCharCode(63 + 32 + (left & 31));
        out += String.fromCharCode(63 + left);
    }
    return out;
}

const land = atlas.objects.countries.geometries.map((g) => [codesOf(g)?.[0] ?? '', ...(g.type === 'MultiPolygon' ? g.arcs.flat() : g.arcs)]);
writeFileSync(join(root, 'src/dashboard/panels/lazy/world.json'),
    `${JSON.stringify({ unit: UNIT, arcs: steps.map(word).join(' '), land, places: list, regions: REGIONS.replaceAll('\n', ' ') })}\n`);
console.log(`${places.size} countries`);
