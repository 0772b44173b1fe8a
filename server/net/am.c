/* am.c - what the handlers of alerts have in common: the copy they read, bodies, arguments,
 * answers.
 */
#include "net/am.h"

#include <stdarg.h>
#include <stdio.h>
#include <streamgauge/time.h>
#include <strings.h>

/* ---- state ---- */

static const struct sg_alerting_info no_alerts;
static const struct sg_ruler_info no_rules;

struct look {
    struct sg__am_view *view;
    unsigned what;
};

static void on_look(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                    int64_t mono_ms)
{
    struct look *l = arg;
    (void)mono_ms;
    l->view->now_ms = wall_ms;
    if (l->what & SG__AM_ALERTS && a)
        l->view->own_alerts = sg_alerting_look(a, wall_ms);
    if (l->what & SG__AM_RULES && r)
        l->view->own_rules = sg_ruler_look(r);
}

bool sg__am_call(struct sg_api *api, struct sg_net_exchange *x, sg_api_work *fn, void *arg)
{
    if (!api->cfg.call)
        sg__api_error(x, SG__UNAVAILABLE, "alerts are not available here");
    else if (api->cfg.call(api->cfg.call_ctx, fn, arg) < 0)
        sg__api_error(x, SG__UNAVAILABLE, "the engine is busy, try again later");
    else
        return true;
    return false;
}

bool sg__am_look(struct sg_api *api, struct sg_net_exchange *x, unsigned what,
                 struct sg__am_view *ret)
{
    struct look l = {ret, what};
    *ret =
        (struct sg__am_view){.alerts = &no_alerts, .rules = &no_rules, .now_ms = sg_wall_now_ms()};
    if (!api->cfg.call)
        return true;
    if (!sg__am_call(api, x, on_look, &l))
        return false;
    if (ret->own_alerts)
        ret->alerts = ret->own_alerts;
    if (ret->own_rules)
        ret->rules = ret->own_rules;
    return true;
}

void sg__am_view_deinit(struct sg__am_view *v)
{
    sg_alerting_info_free(v->own_alerts);
    sg_ruler_info_free(v->own_rules);
    *v = (struct sg__am_view){.alerts = &no_alerts, .rules = &no_rules};
}

bool sg__am_is_live(const struct sg_alert_info *a, int64_t now_ms)
{
    return !a->resolved && (a->alert.ends_ms == 0 || a->alert.ends_ms > now_ms);
}

/* ---- answers ---- */

void sg__am_error(struct sg_net_exchange *x, uint16_t status, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->status = status;
    if (status == 429)
        sg_buf_puts(&x->headers, "Retry-After: 5\r\n");
    sg_buf_reset(&x->out);
    sg_buf_put_json_str(&x->out, sg_str_from(text));
}

void sg__am_invalid(struct sg_net_exchange *x, const char *fmt, ...)
{
    /* go-openapi's code for "composite type"; clients show the message. */
    enum { CODE = 422 };
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->status = 422;
    sg_buf_reset(&x->out);
    sg_buf_printf(&x->out, "{\"code\":%d,\"message\":", CODE);
    sg_buf_put_json_str(&x->out, sg_str_from(text));
    sg_buf_putc(&x->out, '}');
}

void sg__am_time(struct sg_buf *b, const char *key, int64_t ms, bool comma)
{
    char text[40] = "0001-01-01T00:00:00.000Z";
    if (ms)
        sg_rfc3339_format(ms, text);
    sg_buf_printf(b, "%s\"%s\":\"%s\"", comma ? "," : "", key, text);
}

void sg__am_text(struct sg_buf *b, const char *key, struct sg_str text, bool comma)
{
    sg_buf_printf(b, "%s\"%s\":", comma ? "," : "", key);
    sg_buf_put_json_str(b, text.p ? text : SG_STR(""));
}

/* ---- what is asked ---- */

