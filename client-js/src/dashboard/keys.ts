/* keys.ts - the page without a mouse. Single letters can be switched off (WCAG 2.1.4). */
import type { App } from './app.ts';
import { upwards } from './crumbs.ts';
import { closePopover } from './menu.ts';
import { edit, type Shell } from './shell.ts';
import { recall, remember } from './theme.ts';

const KEY = 'streamgauge.keys';

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
    ['Space', 'Pause, go on'], ['← ↑ → ↓', 'To the next panel'], ['Enter', 'Where the panel leads, or its full view'], ['Backspace, Esc', 'Up, out of the full view'],
    ['v', 'Full view'], ['t', 'Show as table'], ['i', 'Inspect'], ['c', 'Copy the queries'], ['.', 'Menu of the panel'], ['/', 'Search dashboards'], ['n', 'Notifications'],
    ['a', 'Acknowledge the newest critical'], ['m', 'Mute critical for 30 minutes'], ['[ ]', 'Earlier, later'], ['z', 'Zoom out'], ['e', 'Edit as JSON'], ['d', 'Dark or light'], ['?', 'This list'],
];

export const lettersOn = (): boolean => recall(KEY) !== 'off';
export const setLetters = (on: boolean): void => remember(KEY, on ? null : 'off');

const ARROWS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']);

export class Keys {
    constructor(private readonly app: App, private readonly shell: Shell) {
        document.addEventListener('keydown', (e) => {
            const target = e.target as HTMLElement;
            if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || target.closest('input, textarea, select, dialog, [contenteditable], .popover'))
                return;
            if (this.press(e, target))
                e.preventDefault();
        });
    }

    private press(e: KeyboardEvent, target: HTMLElement): boolean {
        const { app } = this;
        const page = app.page.get();
        const panel = page?.grid.hostOf(target) ?? null;
        const own = target.classList.contains('panel'); /* not a control in it */
        if (ARROWS.has(e.key))
            return (own || target === document.body || target.id === 'main') && (page?.grid.move(e.key) ?? false);
        switch (e.key) {
        case 'Enter': return own && panel ? (panel.enter(), true) : false;
        case 'Escape':
            if (page && page.view.get() !== null)
                return page.setView(null), true;
            return closePopover(), false;
        case 'Backspace': return upwards(app), true;
        default: break;
        }
        return lettersOn() && !e.repeat && this.letter(e.key, target);
    }

    private letter(key: string, target: HTMLElement): boolean {
        const { app, shell } = this;
        const page = app.page.get(), panel = page?.grid.hostOf(target) ?? null;
        const onControl = target.closest('button, a, summary') !== null;
        if (key === ' ')
            return !onControl && page ? (page.pause(page.pausedAt.get() === 0), true) : false;
        const forPanel: Record<string, () => void> = panel && page ? {
            v: () => page.setView(page.view.get() === null ? panel.placed.model.id : null), t: () => void panel.toggleTable(), i: () => void panel.inspect(), c: () => void panel.copyQueries(),
            '.': () => panel.root.querySelector<HTMLElement>('.panel-menu')?.click(),
        } : {};
        const forPage: Record<string, () => void> = page ? {
            '[': () => page.moveRange('back'), ']': () => page.moveRange('forth'), z: () => page.moveRange('out'), e: () => void edit().then((m) => m.editDialog(app, page)),
        } : {};
        const forAll: Record<string, () => void> = {
            '/': () => shell.picker.show(), n: () => shell.bell.show(), d: () => app.themes.toggle(), '?': () => void import('./help.ts').then((m) => m.helpDialog()),
            a: () => void this.acknowledge(), m: () => this.mute(),
        };
        const run = forPanel[key] ?? forPage[key] ?? forAll[key];
        run?.();
        return run !== undefined;
    }

    private async acknowledge(): Promise<void> {
        const { center, announcer } = this.app;
        const item = center.firing.find((i) => i.severity === 'critical') ?? center.firing[0];
        if (!item)
            return announcer.say('Nothing to acknowledge');
        try {
            await center.ack(item.id);
            announcer.say(`Acknowledged: ${item.notification.title}`);
            this.shell.toast('info', 'Acknowledged', item.notification.title);
        } catch (error) {
            this.shell.toast('warning', 'Not acknowledged', (error as Error).message);
        }
    }

    private mute(): void {
        const { center, announcer } = this.app;
        const on = !center.isMuted('critical');
        center.mute('critical', on);
        announcer.say(on ? 'Critical muted for 30 minutes' : 'Critical is heard again');
        this.shell.toast('info', on ? 'Muted' : 'Not muted', on ? 'Critical notifications make no sound for 30 minutes.' : '');
    }
}
