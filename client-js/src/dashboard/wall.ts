/* wall.ts - a display on a wall: the strip at the top, letters for the distance, rotation, no pointer, a screen that stays on and does
 * not burn in. Loaded with `?kiosk` only. */
import type { NotificationCenter } from '../notify/center.ts';
import type { Severity } from '../client/index.ts';
import type { Freshness } from './freshness.ts';
import type { KioskOptions } from './kiosk.ts';
import type { Status } from './lib/color.ts';
import { timeOfDay } from './lib/format.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { named, overall, type Judged } from './overall.ts';
import { Rotation } from './rotation.ts';
import type { Dashboard } from './model/types.ts';

const POINTER_MS = 3000;
const SHIFT_MS = 600_000;
const SHIFTS: readonly [number, number][] = [[0, 0], [1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1]];
const LOOK_MS = 250;
const LEAST_LETTERS = 4.2;
const AGE_SAID_MS = 2500; /* younger is "live" */
const SEVERITIES: readonly Severity[] = ['critical', 'warning', 'info'];

export interface WallParts {
    readonly options: KioskOptions;
    readonly freshness: Freshness;
    readonly center: NotificationCenter;
    /** "SOUND BLOCKED – click". */
    readonly soundButton: HTMLElement;
    /** Shows another dashboard of the rotation. */
    show(uid: string): void;
    /** It will be shown in a few seconds. */
    prepare(uid: string): void;
    /** Which of the rotation shows alerts; '' : none is known to. */
    alertsOn(pages: readonly string[]): string;
    announce(words: string, urgent?: boolean): void;
    /** What the panels in sight show by their thresholds. */
    judged(): readonly Judged[];
    readonly signal: AbortSignal;
}

/** "live", "12 s", "3 min": how old what is seen is. */
function ageText(ms: number): string {
    if (ms < AGE_SAID_MS)
        return 'live';
    const s = Math.round(ms / 1000);
    return s < 120 ? `${s} s old` : s < 7200 ? `${Math.round(s / 60)} min old` : `${Math.round(s / 3600)} h old`;
}

export class Wall {
    readonly strip: HTMLElement;
    readonly rotation: Rotation | null;
    private readonly state = h('span', { class: 'strip-state' });
    private readonly title = h('h1', { class: 'strip-title' });
    private readonly counts = h('span', { class: 'strip-counts' });
    private readonly local = h('time', { class: 'strip-clock' });
    private readonly utc = h('span', { class: 'strip-utc' });
    private readonly age = h('span', { class: 'strip-age' });
    private readonly dots = h('span', { class: 'strip-dots', 'aria-hidden': 'true' });
    private readonly bar = h('span', { class: 'strip-progress', 'aria-hidden': 'true' });
    private readonly note = h('span', { class: 'strip-note', hidden: true }, 'too many panels for this distance');
    private readonly beat = h('span', { class: 'strip-beat', 'aria-hidden': 'true' });
    private lock: WakeLockSentinel | null = null;
    private pointer = 0;
    private looks = 0;
    private shown = '';

    constructor(private readonly parts: WallParts, uid: string) {
        const { options, freshness, center, signal } = parts;
        this.strip = h('header', { class: 'strip' },
            h('div', { class: 'strip-left' }, this.state, this.title, this.note), this.counts,
            h('div', { class: 'strip-right' }, parts.soundButton, this.age, this.beat, h('span', { class: 'strip-times' }, this.local, this.utc)), this.dots, this.bar);
        const { rotate } = options;
        const pages = rotate.length && !rotate.includes(uid) && uid ? [uid, ...rotate] : rotate;
        this.rotation = pages.length > 1 ? new Rotation(pages, options.everyMs, {
            show: (next) => parts.show(next),
            prepare: (next) => parts.prepare(next),
        }, uid, performance.now()) : null;
        put(this.dots, ...(this.rotation ? pages.map(() => h('i', null)) : []));
        const ends = [center.on('change', () => this.review())];
        freshness.beat.on((time) => this.clock(time), { signal, now: true });
        freshness.connection.on(() => this.review(), { signal });
        const timer = setInterval(() => this.look(), LOOK_MS), shifting = setInterval(() => this.shift(), SHIFT_MS);
        signal.addEventListener('abort', () => {
            clearInterval(timer);
            clearInterval(shifting);
            clearTimeout(this.pointer);
            ends.forEach((end) => end());
            void this.lock?.release();
            const { documentElement: root } = document;
            root.classList.remove('kiosk', 'still');
            root.style.removeProperty('--ratio');
            this.strip.remove();
        }, { once: true });
        this.takeOver(signal);
        this.review();
    }

