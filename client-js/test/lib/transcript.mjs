/* transcript.mjs - reads tests/data/proto, the examples of the protocol that the server's tests play as well. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../../tests/data/proto');

export const names = readdirSync(folder).filter((n) => n.endsWith('.transcript')).map((n) => n.replace('.transcript', ''));

/** @returns {{line: number, kind: '@' | '>' | '<' | 'close' | '!', text: string, event?: string, id?: string, json?: any}[]} */
export function read(name) {
    return readFileSync(join(folder, `${name}.transcript`), 'utf8').split('\n').flatMap((text, i) => {
        const kind = text[0], rest = text.slice(2), line = i + 1;
        if (!text || kind === '#')
            return [];
        if (kind === '<' && rest.startsWith('close '))
            return [{ line, kind: 'close', text: rest.slice(6) }];
        const sse = kind === '<' && /^\[(\S+) (\S+)\] (.*)$/.exec(rest);
        if (sse)
            return [{ line, kind, text: sse[3], event: sse[1], id: sse[2], json: JSON.parse(sse[3]) }];
        let json;
        try {
            json = kind === '<' || kind === '>' ? JSON.parse(rest) : undefined;
        } catch {
            /* a client's mistake is part of the examples */
        }
        return [{ line, kind, text: rest, json }];
    });
}

/** "*" stands for any value; `any` gives one. */
export function concrete(message, any = {}) {
    const defaults = { epoch: '5f3a9c1e00c0ffee', time: 1764000000000, session: 'abc', limits: {}, server: 'x', t: 1764000009000, message: 'text', position: 0 };
    return Object.fromEntries(Object.entries(message).map(([k, v]) => [k, v === '*' ? (any[k] ?? defaults[k]) : v]));
}
