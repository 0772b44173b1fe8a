/* shell.ts - what stands around the panels: bar, variables, the sign that nothing comes, toasts. */
import type { Severity } from '../client/index.ts';
import type { App } from './app.ts';
import { Crumbs } from './crumbs.ts';
import { timeOfDay } from './lib/format.ts';
import { glyph } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { askToken } from './login-form.ts';
import { menu, type MenuItem } from './menu.ts';
import { Bell, Toasts } from './notices.ts';
import { sentence } from './opener.ts';
import { Picker } from './picker.ts';
import { StatusView } from './status.ts';
import { TimeControl } from './time-control.ts';
import { VariableBar } from './variable-bar.ts';

export class Shell {
    readonly root: HTMLElement;
    readonly main = h('main', { id: 'main', tabindex: -1 });
    /** The place for controls of others: sound, rotation. */
    readonly tools = h('div', { class: 'tools' });
    readonly bell: Bell;
    readonly picker: Picker;
    private readonly toasts: Toasts;
    private readonly banner = h('div', { class: 'banner hatch-strong', hidden: true });
    private readonly words = h('span', { class: 'banner-words' });
    private asked = false; /* for a token */
    private readonly theme = h('button', { type: 'button', class: 'tool theme', 'aria-label': 'Dark or light', title: 'Dark or light' });

    constructor(private readonly app: App) {
        this.bell = new Bell(app);
        this.toasts = new Toasts(app);
        this.picker = new Picker(app);
        const time = new TimeControl(app);
        const more = h('button', { type: 'button', class: 'tool', 'aria-haspopup': 'menu', 'aria-expanded': 'false', 'aria-label': 'More', title: 'More', onclick: (e: Event) => this.more(e.currentTarget as HTMLElement) }, icon(ICONS.more));
        const bar = h('header', { class: 'topbar' },
            h('a', { class: 'brand', href: '/', title: 'Home', 'aria-label': 'streamgauge, home' }, brand()),
            this.picker.root, new Crumbs(app).root, h('span', { class: 'space' }), time.root, new StatusView(app).root, this.tools, this.bell.root, this.theme, more);
        this.banner.append(glyph('stale'), this.words);
        const skip = h('a', { class: 'skip', href: '#main', onclick: (e: Event) => {
            e.preventDefault();
            this.main.focus();
        } }, 'Skip to the panels');
        this.root = h('div', { class: 'shell' }, skip, bar, new VariableBar(app).root, this.banner, this.main, this.toasts.root);
        document.body.append(this.root);
        this.theme.addEventListener('click', () => app.themes.toggle());
        app.themes.theme.on((t) => put(this.theme, icon(t.name === 'dark' ? ICONS.sun : ICONS.moon)), { now: true });
        app.freshness.connection.on(() => this.connection(), { now: true });
    }

    toast(severity: Severity, title: string, message = ''): void {
        this.toasts.show(severity, title, message);
    }

    /** Old data must never look like new data. */
    private connection(): void {
        const c = this.app.freshness.connection.get();
        const lost = c.lostSince > 0 || c.fatal !== '';
        if (lost && this.banner.hidden)
            this.app.announcer.say('Disconnected: what is shown is old', true);
        else if (!lost && !this.banner.hidden)
            this.app.announcer.say('Connected again', true);
        this.banner.hidden = !lost;
        document.documentElement.classList.toggle('disconnected', lost);
        if (!lost)
            return;
        if (c.fatal && !this.asked && !this.app.kiosk) {
            this.asked = true;
            askToken(sentence(c.fatal));
        }
        const from = c.fatal ? '' : c.lostSince > 1 ? ` · data from ${timeOfDay(c.lostSince)}` : ' · no data yet';
        const next = c.fatal ? ` · ${c.fatal}` : c.retryIn > 0 ? ` · retry in ${c.retryIn} s` : c.state === 'open' ? ' · the server is silent' : ' · connecting …';
        text(this.words, `${c.fatal ? 'NO ACCESS' : 'DISCONNECTED'}${from}${next}`);
        const button = this.banner.querySelector('button');
        if (c.fatal && !button)
            this.banner.append(h('button', { type: 'button', class: 'button small', onclick: () => askToken() }, 'Sign in'));
        else if (!c.fatal)
            button?.remove();
    }

    private more(anchor: HTMLElement): void {
        const { app } = this;
        const page = app.page.get();
        const items: MenuItem[] = [
            { label: 'All dashboards', run: () => app.router.go('/dashboards') },
            { label: 'Import …', run: () => void edit().then((m) => m.importDialog(app)) },
        ];
        if (page)
            items.unshift({ label: 'Edit as JSON', key: 'e', run: () => void edit().then((m) => m.editDialog(app, page)) },
                { label: 'Wall display', run: () => app.router.open(`${location.pathname}?${withKiosk()}`, true) });
        items.push({ label: 'Colours as the system has them', run: () => app.themes.choose('auto') },
            { label: 'Sign in with a token', run: () => askToken() }, { label: 'Keys', key: '?', run: () => void import('./help.ts').then((m) => m.helpDialog()) });
        menu(anchor, items, 'More');
    }
}

export const edit = () => import('./editor.ts');

function withKiosk(): string {
    const search = new URLSearchParams(location.search);
    search.set('kiosk', '');
    return search.toString().replace(/kiosk=(?=&|$)/, 'kiosk');
}

function brand(): SVGSVGElement {
    return icon('M1.5 9h3l2-6l3 10l2-6h3');
}
