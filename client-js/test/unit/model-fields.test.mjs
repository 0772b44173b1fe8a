/* How values are shown: overrides, mappings, thresholds, colours, units, names of series. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { alpha, contrast, drawOn, inkOn, luminance, resolveColor, SERIES, seriesStyle, THEMES } from '../../dist/.js/dashboard/lib/color.js';
import { age, axisTexts, clockOf, dateTime, digits, formatParts, formatValue, fromNow, knowsUnit, spell, timeOfDay, timeSteps } from '../../dist/.js/dashboard/lib/format.js';
import { statusOfColor } from '../../dist/.js/dashboard/lib/glyph.js';
import { display, findMapping, knowsColorMode, mix, stepOf } from '../../dist/.js/dashboard/model/display.js';
import { absoluteSteps, fieldConfig, matches, overrides, resolveField, thresholdSteps, toRegExp } from '../../dist/.js/dashboard/model/field.js';
import { autoNames, legendName, seriesText } from '../../dist/.js/dashboard/model/legend.js';

const dark = THEMES.dark;
const HOSTILE = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf'];
const shown = (values, unit, decimals) => values.map((v) => formatValue(v, unit, decimals, 0));

describe('numbers', () => {
    test('have at most four digits that mean something, whole ones stay whole', () => {
        assert.deepEqual([0, 1, 12.3456, 123.456, 1234.56, 12345.6, 0.5, 0.012345, 1e-7, 1e15, -1.5, -0.00001, 123456789].map((v) => digits(v)),
            ['0', '1', '12.3', '123.5', '1235', '12346', '0.500', '0.0123', '1.00e−7', '1.00e+15', '−1.50', '−0.0000100', '123456789']);
    });

    test('have the decimals asked for, within reason, and never a negative nothing', () => {
        assert.deepEqual([digits(1.005, 1), digits(1, 3), digits(1.5, -2), digits(1 / 3, 99), digits(-0.001, 1), digits(-0, 0)], ['1.0', '1.000', '2', '0.333333333333333', '0.0', '0']);
    });

    test('take no decimals that no number can have', () => {
        for (const unit of ['locale', 'sci', 'bytes', 'currencyEUR', 'reqps', 's'])
            for (const decimals of [-1, -0.5, 1.5, 1e9])
                assert.match(formatValue(1.5, unit, decimals), /\d/, `${unit} ${decimals}`);
    });

    test('that are none are said to be', () => {
        assert.deepEqual([NaN, Infinity, -Infinity].map((v) => digits(v, 2)), ['NaN', '∞', '−∞']);
        for (const unit of ['', 'short', 'bytes', 'percent', 's', 'dtdurations', 'dthms', 'dateTimeAsIso', 'dateTimeFromNow', 'hex', 'hex0x', 'sci', 'locale', 'reqps', 'currencyEUR', 'sishort', 'si:X'])
            for (const [v, text] of [[NaN, /NaN/], [Infinity, /^\D?∞/], [-Infinity, /^\D?−∞/]])
                assert.match(formatValue(v, unit, null, 0), text, `${unit} ${v}`);
        assert.deepEqual([formatValue(Infinity, 'Bps'), formatValue(-Infinity, 'reqps'), formatValue(Infinity, 'kbytes')], ['∞ B/s', '−∞ req/s', '∞ KiB']);
    });
});

describe('units', () => {
    test('by size', () => {
        assert.deepEqual(shown([0, 999, 1000, 1023, 1024, 1536, 1048575, 1e12, -2048], 'bytes'), ['0 B', '999 B', '1000 B', '1023 B', '1 KiB', '1.50 KiB', '1.000 MiB', '931.3 GiB', '−2 KiB']);
        assert.deepEqual(shown([999, 1500, 1e6, 1e21], 'Bps'), ['999 B/s', '1.50 kB/s', '1 MB/s', '1000 EB/s']);
        assert.deepEqual(shown([512, 2048], 'kbytes'), ['512 KiB', '2 MiB']);
        assert.deepEqual(shown([5, 5000], 'MBs'), ['5 MB/s', '5 GB/s']);
        assert.deepEqual(shown([0.005, 0.5, 5, 5000, 1e-15], 'watt'), ['5 mW', '500 mW', '5 W', '5 kW', '0.00100 pW']);
        assert.deepEqual(shown([999, 1500, 2.5e6, 3e9, 4e12, 5e15], 'short'), ['999', '1.50K', '2.50Mil', '3Bil', '4Tri', '5Quadr']);
        assert.deepEqual(shown([12, 1234], 'reqps'), ['12 req/s', '1.23 K req/s']);
        assert.deepEqual(shown([1234567], 'currencyEUR'), ['€1.23Mil']);
    });

    test('a number that rounds up to the next size is of the next size, unless decimals are asked for', () => {
        assert.equal(formatValue(1023.99 * 1024, 'bytes'), '1.000 MiB');
        assert.equal(formatValue(1023.99 * 1024, 'bytes', 1), '1024.0 KiB');
    });

    test('times', () => {
        assert.deepEqual(shown([0, 0.0005, 0.0123, 1, 59.9999, 90, 3600, 86400, 31536000], 's'), ['0 s', '500 µs', '12.3 ms', '1 s', '1.000 min', '1.50 min', '1 h', '1 d', '1 y']);
        assert.deepEqual(shown([1500, 0, 0.001], 'ms'), ['1.50 s', '0 ms', '1 µs']);
        assert.deepEqual(shown([2e-3], 'ns'), ['0.00200 ns']);
        assert.deepEqual([0, 1, 61, 3605, 90061, -120, 59.7].map(spell), ['0 seconds', '1 second', '1 minute 1 second', '1 hour', '1 day 1 hour', '−2 minutes', '1 minute']);
        assert.deepEqual([0.5, 0.001, -0.0123, 0.9994, 0.9996, 0.057, -0.001].map(spell), ['500 milliseconds', '1 millisecond', '−12.3 milliseconds', '999 milliseconds', '1 second', '57 milliseconds', '−1 millisecond']);
        assert.deepEqual([formatValue(0.25, 'dtdurations'), formatValue(3, 'dtdurationms'), formatValue(5, 'timeticks')], ['250 milliseconds', '3 milliseconds', '50 milliseconds']);
        assert.deepEqual([clockOf(3723), clockOf(90061), clockOf(90061, true), clockOf(-61)], ['01:02:03', '25:01:01', '1d 01:01:01', '−00:01:01']);
        assert.deepEqual(shown([90061, 90061000], 'dtdurations')[0], '1 day 1 hour');
        assert.deepEqual([formatValue(61e3, 'dtdurationms'), formatValue(61, 'dthms'), formatValue(90061, 'dtdhms'), formatValue(61, 'clocks'), formatValue(61e3, 'clockms'), formatValue(6100, 'timeticks')], ['1 minute 1 second', '00:01:01', '1d 01:01:01', '00:01:01', '00:01:01', '1 minute 1 second']);
    });

    test('dates, and how far they are', () => {
        const noon = new Date(2026, 2, 1, 12, 5, 9).getTime();
        assert.equal(dateTime(noon), '2026-03-01 12:05:09');
        assert.equal(dateTime(9e15), '9.00e+15');
        assert.deepEqual([timeOfDay(noon), timeOfDay(noon, false)], ['12:05:09', '12:05']);
        assert.equal(formatValue(noon, 'dateTimeAsIsoNoDateIfToday', null, noon + 1000), '12:05:09');
        assert.equal(formatValue(noon, 'dateTimeAsIsoNoDateIfToday', null, noon + 9e8), '2026-03-01 12:05:09');
        assert.equal(formatValue(noon, 'time:YYYY'), '2026-03-01 12:05:09');
        assert.deepEqual([0, 1000, -5000, -90_000, 7200_000, -864e5 * 400].map((d) => fromNow(noon + d, noon)), ['now', 'now', '5 seconds ago', '2 minutes ago', 'in 2 hours', '1 year ago']);
    });

    test('words, codes and own ones', () => {
        assert.deepEqual([formatValue(1, 'bool'), formatValue(0, 'bool_yes_no'), formatValue(1, 'bool_on_off'), formatValue(0, 'bool:alive/dead'), formatValue(0, 'bool:x')], ['True', 'No', 'On', 'dead', '']);
        assert.deepEqual([formatValue(255.9, 'hex'), formatValue(255, 'hex0x'), formatValue(12345, 'sci'), formatValue(12345, 'sci', 1)], ['FF', '0xFF', '1.23e+4', '1.2e+4']);
        assert.equal(formatValue(1234.5, 'locale', 2).replace(/\P{Nd}/gu, ''), (123450).toLocaleString(undefined, { useGrouping: false }) /* not everybody's digits are these */);
        assert.deepEqual([formatValue(5, 'suffix:users'), formatValue(5, 'prefix:#'), formatValue(5000, 'si:m'), formatValue(5000, 'count:jobs'), formatValue(5000, 'currency:CHF')], ['5 users', '#5', '5 km', '5 K jobs', 'CHF5K']);
        assert.deepEqual([formatValue(12, 'percent'), formatValue(0.123, 'percentunit', 1), formatValue(3, 'celsius'), formatValue(null, 'percent')], ['12%', '12.3%', '3°C', '–']);
    });

    test('without one, thousands are shortened from ten on', () => {
        assert.deepEqual([shown([9999, 12345], '')], [['9999', '12.3K']]);
    });

    test('unknown ones stand behind the number; names every object has are no units', () => {
        assert.equal(formatValue(5, 'parsecs'), '5 parsecs');
        for (const unit of HOSTILE) {
            assert.equal(knowsUnit(unit), false, unit);
            assert.deepEqual(formatParts(5, unit), { prefix: '', text: '5', suffix: unit });
        }
        assert.ok(['', 'bytes', 'suffix:x', 'none'].every(knowsUnit));
    });

    test('marks of time lie where people count it, in the unit of the values', () => {
        const above = (unit, raw) => timeSteps(unit).find((step) => step >= raw);
        assert.deepEqual([above('s', 250), above('s', 0.3), above('ms', 250_000), above('m', 25), above('h', 5), above('s', 50_000), above('s', 1e6), above('ns', 30), above('d', 3)], [300, 0.5, 300_000, 30, 6, 86_400, 1_728_000, 50, 5]);
        for (const unit of ['s', 'ms', 'd'])
            assert.deepEqual([...timeSteps(unit)].sort((a, b) => a - b), timeSteps(unit));
        assert.deepEqual([timeSteps('bytes'), timeSteps(''), timeSteps('constructor')], [null, null, null]);
    });

    test('on an axis: the decimals of the step, all alike', () => {
        const texts = (values, unit, decimals = null) => axisTexts(values, unit, decimals).join(' | ');
        assert.equal(texts([0, 0.25, 0.5, 0.75, 1], ''), '0.00 | 0.25 | 0.50 | 0.75 | 1.00');
        assert.equal(texts([0, 5, 10], '', 2), '0 | 5 | 10');
        assert.equal(texts([0, 0.0002, 0.0004], 'percentunit'), '0.00% | 0.02% | 0.04%');
        assert.equal(texts([0, 500, 1000, 1500], 'Bps'), '0 B/s | 500 B/s | 1.0 kB/s | 1.5 kB/s');
        assert.equal(texts([-5e5, 0, 5e5], 'Bps'), '−500 kB/s | 0 B/s | 500 kB/s');
        assert.equal(texts([0, 0.0002, 0.0004], 's'), '0 s | 200 µs | 400 µs');
        assert.equal(texts([0.1, 0.2, 0.30000000000000004], ''), '0.1 | 0.2 | 0.3');
        assert.equal(texts([1, 1.001, 1.002], '', 1), '1.000 | 1.001 | 1.002');
        assert.equal(texts([0, 1], 'bool_yes_no'), 'No | Yes');
    });
    test('ages', () => {
        assert.deepEqual([-5, 42_000, 3_599_000, 3_600_000, 100_000_000, 864e5 * 3].map(age), ['00:00', '00:42', '59:59', '1 h 0 min', '27 h 46 min', '3 d']);
    });
});

