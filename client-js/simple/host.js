/* host.js - tiles, charts and filesystems of this host, from subscriptions of panels.js. */
import { Chart, fitSpan } from './chart.js';
import { drawSpark } from './spark.js';
import { h, setText } from './dom.js';
import * as format from './format.js';
import { facts, identity, mounts, panels, tiles } from './panels.js';
import { Subscription } from './protocol.js';

const WARN = 0.9, CRIT = 0.97; /* of a filesystem */

/** @typedef {import('./history.js').Series} Series */

export class Host {
    /** @param {import('./protocol.js').Connection} connection */
    constructor(connection) {
        this.connection = connection;
        /** @type {Map<string, Subscription>} one per distinct query */
        this.byQuery = new Map();
        this.changed = false;
        this.drawnAt = 0; /* server time */
        this.tiles = tiles.map((t) => this.makeTile(t));
        this.panels = panels.map((p) => this.makePanel(p));
        this.mounts = this.makeMounts();
        this.watch(identity);
        Object.values(facts).forEach((q) => this.watch(q));
    }

    /** @param {string} q */
    watch(q) {
        let s = this.byQuery.get(q);
        if (!s) {
            s = this.connection.subscribe(new Subscription(`host-${this.byQuery.size}`, q, { history: '5m', onChange: () => { this.changed = true; } }));
            this.byQuery.set(q, s);
        }
        return s;
    }

    /** The one value of a query, or null. @param {string} q */
    value(q) {
        const [s] = this.watch(q).data.present();
        return s ? s.values[s.values.length - 1] : null;
    }

    /** @param {import('./panels.js').Tile} tile */
    makeTile(tile) {
        const value = h('div', { class: 'value' }, h('span', {}, '–'), ' ', h('small', {}));
        const sub = h('div', { class: 'sub' });
        const spark = h('canvas', { 'aria-hidden': 'true' });
        document.getElementById('tiles')?.append(h('article', { class: 'tile', id: `tile-${tile.id}` }, spark, h('h2', {}, tile.title), value, sub));
        this.watch(tile.q);
        return { tile, value, sub, spark };
    }

    /** @param {import('./panels.js').Panel} panel */
    makePanel(panel) {
        const box = h('div', { class: 'chart' });
        const section = h('section', { class: panel.wide ? 'panel wide' : 'panel', id: `panel-${panel.id}`, 'aria-label': panel.title }, h('h2', {}, panel.title), box);
        document.getElementById('panels')?.append(section);
        const max = panel.max;
        const chart = new Chart(box, { ...panel, max: max ? () => this.value(facts[max]) ?? 0 : undefined });
        panel.queries.forEach((q) => this.watch(q.q));
        return { panel, chart };
    }

    makeMounts() {
        const list = h('ul', { class: 'mounts' });
        document.getElementById('panels')?.append(h('section', { class: 'panel', id: 'panel-mounts', 'aria-label': 'Filesystems' }, h('h2', {}, 'Filesystems'), list));
        this.watch(mounts.size);
        this.watch(mounts.avail);
        return list;
    }

    /** The name of the machine the metrics are about, or ''. */
    name() {
        const [s] = this.watch(identity).data.present();
        return s ? s.labels.nodename || s.labels.instance || '' : '';
    }

    /** Age of the oldest value of the first chart. @param {number} now */
    known(now) {
        const all = [...this.watch(tiles[1].q).data.series.values()];
        return Math.max(0, ...all.map((s) => now - (s.times.find((_, i) => !Number.isNaN(s.values[i])) ?? now)));
    }

