/* phone.ts - what a small screen has besides: the state and what fires at the top, a bar at the bottom, sheets from below, gestures.
 * Below 700 px only; phone.css puts the panels in order. */
import type { App } from './app.ts';
import { h, put, text } from './lib/h.ts';
import { glyph, WORD } from './lib/glyph.ts';
import { timeOfDay } from './lib/format.ts';
import type { Item } from '../notify/types.ts';
import { named, overall } from './overall.ts';

const PHONE = '(max-width: 700px)';
const SHOWN_ALERTS = 4;
const SWIPE = { least: 80, across: 45, ms: 600, edge: 24 };
const REVIEW_MS = 500;
const HOLD_MS = 350, HOLD_PX = 10;

export interface PhoneParts {
    readonly app: App;
    readonly main: HTMLElement;
    /** All notifications. */
    notices(): void;
    readonly signal: AbortSignal;
}

/** A dialog that comes from below; a click beside it closes it. */
export function sheet(title: string, ...content: (Node | null)[]): HTMLDialogElement {
    const root = h('dialog', { class: 'sheet', 'aria-label': title },
        h('header', null, h('h2', null, title), h('button', { type: 'button', class: 'icon', 'aria-label': 'Close', onclick: () => root.close() }, '✕')), ...content);
    root.addEventListener('close', () => root.remove());
    root.addEventListener('click', (e) => e.target === root && root.close());
    root.addEventListener('keydown', (e) => e.stopPropagation());
    document.body.append(root);
    root.showModal();
    return root;
}

function alertSheet(app: App, item: Item): HTMLDialogElement {
    const { notification: n } = item;
    const status = item.state === 'acknowledged' ? 'acknowledged' : item.severity;
    const said = h('p', { class: 'sheet-said', role: 'status' });
    const ack = h('button', { type: 'button', class: 'button primary large', onclick: () => {
        ack.disabled = true;
        app.center.ack(item.id).then(() => root.close(), (error: Error) => {
            ack.disabled = false;
            text(said, `Not acknowledged: ${error.message}`);
        });
    } }, 'Acknowledge');
    ack.hidden = item.state !== 'firing';
    const root = sheet(n.title, h('p', { class: 'sheet-state', data: { status } }, glyph(status), h('strong', null, WORD[status]), ` since ${timeOfDay(item.firstAt)}`),
        n.message ? h('p', null, n.message) : null, n.source ? h('p', { class: 'dim' }, n.source) : null, ack, said);
    ack.focus();
    return root;
}

class StatusCard {
    readonly root = h('section', { class: 'phone-status', 'aria-label': 'State' });
    /** The state's shape, for the bar. */
    readonly mark = h('span', null);
    private readonly overall = h('p', { class: 'phone-overall' });
    private readonly alerts = h('ul', { hidden: true });
    private readonly more = h('p', { class: 'dim', hidden: true });
    private shown = '';
    private listed = '';

    constructor(private readonly app: App) {
        this.root.append(this.overall, this.alerts, this.more);
    }

    review(): void {
        const { center, freshness } = this.app;
        const { status, word, alerts, panels } = overall(center, freshness.connection.get().lostSince > 0, this.app.page.get()?.grid.judged ?? []);
        const { firing } = center;
        const key = `${status} ${alerts} ${word} ${panels.join('\n')} ${firing.length}`;
        if (key !== this.shown) {
            this.shown = key;
            Object.assign(this.root.dataset, { status, alerts });
            put(this.mark, glyph(status));
            put(this.overall, glyph(status), h('strong', null, panels.length ? named(panels) : status === 'ok' && word === WORD.ok ? 'All is well' : word),
                h('span', { class: 'dim' }, firing.length ? `${firing.length} firing` : status === 'stale' ? 'no connection' : panels.length ? `${word}, no alert` : 'nothing fires'));
        }
        this.list(firing);
    }

