/* fuzz_remote_write.c - remote write: whatever the body, counts add up, labels are clean, memory is
 * bounded; and the second time a message gives what it gave the first time.
 *
 * The first byte chooses version, limits and form: a body as sent, or a message to be compressed
 * here, so that the search is not stopped by snappy's length.
 */
#include <ingest_fuzz.h>
#include <pb_write.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sg_ingest_limits all[] = {
    {0},
    {.max_labels = 3, .max_name = 12, .max_value = 12},
    {.max_labels = 5, .max_name = 30, .max_value = 20, .max_future_ms = -1},
};

static void check_result(const struct ingest_bench *t, const struct sg_remote_write_result *r,
                         size_t n)
{
    int status = sg_remote_write_status(r);
    SG_ASSERT(status == 204 || status == 400 || status == 413);
    SG_ASSERT((status == 204) == (r->ingest.n_errors == 0));
    SG_ASSERT(r->samples + r->histograms == r->ingest.accepted);
    SG_ASSERT(r->code == 0 || r->ingest.accepted + r->exemplars == 0);
    SG_ASSERT(r->ingest.dropped == 0 && r->ingest.n_errors <= SG_INGEST_MAX_ERRORS);
    SG_ASSERT((r->ingest.rejected > 0) == (r->ingest.n_errors > 0));
    for (uint32_t i = 0; i < r->ingest.n_errors; i++)
        SG_ASSERT(r->ingest.errors[i].text[0]);
    SG_ASSERT(atomic_load(&t->source.samples) >= r->ingest.accepted);
    SG_ASSERT(atomic_load(&t->source.bytes) % n == 0);
}

static void check_reply(const struct sg_remote_write_result *r)
{
    struct sg_buf out;
    sg_buf_init(&out, 1 << 20);
    sg_remote_write_print(r, &out);
    SG_ASSERT(!out.failed && sg_utf8_valid(out.data, out.len) && !memchr(out.data, '\n', out.len));
    sg_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct sg_ingest_limits *limits = &all[data[0] >> 2 & 3 ? (data[0] >> 2 & 3) - 1 : 0];
    struct sg_remote_write_options o = {.now_ms = INGEST_NOW, .max_message = 1 << 20};
    struct sg_remote_write_result first, second;
    struct ingest_bench t;
    struct guard g;
    size_t n = size - 1;
    char *body;
    o.version = data[0] & 1 ? SG_REMOTE_WRITE_2 : SG_REMOTE_WRITE_1;
    if (data[0] & 2) {
        body = guard_put(&g, data + 1, n);
    } else {
        struct pb message;
        pb_init(&message);
        (void)sg_buf_append(&message.out, data + 1, n);
        body = pb_snappy(&message, &g, &n);
        pb_deinit(&message);
    }
    ingest_bench_init(&t, limits);
    t.sink.keep_metadata = false;
    sg_remote_write(t.batcher, &o, body, n, &first);
    check_result(&t, &first, n);
    size_t text_n;
    char *text = sg_buf_steal(&t.sink.out, &text_n);
    sg_remote_write(t.batcher, &o, body, n, &second);
    check_result(&t, &second, n);
    fuzz_check(memcmp(&first, &second, sizeof(first)) == 0, "results differ", "", "");
    struct sg_str again = sg_buf_str(&t.sink.out);
    SG_ASSERT(again.n == text_n && (text_n == 0 || memcmp(text, again.p, text_n) == 0));
    fuzz_check_labels(&t.sink, limits);
    check_reply(&first);
    sg_free(text);
    guard_free(&g);
    ingest_bench_deinit(&t);
    return 0;
}