describe('colours', () => {
    test('by name, ours; as they are; else the fallback', () => {
        assert.deepEqual(['green', 'dark-red', 'semi-dark-orange', 'super-light-blue', 'text', 'transparent', '#abc', 'rgb(1,2,3)', 'mauve', '', undefined].map((c) => resolveColor(c, dark, 'F')),
            ['#58D58D', '#F0480F', '#FFEB3B', '#3B82FB', '#E6EDF3', 'transparent', '#abc', 'rgb(1,2,3)', 'F', 'F', 'F']);
        for (const name of HOSTILE) {
            assert.equal(resolveColor(name, dark, 'F'), 'F');
            assert.equal(statusOfColor(name), null);
        }
    });

    test('mean a state by their names, or as traffic lights do', () => {
        assert.deepEqual(['green', 'light-yellow', 'orange', 'dark-red', 'blue', 'purple', 'mauve', undefined].map(statusOfColor), ['ok', 'warning', 'warning', 'critical', 'info', 'maintenance', null, null]);
        assert.deepEqual(['rgba(50, 172, 45, 0.97)', 'rgba(237, 129, 40, 0.89)', 'rgba(245, 54, 54, 0.9)', '#F2495C', '#EAB839', '#299c46', '#d44a3a'].map(statusOfColor), ['ok', 'warning', 'critical', 'critical', 'warning', 'ok', 'critical']);
        assert.deepEqual(['#1F60C4', '#B877D9', '#808080', '#000000', '#ffffff', '#052B51', '#200000', '#f00', 'rgb(x)'].map(statusOfColor), Array(9).fill(null));
    });

    test('contrast as WCAG counts it', () => {
        assert.equal(contrast('#000', '#fff'), 21);
        assert.equal(contrast('#777777', '#777777'), 1);
        assert.ok(Math.abs(luminance('#808080') - 0.2159) < 0.001);
        assert.deepEqual([inkOn('#FFEB3B'), inkOn('#18417D')], ['#000000', '#FFFFFF']);
    });

    test('texts and states are told from their ground in both themes', () => {
        for (const t of Object.values(THEMES)) {
            for (const [name, least] of [['text', 7], ['dim', 4.5], ['stale', 4.5]])
                assert.ok(contrast(t[name], t.panel) >= least, `${t.name} ${name}: ${contrast(t[name], t.panel)}`);
            for (const [status, color] of Object.entries(t.status))
                assert.ok(contrast(color, t.panel) >= 3, `${t.name} ${status}: ${contrast(color, t.panel)}`);
        }
    });

    test('that let through what is below', () => {
        assert.deepEqual([alpha('#fff', 0.5), alpha('#01020380', 0.2), alpha('rgba(1, 2, 3, 0.9)', 0.2), alpha('transparent', 1)], ['rgba(255,255,255,0.5)', 'rgba(1,2,3,0.2)', 'rgba(1, 2, 3,0.2)', 'transparent']);
    });

    test('of series: each with a dash of its own', () => {
        assert.equal(new Set(SERIES.map((s) => s.dash.join())).size, SERIES.length);
        assert.deepEqual(seriesStyle(SERIES.length + 1), SERIES[1]);
    });

    test('of series stand out from both grounds', () => {
        for (const theme of ['light', 'dark']) {
            drawOn(theme);
            SERIES.forEach((s, i) => assert.ok(contrast(seriesStyle(i).color, THEMES[theme].panel) >= 3, `${theme} ${i}: ${contrast(seriesStyle(i).color, THEMES[theme].panel)}`));
        }
    });

    test('between colours', () => {
        assert.deepEqual([mix(['#000000', '#ffffff'], 0.5), mix(['#000000', '#ffffff'], -1), mix(['#000000', '#808080', '#ffffff'], 2), mix(['#123456'], 0.5), mix([], 0)], ['#808080', '#000000', '#ffffff', '#123456', '#888888']);
    });
});

