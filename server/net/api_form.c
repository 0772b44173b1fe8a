/* api_form.c - arguments of a request, and times, spans and limits in them. */
#include <math.h>
#include <streamgauge/http1.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/api.h"

static bool is_form(struct sg_str type)
{
    struct sg_str rest = type;
    return sg_str_ieq(sg_str_trim(sg_str_split(&rest, ';')),
                      SG_STR("application/x-www-form-urlencoded"));
}

static int add_all(struct sg__form *f, struct sg_str text, char **at, size_t *left,
                   struct sg_error *reterr)
{
    struct sg_http1_args it = sg_http1_args_init(text);
    struct sg__form_pair pair;
    int rc = 0;
    while (text.p &&
           (rc = sg_http1_args_next_decoded(&it, *at, *left, &pair.name, &pair.value)) > 0) {
        if (f->n == SG__FORM_PAIRS)
            return sg_error_set(reterr, SG_ELIMIT, "more than %d form values", SG__FORM_PAIRS);
        f->pairs[f->n++] = pair;
        *at += pair.name.n + pair.value.n;
        *left -= pair.name.n + pair.value.n;
    }
    if (rc < 0 && text.n && memmem(text.p, text.n, "%00", 3))
        return sg_error_set(reterr, SG_ESYNTAX,
                            "error parsing form values: %%00 is not accepted, no expression or "
                            "name has a NUL byte");
    if (rc < 0)
        return sg_error_set(reterr, SG_ESYNTAX, "error parsing form values: invalid URL escape");
    return 0;
}

int sg__form_init(struct sg__form *f, const struct sg_net_exchange *x, struct sg_error *reterr)
{
    struct sg_str body = is_form(x->content_type) ? x->body : (struct sg_str){NULL, 0};
    size_t left = body.n + x->query.n + 1;
    *f = (struct sg__form){.bytes = sg_alloc(left)};
    f->pairs = sg_calloc(SG__FORM_PAIRS, sizeof(*f->pairs));
    char *at = f->bytes;
    int rc = add_all(f, body, &at, &left, reterr);
    return rc < 0 ? rc : add_all(f, x->query, &at, &left, reterr);
}

void sg__form_deinit(struct sg__form *f)
{
    sg_free(f->bytes);
    sg_free(f->pairs);
    *f = (struct sg__form){0};
}

bool sg__form_next(const struct sg__form *f, const char *name, size_t *at, struct sg_str *ret)
{
    for (; *at < f->n; ++*at) {
        if (!sg_str_eq_c(f->pairs[*at].name, name))
            continue;
        *ret = f->pairs[(*at)++].value;
        return true;
    }
    return false;
}

struct sg_str sg__form_get(const struct sg__form *f, const char *name)
{
    struct sg_str value;
    size_t at = 0;
    return sg__form_next(f, name, &at, &value) ? value : SG_STR("");
}

/* What clients send for "since ever" and "for ever": years that RFC 3339 does not have. */
static const struct {
    const char *text;
    int64_t ms;
} boundaries[] = {
    {"-292273086-05-16T16:47:06Z", -SG__TIME_MAX_MS},
    {"+292277025-08-18T07:12:54.999999999Z", SG__TIME_MAX_MS},
    {"292277025-08-18T07:12:54.999999999Z", SG__TIME_MAX_MS},
};

int sg__time_parse(struct sg_str text, int64_t *ret_ms, struct sg_error *reterr)
{
    double s;
    if (sg_double_parse_all(text.p, text.n, &s) == 0 && isfinite(s)) {
        double ms = nearbyint(s * 1000), most = (double)SG__TIME_MAX_MS;
        *ret_ms = (int64_t)(ms < -most ? -most : ms > most ? most : ms);
        return 0;
    }
    if (sg_rfc3339_parse(text, ret_ms) == 0)
        return 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(boundaries); i++) {
        if (sg_str_eq_c(text, boundaries[i].text)) {
            *ret_ms = boundaries[i].ms;
            return 0;
        }
    }
    return sg_error_set(reterr, SG_EINVALID, "cannot parse \"%.*s\" to a valid timestamp",
                        text.n < 100 ? (int)text.n : 100, text.p);
}

int sg__span_parse(struct sg_str text, int64_t *ret_ms, struct sg_error *reterr)
{
    int shown = text.n < 100 ? (int)text.n : 100;
    double s;
    if (sg_double_parse_all(text.p, text.n, &s) == 0 && !isnan(s)) {
        if (fabs(s) > 9223372036.0) /* 2^63 ns, as there */
            return sg_error_set(reterr, SG_EINVALID,
                                "cannot parse \"%.*s\" to a valid duration. It overflows int64",
                                shown, text.p);
        *ret_ms = (int64_t)(s * 1000 + (s < 0 ? -1e-6 : 1e-6)); /* 0.001 s is 1 ms */
        return 0;
    }
    if (text.n && sg_duration_parse(text, ret_ms, NULL) == 0)
        return 0;
    return sg_error_set(reterr, SG_EINVALID, "cannot parse \"%.*s\" to a valid duration", shown,
                        text.p);
}

int sg__limit_parse(const struct sg__form *f, const char *name, size_t *ret,
                    struct sg_error *reterr)
{
    struct sg_str text = sg__form_get(f, name);
    int64_t v = 0;
    if (text.n && sg_i64_parse(text.p, text.n, &v) < 0)
        return sg_error_set(reterr, SG_EINVALID, "%s must be a number, got \"%.*s\"", name,
                            text.n < 100 ? (int)text.n : 100, text.p);
    if (v < 0)
        return sg_error_set(reterr, SG_EINVALID, "%s must be non-negative", name);
    *ret = (size_t)v;
    return 0;
}

int sg__form_time(const struct sg__form *f, const char *name, int64_t *ret_ms,
                  struct sg_error *reterr)
{
    struct sg_str text = sg__form_get(f, name);
    struct sg_error err = {0};
    if (!text.n || sg__time_parse(text, ret_ms, &err) == 0)
        return 0;
    return sg_error_set(reterr, err.code, "invalid time value for '%s': %s", name, err.text);
}