    /** Made anew with the alerts only: a button that is replaced under a thumb is never pressed. */
    private list(firing: readonly Item[]): void {
        const key = firing.map((i) => `${i.id}${i.changedAt}`).join();
        if (key === this.listed)
            return;
        this.listed = key;
        const worst = [...firing].sort((a, b) => RANK[a.severity] - RANK[b.severity] || a.firstAt - b.firstAt);
        put(this.alerts, ...worst.slice(0, SHOWN_ALERTS).map((item) => h('li', null,
            h('button', { type: 'button', data: { status: item.severity }, onclick: () => void alertSheet(this.app, item) },
                glyph(item.severity, WORD[item.severity]), h('span', null, item.notification.title), h('time', null, timeOfDay(item.firstAt))))));
        this.alerts.hidden = !worst.length;
        text(this.more, `+${worst.length - SHOWN_ALERTS} more`);
        this.more.hidden = worst.length <= SHOWN_ALERTS;
    }
}

const RANK = { critical: 0, warning: 1, info: 2 } as const;

interface InstallPrompt extends Event {
    prompt(): Promise<unknown>;
}

function settings(app: App, install: InstallPrompt | null): void {
    const themes = h('fieldset', null, h('legend', null, 'Theme'), ...(['auto', 'dark', 'light'] as const).map((name) => {
        const box = h('input', { type: 'radio', name: 'phone-theme', value: name, onchange: () => app.themes.choose(name) });
        box.checked = app.themes.choice === name;
        return h('label', null, box, { auto: 'As the phone', dark: 'Dark', light: 'Light' }[name]);
    }));
    const sound = h('input', { type: 'checkbox', onchange: () => app.center.setPreferences({ sound: sound.checked }) });
    sound.checked = app.center.preferences.sound;
    const frugal = h('input', { type: 'checkbox', onchange: () => app.client.setPower(frugal.checked ? 'saver' : 'auto') });
    frugal.checked = app.client.power === 'saver';
    sheet('Settings', themes, h('label', null, sound, 'Sound for alerts'), h('label', null, frugal, 'Save data and battery'),
        install ? h('button', { type: 'button', class: 'button large', onclick: () => void install.prompt() }, 'Install as an app') : null,
        h('a', { class: 'button large', href: '/dashboards' }, 'All dashboards'));
}

/** Dashboards side by side: a swipe goes to the next. */
function swipes({ app, main, signal }: PhoneParts): void {
    let start: Touch | null = null, at = 0;
    main.addEventListener('touchstart', (e) => {
        const [touch] = e.touches;
        const x = touch?.clientX ?? 0;
        const free = e.touches.length === 1 && touch && x > SWIPE.edge && x < innerWidth - SWIPE.edge && !(e.target as Element).closest('.panel-table, .panel-flamegraph, .panel-geomap, input, select, textarea');
        start = free ? touch : null;
        at = e.timeStamp;
    }, { signal, passive: true });
    main.addEventListener('touchend', (e) => {
        const [touch] = e.changedTouches;
        if (!start || !touch || !matchMedia(PHONE).matches || e.timeStamp - at > SWIPE.ms || document.documentElement.classList.contains('holding'))
            return;
        const dx = touch.clientX - start.clientX, dy = touch.clientY - start.clientY;
        start = null;
        if (Math.abs(dx) < SWIPE.least || Math.abs(dy) > SWIPE.across)
            return;
        const all = app.dashboards.get();
        const here = all.findIndex((d) => d.uid === app.page.get()?.dashboard.uid);
        const next = all[(here + (dx < 0 ? 1 : -1) + all.length) % all.length];
        if (here >= 0 && next && all.length > 1) {
            app.router.go(`/d/${encodeURIComponent(next.uid)}`);
            app.announcer.say(next.title);
        }
    }, { signal, passive: true });
}

