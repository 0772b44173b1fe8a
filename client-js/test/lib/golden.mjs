/* golden.mjs - data of every kind for every panel type: the same each time. */
export const NOW = Date.UTC(2026, 2, 1, 12, 0, 0);
export const SITUATIONS = ['normal', 'empty', 'null', 'one', 'many', 'nan'];

/** A generator of numbers in [0, 1) from a seed. */
export function random(seed) {
    let s = seed >>> 0;
    return () => {
        s = (s + 0x6d2b79f5) >>> 0;
        let t = Math.imul(s ^ (s >>> 15), 1 | s);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

const green = { color: 'green', value: null };
const thresholds = { mode: 'absolute', steps: [green, { color: 'yellow', value: 60 }, { color: 'red', value: 80 }] };
const fieldConfig = (defaults = {}) => ({ defaults: { unit: 'short', color: { mode: 'palette-classic' }, thresholds, ...defaults }, overrides: [] });
const target = (more = {}) => [{ refId: 'A', expr: 'golden', ...more }];

/** Panels as a dashboard has them, by type. */
export const PANELS = {
    'timeseries': { fieldConfig: fieldConfig({ unit: 'Bps', custom: { fillOpacity: 10, thresholdsStyle: { mode: 'off' } } }), options: { legend: { displayMode: 'list', placement: 'bottom' } } },
    'stat': { fieldConfig: fieldConfig({ unit: 'percent', color: { mode: 'thresholds' } }), options: { graphMode: 'area', colorMode: 'value', reduceOptions: { calcs: ['lastNotNull'] } } },
    'gauge': { fieldConfig: fieldConfig({ unit: 'percent', min: 0, max: 100, color: { mode: 'thresholds' } }), options: { reduceOptions: { calcs: ['lastNotNull'] } } },
    'bargauge': { fieldConfig: fieldConfig({ unit: 'percent', min: 0, max: 100, color: { mode: 'thresholds' } }), options: { displayMode: 'basic', orientation: 'horizontal' } },
    'table': { fieldConfig: { ...fieldConfig({ unit: 'Bps', thresholds: { mode: 'absolute', steps: [green, { color: 'yellow', value: 4e6 }, { color: 'red', value: 8e6 }] } }), overrides: [
        { matcher: { id: 'byName', options: 'Gauge' }, properties: [{ id: 'custom.cellOptions', value: { type: 'gauge' } }, { id: 'color', value: { mode: 'thresholds' } }] },
        { matcher: { id: 'byName', options: 'Ground' }, properties: [{ id: 'custom.cellOptions', value: { type: 'color-background' } }, { id: 'color', value: { mode: 'thresholds' } }] }] }, options: {} },
    'text': { options: { mode: 'markdown', content: '# Runbook\nCall **ops** first. [Wiki](https://example.org/)' }, withoutData: true },
    'piechart': { fieldConfig: fieldConfig({ unit: 'reqps' }), options: { pieType: 'donut', displayLabels: ['percent'], legend: { placement: 'right', values: ['value', 'percent'] } } },
    'barchart': { fieldConfig: fieldConfig({ unit: 'reqps' }), options: { orientation: 'auto', showValue: 'auto' } },
    'histogram': { fieldConfig: fieldConfig({ unit: 'ms' }), options: { bucketCount: 30 } },
    'heatmap': { fieldConfig: fieldConfig({ unit: 's' }), options: { color: { mode: 'scheme' }, yAxis: { unit: 's' } }, targets: target({ format: 'heatmap' }) },
    'state-timeline': { fieldConfig: fieldConfig({ unit: 'none', color: { mode: 'thresholds' }, mappings: [
        { type: 'value', options: { 0: { text: 'up', color: 'green' }, 1: { text: 'slow', color: 'yellow' }, 2: { text: 'down', color: 'red' }, 3: { text: 'maintenance', color: 'purple' } } }] }),
    options: { mergeValues: true, showValue: 'auto' } },
    'geomap': { fieldConfig: fieldConfig({ unit: 'reqps' }), options: { view: { id: 'zero' } } },
    'flamegraph': { fieldConfig: fieldConfig({ unit: 'ms' }), options: {} },
    'logs': { options: { showTime: true, showLabels: false, sortOrder: 'Descending' }, targets: target({ datasource: { type: 'loki' }, expr: '{app="shop"}' }) },
    'alertlist': { options: { maxItems: 20, sortOrder: 3 } },
};

/** A dashboard of them all. */
export const dashboard = () => ({
    uid: 'golden', title: 'Every panel', panels: Object.entries(PANELS).map(([type, p], i) => ({
        id: i + 1, type, title: type, gridPos: { x: (i % 3) * 8, y: Math.floor(i / 3) * 8, w: 8, h: 8 }, targets: target(), ...p })),
});

const HOSTS = ['web-1', 'web-2', 'db', 'cache', 'a-host-with-a-name-that-is-rather-too-long-for-its-panel'];
const COUNTRIES = ['DE', 'FRA', 'US', 'BR', 'IN', 'CN', 'ZA', 'AU', 'JP', 'GB', 'CA', 'SG', 'NZ', 'EG', 'Sweden', 'MT'];
const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '+Inf'];
const STACKS = ['main;serve;accept', 'main;serve;read;parse;number', 'main;serve;read;parse;string', 'main;serve;read;recv', 'main;serve;write;encode;json', 'main;serve;write;send',
    'main;tick;evaluate;rate', 'main;tick;evaluate;sum', 'main;tick;publish', 'main;idle'];

function labelsFor(type, i, many) {
    switch (type) {
    case 'heatmap': return { le: BOUNDS[i] };
    case 'flamegraph': return { stack: many ? `main;f${i % 7};g${i % 83};h${i % 997};leaf${i}` : STACKS[i] };
    case 'geomap': return i < COUNTRIES.length ? { country_code: COUNTRIES[i] } : { city: `city ${i}`, lat: String(((i * 37) % 140) - 60), lon: String(((i * 73) % 340) - 170) };
    default: return { instance: HOSTS[i] ?? `host-${i}` };
    }
}

function seriesCount(type, situation) {
    if (situation === 'one')
        return 1;
    if (situation === 'many' && ['piechart', 'barchart', 'geomap', 'flamegraph', 'table', 'bargauge'].includes(type))
        return 1000; /* for these a series is a point: ten values each */
    return { heatmap: BOUNDS.length, flamegraph: STACKS.length, geomap: COUNTRIES.length + 4, barchart: 5, piechart: 5, stat: 3, gauge: 3, bargauge: 5, table: 5 }[type] ?? 4;
}

function valueOf(type, i, t, r, before) {
    switch (type) {
    case 'heatmap': return Math.round(40 / (1 + Math.exp(-(i - 5 - 2 * Math.sin(t / 20)) * 1.2)) + i * 0.01);
    case 'state-timeline': return r() < 0.04 || Number.isNaN(before) ? Math.floor(r() * 4) : before;
    case 'histogram': return 20 + i * 12 + 18 * (r() + r() + r() - 1.5);
    case 'timeseries': case 'table': return 2e6 * (i + 1) * (1 + 0.3 * Math.sin(t / 15 + i) + 0.1 * r());
    default: return Math.max(0, 90 / (i + 1) + 8 * Math.sin(t / 12 + i) + 3 * r());
    }
}

const NOT_FINITE = [NaN, Infinity, -Infinity];

/** Times and columns of values by situation; null stands for nothing there. */
export function golden(type, situation) {
    const many = situation === 'many', n = { one: 1, empty: 0 }[situation] ?? (many ? (seriesCount(type, situation) > 900 ? 10 : 10_000) : 240);
    const step = 1000, times = Float64Array.from({ length: n }, (_, k) => NOW - (n - 1 - k) * step);
    const r = random(type.length * 7919 + situation.length);
    const count = situation === 'empty' ? 0 : seriesCount(type, situation);
    const series = Array.from({ length: count }, (_, i) => {
        const values = new Float64Array(n).fill(NaN);
        let before = NaN;
        for (let k = 0; k < n && situation !== 'null'; k++) {
            before = valueOf(type, situation === 'one' ? 5 : i, k, r, before);
            values[k] = situation === 'nan' ? (k % 3 === 2 && i % 2 ? before : NOT_FINITE[(k + i) % 3]) : k > 100 && k < 110 && !many ? NaN : before;
        }
        return { labels: labelsFor(type, situation === 'one' && type === 'heatmap' ? 5 : i, many), values, last: situation === 'null' || !n ? null : values[n - 1] };
    });
    return { times, series, from: NOW - Math.max(n, 60) * step, to: NOW };
}

const TITLES = ['Checkout is slow', 'Disk of db almost full', 'Certificate ends in 10 days', 'web-2 does not answer', 'Queue of mails grows', 'A title that goes on and on until there is no room for any more of it in a line'];

/** Notifications as the feed brings them. */
export function notifications(situation) {
    const n = { normal: 14, empty: 0, null: 0, one: 1, many: 10_000, nan: 3 }[situation];
    return Array.from({ length: n }, (_, i) => ({
        id: `${(0x1000 + i).toString(16).padStart(16, '0')}-${NOW.toString(16)}`, type: ['critical', 'warning', 'info'][i % 3], title: TITLES[i % TITLES.length],
        message: situation === 'nan' ? undefined : `p99 has been ${i} ms above its limit`, timestamp: NOW - (n - i) * 7000, source: 'golden',
        status: ['firing', 'firing', 'resolved', 'acknowledged'][i % 4],
        context: { labels: { alertname: `Alert${i}`, severity: 'critical', team: 'shop' }, fingerprint: (0x1000 + i).toString(16).padStart(16, '0'), startsAt: NOW - 600_000, value: i % 2 ? 'NaN' : 12 },
    }));
}

const rfc = (ms) => new Date(ms).toISOString();

/** What /api/v2/alerts and /api/v1/alerts answer. */
export function alerts(situation) {
    const n = { normal: 7, empty: 0, null: 0, one: 1, many: 1000, nan: 2 }[situation];
    const v2 = Array.from({ length: n }, (_, i) => ({
        annotations: situation === 'nan' ? {} : { summary: TITLES[i % TITLES.length], description: `since deployment ${i}`, runbook_url: 'https://example.org/runbook' },
        endsAt: rfc(NOW + 240_000), fingerprint: (0x9000 + i).toString(16).padStart(16, '0'), receivers: [{ name: 'team' }], startsAt: rfc(NOW - (i + 1) * 90_000), updatedAt: rfc(NOW),
        status: { inhibitedBy: i === 5 ? ['x'] : [], mutedBy: [], silencedBy: i === 4 ? ['s'] : [], state: i === 4 || i === 5 ? 'suppressed' : 'active' },
        ...(i === 3 ? { acknowledgement: { by: 'ann', comment: '', at: rfc(NOW - 60_000) } } : {}),
        labels: { alertname: `Alert${i}`, ...(situation === 'nan' ? {} : { severity: ['warning', 'critical', 'info', 'critical'][i % 4] }), instance: HOSTS[i % 5] },
    }));
    const pending = n > 1 ? [{ labels: { alertname: 'MemoryFull', severity: 'warning' }, annotations: { summary: 'Memory fills up' }, state: 'pending', activeAt: rfc(NOW - 30_000), value: '1e+00' }] : [];
    return { '/api/v2/alerts': v2, '/api/v1/alerts': { status: 'success', data: { alerts: pending } } };
}
