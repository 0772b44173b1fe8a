/* panels.js - what the page asks for: tiles and charts of this host, in node_exporter's names. Pure data.
 *
 * Rates look at the last 5 s, so they move with every reading (the host input reads once a second).
 */

const job = 'job="node"';

/**
 * @typedef {{q: string, name?: string, label?: string, sign?: 1 | -1, color?: number, order?: string[]}} Query
 *   name: of its one series; label: whose value names each series; order: those label values first, in this order
 * @typedef {{id: string, title: string, kind: 'line' | 'stack' | 'mirror', unit: string, wide?: boolean, queries: Query[],
 *            min?: number, reach?: number, max?: string, empty: string}} Panel max: id of the query whose value the axis reaches
 * @typedef {{id: string, title: string, unit: string, q: string,
 *            sub: (v: (id: string) => number | null, f: typeof import('./format.js')) => string}} Tile sub: the line below the value
 */

const total = `node_memory_MemTotal_bytes{${job}}`;
const available = `node_memory_MemAvailable_bytes{${job}}`;

/** Values the tiles' second lines need; also at one per second. @type {Record<string, string>} */
export const facts = {
    cores: `count(count by (cpu) (node_cpu_seconds_total{${job}}))`,
    memTotal: `sum(${total})`,
    memUsed: `sum(${total} - ${available})`,
    tx: `sum(rate(node_network_transmit_bytes_total{${job}, device!="lo"}[5s]))`,
    load15: `max(node_load15{${job}})`,
    iops: `sum(rate(node_disk_reads_completed_total{${job}}[5s])) + sum(rate(node_disk_writes_completed_total{${job}}[5s]))`,
    boot: `max(node_boot_time_seconds{${job}})`,
};

/** @type {Tile[]} */
export const tiles = [
    {
        id: 'cpu', title: 'CPU busy', unit: 'percent', q: `1 - avg(rate(node_cpu_seconds_total{${job}, mode="idle"}[5s]))`,
        sub: (v) => (v('cores') === null ? '' : `of ${v('cores')} ${v('cores') === 1 ? 'core' : 'cores'}`),
    },
    {
        id: 'memory', title: 'Memory used', unit: 'percent', q: `sum(${total} - ${available}) / sum(${total})`,
        sub: (v, f) => (v('memTotal') === null ? '' : `${f.format(v('memUsed'), 'bytes')} of ${f.format(v('memTotal'), 'bytes')}`),
    },
    {
        id: 'load', title: 'Load', unit: 'count', q: `max(node_load1{${job}})`,
        sub: (v, f) => (v('load15') === null ? '' : `15 min: ${f.format(v('load15'), 'count')}`),
    },
    {
        id: 'network', title: 'Network in', unit: 'bytes/s', q: `sum(rate(node_network_receive_bytes_total{${job}, device!="lo"}[5s]))`,
        sub: (v, f) => (v('tx') === null ? '' : `out ${f.format(v('tx'), 'bytes/s')}`),
    },
    {
        id: 'disk', title: 'Disk busy', unit: 'percent', q: `max(rate(node_disk_io_time_seconds_total{${job}}[5s]))`,
        sub: (v, f) => (v('iops') === null ? '' : `${f.format(v('iops'), 'count')} operations/s`),
    },
    {
        id: 'uptime', title: 'Uptime', unit: 'seconds', q: `max(node_time_seconds{${job}} - node_boot_time_seconds{${job}})`,
        sub: (v) => (v('boot') === null ? '' : `since ${new Date(Number(v('boot')) * 1000).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })}`),
    },
];

/** @type {Panel[]} */
export const panels = [
    {
        id: 'cpu', title: 'CPU, share of all cores', kind: 'stack', unit: 'percent', wide: true, min: 0, reach: 0.1, empty: 'no CPU metrics',
        queries: [{
            q: `avg by (mode) (rate(node_cpu_seconds_total{${job}, mode!="idle"}[5s]))`, label: 'mode',
            order: ['user', 'system', 'iowait', 'steal', 'nice', 'softirq', 'irq'],
        }],
    },
    {
        id: 'memory', title: 'Memory', kind: 'stack', unit: 'bytes', min: 0, max: 'memTotal', empty: 'no memory metrics',
        queries: [
            { q: `sum(${total} - ${available})`, name: 'used', color: 0 },
            { q: `clamp_min(sum(${available} - node_memory_MemFree_bytes{${job}}), 0)`, name: 'cache', color: 5 },
        ],
    },
    {
        id: 'network', title: 'Network: in above, out below', kind: 'mirror', unit: 'bytes/s', empty: 'no network metrics',
        queries: [
            { q: `sum(rate(node_network_receive_bytes_total{${job}, device!="lo"}[5s]))`, name: 'in', color: 0 },
            { q: `sum(rate(node_network_transmit_bytes_total{${job}, device!="lo"}[5s]))`, name: 'out', sign: -1, color: 1 },
        ],
    },
    {
        id: 'disk', title: 'Disks: read above, written below', kind: 'mirror', unit: 'bytes/s', empty: 'no disk metrics',
        queries: [
            { q: `sum(rate(node_disk_read_bytes_total{${job}}[5s]))`, name: 'read', color: 2 },
            { q: `sum(rate(node_disk_written_bytes_total{${job}}[5s]))`, name: 'written', sign: -1, color: 3 },
        ],
    },
    {
        id: 'load', title: 'Load average', kind: 'line', unit: 'count', min: 0, empty: 'no load metrics',
        queries: [
            { q: `max(node_load1{${job}})`, name: '1 min', color: 0 },
            { q: `max(node_load5{${job}})`, name: '5 min', color: 1 },
            { q: `max(node_load15{${job}})`, name: '15 min', color: 2 },
        ],
    },
    {
        id: 'pressure', title: 'Pressure: time lost waiting', kind: 'line', unit: 'percent', min: 0, reach: 0.01,
        empty: 'this kernel reports no pressure (PSI)',
        queries: [
            { q: `max(rate(node_pressure_cpu_waiting_seconds_total{${job}}[5s]))`, name: 'cpu', color: 0 },
            { q: `max(rate(node_pressure_io_waiting_seconds_total{${job}}[5s]))`, name: 'io', color: 1 },
            { q: `max(rate(node_pressure_memory_waiting_seconds_total{${job}}[5s]))`, name: 'memory', color: 3 },
        ],
    },
];

export const mounts = {
    size: `node_filesystem_size_bytes{${job}} > 16777216`,
    avail: `node_filesystem_avail_bytes{${job}}`,
};

/** The host's name hangs on it. */
export const identity = `node_uname_info{${job}}`;

/** @type {string[]} */
export const examples = [
    'rate(streamgauge_input_samples_total[10s])',
    'topk(5, rate(node_cpu_seconds_total[10s]))',
    '100 * (1 - node_filesystem_avail_bytes / node_filesystem_size_bytes)',
    'avg_over_time(node_load1[1m])',
    'count by (__name__) ({__name__=~".+"})',
];
