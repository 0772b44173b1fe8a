/* remote_write_histogram.c - native histograms: spans and deltas to buckets.
 *
 * A span says how many buckets follow each other and how large the gap to the span before is; the
 * counts come in one row, as differences (integers) or as they are (floats). Spans and counts are
 * walked side by side in the message, so the result is the only allocation. The message's own size
 * bounds it: a bucket has its count on the wire.
 */
#include "remote_write.h"

enum {
    COUNT_INT = 1,
    COUNT_FLOAT = 2,
    SUM = 3,
    SCHEMA = 4,
    ZERO_THRESHOLD = 5,
    ZERO_INT = 6,
    ZERO_FLOAT = 7,
    NEGATIVE_SPANS = 8,
    NEGATIVE_DELTAS = 9,
    NEGATIVE_COUNTS = 10,
    POSITIVE_SPANS = 11,
    POSITIVE_DELTAS = 12,
    POSITIVE_COUNTS = 13,
    RESET_HINT = 14,
    TIME = 15,
    CUSTOM_VALUES = 16,
    SCHEMA_WIDEST = 52, /* finer ones than ours up to here are made coarser */
};

/* The message but for its buckets. */
struct head {
    struct sg__feed *f;
    bool is_float;
    uint64_t count, zero; /* integer, or the bits of a double */
    bool zero_float;
    uint64_t sum, threshold;
    int32_t schema;
    uint64_t reset_hint;
    int64_t time_ms;
    uint64_t n_negative, n_positive, n_custom; /* counts on the wire */
    uint64_t total;                            /* of integer buckets */
    unsigned shift;                            /* steps of resolution to give up */
};

static int malformed(struct sg__feed *f)
{
    return sg__fault_set(f, SG_ESYNTAX, NULL, "malformed histogram");
}

static double to_double(uint64_t v, bool is_bits)
{
    return is_bits ? sg_double_from_bits(v) : (double)v;
}

/* True when the field has the type it must have. */
static bool scalar(struct head *h, const struct sg__pb_field *f)
{
    bool is_varint = f->type == SG__PB_VARINT, is_fixed = f->type == SG__PB_FIXED64;
    switch (f->number) {
    case COUNT_INT:
    case COUNT_FLOAT:
        h->is_float = f->number == COUNT_FLOAT;
        h->count = f->value;
        return h->is_float ? is_fixed : is_varint;
    case SUM:
        h->sum = f->value;
        return is_fixed;
    case SCHEMA:
        h->schema = sg__pb_zigzag32(f->value);
        return is_varint;
    case ZERO_THRESHOLD:
        h->threshold = f->value;
        return is_fixed;
    case ZERO_INT:
    case ZERO_FLOAT:
        h->zero_float = f->number == ZERO_FLOAT;
        h->zero = f->value;
        return h->zero_float ? is_fixed : is_varint;
    case RESET_HINT:
        h->reset_hint = f->value;
        return is_varint;
    case TIME:
        h->time_ms = (int64_t)f->value;
        return is_varint;
    default:
        return true;
    }
}

/* Counts the elements of repeated fields of the kind the histogram turned out to have. */
static int count_buckets(struct head *h, struct sg__pb in)
{
    struct sg__pb_field f;
    uint32_t type = h->is_float ? SG__PB_FIXED64 : SG__PB_VARINT;
    while (sg__pb_next(&in, &f) > 0) {
        int r = 0;
        if (f.number == (h->is_float ? NEGATIVE_COUNTS : NEGATIVE_DELTAS))
            r = sg__pb_count(&f, type, &h->n_negative);
        else if (f.number == (h->is_float ? POSITIVE_COUNTS : POSITIVE_DELTAS))
            r = sg__pb_count(&f, type, &h->n_positive);
        else if (f.number == CUSTOM_VALUES)
            r = sg__pb_count(&f, SG__PB_FIXED64, &h->n_custom);
        if (r < 0)
            return malformed(h->f);
    }
    if (h->n_negative > SG__RW_MAX_BUCKETS || h->n_positive > SG__RW_MAX_BUCKETS ||
        h->n_custom > SG__RW_MAX_BUCKETS)
        return sg__fault_set(h->f, SG_EINVALID, NULL, "histogram of more than %d buckets",
                             SG__RW_MAX_BUCKETS);
    return 0;
}

