/* panels-server.mjs - bundles test/e2e/panels-page.ts and serves it under the policy of the product: no inline code, no inline
 * style, no markup from text. */
import { build } from 'esbuild';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { lean } from '../../tools/uplot.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const POLICY = "default-src 'self'; img-src 'self' data:; require-trusted-types-for 'script'; trusted-types 'none'";
const KINDS = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json' };
const HTML = '<!doctype html><html lang="en" data-theme="dark"><meta charset="utf-8"><title>panels</title><link rel="stylesheet" href="/page.css"><body><script type="module" src="/page.js"></script>';
const PAGE_CSS = `
body { margin: 0; background: var(--page); color: var(--text); font: var(--body) var(--font); }
#grid { display: flex; flex-wrap: wrap; gap: 8px; padding: 8px; }
.page-panel { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 4px 8px 8px; }
.page-panel h2 { margin: 2px 0 4px; font-size: 13px; font-weight: 600; }
.panel-frame { position: relative; }
.page-host { position: relative; overflow: hidden; }
`;

/** Starts the page. @returns {Promise<{url: string, close: () => void}>} */
export async function servePanels() {
    const folder = mkdtempSync(join(tmpdir(), 'panels-'));
    const styles = ['tokens', 'base', 'panels', 'data-panels', 'later'].map((n) => join(root, 'src/dashboard/styles', `${n}.css`)).filter(existsSync);
    styles.unshift(join(root, 'node_modules/uplot/dist/uPlot.min.css'));
    writeFileSync(join(folder, 'own.css'), PAGE_CSS);
    writeFileSync(join(folder, 'styles.css'), [...styles, join(folder, 'own.css')].map((s) => `@import "${s}";`).join('\n'));
    const common = { absWorkingDir: root, bundle: true, logLevel: /** @type {const} */ ('warning'), sourcemap: /** @type {const} */ ('inline') };
    /* A panel that is not there yet is one that cannot be loaded, and is left out. */
    const missing = { name: 'missing', setup(b) {
        b.onResolve({ filter: /^\.\/.*\.ts$/ }, (a) => (existsSync(resolve(a.resolveDir, a.path)) ? undefined : { path: a.path, namespace: 'missing' }));
        b.onLoad({ filter: /.*/, namespace: 'missing' }, () => ({ contents: 'throw new Error("not there yet")' }));
    } };
    await build({ ...common, entryPoints: { page: join(root, 'test/e2e/panels-page.ts') }, outdir: folder, format: 'esm', splitting: true, publicPath: '/', loader: { '.json': 'file' }, plugins: [missing, lean] });
    const css = await build({ ...common, entryPoints: { page: join(folder, 'styles.css') }, outdir: folder, write: false, sourcemap: false });
    const bundled = join(folder, 'page.css');
    writeFileSync(bundled, (existsSync(bundled) ? readFileSync(bundled, 'utf8') : '') + css.outputFiles[0].text);
    const server = createServer((request, answer) => {
        const path = new URL(request.url ?? '/', 'http://x').pathname;
        const file = join(folder, path.slice(1));
        if (path !== '/' && (!file.startsWith(folder) || !existsSync(file))) {
            answer.writeHead(404).end();
            return;
        }
        answer.writeHead(200, { 'Content-Type': KINDS[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': POLICY });
        answer.end(path === '/' ? HTML : readFileSync(file));
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', () => done(undefined)));
    return { url: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/`, close() {
        server.close();
        server.closeAllConnections();
        rmSync(folder, { recursive: true, force: true });
    } };
}

/** Debian's browser; everything is drawn by the processor, so pictures are the same everywhere. */
export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', timeout: 60_000, args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb'] });
