/* server.mjs - the real binary as a process (environment STREAMGAUGE), and what stands between it and a client. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import WebSocketOfWs from 'ws';

export const BINARY = process.env.STREAMGAUGE ?? new URL('../../../build/streamgauge', import.meta.url).pathname;
export const WebSocket = WebSocketOfWs;
const DEADLINE_MS = 60_000; /* reached only when something is broken */

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until the condition is true. */
export async function until(condition, what) {
    const end = Date.now() + DEADLINE_MS;
    while (Date.now() < end) {
        const got = await condition();
        if (got)
            return got;
        await sleep(20);
    }
    throw new Error(`${what} did not come true within ${DEADLINE_MS / 1000} s`);
}

export async function freePort() {
    const s = createServer().listen(0, '127.0.0.1');
    await once(s, 'listening');
    const { port } = s.address();
    await new Promise((resolve) => s.close(resolve));
    return port;
}

/* A test that fails leaves nothing running. */
const running = new Set();
after(() => running.forEach((s) => s.stop()));

export class Server {
    constructor(...flags) {
        if (!existsSync(BINARY))
            throw new Error(`no binary at ${BINARY}: set STREAMGAUGE`);
        this.flags = flags;
        this.base = ['--statsd', 'off', '--no-host'];
        this.folder = mkdtempSync(join(tmpdir(), 'sg-'));
    }
    async start() {
        running.add(this);
        this.port ??= await freePort();
        this.url = `http://127.0.0.1:${this.port}`;
        this.log = '';
        this.process = spawn(BINARY, ['serve', '--listen', `127.0.0.1:${this.port}`, ...this.base, ...this.flags], { cwd: this.folder });
        this.process.stderr.on('data', (d) => (this.log += d));
        this.process.stdout.on('data', (d) => (this.log += d));
        await until(async () => {
            if (this.process.exitCode !== null)
                throw new Error(`the server ended: ${this.log}`);
            return (await fetch(`${this.url}/-/ready`).catch(() => null))?.ok;
        }, 'the server is ready');
        return this;
    }
    async kill(signal = 'SIGKILL') {
        if (this.process.exitCode !== null || this.process.signalCode !== null)
            return;
        this.process.kill(signal);
        await once(this.process, 'exit');
    }
    async stop() {
        running.delete(this);
        await this.kill();
        rmSync(this.folder, { recursive: true, force: true });
    }
    async post(samples) {
        const r = await fetch(`${this.url}/api/v1/samples`, { method: 'POST', body: JSON.stringify(samples) });
        if (!r.ok)
            throw new Error(`${r.status} ${await r.text()}`);
    }
}

/**
 * TCP between client and server. mode: 'pass', 'no-upgrade' (WebSocket handshakes are answered 403, the rest passes),
 * 'silent-upgrade' (they are never answered), 'blackhole' (nothing passes any more, no connection is closed).
 */
export class Proxy {
    mode = 'pass';
    sockets = new Set();
    bytes = 0;          /* from the server to clients */
    upgrades = 0;

    constructor(target) {
        this.target = target;
    }
    async start() {
        running.add(this);
        this.server = createServer((client) => this.accept(client)).listen(0, '127.0.0.1');
        await once(this.server, 'listening');
        this.url = `http://127.0.0.1:${this.server.address().port}`;
        return this;
    }
    accept(client) {
        const server = connect(this.target, '127.0.0.1');
        let first = true, dead = false;
        for (const s of [client, server]) {
            this.sockets.add(s);
            s.on('error', () => {});
            s.on('close', () => {
                this.sockets.delete(s);
                if (this.mode !== 'blackhole')
                    (s === client ? server : client).destroy();
            });
        }
        client.on('data', (data) => {
            const upgrade = first && /\r\nupgrade: *websocket/i.test(data.toString('latin1'));
            first = false;
            this.upgrades += upgrade ? 1 : 0;
            if (upgrade && this.mode === 'no-upgrade')
                client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
            else if (upgrade && this.mode === 'silent-upgrade')
                dead = true;
            else if (this.mode !== 'blackhole' && !dead)
                server.write(data);
        });
        server.on('data', (data) => {
            if (this.mode === 'blackhole' || dead)
                return;
            this.bytes += data.length;
            client.write(data);
        });
    }
    stop() {
        running.delete(this);
        this.sockets.forEach((s) => s.destroy());
        this.server.close();
    }
}
