/* driver.mjs - Chromium by line: one JSON command per line on standard input, one JSON answer per line on standard output.
 * The tests are Python (conftest.py); this is only their hand in the browser.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../clients/', import.meta.url));
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
           '--disable-component-update', '--disable-sync'],
});
const pages = new Map();
let count = 0;

const ops = {
    async open({ url, options }) {
        const context = await browser.newContext(options ?? {});
        await context.addInitScript(() => {
            window.violations = [];
            document.addEventListener('securitypolicyviolation', (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
        });
        const page = await context.newPage();
        const entry = { context, page, complaints: [], requests: [], sockets: [] };
        page.on('console', (m) => ['error', 'warning'].includes(m.type()) && entry.complaints.push(m.text()));
        page.on('pageerror', (e) => entry.complaints.push(String(e.stack ?? e)));
        page.on('request', (r) => entry.requests.push(r.url()));
        page.on('websocket', (s) => {
            const frames = [];
            entry.sockets.push({ url: s.url(), frames });
            s.on('framereceived', (f) => frames.length < 2000 && frames.push(String(f.payload)));
        });
        pages.set(++count, entry);
        await page.goto(url);
        return count;
    },
    async close({ page }) {
        await pages.get(page).context.close();
        pages.delete(page);
    },
    eval: ({ page, code }) => pages.get(page).page.evaluate(code),
    async wait({ page, code, ms }) {
        /* Not waitForFunction: it evaluates strings inside the page, which the page's policy rightly forbids. */
        const end = Date.now() + ms;
        while (!(await pages.get(page).page.evaluate(code))) {
            if (Date.now() > end)
                throw new Error(`waited ${ms} ms for: ${code}`);
            await new Promise((resolve) => setTimeout(resolve, 50));
        }
    },
    click: ({ page, selector }) => pages.get(page).page.click(selector),
    fill: ({ page, selector, text }) => pages.get(page).page.fill(selector, text),
    press: ({ page, key }) => pages.get(page).page.keyboard.press(key),
    hover: ({ page, selector }) => pages.get(page).page.hover(selector),
    resize: ({ page, width, height }) => pages.get(page).page.setViewportSize({ width, height }),
    reload: async ({ page }) => void (await pages.get(page).page.reload()),
    screenshot: async ({ page, path }) => void (await pages.get(page).page.screenshot({ path })),
    complaints: ({ page }) => pages.get(page).complaints,
    requests: ({ page }) => pages.get(page).requests,
    sockets: ({ page }) => pages.get(page).sockets,
};

for await (const line of createInterface({ input: process.stdin })) {
    const { op, ...rest } = JSON.parse(line);
    let answer;
    try {
        answer = { ok: (await ops[op](rest)) ?? null };
    } catch (e) {
        answer = { error: String(e.message ?? e) };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
}
await browser.close();
