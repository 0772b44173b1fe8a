/* build.mjs - npm run build: checks types, bundles the npm package and the site, hashes and compresses what the server embeds,
 * writes the manifest, and fails when something has grown beyond its limit.
 *
 *   dist/*.js, dist/types    the npm package: ES modules, types, and one file for <script>
 *   dist/site/               what the binary serves; dist/site/manifest.json lists it (read by server/app/embed.cmake)
 *
 * node build.mjs --lib: the package only, whatever state the dashboard is in.
 */
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { rollup } from 'rollup';
import { minify } from 'terser';
import { lean } from './tools/uplot.mjs';

const root = dirname(fileURLToPath(import.meta.url));
process.chdir(root);
const libOnly = process.argv.includes('--lib');

/* KB are 1024 bytes, of gzip -9 unless it says br. */
const LIMITS_KB = {
    'client': 8,
    'script tag': 9,
    'notifications': 3,
    'push': 1.2,
    'compat': 1.2,
    'react': 0.6,
    'svelte': 0.6,
    'frame of the page': 39, /* what stands before a dashboard is there */
    'first load': 86, /* html, styles and scripts until the host's dashboard is there, uPlot in it */
    'after the page stands': 16.5, /* and before anybody has done anything */
    'geomap chunk': 9.2,
    'world map': 19.5,
    'flamegraph chunk': 8.2, /* with the kit of all canvas panels */
    'everything embedded (br)': 178,
};
/* What the design wants where it is not reached: npm run goals tells. */
const GOALS_KB = { 'first load': 62, 'geomap chunk': 12, 'world map': 38, 'flamegraph chunk': 4, 'everything embedded (br)': 160 };
/** @type {{name: string, bytes: number}[]} */
const sizes = [];

const gzip = (/** @type {Uint8Array | string} */ data) => gzipSync(data, { level: 9 });
const brotli = (/** @type {Buffer} */ data) => brotliCompressSync(data, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length },
});

function tsc(...args) {
    try {
        execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], { stdio: 'pipe' });
    } catch (error) {
        process.stderr.write(`${error.stdout ?? ''}${error.stderr ?? error}`);
        console.error(`tsc ${args.join(' ')} failed`);
        process.exit(1);
    }
}

/* ---- the npm package ---- */

const common = { absWorkingDir: root, bundle: true, format: 'esm', target: 'es2022', charset: 'utf8', legalComments: 'none', logLevel: 'warning',
    mangleProps: /^_[a-z]/ /* what is private */, mangleCache: {} };

const withoutMap = (/** @type {string} */ text) => text.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '');

const shorter = async (/** @type {string} */ code, /** @type {import('terser').MinifyOptions} */ more = {}) =>
    minify(code, { module: true, ecma: 2020, compress: { passes: 3 }, format: { comments: false }, ...more });

/** What esbuild has made of a file of the package, shorter by some percent; its map goes on to point at the sources. */
async function shorten(/** @type {string} */ name) {
    const file = `dist/${name}.js`;
    const { code, map } = await shorter(withoutMap(readFileSync(file, 'utf8')), {
        module: !name.endsWith('.iife'), sourceMap: { content: readFileSync(`${file}.map`, 'utf8'), filename: `${name}.js`, url: `${name}.js.map` },
    });
    writeFileSync(file, code ?? '');
    writeFileSync(`${file}.map`, String(map));
}

async function buildPackage() {
    const entries = {
        'streamgauge': 'src/client/index.ts',
        'compat': 'src/client/compat.ts',
        'notifications': 'src/notify/index.ts',
        'push': 'src/notify/push.ts',
        'react': 'src/client/adapters/react.ts',
        'svelte': 'src/client/adapters/svelte.ts',
        'sw': 'src/sw/sw.ts',
    };
    await build({ ...common, entryPoints: entries, outdir: 'dist', external: ['react'], minify: true, sourcemap: true,
        define: { __ASSETS__: '[]', __BUILD__: '""', __PAGES__: '[]' } });
    await build({ ...common, entryPoints: { 'streamgauge.iife': 'src/client/iife.ts' }, outdir: 'dist', format: 'iife',
        globalName: 'streamgauge', minify: true, sourcemap: true });
    for (const name of [...Object.keys(entries), 'streamgauge.iife'])
        await shorten(name);
    for (const [gate, file] of [['client', 'streamgauge'], ['script tag', 'streamgauge.iife'], ['notifications', 'notifications'],
        ['push', 'push'], ['compat', 'compat'], ['react', 'react'], ['svelte', 'svelte']])
        sizes.push({ name: gate, bytes: gzip(withoutMap(readFileSync(`dist/${file}.js`, 'utf8'))).length });
    tsc('-p', 'tsconfig.types.json');
    tsc('-p', 'test/types');
}

