/* remote_write_meta.c - type, help and unit of families: messages of their own in 1.0, part of
 * every series in 2.0. */
#include "remote_write.h"

enum { V1_TYPE = 1, V1_FAMILY = 2, V1_HELP = 4, V1_UNIT = 5 };
enum { V2_TYPE = 1, V2_HELP = 3, V2_UNIT = 4 };

struct meta {
    enum sg_metric_type type;
    struct sg_str family, help, unit;
};

static enum sg_metric_type type_of(uint64_t v)
{
    static const enum sg_metric_type types[] = {
        SG_METRIC_UNKNOWN,         SG_METRIC_COUNTER, SG_METRIC_GAUGE, SG_METRIC_HISTOGRAM,
        SG_METRIC_GAUGE_HISTOGRAM, SG_METRIC_SUMMARY, SG_METRIC_INFO,  SG_METRIC_STATESET};
    return v < SG_ARRAY_LEN(types) ? types[v] : SG_METRIC_UNKNOWN;
}

static int check(struct sg__rw *rw, const struct meta *m)
{
    const struct sg_ingest_limits *l = &rw->f.b->config.limits;
    const struct {
        const char *what;
        struct sg_str text;
        uint32_t max;
    } parts[] = {{"family name", m->family, l->max_name},
                 {"help", m->help, l->max_value},
                 {"unit", m->unit, l->max_name}};
    if (!m->family.n)
        return sg__fault_set(&rw->f, SG_EINVALID, NULL, "metadata without a family name");
    for (size_t i = 0; i < SG_ARRAY_LEN(parts); i++) {
        struct sg_str t = parts[i].text;
        if (!sg_utf8_valid(t.p, t.n) || (t.n && memchr(t.p, '\0', t.n)))
            return sg__fault_set(&rw->f, SG_EINVALID, NULL, "metadata of '%.*s': %s is not text",
                                 SG__TOKEN(m->family.p, m->family.n), parts[i].what);
        if (t.n > parts[i].max)
            return sg__fault_set(
                &rw->f, SG_EINVALID, NULL, "metadata of '%.*s': %s has %zu bytes, limit %u",
                SG__TOKEN(m->family.p, m->family.n), parts[i].what, t.n, parts[i].max);
    }
    return 0;
}

static int describe(struct sg__rw *rw, const struct meta *m)
{
    if (check(rw, m) < 0) {
        sg__rw_reject(rw, NULL, 1);
        return 0;
    }
    sg_batcher_describe(rw->f.b, m->family, m->type, m->help, m->unit);
    return sg__rw_settle(rw);
}

int sg__rw_metadata(struct sg__rw *rw, struct sg__pb in)
{
    struct meta m = {SG_METRIC_UNKNOWN, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct sg__pb_field f;
    int r;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (f.number == V1_TYPE && f.type == SG__PB_VARINT)
            m.type = type_of(f.value);
        else if (f.type != SG__PB_BYTES)
            continue;
        else if (f.number == V1_FAMILY)
            m.family = sg__pb_str(f.bytes);
        else if (f.number == V1_HELP)
            m.help = sg__pb_str(f.bytes);
        else if (f.number == V1_UNIT)
            m.unit = sg__pb_str(f.bytes);
    }
    if (r < 0) {
        (void)sg__fault_set(&rw->f, SG_ESYNTAX, NULL, "malformed metadata");
        sg__rw_reject(rw, NULL, 1);
        return 0;
    }
    return describe(rw, &m);
}

/* ---- 2.0 ---- */

/* Symbol of the metric name; the series was accepted, so it has one. */
static uint32_t name_of(const struct sg__rw *rw, const struct sg__rw_series *s)
{
    for (uint32_t i = 0; i + 1 < s->n_refs; i += 2) {
        if (sg_str_eq(sg__rw_symbol(rw, rw->refs[i]), SG_METRIC_NAME))
            return rw->refs[i + 1];
    }
    return 0;
}

/* Classic histograms and summaries are several series of one family. */
static struct sg_str family_of(struct sg_str name, const struct sg__rw_series *s,
                               enum sg_metric_type type)
{
    static const char *const suffixes[] = {"_sum", "_count", "_bucket"};
    bool classic = type == SG_METRIC_HISTOGRAM || type == SG_METRIC_GAUGE_HISTOGRAM ||
                   type == SG_METRIC_SUMMARY;
    if (!classic || s->histograms)
        return name;
    for (size_t i = 0; i < SG_ARRAY_LEN(suffixes); i++) {
        size_t n = strlen(suffixes[i]);
        if (name.n > n && memcmp(name.p + name.n - n, suffixes[i], n) == 0)
            return sg_str_make(name.p, name.n - n);
    }
    return name;
}

static int read_v2(struct sg__pb in, struct sg__rw_meta *m)
{
    struct sg__pb_field f;
    int r;
    while ((r = sg__pb_next(&in, &f)) > 0) {
        if (f.type != SG__PB_VARINT)
            continue;
        uint32_t v = f.value > UINT32_MAX ? UINT32_MAX : (uint32_t)f.value;
        if (f.number == V2_TYPE)
            m->type = (uint32_t)type_of(v) + 1;
        else if (f.number == V2_HELP)
            m->help = v;
        else if (f.number == V2_UNIT)
            m->unit = v;
    }
    return r;
}

int sg__rw_series_metadata(struct sg__rw *rw, const struct sg__rw_series *s)
{
    struct sg__rw_meta m = {.type = SG_METRIC_UNKNOWN + 1};
    if (read_v2(s->meta, &m) < 0 || (m.help && m.help >= rw->n_symbols) ||
        (m.unit && m.unit >= rw->n_symbols)) {
        (void)sg__fault_set(&rw->f, SG_EINVALID, NULL, "malformed metadata");
        sg__rw_reject(rw, s, 1);
        return 0;
    }
    if (m.type == SG_METRIC_UNKNOWN + 1 && !m.help && !m.unit)
        return 0;
    m.name = name_of(rw, s);
    /* Most series of a request share a few families, and most were described before. */
    uint64_t at = sg_hash_mix((uint64_t)m.name << 32 ^ (uint64_t)m.help << 8 ^ m.unit ^ m.type);
    struct sg__rw_meta *seen = &rw->seen[at % SG__RW_SEEN];
    if (memcmp(seen, &m, sizeof(m)) == 0)
        return 0;
    *seen = m;
    enum sg_metric_type type = (enum sg_metric_type)(m.type - 1);
    struct sg_str none = {NULL, 0};
    struct meta text = {type, family_of(sg__rw_symbol(rw, m.name), s, type),
                        m.help ? sg__rw_symbol(rw, m.help) : none,
                        m.unit ? sg__rw_symbol(rw, m.unit) : none};
    return describe(rw, &text);
}
