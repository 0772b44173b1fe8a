/* fuzz_template.c - any bytes as a template: refused with a place, or expanded the same way twice,
 * within its bounds, with the same result whatever the value when it does not depend on it. */
#include <stdint.h>
#include <string.h>

#include <streamgauge/template.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct sg_error *err, size_t size)
{
    SG_ASSERT(err->code == SG_ESYNTAX || err->code == SG_EUNSUPPORTED || err->code == SG_ELIMIT);
    SG_ASSERT(err->code == SG_ELIMIT || (err->line >= 1 && err->column >= 1));
    SG_ASSERT(err->pos <= err->end && err->end <= size + 1);
    SG_ASSERT(err->text[0]);
}

static int query(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                 struct sg_error *reterr)
{
    (void)ctx;
    (void)time_ms;
    (void)ret;
    return sg_error_set(reterr, SG_EEXECUTION, "no data for %.*s",
                        (int)(expr.n < 100 ? expr.n : 100), expr.p);
}

static const struct sg_labels *labels(void)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    sg_labels_builder_set(&b, SG_STR("instance"), SG_STR("web-1.example.com:9100"));
    sg_labels_builder_set(&b, SG_STR("job"), SG_STR("api"));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static int expand(const struct sg_template *t, const struct sg_template_data *d, struct sg_buf *out)
{
    struct sg_error err = {0};
    sg_buf_init(out, 1 << 20);
    int rc = sg_template_expand(t, d, out, &err);
    SG_ASSERT(rc == 0 || (rc == SG_EEXECUTION && err.text[0]));
    SG_ASSERT(out->len <= 65536 && !out->failed);
    return rc;
}

static void check(const struct sg_template *t, const struct sg_template_data *d, double other)
{
    struct sg_buf first, second;
    struct sg_template_data changed = *d;
    if (!sg_template_depends_on_value(t))
        changed.value = other;
    int rc = expand(t, d, &first);
    SG_ASSERT(expand(t, &changed, &second) == rc);
    SG_ASSERT(sg_str_eq(sg_buf_str(&first), sg_buf_str(&second)));
    sg_buf_deinit(&first);
    sg_buf_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char json[] =
        "{\"status\":\"firing\",\"commonLabels\":{\"job\":\"api\",\"a\":\"b\"},\"alerts\":[{"
        "\"status\":"
        "\"firing\",\"labels\":{\"i\":\"1\"},\"annotations\":{},\"startsAt\":"
        "\"2026-11-22T08:00:00Z\",\"value\":1.5},{\"status\":\"resolved\",\"labels\":{}}]}";
    struct sg_template *t = NULL;
    struct sg_error err = {0};
    struct sg_str text = sg_str_make((const char *)data, size);
    int rc = sg_template_parse(text, &t, &err);
    SG_ASSERT(rc < 0 || t || !memmem(data, size, "{{", 2));
    if (rc < 0)
        check_error(&err, size);
    if (!t)
        return 0;
    const struct sg_labels *l = labels();
    struct sg_template_data d = {.labels = l,
                                 .external_labels = l,
                                 .value = 1234.5,
                                 .external_url = SG_STR("http://localhost:8420/x"),
                                 .time_ms = 1764000000123,
                                 .query = query};
    check(t, &d, -1);
    d.json = sg_str_make(json, sizeof(json) - 1);
    check(t, &d, -1);
    sg_template_free(t);
    sg_labels_unref(l);
    return 0;
}