    private takeOver(signal: AbortSignal): void {
        const { documentElement: root } = document;
        root.classList.add('kiosk');
        root.style.setProperty('--ratio', String(this.parts.options.ratio));
        const moved = (): void => {
            root.classList.remove('still');
            clearTimeout(this.pointer);
            this.pointer = setTimeout(() => root.classList.add('still'), POINTER_MS);
        };
        document.addEventListener('pointermove', moved, { signal });
        document.addEventListener('visibilitychange', () => void this.stayOn(), { signal });
        document.addEventListener('keydown', (e) => this.key(e), { signal });
        moved();
        void this.stayOn();
    }

    /** The browser gives the lock back whenever the page is hidden. */
    private async stayOn(): Promise<void> {
        if (document.visibilityState === 'visible' && (!this.lock || this.lock.released))
            this.lock = (await navigator.wakeLock?.request('screen').catch(() => null)) ?? null;
    }

    private key(e: KeyboardEvent): void {
        if (!this.rotation || e.ctrlKey || e.metaKey || e.altKey)
            return;
        const now = performance.now();
        if (e.key === 'p' || e.key === 'Pause') {
            const held = this.rotation.hold();
            this.parts.announce(held ? 'Rotation held' : 'Rotation goes on');
        } else if (e.key === 'PageDown' || e.key === 'PageUp') {
            e.preventDefault();
            this.rotation.step(e.key === 'PageDown' ? 1 : -1, now);
        }
    }

    /** What the strip says of the dashboard. */
    showing(dashboard: Pick<Dashboard, 'title'>): void {
        text(this.title, dashboard.title);
    }

    /** Burn-in: everything moves by a pixel now and then. */
    private shift(): void {
        const [x, y] = SHIFTS[Math.floor(Date.now() / SHIFT_MS) % SHIFTS.length]!;
        document.body.style.translate = `${x}px ${y}px`;
    }

    private clock(time: number): void {
        if (!time)
            return;
        const at = new Date(time);
        text(this.local, timeOfDay(time));
        text(this.utc, at.getTimezoneOffset() ? `${at.toISOString().slice(11, 16)} UTC` : 'UTC');
        this.beat.classList.toggle('on', Math.floor(time / 1000) % 2 === 0);
    }

    /** Panels lower than this many letters have no room for anything but their titles. */
    private crowded(): boolean {
        const letters = parseFloat(getComputedStyle(this.strip).fontSize);
        return [...document.querySelectorAll<HTMLElement>('main > .grid .panel')].some((p) => p.offsetHeight < LEAST_LETTERS * letters);
    }

    private look(): void {
        const { freshness } = this.parts;
        if (this.looks % 8 === 0)
            this.note.hidden = !this.crowded();
        if (this.looks++ % 4 === 0)
            this.review();
        const beat = freshness.beat.get();
        const age = beat ? Math.max(0, freshness.now() - beat) : Infinity;
        const words = beat ? ageText(age) : 'no data';
        text(this.age, words);
        this.age.classList.toggle('old', words !== 'live');
        const { rotation } = this;
        if (!rotation)
            return;
        rotation.tick(performance.now());
        const { index, progress, held, pinned } = rotation.state;
        [...this.dots.children].forEach((dot, i) => dot.classList.toggle('on', i === index));
        this.dots.classList.toggle('held', held || pinned);
        this.dots.dataset['words'] = pinned ? 'PINNED' : held ? 'HELD' : '';
        this.bar.style.transform = `scaleX(${progress.toFixed(3)})`;
    }

    private review(): void {
        const { center, freshness } = this.parts;
        const { status, word, alerts, panels } = overall(center, freshness.connection.get().lostSince > 0, this.parts.judged());
        const { firing } = center;
        const count = (s: Severity): number => firing.filter((i) => i.severity === s).length;
        const acked = center.list({ state: ['acknowledged'] }).filter((i) => i.live).length;
        const key = `${status} ${alerts} ${word} ${SEVERITIES.map(count).join()} ${acked} ${panels.join('\n')}`;
        if (key !== this.shown) {
            this.shown = key;
            Object.assign(this.state.dataset, { status, alerts, by: panels.length ? 'panels' : 'alerts' });
            put(this.state, glyph(status), h('strong', null, word));
            const each: [Status, number][] = [...SEVERITIES.map((s): [Status, number] => [s, count(s)]), ['acknowledged', acked]];
            put(this.counts, panels.length ? h('span', { class: 'count', title: panels.join(', ') }, named(panels)) : null, ...each.filter(([, n]) => n).map(([s, n]) => h('span', { class: 'count', data: { status: s } }, glyph(s, WORD[s]), h('b', null, n))));
        }
        const critical = firing.some((i) => i.severity === 'critical');
        this.rotation?.pin(critical ? this.parts.alertsOn(this.rotation.pages) || this.rotation.pages[this.rotation.state.index]! : '', performance.now());
    }
}
