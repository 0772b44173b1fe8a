/* A thousand clients whose server is killed: they come back, and not in the same instant. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { PushClient } from '../../dist/.js/client/client.js';
import { Server, sleep, until, WebSocket } from '../lib/server.mjs';

const opened = new Set();
after(() => opened.forEach((c) => c.close()));

/** Opens clients, kills the server, starts it again after a while; ms from that start to open again. */
async function comeBack(count, downMs) {
    const server = await new Server().start();
    const back = [], clients = [];
    let from = Infinity;
    for (let i = 0; i < count; i++) {
        const client = new PushClient(server.url, { WebSocket, transports: ['ws'], power: 'full' });
        client.on('error', () => {});
        let once = false;
        client.on('state', (s) => {
            if (s.state === 'open' && performance.now() > from && !once)
                once = !!back.push(performance.now() - from);
        });
        clients.push(client);
        opened.add(client);
        client.connect();
        if (i % 100 === 99)
            await until(() => clients.every((c) => c.state === 'open'), 'a hundred more are open');
    }
    await sleep(100);
    await server.kill();
    await sleep(downMs);
    from = performance.now();
    await server.start();
    await until(() => back.length === count, `all are back (${back.length})`);
    clients.forEach((c) => c.close());
    await server.stop();
    back.sort((a, b) => a - b);
    return { back, at: (q) => back[Math.floor(q * (count - 1))] };
}

test('a server killed and started again at once: open again soon', async () => {
    const { at } = await comeBack(100, 0);
    console.log(`# goal 6: server killed and back: open again p50 ${at(0.5).toFixed(0)} ms, p95 ${at(0.95).toFixed(0)} ms (1000, 3000)`);
    assert.ok(at(0.5) < 5000, 'loosely: machines differ');
});

test('a thousand clients after a server that was away come back spread over seconds', async () => {
    const { back, at } = await comeBack(1000, 6000);
    const herd = Math.max(...back.map((t) => back.filter((u) => u >= t && u < t + 500).length));
    console.log(`# goal 6: 1000 clients, server away for 6 s: spread over ${(at(1) - at(0)).toFixed(0)} ms (at least 5000), ` +
        `p50 ${at(0.5).toFixed(0)} ms, p95 ${at(0.95).toFixed(0)} ms, at most ${herd} in half a second`);
    assert.ok(at(1) - at(0) >= 2000, 'spread');
    assert.ok(herd < 800, 'no herd');
});