describe('fields', () => {
    const base = fieldConfig({ unit: 's', decimals: '2', min: 0, max: 'x', thresholds: { mode: 'percentage', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] }, custom: { stacking: { mode: 'none', group: 'A' }, lineWidth: 1 } });

    test('as documents have them', () => {
        assert.deepEqual([base.unit, base.decimals, base.min, base.max, base.noValue], ['s', 2, 0, null, '']);
        assert.equal(fieldConfig({ displayNameFromDS: 'd' }).displayName, 'd');
        assert.deepEqual(fieldConfig({}).thresholds, { mode: 'absolute', steps: [] });
    });

    test('thresholds ascend, the first from below everything; percent are of the range', () => {
        assert.deepEqual(thresholdSteps([{ color: 'green', value: 0 }, { color: 'red', value: 9 }, { value: 5 }, 'x']), [{ value: 0, color: 'green' }, { value: 5, color: 'green' }, { value: 9, color: 'red' }]);
        assert.deepEqual(thresholdSteps([{ color: 'blue', value: null }])[0], { value: -Infinity, color: 'blue' });
        assert.deepEqual(absoluteSteps(base, 100, 200).map((s) => s.value), [-Infinity, 180]);
        assert.equal(absoluteSteps(fieldConfig({ thresholds: { steps: [{ value: 3 }] } }), 100, 200)[0].value, 3);
    });

    test('overrides match by name, pattern, type, query, names', () => {
        const f = { name: 'cpu 0', refId: 'B', type: 'number' };
        const hit = (id, options) => matches({ id, options }, f);
        assert.deepEqual([hit('byName', 'cpu 0'), hit('byName', 'cpu'), hit('byRegexp', '/CPU/i'), hit('byRegexp', '^cpu'), hit('byRegexp', '/(/'), hit('byType', 'number'), hit('byType', 'time'), hit('byFrameRefID', 'B'), hit('byNames', { names: ['x'] }), hit('byNames', { mode: 'exclude', names: ['x'] }), hit('byMagic', 1)],
            [true, false, true, true, false, true, false, true, false, true, false]);
    });

    test('a pattern is the same at each use, and what is none is null', () => {
        const r = toRegExp('/a/g');
        assert.deepEqual([r.test('a'), r.test('a'), toRegExp('[')], [true, true, null]);
    });

    test('overrides change what they name and leave the rest, in order, also deep in custom', () => {
        const all = overrides({ fieldConfig: { overrides: [
            { matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'unit', value: 'bytes' }, { id: 'custom.stacking.mode', value: 'normal' }, { id: 'custom.width', value: 5 }, { id: 'links', value: [{ title: 'L', url: '/x' }] }] },
            { matcher: { id: 'byRegexp', options: '.*' }, properties: [{ id: 'unit', value: 'bits' }, { id: 'min', value: null }, { id: 'thresholds', value: { mode: 'absolute', steps: [{ color: 'red', value: 0 }] } }, { id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } }] },
            { matcher: { id: 'byName', options: 'other' }, properties: [{ id: 'unit', value: 'no' }, { id: 'noValue' }] }] } });
        const f = resolveField(base, all, { name: 'a', refId: 'A', type: 'number' });
        assert.deepEqual([f.unit, f.min, f.decimals, f.thresholds, f.color, f.links[0].title], ['bits', null, 2, { mode: 'absolute', steps: [{ value: 0, color: 'red' }] }, { mode: 'fixed', fixed: 'blue' }, 'L']);
        assert.deepEqual(f.custom, { stacking: { mode: 'normal', group: 'A' }, lineWidth: 1, width: 5 });
        assert.equal(resolveField(base, [], { name: 'a', refId: 'A', type: 'number' }), base);
        assert.deepEqual(base.custom, { stacking: { mode: 'none', group: 'A' }, lineWidth: 1 });
    });
});

