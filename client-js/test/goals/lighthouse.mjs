/* lighthouse.mjs - goal 13 as Lighthouse sees it: the page that opens first, as a desktop and as a throttled phone. Its 185 MB are not
 * among our packages: `npm install --prefix /tmp/lighthouse lighthouse@12`, and environment LIGHTHOUSE=/tmp/lighthouse.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Site } from '../lib/site.mjs';

const AT_LEAST = 95;
const DEADLINE_MS = 180_000;

function command() {
    try {
        return createRequire(join(process.env.LIGHTHOUSE || '.', 'node_modules', 'x.js')).resolve('lighthouse/cli/index.js');
    } catch {
        return null;
    }
}

/** The report, or null. @param {string} cli @param {string} url @param {string} device */
async function report(cli, url, device) {
    const run = spawn(process.execPath, [cli, url, ...(device === 'desktop' ? ['--preset=desktop'] : []), '--quiet', '--no-enable-error-reporting',
        '--chrome-flags=--headless=new --no-sandbox', '--only-categories=performance,accessibility,best-practices', '--output=json'],
    { stdio: ['ignore', 'pipe', 'ignore'], timeout: DEADLINE_MS, env: { CHROME_PATH: '/usr/bin/chromium', ...process.env } });
    let text = '';
    for await (const part of run.stdout)
        text += part;
    try {
        const { categories, runtimeError } = JSON.parse(text);
        return runtimeError ? null : Object.values(categories);
    } catch {
        return null;
    }
}

const cli = command();
if (!cli) {
    console.log('goal 13: Lighthouse not measured (see test/goals/lighthouse.mjs for how)');
} else {
    const site = new Site();
    await site.start();
    for (const device of ['desktop', 'phone']) {
        const scores = await report(cli, site.url, device);
        for (const { id, score } of scores ?? [])
            console.log(`goal 13: Lighthouse ${device} ${id} ${Math.round(100 * score)} (${AT_LEAST})${100 * score < AT_LEAST ? '  MISSED' : ''}`);
        if (!scores)
            console.log(`goal 13: Lighthouse ${device} has not answered`);
    }
    await site.stop();
}
