/* own.js - "your first metric": the command to send one, and its chart as soon as it arrives. */
import { Chart } from './chart.js';
import { byId, h, setText } from './dom.js';
import { labelText, parts } from './format.js';
import { Subscription } from './protocol.js';

const METRIC = 'orders';

/** @param {string} origin @returns {[string, string][]} */
function waysIn(origin) {
    const host = location.hostname;
    return [
        ['a stream of them', `while sleep 0.5; do curl -d '{"metric":"orders","value":'$RANDOM'}' ${origin}/api/v1/samples; done`],
        ['StatsD on its usual port, from bash', `echo -n 'orders:3|g' > /dev/udp/${host.replace(/[[\]]/g, '')}/8125`],
        ['Prometheus text', `echo 'orders 4' | curl --data-binary @- ${origin}/api/v1/import/prometheus`],
        ['Influx line protocol', `curl -d 'shop orders=5' ${origin}/write`],
    ];
}

export class Own {
    /** @param {import('./protocol.js').Connection} connection @param {() => boolean} paused */
    constructor(connection, paused) {
        this.connection = connection;
        this.paused = paused;
        this.command = `curl -d '{"metric":"${METRIC}","value":3}' ${location.origin}/api/v1/samples`;
        this.subscription = this.watch('1s');
        this.makeChart();
        this.shown = '';
        setText(byId('own-command'), this.command);
        byId('own-copy').addEventListener('click', () => this.copy());
        for (const [what, command] of waysIn(location.origin))
            byId('own-more').append(h('dt', {}, what), h('dd', {}, h('code', {}, command)));
    }

    makeChart() {
        byId('own-chart').replaceChildren();
        this.chart?.destroy();
        this.chart = new Chart(byId('own-chart'), {
            title: METRIC, kind: 'line', unit: 'count', min: 0, stepMs: this.subscription.stepMs, empty: `waiting for ${METRIC} …`,
        });
    }

    /** @param {string} interval */
    watch(interval) {
        return this.connection.subscribe(new Subscription(`own-${interval}`, METRIC, { interval, history: '5m', onChange: () => this.arrived() }));
    }

    /** Samples should be seen at once: as often as this server's base tick allows. @param {any} limits of the welcome message */
    quicken(limits) {
        const ms = Math.max(200, limits?.minInterval ?? 1000);
        if (ms >= 1000 || this.subscription.stepMs === ms)
            return;
        this.connection.unsubscribe(this.subscription);
        this.subscription = this.watch(`${ms}ms`);
        this.makeChart();
    }

    async copy() {
        const button = byId('own-copy');
        try {
            await navigator.clipboard.writeText(this.command);
            setText(button, 'Copied');
        } catch { /* plain http on another host has no clipboard: select it instead */
            getSelection()?.selectAllChildren(byId('own-command'));
            setText(button, 'Selected');
        }
        setTimeout(() => setText(button, 'Copy'), 2000);
    }

    arrived() {
        const now = this.subscription.data.present();
        const value = now.map((s) => this.subscription.data.last(s)).join();
        if (now.length && value !== this.shown && this.shown !== null) {
            const panel = byId('own-chart').closest('.panel');
            panel.classList.remove('arrived');
            requestAnimationFrame(() => panel.classList.add('arrived'));
            setText(byId('own-lead'), `It arrived: ${METRIC} is ${parts(this.subscription.data.last(now[0]), 'count').join(' ').trim()}. Send another value and watch it move.`);
        }
        this.shown = value;
        if (!this.paused())
            this.draw(this.connection.serverTime);
    }

    /** @param {number} now server time */
    draw(now) {
        const { data } = this.subscription;
        this.chart?.show([...data.series.values()].slice(0, 6).map((s, i) => ({
            name: labelText(s.labels), color: i, sign: 1,
            sample: (start, step, n, until) => data.sample(s, start, step, n, until),
        })), now);
    }
}
