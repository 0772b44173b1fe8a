/* result.c - what became of a body, for the reply. */
#include <streamgauge/ingest.h>

int sg_ingest_http_status(const struct sg_ingest_result *r)
{
    if (r->dropped || r->series_full)
        return 429;
    return r->rejected ? 400 : 204;
}

static void print_error(const struct sg_ingest_line_error *e, struct sg_buf *out)
{
    (void)sg_buf_puts(out, "{\"line\":");
    (void)sg_buf_put_u64(out, e->line);
    (void)sg_buf_puts(out, ",\"column\":");
    (void)sg_buf_put_u64(out, e->column);
    (void)sg_buf_puts(out, ",\"error\":");
    (void)sg_buf_put_json_str(out, sg_str_from(e->text));
    (void)sg_buf_putc(out, '}');
}

static void print_number(struct sg_buf *out, const char *key, uint64_t v)
{
    (void)sg_buf_puts(out, key);
    (void)sg_buf_put_u64(out, v);
}

void sg_ingest_result_print(const struct sg_ingest_result *r, struct sg_buf *out)
{
    (void)sg_buf_puts(out, "{\"error\":");
    if (r->n_errors) {
        (void)sg_buf_put_json_str(out, sg_str_from(r->errors[0].text));
        print_number(out, ",\"line\":", r->errors[0].line);
        print_number(out, ",\"column\":", r->errors[0].column);
    } else if (r->dropped) {
        (void)sg_buf_puts(out, "\"the queue of samples is full, send the dropped ones again\"");
    } else {
        (void)sg_buf_puts(out, "null");
    }
    print_number(out, ",\"accepted\":", r->accepted);
    print_number(out, ",\"rejected\":", r->rejected);
    print_number(out, ",\"dropped\":", r->dropped);
    (void)sg_buf_puts(out, ",\"errors\":[");
    for (uint32_t i = 0; i < r->n_errors; i++) {
        if (i)
            (void)sg_buf_putc(out, ',');
        print_error(&r->errors[i], out);
    }
    (void)sg_buf_puts(out, "]}");
}
