/* Who may paint when, on a clock of the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scheduler } from '../../dist/.js/dashboard/scheduler.js';

/** Time goes on in frames of 16 ms while any are asked for; else from timer to timer. */
function fakeClock() {
    let now = 1000, frames = [], timers = [];
    return {
        frameMs: () => 16,
        now: () => now,
        drawn: (fn) => fn(),
        frame: (fn) => void frames.push(fn),
        after: (ms, fn) => void timers.push({ at: now + ms, fn }),
        run(until) {
            while (now < until) {
                const next = Math.min(until, frames.length ? now + this.frameMs() : Math.min(...timers.map((t) => t.at), until));
                now = next;
                const due = timers.filter((t) => t.at <= now);
                timers = timers.filter((t) => t.at > now);
                due.forEach((t) => t.fn());
                const asked = frames;
                frames = [];
                asked.forEach((fn) => fn());
            }
        },
    };
}

test('a panel that may paint soon does not wait for one that may paint late', () => {
    const clock = fakeClock();
    const scheduler = new Scheduler(undefined, clock);
    const painted = [];
    const slow = scheduler.add(() => painted.push(['slow', clock.now()]), 1), quick = scheduler.add(() => painted.push(['quick', clock.now()]), 10);
    slow.visible = quick.visible = true;
    slow.invalidate();
    quick.invalidate();
    clock.run(1050);
    slow.invalidate(); /* due in a second */
    clock.run(1200);
    quick.invalidate();
    clock.run(1240);
    quick.invalidate(); /* due a tenth after its last */
    clock.run(1500);
    assert.deepEqual(painted.map(([who]) => who), ['slow', 'quick', 'quick', 'quick']);
    assert.ok(painted[3][1] - painted[2][1] <= 120, `${painted[3][1] - painted[2][1]} ms`);
    clock.run(2100);
    assert.equal(painted.filter(([who]) => who === 'slow').length, 2);
});

test('what is out of sight or held does not paint, except for what a hand does', () => {
    const clock = fakeClock();
    const scheduler = new Scheduler(undefined, clock);
    let painted = 0;
    const ticket = scheduler.add(() => painted++);
    ticket.invalidate(true);
    clock.run(1200);
    assert.equal(painted, 0);
    ticket.visible = true;
    clock.run(1400);
    assert.equal(painted, 1);
    scheduler.paused = true;
    ticket.invalidate();
    clock.run(1800);
    assert.equal(painted, 1);
    ticket.invalidate(true);
    clock.run(2000);
    assert.equal(painted, 2);
    ticket.remove();
});

test('what a hand does all the time leaves every second paint to the others, those that wait longest first', () => {
    const clock = fakeClock(), { now } = clock, painted = [];
    let ahead = 0; /* a paint takes more than its frame has */
    clock.now = () => now() + ahead;
    const scheduler = new Scheduler(undefined, clock);
    const add = (name) => scheduler.add(() => {
        painted.push(name);
        ahead += 20;
        if (name === 'hand')
            hand.invalidate(true);
    });
    const first = add('first'), second = add('second'), hand = add('hand');
    [first, second, hand].forEach((t) => (t.visible = true));
    hand.invalidate(true);
    first.invalidate();
    second.invalidate();
    clock.run(1100);
    assert.deepEqual(painted.slice(0, 6), ['hand', 'first', 'hand', 'second', 'hand', 'hand']);
});

/** Two dozen panels with news all the time, for a minute: how many each of the last frames painted. `drawn`: ms it takes until n are. */
function crowd(drawn, frameMs = () => 16) {
    const clock = fakeClock();
    const scheduler = new Scheduler(undefined, clock);
    let painted = 0;
    const frames = [];
    const tickets = Array.from({ length: 24 }, () => scheduler.add(() => painted++));
    tickets.forEach((t) => (t.visible = true));
    clock.drawn = (fn) => {
        const { now } = clock;
        clock.now = () => now() + drawn(painted);
        fn();
        clock.now = now;
    };
    clock.frameMs = () => {
        const n = painted;
        painted = 0;
        if (n)
            frames.push(n);
        return frameMs(n);
    };
    while (clock.now() < 61_000) {
        tickets.forEach((t) => t.invalidate());
        clock.run(clock.now() + 96);
    }
    return frames.slice(-600);
}

test('a frame paints as many as it has time for, drawing included', () => {
    assert.equal(Math.max(...crowd((n) => 0.5 * n)), 4, 'never more than four');
    assert.deepEqual(new Set(crowd((n) => 40 * n)), new Set([1]), 'always one');
    /* What it hears of the cost is too much: while all frames are in time there is room for more. */
    assert.equal(Math.max(...crowd((n) => 6 * n)), 3);
    /* Too little: frames that come late say so. */
    const few = crowd((n) => 2 * n, (n) => (n > 2 ? 34 : 16));
    assert.ok(few.filter((n) => n > 2).length <= 0.08 * few.length && few.filter((n) => n === 2).length > 0.5 * few.length, few.join());
});
