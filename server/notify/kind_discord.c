/* kind_discord.c - Discord's webhooks: one embed with the colour of the status. Nobody is mentioned
 * by what a label says. */
#include <string.h>

#include "notify/kind.h"

#define MAX_CONTENT 2000
#define MAX_TITLE 256
#define MAX_TEXT 4096

static const struct sg__opt table[] = {
    {"webhook_url", SG__OPT_URL, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"title", SG__OPT_TEXT, 0, NULL, NULL},
    {"message", SG__OPT_TEXT, 0, NULL, NULL},
    {"content", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    {"username", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    {"avatar_url", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

static int color_of(const struct sg__note *n)
{
    if (n->status == SG__RESOLVED)
        return 0x2ecc71;
    if (n->status == SG__ACKNOWLEDGED || strcmp(n->severity, "info") == 0)
        return 0x3498db;
    return strcmp(n->severity, "critical") == 0 ? 0x992d22 : 0xe0a100;
}

static int put(const struct sg__job *job, const char *option, struct sg_str fallback, size_t max,
               struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_buf text;
    sg_buf_init(&text, 128u << 10);
    int rc = sg__put_option(job, option, fallback, &text, reterr);
    sg__cut_utf16(&text, max);
    sg_buf_put_json_str(out, sg_buf_str(&text));
    sg_buf_deinit(&text);
    return rc;
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_buf *out = &r->body, words, link;
    sg_buf_init(&words, 64u << 10);
    sg_buf_init(&link, 8192);
    sg_buf_put_str(&r->url, sg__opt(job->target, "webhook_url")->one.text);
    sg__request_header(r, "Content-Type: application/json");
    sg__note_text(job->note, SG__MARKDOWN, false, MAX_TEXT, &words);
    sg__note_link(job->note, job->site->external_url, &link);
    sg_buf_puts(out, "{\"content\":");
    int rc = put(job, "content", SG_STR(""), MAX_CONTENT, out, reterr);
    sg_buf_puts(out, ",\"embeds\":[{\"title\":");
    if (rc == 0)
        rc = put(job, "title", sg_str_from(job->note->title), MAX_TITLE, out, reterr);
    sg_buf_puts(out, ",\"description\":");
    if (rc == 0)
        rc = put(job, "message", sg_buf_str(&words), MAX_TEXT, out, reterr);
    sg_buf_printf(out, ",\"color\":%d", color_of(job->note));
    if (link.len) {
        sg_buf_puts(out, ",\"url\":");
        sg_buf_put_json_str(out, sg_buf_str(&link));
    }
    sg_buf_puts(out, "}],\"allowed_mentions\":{\"parse\":[]}");
    if (rc == 0)
        rc = sg__put_json_option(job, "username", "username", out, reterr);
    if (rc == 0)
        rc = sg__put_json_option(job, "avatar_url", "avatar_url", out, reterr);
    sg_buf_putc(out, '}');
    sg_buf_deinit(&words);
    sg_buf_deinit(&link);
    return rc;
}

/* {"retry_after": 0.65} in seconds, beside the header. */
static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    if (reply->status != 429)
        return by_status;
    json_t *json = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    double s = json_number_value(json_object_get(json, "retry_after"));
    if (s > 0 && s <= 3600 && reply->retry_after_ms < (int64_t)(s * 1000) + 1)
        reply->retry_after_ms = (int64_t)(s * 1000) + 1;
    json_decref(json);
    return by_status;
}

const struct sg__kind sg__kind_discord = {
    .name = "discord",
    .table = table,
    .alertmanagers = true,
    .rate = 2,
    .build = build,
    .judge = judge,
};
