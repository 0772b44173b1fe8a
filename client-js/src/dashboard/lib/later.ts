/* later.ts - style sheets that index.html names, and that are fetched when they are wanted. */
const wanted = new Map<string, Promise<void>>();

/** Resolves when it is in effect; also when there is none, or it cannot be had. */
export function turnOn(name: 'later' | 'wall'): Promise<void> {
    let done = wanted.get(name);
    if (!done) {
        const link = document.querySelector<HTMLLinkElement>(`link.${name}`);
        done = link ? new Promise((resolve) => {
            link.onload = link.onerror = () => resolve();
            link.disabled = false;
        }) : Promise.resolve();
        wanted.set(name, done);
    }
    return done;
}
