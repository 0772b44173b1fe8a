/* shell.test.mjs - the parts of the shell that need no page: what lies above a dashboard, what a search finds, tokens in links. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DataHub, Source } from '../../dist/.js/dashboard/data.js';
import { ancestors, levelOf, plainTags } from '../../dist/.js/dashboard/crumbs.js';
import { loadDashboard } from '../../dist/.js/dashboard/model/forms.js';
import { PanelQueries } from '../../dist/.js/dashboard/panel-data.js';
import { tokenOf } from '../../dist/.js/dashboard/login.js';
import { hrefOf, matching } from '../../dist/.js/dashboard/picker-box.js';

const stored = (uid, title, ...tags) => ({ uid, title, tags, version: 0, shipped: true });
const ALL = [
    stored('host-overview', 'Host overview', 'level:overview', 'host'),
    stored('shop', 'Shop', 'level:overview', 'shop'),
    stored('payments', 'Payments', 'level:domain', 'shop', 'pay'),
    stored('stock', 'Stock', 'level:domain', 'shop'),
    stored('card', 'Card readers', 'level:drilldown', 'shop', 'pay'),
    stored('mine', 'My own'),
];
const names = (found) => found.map((d) => d.uid);
const above = (uid) => {
    const d = ALL.find((s) => s.uid === uid);
    return names(ancestors({ ...d, level: levelOf(d.tags) }, ALL));
};

describe('breadcrumbs', () => {
    test('at each level above, the one that shares most tags', () => assert.deepEqual(above('card'), ['shop', 'payments']));
    test('an overview has nothing above it, and home is not above itself', () => {
        assert.deepEqual(above('shop'), []);
        assert.deepEqual(above('host-overview'), []);
    });
    test('one that shares nothing is below home', () => assert.deepEqual(above('mine'), ['host-overview']));
    test('without a level it is custom; the level is no tag to people', () => {
        assert.equal(levelOf(['x', 'level:strange']), 'custom');
        assert.deepEqual(plainTags(['level:domain', 'shop']), ['shop']);
    });
});

describe('searching', () => {
    test('every word is in the title, a tag or the address', () => {
        assert.deepEqual(names(matching(ALL, 'SHOP pay')), ['payments', 'card']);
        assert.deepEqual(names(matching(ALL, '  ')).length, ALL.length);
        assert.deepEqual(matching(ALL, 'shop nothing'), []);
    });
    test('home is at /, others below /d/', () => {
        assert.equal(hrefOf(ALL[0]), '/');
        assert.equal(hrefOf(stored('a b', 'x')), '/d/a%20b');
    });
});

describe('links with a token', () => {
    test('the token goes out of the address, the rest stays', () => {
        assert.deepEqual(tokenOf('#token=abc'), { token: 'abc', rest: '' });
        assert.deepEqual(tokenOf('#a=1&token=x%20y&kiosk'), { token: 'x y', rest: '#a=1&kiosk' });
        assert.deepEqual(tokenOf(''), { token: '', rest: '' });
    });
});

describe('a source whose values do not change', () => {
    const make = () => {
        const source = new Source({ expr: 'up', intervalMs: 1000, historyMs: 60_000, to: null });
        const series = [{ labels: { i: '0' }, key: '{i="0"}' }];
        source.take({ kind: 'full', changed: null, reset: true, time: 10_000, offset: 1, points: [[10_000, [7]]], series, values: [7], value: 7, ended: [], leftOut: 0 });
        return source;
    };
    const ends = (source) => source.ring.timesView().at(-1);
    test('goes on with the server\'s clock', () => {
        const source = make();
        source.advance(15_000, false);
        assert.deepEqual([ends(source), source.knownAt, source.time], [15_000, 15_000, 10_000]);
    });
    test('stands still while the server is behind, and says so once', () => {
        const source = make();
        let told = 0;
        source.listeners.add(() => told++);
        source.advance(15_000, true);
        source.advance(16_000, true);
        assert.deepEqual([ends(source), source.knownAt, source.late, told], [10_000, 10_000, true, 1]);
        source.advance(17_000, false);
        assert.deepEqual([ends(source), source.late], [17_000, false]);
    });
    test('that ended before it was asked for is old, not new', () => {
        const source = new Source({ expr: 'up', intervalMs: 1000, historyMs: 60_000, to: null });
        const series = ['0', '1', '2'].map((i) => ({ labels: { i }, key: `{i="${i}"}` }));
        source.take({ kind: 'full', changed: null, reset: true, time: 10_000, offset: 1, points: [[8000, [3, 1, null]], [9000, [4, 2, null]], [10_000, [null, 3, null]]], series, values: [null, 3, null], value: 3, ended: [], leftOut: 0 });
        assert.deepEqual(source.series.map((s) => [s.last, s.lastTime, s.stale]), [[4, 9000, true], [3, 10_000, false], [null, 0, false]]);
    });
    test('is a line of the past when it has no slot any more', () => {
        const source = new Source({ expr: 'up', intervalMs: 1000, historyMs: 60_000, to: null });
        const series = [{ labels: { i: '0' }, key: '{i="0"}' }];
        const ended = [{ labels: { i: '1' }, points: [[8000, 5], [9000, null]] }, { labels: { i: '0' }, points: [[1000, 9]] }];
        source.take({ kind: 'full', changed: null, reset: true, time: 10_000, offset: 1, points: [[8000, [3]], [9000, [4]], [10_000, [6]]], ended, series, values: [6], value: 6, leftOut: 0 });
        assert.deepEqual(source.series.map((s) => [s.gone, s.last, [...source.ring.columnView(s.column)]]), [[false, 6, [3, 4, 6]], [true, null, [5, NaN, NaN]]]);
        /* Where there is no room for all, what has ended gives way to what lives. */
        const crowd = Array.from({ length: 2000 }, (_, i) => ({ labels: { n: `${i}` }, points: [[8000, i]] }));
        const full = new Source({ expr: 'up', intervalMs: 1000, historyMs: 60_000, to: null });
        full.take({ kind: 'full', changed: null, reset: true, time: 10_000, offset: 1, points: [[8000, [3]], [10_000, [6]]], ended: crowd, series, values: [6], value: 6, leftOut: 0 });
        assert.deepEqual([full.series.length, full.refused, full.refusedEnded], [1000, 0, 1001]);
        const born = { labels: { i: 'new' }, key: '{i="new"}' };
        full.take({ kind: 'update', changed: [1], reset: false, time: 11_000, offset: 2, points: [[11_000, [6, 8]]], ended: [], series: [...series, born], values: [6, 8], value: 14, leftOut: 0 });
        const shown = full.series.find((s) => s.key === born.key);
        assert.deepEqual([full.series.length, shown.last, [...full.ring.columnView(shown.column)].filter((v) => !Number.isNaN(v)), full.refused], [1000, 8, [8], 0]);
        /* Comes back: the line goes on in its column. */
        source.take({ kind: 'update', changed: [1], reset: false, time: 11_000, offset: 2, points: [[11_000, [6, 7]]], ended: [], series: [...series, { labels: { i: '1' }, key: '{i="1"}' }], values: [6, 7], value: 13, leftOut: 0 });
        assert.deepEqual(source.series.map((s) => [s.gone, s.last, [...source.ring.columnView(s.column)]]), [[false, 6, [3, 4, 6, 6]], [false, 7, [5, NaN, NaN, 7]]]);
    });
});

