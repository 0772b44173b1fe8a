/* fuzz_template.c - any bytes as a template: refused with a place, or expanded the same way twice,
 * within its bounds, with the same result whatever the value when it does not depend on it. And as
 * a file of definitions: what is there by itself may be called by a text, and gives what it gives.
 */
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
    SG_ASSERT(out->len <= (d->json.n ? 262144 : 65536) && !out->failed);
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

/* What a text makes of the built-in definitions is the same in a set that has the text's own. */
static void check_set(struct sg_str text, const struct sg_template_data *d)
{
    static const char calls[] = "{{ template \"__subject\" . }}{{ template \"t\" .Status }}";
    struct sg_template_set *set = sg_template_set_new();
    struct sg_error err = {0};
    struct sg_template *t = NULL;
    int rc = sg_template_set_add(set, "own", SG_STR("{{ define `t` }}t{{ end }}"), &err);
    SG_ASSERT(rc == 0);
    rc = sg_template_set_add(set, "file", text, &err);
    SG_ASSERT(rc == 0 || err.code != SG_OK);
    SG_ASSERT(rc == 0 || rc == SG_ELIMIT || (strcmp(err.source, "file") == 0 && err.line));
    err = (struct sg_error){0};
    if (rc == 0 && sg_template_parse_in(sg_str_from(calls), set, &t, &err) == 0)
        check(t, d, -1);
    else if (rc == 0)
        SG_ASSERT(strncmp(err.text, "file:", 5) == 0 && err.line == 1 && err.column);
    sg_template_set_unref(set);
    sg_template_free(t);
}

static void check_builtin(struct sg_str text, const struct sg_template_data *d)
{
    static struct sg_template_set *builtin;
    struct sg_template *t;
    if (!builtin)
        builtin = sg_template_set_new();
    if (sg_template_parse_in(text, builtin, &t, NULL) == 0 && t)
        check(t, d, -1);
    sg_template_free(t);
}

static int utc_offset(void *ctx, struct sg_str zone, int64_t time_ms, int32_t *ret_s)
{
    (void)ctx;
    (void)time_ms;
    *ret_s = (int32_t)zone.n * 450;
    return zone.n == 4 ? SG_ENOTFOUND : 0;
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
    const struct sg_labels *l = labels();
    struct sg_template_data d = {.labels = l,
                                 .external_labels = l,
                                 .value = 1234.5,
                                 .external_url = SG_STR("http://localhost:8420/x"),
                                 .time_ms = 1764000000123,
                                 .query = query,
                                 .utc_offset = utc_offset};
    if (t)
        check(t, &d, -1);
    d.json = sg_str_make(json, sizeof(json) - 1);
    if (t)
        check(t, &d, -1);
    d.html = size % 2;
    if (memmem(data, size, "define", 6) || memmem(data, size, "block", 5))
        check_set(text, &d);
    check_builtin(text, &d);
    sg_template_free(t);
    sg_labels_unref(l);
    return 0;
}
