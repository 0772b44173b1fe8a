/* fuzz_statsd.c - StatsD datagrams: lines alone give what they give together, and what a body of
 * them gives. */
#include <ingest_fuzz.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_points(const struct sg_batch *b)
{
    for (uint32_t i = 0; i < b->n_points; i++) {
        const struct sg_point *p = &b->points[i];
        switch (p->op) {
        case SG_OP_COUNT:
            SG_ASSERT(isfinite(p->value) && p->value >= 0);
            break;
        case SG_OP_GAUGE_ADD:
        case SG_OP_OBSERVE:
            SG_ASSERT(isfinite(p->value));
            break;
        case SG_OP_WEIGHT:
            SG_ASSERT(p->value >= 1 && p->value <= 1e6 * (1 + 1e-9));
            SG_ASSERT(i + 1 < b->n_points && b->points[i + 1].op == SG_OP_OBSERVE);
            break;
        default:
            break;
        }
    }
}

static int submit(void *ctx, struct sg_batch *b)
{
    check_points(b);
    return ingest_sink_submit(ctx, b);
}

/* Free with sg_free. */
static char *datagrams(struct sg_str text, bool line_by_line, const struct sg_ingest_limits *l)
{
    struct ingest_bench t;
    struct sg_ingest_result r = {0};
    ingest_bench_init(&t, NULL);
    sg_batcher_free(t.batcher);
    struct sg_batcher_config config = {
        .submit = submit, .ctx = &t.sink, .source = &t.source, .gate = &t.gate, .limits = *l};
    t.batcher = sg_batcher_new(&config);
    t.sink.keep_metadata = false;
    while (text.n) {
        const char *nl = line_by_line ? memchr(text.p, '\n', text.n) : NULL;
        size_t n = nl ? (size_t)(nl - text.p) : text.n;
        char *copy = malloc(n ? n : 1);
        SG_ASSERT(copy);
        memcpy(copy, text.p, n);
        sg_statsd_parse(t.batcher, copy, n, INGEST_NOW, &r);
        free(copy);
        n += nl != NULL;
        text = sg_str_make(text.p + n, text.n - n);
    }
    (void)sg_batcher_flush(t.batcher);
    fuzz_check_labels(&t.sink, l);
    for (uint32_t i = 0; line_by_line && i < r.n_errors; i++)
        r.errors[i].line = 0;
    ingest_print_result(&r, &t.sink.out);
    (void)sg_buf_cstr(&t.sink.out);
    char *out = sg_buf_steal(&t.sink.out, NULL);
    ingest_bench_deinit(&t);
    return out;
}

/* Sets the line numbers of errors, in lines that begin with "! ", to 0. */
static void drop_lines(char *text)
{
    for (char *s = text; s; s = strchr(s, '\n')) {
        s += *s == '\n';
        if (strncmp(s, "! ", 2) != 0)
            continue;
        char *digits = s + 2, *colon = strchr(digits, ':');
        *digits = '0';
        memmove(digits + 1, colon, strlen(colon) + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sg_ingest_limits small = {
        .max_line = 40, .max_labels = 3, .max_name = 8, .max_value = 8};
    static const struct sg_ingest_limits normal = {.max_line = 0};
    if (size < 2)
        return 0;
    const struct sg_ingest_limits *l = data[0] & 1 ? &small : &normal;
    struct sg_str text = sg_str_make((const char *)data + 2, size - 2);
    static const struct sg_ingest_options o = {.format = SG_INGEST_STATSD, .now_ms = INGEST_NOW};
    char *whole = datagrams(text, false, l), *lines = datagrams(text, true, l);
    /* A body takes the long way through the grammar for every line. */
    char *body = fuzz_body(&o, l, text, data[1]);
    fuzz_check(strcmp(whole, body) == 0, "datagram and body differ", whole, body);
    drop_lines(whole);
    fuzz_check(strcmp(whole, lines) == 0, "lines differ", whole, lines);
    sg_free(whole);
    sg_free(lines);
    sg_free(body);
    return fuzz_format((struct sg_ingest_options){.format = SG_INGEST_STATSD}, data, size);
}
