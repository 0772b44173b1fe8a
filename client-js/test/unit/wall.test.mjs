/* wall.test.mjs - what a wall does, on a clock of its own: its address, rotation, the watchdog. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { everyMs, kioskOptions } from '../../dist/.js/dashboard/kiosk.js';
import { named, overall } from '../../dist/.js/dashboard/overall.js';
import { Rotation } from '../../dist/.js/dashboard/rotation.js';
import { Watchdog } from '../../dist/.js/dashboard/watchdog.js';
import { buildOf } from '../../dist/.js/dashboard/update.js';

const options = (search, aspect) => kioskOptions(new URLSearchParams(search), aspect);

describe('the address of a wall', () => {
    test('without kiosk there is none', () => {
        assert.equal(options('rotate=a,b'), null);
        assert.equal(options('kiosk=0'), null);
        assert.notEqual(options('kiosk'), null);
    });
    test('letters follow distance and screen, within reason', () => {
        assert.equal(options('kiosk').ratio, 2.5);
        const { ratio } = options('kiosk&distance=4&diag=55');
        assert.ok(Math.abs(ratio - 4 / 1.2176) < 0.01, String(ratio));
        assert.ok(options('kiosk&distance=4&diag=55', 4 / 3).ratio > ratio, 'a narrower screen needs larger letters');
        assert.equal(options('kiosk&distance=400&diag=10').ratio, 6);
        assert.equal(options('kiosk&distance=-4&diag=55').ratio, 2.5);
        assert.equal(options('kiosk&distance=x&diag=55').ratio, 2.5);
    });
    test('pages once each, times with or without a unit', () => {
        assert.deepEqual(options('kiosk&rotate=a,%20b,,a').rotate, ['a', 'b']);
        assert.equal(everyMs('20'), 20_000);
        assert.equal(everyMs('1.5m'), 90_000);
        assert.equal(everyMs('soon'), null);
        assert.equal(options('kiosk&every=1ms').everyMs, 5000);
        assert.equal(options('kiosk&every=x').everyMs, 25_000);
        assert.equal(options('kiosk&reload=04:00').reloadAt, '04:00');
        assert.equal(options('kiosk&reload=25:00').reloadAt, '');
    });
    test('the build of a page', () => {
        assert.equal(buildOf('<meta name="build" content="abc123">'), 'abc123');
        assert.equal(buildOf('<p>a proxy says no</p>'), '');
    });
});

describe('rotation', () => {
    const make = (pages = ['a', 'b', 'c'], current = 'a') => {
        const seen = [];
        const r = new Rotation(pages, 20_000, { show: (uid) => seen.push(`show ${uid}`), prepare: (uid) => seen.push(`prepare ${uid}`) }, current, 0);
        return { r, seen };
    };
    test('asks for the next page five seconds before it shows it, and begins anew at the end', () => {
        const { r, seen } = make();
        for (let t = 0; t <= 60_000; t += 250)
            r.tick(t);
        assert.deepEqual(seen, ['prepare b', 'show b', 'prepare c', 'show c', 'prepare a', 'show a']);
    });
    test('held it stands; the time of the page goes on where it was', () => {
        const { r, seen } = make();
        r.tick(10_000);
        assert.equal(r.state.progress, 0.5);
        r.hold();
        r.tick(100_000);
        assert.equal(r.state.progress, 0.5);
        assert.equal(r.hold(), false);
        r.tick(104_000);
        assert.equal(r.state.progress, 0.7);
        assert.deepEqual(seen, []);
    });
    test('pinned it goes to the page that shows it, and on when that is over', () => {
        const { r, seen } = make();
        r.tick(1000);
        r.pin('c', 1000);
        assert.deepEqual([seen, r.state.index, r.state.pinned], [['show c'], 2, true]);
        r.pin('c', 2000);
        r.tick(90_000);
        assert.deepEqual(seen, ['show c'], 'once');
        r.pin('', 90_000);
        r.tick(110_500);
        assert.deepEqual(seen.at(-1), 'show a');
    });
    test('forward and back by hand; one page stays', () => {
        const { r, seen } = make();
        r.step(-1, 0);
        assert.deepEqual(seen, ['show c']);
        const one = make(['a']);
        one.r.tick(1e6);
        assert.deepEqual(one.seen, []);
    });
});

describe('watchdog', () => {
    const make = (more = {}, reloadAt = '') => {
        const state = { now: Date.parse('2026-03-01T03:00:00'), paints: 0, quiet: true, alive: true, reloads: 0, kept: new Map(), ...more };
        const dog = new Watchdog({
            quiet: () => state.quiet, paints: () => state.paints, alive: () => state.alive, now: () => state.now, reload: () => state.reloads++,
            storage: { getItem: (k) => state.kept.get(k) ?? null, setItem: (k, v) => state.kept.set(k, v) },
        }, reloadAt);
        return { dog, state };
    };
    test('twenty failures in a minute, not in an hour', () => {
        const { dog, state } = make();
        for (let i = 0; i < 40; i++) {
            state.now += 60_000;
            dog.failed();
        }
        assert.equal(state.reloads, 0);
        for (let i = 0; i < 20; i++)
            dog.failed();
        assert.equal(state.reloads, 1);
    });
    test('no paint for a minute while data comes', () => {
        const { dog, state } = make();
        const pass = (seconds) => {
            for (let s = 0; s < seconds; s += 5) {
                state.now += 5000;
                dog.look();
            }
        };
        state.alive = false;
        pass(300);
        assert.equal(state.reloads, 0, 'nothing was to be painted');
        state.alive = true;
        state.paints++;
        pass(55);
        assert.equal(state.reloads, 0);
        pass(20);
        assert.equal(state.reloads, 1);
        pass(120);
        assert.equal(state.reloads, 1, 'not again within ten minutes');
    });
    test('a new build when it is quiet', () => {
        const { dog, state } = make({ quiet: false });
        dog.want('build');
        state.paints++;
        dog.look();
        assert.equal(state.reloads, 0);
        state.quiet = true;
        state.paints++;
        dog.look();
        assert.equal(state.reloads, 1);
    });
    test('once a day, when it is asked for and the page is older than that', () => {
        const { dog, state } = make({}, '04:00');
        for (let minute = 1; minute <= 60; minute++) {
            assert.equal(state.reloads, 0);
            state.now += 60_000;
            state.paints++;
            dog.look();
        }
        assert.equal(state.reloads, 1);
        const late = make({ now: Date.parse('2026-03-01T05:00:00') }, '04:00');
        late.dog.look();
        assert.equal(late.state.reloads, 0, 'it was loaded after that');
    });
});

describe('the one state of a display', () => {
    const center = (worst, ...acknowledged) => ({ worst, list: () => acknowledged.map((live) => ({ live })) });
    const of = (...args) => {
        const { status, word, panels } = overall(...args);
        return [status, word, named(panels)];
    };
    const ok = { title: 'A', status: 'ok' }, warning = { title: 'B', status: 'warning' }, critical = { title: 'C', status: 'critical' };
    test('calm is said of what was looked at only', () => {
        assert.deepEqual(of(center(null), false, []), ['ok', 'No alerts', '']);
        assert.deepEqual(of(center(null), false, [ok, { title: 'I', status: 'info' }]), ['ok', 'OK', '']);
        assert.deepEqual(of(center(null), false, [ok, { title: 'S', status: 'stale' }]), ['ok', 'No alerts', ''], 'one is out of sight and asks nothing');
        assert.deepEqual(of(center(null), false, [warning, { title: 'S', status: 'stale' }]), ['warning', 'WARN', 'B']);
    });
    test('numbers that are worse than the alerts are named', () => {
        assert.deepEqual(of(center(null), false, [ok, warning, critical, critical]), ['critical', 'CRIT', 'C +1']);
        assert.deepEqual(of(center('warning'), false, [critical]), ['critical', 'CRIT', 'C']);
        assert.deepEqual(of(center(null, true), false, [warning]), ['warning', 'WARN', 'B']);
    });
    test('alerts come first where they are as bad', () => {
        assert.deepEqual(of(center('critical'), false, [critical]), ['critical', 'CRIT', '']);
        assert.deepEqual(of(center('info'), false, [ok]), ['info', 'INFO', '']);
        assert.deepEqual(of(center(null, true), false, [ok]), ['acknowledged', 'ACK', '']);
        assert.deepEqual(of(center(null, false), false, [ok]), ['ok', 'OK', '']);
    });
    test('without a connection nothing is known', () => assert.deepEqual(of(center('critical'), true, [critical]), ['stale', 'STALE', '']));
});
