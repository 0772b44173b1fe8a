/* ramp.ts - shades for amounts. They get lighter or darker in one direction only, so they can be told apart without colour. */
import { luminance, type Theme } from '../lib/color.ts';
import { mix } from '../model/display.ts';

/** Dark to light (or back, in the light theme): evenly in lightness, blue over green to yellow. */
const RAMP = ['#12233F', '#1B3F6E', '#1F6487', '#2A8A86', '#5FB070', '#B3D15A', '#FFF27A'] as const;

/** 64 shades; the first ones are near the ground. `hue`: of one colour instead. */
export function shades(theme: Theme, hue = ''): readonly string[] {
    const dark = luminance(theme.panel) < 0.2;
    const stops = hue ? [mix([theme.panel, hue], 0.15), hue] : dark ? [...RAMP] : [...RAMP].reverse();
    return Array.from({ length: 64 }, (_, i) => mix(stops, i / 63));
}