static int read_head(struct head *h, struct sg__pb in)
{
    struct sg__pb message = in;
    struct sg__pb_field f;
    int r;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (!scalar(h, &f))
            return malformed(h->f);
    }
    if (r < 0)
        return malformed(h->f);
    if (h->schema > SG_HISTOGRAM_SCHEMA_MAX && h->schema <= SCHEMA_WIDEST) {
        h->shift = (unsigned)(h->schema - SG_HISTOGRAM_SCHEMA_MAX);
        h->schema = SG_HISTOGRAM_SCHEMA_MAX;
    }
    if (h->schema != SG_HISTOGRAM_SCHEMA_CUSTOM &&
        (h->schema < SG_HISTOGRAM_SCHEMA_MIN || h->schema > SG_HISTOGRAM_SCHEMA_MAX))
        return sg__fault_set(h->f, SG_EINVALID, NULL,
                             "histogram schema %d, expected -4 to 52 or -53", h->schema);
    return count_buckets(h, message);
}

/* ---- buckets ---- */

struct side {
    struct sg__pb spans; /* the message, as far as it is not read */
    struct sg__pb_list counts;
    uint32_t spans_field;
    struct sg_bucket *out;
    uint32_t n;
    int64_t last; /* integer count of the bucket before */
};

/* 1, 0 behind the last, or SG_ESYNTAX. */
static int next_span(struct side *s, int32_t *ret_offset, uint32_t *ret_length)
{
    struct sg__pb_field f, part;
    int r;
    while ((r = sg__pb_next(&s->spans, &f)) > 0) {
        if (f.number != s->spans_field)
            continue;
        if (f.type != SG__PB_BYTES)
            return SG_ESYNTAX;
        *ret_offset = 0;
        *ret_length = 0;
        while ((r = sg__pb_next(&f.bytes, &part)) > 0) {
            if (part.type != SG__PB_VARINT && part.number <= 2)
                return SG_ESYNTAX;
            if (part.number == 1)
                *ret_offset = sg__pb_zigzag32(part.value);
            else if (part.number == 2)
                *ret_length = (uint32_t)part.value;
        }
        return r < 0 ? r : 1;
    }
    return r;
}

static int bucket_count(struct head *h, struct side *s, uint64_t raw, double *ret)
{
    if (h->is_float) {
        *ret = sg_double_from_bits(raw);
        return 0;
    }
    if (__builtin_add_overflow(s->last, sg__pb_zigzag(raw), &s->last) || s->last < 0 ||
        __builtin_add_overflow(h->total, (uint64_t)s->last, &h->total))
        return sg__fault_set(h->f, SG_EINVALID, NULL,
                             "a histogram bucket counts less than 0 or too much");
    *ret = (double)s->last;
    return 0;
}

static int put_bucket(struct head *h, struct side *s, int64_t index, double count)
{
    if (h->shift)
        index = ((index - 1) >> h->shift) + 1;
    if (index < INT32_MIN || index > INT32_MAX)
        return sg__fault_set(h->f, SG_EINVALID, NULL, "histogram bucket %lld is out of range",
                             (long long)index);
    if (h->shift && s->n && s->out[s->n - 1].index == index)
        s->out[s->n - 1].count += count;
    else
        s->out[s->n++] = (struct sg_bucket){(int32_t)index, count};
    return 0;
}

/* Spans give at most the number of counts that were counted, so `out` has room. */
static int read_side(struct head *h, struct side *s)
{
    int32_t offset;
    uint32_t length;
    uint64_t raw;
    int64_t index = 0;
    double count;
    int r, rc = 0;
    for (bool first = true; (r = next_span(s, &offset, &length)) > 0; first = false) {
        if (!first && offset < 0)
            return sg__fault_set(h->f, SG_EINVALID, NULL, "histogram spans overlap, offset %d",
                                 offset);
        index += offset;
        for (uint32_t i = 0; i < length && rc == 0; i++, index++) {
            r = sg__pb_list_next(&s->counts, &raw);
            if (r < 0)
                return malformed(h->f);
            if (r == 0)
                return sg__fault_set(h->f, SG_EINVALID, NULL,
                                     "histogram spans have more buckets than there are counts");
            rc = bucket_count(h, s, raw, &count);
            if (rc == 0)
                rc = put_bucket(h, s, index, count);
        }
        if (rc < 0)
            return rc;
    }
    if (r < 0)
        return malformed(h->f);
    r = sg__pb_list_next(&s->counts, &raw);
    if (r < 0)
        return malformed(h->f);
    if (r > 0)
        return sg__fault_set(h->f, SG_EINVALID, NULL,
                             "histogram spans have fewer buckets than there are counts");
    return 0;
}

