/* series_text_histogram.c - native histograms in Prometheus' test notation:
 * {{schema:0 sum:5 count:4 z_bucket:1 z_bucket_w:0.001 offset:0 buckets:[1 2] n_buckets:[…]}}. */
#include <math.h>
#include <string.h>

#include "promql/series_text.h"

#define MAX_BUCKETS 256

struct hist_text {
    double schema, sum, count, z_bucket, z_bucket_w, offset, n_offset;
    double pos[MAX_BUCKETS], neg[MAX_BUCKETS], custom[MAX_BUCKETS];
    size_t n_pos, n_neg, n_custom;
    uint8_t hint;
};

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct sg_str word(struct sg__text *t)
{
    const char *start = t->p;
    while (t->p < t->end && is_name(*t->p))
        t->p++;
    return sg_str_make(start, (size_t)(t->p - start));
}

/* [1 2 3], with or without commas; one number may do without brackets. */
static int number_list(struct sg__text *t, double *dst, size_t *ret_n, struct sg_error *reterr)
{
    *ret_n = 0;
    if (t->p == t->end || *t->p != '[') {
        *ret_n = 1;
        return sg__text_number(t, dst) ? 0 : sg__text_syntax(t, "\"[\"", reterr);
    }
    t->p++;
    for (sg__text_skip_space(t); t->p < t->end && *t->p != ']'; sg__text_skip_space(t)) {
        if (*ret_n == MAX_BUCKETS)
            return sg_error_set(reterr, SG_ELIMIT, "more than %d buckets", MAX_BUCKETS);
        if (!sg__text_number(t, &dst[(*ret_n)++]))
            return sg__text_syntax(t, "a number or \"]\"", reterr);
        if (t->p < t->end && *t->p == ',')
            t->p++;
    }
    if (t->p == t->end)
        return sg__text_syntax(t, "\"]\"", reterr);
    t->p++;
    return 0;
}

static int reset_hint(struct sg__text *t, uint8_t *ret, struct sg_error *reterr)
{
    static const char *const hints[] = {
        [SG_RESET_UNKNOWN] = "unknown",
        [SG_RESET_YES] = "reset",
        [SG_RESET_NO] = "not_reset",
        [SG_RESET_GAUGE] = "gauge",
    };
    struct sg_str hint = word(t);
    for (size_t i = 0; i < SG_ARRAY_LEN(hints); i++) {
        if (!sg_str_eq_c(hint, hints[i]))
            continue;
        *ret = (uint8_t)i;
        return 0;
    }
    return sg__text_syntax(t, "unknown, reset, not_reset or gauge", reterr);
}

static int read_field(struct sg__text *t, struct hist_text *h, struct sg_error *reterr)
{
    const struct {
        const char *name;
        double *to;
    } numbers[] = {{"schema", &h->schema},    {"sum", &h->sum},
                   {"count", &h->count},      {"z_bucket", &h->z_bucket},
                   {"offset", &h->offset},    {"z_bucket_w", &h->z_bucket_w},
                   {"n_offset", &h->n_offset}};
    struct sg__text start = *t;
    struct sg_str name = word(t);
    if (t->p == t->end || *t->p != ':')
        return sg__text_syntax(&start, "a histogram's field and \":\"", reterr);
    t->p++;
    if (sg_str_eq_c(name, "buckets"))
        return number_list(t, h->pos, &h->n_pos, reterr);
    if (sg_str_eq_c(name, "n_buckets"))
        return number_list(t, h->neg, &h->n_neg, reterr);
    if (sg_str_eq_c(name, "custom_values"))
        return number_list(t, h->custom, &h->n_custom, reterr);
    if (sg_str_eq_c(name, "counter_reset_hint"))
        return reset_hint(t, &h->hint, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(numbers); i++)
        if (sg_str_eq_c(name, numbers[i].name))
            return sg__text_number(t, numbers[i].to) ? 0 : sg__text_syntax(t, "a number", reterr);
    return sg__text_syntax(&start, "a histogram's field", reterr);
}

static bool is_whole(double v, double least, double most)
{
    return v >= least && v <= most && v == trunc(v);
}

static int make(const struct hist_text *h, const struct sg__text *t, struct sg_histogram **ret,
                struct sg_error *reterr)
{
    const double far = 1e9;
    if (!is_whole(h->schema, SG_HISTOGRAM_SCHEMA_CUSTOM, SG_HISTOGRAM_SCHEMA_MAX))
        return sg__text_syntax(t, "a schema from -53 to 8 before", reterr);
    if (!is_whole(h->offset, -far, far) || !is_whole(h->n_offset, -far, far))
        return sg__text_syntax(t, "whole numbers as offsets before", reterr);
    struct sg_histogram *r =
        sg_histogram_new((uint32_t)h->n_pos, (uint32_t)h->n_neg, (uint32_t)h->n_custom);
    r->schema = (int8_t)h->schema;
    r->reset_hint = h->hint;
    r->sum = h->sum;
    r->count = h->count;
    r->zero_count = h->z_bucket;
    r->zero_threshold = h->z_bucket_w;
    for (size_t i = 0; i < h->n_pos; i++)
        r->buckets[i] = (struct sg_bucket){(int32_t)h->offset + (int32_t)i, h->pos[i]};
    for (size_t i = 0; i < h->n_neg; i++)
        r->buckets[h->n_pos + i] = (struct sg_bucket){(int32_t)h->n_offset + (int32_t)i, h->neg[i]};
    if (h->n_custom)
        memcpy(r->buckets + h->n_pos + h->n_neg, h->custom, h->n_custom * sizeof(double));
    *ret = r;
    return 0;
}

int sg__text_histogram(struct sg__text *t, struct sg_histogram **ret, struct sg_error *reterr)
{
    struct hist_text h = {0};
    if (t->end - t->p < 2 || memcmp(t->p, "{{", 2) != 0)
        return sg__text_syntax(t, "\"{{\"", reterr);
    t->p += 2;
    for (sg__text_skip_space(t); t->p < t->end && *t->p != '}'; sg__text_skip_space(t)) {
        int rc = read_field(t, &h, reterr);
        if (rc < 0)
            return rc;
    }
    if (t->end - t->p < 2 || memcmp(t->p, "}}", 2) != 0)
        return sg__text_syntax(t, "\"}}\"", reterr);
    t->p += 2;
    return make(&h, t, ret, reterr);
}
