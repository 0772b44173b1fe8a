/* state.ts - the states of a connection, and who may follow whom. */
import type { State } from './types.ts';

const NEXT: Record<State, readonly State[]> = {
    idle: ['connecting', 'closed'],
    connecting: ['open', 'reconnecting', 'suspended', 'closed'],
    open: ['open', 'reconnecting', 'suspended', 'closed'], /* open → open: another transport took over */
    reconnecting: ['open', 'reconnecting', 'suspended', 'closed'],
    suspended: ['reconnecting', 'closed'],
    closed: ['connecting'],
};

export function checkMove(from: State, to: State): void {
    if (!NEXT[from].includes(to))
        throw new Error(`a client that is ${from} cannot become ${to}`);
}
