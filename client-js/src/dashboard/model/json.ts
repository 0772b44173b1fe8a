/* json.ts - reading documents nobody has checked: what is of the wrong type is as good as missing. */
import type { Json, JsonObject } from './types.ts';

export const isObject = (v: unknown): v is JsonObject => typeof v === 'object' && v !== null && !Array.isArray(v);
export const object = (v: unknown): JsonObject => (isObject(v) ? v : {});
export const list = (v: unknown): readonly Json[] => (Array.isArray(v) ? (v as Json[]) : []);
export const objects = (v: unknown): JsonObject[] => list(v).filter(isObject);
export const string = (v: unknown, or = ''): string => (typeof v === 'string' ? v : typeof v === 'number' || typeof v === 'boolean' ? String(v) : or);
export const strings = (v: unknown): string[] => list(v).filter((s) => typeof s === 'string' || typeof s === 'number').map(String);
/** Some generators write them as text. */
export const bool = (v: unknown, or = false): boolean => (typeof v === 'boolean' ? v : v === 'true' || (v !== 'false' && or));

/** Numbers, and texts that are one; null for the rest. */
export function number(v: unknown): number | null {
    if (typeof v === 'number')
        return Number.isFinite(v) ? v : null;
    if (typeof v !== 'string' || v.trim() === '')
        return null;
    const n = Number(v);
    return Number.isFinite(n) ? n : null;
}

export const numberOr = (v: unknown, or: number): number => number(v) ?? or;

/** "a.b.c" in nested objects. */
export function at(v: unknown, path: string): Json | undefined {
    let here: unknown = v;
    for (const name of path.split('.'))
        here = isObject(here) ? here[name] : undefined;
    return here as Json | undefined;
}

/** A copy with the value at "a.b.c". */
export function withValue(v: JsonObject, path: string, value: Json): JsonObject {
    const [name, ...rest] = path.split('.') as [string, ...string[]];
    return { ...v, [name]: rest.length ? withValue(object(v[name]), rest.join('.'), value) : value };
}
