/* json.c - bodies of JSON samples: one object, an array of objects, or any of them one after the
 * other (NDJSON).
 *
 * An element that lies whole in the bytes at hand is read in place. One that is cut by their end is
 * copied until its closing brace and read then; one that is wrong is skipped to its closing brace
 * and its neighbours go on. Elements are longer than limits.max_line only to be refused. Nesting
 * costs a counter, not a stack.
 */
#include "json.h"

enum state {
    TOP,     /* between values */
    FIRST,   /* behind '[' */
    ELEMENT, /* behind ',' in an array */
    AFTER,   /* behind an element of an array */
    CARRY,   /* inside an element that is being copied */
    SKIP,    /* inside an element that is refused */
    JUNK     /* inside something that is no element */
};

/* Moves line count and line start on to `at`. */
static void count_lines(struct sg_ingest_parser *p, const char *data, const char *at)
{
    struct sg__json *j = &p->json;
    const char *s = j->counted;
    while (s < at && (s = memchr(s, '\n', (size_t)(at - s)))) {
        p->line++;
        s++;
        j->line_start = j->pos + (uint64_t)(s - data);
    }
    j->counted = at;
}

static uint32_t column_of(const struct sg_ingest_parser *p, const char *data, const char *at)
{
    return (uint32_t)(p->json.pos + (uint64_t)(at - data) - p->json.line_start) + 1;
}

/* Counts the fault, whose place is in the bytes at hand. */
static void reject_here(struct sg_ingest_parser *p, const char *data)
{
    const char *at = p->f.fault.at;
    count_lines(p, data, at);
    sg__feed_reject_at(&p->f, p->line, column_of(p, data, at));
}

/* Counts the fault, whose place is in the copied element. */
static void reject_in_carry(struct sg_ingest_parser *p)
{
    const char *at = p->f.fault.at, *s = sg_buf_str(&p->carry).p, *line_start = s;
    uint32_t line = p->json.element_line;
    for (const char *nl; (nl = memchr(s, '\n', (size_t)(at - s))); s = line_start = nl + 1)
        line++;
    uint32_t column = (uint32_t)(at - line_start) + 1;
    if (line == p->json.element_line)
        column += p->json.element_column - 1;
    sg__feed_reject_at(&p->f, line, column);
}

/* `last` is the closing brace, or the newline that broke a string: nobody knows then what is a
 * string and what is not, and the next '{' is taken for the next element. */
static void leave_element(struct sg__json *j, const char *last)
{
    j->state = *last == '\n' ? JUNK : j->in_array ? AFTER : TOP;
}

/* The closing brace of the element, from the saved state on, or a newline inside a string: such an
 * element is wrong, and what follows must not pay for its missing quote. Brackets have no business
 * in an element; braces alone are counted. */
static const char *find_close(struct sg__json *j, const char *s, const char *end)
{
    for (; s < end; s++) {
        if (j->in_string) {
            if (j->escaped)
                j->escaped = false;
            else if (*s == '\\')
                j->escaped = true;
            else if (*s == '"')
                j->in_string = false;
            if (*s == '\n')
                return s;
        } else if (*s == '"') {
            j->in_string = true;
        } else if (*s == '{') {
            j->depth++;
        } else if (*s == '}' && --j->depth == 0) {
            return s;
        }
    }
    return NULL;
}

static void too_long(struct sg_ingest_parser *p, const char *at)
{
    (void)sg__fault_set(&p->f, SG_EINVALID, at,
                        "element is longer than %u bytes, limits.line_bytes",
                        p->f.b->config.limits.max_line);
}

/* An element from its first to its last byte, or as much as there is of it: the same bytes and so
 * the same fault, whether they lie in a chunk or were copied. */
static int whole_element(struct sg_ingest_parser *p, const char *s, const char *end)
{
    const char *element_end;
    int r = sg__json_element(p, s, end, &element_end);
    if (r == SG_EMORE)
        r = sg__fault_set(&p->f, SG_ESYNTAX, s, "the element is not complete");
    return r;
}

static int carried_element(struct sg_ingest_parser *p)
{
    struct sg_str text = sg_buf_str(&p->carry);
    int r = whole_element(p, text.p, text.p + text.n);
    if (r < 0 && r != SG_EBUSY)
        reject_in_carry(p);
    sg_buf_reset(&p->carry);
    return r == SG_EBUSY ? r : 0;
}

/* Goes on copying an element. Returns what is left. */
static const char *carry_on(struct sg_ingest_parser *p, const char *s, const char *end, int *ret)
{
    struct sg__json *j = &p->json;
    size_t room = p->f.b->config.limits.max_line - p->carry.len;
    size_t have = (size_t)(end - s);
    const char *look_end = have > room ? s + room : end;
    const char *close = find_close(j, s, look_end);
    (void)sg_buf_append(&p->carry, s, (size_t)((close ? close + 1 : look_end) - s));
    if (close) {
        leave_element(j, close);
        *ret = carried_element(p);
        return close + 1;
    }
    if (have > room) {
        too_long(p, sg_buf_str(&p->carry).p);
        reject_in_carry(p);
        sg_buf_reset(&p->carry);
        j->state = SKIP;
    }
    return look_end;
}

