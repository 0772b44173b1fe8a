/* coverage.mjs - line coverage from what V8 writes to NODE_V8_COVERAGE, merged over all processes of a run. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

function filesBelow(folder) {
    return readdirSync(folder).flatMap((name) => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? filesBelow(path) : name.endsWith('.js') ? [path] : [];
    });
}

/** Per offset: did any process run it? Inner ranges come after outer ones and are more exact. */
function markRun(functions, length) {
    const ran = new Uint8Array(length);
    for (const f of functions)
        for (const r of f.ranges)
            ran.fill(r.count ? 1 : 0, r.startOffset, Math.min(r.endOffset, length));
    return ran;
}

/** No code: empty, closing brackets, comments. Comments are left in by tsc. */
function codeLines(text) {
    const lines = [];
    let at = 0, comment = false;
    for (const line of text.split('\n')) {
        const trimmed = line.trim();
        const start = comment || trimmed.startsWith('/*') || trimmed.startsWith('//');
        comment = (comment || trimmed.startsWith('/*')) && !trimmed.endsWith('*/');
        if (!start && trimmed && !/^[\])};,]+$|^(else|try|finally)? ?\{?$|^export\b.*from|^import\b|^export \{\};?$/.test(trimmed))
            lines.push({ from: at + line.indexOf(trimmed), to: at + line.length, text: trimmed });
        at += line.length + 1;
    }
    return lines;
}

/** @returns {Map<string, {total: number, hit: number, missed: {line: number, text: string}[]}>} by path, files never loaded too */
export function lineCoverage(folder, base) {
    const runs = new Map();
    for (const name of readdirSync(folder)) {
        for (const script of JSON.parse(readFileSync(join(folder, name), 'utf8')).result) {
            if (script.url.startsWith('file:'))
                runs.set(script.url, [...(runs.get(script.url) ?? []), script.functions]);
        }
    }
    const out = new Map();
    for (const file of filesBelow(base)) {
        const text = readFileSync(file, 'utf8');
        const marks = (runs.get(pathToFileURL(file).href) ?? []).map((functions) => markRun(functions, text.length));
        const lineOf = (offset) => text.slice(0, offset).split('\n').length;
        const lines = codeLines(text);
        const missed = lines.filter((l) => !marks.some((m) => m[l.from]));
        out.set(file, { total: lines.length, hit: lines.length - missed.length, missed: missed.map((l) => ({ line: lineOf(l.from), text: l.text })) });
    }
    return out;
}
