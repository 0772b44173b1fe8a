/* kind_msteams.c - Microsoft Teams: the old connectors' MessageCard, and adaptive cards for the
 * URLs of workflows (msteamsv2). */
#include <string.h>

#include "notify/kind.h"

#define MAX_TEXT 20000 /* Teams takes 28 KB in all */

static const struct sg__opt table[] = {
    {"webhook_url", SG__OPT_URL, SG__OPT_REQUIRED | SG__OPT_SECRET | SG__OPT_FILE, NULL, NULL},
    {"title", SG__OPT_TEXT, 0, NULL, NULL},
    {"summary", SG__OPT_TEXT, 0, NULL, NULL},
    {"text", SG__OPT_TEXT, 0, NULL, NULL},
    SG__HTTP_OPTS,
    {0},
};

struct texts {
    struct sg_buf title, summary, text, link;
};

/* In Markdown of cards one line break is none. */
static void put_paragraphs(struct sg_buf *out, struct sg_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        sg_buf_putc(out, text.p[i]);
        if (text.p[i] == '\n' && i + 1 < text.n && text.p[i + 1] != '\n' &&
            (i == 0 || text.p[i - 1] != '\n'))
            sg_buf_putc(out, '\n');
    }
}

static int make_texts(const struct sg__job *job, struct texts *t, struct sg_error *reterr)
{
    struct sg_buf words, lines;
    sg_buf_init(&words, 128u << 10);
    sg_buf_init(&lines, 128u << 10);
    sg_buf_init(&t->title, 64u << 10);
    sg_buf_init(&t->summary, 64u << 10);
    sg_buf_init(&t->text, 128u << 10);
    sg_buf_init(&t->link, 8192);
    sg__note_text(job->note, SG__MARKDOWN, false, (size_t)MAX_TEXT >> job->shrink, &lines);
    put_paragraphs(&words, sg_buf_str(&lines));
    sg__note_link(job->note, job->site->external_url, &t->link);
    struct sg_str title = sg_str_from(job->note->title);
    int rc = sg__put_option(job, "title", title, &t->title, reterr);
    if (rc == 0)
        rc = sg__put_option(job, "summary", title, &t->summary, reterr);
    if (rc == 0)
        rc = sg__put_option(job, "text", sg_buf_str(&words), &t->text, reterr);
    sg__cut(&t->title, 1024);
    sg__cut(&t->summary, 1024);
    sg__cut(&t->text, (size_t)MAX_TEXT >> job->shrink);
    sg_buf_deinit(&words);
    sg_buf_deinit(&lines);
    return rc;
}

static void free_texts(struct texts *t)
{
    sg_buf_deinit(&t->title);
    sg_buf_deinit(&t->summary);
    sg_buf_deinit(&t->text);
    sg_buf_deinit(&t->link);
}

static void begin(const struct sg__job *job, struct sg__request *r)
{
    sg_buf_put_str(&r->url, sg__opt(job->target, "webhook_url")->one.text);
    sg__request_header(r, "Content-Type: application/json");
}

static bool is_critical(const struct sg__note *n)
{
    return n->status == SG__FIRING && strcmp(n->severity, "critical") == 0;
}

static int build_card(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_buf *out = &r->body;
    struct texts t;
    begin(job, r);
    int rc = make_texts(job, &t, reterr);
    const char *color = job->note->status != SG__FIRING ? "2DC72D"
                        : is_critical(job->note)        ? "8C1A1A"
                                                        : "E0A100";
    sg_buf_puts(out, "{\"@type\":\"MessageCard\",\"@context\":\"http://schema.org/extensions\"");
    sg_buf_printf(out, ",\"themeColor\":\"%s\",\"title\":", color);
    sg_buf_put_json_str(out, sg_buf_str(&t.title));
    sg_buf_puts(out, ",\"summary\":");
    sg_buf_put_json_str(out, sg_buf_str(&t.summary));
    sg_buf_puts(out, ",\"text\":");
    sg_buf_put_json_str(out, sg_buf_str(&t.text));
    if (t.link.len) {
        sg_buf_puts(out, ",\"potentialAction\":[{\"@type\":\"OpenUri\",\"name\":\"Open\","
                         "\"targets\":[{\"os\":\"default\",\"uri\":");
        sg_buf_put_json_str(out, sg_buf_str(&t.link));
        sg_buf_puts(out, "}]}]");
    }
    sg_buf_putc(out, '}');
    free_texts(&t);
    return rc;
}

static int build_adaptive(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct sg_buf *out = &r->body;
    struct texts t;
    begin(job, r);
    int rc = make_texts(job, &t, reterr);
    const char *color = job->note->status != SG__FIRING ? "Good"
                        : is_critical(job->note)        ? "Attention"
                                                        : "Warning";
    sg_buf_puts(out,
                "{\"type\":\"message\",\"attachments\":[{"
                "\"contentType\":\"application/vnd.microsoft.card.adaptive\",\"contentUrl\":null,"
                "\"content\":{\"$schema\":\"http://adaptivecards.io/schemas/adaptive-card.json\","
                "\"type\":\"AdaptiveCard\",\"version\":\"1.2\",\"msteams\":{\"width\":\"full\"},"
                "\"body\":[{\"type\":\"TextBlock\",\"weight\":\"Bolder\",\"size\":\"ExtraLarge\","
                "\"style\":\"heading\",\"wrap\":true,");
    sg_buf_printf(out, "\"color\":\"%s\",\"text\":", color);
    sg_buf_put_json_str(out, sg_buf_str(&t.title));
    sg_buf_puts(out, "},{\"type\":\"TextBlock\",\"wrap\":true,\"text\":");
    sg_buf_put_json_str(out, sg_buf_str(&t.text));
    sg_buf_puts(out, "}]");
    if (t.link.len) {
        sg_buf_puts(out, ",\"actions\":[{\"type\":\"Action.OpenUrl\",\"title\":\"Open\",\"url\":");
        sg_buf_put_json_str(out, sg_buf_str(&t.link));
        sg_buf_puts(out, "}]");
    }
    sg_buf_puts(out, "}}]}");
    free_texts(&t);
    return rc;
}

/* The connectors answer 200 and write the failure into the body: "Webhook message delivery failed
 * with error: Microsoft Teams endpoint returned HTTP error 429 …". */
static enum sg__verdict judge(enum sg__verdict by_status, struct sg__reply *reply)
{
    static const char mark[] = "returned HTTP error ";
    if (reply->status == 413)
        return SG__SHRINK;
    const char *at = memmem(reply->body.p, reply->body.n, mark, sizeof(mark) - 1);
    if (by_status != SG__SENT || !at)
        return by_status;
    at += sizeof(mark) - 1;
    size_t left = reply->body.n - (size_t)(at - reply->body.p);
    long status = 0;
    for (size_t i = 0; i < left && i < 3 && at[i] >= '0' && at[i] <= '9'; i++)
        status = status * 10 + (at[i] - '0');
    reply->status = status;
    return status == 413 ? SG__SHRINK : sg__verdict_of(status, false);
}

const struct sg__kind sg__kind_msteams = {
    .name = "msteams",
    .table = table,
    .rate = 1,
    .build = build_card,
    .judge = judge,
};

const struct sg__kind sg__kind_msteamsv2 = {
    .name = "msteamsv2",
    .table = table,
    .rate = 1,
    .build = build_adaptive,
    .judge = judge,
};
