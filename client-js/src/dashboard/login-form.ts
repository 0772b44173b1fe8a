/* login-form.ts - a token typed in, exchanged for the cookie. */
import { h, text } from './lib/h.ts';
import { dialog } from './menu.ts';

export function askToken(why = ''): void {
    const field = h('input', { type: 'password', name: 'token', autocomplete: 'current-password', required: true, spellcheck: 'false' });
    const note = h('p', { class: 'form-note', role: 'alert' }, why);
    const form = h('form', { class: 'form', onsubmit: (e: Event) => {
        e.preventDefault();
        void send();
    } }, h('label', null, h('span', null, 'Token'), field), note, h('footer', null, h('button', { type: 'submit', class: 'button primary' }, 'Sign in')));
    dialog('Sign in', form);
    field.focus();

    async function send(): Promise<void> {
        const answer = await fetch('/api/v1/login', { method: 'POST', headers: { Authorization: `Bearer ${field.value.trim()}` } }).catch(() => null);
        if (answer?.ok)
            location.reload();
        else
            text(note, !answer ? 'The server cannot be reached.' : answer.status === 401 ? 'The server does not know this token.' : `The server refused (${answer.status}).`);
    }
}
