/* importing.ts - a dashboard dropped or pasted anywhere. */
import type { App } from './app.ts';
import { edit } from './shell.ts';

export function importing(app: App): void {
    if (app.kiosk)
        return;
    const mine = (e: DragEvent) => [...(e.dataTransfer?.items ?? [])].some((i) => i.kind === 'file');
    document.addEventListener('dragover', (e) => {
        if (!mine(e))
            return;
        e.preventDefault();
        document.documentElement.classList.add('dropping');
    });
    const end = () => document.documentElement.classList.remove('dropping');
    document.addEventListener('dragleave', (e) => void (e.relatedTarget === null && end()));
    document.addEventListener('drop', (e) => {
        end();
        const file = e.dataTransfer?.files[0];
        if (!file)
            return;
        e.preventDefault();
        void Promise.all([file.text(), edit()]).then(([words, m]) => m.importDialog(app, words));
    });
    document.addEventListener('paste', (e) => {
        const words = e.clipboardData?.getData('text/plain') ?? '';
        if ((e.target as Element).closest?.('input, textarea, [contenteditable]') || !/^\s*\{[\s\S]*"(panels|elements|rows)"/.test(words))
            return;
        void edit().then((m) => m.importDialog(app, words));
    });
}
