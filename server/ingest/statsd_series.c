/* statsd_series.c - names and tags of a StatsD series seen for the first time, as statsd_exporter
 * makes them. */
#include "statsd.h"

static const enum sg_metric_type metric_types[SG__STATSD_TYPES] = {
    [SG__STATSD_COUNTER] = SG_METRIC_COUNTER,        [SG__STATSD_GAUGE] = SG_METRIC_GAUGE,
    [SG__STATSD_TIMER] = SG_METRIC_HISTOGRAM,        [SG__STATSD_HISTOGRAM] = SG_METRIC_HISTOGRAM,
    [SG__STATSD_DISTRIBUTION] = SG_METRIC_HISTOGRAM, [SG__STATSD_SET] = SG_METRIC_GAUGE,
};

struct sg_hash128 sg__statsd_key(const struct sg__feed *f, const struct sg__statsd_sample *s)
{
    struct sg_hash128 h = sg_hash128(s->name.p, s->name.n);
    if (s->tags.n)
        h = sg__key_join(h, sg_hash128(s->tags.p, s->tags.n));
    h.hi += (uint64_t)s->type;
    return sg__key(h, f->salt);
}

/* One k<sep>v. An empty key or value is no label: it is counted and left out. */
static int add_tag(struct sg__feed *f, struct sg_str tag, char sep)
{
    struct sg_str value = tag;
    struct sg_str key = sg_str_split(&value, sep);
    if (!key.n || !value.p || !value.n) {
        f->result->ignored++;
        return 0;
    }
    sg_buf_reset(&f->b->scratch);
    if (key.n > f->b->config.limits.max_name)
        return sg__fault_set(f, SG_EINVALID, key.p,
                             "tag '%.*s...' is %zu bytes long, limits.label_length is %u",
                             SG__TOKEN(key.p, key.n), key.n, f->b->config.limits.max_name);
    if (sg_buf_reserve(&f->b->scratch, key.n + 1) < 0)
        return sg__fault_set(f, SG_EINVALID, key.p, "tag is too long");
    size_t n = sg__sanitize(key.p, key.n, true, f->b->scratch.data);
    struct sg_str name = sg_str_make(f->b->scratch.data, n);
    if (sg_str_eq(name, SG_METRIC_NAME)) {
        f->result->ignored++;
        return 0;
    }
    return sg__feed_label(f, name, value, key.p);
}

static int add_tags(struct sg__feed *f, struct sg_str tags, char sep)
{
    while (tags.p && tags.n) {
        struct sg_str tag = sg_str_split(&tags, ',');
        if (sep == ':' && tag.n && *tag.p == '#')
            tag = sg_str_make(tag.p + 1, tag.n - 1);
        int r = add_tag(f, tag, sep);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Splits name tags off: name,k=v (Influx), name#k=v (Librato), pre[k=v]post (SignalFx). *ret_post
 * is the part behind. */
static struct sg_str split_name(struct sg_str name, struct sg_str *ret_tags,
                                struct sg_str *ret_post)
{
    *ret_tags = *ret_post = SG_STR("");
    const char *open = memchr(name.p, '[', name.n), *close = memchr(name.p, ']', name.n);
    const char *end = name.p + name.n;
    if (open && close && open < close) {
        *ret_tags = sg_str_make(open + 1, (size_t)(close - open - 1));
        *ret_post = sg_str_make(close + 1, (size_t)(end - close - 1));
        return sg_str_make(name.p, (size_t)(open - name.p));
    }
    for (const char *c = name.p; c < end; c++) {
        if (*c == ',' || *c == '#') {
            *ret_tags = sg_str_make(c + 1, (size_t)(end - c - 1));
            return sg_str_make(name.p, (size_t)(c - name.p));
        }
    }
    return name;
}

static int add_name(struct sg__feed *f, struct sg_str raw)
{
    struct sg_str tags, post;
    struct sg_str name = split_name(raw, &tags, &post);
    struct sg_buf *out = &f->b->scratch;
    if (!name.n && !post.n)
        return sg__fault_set(f, SG_EINVALID, raw.p, "empty metric name");
    if (name.n + post.n > f->b->config.limits.max_name)
        return sg__fault_set(
            f, SG_EINVALID, raw.p, "name '%.*s...' is %zu bytes long, limits.label_length is %u",
            SG__TOKEN(name.p, name.n), name.n + post.n, f->b->config.limits.max_name);
    sg_buf_reset(out);
    if (sg_buf_put_str(out, name) < 0 || sg_buf_put_str(out, post) < 0 ||
        sg_buf_reserve(out, name.n + post.n + 1) < 0)
        return sg__fault_set(f, SG_EINVALID, raw.p, "name is too long");
    char *clean = out->data + out->len;
    size_t n = sg__sanitize(out->data, out->len, true, clean);
    int r = sg__feed_label(f, SG_METRIC_NAME, sg_str_make(clean, n), raw.p);
    return r < 0 ? r : add_tags(f, tags, '=');
}

static int make_labels(struct sg__feed *f, const struct sg__statsd_sample *s,
                       struct sg_labels_builder *l)
{
    sg_labels_builder_reset(l);
    int r = sg__feed_utf8(f, s->name.p, s->name.n);
    if (r == 0)
        r = sg__feed_utf8(f, s->tags.p, s->tags.n);
    if (r == 0)
        r = add_name(f, s->name);
    if (r == 0 && l->count > 1 && s->tags.n)
        r = sg__fault_set(f, SG_EINVALID, s->tags.p, "tags both in the name and behind '|#'");
    if (r == 0)
        r = add_tags(f, s->tags, ':');
    return r;
}

int sg__statsd_birth(struct sg__feed *f, struct sg_hash128 key, const struct sg__statsd_sample *s,
                     uint32_t *ret_series)
{
    struct sg_labels_builder *l = &f->b->builder;
    struct sg_str none = {NULL, 0};
    uint64_t ignored = f->result->ignored;
    int r = make_labels(f, s, l);
    if (r == 0) {
        sg_batcher_describe(f->b, sg_labels_builder_get(l, SG_METRIC_NAME), metric_types[s->type],
                            none, none);
        r = sg__feed_birth(f, key, s->name.p, true, ret_series);
    }
    if (r < 0)
        f->result->ignored = ignored; /* all of the sample is rejected, however often it is tried */
    return r;
}
