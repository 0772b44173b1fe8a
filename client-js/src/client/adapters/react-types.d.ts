/* What we use of React, so that its types are no dependency of ours. */
declare module 'react' {
    export function useCallback<T>(callback: T, deps: readonly unknown[]): T;
    export function useRef<T>(initial: T): { current: T };
    export function useSyncExternalStore<T>(subscribe: (changed: () => void) => () => void, get: () => T, getServer?: () => T): T;
}
