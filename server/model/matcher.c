/* matcher.c - label matchers: = != =~ !~. */
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <string.h>

/* Name and value in one allocation, each NUL-terminated. */
static int copy_strings(struct sg_matcher *m, struct sg_str name, struct sg_str value)
{
    char *p = sg_try_alloc(name.n + value.n + 2);
    if (!p)
        return SG_ENOMEM;
    memcpy(p, name.p, name.n);
    p[name.n] = '\0';
    m->name = sg_str_make(p, name.n);
    p += name.n + 1;
    memcpy(p, value.p, value.n);
    p[value.n] = '\0';
    m->value = sg_str_make(p, value.n);
    return 0;
}

int sg_matcher_init(struct sg_matcher *m, enum sg_match_type type, struct sg_str name,
                    struct sg_str value, struct sg_error *reterr)
{
    memset(m, 0, sizeof(*m));
    m->type = type;
    if (type == SG_MATCH_RE || type == SG_MATCH_NRE) {
        int rc = sg_regex_new(value, &m->regex, reterr);
        if (rc < 0)
            return rc;
    }
    if (copy_strings(m, name, value) < 0) {
        sg_matcher_deinit(m);
        return sg_error_set(reterr, SG_ENOMEM, "out of memory for a matcher on '%.*s'",
                            SG_STR_ARG(name));
    }
    m->matches_empty = sg_matcher_matches(m, SG_STR(""));
    return 0;
}

int sg_matcher_copy(struct sg_matcher *m, const struct sg_matcher *src)
{
    memset(m, 0, sizeof(*m));
    m->type = src->type;
    m->matches_empty = src->matches_empty;
    int rc = copy_strings(m, src->name, src->value);
    if (rc == 0 && src->regex)
        m->regex = sg_regex_ref(src->regex);
    return rc;
}

void sg_matcher_deinit(struct sg_matcher *m)
{
    if (!m)
        return;
    sg_regex_unref(m->regex);
    /* The value lives behind the name. The const of sg_str is for the readers; the memory is ours.
     */
    union {
        const char *in;
        char *out;
    } owned = {.in = m->name.p};
    sg_free(owned.out);
    memset(m, 0, sizeof(*m));
}

int sg_matcher_try(const struct sg_matcher *m, struct sg_str value)
{
    switch (m->type) {
    case SG_MATCH_EQ:
        return sg_str_eq(m->value, value);
    case SG_MATCH_NE:
        return !sg_str_eq(m->value, value);
    case SG_MATCH_RE:
    case SG_MATCH_NRE:
        break;
    }
    int found = sg_regex_try(m->regex, value);
    return found < 0 ? found : found == (m->type == SG_MATCH_RE);
}

bool sg_matcher_matches(const struct sg_matcher *m, struct sg_str value)
{
    return sg_matcher_try(m, value) > 0;
}

uint64_t sg_matchers_errors(const struct sg_matcher *const *matchers, size_t n)
{
    uint64_t errors = 0;
    for (size_t i = 0; i < n; i++)
        errors += matchers[i]->regex ? sg_regex_errors(matchers[i]->regex) : 0;
    return errors;
}

const char *sg_match_type_text(enum sg_match_type type)
{
    static const char *const text[] = {"=", "!=", "=~", "!~"};
    return text[type];
}

int sg_matcher_cmp(const struct sg_matcher *a, const struct sg_matcher *b)
{
    int c = sg_str_cmp(a->name, b->name);
    if (c == 0)
        c = (a->type > b->type) - (a->type < b->type);
    return c ? c : sg_str_cmp(a->value, b->value);
}
