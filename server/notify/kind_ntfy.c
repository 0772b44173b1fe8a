/* kind_ntfy.c - ntfy: JSON to the server, with priority and tags by severity. */
#include <string.h>

#include "notify/kind.h"

#define MAX_MESSAGE 4000 /* longer ones become attachments */

static const struct sg__opt table[] = {
    {"url", SG__OPT_URL, SG__OPT_FILE, "https://ntfy.sh", NULL},
    {"topic", SG__OPT_STR, SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"token", SG__OPT_STR, SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"title", SG__OPT_TEXT, 0, NULL, NULL},
    {"message", SG__OPT_TEXT, 0, NULL, NULL},
    {"priority", SG__OPT_TEXT, 0, NULL, NULL},
    {"tags", SG__OPT_STRS, 0, NULL, NULL},
    {"click", SG__OPT_TEXT, 0, NULL, NULL},
    {"icon", SG__OPT_TEXT, 0, NULL, NULL},
    {"actions", SG__OPT_MAPS, 0, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

/* The server and the topic; a URL may end with the topic, as people copy it. */
static bool split_url(const struct sg__target *t, struct sg_str *server, struct sg_str *topic)
{
    *server = sg__opt(t, "url")->one.text;
    *topic = sg__opt(t, "topic")->one.text;
    while (server->n > 0 && server->p[server->n - 1] == '/')
        server->n--;
    if (topic->n)
        return true;
    const char *slash = memrchr(server->p, '/', server->n);
    if (!slash || (slash > server->p && slash[-1] == '/'))
        return false;
    *topic = (struct sg_str){slash + 1, server->n - (size_t)(slash + 1 - server->p)};
    server->n = (size_t)(slash - server->p);
    return topic->n > 0;
}

static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    struct sg_str server, topic;
    if (split_url(t, &server, &topic))
        return 0;
    return sg_yaml_error(node, reterr,
                         "ntfy_configs: expected 'topic', or a url that ends with it");
}

static int default_priority(const struct sg__note *n)
{
    if (n->status != SG__FIRING || strcmp(n->severity, "info") == 0)
        return 3;
    return strcmp(n->severity, "critical") == 0 ? 5 : 4;
}

static int put_priority(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    static const char *const names[] = {"", "min", "low", "default", "high", "urgent"};
    struct sg_buf text;
    int priority = default_priority(job->note);
    sg_buf_init(&text, 4096);
    int rc = sg__put_option(job, "priority", SG_STR(""), &text, reterr);
    struct sg_str s = sg_str_trim(sg_buf_str(&text));
    for (int i = 1; i <= 5; i++)
        if ((s.n == 1 && s.p[0] == '0' + i) || sg_str_eq_c(s, names[i]))
            priority = i;
    if (sg_str_eq_c(s, "max"))
        priority = 5;
    sg_buf_printf(out, ",\"priority\":%d", priority);
    sg_buf_deinit(&text);
    return rc;
}

static void put_tags(const struct sg__job *job, struct sg_buf *out)
{
    const struct sg__texts *own = &sg__opt(job->target, "tags")->texts;
    const struct sg__note *n = job->note;
    const char *tag = n->status == SG__RESOLVED              ? "white_check_mark"
                      : n->status == SG__ACKNOWLEDGED        ? "eyes"
                      : strcmp(n->severity, "critical") == 0 ? "rotating_light"
                      : strcmp(n->severity, "warning") == 0  ? "warning"
                                                             : "information_source";
    sg_buf_printf(out, ",\"tags\":[\"%s\"", tag);
    for (size_t i = 0; i < own->n; i++) {
        sg_buf_putc(out, ',');
        sg_buf_put_json_str(out, own->items[i].text);
    }
    sg_buf_putc(out, ']');
}

static int put_actions(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    static const char *const bare[] = {"clear", NULL};
    const struct sg__value *v = sg__opt(job->target, "actions");
    int rc = 0;
    if (v->n_maps == 0)
        return 0;
    sg_buf_puts(out, ",\"actions\":[");
    for (size_t i = 0; i < v->n_maps && rc == 0; i++) {
        sg_buf_puts(out, i ? "," : "");
        rc = sg__put_json_texts(job, &v->maps[i], bare, out, reterr);
    }
    sg_buf_putc(out, ']');
    return rc;
}

static int put_texts(const struct sg__job *job, struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_buf text, words, link;
    sg_buf_init(&text, 128u << 10);
    sg_buf_init(&words, 64u << 10);
    sg_buf_init(&link, 8192);
    sg__note_text(job->note, SG__PLAIN, false, MAX_MESSAGE, &words);
    sg__note_link(job->note, job->site->external_url, &link);
    int rc = sg__put_option(job, "title", sg_str_from(job->note->title), &text, reterr);
    sg__cut(&text, 250);
    sg_buf_puts(out, ",\"title\":");
    sg_buf_put_json_str(out, sg_buf_str(&text));
    if (rc == 0)
        rc = sg__put_option(job, "message", sg_buf_str(&words), &text, reterr);
    sg__cut(&text, MAX_MESSAGE);
    sg_buf_puts(out, ",\"message\":");
    sg_buf_put_json_str(out, sg_buf_str(&text));
    if (rc == 0)
        rc = sg__put_option(job, "click", sg_buf_str(&link), &text, reterr);
    if (text.len) {
        sg_buf_puts(out, ",\"click\":");
        sg_buf_put_json_str(out, sg_buf_str(&text));
    }
    sg_buf_deinit(&text);
    sg_buf_deinit(&words);
    sg_buf_deinit(&link);
    return rc;
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_str server, topic, token = sg__opt(job->target, "token")->one.text;
    struct sg_buf *out = &r->body;
    (void)split_url(job->target, &server, &topic);
    sg_buf_put_str(&r->url, server);
    sg_buf_putc(&r->url, '/');
    sg__request_header(r, "Content-Type: application/json");
    if (token.n)
        sg__request_header(r, "Authorization: Bearer %s", token.p);
    sg_buf_puts(out, "{\"topic\":");
    sg_buf_put_json_str(out, topic);
    int rc = put_texts(job, out, reterr);
    if (rc == 0)
        rc = put_priority(job, out, reterr);
    put_tags(job, out);
    if (rc == 0)
        rc = sg__put_json_option(job, "icon", "icon", out, reterr);
    if (rc == 0)
        rc = put_actions(job, out, reterr);
    sg_buf_putc(out, '}');
    return rc;
}

const struct sg__kind sg__kind_ntfy = {
    .name = "ntfy",
    .table = table,
    .check = check,
    .build = build,
};
