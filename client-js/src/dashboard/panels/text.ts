/* text.ts - words: a part of Markdown, built as elements, so that nothing in it can become code. HTML shows as its text. */
import { h } from '../lib/h.ts';
import { at, string } from '../model/json.ts';
import type { Panel, PanelContext, PanelFactory } from './base.ts';

/** An address a link may have; null: any other scheme. */
function safeHref(href: string): string | null {
    const clean = href.trim();
    return /^(https?:\/\/|\/(?![/\\])|#|\?|mailto:)/i.test(clean) ? clean : null;
}

const INLINE = /`([^`]+)`|\*\*(.+?)\*\*|__(.+?)__|\*([^*\s](?:[^*]*[^*\s])?)\*|(?<![\w])_([^_]+)_(?![\w])|~~(.+?)~~|!?\[([^\]]*)\]\(([^)\s]+)(?:\s+"[^"]*")?\)|(https?:\/\/[^\s<>)]+)/g;

/** Code, strong, emphasis, deleted, links. */
export function inline(source: string): (Node | string)[] {
    const out: (Node | string)[] = [];
    let end = 0;
    for (const m of source.matchAll(INLINE)) {
        out.push(source.slice(end, m.index));
        end = m.index + m[0].length;
        const [, code, strong, strong2, em, em2, del, label, href, bare] = m;
        const target = safeHref(href ?? bare ?? '');
        if (code !== undefined)
            out.push(h('code', null, code));
        else if (strong ?? strong2)
            out.push(h('strong', null, ...inline((strong ?? strong2)!)));
        else if (em ?? em2)
            out.push(h('em', null, ...inline((em ?? em2)!)));
        else if (del)
            out.push(h('del', null, ...inline(del)));
        else
            out.push(target ? h('a', { href: target, rel: 'noopener noreferrer', target: /^http/i.test(target) ? '_blank' : null }, label || target) : m[0]);
    }
    out.push(source.slice(end));
    return out.filter((p) => p !== '');
}

type Block = (lines: string[]) => Node | null;

const heading: Block = (lines) => {
    const m = /^(#{1,6})\s+(.*?)\s*#*$/.exec(lines[0]!);
    if (!m)
        return null;
    lines.shift();
    /* the panel's title is an h2 */
    return h(`h${Math.min(6, m[1]!.length + 2)}` as 'h3', null, ...inline(m[2]!));
};

const fence: Block = (lines) => {
    if (!/^```/.test(lines[0]!))
        return null;
    lines.shift();
    const body: string[] = [];
    while (lines.length && !/^```/.test(lines[0]!))
        body.push(lines.shift()!);
    lines.shift();
    return h('pre', null, h('code', null, body.join('\n')));
};

const rule: Block = (lines) => (/^\s*([-*_])(\s*\1){2,}\s*$/.test(lines[0]!) ? (lines.shift(), h('hr')) : null);

const quote: Block = (lines) => {
    const body: string[] = [];
    while (lines.length && /^>/.test(lines[0]!))
        body.push(lines.shift()!.replace(/^>\s?/, ''));
    return body.length ? h('blockquote', null, ...blocks(body)) : null;
};

const listOf: Block = (lines) => {
    const marker = /^\s*([-*+]|\d+[.)])\s+/;
    const first = marker.exec(lines[0]!);
    if (!first)
        return null;
    const items: string[] = [];
    while (lines.length && (marker.test(lines[0]!) || /^\s{2,}\S/.test(lines[0]!))) {
        const line = lines.shift()!;
        if (marker.test(line))
            items.push(line.replace(marker, ''));
        else
            items[items.length - 1] += ` ${line.trim()}`;
    }
    return h(/\d/.test(first[1]!) ? 'ol' : 'ul', null, ...items.map((i) => h('li', null, ...inline(i))));
};

const cells = (line: string): string[] => line.replace(/^\s*\||\|\s*$/g, '').split('|').map((c) => c.trim());

const table: Block = (lines) => {
    if (!lines[0]!.includes('|') || !/^\s*\|?[\s:|-]*-[\s:|-]*$/.test(lines[1] ?? ''))
        return null;
    const head = cells(lines.shift()!);
    lines.shift();
    const body: string[][] = [];
    while (lines.length && lines[0]!.includes('|'))
        body.push(cells(lines.shift()!));
    return h('table', null, h('thead', null, h('tr', null, ...head.map((c) => h('th', null, ...inline(c))))),
        h('tbody', null, ...body.map((r) => h('tr', null, ...r.map((c) => h('td', null, ...inline(c)))))));
};

const paragraph: Block = (lines) => {
    const body: string[] = [];
    while (lines.length && lines[0]!.trim() !== '' && !(body.length && /^(#{1,6}\s|```|>|\s*([-*+]|\d+[.)])\s)/.test(lines[0]!)))
        body.push(lines.shift()!);
    const parts = body.flatMap((line, i) => [...inline(line.trimEnd()), i < body.length - 1 ? (/ {2}$/.test(line) ? h('br') : ' ') : '']);
    return h('p', null, ...parts);
};

