/* kind.c - what the kinds of integrations share. */
#include "notify/kind.h"

#include <string.h>

const struct sg__kind *const sg__kinds[] = {
    &sg__kind_webhook,
    &sg__kind_slack,
    &sg__kind_pagerduty,
    &sg__kind_msteams,
    &sg__kind_msteamsv2,
    &sg__kind_discord,
    &sg__kind_telegram,
    &sg__kind_ntfy,
    &sg__kind_email,
    &sg__kind_webpush,
    &sg__kind_alertmanager,
    &sg__kind_heartbeat,
    NULL,
};

static int put_text(const struct sg__job *job, const struct sg__text *text, bool html,
                    struct sg_buf *out, struct sg_error *reterr)
{
    char place[1024];
    if (!text->template) {
        sg_buf_put_str(out, text->text);
        return 0;
    }
    struct sg_error err = {0};
    struct sg_template_data data = {
        .external_url = sg_str_from(job->site->external_url),
        .time_ms = job->wall_ms,
        .json = job->note ? job->note->body : SG_STR("{}"),
        .utc_offset = job->site->utc_offset,
        .utc_offset_ctx = job->site->utc_offset_ctx,
        .html = html,
    };
    if (sg_template_expand(text->template, &data, out, &err) < 0)
        return sg_error_set(reterr, SG_EINVALID, "the template '%.60s' failed: %s", text->text.p,
                            sg_error_format(&err, place, sizeof(place)));
    return 0;
}

int sg__put_text(const struct sg__job *job, const struct sg__text *text, struct sg_buf *out,
                 struct sg_error *reterr)
{
    return put_text(job, text, false, out, reterr);
}

int sg__put_html_text(const struct sg__job *job, const struct sg__text *text, struct sg_buf *out,
                      struct sg_error *reterr)
{
    return put_text(job, text, true, out, reterr);
}

int sg__put_option(const struct sg__job *job, const char *option, struct sg_str fallback,
                   struct sg_buf *b, struct sg_error *reterr)
{
    const struct sg__value *v = sg__opt(job->target, option);
    sg_buf_reset(b);
    if (v->set)
        return sg__put_text(job, &v->one, b, reterr);
    sg_buf_put_str(b, fallback);
    return 0;
}

int sg__put_json_option(const struct sg__job *job, const char *option, const char *name,
                        struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_buf text;
    sg_buf_init(&text, 256u << 10);
    int rc = sg__put_option(job, option, SG_STR(""), &text, reterr);
    if (rc == 0 && text.len) {
        sg_buf_printf(out, ",\"%s\":", name);
        sg_buf_put_json_str(out, sg_buf_str(&text));
    }
    sg_buf_deinit(&text);
    return rc;
}

static bool is_bare(const char *const *bare, struct sg_str name, struct sg_str text)
{
    for (; bare && *bare; bare++)
        if (sg_str_eq_c(name, *bare))
            return sg_str_eq_c(text, "true") || sg_str_eq_c(text, "false");
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the configuration. */
int sg__put_json_texts(const struct sg__job *job, const struct sg__texts *texts,
                       const char *const *bare, struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_buf text;
    int rc = 0;
    sg_buf_init(&text, 256u << 10);
    sg_buf_putc(out, '{');
    for (size_t i = 0; i < texts->n && rc == 0; i++) {
        sg_buf_puts(out, i ? "," : "");
        sg_buf_put_json_str(out, texts->items[i].name);
        sg_buf_putc(out, ':');
        if (texts->items[i].more.items) {
            rc = sg__put_json_texts(job, &texts->items[i].more, bare, out, reterr);
            continue;
        }
        sg_buf_reset(&text);
        rc = sg__put_text(job, &texts->items[i], &text, reterr);
        if (is_bare(bare, texts->items[i].name, sg_buf_str(&text)))
            sg_buf_put_str(out, sg_buf_str(&text));
        else
            sg_buf_put_json_str(out, sg_buf_str(&text));
    }
    sg_buf_putc(out, '}');
    sg_buf_deinit(&text);
    return rc;
}
