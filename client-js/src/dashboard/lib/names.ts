/* names.ts - tables looked up with names from documents: "constructor" is in none of them. */
export const byName = <T>(entries: Readonly<Record<string, T>>): Readonly<Record<string, T>> => Object.assign(Object.create(null) as Record<string, T>, entries);