describe('mappings', () => {
    const of = (...mappings) => fieldConfig({ mappings }).mappings;
    const text = (mappings, v) => findMapping(mappings, v)?.text;

    test('of every kind, exact values first', () => {
        const all = of({ type: 'range', options: { from: 0, to: 10, result: { text: 'low' } } }, { type: 'value', options: { 5: { text: 'five' }, up: { text: 'UP' }, null: { text: 'nothing' } } },
            { type: 'regex', options: { pattern: '/^e(.*)/', result: { text: 'error $1' } } }, { type: 'special', options: { match: 'nan', result: { text: 'no number' } } }, { type: 'special', options: { match: 'empty', result: { text: 'blank' } } });
        assert.deepEqual([5, 5.0, 7, 11, 'up', 'e42', NaN, '', null, '7'].map((v) => text(all, v)), ['five', 'five', 'low', undefined, 'UP', 'error $1', 'no number', 'blank', 'nothing', 'low']);
    });

    test('the first that fits, in the order of the document', () => {
        const a = { type: 'regex', options: { pattern: '1', result: { text: 'pattern' } } }, b = { type: 'range', options: { from: null, to: null, result: { text: 'range' } } };
        assert.deepEqual([text(of(a, b), 1), text(of(b, a), 1)], ['pattern', 'range']);
    });

    test('special values', () => {
        const hit = (match, v) => findMapping(of({ type: 'special', options: { match, result: { text: 'x' } } }), v) !== null;
        assert.deepEqual([hit('null', null), hit('null', NaN), hit('nan', NaN), hit('nan', null), hit('null+nan', null), hit('null+nan', NaN), hit('null+nan', 0), hit('true', 1), hit('true', 'true'), hit('true', 0), hit('false', 0), hit('other', 1)],
            [true, false, true, false, true, true, false, true, true, false, true, false]);
    });

    test('as before Grafana 8; unknown ones are none', () => {
        const old = of({ value: 'null', text: 'N/A' }, { type: 1, value: '1', text: 'one' }, { type: 2, from: '2', to: '5', text: 'some' }, { type: 1 }, { type: 'psychic' });
        assert.deepEqual([text(old, 1), text(old, 3), text(old, null), old.length], ['one', 'some', 'N/A', 3]);
    });

    test('a broken pattern fits nothing, a thousand patterns are no memory for ever', () => {
        assert.equal(findMapping(of({ type: 'regex', options: { pattern: '/(/', result: {} } }), 'x'), null);
        for (let i = 0; i < 1200; i++)
            assert.ok(findMapping(of({ type: 'regex', options: { pattern: `^${i}$`, result: { text: 'y' } } }), i));
    });
});

