/* push-switch.ts - Web Push: what it is for, said before anybody is asked, and a switch. Loaded with the list of notifications. */
import { WebPush, type PushState } from '../notify/push.ts';
import { h, put } from './lib/h.ts';

/** Why the switch cannot be moved; '' : it can. */
const WHY: Readonly<Record<PushState, string>> = {
    subscribed: '', off: '',
    denied: 'The browser was told not to show notifications of this page: change it in its settings.',
    install: 'On this device the page has to be on the home screen first: Share, then "Add to Home Screen".',
    insecure: 'Needs https, or localhost.',
    unsupported: 'This browser cannot.',
};

export async function pushSwitch(place: HTMLElement, token: () => string | null): Promise<void> {
    const push = new WebPush({ token });
    const draw = (state: PushState, failed = ''): void => {
        const focused = place.contains(document.activeElement);
        const button = h('button', {
            type: 'button', class: 'switch', role: 'switch', 'aria-checked': String(state === 'subscribed'), disabled: WHY[state] !== '',
            onclick: () => void change(state),
        }, 'Push');
        put(place, button, h('span', { class: 'dim', role: failed ? 'alert' : null }, failed || WHY[state] || 'Alerts reach this browser also while the page is closed.'));
        if (focused)
            button.focus();
    };
    const change = async (from: PushState): Promise<void> => {
        try {
            if (from === 'subscribed')
                await push.disable();
            else
                await push.enable();
            draw(await push.state());
        } catch (error) {
            draw(await push.state().catch(() => from), `Not changed: ${(error as Error).message}`);
        }
    };
    draw(await push.state());
}
