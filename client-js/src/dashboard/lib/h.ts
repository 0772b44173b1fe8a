/* h.ts - DOM without a framework: h('div', {class: 'tile', onclick}, 'text', child). Text goes in as text, never as markup. */
export type Child = Node | string | number | null | undefined | false | readonly Child[];
type Attributes = Record<string, unknown>;

const SVG = 'http://www.w3.org/2000/svg';

function append(to: Element, children: readonly Child[]): void {
    for (const child of children) {
        if (child === null || child === undefined || child === false)
            continue;
        if (Array.isArray(child))
            append(to, child as readonly Child[]);
        else
            to.append(child instanceof Node ? child : String(child));
    }
}

/* The policy of the page allows no style attribute, so styles are set property by property. */
function set(to: HTMLElement | SVGElement, name: string, value: unknown): void {
    if (value === null || value === undefined || value === false)
        return;
    if (name.startsWith('on') && typeof value === 'function')
        to.addEventListener(name.slice(2), value as EventListener);
    else if (name === 'style')
        for (const [key, v] of Object.entries(value as Record<string, string>))
            to.style.setProperty(key, v);
    else if (name === 'data')
        Object.assign(to.dataset, value);
    else
        to.setAttribute(name, value === true ? '' : String(value));
}

function fill<T extends HTMLElement | SVGElement>(element: T, attributes: Attributes | null, children: readonly Child[]): T {
    for (const [name, value] of Object.entries(attributes ?? {}))
        set(element, name, value);
    append(element, children);
    return element;
}

export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes | null, ...children: Child[]): HTMLElementTagNameMap[K] {
    return fill(document.createElement(tag), attributes ?? null, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes?: Attributes | null, ...children: Child[]): SVGElementTagNameMap[K] {
    return fill(document.createElementNS(SVG, tag), attributes ?? null, children);
}

/** Replaces what is in `to`. */
export function put(to: Element, ...children: Child[]): void {
    to.replaceChildren();
    append(to, children);
}

/** Sets text only when it differs: no layout for what stays. */
export function text(to: Node, value: string): void {
    if (to.textContent !== value)
        to.textContent = value;
}
