/* errors.ts - the one error of the library. */

/** `code` is the server's (syntax, not_found, limit, denied …) or ours: closed, aborted, timeout, transport, unsupported. */
export class PushError extends Error {
    override readonly name = 'PushError';
    constructor(
        readonly code: string,
        message: string,
        /** Trying the same again may help. */
        readonly retryable = false,
        /** Byte of the expression. */
        readonly position?: number,
    ) {
        super(message);
    }
}