/** A finger that rests on a chart moves the crosshair; before that, and with it gone, the page scrolls as always. */
function crosshairs({ main, signal }: PhoneParts): void {
    let timer = 0, chart: Element | null = null, active = false, x = 0, y = 0;
    const root = document.documentElement;
    const send = (type: string): void => {
        const bounds = chart?.getBoundingClientRect();
        if (bounds)
            chart!.dispatchEvent(new MouseEvent(type, { bubbles: true, view: window, clientX: Math.min(bounds.right - 1, Math.max(bounds.left, x)), clientY: Math.min(bounds.bottom - 1, Math.max(bounds.top, y)) }));
    };
    const end = (): void => {
        clearTimeout(timer);
        if (active)
            send('mouseleave');
        active = false;
        chart = null;
        setTimeout(() => root.classList.remove('holding'));
    };
    main.addEventListener('touchstart', (e) => {
        end();
        const [touch] = e.touches;
        chart = e.touches.length === 1 ? (e.target as Element).closest('.u-over, .panel canvas') : null;
        if (!chart || !touch)
            return;
        x = touch.clientX;
        y = touch.clientY;
        timer = setTimeout(() => {
            active = true;
            root.classList.add('holding');
            send('mouseenter');
            send('mousemove');
        }, HOLD_MS);
    }, { signal, passive: true });
    main.addEventListener('touchmove', (e) => {
        const [touch] = e.touches;
        if (!touch || !chart)
            return;
        if (!active && Math.hypot(touch.clientX - x, touch.clientY - y) > HOLD_PX)
            return end();
        x = touch.clientX;
        y = touch.clientY;
        if (active) {
            e.preventDefault();
            send('mousemove');
        }
    }, { signal, passive: false });
    for (const type of ['touchend', 'touchcancel'] as const)
        main.addEventListener(type, end, { signal, passive: true });
    main.addEventListener('contextmenu', (e) => active && e.preventDefault(), { signal });
}

/** Two fingers on a chart: a longer or shorter time. */
function pinches({ app, main, signal }: PhoneParts): void {
    let first = 0, last = 0;
    const apart = (t: TouchList): number => Math.hypot(t[0]!.clientX - t[1]!.clientX, t[0]!.clientY - t[1]!.clientY);
    main.addEventListener('touchstart', (e) => {
        first = last = e.touches.length === 2 && (e.target as Element).closest('.panel canvas, .u-over') ? apart(e.touches) : 0;
    }, { signal, passive: true });
    main.addEventListener('touchmove', (e) => {
        if (first && e.touches.length === 2)
            last = apart(e.touches);
    }, { signal, passive: true });
    main.addEventListener('touchend', () => {
        const page = app.page.get();
        const by = first && last ? first / last : 1;
        first = 0;
        if (!page || (by > 0.8 && by < 1.25))
            return;
        const { from, to, live } = page.resolved();
        const length = Math.min(7 * 864e5, Math.max(60_000, Math.round(((to - from) * by) / 1000) * 1000));
        page.setRange(live ? { from: `now-${length / 1000}s`, to: 'now' } : { from: String(Math.round((from + to - length) / 2)), to: String(Math.round((from + to + length) / 2)) });
    }, { signal, passive: true });
}

export function phone(parts: PhoneParts): void {
    const { app, main, signal } = parts;
    let install: InstallPrompt | null = null;
    addEventListener('beforeinstallprompt', (e) => {
        e.preventDefault();
        install = e as InstallPrompt;
    }, { signal });
    const card = new StatusCard(app);
    main.before(card.root);
    const badge = h('b', { class: 'badge', hidden: true });
    const item = (label: string, icon: Node | string, run: () => void): HTMLButtonElement => h('button', { type: 'button', onclick: run }, h('span', { class: 'phone-icon', 'aria-hidden': 'true' }, icon), label);
    const alerts = item('Alerts', glyph('warning'), () => parts.notices());
    alerts.append(badge);
    const bar = h('nav', { class: 'phone-bar', 'aria-label': 'Phone' },
        item('Status', card.mark, () => scrollTo({ top: 0, behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' })),
        alerts, item('Dashboards', '▦', () => app.router.go('/dashboards')), item('Settings', '⚙', () => settings(app, install)));
    document.body.append(bar);
    const review = (): void => {
        card.review();
        const n = app.center.firing.length;
        badge.hidden = !n;
        text(badge, n > 99 ? '99+' : String(n));
    };
    const ends = [app.center.on('change', review)];
    const timer = setInterval(() => document.visibilityState === 'visible' && matchMedia(PHONE).matches && card.review(), REVIEW_MS);
    app.freshness.connection.on(review, { signal, now: true });
    signal.addEventListener('abort', () => {
        clearInterval(timer);
        ends.forEach((end) => end());
        card.root.remove();
        bar.remove();
    }, { once: true });
    swipes(parts);
    crosshairs(parts);
    pinches(parts);
}
