/* backoff.js - when to try again: full jitter, so that a thousand displays do not come back in the same instant. */

const BASE_MS = 500, MAX_MS = 20000, FIRST_MS = 300;

export class Backoff {
    /** @param {() => number} [random] in [0, 1) */
    constructor(random = Math.random) {
        this.random = random;
        this.attempt = 0;
    }

    /** @param {number} [floorMs] what the server asked for @returns {number} ms to wait */
    next(floorMs = 0) {
        const most = this.attempt === 0 ? FIRST_MS : Math.min(MAX_MS, BASE_MS * 2 ** this.attempt);
        this.attempt++;
        return floorMs + this.random() * most;
    }

    /** After a connection has been stable for a while, not as soon as it opens. */
    reset() {
        this.attempt = 0;
    }
}
