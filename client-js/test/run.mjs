/* run.mjs - node test/run.mjs unit|contract|e2e [file…]: compiles src to plain JavaScript, line by line, runs node --test on it and
 * measures which lines ran. unit: fails when a folder falls below its limit. e2e: test/e2e/*.e2e.mjs in Chromium, one after the other.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lineCoverage } from './lib/coverage.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const [kind = 'unit', ...files] = process.argv.slice(2);

/* Lines that ran, in percent of those with code. */
const LIMITS = { 'client': 95, 'notify': 90, 'dashboard/model': 90, 'dashboard/lib': 90 };

const tsc = kind === 'e2e' ? { status: 0 } : spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.test.json', '--noCheck'], { stdio: 'inherit' });
if (tsc.status)
    process.exit(1);

const folder = join('test', kind);
const tests = files.length ? files : readdirSync(folder).filter((n) => n.endsWith(kind === 'e2e' ? '.e2e.mjs' : '.test.mjs')).sort().map((n) => join(folder, n));
const counts = mkdtempSync(join(tmpdir(), 'coverage-'));
const run = spawnSync(process.execPath, ['--test', ...(kind === 'unit' ? [] : ['--test-concurrency=1']), ...tests], {
    stdio: 'inherit', env: { ...process.env, ...(kind === 'unit' ? { NODE_V8_COVERAGE: counts } : {}) },
});
let bad = run.status ? 1 : 0;

if (kind === 'unit') {
    const base = join(root, 'dist/.js');
    const found = lineCoverage(counts, base);
    for (const [name, limit] of Object.entries(LIMITS)) {
        if (!existsSync(join(base, name)))
            continue;
        let total = 0, hit = 0;
        for (const [file, c] of found) {
            if (!relative(join(base, name), file).startsWith('..')) {
                total += c.total;
                hit += c.hit;
                if (c.missed.length && process.env.MISSED)
                    console.log(`${relative(base, file)}: ${c.missed.map((l) => `${l.line}: ${l.text}`).join('\n    ')}`);
            }
        }
        const percent = total ? (100 * hit) / total : 0;
        const low = !files.length && total > 0 && percent < limit;
        bad ||= low ? 1 : 0;
        console.log(`${low ? 'TOO LOW' : '     ok'}  lines of src/${name} that ran: ${percent.toFixed(1)} % of ${total} (limit ${limit})`);
    }
}
rmSync(counts, { recursive: true, force: true });
process.exit(bad);
