/* sound.ts - two tones for critical, repeated until somebody acts; one for a warning. */

const REPEAT_MS = 10_000, SLOW_AFTER_MS = 300_000, SLOW_MS = 60_000;
const RESUME_MS = 100;

export interface SoundOptions {
    /** The browser blocks audio until a click: show "SOUND BLOCKED". */
    onBlocked?: (blocked: boolean) => void;
    context?: () => AudioContext;
}

export class Sound {
    private _audio: AudioContext | null = null;
    private _timer = 0;
    private _forMs = 0;

    constructor(private readonly _options: SoundOptions = {}) {}

    /** To be called from a click: afterwards the browser lets us be heard. */
    async unlock(): Promise<boolean> {
        const audio = (this._audio ??= this._options.context?.() ?? new AudioContext());
        if (audio.state === 'suspended') /* a resume that is not allowed never ends */
            await Promise.race([audio.resume(), new Promise<void>((resolve) => setTimeout(resolve, RESUME_MS))]);
        const ok = audio.state === 'running';
        this._options.onBlocked?.(!ok);
        return ok;
    }

    async warning(): Promise<void> {
        if (await this.unlock())
            this._tone(660, 0);
    }

    /** Every 10 s, after five minutes once a minute, until stop(). */
    critical(): void {
        if (this._timer)
            return;
        this._forMs = 0;
        this._repeat();
    }

    stop(): void {
        clearTimeout(this._timer);
        this._timer = 0;
    }

    private _repeat(): void {
        void this.unlock().then((ok) => {
            if (ok) {
                this._tone(880, 0);
                this._tone(587, 0.28);
            }
        });
        const ms = this._forMs < SLOW_AFTER_MS ? REPEAT_MS : SLOW_MS;
        this._forMs += ms;
        this._timer = setTimeout(() => this._repeat(), ms);
    }

    private _tone(hertz: number, after: number): void {
        const audio = this._audio!;
        const oscillator = audio.createOscillator(), volume = audio.createGain();
        const { gain } = volume;
        const at = audio.currentTime + after;
        oscillator.frequency.value = hertz;
        gain.setValueAtTime(0, at);
        gain.linearRampToValueAtTime(0.3, at + 0.02); /* no click */
        gain.linearRampToValueAtTime(0, at + 0.25);
        oscillator.connect(volume).connect(audio.destination);
        oscillator.start(at);
        oscillator.stop(at + 0.26);
    }
}
