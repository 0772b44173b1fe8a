/* icons.ts - line drawings of the controls, in a box of 16. */
import { svg } from './h.ts';

export function icon(path: string): SVGSVGElement {
    return svg('svg', { class: 'line-icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: path }));
}

export const ICONS = {
    grid: 'M2 2h5v5h-5zM9 2h5v5h-5zM2 9h5v5h-5zM9 9h5v5h-5z',
    down: 'M4 6l4 4l4-4',
    clock: 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13zM8 4.5v4l2.5 1.5',
    pause: 'M5.5 3v10M10.5 3v10',
    play: 'M5 3l8 5l-8 5z',
    moon: 'M13 9.5a5.5 5.5 0 1 1-6.5-6.7a4.6 4.6 0 0 0 6.5 6.7z',
    sun: 'M8 5a3 3 0 1 1 0 6a3 3 0 1 1 0-6zM8 1v1.6M8 13.4v1.6M1 8h1.6M13.4 8h1.6M3 3l1.1 1.1M11.9 11.9l1.1 1.1M13 3l-1.1 1.1M4.1 11.9l-1.1 1.1',
    more: 'M3 8h.01M8 8h.01M13 8h.01',
    back: 'M10 3l-5 5l5 5',
    forth: 'M6 3l5 5l-5 5',
    out: 'M7 2a5 5 0 1 1 0 10a5 5 0 1 1 0-10zM10.7 10.7l3.8 3.8M4.8 7h4.4',
    search: 'M7 2a5 5 0 1 1 0 10a5 5 0 1 1 0-10zM10.7 10.7l3.8 3.8',
} as const;