    /** @param {number} now server time */
    draw(now) {
        /* Charts move on with the clock even when nothing has changed; between seconds there is nothing to draw. */
        if (!this.changed && Math.abs(now - this.drawnAt) < 1000)
            return;
        this.changed = false;
        this.drawnAt = now;
        fitSpan(this.known(now));
        const v = (/** @type {string} */ id) => this.value(facts[id]);
        for (const { tile, value, sub, spark } of this.tiles) {
            const [number, unit] = format.parts(this.value(tile.q), tile.unit);
            setText(value.firstElementChild, number);
            setText(value.lastElementChild, unit);
            setText(sub, tile.sub(v, format));
            const [s] = this.watch(tile.q).data.series.values();
            if (s && tile.id !== 'uptime')
                drawSpark(spark, this.watch(tile.q).data.sample(s, Math.floor(now / 1000) * 1000 - 59000, 1000, 60, now), tile.unit === 'percent');
        }
        for (const { panel, chart } of this.panels)
            chart.show(panel.queries.flatMap((q) => this.lines(q)), now);
        this.drawMounts();
    }

    /** @param {import('./panels.js').Query} query @returns {import('./chart.js').Line[]} */
    lines(query) {
        const data = this.watch(query.q).data;
        const rank = (/** @type {Series} */ s) => {
            const at = query.order?.indexOf(s.labels[query.label ?? '']) ?? -1;
            return at < 0 ? 99 : at;
        };
        const all = [...data.series.values()].sort((a, b) => rank(a) - rank(b));
        const shown = query.order ? all.filter((s) => rank(s) < 2 || s.values.some((v) => v > 0)) : all; /* most kernels never use some modes */
        return shown.map((s, i) => ({
            name: query.name ?? s.labels[query.label ?? ''] ?? format.labelText(s.labels),
            color: query.color ?? (query.order ? Math.min(rank(s), 5) : i),
            sign: query.sign ?? 1,
            sample: (start, step, n, until) => data.sample(s, start, step, n, until),
        }));
    }

    drawMounts() {
        /** @type {Map<string, {path: string, size: number, avail: number}>} one row per device: the others are bind mounts of it */
        const byDevice = new Map();
        const avail = this.watch(mounts.avail).data.present();
        for (const s of this.watch(mounts.size).data.present()) {
            const { mountpoint: path = '', device = path } = s.labels;
            const known = byDevice.get(device);
            const a = avail.find((o) => o.labels.mountpoint === path && o.labels.device === s.labels.device && o.labels.instance === s.labels.instance);
            if (a && !(known && known.path.length <= path.length))
                byDevice.set(device, { path, size: s.values[s.values.length - 1], avail: a.values[a.values.length - 1] });
        }
        const rows = [...byDevice.values()].sort((a, b) => b.size - a.size).slice(0, 5);
        while (this.mounts.children.length > Math.max(rows.length, 1))
            this.mounts.lastElementChild.remove();
        if (!rows.length) {
            if (!this.mounts.querySelector('.dim'))
                this.mounts.replaceChildren(h('li', { class: 'dim' }, 'no filesystem metrics'));
            return;
        }
        this.mounts.querySelector('.dim')?.remove();
        rows.forEach((row, i) => this.drawMount(row, i));
    }

    /** @param {{path: string, size: number, avail: number}} row @param {number} i */
    drawMount(row, i) {
        let item = this.mounts.children[i];
        if (!item) {
            item = h('li', {}, h('span', { class: 'path' }), h('span', { class: 'room' }, h('span', { class: 'word' }), ' ', h('span', {})), h('div', { class: 'bar', 'aria-hidden': 'true' }, h('i', {})));
            this.mounts.append(item);
        }
        const used = 1 - row.avail / row.size;
        const [path, room, bar] = item.children;
        item.className = `mount ${used >= CRIT ? 'crit' : used >= WARN ? 'warn' : ''}`;
        setText(path, row.path);
        path.title = row.path;
        setText(room.firstElementChild, used >= CRIT ? '◆ FULL' : used >= WARN ? '▲ NEARLY FULL' : '');
        setText(room.lastElementChild, `${format.format(used, 'percent')} of ${format.format(row.size, 'bytes')}`);
        bar.firstElementChild.style.width = `${Math.max(0, Math.min(100, used * 100))}%`;
    }
}