/* ---- the site ---- */

/** @type {{path: string, file: string, immutable: boolean, bytes: number, br?: number, gzip?: number}[]} */
const manifest = [];
const compressible = new Set(['.html', '.js', '.css', '.json', '.svg', '.webmanifest', '.txt']);

/* Addresses the page answers itself ('*': all below). */
const PAGES = ['/d/*', '/dashboards'];

/** Writes one file of the site beside its compressed variants. @param {string} path @param {Buffer} data @param {boolean} immutable */
function emit(path, data, immutable) {
    const file = path === '/' ? 'index.html' : path.slice(1);
    const entry = { path, file, immutable, bytes: data.length };
    mkdirSync(join('dist/site', dirname(file)), { recursive: true });
    writeFileSync(join('dist/site', file), data);
    if (compressible.has(extname(file))) {
        for (const [ext, key, compressed] of [['.br', 'br', brotli(data)], ['.gz', 'gzip', gzip(data)]]) {
            if (compressed.length >= data.length)
                continue;
            writeFileSync(join('dist/site', file + ext), compressed);
            entry[key] = compressed.length;
        }
    }
    manifest.push(entry);
    return entry;
}

const hashOf = (/** @type {Buffer | string} */ data) => createHash('sha256').update(data).digest('hex').slice(0, 10);
const filesIn = (/** @type {string} */ folder) =>
    (existsSync(folder) ? readdirSync(folder) : []).filter((name) => statSync(join(folder, name)).isFile()).sort();

/* Style sheets beside that of main.ts; index.html says when they are wanted (lib/later.ts). */
const SHEETS = ['later', 'wall', 'phone'];
/* What is loaded together is one file, with all it needs that is not in one before it. main: what stands before a dashboard is there.
 * page: what shows one, with the panels of the page that opens first, dashboards/host-overview.json; it is asked for at once. extras:
 * what is asked for when the page stands. */
const TOGETHER = {
    main: ['main.ts'],
    page: ['open-page.ts', 'panels/alertlist.ts', 'panels/bargauge.ts', 'panels/stat.ts', 'panels/timeseries.ts'],
    extras: ['extras.ts', 'hands.ts', 'help.ts', 'list.ts'],
    tables: ['panels/gauge.ts', 'panels/table.ts', 'panels/text.ts', 'panel-table.ts'],
    kit: ['panels/kit.ts', 'panels/ramp.ts', 'panels/show.ts'],
    charts: ['panels/barchart.ts', 'panels/heatmap.ts', 'panels/histogram.ts', 'panels/logs.ts', 'panels/pie.ts', 'panels/state-timeline.ts'],
    inspect: ['inspect.ts'],
    editor: ['editor.ts', 'model/forms.ts'],
};

/**
 * src/dashboard/main.ts and what it imports become /assets/<name>-<hash>.*: esbuild reads, splits and shortens; rollup makes few
 * files of them, which compress better. What TOGETHER does not name has a file of its own.
 */