static int read_custom(struct head *h, struct sg__pb in, struct sg_histogram *out)
{
    struct sg__pb_list l = {.message = in, .number = CUSTOM_VALUES, .type = SG__PB_FIXED64};
    double *bounds = (double *)(void *)(out->buckets + out->n_positive + out->n_negative);
    uint64_t raw;
    for (uint32_t i = 0; i < out->n_custom; i++) {
        if (sg__pb_list_next(&l, &raw) <= 0)
            return malformed(h->f);
        bounds[i] = sg_double_from_bits(raw);
    }
    return 0;
}

/* Integer histograms: the count is that of the buckets, or more when there were NaN (then the sum
 * is NaN). Floats are not compared: rounding is no error. */
static int check_total(struct head *h, const struct sg_histogram *out)
{
    uint64_t total = h->total;
    if (h->is_float)
        return 0;
    bool over = h->zero_float || __builtin_add_overflow(total, h->zero, &total);
    bool has_nan = __builtin_isnan(out->sum);
    if (over || (has_nan ? total > h->count : total != h->count))
        return sg__fault_set(h->f, SG_EINVALID, NULL,
                             "histogram counts %llu observations, its buckets %llu",
                             (unsigned long long)h->count, (unsigned long long)total);
    return 0;
}

static int fill(struct head *h, struct sg__pb in, struct sg_histogram *out)
{
    struct side positive = {
        .spans = in,
        .spans_field = POSITIVE_SPANS,
        .counts = {.message = in,
                   .number = h->is_float ? POSITIVE_COUNTS : POSITIVE_DELTAS,
                   .type = h->is_float ? SG__PB_FIXED64 : SG__PB_VARINT},
        .out = out->buckets,
    };
    struct side negative = positive;
    int r = read_side(h, &positive);
    if (r < 0)
        return r;
    negative.spans_field = NEGATIVE_SPANS;
    negative.counts.number = h->is_float ? NEGATIVE_COUNTS : NEGATIVE_DELTAS;
    negative.out = out->buckets + positive.n;
    r = read_side(h, &negative);
    if (r < 0)
        return r;
    out->n_positive = positive.n;
    out->n_negative = negative.n;
    out->schema = (int8_t)h->schema;
    out->reset_hint = h->reset_hint <= SG_RESET_GAUGE ? (uint8_t)h->reset_hint : SG_RESET_UNKNOWN;
    out->zero_threshold = sg_double_from_bits(h->threshold);
    out->zero_count = to_double(h->zero, h->zero_float);
    out->count = to_double(h->count, h->is_float);
    out->sum = sg_double_from_bits(h->sum);
    r = read_custom(h, in, out);
    return r < 0 ? r : check_total(h, out);
}

int sg__rw_histogram(struct sg__feed *f, struct sg__pb in, struct sg_histogram **ret,
                     int64_t *ret_time_ms)
{
    struct head h = {.f = f};
    struct sg_error err = {0};
    int r = read_head(&h, in);
    if (r < 0)
        return r;
    *ret_time_ms = h.time_ms;
    *ret = NULL;
    if (h.sum == SG_STALE_BITS)
        return 0;
    struct sg_histogram *out =
        sg_histogram_new((uint32_t)h.n_positive, (uint32_t)h.n_negative, (uint32_t)h.n_custom);
    if (!out)
        return sg__fault_set(f, SG_ENOMEM, NULL, "no memory for a histogram");
    r = fill(&h, in, out);
    if (r == 0 && sg_histogram_validate(out, &err) < 0)
        r = sg__fault_set(f, SG_EINVALID, NULL, "%s", err.text);
    if (r < 0) {
        sg_histogram_unref(out);
        return r;
    }
    *ret = out;
    return 0;
}
