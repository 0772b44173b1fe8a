/* stacks.ts - folded stacks ("main;run;read 12") as a tree, and the tree as boxes. Iterative throughout: stacks may be deep. */

export interface Frame {
    readonly name: string;
    readonly depth: number;
    parent: number;
    /** All below it included, and what it used itself. */
    total: number;
    self: number;
    /** Indices of its children; sorted by name when built. */
    readonly children: number[];
}

export interface Tree {
    /** 0 is the root, which is no frame of the program. Parents come before their children. */
    readonly frames: readonly Frame[];
    readonly depth: number;
    /** Lines that are no stack, and stacks beyond the limit. */
    readonly skipped: number;
}

const MAX_FRAMES = 500_000;
const MAX_DEPTH = 1000;

class Builder {
    readonly frames: Frame[] = [{ name: 'all', depth: 0, parent: -1, total: 0, self: 0, children: [] }];
    private readonly byName: Map<string, number>[] = [new Map()];
    depth = 0;
    skipped = 0;

    add(names: readonly string[], value: number): void {
        let at = 0;
        for (const name of names.slice(0, MAX_DEPTH)) {
            let next = this.byName[at]!.get(name);
            if (next === undefined) {
                if (this.frames.length >= MAX_FRAMES) {
                    this.skipped++;
                    break; /* what is above it keeps the value */
                }
                next = this.frames.push({ name, depth: this.frames[at]!.depth + 1, parent: at, total: 0, self: 0, children: [] }) - 1;
                this.byName.push(new Map());
                this.byName[at]!.set(name, next);
                this.frames[at]!.children.push(next);
            }
            at = next;
        }
        this.frames[at]!.self += value;
        this.depth = Math.max(this.depth, this.frames[at]!.depth);
    }

    /** Totals from the leaves up: children always have larger indices. */
    finish(): Tree {
        for (let i = this.frames.length - 1; i >= 0; i--) {
            const f = this.frames[i]!;
            f.total += f.self;
            if (f.parent >= 0)
                this.frames[f.parent]!.total += f.total;
            f.children.sort((a, b) => (this.frames[a]!.name < this.frames[b]!.name ? -1 : 1));
        }
        return { frames: this.frames, depth: this.depth, skipped: this.skipped };
    }
}

/** Lines of "a;b;c 12". */
export function parseFolded(text: string): Tree {
    const builder = new Builder();
    for (const line of text.split('\n')) {
        const [, stack, count] = /^(.*\S)\s+(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*$/i.exec(line) ?? [];
        if (stack && Number(count) > 0)
            builder.add(stack.split(';').filter(Boolean), Number(count));
        else if (line.trim() && !line.startsWith('#'))
            builder.skipped++;
    }
    return builder.finish();
}

/** Stacks with their values, as series with a label `stack` have them. */
export function treeOf(stacks: Iterable<readonly [stack: string, value: number]>): Tree {
    const builder = new Builder();
    for (const [stack, value] of stacks)
        if (Number.isFinite(value) && value > 0)
            builder.add(stack.split(';').filter(Boolean), value);
        else
            builder.skipped++;
    return builder.finish();
}

export interface Box {
    readonly frame: number;
    readonly x: number;
    readonly width: number;
    /** From the top, the focused frame's ancestors first. */
    readonly row: number;
}

/** Boxes at least one pixel wide, `focus` and its ancestors over the whole width. */
export function layout({ frames }: Tree, focus: number, width: number, least = 1): Box[] {
    const out: Box[] = [];
    for (let i = frames[focus]!.parent; i >= 0; i = frames[i]!.parent)
        out.push({ frame: i, x: 0, width, row: frames[i]!.depth });
    out.reverse();
    const scale = frames[focus]!.total > 0 ? width / frames[focus]!.total : 0;
    const todo: { frame: number; x: number }[] = [{ frame: focus, x: 0 }];
    while (todo.length) {
        const { frame, x } = todo.pop()!;
        const f = frames[frame]!;
        const w = f.total * scale;
        if (w < least)
            continue; /* none of its children is wider */
        out.push({ frame, x, width: w, row: f.depth });
        let at = x;
        for (const child of f.children) {
            todo.push({ frame: child, x: at });
            at += frames[child]!.total * scale;
        }
    }
    return out;
}

/** Frames whose name has the text, and what share of all they are (a match within a match counts once). */
export function search({ frames }: Tree, words: string): { hits: Uint8Array; share: number } {
    const hits = new Uint8Array(frames.length), wanted = words.toLowerCase();
    const inside = new Uint8Array(frames.length);
    let sum = 0;
    for (let i = 1; i < frames.length; i++) {
        const f = frames[i]!;
        hits[i] = wanted && f.name.toLowerCase().includes(wanted) ? 1 : 0;
        if (hits[i] && !inside[f.parent])
            sum += f.total;
        inside[i] = hits[i] || inside[f.parent]!;
    }
    return { hits, share: frames[0]!.total > 0 ? sum / frames[0]!.total : 0 };
}