async function bundleDashboard() {
    const parts = await build({
        ...common, entryPoints: { main: 'src/dashboard/main.ts', ...Object.fromEntries(SHEETS.map((n) => [n, `src/dashboard/styles/${n}.css`])) }, outdir: 'dist/site/assets', publicPath: '/assets', splitting: true,
        minifySyntax: true, minifyWhitespace: true, metafile: true, plugins: [lean], write: false, chunkNames: '[name]-[hash]', assetNames: '[name]-[hash]',
        loader: { '.svg': 'file', '.png': 'file', '.json': 'file', '.woff2': 'file' },
    });
    const { outputs } = parts.metafile;
    const nameOf = (/** @type {string} */ path) => path.slice(path.lastIndexOf('/') + 1);
    const outputOf = new Map(Object.entries(outputs).map(([path, output]) => [nameOf(path), output]));
    const scripts = new Map(parts.outputFiles.filter((f) => f.path.endsWith('.js')).map((f) => [nameOf(f.path), f.text]));
    const group = new Map();
    const gather = (/** @type {string} */ name, /** @type {string} */ into) => {
        if (group.has(name))
            return;
        group.set(name, into);
        for (const i of outputOf.get(name).imports)
            if (i.kind === 'import-statement')
                gather(nameOf(i.path), into);
    };
    for (const [into, sources] of Object.entries(TOGETHER))
        for (const source of sources) {
            /* What is also imported by others has its code in one part and its name in another. */
            const found = [...outputOf].filter(([, o]) => o.entryPoint === `src/dashboard/${source}` || `src/dashboard/${source}` in (o.inputs ?? {}));
            if (!found.length)
                throw new Error(`${source} of TOGETHER is in no bundle`);
            found.forEach(([name]) => gather(name, into));
        }
    const joined = await rollup({
        input: 'main.js', treeshake: { moduleSideEffects: true },
        plugins: [{
            name: 'parts',
            resolveId: (/** @type {string} */ id) => nameOf(id),
            load: (/** @type {string} */ id) => scripts.get(id) ?? null,
            renderChunk: async (/** @type {string} */ code) => (await shorter(code)).code ?? '',
        }],
    });
    const { output } = await joined.generate({
        format: 'es', dir: 'dist/site/assets', entryFileNames: '[name]-[hash].js', chunkFileNames: (c) => `${c.name.replace(/-[A-Z0-9]{8}$/, '')}-[hash].js`, compact: true, hoistTransitiveImports: false,
        manualChunks: (id) => group.get(id),
    });
    const chunks = new Map();
    for (const chunk of output) {
        const { gzip: compressed, bytes } = emit(`/assets/${chunk.fileName}`, Buffer.from(chunk.code), true);
        chunks.set(chunk.fileName, { imports: chunk.imports, bytes: compressed ?? bytes, sources: chunk.moduleIds.flatMap((id) => Object.keys(outputOf.get(id)?.inputs ?? {})) });
    }
    const others = new Map();
    for (const file of parts.outputFiles.filter((f) => !f.path.endsWith('.js'))) {
        const data = Buffer.from(file.contents), name = nameOf(file.path), path = `/assets/${name.endsWith('.css') ? name.replace('.', `-${hashOf(data)}.`) : name}`;
        const { gzip: compressed, bytes } = emit(path, data, true);
        others.set(path, compressed ?? bytes);
    }
    return { chunks, others };
}

function measureDashboard({ chunks, others }, html) {
    const files = [...chunks.keys()];
    const holder = (/** @type {string} */ source) => files.find((n) => chunks.get(n).sources.includes(source));
    /** Names of a chunk and of all it imports statically. */
    const closure = (/** @type {string} */ name, into = new Set()) => {
        if (!into.has(name)) {
            into.add(name);
            chunks.get(name).imports.forEach((/** @type {string} */ i) => closure(i, into));
        }
        return into;
    };
    const sum = (/** @type {Iterable<string>} */ set) => [...set].reduce((n, name) => n + chunks.get(name).bytes, 0);
    const css = Object.fromEntries(['main', ...SHEETS].map((name) => [name, [...others.keys()].find((n) => n.startsWith(`/assets/${name}-`))]));
    const main = holder('src/dashboard/main.ts');
    const first = closure(main);
    const frame = gzip(html).length + others.get(css.main);
    sizes.push({ name: 'frame of the page', bytes: sum(first) + frame });
    const page = new Set(first);
    closure(holder('src/dashboard/open-page.ts'), page);
    sizes.push({ name: 'first load', bytes: sum(page) + frame });
    sizes.push({ name: 'after the page stands', bytes: sum([...closure(holder('src/dashboard/extras.ts'))].filter((n) => !page.has(n))) + others.get(css.later) });
    for (const kind of ['geomap', 'flamegraph']) {
        const own = [...closure(holder(`src/dashboard/panels/lazy/${kind}.ts`))].filter((n) => !page.has(n));
        sizes.push({ name: `${kind} chunk`, bytes: sum(own) });
    }
    const world = [...others.keys()].find((n) => /world[^/]*\.json$/.test(n));
    sizes.push({ name: 'world map', bytes: others.get(world) ?? 0 });
    return { main: `/assets/${main}`, css, soon: [...page].filter((n) => n !== main).map((n) => `/assets/${n}`) };
}

