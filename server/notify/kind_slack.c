/* kind_slack.c - Slack's incoming webhooks and chat.postMessage: one attachment with the colour of
 * the status. Paced at Slack's one message per second. */
#include <string.h>

#include "notify/kind.h"

#define MAX_TITLE 1024
#define MAX_TEXT 7500 /* Slack folds longer attachments */

static const struct sg__opt table[] = {
    {"api_url", SG__OPT_URL, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL,
     "slack_api_url"},
    {"channel", SG__OPT_TEXT, 0, NULL, NULL},
    {"message_text", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    {"username", SG__OPT_TEXT, 0, NULL, NULL},
    {"color", SG__OPT_TEXT, 0, NULL, NULL},
    {"title", SG__OPT_TEXT, 0, NULL, NULL},
    {"title_link", SG__OPT_TEXT, 0, NULL, NULL},
    {"pretext", SG__OPT_TEXT, 0, NULL, NULL},
    {"text", SG__OPT_TEXT, 0, NULL, NULL},
    {"fallback", SG__OPT_TEXT, 0, NULL, NULL},
    {"callback_id", SG__OPT_TEXT, 0, NULL, NULL},
    {"icon_emoji", SG__OPT_TEXT, 0, NULL, NULL},
    {"icon_url", SG__OPT_TEXT, 0, NULL, NULL},
    {"image_url", SG__OPT_TEXT, 0, NULL, NULL},
    {"thumb_url", SG__OPT_TEXT, 0, NULL, NULL},
    {"footer", SG__OPT_TEXT, 0, NULL, NULL},
    {"fields", SG__OPT_MAPS, 0, NULL, NULL},
    {"actions", SG__OPT_MAPS, SG__OPT_DEEP, NULL, NULL},
    {"short_fields", SG__OPT_BOOL, 0, "false", NULL},
    {"link_names", SG__OPT_BOOL, 0, "false", NULL},
    {"mrkdwn_in", SG__OPT_STRS, 0, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

static const char *color_of(const struct sg__note *n)
{
    if (n->status == SG__RESOLVED)
        return "good";
    if (n->status == SG__ACKNOWLEDGED)
        return "#439fe0";
    return strcmp(n->severity, "info") == 0      ? "#439fe0"
           : strcmp(n->severity, "warning") == 0 ? "warning"
                                                 : "danger";
}

/* "name":"…" of an option, or of what we say when it is not set. */
static int put(const struct sg__job *job, const char *option, struct sg_str fallback, size_t max,
               struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_buf text;
    sg_buf_init(&text, 256u << 10);
    int rc = sg__put_option(job, option, fallback, &text, reterr);
    sg__cut(&text, max);
    if (rc == 0 && text.len) {
        sg_buf_printf(out, ",\"%s\":", option);
        sg_buf_put_json_str(out, sg_buf_str(&text));
    }
    sg_buf_deinit(&text);
    return rc;
}

static int put_maps(const struct sg__job *job, const char *option, struct sg_buf *out,
                    struct sg_error *reterr)
{
    static const char *const bare[] = {"short", NULL};
    const struct sg__value *v = sg__opt(job->target, option);
    bool short_fields = sg__opt(job->target, "short_fields")->number != 0;
    int rc = 0;
    if (v->n_maps == 0)
        return 0;
    sg_buf_printf(out, ",\"%s\":[", option);
    for (size_t i = 0; i < v->n_maps && rc == 0; i++) {
        bool has_short = false;
        for (size_t k = 0; k < v->maps[i].n; k++)
            has_short = has_short || sg_str_eq_c(v->maps[i].items[k].name, "short");
        sg_buf_puts(out, i ? "," : "");
        rc = sg__put_json_texts(job, &v->maps[i], bare, out, reterr);
        if (rc == 0 && short_fields && !has_short && strcmp(option, "fields") == 0) {
            out->len--; /* the brace */
            sg_buf_puts(out, v->maps[i].n ? ",\"short\":true}" : "\"short\":true}");
        }
    }
    sg_buf_putc(out, ']');
    return rc;
}

static int put_texts(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    static const char *const plain[] = {"pretext", "callback_id", "image_url", "thumb_url",
                                        "footer"};
    struct sg_buf text, link, escaped;
    sg_buf_init(&text, 64u << 10);
    sg_buf_init(&link, 8u << 10);
    sg_buf_init(&escaped, 4096);
    sg__put_escaped(SG__SLACK, sg_str_from(job->note->title), &escaped);
    sg__note_text(job->note, SG__SLACK, false, MAX_TEXT >> job->shrink, &text);
    sg__note_link(job->note, job->site->external_url, &link);
    struct sg_str title = sg_buf_str(&escaped);
    int rc = put(job, "title", title, MAX_TITLE, out, reterr);
    if (rc == 0)
        rc = put(job, "title_link", sg_buf_str(&link), 4096, out, reterr);
    if (rc == 0)
        rc = put(job, "text", sg_buf_str(&text), 30000, out, reterr);
    if (rc == 0)
        rc = put(job, "fallback", title, MAX_TITLE, out, reterr);
    for (size_t i = 0; i < SG_ARRAY_LEN(plain) && rc == 0; i++)
        rc = put(job, plain[i], SG_STR(""), 8192, out, reterr);
    sg_buf_deinit(&text);
    sg_buf_deinit(&link);
    sg_buf_deinit(&escaped);
    return rc;
}

static void put_mrkdwn_in(const struct sg__job *job, struct sg_buf *out)
{
    const struct sg__value *v = sg__opt(job->target, "mrkdwn_in");
    if (!v->set) {
        sg_buf_puts(out, ",\"mrkdwn_in\":[\"fallback\",\"pretext\",\"text\"]");
        return;
    }
    sg_buf_puts(out, ",\"mrkdwn_in\":[");
    for (size_t i = 0; i < v->texts.n; i++) {
        sg_buf_puts(out, i ? "," : "");
        sg_buf_put_json_str(out, v->texts.items[i].text);
    }
    sg_buf_putc(out, ']');
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    static const char *const outer[] = {"channel", "username", "icon_emoji", "icon_url"};
    struct sg_buf *out = &r->body;
    struct sg_buf color;
    sg_buf_init(&color, 4096);
    sg_buf_put_str(&r->url, sg__opt(job->target, "api_url")->one.text);
    sg__request_header(r, "Content-Type: application/json");
    sg_buf_puts(out, "{\"attachments\":[{\"color\":");
    int rc = sg__put_option(job, "color", sg_str_from(color_of(job->note)), &color, reterr);
    sg_buf_put_json_str(out, sg_buf_str(&color));
    sg_buf_deinit(&color);
    if (rc == 0)
        rc = put_texts(job, out, reterr);
    if (rc == 0)
        rc = put_maps(job, "fields", out, reterr);
    if (rc == 0)
        rc = put_maps(job, "actions", out, reterr);
    put_mrkdwn_in(job, out);
    sg_buf_puts(out, "}]");
    for (size_t i = 0; i < SG_ARRAY_LEN(outer) && rc == 0; i++)
        rc = sg__put_json_option(job, outer[i], outer[i], out, reterr);
    if (rc == 0)
        rc = sg__put_json_option(job, "message_text", "text", out, reterr);
    if (sg__opt(job->target, "link_names")->number != 0)
        sg_buf_puts(out, ",\"link_names\":true");
    sg_buf_putc(out, '}');
    return rc;
}

/* chat.postMessage answers 200 and says in the body that it did not. */
static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    enum sg__verdict v = by_status;
    if (v != SG__SENT || reply->body.n == 0 || reply->body.p[0] != '{')
        return v;
    json_t *json = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    struct sg_str error = sg__json_text(json, "error");
    if (json_is_false(json_object_get(json, "ok"))) {
        bool later = sg_str_eq_c(error, "ratelimited") || sg_str_eq_c(error, "rate_limited") ||
                     sg_str_eq_c(error, "internal_error") || sg_str_eq_c(error, "fatal_error") ||
                     sg_str_eq_c(error, "service_unavailable");
        v = later ? SG__RETRY : SG__REFUSED;
    }
    json_decref(json);
    return v;
}

const struct sg__kind sg__kind_slack = {
    .name = "slack",
    .table = table,
    .alertmanagers = true,
    .silent_resolved = true,
    .rate = 1,
    .build = build,
    .judge = judge,
};
