/* editor.ts - a dashboard as JSON: changed, checked as one types, saved; and exports of others taken in. */
import { ApiError } from './api.ts';
import type { App } from './app.ts';
import { glyph } from './lib/glyph.ts';
import { h, put, text } from './lib/h.ts';
import { download } from './inspect.ts';
import { dialog } from './menu.ts';
import { loadDashboard, type Loaded } from './model/forms.ts';
import { slug } from './model/load.ts';
import type { Json, JsonObject, LintNote } from './model/types.ts';
import { sentence } from './opener.ts';
import type { Page } from './page.ts';

const CHECK_MS = 300;
const MAX_NOTES = 100;
const UID = /^[A-Za-z0-9_-]{1,64}$/;

interface Draft {
    readonly loaded: Loaded;
    readonly document: JsonObject;
}

class Editor {
    private readonly area = h('textarea', { class: 'json', spellcheck: 'false', autocomplete: 'off', wrap: 'off', 'aria-label': 'The dashboard as JSON' });
    private readonly notes = h('ul', { class: 'lint', 'aria-label': 'What was found', tabindex: 0 });
    private readonly summary = h('p', { class: 'lint-summary', role: 'status' });
    private readonly note = h('p', { class: 'form-note', role: 'alert' });
    private readonly uid = h('input', { name: 'uid', spellcheck: 'false', autocomplete: 'off', size: 24 });
    private readonly save: HTMLButtonElement;
    private readonly dialog: HTMLDialogElement;
    private timer = 0;
    private overwrite = false;

