/* What is posted about alerts: alerts, silences, acknowledgements. The first byte chooses the path;
 * every answer is JSON, and so is what is told of the state afterwards. */
#include <streamgauge/mem.h>

#include "net/am.h"

#define NOW INT64_C(1764000000000)

struct rig {
    struct sg_alerting *alerting;
    struct sg_api *api;
    int64_t now_ms;
};

static void random_bytes(void *dst, size_t n)
{
    static uint8_t next;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)dst)[i] = next++;
}

static int call(void *ctx, sg_api_work *fn, void *arg)
{
    struct rig *r = ctx;
    struct sg_journal *j = sg_journal_new();
    fn(arg, r->alerting, NULL, NOW + r->now_ms, r->now_ms);
    r->now_ms += 1000;
    sg_alerting_tick(r->alerting, NOW + r->now_ms, r->now_ms, j);
    sg_journal_free(j);
    return 0;
}

static void run(struct rig *r, sg_net_handler *handle, struct sg_str query, struct sg_str body)
{
    struct sg_net_exchange x = {.path = SG_STR("/"),
                                .tail = query,
                                .query = query,
                                .content_type = SG_STR("application/json"),
                                .accept = SG_STR(""),
                                .body = body,
                                .status = 200};
    sg_buf_init(&x.out, (size_t)64 << 20);
    sg_buf_init(&x.headers, 1024);
    handle(r->api, &x);
    SG_ASSERT(!x.out.failed);
    SG_ASSERT(x.status == 200 || x.status == 400 || x.status == 404 || x.status == 422 ||
              x.status == 429);
    if (x.out.len) {
        json_t *json = json_loadb(x.out.data, x.out.len, JSON_DECODE_ANY, NULL);
        SG_ASSERT(json);
        json_decref(json);
    }
    sg_buf_deinit(&x.out);
    sg_buf_deinit(&x.headers);
}

static struct rig *rig(void)
{
    static struct rig r;
    struct sg_alerting_options o;
    struct sg_api_config c;
    sg_alerting_options_default(&o);
    o.hooks.random_bytes = random_bytes;
    o.external_url = SG_STR("http://x.example");
    o.max_alerts = o.max_silences = o.max_groups = 50;
    r = (struct rig){.alerting = sg_alerting_new(&o)};
    sg_api_config_default(&c);
    c.call = call;
    c.call_ctx = &r;
    r.api = sg_api_new(&c);
    return &r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static sg_net_handler *const posts[] = {sg__am_post_alerts, sg__am_post_alerts_v1,
                                            sg__am_post_webhook, sg__am_post_silences,
                                            sg__am_post_acks};
    static sg_net_handler *const gets[] = {
        sg__am_get_alerts, sg__am_get_groups, sg__am_get_silences, sg__am_get_acks,
        sg__am_summary,    sg__am_list,       sg__am_get_rules};
    struct sg_str none = {NULL, 0};
    if (size == 0)
        return 0;
    struct rig *r = rig();
    struct sg_str body = sg_str_make((const char *)data + 1, size - 1);
    run(r, posts[data[0] % SG_ARRAY_LEN(posts)], SG_STR(""), body);
    for (size_t i = 0; i < SG_ARRAY_LEN(gets); i++)
        run(r, gets[i], none, SG_STR(""));
    /* The same bytes as arguments and as the end of a path. */
    run(r, gets[data[0] % SG_ARRAY_LEN(gets)], body, SG_STR(""));
    run(r, sg__am_delete_silence, body, SG_STR(""));
    run(r, sg__am_delete_ack, body, SG_STR(""));
    sg_api_free(r->api);
    sg_alerting_free(r->alerting);
    return 0;
}
