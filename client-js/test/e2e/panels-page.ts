/* panels-page.ts - a page with one panel of every type on golden data; panels.e2e.mjs and the bench drive it through `bench`. */
import { drawOn, THEMES, type ThemeName } from '../../src/dashboard/lib/color.ts';
import { signal } from '../../src/dashboard/lib/signal.ts';
import { h } from '../../src/dashboard/lib/h.ts';
import { resolveField } from '../../src/dashboard/model/field.ts';
import { loadDashboard } from '../../src/dashboard/model/forms.ts';
import type { Json, PanelModel } from '../../src/dashboard/model/types.ts';
import type { Crosshair, Panel, PanelContext, PanelData, Services } from '../../src/dashboard/panels/base.ts';
import { toDataTable } from '../../src/dashboard/panel-table.ts';
import { needsQuery, panelType, panelTypes } from '../../src/dashboard/panels/registry.ts';
import { Scheduler } from '../../src/dashboard/scheduler.ts';
import type { Notification } from '../../src/client/index.ts';
import { alerts, dashboard, golden, notifications, NOW } from '../lib/golden.mjs';

interface Mounted {
    readonly type: string;
    readonly host: HTMLElement;
    readonly panel: Panel;
    readonly end: AbortController;
    data: PanelData;
}

const grid = h('main', { id: 'grid' });
document.body.append(grid);
const theme = signal(THEMES.dark);
const crosshair = signal<Crosshair | null>(null);
const errors: string[] = [];
let mounted: Mounted[] = [];
const acknowledged: string[] = [];
addEventListener('error', (e) => errors.push(String(e.message)));
addEventListener('unhandledrejection', (e) => errors.push(String(e.reason)));

function dataOf(model: PanelModel, situation: string): PanelData {
    const { times, series, from, to } = golden(model.type, situation) as { times: Float64Array; series: { labels: Record<string, string>; values: Float64Array; last: number | null }[]; from: number; to: number };
    const target = model.targets[0];
    const nothing = situation === 'empty' || situation === 'null';
    return {
        state: nothing ? 'empty' : 'live', reason: situation === 'empty' ? 'No series match\ngolden{situation="empty"}' : nothing ? 'The series have no values in this time' : '',
        blocks: [{
            refId: 'A', times, format: target?.format ?? 'time_series', instant: false,
            series: series.map((s, index) => {
                const name = Object.values(s.labels)[0]!;
                return { ...s, name, key: name + index, refId: 'A', index, lastTime: NOW, stale: situation === 'normal' && index === 3, field: resolveField(model.defaults, model.overrides, { name, refId: 'A', type: 'number' }) };
            }),
        }],
        table: model.type === 'table' && series.length ? tableOf(model, series) : null, from, to, live: true, shape: 1,
    };
}

/* As the dashboard makes it of series: a row for each. */
function tableOf(model: PanelModel, series: readonly { labels: Record<string, string>; last: number | null }[]) {
    const column = (name: string, type: 'string' | 'number', values: (string | number | null)[]) => ({ name, type, values, labels: {}, refId: 'A' });
    const frame = { refId: 'A', fields: [column('Series', 'string', series.map((s) => Object.values(s.labels)[0]!)), ...['Value', 'Gauge', 'Ground'].map((name) => column(name, 'number', series.map((s) => s.last)))] };
    return toDataTable(frame, (name, refId, type) => resolveField(model.defaults, model.overrides, { name, refId, type }));
}

/* The frame of a panel says why there is nothing, as in the dashboard. */
function frameOf(model: PanelModel, data: PanelData, body: HTMLElement, situation: string): HTMLElement {
    const [reason, ...queries] = data.reason.split('\n');
    const covered = data.state === 'empty' && needsQuery(model);
    const overlay = h('div', { class: 'panel-overlay', hidden: !covered }, h('div', { class: 'panel-reason' }, h('strong', null, 'No data'), h('p', null, reason), ...queries.map((q) => h('code', null, q))));
    return h('section', { class: `panel page-panel panel-${model.type}`, data: { state: covered ? 'empty' : 'live' } }, h('h2', null, `${model.title} · ${situation}`), h('div', { class: 'panel-frame' }, body, covered ? overlay : null));
}

