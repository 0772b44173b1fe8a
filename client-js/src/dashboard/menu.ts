/* menu.ts - what opens at a button: a list of things to do, or a small form. One at a time; Escape and a click elsewhere close it. */
import { h, type Child } from './lib/h.ts';

export interface MenuItem {
    readonly label: string;
    readonly key?: string;
    readonly checked?: boolean;
    run(): void;
}

/** What fills the larger ones. */
export const hands = () => import('./hands.ts');

let open: { close: (focus?: boolean) => void } | null = null;

export function closePopover(): void {
    open?.close();
}

/** Places `content` below `anchor`. Returns what closes it. */
export function popover(anchor: HTMLElement, content: HTMLElement, { onClose, label }: { onClose?: () => void; label?: string } = {}): () => void {
    if (open) {
        const again = anchor.getAttribute('aria-expanded') === 'true';
        open.close();
        if (again)
            return () => {};
    }
    const controller = new AbortController();
    const { signal } = controller;
    content.classList.add('popover');
    if (label)
        content.setAttribute('aria-label', label);
    (anchor.closest('.topbar, main') ?? document.body).append(content); /* in a landmark */
    anchor.setAttribute('aria-expanded', 'true');
    const place = () => {
        const a = anchor.getBoundingClientRect(), own = content.getBoundingClientRect();
        const left = a.left + own.width > innerWidth - 8 ? a.right - own.width : a.left;
        content.style.left = `${Math.max(8, left)}px`;
        content.style.top = `${Math.max(8, a.bottom + 4 + own.height > innerHeight - 8 && a.top - own.height > 8 ? a.top - own.height - 4 : a.bottom + 4)}px`;
    };
    place();
    const mine = {
        close: (focus = false) => {
            controller.abort();
            content.remove();
            anchor.setAttribute('aria-expanded', 'false');
            if (open === mine)
                open = null;
            if (focus)
                anchor.focus();
            onClose?.();
        },
    };
    open = mine;
    addEventListener('resize', place, { signal });
    document.addEventListener('pointerdown', (e) => {
        if (!content.contains(e.target as Node) && !anchor.contains(e.target as Node))
            mine.close();
    }, { signal, capture: true });
    content.addEventListener('keydown', (e) => {
        e.stopPropagation();
        if (e.key === 'Escape')
            mine.close(true);
    }, { signal });
    return () => mine.close(true);
}

export function menu(anchor: HTMLElement, items: readonly MenuItem[], label: string): void {
    const buttons = items.map((item) => h('button', {
        type: 'button', role: item.checked === undefined ? 'menuitem' : 'menuitemradio', 'aria-checked': item.checked === undefined ? null : String(item.checked), tabindex: -1,
        onclick: () => {
            close();
            item.run();
        },
    }, h('span', null, item.label), item.key ? h('kbd', null, item.key) : null));
    const root = h('div', { role: 'menu', class: 'menu' }, ...buttons);
    const close = popover(anchor, root, { label });
    root.addEventListener('keydown', (e) => {
        const i = buttons.indexOf(document.activeElement as HTMLButtonElement);
        const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: buttons.length - 1 }[e.key];
        if (to === undefined)
            return;
        e.preventDefault();
        buttons[(to + buttons.length) % buttons.length]?.focus();
    });
    buttons[0]?.focus();
}

/** A dialog over the page. */
export function dialog(title: string, ...content: Child[]): HTMLDialogElement {
    const root = h('dialog', { class: 'dialog', 'aria-label': title },
        h('header', null, h('h2', null, title), h('button', { type: 'button', class: 'icon', 'aria-label': 'Close', onclick: () => root.close() }, '✕')), ...content);
    root.addEventListener('close', () => root.remove());
    root.addEventListener('keydown', (e) => e.stopPropagation());
    document.body.append(root);
    root.showModal();
    return root;
}

export async function copy(words: string): Promise<boolean> {
    try {
        await navigator.clipboard.writeText(words);
        return true;
    } catch {
        /* Pages that are not secure have no clipboard of that kind. */
        const area = h('textarea', { class: 'sr-only' });
        area.value = words;
        document.body.append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        return done;
    }
}
