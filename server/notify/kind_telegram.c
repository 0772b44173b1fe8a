/* kind_telegram.c - Telegram's bots: sendMessage with HTML, at most 4096 UTF-16 units. */
#include <string.h>

#include "notify/kind.h"

#define MAX_TEXT 4096

static const struct sg__opt table[] = {
    {"api_url", SG__OPT_URL, 0, "https://api.telegram.org", "telegram_api_url"},
    {"bot_token", SG__OPT_STR, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL,
     "telegram_bot_token"},
    {"chat_id", SG__OPT_STR, SG__OPT_REQUIRED | SG__OPT_FILE, NULL, NULL},
    {"message_thread_id", SG__OPT_NUMBER, SG__OPT_OWN, NULL, NULL},
    {"message", SG__OPT_TEXT, 0, NULL, NULL},
    {"disable_notifications", SG__OPT_BOOL, 0, "false", NULL},
    {"parse_mode", SG__OPT_STR, 0, "HTML", NULL},
    SG__HTTP_OPTS,
    {0},
};

static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    static const char *const modes[] = {"", "HTML", "Markdown", "MarkdownV2"};
    struct sg_str mode = sg__opt(t, "parse_mode")->one.text;
    struct sg_str token = sg__opt(t, "bot_token")->one.text;
    bool known = false;
    for (size_t i = 0; i < SG_ARRAY_LEN(modes); i++)
        known = known || sg_str_eq_c(mode, modes[i]);
    if (!known)
        return sg_yaml_error(node, reterr,
                             "telegram_configs: parse_mode: expected HTML, Markdown, MarkdownV2 or "
                             "nothing, got '%s'",
                             mode.p);
    for (size_t i = 0; i < token.n; i++)
        if ((unsigned char)token.p[i] <= ' ' || strchr("/?#", token.p[i]))
            return sg_yaml_error(node, reterr, "telegram_configs: bot_token: this is no token");
    return 0;
}

static void put_chat(struct sg_str id, struct sg_buf *out)
{
    bool number = id.n > 0;
    for (size_t i = 0; i < id.n; i++)
        number = number && ((id.p[i] >= '0' && id.p[i] <= '9') || (i == 0 && id.p[i] == '-'));
    sg_buf_puts(out, "{\"chat_id\":");
    if (number)
        sg_buf_put_str(out, id);
    else
        sg_buf_put_json_str(out, id); /* "@channel" */
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    const struct sg__value *own = sg__opt(job->target, "message");
    const struct sg__value *thread = sg__opt(job->target, "message_thread_id");
    struct sg_str mode = sg__opt(job->target, "parse_mode")->one.text;
    struct sg_str api = sg__opt(job->target, "api_url")->one.text;
    struct sg_buf *out = &r->body, text;
    bool html = sg_str_eq_c(mode, "HTML");
    int rc = 0;
    sg_buf_init(&text, 256u << 10);
    while (api.n > 0 && api.p[api.n - 1] == '/')
        api.n--;
    sg_buf_printf(&r->url, "%.*s/bot%s/sendMessage", SG_STR_ARG(api),
                  sg__opt(job->target, "bot_token")->one.text.p);
    sg__request_header(r, "Content-Type: application/json");
    if (own->set && html)
        rc = sg__put_html_text(job, &own->one, &text, reterr);
    else if (own->set)
        rc = sg__put_text(job, &own->one, &text, reterr);
    else
        sg__note_text(job->note, html ? SG__HTML : SG__PLAIN, true, MAX_TEXT, &text);
    /* Markup that we would have to cut, or did not write in that mode, goes as plain text. */
    if (text.len > MAX_TEXT || (!own->set && !html))
        mode = SG_STR("");
    sg__cut_utf16(&text, MAX_TEXT);
    put_chat(sg__opt(job->target, "chat_id")->one.text, out);
    if (thread->set)
        sg_buf_printf(out, ",\"message_thread_id\":%.0f", thread->number);
    sg_buf_puts(out, ",\"text\":");
    sg_buf_put_json_str(out, sg_buf_str(&text));
    if (mode.n)
        sg_buf_printf(out, ",\"parse_mode\":\"%s\"", mode.p);
    sg_buf_printf(out, ",\"disable_web_page_preview\":true,\"disable_notification\":%s}",
                  sg__opt(job->target, "disable_notifications")->number != 0 ? "true" : "false");
    sg_buf_deinit(&text);
    return rc;
}

/* {"ok":false,"error_code":429,"parameters":{"retry_after":5}} */
static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    if (reply->status != 429)
        return by_status;
    json_t *json = json_loadb(reply->body.p, reply->body.n, 0, NULL);
    json_int_t s =
        json_integer_value(json_object_get(json_object_get(json, "parameters"), "retry_after"));
    if (s > 0 && s <= 3600 && reply->retry_after_ms < s * 1000)
        reply->retry_after_ms = s * 1000;
    json_decref(json);
    return by_status;
}

const struct sg__kind sg__kind_telegram = {
    .name = "telegram",
    .table = table,
    .alertmanagers = true,
    .rate = 1,
    .check = check,
    .build = build,
    .judge = judge,
};
