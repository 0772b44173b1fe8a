/* legend.ts - names of series: by `legendFormat`, or by the labels that tell them apart. */
import type { Labels } from '../../client/types.ts';

/** `{{label}}` put in. `__auto` and nothing: '' . */
export function legendName(format: string, labels: Labels): string {
    if (!format || format === '__auto')
        return '';
    return format.replace(/\{\{\s*([^{}]+?)\s*\}\}/g, (_, name: string) => (Object.hasOwn(labels, name) ? labels[name]! : ''));
}

const spelled = (labels: Labels, names: readonly string[]): string => names.map((n) => `${n}="${labels[n] ?? ''}"`).join(', ');

/** As PromQL writes a series. */
export function seriesText(labels: Labels): string {
    const names = Object.keys(labels).filter((n) => n !== '__name__').sort();
    const name = labels['__name__'] ?? '';
    return names.length ? `${name}{${spelled(labels, names)}}` : name;
}

/**
 * Names for the series of one target that has no format: the value of the one label that differs, or all that differ; a lone series
 * has its metric's name, else the expression.
 */
export function autoNames(all: readonly Labels[], expr: string): string[] {
    if (all.length === 1) {
        const labels = all[0]!;
        const names = Object.keys(labels).filter((n) => n !== '__name__');
        return [labels['__name__'] ?? (names.length === 1 ? labels[names[0]!]! : names.length ? seriesText(labels) : expr)];
    }
    const names = [...new Set(all.flatMap((l) => Object.keys(l)))].sort();
    const telling = names.filter((n) => all.some((l) => l[n] !== all[0]![n]));
    if (telling.length === 1)
        return all.map((l) => l[telling[0]!] || seriesText(l) || expr);
    return all.map((l) => spelled(l, telling.filter((n) => l[n] !== undefined)) || expr);
}