describe('what is shown of a value', () => {
    const config = (more = {}) => fieldConfig({ unit: 'percent', min: 0, max: 100, color: { mode: 'thresholds' }, thresholds: { steps: [{ color: 'green', value: null }, { color: 'yellow', value: 60 }, { color: 'red', value: 80 }] }, ...more });

    test('number, unit, colour, state, place in its range', () => {
        assert.deepEqual(display(85.25, config(), dark), { prefix: '', text: '85.3', suffix: '%', full: '85.3%', color: '#F0480F', status: 'critical', part: 0.8525 });
        assert.deepEqual([59.9, 60, -5, 500].map((v) => [display(v, config(), dark).status, display(v, config(), dark).part]), [['ok', 0.599], ['warning', 0.6], ['ok', 0], ['critical', 1]]);
    });

    test('nothing, NaN, text', () => {
        assert.deepEqual([display(null, config(), dark).full, display(null, config({ noValue: 'none yet' }), dark).full, display(NaN, config(), dark).full, display('text', config(), dark).full], ['–', 'none yet', 'NaN%', 'text']);
        assert.deepEqual(display(NaN, config(), dark), { prefix: '', text: 'NaN', suffix: '%', full: 'NaN%', color: '', status: null, part: 0 });
    });

    test('mapped text, with groups of its pattern, and colour', () => {
        const mapped = config({ mappings: [{ type: 'regex', options: { pattern: '^8(\\d)', result: { text: 'eighty-$1', color: 'blue' } } }, { type: 'value', options: { 7: { color: 'purple' } } }] });
        const d = display(85, mapped, dark);
        assert.deepEqual([d.full, d.color, d.status], ['eighty-5', '#3B82FB', 'info']);
        assert.deepEqual([display(7, mapped, dark).full, display(7, mapped, dark).status], ['7%', 'maintenance']);
    });

    test('colours by mode', () => {
        const color = (mode, v = 50, options = {}) => display(v, config({ color: { mode, fixedColor: 'red' } }), dark, options);
        assert.deepEqual([color('fixed').color, color('shades').status, color('palette-classic', 1, { index: 1 }).color, color('palette-classic').color, color('').status], ['#F0480F', null, SERIES[1].color, '', 'ok']);
        assert.equal(color('continuous-GrYlRd').color, '#ffeb3b');
        assert.equal(display(5, fieldConfig({ color: { mode: 'continuous-blues' } }), dark, { min: 5, max: 5 }).color, '#0e2a4a');
        assert.deepEqual(HOSTILE.map((m) => [knowsColorMode(m), color(m).status]), HOSTILE.map(() => [false, 'ok']));
        assert.equal(display(1, config({ color: { mode: 'fixed' } }), dark).color, dark.text);
    });

    test('one threshold alone is no judgement; below all there is none', () => {
        assert.equal(display(5, config({ thresholds: { steps: [{ color: 'green', value: null }] } }), dark).status, null);
        assert.equal(display(5, config({ thresholds: { steps: [{ color: 'green', value: 10 }] } }), dark).color, '');
        assert.equal(stepOf(config(), 61, 0, 100).index, 1);
    });
});

