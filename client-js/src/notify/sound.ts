/* sound.ts - two tones for critical, repeated until somebody acts; one for a warning. */

const REPEAT_MS = 10_000, SLOW_AFTER_MS = 300_000, SLOW_MS = 60_000;

export interface SoundOptions {
    /** The browser blocks audio until a click: show "SOUND BLOCKED". */
    onBlocked?: (blocked: boolean) => void;
    context?: () => AudioContext;
    now?: () => number;
    setTimeout?: (fn: () => void, ms: number) => unknown;
    clearTimeout?: (timer: unknown) => void;
}

export class Sound {
    private _audio: AudioContext | null = null;
    private _timer: unknown = null;
    private _startedAt = 0;

    constructor(private readonly _options: SoundOptions = {}) {}

    /** To be called from a click: afterwards the browser lets us be heard. */
    async unlock(): Promise<boolean> {
        const audio = (this._audio ??= (this._options.context ?? (() => new AudioContext()))());
        if (audio.state === 'suspended')
            await Promise.race([audio.resume(), new Promise((r) => (this._options.setTimeout ?? setTimeout)(() => r(0), 100))]);
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
        if (this._timer !== null)
            return;
        this._startedAt = this._now();
        this._repeat();
    }

    stop(): void {
        (this._options.clearTimeout ?? ((t) => clearTimeout(t as number)))(this._timer);
        this._timer = null;
    }

    private _repeat(): void {
        void this.unlock().then((ok) => {
            if (!ok)
                return;
            this._tone(880, 0);
            this._tone(587, 0.28);
        });
        const ms = this._now() - this._startedAt >= SLOW_AFTER_MS ? SLOW_MS : REPEAT_MS;
        this._timer = (this._options.setTimeout ?? setTimeout)(() => this._repeat(), ms);
    }

    private _tone(hertz: number, after: number): void {
        const audio = this._audio!;
        const oscillator = audio.createOscillator(), gain = audio.createGain();
        const at = audio.currentTime + after;
        oscillator.frequency.value = hertz;
        gain.gain.setValueAtTime(0, at);
        gain.gain.linearRampToValueAtTime(0.3, at + 0.02); /* no click */
        gain.gain.linearRampToValueAtTime(0, at + 0.25);
        oscillator.connect(gain).connect(audio.destination);
        oscillator.start(at);
        oscillator.stop(at + 0.26);
    }

    private _now(): number {
        return (this._options.now ?? Date.now)();
    }
}