async function buildSite() {
    emit('/streamgauge.js', Buffer.from(withoutMap(readFileSync('dist/streamgauge.iife.js', 'utf8'))), false); /* a stable address for pages of others */
    if (!existsSync('src/dashboard/main.ts')) {
        console.log('src/dashboard/main.ts is not there: the server shows its simple page');
        return;
    }
    const bundle = await bundleDashboard();
    const template = readFileSync('src/dashboard/index.html', 'utf8');
    const { main, css, soon } = measureDashboard(bundle, template);
    const html = template.replaceAll('{{main.js}}', main).replace(/\{\{(\w+)\.css\}\}/g, (_, name) => css[name])
        .replace('{{preload}}', soon.map((n) => `<link rel="modulepreload" href="${n}">`).join('\n'));
    for (const name of filesIn('src/dashboard/assets'))
        emit(`/${name}`, readFileSync(join('src/dashboard/assets', name)), false);
    const index = [];
    for (const name of filesIn('dashboards').filter((n) => n.endsWith('.json'))) {
        const dashboard = JSON.parse(readFileSync(join('dashboards', name), 'utf8'));
        emit(`/dashboards/${name}`, Buffer.from(JSON.stringify(dashboard)), false);
        index.push({ uid: basename(name, '.json'), title: dashboard.title, tags: dashboard.tags ?? [], description: dashboard.description ?? '' });
    }
    emit('/dashboards/index.json', Buffer.from(JSON.stringify(index)), false);
    /* The worker knows the shell by name, so it comes last; a new build makes a new worker. */
    const shell = ['/', ...manifest.filter((e) => e.immutable || /\.(webmanifest|svg|png)$/.test(e.path)).map((e) => e.path)];
    const id = hashOf(html + shell.join());
    const home = emit('/', Buffer.from(html.replaceAll('{{build}}', id)), false);
    for (const path of PAGES)
        manifest.push({ ...home, path });
    const sw = await build({ ...common, entryPoints: ['src/sw/sw.ts'], minify: true, write: false, format: 'iife',
        define: { __ASSETS__: JSON.stringify(shell), __BUILD__: JSON.stringify(id), __PAGES__: JSON.stringify(PAGES) } });
    emit('/sw.js', Buffer.from(sw.outputFiles[0].contents), false);
}

function report() {
    let bad = 0;
    const rows = manifest.length ? [...sizes, { name: 'everything embedded (br)', bytes: manifest.filter((e) => !PAGES.includes(e.path)).reduce((n, e) => n + (e.br ?? e.bytes), 0) }] : sizes;
    for (const { name, bytes } of rows) {
        const limit = LIMITS_KB[name] * 1024;
        const over = bytes > limit;
        bad += over ? 1 : 0;
        console.log(`${over ? 'TOO BIG' : '     ok'}  ${name.padEnd(26)} ${(bytes / 1024).toFixed(2).padStart(7)} KB of ${(limit / 1024).toFixed(1)}`);
    }
    writeFileSync('dist/sizes.json', JSON.stringify(rows.map((r) => ({ ...r, limit: LIMITS_KB[r.name] * 1024, goal: (GOALS_KB[r.name] ?? LIMITS_KB[r.name]) * 1024 })), null, 1));
    return bad;
}

mkdirSync('dist', { recursive: true });
for (const name of readdirSync('dist'))
    if (name !== '.js' && !(libOnly && name === 'site')) /* .js is of the tests */
        rmSync(join('dist', name), { recursive: true, force: true });
if (!libOnly) {
    tsc('-p', 'tsconfig.json', '--noEmit');
    tsc('-p', 'src/sw/tsconfig.json');
}
await buildPackage();
if (!libOnly) {
    await buildSite();
    manifest.sort((a, b) => (a.path < b.path ? -1 : 1));
    writeFileSync('dist/site/manifest.json', `${JSON.stringify(manifest, null, 1)}\n`);
}
if (report())
    process.exit(1);
