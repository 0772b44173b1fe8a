/* spark.js - the small line in a tile: shape only, no axes. */
import { theme } from './theme.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Float64Array} values NaN: gap
 * @param {boolean} ratio values of 0 … 1: small noise is not blown up to the full height
 */
export function drawSpark(canvas, values, ratio) {
    const width = canvas.clientWidth, height = canvas.clientHeight, dpr = window.devicePixelRatio || 1;
    const g = canvas.getContext('2d');
    if (!width || !height || !g)
        return;
    canvas.width = Math.round(width * dpr);
    canvas.height = Math.round(height * dpr);
    g.scale(dpr, dpr);
    let hi = ratio ? 0.02 : 1e-9;
    for (const v of values)
        if (v > hi && Number.isFinite(v))
            hi = v;
    const x = (/** @type {number} */ i) => (i / (values.length - 1)) * width;
    const y = (/** @type {number} */ v) => height - 1 - (Math.min(v, hi) / hi) * (height - 4);
    g.strokeStyle = theme.series[0];
    g.fillStyle = theme.series[0];
    g.lineWidth = theme.lineWidth * 0.75;
    let from = -1;
    for (let i = 0; i <= values.length; i++) {
        const known = i < values.length && !Number.isNaN(values[i]);
        if (known && from < 0)
            from = i;
        if (known || from < 0)
            continue;
        g.beginPath();
        for (let k = from; k < i; k++)
            g.lineTo(x(k), y(values[k]));
        g.stroke();
        g.lineTo(x(i - 1), height);
        g.lineTo(x(from), height);
        g.globalAlpha = theme.fillAlpha * 0.5;
        g.fill();
        g.globalAlpha = 1;
        from = -1;
    }
}
