/* alarm.ts - sound until somebody acts: the notification centre says what fires, this makes it heard. */
import type { NotificationCenter } from '../notify/center.ts';
import { Sound, type SoundOptions } from '../notify/sound.ts';
import { glyph } from './lib/glyph.ts';
import { h } from './lib/h.ts';

export interface Alarm {
    /** "SOUND BLOCKED – click": hidden unless the browser keeps us silent while something is to be heard. */
    readonly button: HTMLElement;
    /** Of what is critical, for half an hour; from a click or a key. */
    mute(): void;
    readonly sounding: boolean;
}

/** Critical sounds until it is acknowledged, resolved or muted; a warning once, when it comes. */
export function alarm(center: NotificationCenter, abort: AbortSignal, options: Pick<SoundOptions, 'context'> = {}): Alarm {
    let blocked = false, sounding = false;
    const button = h('button', { class: 'sound-blocked', type: 'button', hidden: true }, glyph('warning'), 'SOUND BLOCKED – click');
    const sound = new Sound({ ...options, onBlocked(now) {
        blocked = now;
        button.hidden = !(blocked && sounding);
    } });
    const review = (): void => {
        const wanted = center.preferences.sound && !center.isMuted('critical') && center.firing.some((i) => i.severity === 'critical');
        if (wanted && !sounding)
            sound.critical();
        else if (!wanted && sounding)
            sound.stop();
        sounding = wanted;
        button.hidden = !(blocked && sounding);
    };
    const ends = [
        center.on('change', review),
        center.on('alert', ({ route }) => {
            if (route.sound === 'warning')
                void sound.warning();
        }),
    ];
    button.addEventListener('click', () => {
        sound.stop();
        sounding = false;
        void sound.unlock().then(review);
    });
    /* Any touch lets us be heard: then it need not be asked for when it matters. */
    const touched = (): void => void (sounding && blocked && sound.unlock());
    document.addEventListener('pointerdown', touched, { signal: abort });
    document.addEventListener('keydown', touched, { signal: abort });
    /* A mute of critical ends by itself. */
    const timer = setInterval(review, 5000);
    abort.addEventListener('abort', () => {
        clearInterval(timer);
        ends.forEach((end) => end());
        sound.stop();
    }, { once: true });
    review();
    return {
        button,
        mute: () => center.mute('critical'),
        get sounding() { return sounding; },
    };
}
