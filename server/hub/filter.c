/* filter.c - which notifications a subscription wants:
 * {"severity":["critical"],"matchers":["team=\"a\"","job=~\"api.*\""]}. */
#include <string.h>

#include <streamgauge/mem.h>

#include "hub/hub_priv.h"

#define MAX_SEVERITIES 8
#define MAX_MATCHERS 32
#define MAX_TEXT 4096

void sg__filter_deinit(struct sg__filter *f)
{
    for (size_t i = 0; i < f->n_severities; i++)
        sg_free((char *)(uintptr_t)f->severities[i].p);
    for (size_t i = 0; i < f->n_matchers; i++) {
        sg_matcher_deinit(f->matchers[i]);
        sg_free(f->matchers[i]);
    }
    sg_free(f->severities);
    sg_free(f->matchers);
    *f = (struct sg__filter){0};
}

/* A regex that costs too much lets pass: better one notification too many than one too few. */
bool sg__filter_passes(const struct sg__filter *f, const struct sg_frame *note)
{
    bool severe = f->n_severities == 0;
    for (size_t i = 0; i < f->n_severities && !severe; i++)
        severe = sg_str_eq(f->severities[i], note->severity);
    for (size_t i = 0; i < f->n_matchers && severe; i++) {
        struct sg_str value = {"", 0};
        if (note->labels)
            value = sg_labels_get(note->labels, f->matchers[i]->name);
        if (!value.p)
            value = SG_STR("");
        severe = sg_matcher_try(f->matchers[i], value) != 0;
    }
    return severe;
}

static int add_severity(const json_t *json, struct sg__filter *f, struct sg_buf *text,
                        struct sg_error *reterr)
{
    static const char *const known[] = {"info", "warning", "critical"};
    const char *word = json_string_value(json);
    bool ok = false;
    for (size_t i = 0; word && i < SG_ARRAY_LEN(known); i++)
        ok |= strcmp(word, known[i]) == 0;
    if (!ok)
        return sg_error_set(reterr, SG_EINVALID,
                            "filter: severity is \"%.40s\", expected info, warning or critical",
                            word ? word : "(not a string)");
    f->severities = sg_realloc(f->severities, (f->n_severities + 1) * sizeof(*f->severities));
    f->severities[f->n_severities++] = sg_str_from(sg_strdup(word));
    sg_buf_printf(text, "severity=%s;", word);
    return 0;
}

static int severities(const json_t *json, struct sg__filter *f, struct sg_buf *text,
                      struct sg_error *reterr)
{
    if (!json_is_array(json))
        return add_severity(json, f, text, reterr);
    if (json_array_size(json) > MAX_SEVERITIES)
        return sg_error_set(reterr, SG_ELIMIT, "filter: limit of %d severities passed",
                            MAX_SEVERITIES);
    int rc = 0;
    for (size_t i = 0; i < json_array_size(json) && rc == 0; i++)
        rc = add_severity(json_array_get(json, i), f, text, reterr);
    return rc;
}

static bool name_char(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* The operator at p: its length, 0 when there is none. */
static size_t operator_at(const char *p, enum sg_match_type *ret)
{
    static const enum sg_match_type order[] = {SG_MATCH_NE, SG_MATCH_RE, SG_MATCH_NRE, SG_MATCH_EQ};
    for (size_t i = 0; i < SG_ARRAY_LEN(order); i++) {
        const char *op = sg_match_type_text(order[i]);
        if (strncmp(p, op, strlen(op)) == 0) {
            *ret = order[i];
            return strlen(op);
        }
    }
    return 0;
}

/* A value in double quotes with \\, \" and \n, or bare. False: the quotes are not balanced. */
static bool unquote(struct sg_str s, struct sg_buf *out)
{
    if (s.n == 0 || s.p[0] != '"')
        return sg_buf_put_str(out, s) == 0;
    for (size_t i = 1; i < s.n; i++) {
        char c = s.p[i];
        if (c == '"')
            return i + 1 == s.n;
        if (c == '\\') {
            if (++i == s.n)
                return false;
            c = s.p[i] == 'n' ? '\n' : s.p[i];
        }
        sg_buf_putc(out, c);
    }
    return false;
}

static int add_matcher(const char *text, struct sg__filter *f, struct sg_error *reterr)
{
    size_t n = 0;
    enum sg_match_type type = SG_MATCH_EQ;
    while (name_char(text[n], n == 0))
        n++;
    size_t op = n ? operator_at(text + n, &type) : 0;
    SG_AUTO(sg_buf_deinit) struct sg_buf value;
    sg_buf_init(&value, 65536);
    if (!op || !unquote(sg_str_from(text + n + op), &value))
        return sg_error_set(reterr, SG_ESYNTAX,
                            "filter: matcher '%.80s', expected something like team=\"a\"", text);
    struct sg_matcher *m = sg_calloc(1, sizeof(*m));
    int rc = sg_matcher_init(m, type, sg_str_make(text, n), sg_buf_str(&value), reterr);
    if (rc < 0) {
        sg_free(m);
        return sg_error_wrap(reterr, "filter: matcher '%.80s'", text);
    }
    f->matchers = sg_realloc(f->matchers, (f->n_matchers + 1) * sizeof(struct sg_matcher *));
    f->matchers[f->n_matchers++] = m;
    return 0;
}

static int matchers(const json_t *json, struct sg__filter *f, struct sg_buf *text,
                    struct sg_error *reterr)
{
    if (!json_is_array(json) || json_array_size(json) > MAX_MATCHERS)
        return sg_error_set(reterr, json_is_array(json) ? SG_ELIMIT : SG_EINVALID,
                            "filter: matchers, expected an array of at most %d strings",
                            MAX_MATCHERS);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *one = json_string_value(json_array_get(json, i));
        if (!one)
            return sg_error_set(reterr, SG_EINVALID, "filter: a matcher is not a string");
        int rc = add_matcher(one, f, reterr);
        if (rc < 0)
            return rc;
        /* With its length: no text of a matcher may read like another filter's. */
        sg_buf_printf(text, "%zu:%s;", strlen(one), one);
    }
    return 0;
}

int sg__filter_parse(const json_t *json, struct sg__filter *ret, struct sg_buf *ret_text,
                     struct sg_error *reterr)
{
    if (!json_is_object(json))
        return sg_error_set(reterr, SG_EINVALID, "filter: expected an object");
    int rc = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value)
    {
        if (strcmp(key, "severity") == 0)
            rc = severities(value, ret, ret_text, reterr);
        else if (strcmp(key, "matchers") == 0)
            rc = matchers(value, ret, ret_text, reterr);
        else
            rc =
                sg_error_set(reterr, SG_EINVALID,
                             "filter: unknown field \"%.40s\", expected severity or matchers", key);
        if (rc < 0)
            break;
    }
    /* Subscribers share by this text: it must be whole. */
    if (rc == 0 && (ret_text->failed || ret_text->len > MAX_TEXT))
        rc = sg_error_set(reterr, SG_ELIMIT, "filter: limit of %d bytes passed", MAX_TEXT);
    if (rc < 0)
        sg__filter_deinit(ret);
    return rc;
}