const BLOCKS: readonly Block[] = [fence, heading, rule, quote, listOf, table, paragraph];

export function blocks(lines: string[]): Node[] {
    const out: Node[] = [];
    while (lines.length) {
        if (lines[0]!.trim() === '') {
            lines.shift();
            continue;
        }
        for (const block of BLOCKS) {
            const node = block(lines);
            if (node) {
                out.push(node);
                break;
            }
        }
    }
    return out;
}

/* No level is left out, whatever the text begins with. */
function ordered(nodes: Node[]): Node[] {
    let before = 2;
    return nodes.map((node) => {
        const level = Number(/^H([3-6])$/.exec(node.nodeName)?.[1] ?? 0);
        if (!level)
            return node;
        before = Math.min(level, before + 1);
        return before === level ? node : h(`h${before}` as 'h3', null, ...node.childNodes);
    });
}

export const markdown = (source: string): Node[] => ordered(blocks(source.replace(/\r\n?/g, '\n').split('\n')));

/** What is left of HTML when it may be neither code nor style: its words, lines kept, and that there are pictures. */
function withoutTags(source: string): string {
    const body = new DOMParser().parseFromString(source.replace(/<(br|\/p|\/div|\/li|\/h\d|\/tr)\b[^>]*>/gi, '$&\n'), 'text/html').body;
    body.querySelectorAll('script, style').forEach((e) => e.remove());
    body.querySelectorAll('img').forEach((e) => e.replaceWith(`[${e.alt || 'picture'}]`));
    return (body.textContent ?? '').replace(/\n{3,}/g, '\n\n').trim();
}

class Text implements Panel {
    private shown = '';
    private readonly body = h('div', { class: 'markdown', tabindex: 0, role: 'document' });

    constructor(host: HTMLElement, private readonly context: PanelContext) {
        host.append(this.body);
        this.body.addEventListener('click', (e) => {
            const link = (e.target as Element).closest('a');
            if (!link || e.ctrlKey || e.metaKey || link.target === '_blank')
                return;
            e.preventDefault();
            context.services.open(link.getAttribute('href')!);
        });
    }

    update(): void {}

    draw(): void {
        const { options } = this.context.model;
        const mode = string(options['mode'], 'markdown');
        const source = this.context.interpolate(string(at(options, 'content')));
        if (source === this.shown)
            return;
        this.shown = source;
        this.body.replaceChildren(...(mode === 'code' ? [h('pre', null, h('code', null, source))] : markdown(mode === 'html' ? withoutTags(source) : source)));
    }

    resize(): void {}

    describe(): string {
        return `${this.context.interpolate(this.context.model.title) || 'Text'}: ${this.body.textContent?.slice(0, 120) ?? ''}`;
    }

    table(): null {
        return null;
    }

    destroy(): void {
        this.body.remove();
    }
}

export const panel: PanelFactory = (host, context) => new Text(host, context);