    constructor(private readonly app: App, title: string, words: string, private readonly known: { uid: string; version: number; shipped: boolean } | null) {
        this.save = h('button', { type: 'button', class: 'button primary', onclick: () => void this.put() }, 'Save');
        const file = h('input', { type: 'file', accept: '.json,application/json', class: 'sr-only', tabindex: -1, 'aria-label': 'A file', onchange: () => void file.files?.[0]?.text().then((t) => this.set(t)) });
        const tools = [
            known ? null : h('button', { type: 'button', class: 'button', onclick: () => file.click() }, 'From a file …'), file,
            h('button', { type: 'button', class: 'button', onclick: () => this.format() }, 'Format'),
            h('button', { type: 'button', class: 'button', onclick: () => download(`${this.uid.value || 'dashboard'}.json`, this.area.value, 'application/json') }, 'Download'),
            known && !known.shipped ? this.deletion(known) : null,
        ];
        this.dialog = dialog(title, this.area, this.summary, this.notes, this.note,
            h('footer', null, ...tools, h('span', { class: 'space' }), h('label', { class: 'inline' }, h('span', null, 'Address /d/'), this.uid), this.save));
        this.dialog.classList.add('editor');
        this.area.addEventListener('input', () => {
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.check(), CHECK_MS) as unknown as number;
        });
        this.area.addEventListener('keydown', (e) => void ((e.ctrlKey || e.metaKey) && e.key === 's' && (e.preventDefault(), this.put())));
        this.uid.addEventListener('input', () => this.check());
        this.set(words);
        if (known) {
            this.uid.value = known.uid;
            this.check();
        }
        this.area.focus();
        this.area.setSelectionRange(0, 0);
        this.area.scrollTop = 0;
    }

    private set(words: string): void {
        this.area.value = words;
        if (!words.trim().includes('\n'))
            this.format();
        const draft = this.check();
        if (draft && !this.known) {
            this.uid.value = UID.test(draft.loaded.dashboard.uid) ? draft.loaded.dashboard.uid : slug(draft.loaded.dashboard.title);
            this.check();
        }
    }

    private format(): void {
        const draft = this.check();
        if (draft)
            this.area.value = JSON.stringify(draft.document, null, 2);
    }

    /** What is in the field, loaded; null: it cannot be. */
    private check(): Draft | null {
        text(this.note, '');
        const words = this.area.value;
        if (!words.trim()) {
            this.found([], 'Paste a dashboard: an export of Grafana, or what "Edit as JSON" shows.', false);
            return null;
        }
        try {
            const document = JSON.parse(words) as JsonObject;
            const loaded = loadDashboard(document as Json, this.uid.value);
            const { panels } = loaded.dashboard, { notes } = loaded;
            this.found(notes, `${loaded.dashboard.title}: ${panels.length} panels, ${notes.length ? `${notes.length} remarks` : 'everything in it is used'}.`, UID.test(this.uid.value));
            return { loaded, document };
        } catch (error) {
            this.found([], sentence(withPlace((error as Error).message, words)), false, true);
            return null;
        }
    }

    private found(notes: readonly LintNote[], summary: string, good: boolean, bad = false): void {
        put(this.summary, bad ? glyph('critical') : notes.some((n) => n.level === 'error') ? glyph('warning') : notes.length ? glyph('info') : good ? glyph('ok') : null, ' ', summary);
        put(this.notes, ...notes.slice(0, MAX_NOTES).map((n) => h('li', { data: { level: n.level } }, glyph(n.level === 'error' ? 'warning' : 'info'), h('span', null, h('code', null, n.place || 'dashboard'), ' ', n.text, n.level === 'ignored' ? ' (kept)' : ''))),
            notes.length > MAX_NOTES ? h('li', null, `and ${notes.length - MAX_NOTES} more`) : null);
        this.notes.hidden = !notes.length;
        this.save.disabled = !good;
    }

    private async put(): Promise<void> {
        const draft = this.check();
        const uid = this.uid.value;
        if (!draft || !UID.test(uid))
            return text(this.note, draft ? 'The address has 1 to 64 letters, digits, "-" or "_".' : '');
        const same = this.known?.uid === uid ? this.known : null;
        const exists = this.app.dashboards.get().find((d) => d.uid === uid && !d.shipped);
        if (!same && exists && !this.overwrite) {
            this.overwrite = true;
            text(this.save, 'Replace');
            return text(this.note, `There is a dashboard at /d/${uid} already: "${exists.title}". Replace it?`);
        }
        this.save.disabled = true;
        try {
            await this.app.fetcher.save(uid, { ...plainDocument(draft), uid }, this.overwrite ? 0 : (same?.version ?? 0));
        } catch (error) {
            return this.failed(error as Error);
        }
        this.dialog.close();
        this.app.announcer.say('Saved');
        await this.app.relist();
        const path = `/d/${encodeURIComponent(uid)}`;
        if (this.app.page.get()?.dashboard.uid === uid)
            await this.app.reload();
        else
            this.app.router.go(path);
    }

    private failed(error: Error): void {
        this.save.disabled = false;
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 412) {
            this.overwrite = true;
            text(this.save, 'Replace theirs');
            text(this.note, 'Somebody else has changed it meanwhile. Close this to see theirs, or replace it.');
        } else {
            text(this.note, `Not saved: ${sentence(error.message)}${status === 401 || status === 403 ? ' Saving needs a token with the right "admin".' : ''}`);
        }
    }

    private deletion(known: { uid: string; version: number }): HTMLElement {
        let sure = false;
        const shipped = this.app.dashboards.get().some((d) => d.uid === known.uid && d.replaces);
        const button = h('button', { type: 'button', class: 'button danger', onclick: () => {
            if (sure)
                return void remove();
            sure = true;
            text(button, shipped ? 'Really: back to the shipped one' : 'Really delete');
        } }, shipped ? 'Back to the shipped one' : 'Delete');
        const remove = async () => {
            try {
                await this.app.fetcher.remove(known.uid, known.version);
            } catch (error) {
                return this.failed(error as Error);
            }
            this.dialog.close();
            this.app.announcer.say('Deleted');
            await this.app.relist();
            if (shipped)
                await this.app.reload();
            else
                this.app.router.go('/dashboards');
        };
        return button;
    }
}

/* What Grafana's API wraps around a dashboard is not of it. */
function plainDocument({ loaded, document }: Draft): JsonObject {
    return Array.isArray(document['panels']) ? document : loaded.dashboard.source;
}

/* Engines say "at position 17": a line is easier to find. */
function withPlace(message: string, words: string): string {
    const at = Number(/position (\d+)/.exec(message)?.[1] ?? NaN);
    if (Number.isNaN(at) || /line \d/.test(message))
        return message;
    const before = words.slice(0, at).split('\n');
    return `${message} (line ${before.length}, column ${before.at(-1)!.length + 1})`;
}

export function editDialog(app: App, page: Page): void {
    new Editor(app, `Edit ${page.dashboard.title}`, JSON.stringify(page.dashboard.source, null, 2), { uid: page.dashboard.uid, ...page.origin });
}

export function importDialog(app: App, words = ''): void {
    new Editor(app, 'Import a dashboard', words, null);
}