/* An element starts at s. Returns what is left. */
static const char *start_element(struct sg_ingest_parser *p, const char *data, const char *s,
                                 const char *end, int *ret)
{
    struct sg__json *j = &p->json;
    const char *element_end = end;
    size_t max = p->f.b->config.limits.max_line;
    const char *look_end = (size_t)(end - s) > max ? s + max : end;
    j->any = true;
    int r = sg__json_element(p, s, look_end, &element_end);
    if (SG_LIKELY(r == 0)) {
        leave_element(j, element_end - 1);
        return element_end;
    }
    if (r == SG_EBUSY) {
        *ret = r;
        return end;
    }
    p->f.fault.code = SG_OK;
    j->depth = 0;
    j->in_string = j->escaped = false;
    const char *close = r == SG_EMORE ? NULL : find_close(j, s, look_end);
    if (close) {
        r = whole_element(p, s, close + 1);
        if (r == SG_EBUSY)
            *ret = r;
        else if (r < 0)
            reject_here(p, data);
        leave_element(j, close);
        return close + 1;
    }
    /* Its end is not in sight: whether it is wrong or too long shows later, wherever chunks are
     * cut. */
    j->depth = 0;
    j->in_string = j->escaped = false;
    count_lines(p, data, s);
    j->element_line = p->line;
    j->element_column = column_of(p, data, s);
    j->state = CARRY;
    return carry_on(p, s, end, ret);
}

/* Something that is no element: refuses it once and skips to where one may start. */
static void junk(struct sg_ingest_parser *p, const char *data, const char *s, const char *expected)
{
    p->json.any = true;
    (void)sg__fault_set(&p->f, SG_ESYNTAX, s, "'%c', expected %s", *s, expected);
    reject_here(p, data);
    p->json.state = JUNK;
}

static const char *skip_junk(struct sg__json *j, const char *s, const char *end)
{
    for (; s < end; s++) {
        if (*s == '{') {
            j->state = j->in_array ? ELEMENT : TOP;
            return s;
        }
        if ((*s == ',' || *s == ']') && j->in_array) {
            j->state = AFTER;
            return s;
        }
        if (*s == '\n' && !j->in_array) {
            j->state = TOP;
            return s;
        }
    }
    return s;
}

/* Between elements, at a character that is no space. Returns what is left. */
static const char *between(struct sg_ingest_parser *p, const char *data, const char *s,
                           const char *end, int *ret)
{
    struct sg__json *j = &p->json;
    if (j->state == AFTER) {
        if (*s == ',' || *s == ']') {
            j->in_array = *s == ',';
            j->state = j->in_array ? ELEMENT : TOP;
            return s + 1;
        }
        junk(p, data, s, "',' or ']'");
        return s;
    }
    if (*s == '{')
        return start_element(p, data, s, end, ret);
    if (j->state == FIRST && *s == ']') {
        j->in_array = false;
        j->state = TOP;
        return s + 1;
    }
    if (j->state == TOP && *s == '[') {
        j->any = j->in_array = true;
        j->state = FIRST;
        return s + 1;
    }
    junk(p, data, s, j->in_array ? "an object" : "an object or an array of objects");
    return s;
}

int sg__json_feed(struct sg_ingest_parser *p, const char *data, size_t n)
{
    struct sg__json *j = &p->json;
    const char *end = data + n;
    int r = 0;
    j->counted = data;
    for (const char *s = data; s < end && r == 0;) {
        switch ((enum state)j->state) {
        case CARRY:
            s = carry_on(p, s, end, &r);
            break;
        case SKIP: {
            const char *close = find_close(j, s, end);
            if (close)
                leave_element(j, close);
            s = close ? close + 1 : end;
            break;
        }
        case JUNK:
            s = skip_junk(j, s, end);
            break;
        default:
            if (*s == ' ' || *s == '\n' || *s == '\r' || *s == '\t')
                s++;
            else
                s = between(p, data, s, end, &r);
            break;
        }
    }
    count_lines(p, data, end);
    j->pos += n;
    return r;
}

int sg__json_finish(struct sg_ingest_parser *p)
{
    struct sg__json *j = &p->json;
    if (j->state == CARRY)
        return carried_element(p);
    const char *what = NULL;
    if (!j->any)
        what = "empty body, expected an object or an array of objects";
    else if (j->in_array && j->state != SKIP)
        what = "end of body, expected ']'";
    if (!what)
        return 0;
    (void)sg__fault_set(&p->f, SG_ESYNTAX, NULL, "%s", what);
    sg__feed_reject_at(&p->f, p->line, (uint32_t)(j->pos - j->line_start) + 1);
    return 0;
}
