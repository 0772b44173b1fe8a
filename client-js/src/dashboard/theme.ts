/* theme.ts - dark or light: as pinned (by the address, by the person), else as the system has it. */
import { drawOn, THEMES, type Theme, type ThemeName } from './lib/color.ts';
import { signal, type Signal } from './lib/signal.ts';

export type ThemeChoice = ThemeName | 'auto';

const KEY = 'streamgauge.theme';

function isName(v: string | null): v is ThemeName {
    return v === 'dark' || v === 'light';
}

export function remember(key: string, value: string | null): void {
    try {
        if (value === null)
            localStorage.removeItem(key);
        else
            localStorage.setItem(key, value);
    } catch {
        /* private windows remember nothing */
    }
}

export function recall(key: string): string | null {
    try {
        return localStorage.getItem(key);
    } catch {
        return null;
    }
}

export class Themes {
    readonly theme: Signal<Theme>;
    choice: ThemeChoice;
    private readonly system = matchMedia('(prefers-color-scheme: light)');

    /** `pinned`: of the address; it is not remembered. A wall is dark unless it says so. */
    constructor(pinned: string | null, kiosk: boolean) {
        const kept = recall(KEY);
        this.choice = isName(pinned) ? pinned : kiosk ? 'dark' : isName(kept) ? kept : 'auto';
        this.theme = signal(this.wanted());
        this.apply();
        this.system.addEventListener('change', () => this.apply());
    }

    private wanted(): Theme {
        return THEMES[this.choice === 'auto' ? (this.system.matches ? 'light' : 'dark') : this.choice];
    }

    private apply(): void {
        const theme = this.wanted();
        drawOn(theme.name);
        document.documentElement.dataset['theme'] = theme.name;
        document.querySelector('meta[name="theme-color"]')?.setAttribute('content', theme.page);
        this.theme.set(theme);
    }

    choose(choice: ThemeChoice): void {
        this.choice = choice;
        remember(KEY, choice === 'auto' ? null : choice);
        this.apply();
    }

    toggle(): void {
        this.choose(this.theme.get().name === 'dark' ? 'light' : 'dark');
    }
}
