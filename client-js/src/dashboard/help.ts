/* help.ts - the keys. */
import { h } from './lib/h.ts';
import { KEYS, lettersOn, setLetters } from './keys.ts';
import { dialog } from './menu.ts';

export function helpDialog(): void {
    const box = h('input', { type: 'checkbox', checked: lettersOn(), onchange: () => setLetters(box.checked) });
    dialog('Keys', h('dl', { class: 'facts keys' }, ...KEYS.map(([keys, what]) => [h('dt', null, ...keys.split(' ').map((k) => h('kbd', null, k.replace(',', '')))), h('dd', null, what)])),
        h('label', { class: 'check-line' }, box, 'Single letters do something'));
}