test('half of what a session may ask is for panels in sight; a panel out of sight can give its queries back', () => {
    const told = {};
    const hub = new DataHub({ on: (event, f) => (told[event] = f), subscribe: () => ({ on() {}, unsubscribe() {} }) }, {});
    const ask = (expr) => hub.acquire({ expr, intervalMs: 1000, historyMs: 0, to: null }, () => {});
    told.welcome({ limits: { subscriptions: 4 } });
    const held = [ask('a')];
    assert.equal(hub.room(0.5), true);
    held.push(ask('b'));
    assert.equal(hub.room(0.5), false);
    held[0].release();
    assert.equal(hub.room(0.5), true);
    const { dashboard } = loadDashboard({ title: 'T', panels: [{ type: 'stat', targets: [{ refId: 'A', expr: 'up' }] }] });
    const queries = new PanelQueries(dashboard.panels[0], { hub, now: () => 0, range: () => ({ from: 'now-1m', to: 'now' }), variables: () => new Map(), lostSince: () => 0, scrapeMs: 0 }, () => {});
    const states = [queries.asking, hub.size];
    queries.refresh(300);
    states.push(queries.asking, hub.size);
    queries.release();
    assert.deepEqual([...states, queries.asking, hub.size], [false, 1, true, 2, false, 1]);
});

