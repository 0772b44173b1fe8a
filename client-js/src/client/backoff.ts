/* backoff.ts - when to try again: full jitter, so that a thousand displays do not come back in the same instant. */

const FIRST_MS = 300; /* the first try after a stable connection: most drops are short */

export class Backoff {
    attempt = 0;

    constructor(
        private readonly _random: () => number,
        private readonly _base = 500,
        private readonly _max = 20_000,
    ) {}

    /** ms to wait; `floor`: what the server asked for. */
    next(floor = 0): number {
        const most = this.attempt ? Math.min(this._max, this._base * 2 ** (this.attempt - 1)) : FIRST_MS;
        this.attempt++;
        /* Those who were sent away together were given the same floor. */
        return floor + this._random() * (floor ? Math.max(most, floor) : most);
    }

    /** When a connection has been stable for a while, not as soon as it opens. */
    reset(): void {
        this.attempt = 0;
    }
}
