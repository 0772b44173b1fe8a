/* theme.js - the stylesheet's tokens for the canvas. One place to choose colours: theme.css. */

const dark = matchMedia('(prefers-color-scheme: dark)');
const contrast = matchMedia('(prefers-contrast: more)');

function read() {
    const style = getComputedStyle(document.documentElement);
    const token = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const rem = parseFloat(style.fontSize);
    return {
        line: token('--line'), text: token('--text'), dim: token('--dim'), panel: token('--panel'),
        series: [1, 2, 3, 4, 5, 6].map((i) => token(`--s${i}`)),
        dashes: [[], [8, 4], [2, 3], [8, 3, 2, 3], [14, 4], [4, 4]],
        font: getComputedStyle(document.body).fontFamily,
        fontSize: Math.round(rem * 0.75),
        lineWidth: Math.max(1.5, rem / 9) * (contrast.matches ? 1.4 : 1),
        fillAlpha: Number(token('--fill')),
    };
}

export const theme = read();

/** @param {() => void} then called after the colours or sizes have changed */
export function onThemeChange(then) {
    const renew = () => {
        Object.assign(theme, read());
        then();
    };
    dark.addEventListener('change', renew);
    contrast.addEventListener('change', renew);
    addEventListener('resize', renew);
}
