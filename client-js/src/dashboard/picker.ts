/* picker.ts - the name of the dashboard, and the way to another. */
import type { App } from './app.ts';
import { h, text } from './lib/h.ts';
import { ICONS, icon } from './lib/icons.ts';
import { closePopover, hands } from './menu.ts';

export class Picker {
    readonly root: HTMLButtonElement;
    private readonly title = h('span', { class: 'picker-title' });

    constructor(private readonly app: App) {
        this.root = h('button', { type: 'button', class: 'picker', 'aria-haspopup': 'dialog', 'aria-expanded': 'false', title: 'Dashboards ( / )', onclick: () => this.show() }, this.title, icon(ICONS.down));
        const name = () => {
            text(this.title, app.page.get()?.dashboard.title ?? (app.router.route.get().list ? 'Dashboards' : 'streamgauge'));
            this.root.setAttribute('aria-label', `Dashboard: ${this.title.textContent}. Choose another`);
        };
        app.page.on(name, { now: true });
        app.router.route.on(() => closePopover());
    }

    show(): void {
        void hands().then((m) => m.pickDashboard(this.root, this.app));
    }
}
