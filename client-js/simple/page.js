/* page.js - wires the page: one connection, and who is told what. */
import { crosshair, requestPaint } from './chart.js';
import { byId, setText } from './dom.js';
import { Freshness } from './freshness.js';
import { Host } from './host.js';
import { Own } from './own.js';
import { Connection, Subscription } from './protocol.js';
import { onThemeChange } from './theme.js';
import { TryIt } from './tryit.js';

const TOKEN_KEY = 'streamgauge.token';

let paused = false;
let due = false;

/** Frames of one tick come together; they are drawn together, once, and not at all in a hidden page. */
function drawSoon() {
    if (due || paused || document.hidden)
        return;
    due = true;
    requestAnimationFrame(draw);
}

function draw() {
    due = false;
    const now = connection.serverTime;
    if (!now || paused)
        return;
    host.draw(now);
    own.draw(now);
    tryIt.draw(now);
    const name = host.name();
    setText(byId('host'), name);
    document.title = name ? `${name} – streamgauge` : 'streamgauge';
}

const connection = new Connection(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/stream`, {
    token: sessionStorage.getItem(TOKEN_KEY),
    onState(state, detail) {
        freshness.move(state, detail);
        if (state === 'token')
            askForToken(detail.reason ?? '');
    },
    onTime(t) {
        freshness.tick(t);
        drawSoon();
    },
    onWelcome(w) {
        setText(byId('server'), w.server);
        byId('no-dashboards').hidden = location.pathname !== '/'; /* with dashboards this page is at /simple/ */
        own.quicken(w.limits);
    },
});
const freshness = new Freshness(connection);
const host = new Host(connection);
const own = new Own(connection, () => paused);
const tryIt = new TryIt(connection, () => paused);
/* The server's pulse: changes every second, whatever else is quiet. */
connection.subscribe(new Subscription('pulse', 'time()', { history: '', keepMs: 1000 }));
connection.connect();

/** @param {string} reason */
function askForToken(reason) {
    sessionStorage.removeItem(TOKEN_KEY);
    setText(byId('token-reason'), reason);
    byId('token-input').value = '';
    if (!byId('token').open)
        byId('token').showModal();
}

byId('token-form').addEventListener('submit', () => {
    const token = byId('token-input').value;
    sessionStorage.setItem(TOKEN_KEY, token);
    connection.setToken(token);
});

/* Without a token there is nothing to see: Escape does not lead anywhere. */
byId('token').addEventListener('cancel', (/** @type {Event} */ e) => e.preventDefault());

byId('pause').addEventListener('click', () => {
    paused = !paused;
    byId('pause').setAttribute('aria-pressed', String(paused));
    setText(byId('pause'), paused ? 'Resume' : 'Pause');
    drawSoon();
});

document.addEventListener('visibilitychange', () => {
    drawSoon();
    requestPaint();
});
onThemeChange(() => {
    for (const c of crosshair.charts)
        c.dirty = true;
    requestPaint();
    drawSoon();
});
