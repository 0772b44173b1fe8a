/* remote_write_reply.c - around the decoder: which message it is, and what became of it. */
#include <streamgauge/ingest.h>

int sg_remote_write_detect(struct sg_str content_type, enum sg_remote_write_version *ret,
                           struct sg_error *reterr)
{
    struct sg_str rest = content_type;
    struct sg_str type = sg_str_trim(sg_str_split(&rest, ';'));
    enum sg_remote_write_version version = SG_REMOTE_WRITE_1;
    if (type.n && !sg_str_ieq(type, SG_STR("application/x-protobuf")))
        return sg_error_set(reterr, SG_EUNSUPPORTED,
                            "content type '%.*s' is not supported, expected application/x-protobuf",
                            (int)(type.n < 60 ? type.n : 60), type.p);
    while (rest.p) {
        struct sg_str value = sg_str_split(&rest, ';');
        struct sg_str name = sg_str_trim(sg_str_split(&value, '='));
        value = value.p ? sg_str_trim(value) : SG_STR("");
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = sg_str_make(value.p + 1, value.n - 2);
        if (!sg_str_ieq(name, SG_STR("proto")))
            continue;
        if (sg_str_eq_c(value, "io.prometheus.write.v2.Request"))
            version = SG_REMOTE_WRITE_2;
        else if (sg_str_eq_c(value, "prometheus.WriteRequest"))
            version = SG_REMOTE_WRITE_1;
        else
            return sg_error_set(reterr, SG_EUNSUPPORTED,
                                "message '%.*s' is not supported, expected prometheus.WriteRequest "
                                "or io.prometheus.write.v2.Request",
                                (int)(value.n < 60 ? value.n : 60), value.p);
    }
    *ret = version;
    return 0;
}

int sg_remote_write_status(const struct sg_remote_write_result *r)
{
    if (r->code < 0)
        return r->code == SG_ELIMIT ? 413 : r->code == SG_ENOMEM ? 503 : 400;
    if (r->ingest.dropped)
        return 503;
    if (r->ingest.series_full)
        return 429;
    return r->ingest.rejected ? 400 : 204;
}

static void number(struct sg_buf *out, const char *key, uint64_t v)
{
    (void)sg_buf_puts(out, key);
    (void)sg_buf_put_u64(out, v);
}

static void print_error(const struct sg_ingest_line_error *e, struct sg_buf *out)
{
    number(out, "{\"series\":", e->line);
    (void)sg_buf_puts(out, ",\"error\":");
    (void)sg_buf_put_json_str(out, sg_str_from(e->text));
    (void)sg_buf_putc(out, '}');
}

void sg_remote_write_print(const struct sg_remote_write_result *r, struct sg_buf *out)
{
    const struct sg_ingest_result *g = &r->ingest;
    (void)sg_buf_puts(out, "{\"error\":");
    if (g->n_errors) {
        (void)sg_buf_put_json_str(out, sg_str_from(g->errors[0].text));
        number(out, ",\"series\":", g->errors[0].line);
    } else if (g->dropped) {
        (void)sg_buf_puts(out, "\"the queue of samples is full, send the request again\"");
    } else {
        (void)sg_buf_puts(out, "null");
    }
    number(out, ",\"samples\":", r->samples);
    number(out, ",\"histograms\":", r->histograms);
    number(out, ",\"exemplars\":", r->exemplars);
    number(out, ",\"rejected\":", g->rejected);
    number(out, ",\"dropped\":", g->dropped);
    (void)sg_buf_puts(out, ",\"errors\":[");
    for (uint32_t i = 0; i < g->n_errors; i++) {
        if (i)
            (void)sg_buf_putc(out, ',');
        print_error(&g->errors[i], out);
    }
    (void)sg_buf_puts(out, "]}");
}