function contextOf(model: PanelModel, situation: string, invalidate: () => void, end: AbortController, kiosk: boolean): PanelContext {
    const answers = alerts(situation) as unknown as Record<string, Json>;
    const feed = signal(notifications(situation) as unknown as readonly Notification[]);
    const services: Services = {
        json: async (path) => answers[path] ?? null,
        notifications: model.type === 'alertlist' ? signal<readonly Notification[]>([]) : feed,
        acknowledge: async (id) => void acknowledged.push(id),
        open: () => {},
        announce: () => {},
    };
    return { model, theme, crosshair, services, interpolate: (text) => text, signal: end.signal, invalidate, kiosk };
}

async function mount({ situation = 'normal', themeName = 'dark' as ThemeName, types = [] as string[], width = 440, height = 280, kiosk = false }): Promise<string[]> {
    for (const m of mounted.splice(0)) {
        m.end.abort();
        m.panel.destroy();
    }
    grid.replaceChildren();
    errors.length = 0;
    document.documentElement.dataset['theme'] = themeName;
    drawOn(themeName);
    theme.set(THEMES[themeName]);
    const { dashboard: all } = loadDashboard(dashboard() as unknown as Json);
    for (const model of all.panels) {
        if (types.length && !types.includes(model.type))
            continue;
        const factory = await panelType(model.type)?.load().catch(() => null);
        if (!factory)
            continue;
        const body = h('div', { class: 'panel-body page-host' }), data = dataOf(model, situation);
        grid.append(frameOf(model, data, body, situation));
        body.style.setProperty('width', `${width}px`);
        body.style.setProperty('height', `${height}px`);
        const end = new AbortController();
        let panel: Panel | null = null;
        const context = contextOf(model, situation, () => queueMicrotask(() => panel?.draw()), end, kiosk);
        try {
            panel = await factory(body, context);
            const m = { type: model.type, host: body, panel, end, data };
            panel.update(m.data);
            panel.resize(width, height);
            panel.draw();
            mounted.push(m);
        } catch (error) {
            errors.push(`${model.type}: ${error instanceof Error ? error.stack : String(error)}`);
        }
    }
    await new Promise((done) => setTimeout(done, 60));
    mounted.forEach((m) => m.panel.draw());
    return errors;
}

function resize(width: number, height: number): void {
    for (const m of mounted) {
        m.host.style.setProperty('width', `${width}px`);
        m.host.style.setProperty('height', `${height}px`);
        m.panel.resize(width, height);
        m.panel.draw();
    }
}

/** Pixels of a canvas that are not as most of them. */
function drawnPixels(canvas: HTMLCanvasElement): number {
    if (!canvas.width || !canvas.height || getComputedStyle(canvas).display === 'none')
        return 0;
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    let n = 0;
    for (let i = 3; i < data.length; i += 4)
        n += data[i]! > 8 ? 1 : 0;
    return n;
}

/** Elements that stick out of the panel where nobody can scroll to them. */
function sticksOut(host: HTMLElement): string[] {
    const box = host.getBoundingClientRect();
    const scrolls = (e: Element | null): boolean => e !== null && e !== host && (/(auto|scroll|hidden)/.test(getComputedStyle(e).overflowY) || scrolls(e.parentElement));
    return [...host.querySelectorAll('*')].filter((e) => {
        const r = e.getBoundingClientRect();
        return r.width > 0 && r.height > 0 && (e.matches('canvas:not(.dp-canvas-flow)') || !scrolls(e.parentElement)) && (r.right > box.right + 1 || r.bottom > box.bottom + 1 || r.left < box.left - 1 || r.top < box.top - 1);
    }).map((e) => `${e.tagName}.${e.getAttribute('class')}`);
}

function report() {
    return mounted.map(({ type, host, panel }) => ({
        type, said: (host.parentElement!.querySelector('.panel-overlay') as HTMLElement | null)?.innerText.trim() ?? '', pixels: [...host.querySelectorAll('canvas')].reduce((n, c) => n + drawnPixels(c), 0), text: host.innerText.trim(), svg: host.querySelectorAll('svg path, svg circle').length,
        out: sticksOut(host), sentence: panel.describe(), rows: panel.table()?.rows.length ?? -1, columns: panel.table()?.columns.length ?? -1,
    }));
}

/**
 * n panels of a type through the dashboard's scheduler, fed `hz` times a second for `ms`; intervals of frames, paints, how long input
 * waits. `burst`: without the scheduler, all at once with each tick.
 */
