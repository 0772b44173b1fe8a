/* influx_lines.c - where an Influx record ends: at the first newline outside of a quoted string
 * value.
 *
 * Records without any '"' take two memchr. Else a small state machine runs over the bytes, once,
 * whatever the chunks are.
 */
#include "parser.h"
#include "scan.h"

enum {
    STARTED = 1, /* something but blanks was seen */
    COMMENT = 2,
    GAP = 4, /* in the spaces behind the series */
    FIELDS = 8,
    AFTER_EQUAL = 16,
    QUOTED = 32,
    ESCAPED = 64, /* the last character was an unescaped backslash */
    TIME = 128,   /* behind the fields */
};

static unsigned step_in_fields(unsigned state, char c)
{
    unsigned after = state & AFTER_EQUAL;
    state &= ~(unsigned)AFTER_EQUAL;
    switch (c) {
    case '\\':
        return state | ESCAPED;
    case ' ':
        return state | TIME;
    case '=':
        return state | AFTER_EQUAL;
    case '"':
        return after ? state | QUOTED : state;
    default:
        return state;
    }
}

static unsigned step_in_series(unsigned state, char c)
{
    if (!(state & STARTED)) {
        if (sg__is_blank(c))
            return state;
        if (c == '#')
            return STARTED | COMMENT;
        state |= STARTED;
    }
    if (c == '\\')
        return state | ESCAPED;
    return c == ' ' ? state | GAP : state;
}

/* The state behind one character that is not the final newline. */
static unsigned step(unsigned state, char c)
{
    if (state & ESCAPED) /* a backslash itself is only ever escaped in a string */
        return c == '\\' && !(state & QUOTED) ? state : state & ~(unsigned)ESCAPED;
    if (state & QUOTED) {
        if (c == '\\')
            return state | ESCAPED;
        return c == '"' ? state & ~(unsigned)QUOTED : state;
    }
    if (state & (COMMENT | TIME))
        return state;
    if (state & FIELDS)
        return step_in_fields(state, c);
    if (state & GAP)
        return c == ' ' ? state : step_in_fields((state & ~(unsigned)GAP) | FIELDS, c);
    return step_in_series(state, c);
}

static const char *run(struct sg_ingest_parser *p, const char *s, const char *end)
{
    unsigned state = p->influx.scan;
    for (; s < end; s++) {
        if (*s == '\n' && !(state & QUOTED))
            break;
        state = step(state, *s);
    }
    p->influx.scan = (uint8_t)state;
    return s < end ? s : NULL;
}

const char *sg__influx_find_eol(struct sg_ingest_parser *p, const char *s, const char *end)
{
    if (p->influx.scan == 0) {
        const char *nl = memchr(s, '\n', (size_t)(end - s));
        if (nl && !memchr(s, '"', (size_t)(nl - s)))
            return nl;
    }
    return run(p, s, end);
}
