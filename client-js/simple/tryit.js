/* tryit.js - any PromQL expression, live: chart and table, or the error with its place. */
import { Chart } from './chart.js';
import { byId, h, setText } from './dom.js';
import { clock, format, labelText } from './format.js';
import { examples } from './panels.js';
import { Subscription } from './protocol.js';

const MAX_LINES = 6, MAX_ROWS = 100;

/** UTF-8 byte offset (as the server counts) to an index into the string. @param {string} text @param {number} bytes */
function characterAt(text, bytes) {
    return new TextDecoder().decode(new TextEncoder().encode(text).slice(0, bytes)).length;
}

/** Labels that all series share, the name left out; none for a single series. @param {import('./history.js').Series[]} all */
function commonLabels(all) {
    if (all.length < 2)
        return {};
    const shared = Object.entries(all[0].labels).filter(([k, v]) => k !== '__name__' && all.every((s) => s.labels[k] === v));
    return Object.fromEntries(shared);
}

export class TryIt {
    /** @param {import('./protocol.js').Connection} connection @param {() => boolean} paused */
    constructor(connection, paused) {
        this.connection = connection;
        this.paused = paused;
        this.count = 0;
        /** @type {Subscription | null} */
        this.subscription = null;
        this.chart = new Chart(byId('try-chart'), {
            title: 'Your expression', kind: 'line', unit: 'count', empty: 'no series yet', silent: true,
            onValues: (values, t) => this.values(values, t),
        });
        byId('try-form').addEventListener('submit', (/** @type {Event} */ e) => {
            e.preventDefault();
            this.run(byId('try-input').value);
        });
        for (const text of examples)
            byId('try-examples').append(h('button', { type: 'button', click: () => this.run(text) }, text));
        const asked = new URLSearchParams(location.search).get('g0.expr'); /* links of alerts come by /graph?g0.expr= */
        this.run(asked ?? examples[0]);
        if (asked !== null)
            byId('try-form').scrollIntoView();
    }

    /** @param {string} text */
    run(text) {
        byId('try-input').value = text;
        if (this.subscription)
            this.connection.unsubscribe(this.subscription);
        this.subscription = null;
        this.fail(null, '');
        this.chart.former = null;
        this.show([]);
        if (!text.trim())
            return;
        const s = new Subscription(`try-${++this.count}`, text, { history: '5m', onChange: () => s === this.subscription && this.changed(s) });
        this.subscription = s;
        this.connection.subscribe(s);
    }

    /** @param {Subscription} s */
    changed(s) {
        this.fail(s.error, s.query);
        if (!this.paused())
            this.draw(this.connection.serverTime);
    }

    /** @param {import('./protocol.js').ProtocolError | null} error @param {string} text */
    fail(error, text) {
        const box = byId('try-error');
        byId('try-input').setAttribute('aria-invalid', String(Boolean(error)));
        box.hidden = !error;
        byId('try-result').hidden = Boolean(error);
        box.replaceChildren();
        if (!error)
            return;
        if (error.position !== undefined) {
            const at = characterAt(text, error.position);
            const line = text.slice(0, at).replace(/[^\n]/g, ' ');
            box.append(text.slice(0, at), h('b', {}, text.slice(at, at + 1)), text.slice(at + 1), `\n${line}^ `);
        }
        box.append(error.message);
    }

    /** @param {number} now server time */
    draw(now) {
        if (!this.subscription)
            return;
        const { data } = this.subscription;
        const present = data.present();
        this.show(present);
        this.chart.show(present.slice(0, MAX_LINES).map((s, i) => ({
            name: labelText(s.labels), color: i, sign: 1,
            sample: (start, step, n, until) => data.sample(s, start, step, n, until),
        })), now);
        setText(this.chart.note, this.subscription.answered ? (this.subscription.error ? '' : 'no series has a value') : 'asking …');
    }

    /** The newest values, or those under the crosshair, of the series that are drawn. @param {number[]} values @param {number | null} t */
    values(values, t) {
        const rows = byId('try-rows').children;
        setText(byId('try-when'), t === null ? 'now' : clock(t));
        values.forEach((v, i) => rows[i] && setText(rows[i].children[1], format(v, 'count')));
    }

    /** @param {import('./history.js').Series[]} all */
    show(all) {
        const body = byId('try-rows');
        const shown = all.slice(0, MAX_ROWS);
        const common = commonLabels(shown);
        const wanted = shown.length + (all.length > shown.length ? 1 : 0);
        while (body.children.length > wanted)
            body.lastElementChild.remove();
        while (body.children.length < wanted)
            body.append(h('tr', {}, h('td', {}, h('i', {}), h('span', {})), h('td', {})));
        setText(byId('try-common'), Object.keys(common).length ? `all: ${labelText(common)}` : '');
        shown.forEach((s, i) => {
            const row = body.children[i], [name, value] = row.children;
            const own = Object.fromEntries(Object.entries(s.labels).filter(([k]) => !(k in common)));
            row.className = i < MAX_LINES ? `dash c${i}` : '';
            setText(name.lastElementChild, labelText(own));
            setText(value, format(s.values[s.values.length - 1], 'count'));
        });
        if (all.length > shown.length) {
            body.lastElementChild.className = '';
            setText(body.lastElementChild.children[0].lastElementChild, `… and ${all.length - shown.length} more`);
            setText(body.lastElementChild.children[1], '');
        }
        if (!all.length)
            this.chart.show([], this.connection.serverTime);
    }
}