/* As the library that Alertmanager reads its arguments with. */
static bool is_true(struct sg_str text)
{
    static const char *const words[] = {"true", "1", "yes",      "ok",      "y",
                                        "on",   "t", "selected", "checked", "enabled"};
    for (size_t i = 0; i < SG_ARRAY_LEN(words); i++)
        if (sg_str_ieq(text, sg_str_from(words[i])))
            return true;
    return false;
}

static bool flag(const struct sg__form *f, const char *name)
{
    struct sg_str text = sg__form_get(f, name);
    return text.n == 0 || is_true(text);
}

static int read_filter(struct sg__am_filter *f, const struct sg__form *form,
                       struct sg_error *reterr)
{
    struct sg_str text, receiver = sg__form_get(form, "receiver");
    size_t at = 0;
    while (sg__form_next(form, "filter", &at, &text)) {
        ssize_t n =
            sg_matcher_parse_list(text, f->matchers + f->n, SG__AM_MAX_MATCHERS - f->n, reterr);
        if (n < 0)
            return (int)n;
        f->n += (size_t)n;
    }
    if (receiver.n && sg_regex_new(receiver, &f->receiver, reterr) < 0)
        return sg_error_wrap(reterr, "failed to parse receiver param");
    return 0;
}

bool sg__am_filter_init(struct sg__am_filter *f, struct sg_net_exchange *x)
{
    struct sg__form form;
    struct sg_error err = {0};
    *f = (struct sg__am_filter){0};
    int rc = sg__form_init(&form, x, &err);
    if (rc == 0)
        rc = read_filter(f, &form, &err);
    if (rc == 0) {
        f->active = flag(&form, "active");
        f->silenced = flag(&form, "silenced");
        f->inhibited = flag(&form, "inhibited");
        f->unprocessed = flag(&form, "unprocessed");
        f->muted = flag(&form, "muted");
        f->expired = flag(&form, "expired");
        f->pending = flag(&form, "pending");
    } else {
        sg__am_error(x, 400, "%s", err.text);
    }
    sg__form_deinit(&form);
    return rc == 0;
}

void sg__am_filter_deinit(struct sg__am_filter *f)
{
    for (size_t i = 0; i < f->n; i++)
        sg_matcher_deinit(&f->matchers[i]);
    sg_regex_unref(f->receiver);
    *f = (struct sg__am_filter){0};
}

bool sg__am_filter_labels(const struct sg__am_filter *f, const struct sg_labels *labels)
{
    for (size_t i = 0; i < f->n; i++) {
        struct sg_str value = sg_labels_get(labels, f->matchers[i].name);
        if (!sg_matcher_matches(&f->matchers[i], value.p ? value : SG_STR("")))
            return false;
    }
    return true;
}

bool sg__am_filter_receiver(const struct sg__am_filter *f, struct sg_str receiver)
{
    return !f->receiver || sg_regex_match(f->receiver, receiver);
}

json_t *sg__am_body(struct sg_net_exchange *x)
{
    json_error_t e;
    json_t *json = json_loadb(x->body.p ? x->body.p : "", x->body.n, 0, &e);
    if (!json)
        sg__am_error(x, 400, "the body is no JSON: %s at line %d column %d", e.text, e.line,
                     e.column);
    return json;
}

struct sg_str sg__am_member(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v))
        return (struct sg_str){NULL, 0};
    return sg_str_make(json_string_value(v), json_string_length(v));
}

bool sg__am_member_time(const json_t *object, const char *key, int64_t *ret_ms)
{
    const json_t *v = json_object_get(object, key);
    struct sg_str text = sg__am_member(object, key);
    *ret_ms = 0;
    if (!v || json_is_null(v) || (text.p && text.n == 0))
        return true;
    if (!text.p || sg_rfc3339_parse(text, ret_ms) < 0)
        return false;
    if (*ret_ms < 0)
        *ret_ms = 0;
    return true;
}