async function load({ type = 'timeseries', n = 20, hz = 10, ms = 4000, points = 1000, series = 5, width = 340, height = 210, burst = false, custom = {} as Record<string, Json> }) {
    await mount({ types: [], width, height, situation: 'empty' });
    mounted.splice(0).forEach((m) => (m.end.abort(), m.panel.destroy()));
    grid.replaceChildren();
    const found = loadDashboard(dashboard() as unknown as Json).dashboard.panels.find((p) => p.type === type)!;
    const model = { ...found, defaults: { ...found.defaults, custom: { ...found.defaults.custom, ...custom } } };
    const factory = await panelType(type)!.load();
    const scheduler = new Scheduler((e) => errors.push(String(e)));
    let paints = 0;
    const all = [];
    for (let i = 0; i < n; i++) {
        const body = h('div', { class: 'page-host' }), end = new AbortController();
        body.style.setProperty('width', `${width}px`);
        body.style.setProperty('height', `${height}px`);
        grid.append(h('section', { class: 'panel page-panel' }, h('h2', null, `${type} ${i}`), body));
        let ticket: { invalidate(): void; visible: boolean; remove(): void } | null = null;
        const panel = await factory(body, contextOf(model, 'normal', () => ticket?.invalidate(), end, true));
        panel.resize(width, height);
        ticket = scheduler.add(() => {
            panel.draw();
            paints++;
        }, panelType(type)!.maxHz);
        ticket.visible = true;
        all.push({ panel, ticket, end });
    }
    const data = feed(model, points, series, 1000 / hz);
    const frames: number[] = [], ingest: number[] = [], input: number[] = [];
    const listening = new AbortController();
    addEventListener('pointerdown', (e) => input.push(performance.now() - e.timeStamp), { signal: listening.signal, capture: true });
    let last = performance.now(), running = true;
    const tick = (now: number) => {
        frames.push(now - last);
        last = now;
        if (running)
            requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    const timer = setInterval(() => {
        const start = performance.now();
        const next = data();
        for (const { panel, ticket } of all) {
            panel.update(next);
            if (!burst)
                ticket.invalidate();
        }
        ingest.push(performance.now() - start);
        if (burst)
            requestAnimationFrame(() => all.forEach(({ panel }) => (panel.draw(), paints++)));
    }, 1000 / hz);
    await new Promise((done) => setTimeout(done, 1000)); /* warm */
    frames.length = ingest.length = input.length = paints = 0;
    const start = performance.now();
    pageBench.measuring = true;
    await new Promise((done) => setTimeout(done, ms));
    pageBench.measuring = false;
    running = false;
    clearInterval(timer);
    listening.abort();
    const seconds = (performance.now() - start) / 1000;
    all.forEach(({ panel, ticket, end }) => (ticket.remove(), end.abort(), panel.destroy()));
    return { frames, ingest, input, paintsPerPanel: paints / n / seconds, rate: scheduler.rate, errors: [...errors] };
}

/** A window of points that slides by one at each call. */
function feed(model: PanelModel, points: number, series: number, step: number): () => PanelData {
    const size = points * 4;
    const times = new Float64Array(size), columns = Array.from({ length: series }, () => new Float64Array(size));
    for (let i = 0; i < size; i++) {
        times[i] = NOW + i * step;
        columns.forEach((c, k) => (c[i] = 50 + 30 * Math.sin(i / 40 + k) + 8 * Math.sin(i * 1.7 + k)));
    }
    const fields = columns.map((_, k) => resolveField(model.defaults, model.overrides, { name: `s${k}`, refId: 'A', type: 'number' }));
    let at = 0;
    return () => {
        at = at + points + 1 < size ? at + 1 : 0;
        const view = times.subarray(at, at + points);
        return {
            state: 'live', reason: '', table: null, from: view[0]!, to: view.at(-1)!, live: true, shape: 1,
            blocks: [{ refId: 'A', times: view, format: 'time_series', instant: false, series: columns.map((c, k) => {
                const values = c.subarray(at, at + points);
                return { name: `s${k}`, labels: { le: String(k) }, refId: 'A', key: `s${k}`, index: k, values, last: values.at(-1)!, lastTime: view.at(-1)!, stale: false, field: fields[k]! };
            }) }],
        };
    };
}

const pageBench = { mount, resize, report, load, types: panelTypes, errors, acknowledged, crosshair, measuring: false };
declare global {
    interface Window {
        bench: typeof pageBench;
    }
}
window.bench = pageBench;
