/* readme.e2e.mjs - what README.md promises of its snippets: the one works pasted into an empty page, the other in Node. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { launch, openPage, Site } from '../lib/site.mjs';

const client = fileURLToPath(new URL('../..', import.meta.url));
let site, browser;

/* The empty pages have an origin of their own. */
const pages = createServer((request, answer) => {
    const file = decodeURIComponent(request.url.slice(1));
    answer.writeHead(file.endsWith('.md') ? 200 : 404, { 'content-type': 'text/html' }).end(file.endsWith('.md') ? block('html', '/streamgauge.js', file) : '');
});

before(async () => {
    await new Promise((done) => pages.listen(0, '127.0.0.1', done));
    site = new Site();
    const config = join(site.folder, 'own.yml');
    writeFileSync(config, `auth: {origins: ["http://127.0.0.1:${pages.address().port}"]}\n`);
    site.flags.push('--config', config);
    await site.start();
    browser = await launch();
});
after(async () => {
    pages.close();
    pages.closeAllConnections();
    await browser?.close();
    await site?.stop();
});

/** The block of a language that has these words in it. */
function block(language, words, file) {
    const all = [...readFileSync(join(client, file), 'utf8').matchAll(/^```(\w+)[^\n]*\n(.*?)^```$/gms)];
    const found = all.find(([, lang, text]) => lang === language && text.includes(words));
    assert.ok(found, `${file} has a ${language} block with ${words}`);
    return found[2].replaceAll('http://127.0.0.1:8420', site.url);
}

for (const file of ['../README.md', 'README.md']) {
    test(`${file}: pasted into an empty HTML page`, async () => {
        const page = await openPage(browser);
        await page.goto(`http://127.0.0.1:${pages.address().port}/${encodeURIComponent(file)}`);
        await page.waitForFunction(() => /^\d/.test(document.querySelector('#load').textContent));
        assert.deepEqual(page.complaints.filter((c) => !c.includes('favicon')), []);
        await page.context().close();
    });
}

test('in Node', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'readme-'));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(client, join(folder, 'node_modules/streamgauge'));
    await site.sampled(2); /* its rate has something to say at once */
    writeFileSync(join(folder, 'snippet.mjs'), block('js', "from 'streamgauge'", '../README.md'));
    const { stdout } = await promisify(execFile)(process.execPath, ['snippet.mjs'], { cwd: folder, timeout: 60_000 });
    assert.match(stdout, /^idle [\d.]+$/m);
    rmSync(folder, { recursive: true });
});