describe('panels out of sight where there is no room', () => {
    const { dashboard } = loadDashboard({ title: 'T', panels: [{ type: 'stat', targets: [{ refId: 'A', expr: 'up' }] }] });
    const asking = (range) => {
        const state = { used: 1, now: 0, lost: 0, asked: 0, held: 0, source: null };
        const acquire = (spec) => {
            state.asked++;
            state.held++;
            return { source: (state.source = new Source(spec)), release: () => state.held-- };
        };
        const hub = { acquire, room: (part) => state.used < part };
        const queries = new PanelQueries(dashboard.panels[0], { hub, now: () => (state.now += 1000), range: () => range, variables: () => new Map(), lostSince: () => state.lost, scrapeMs: 0 }, () => {});
        return { state, seen: (inSight, again = false, bad = false) => (queries.ask(300, inSight, again, bad), [state.asked, state.held]) };
    };
    test('ask when they come into sight, and give back when they leave it', () => {
        const { state, seen } = asking({ from: 'now-1m', to: 'now' });
        assert.deepEqual([seen(false), seen(true), seen(true), seen(false)], [[0, 0], [1, 1], [1, 1], [1, 0]]);
        state.used = 0;
        assert.deepEqual([seen(false), seen(true), seen(false)], [[2, 1], [2, 1], [2, 1]]);
    });
    test('are kept longer where something is bad', () => {
        const { state, seen } = asking({ from: 'now-1m', to: 'now' });
        state.used = 0.6;
        assert.deepEqual([seen(true), seen(false, false, true), seen(false)], [[1, 1], [1, 1], [1, 0]]);
        state.used = 0.8;
        assert.deepEqual([seen(true), seen(false, false, true)], [[2, 1], [2, 0]]);
    });
    test('keep what cannot be had again while the connection is lost', () => {
        const { state, seen } = asking({ from: 'now-1m', to: 'now' });
        seen(true);
        state.source.loaded = true;
        state.lost = 1;
        assert.deepEqual([seen(false), seen(true), seen(false, true)], [[1, 1], [1, 1], [1, 0]]);
        assert.deepEqual([seen(true), seen(false)], [[2, 1], [2, 0]], 'what has no answer is not kept');
    });
    test('the past is asked once, however often it is scrolled by, until the time shown is another', () => {
        const { state, seen } = asking({ from: 'now/d', to: 'now' });
        seen(true);
        state.source.loaded = true;
        assert.deepEqual([seen(true), seen(false), seen(true)], [[1, 1], [1, 1], [1, 1]]);
        assert.deepEqual([seen(true, true), seen(false, true)], [[2, 1], [2, 0]]);
        state.used = 0;
        assert.deepEqual([seen(true), seen(false), seen(true)], [[3, 1], [3, 1], [3, 1]]);
    });
});

test('a panel the server is behind with tells its age after two intervals, and looks old after five', () => {
    const { dashboard } = loadDashboard({ title: 'T', panels: [{ type: 'stat', targets: [{ refId: 'A', expr: 'up' }] }] });
    const source = new Source({ expr: 'up', intervalMs: 1000, historyMs: 0, to: null });
    let now = 0;
    const queries = new PanelQueries(dashboard.panels[0], {
        hub: { acquire: () => ({ source, release() {} }) }, now: () => now, range: () => ({ from: 'now-1m', to: 'now' }), variables: () => new Map(), lostSince: () => 0, scrapeMs: 0,
    }, () => {});
    queries.refresh(300);
    const at = (seconds) => {
        now = seconds * 1000;
        const { state, reason } = queries.build();
        return [state, reason.replace(/\d\d:\d\d:\d\d/, 'then')];
    };
    assert.deepEqual(at(9), ['loading', 'Waiting for the first answer.']);
    source.take({ kind: 'full', changed: null, reset: true, time: 10_000, offset: 1, points: [[10_000, [7]]], series: [{ labels: {}, key: '{}' }], values: [7], value: 7, ended: [], leftOut: 0 });
    assert.deepEqual(at(20), ['live', ''], 'nothing says that it is old');
    source.advance(13_000, true);
    assert.deepEqual([at(12), at(13), at(15), at(16)], [['live', ''], ['live', 'Data from then'], ['live', 'Data from then'], ['stale', 'The server is behind. Data from then.']]);
    source.advance(16_000, false);
    assert.deepEqual(at(16), ['live', '']);
});
