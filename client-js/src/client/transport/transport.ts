/* transport.ts - what a way of talking to the server offers. */
import type { Action } from '../protocol.ts';
import type { Env, TransportName } from '../types.ts';

/** Why it ended. */
export interface Ended {
    reason: string;
    /** The server refuses: trying the same again does not help. */
    refused?: 'denied' | 'protocol';
    /** ms the server wants us to stay away. */
    retryAfter?: number;
}

export interface Sink {
    /** One message's text. */
    message(text: string): void;
    /** Something came, if only a comment. */
    heard(): void;
    /** At most once, and not after close(). */
    ended(why: Ended): void;
}

export interface Transport {
    readonly name: TransportName;
    send(actions: readonly Action[]): void;
    close(): void;
}

export interface Target {
    /** http(s)://host/prefix, without a slash at the end. */
    base: string;
    token: string | null;
    env: Env;
}
