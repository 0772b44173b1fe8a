/* goals.mjs - npm run goals: the figures of client.md section 12, each with its limit, and which are missed.
 * Needs the binary (environment STREAMGAUGE) and a build. Parts: sizes of the build, `# goal N:` lines of the contract tests, and
 * every other program in test/goals/ that prints such lines (the dashboard's).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const kb = (bytes) => (bytes / 1024).toFixed(2);

if (existsSync('dist/sizes.json'))
    for (const { name, bytes, goal } of JSON.parse(readFileSync('dist/sizes.json', 'utf8')))
        console.log(`goal ${['client', 'notifications', 'script tag', 'compat', 'push', 'react', 'svelte'].includes(name) ? 1 : 2}: ${name} ${kb(bytes)} KB gz (${kb(goal)})${bytes > goal ? '  MISSED' : ''}`);
console.log(`goal 1: run-time dependencies ${Object.keys(JSON.parse(readFileSync('package.json', 'utf8')).dependencies ?? {}).length} (0)`);

const programs = [['test/run.mjs', 'unit'], ['test/run.mjs', 'contract'],
    ...(existsSync('test/goals') ? readdirSync('test/goals').filter((n) => n.endsWith('.mjs')).sort().map((n) => [join('test/goals', n)]) : [])];
for (const program of programs) {
    const { stdout, status } = spawnSync(process.execPath, program, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 28 });
    for (const [, line] of stdout.matchAll(/^(?:# (?:\\# )?)?(goal \d+:.*)$/gm))
        console.log(line);
    for (const [, line] of stdout.matchAll(/(lines of src\/(?:client|dashboard\/model) that ran:.*)$/gm))
        console.log(`goal 17: ${line}`);
    if (status !== 0) /* null: a signal ended it */
        console.log(`${program.join(' ')} FAILED: its figures may be missing`);
}
