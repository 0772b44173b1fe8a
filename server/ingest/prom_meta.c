/* prom_meta.c - # HELP, # TYPE and # UNIT: collected per family, told to the engine once. */
#include "parser.h"
#include "scan.h"

static const struct {
    const char *name;
    enum sg_metric_type type;
} types[] = {
    {"counter", SG_METRIC_COUNTER},
    {"gauge", SG_METRIC_GAUGE},
    {"histogram", SG_METRIC_HISTOGRAM},
    {"summary", SG_METRIC_SUMMARY},
    {"untyped", SG_METRIC_UNKNOWN},
    {"unknown", SG_METRIC_UNKNOWN},
    {"info", SG_METRIC_INFO},
    {"stateset", SG_METRIC_STATESET},
    {"gaugehistogram", SG_METRIC_GAUGE_HISTOGRAM},
    {"gauge_histogram", SG_METRIC_GAUGE_HISTOGRAM}, /* in text of Go's library */
};

void sg__prom_describe(struct sg_ingest_parser *p)
{
    struct sg__prom *m = &p->prom;
    if (!m->described)
        return;
    struct sg_str none = {NULL, 0};
    sg_batcher_describe(p->f.b, sg_buf_str(&m->family), m->type,
                        m->help.len ? sg_buf_str(&m->help) : none,
                        m->unit.len ? sg_buf_str(&m->unit) : none);
    m->described = false;
}

static int start_family(struct sg_ingest_parser *p, struct sg_str name, const char *at)
{
    struct sg__prom *m = &p->prom;
    if (m->described && sg_str_eq(sg_buf_str(&m->family), name))
        return 0;
    sg__prom_describe(p);
    sg_buf_reset(&m->family);
    sg_buf_reset(&m->help);
    sg_buf_reset(&m->unit);
    m->type = SG_METRIC_UNKNOWN;
    if (sg_buf_put_str(&m->family, name) < 0)
        return sg__fault_set(&p->f, SG_EINVALID, at,
                             "name '%.*s...' is %zu bytes long, limits.label_length is %u",
                             SG__TOKEN(name.p, name.n), name.n, p->f.b->config.limits.max_name);
    m->described = true;
    return 0;
}

/* The family's name, bare or quoted, and what follows it. */
static int family_name(struct sg_ingest_parser *p, const char **ps, const char *end,
                       struct sg_str *ret)
{
    const char *s = *ps, *e = s;
    if (*s == '"') {
        sg_buf_reset(&p->f.b->scratch);
        int r = sg__prom_quoted(&p->f, &e, end, ret);
        if (r < 0)
            return r;
    } else {
        while (e < end && !sg__is_blank(*e))
            e++;
        *ret = sg_str_make(s, (size_t)(e - s));
    }
    if (!ret->n)
        return sg__fault_set(&p->f, SG_ESYNTAX, s, "expected a metric name");
    *ps = sg__skip_blanks(e, end);
    return sg__feed_utf8(&p->f, s, (size_t)(e - s));
}

static int set_type(struct sg_ingest_parser *p, struct sg_str text)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(types); i++) {
        if (sg_str_eq_c(text, types[i].name)) {
            p->prom.type = types[i].type;
            return 0;
        }
    }
    return sg__fault_set(&p->f, SG_EINVALID, text.p,
                         "type '%.*s', expected counter, gauge, histogram, summary or untyped",
                         SG__TOKEN(text.p, text.n));
}

static int set_help(struct sg_ingest_parser *p, struct sg_str text)
{
    struct sg_buf *out = &p->prom.help;
    int r = sg__feed_utf8(&p->f, text.p, text.n);
    if (r < 0)
        return r;
    sg_buf_reset(out);
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i], next = i + 1 < text.n ? text.p[i + 1] : '\0';
        if (c == '\\' && (next == '\\' || next == 'n' || (next == '"' && p->prom.openmetrics))) {
            c = next == 'n' ? '\n' : next;
            i++;
        }
        (void)sg_buf_putc(out, c);
    }
    if (!out->failed)
        return 0;
    sg_buf_reset(out);
    return sg__fault_set(&p->f, SG_EINVALID, text.p,
                         "help text is %zu bytes long, limits.label_length is %u", text.n,
                         p->f.b->config.limits.max_value);
}

static int set_unit(struct sg_ingest_parser *p, struct sg_str text)
{
    int r = sg__feed_utf8(&p->f, text.p, text.n);
    if (r < 0)
        return r;
    sg_buf_reset(&p->prom.unit);
    if (sg_buf_put_str(&p->prom.unit, text) == 0)
        return 0;
    sg_buf_reset(&p->prom.unit);
    return sg__fault_set(&p->f, SG_EINVALID, text.p, "unit is too long, limits.label_length");
}

int sg__prom_comment(struct sg_ingest_parser *p, const char *s, const char *end)
{
    const char *word = sg__skip_blanks(s + 1, end), *e = word;
    while (e < end && !sg__is_blank(*e))
        e++;
    struct sg_str keyword = sg_str_make(word, (size_t)(e - word)), name = {e, 0};
    if (p->prom.openmetrics && sg_str_eq_c(keyword, "EOF")) {
        p->prom.eof = true;
        return 0;
    }
    bool is_help = sg_str_eq_c(keyword, "HELP"), is_type = sg_str_eq_c(keyword, "TYPE");
    bool is_unit = sg_str_eq_c(keyword, "UNIT");
    const char *at = e = sg__skip_blanks(e, end);
    if ((!is_help && !is_type && !is_unit) || at == end)
        return 0; /* just a comment */
    int r = family_name(p, &e, end, &name);
    if (r == 0)
        r = start_family(p, name, at);
    if (r < 0)
        return r;
    struct sg_str text = sg_str_make(e, (size_t)(end - e));
    if (is_help)
        return set_help(p, text);
    text = sg_str_trim(text);
    return is_type ? set_type(p, text) : set_unit(p, text);
}