describe('names of series', () => {
    test('by format', () => {
        const labels = { __name__: 'up', job: 'api', instance: 'a:1' };
        assert.deepEqual(['{{job}} on {{ instance }}', '{{gone}}x', '__auto', '', 'plain', '{{constructor}}', '{{__name__}}'].map((f) => legendName(f, labels)), ['api on a:1', 'x', '', '', 'plain', '', 'up']);
    });

    test('as PromQL writes them', () => {
        assert.deepEqual([seriesText({ __name__: 'up', b: '2', a: '1' }), seriesText({ a: '1' }), seriesText({ __name__: 'up' }), seriesText({})], ['up{a="1", b="2"}', '{a="1"}', 'up', '']);
    });

    test('by what tells them apart', () => {
        assert.deepEqual(autoNames([{ __name__: 'up', job: 'a' }], 'up'), ['up']);
        assert.deepEqual(autoNames([{ job: 'a' }], 'sum(x)'), ['a']);
        assert.deepEqual(autoNames([{ job: 'a', x: '1' }], 'e'), ['{job="a", x="1"}']);
        assert.deepEqual(autoNames([{}], 'sum(x)'), ['sum(x)']);
        assert.deepEqual(autoNames([], 'e'), []);
        assert.deepEqual(autoNames([{ __name__: 'up', job: 'a', z: 's' }, { __name__: 'up', job: 'b', z: 's' }], 'e'), ['a', 'b']);
        assert.deepEqual(autoNames([{ a: '1', b: '1' }, { a: '2', b: '2' }, { a: '3' }], 'e'), ['a="1", b="1"', 'a="2", b="2"', 'a="3"']);
        assert.deepEqual(autoNames([{ a: '1' }, {}], 'e'), ['1', 'e']);
        assert.deepEqual(autoNames([{ a: '1' }, { a: '1' }], 'e'), ['e', 'e']);
    });
});
