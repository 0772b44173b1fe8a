/* am_silences.c - /api/v2/silences and /api/v2/silence/{id}. */
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <string.h>

#include "net/am.h"

/* ---- reading ---- */

static const char *const states[] = {
    [SG_SILENCE_PENDING] = "pending",
    [SG_SILENCE_ACTIVE] = "active",
    [SG_SILENCE_EXPIRED] = "expired",
};

static void put_matcher(struct sg_buf *b, const struct sg_matcher *m)
{
    bool equal = m->type == SG_MATCH_EQ || m->type == SG_MATCH_RE;
    bool regex = m->type == SG_MATCH_RE || m->type == SG_MATCH_NRE;
    sg_buf_printf(b, "{\"isEqual\":%s,\"isRegex\":%s", equal ? "true" : "false",
                  regex ? "true" : "false");
    sg__am_text(b, "name", m->name, true);
    sg__am_text(b, "value", m->value, true);
    sg_buf_putc(b, '}');
}

static void put_silence(struct sg_buf *b, const struct sg_silence_info *i)
{
    const struct sg_silence *s = &i->silence;
    sg_buf_puts(b, "{");
    sg__am_text(b, "id", sg_str_from(s->id), false);
    sg_buf_printf(b, ",\"status\":{\"state\":\"%s\"}", states[i->state]);
    sg__am_time(b, "updatedAt", s->updated_ms, true);
    sg_buf_puts(b, ",\"annotations\":{}");
    sg__am_text(b, "comment", s->comment, true);
    sg__am_text(b, "createdBy", s->created_by, true);
    sg__am_time(b, "endsAt", s->ends_ms, true);
    sg_buf_puts(b, ",\"matchers\":[");
    for (size_t k = 0; k < s->n_matchers; k++) {
        sg_buf_puts(b, k ? "," : "");
        put_matcher(b, &s->matchers[k]);
    }
    sg_buf_putc(b, ']');
    sg__am_time(b, "startsAt", s->starts_ms, true);
    sg_buf_putc(b, '}');
}

/* Alertmanager's order: active ones by their end, pending ones by their start, expired ones by how
 * recently they did. */
static int by_state(const void *pa, const void *pb)
{
    static const int rank[] = {
        [SG_SILENCE_ACTIVE] = 0, [SG_SILENCE_PENDING] = 1, [SG_SILENCE_EXPIRED] = 2};
    const struct sg_silence_info *a = *(const struct sg_silence_info *const *)pa;
    const struct sg_silence_info *b = *(const struct sg_silence_info *const *)pb;
    if (a->state != b->state)
        return rank[a->state] - rank[b->state];
    bool pending = a->state == SG_SILENCE_PENDING;
    int64_t x = pending ? a->silence.starts_ms : a->silence.ends_ms;
    int64_t y = pending ? b->silence.starts_ms : b->silence.ends_ms;
    int order = (x > y) - (x < y);
    if (order == 0)
        return strcmp(a->silence.id, b->silence.id);
    return a->state == SG_SILENCE_EXPIRED ? -order : order;
}

/* Each matcher of the filter is one of the silence's. */
static bool wanted(const struct sg__am_filter *f, const struct sg_silence_info *i)
{
    if (i->state == SG_SILENCE_EXPIRED   ? !f->expired
        : i->state == SG_SILENCE_PENDING ? !f->pending
                                         : !f->active)
        return false;
    for (size_t k = 0; k < f->n; k++) {
        bool found = false;
        for (size_t m = 0; m < i->silence.n_matchers && !found; m++)
            found = sg_matcher_cmp(&f->matchers[k], &i->silence.matchers[m]) == 0;
        if (!found)
            return false;
    }
    return true;
}

static void put_silences(struct sg_net_exchange *x, const struct sg__am_filter *f,
                         const struct sg_alerting_info *info)
{
    size_t n = 0;
    const struct sg_silence_info **list = sg_calloc(info->n_silences + 1, sizeof(*list));
    for (size_t i = 0; i < info->n_silences; i++)
        if (wanted(f, &info->silences[i]))
            list[n++] = &info->silences[i];
    if (n)
        qsort(list, n, sizeof(*list), by_state);
    sg_buf_putc(&x->out, '[');
    for (size_t i = 0; i < n && sg_net_exchange_flush(x) == 0; i++) {
        sg_buf_puts(&x->out, i ? "," : "");
        put_silence(&x->out, list[i]);
    }
    sg_buf_puts(&x->out, "]\n");
    sg_free(list);
}

void sg__am_get_silences(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_filter f;
    struct sg__am_view v = {0};
    if (sg__am_filter_init(&f, x) && sg__am_look(ctx, x, SG__AM_ALERTS, &v))
        put_silences(x, &f, v.alerts);
    sg__am_filter_deinit(&f);
    sg__am_view_deinit(&v);
}

void sg__am_get_silence(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_view v = {0};
    if (!sg__am_look(ctx, x, SG__AM_ALERTS, &v))
        return;
    x->status = 404;
    for (size_t i = 0; i < v.alerts->n_silences; i++) {
        if (!sg_str_eq_c(x->tail, v.alerts->silences[i].silence.id))
            continue;
        x->status = 200;
        put_silence(&x->out, &v.alerts->silences[i]);
    }
    if (x->status == 404)
        sg__am_error(x, 404, "silence not found");
    sg__am_view_deinit(&v);
}

/* ---- writing ---- */

struct wish {
    struct sg_silence silence;
    struct sg_matcher matchers[SG__AM_MAX_MATCHERS];
    struct sg_error err;
    int rc;
    char id[37];
};

static void on_silence(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                       int64_t mono_ms)
{
    struct wish *w = arg;
    (void)r;
    (void)mono_ms;
    if (w->silence.ends_ms <= wall_ms)
        w->rc = sg_error_set(&w->err, SG_EINVALID,
                             "failed to create silence: end time can't be in the past");
    else
        w->rc = sg_alerting_silence(a, &w->silence, wall_ms, w->id, &w->err);
}

static int read_matcher(const json_t *json, struct sg_matcher *ret, struct sg_error *reterr)
{
    struct sg_str name = sg__am_member(json, "name"), value = sg__am_member(json, "value");
    const json_t *regex = json_object_get(json, "isRegex"),
                 *equal = json_object_get(json, "isEqual");
    if (!name.n || !value.p || (regex && !json_is_boolean(regex)) ||
        (equal && !json_is_boolean(equal) && !json_is_null(equal)))
        return sg_error_set(reterr, SG_EINVALID,
                            "a matcher in body needs name, value, isRegex and isEqual");
    bool negative = json_is_false(equal);
    enum sg_match_type type = json_is_true(regex) ? (negative ? SG_MATCH_NRE : SG_MATCH_RE)
                                                  : (negative ? SG_MATCH_NE : SG_MATCH_EQ);
    return sg_matcher_init(ret, type, name, value, reterr);
}

static int read_matchers(struct wish *w, const json_t *list)
{
    if (!json_is_array(list) || json_array_size(list) == 0)
        return sg_error_set(&w->err, SG_EINVALID, "matchers in body should have at least 1 items");
    if (json_array_size(list) > SG__AM_MAX_MATCHERS)
        return sg_error_set(&w->err, SG_ELIMIT, "matchers in body: more than %d",
                            SG__AM_MAX_MATCHERS);
    w->silence.matchers = w->matchers;
    for (size_t i = 0; i < json_array_size(list); i++) {
        int rc = read_matcher(json_array_get(list, i), &w->matchers[i], &w->err);
        if (rc < 0)
            return rc;
        w->silence.n_matchers++;
    }
    return 0;
}

/* Strings stay those of the JSON. */
static int read_silence(struct wish *w, const json_t *json)
{
    struct sg_silence *s = &w->silence;
    struct sg_str id = sg__am_member(json, "id");
    s->created_by = sg__am_member(json, "createdBy");
    s->comment = sg__am_member(json, "comment");
    int rc = read_matchers(w, json_object_get(json, "matchers"));
    if (rc < 0)
        return rc;
    if (!sg__am_member_time(json, "startsAt", &s->starts_ms) || !s->starts_ms)
        return sg_error_set(&w->err, SG_EINVALID, "startsAt in body is required, as RFC 3339");
    if (!sg__am_member_time(json, "endsAt", &s->ends_ms) || !s->ends_ms)
        return sg_error_set(&w->err, SG_EINVALID, "endsAt in body is required, as RFC 3339");
    if (!s->created_by.p || !s->comment.p)
        return sg_error_set(&w->err, SG_EINVALID, "%s in body is required",
                            s->comment.p ? "createdBy" : "comment");
    if (id.n >= sizeof(s->id))
        return sg_error_set(&w->err, SG_EINVALID, "id in body must be of type uuid");
    if (id.n)
        memcpy(s->id, id.p, id.n);
    return 0;
}

static void failed(struct sg_net_exchange *x, const struct wish *w)
{
    uint16_t status = w->rc == SG_ENOTFOUND ? 404 : w->rc == SG_ELIMIT ? 429 : 400;
    sg__am_error(x, status, "%s", w->err.text);
}

static void post(struct sg_api *api, struct sg_net_exchange *x, struct wish *w, const json_t *json)
{
    if (read_silence(w, json) < 0) {
        sg__am_invalid(x, "%s", w->err.text);
        return;
    }
    if (w->silence.starts_ms >= w->silence.ends_ms) {
        sg__am_error(x, 400, "failed to create silence: start time must be before end time");
        return;
    }
    if (!sg__am_call(api, x, on_silence, w))
        return;
    if (w->rc < 0)
        failed(x, w);
    else
        sg_buf_printf(&x->out, "{\"silenceID\":\"%s\"}\n", w->id);
}

void sg__am_post_silences(void *ctx, struct sg_net_exchange *x)
{
    json_t *json = sg__am_body(x);
    if (!json)
        return;
    struct wish *w = sg_calloc(1, sizeof(*w));
    post(ctx, x, w, json);
    for (size_t i = 0; i < w->silence.n_matchers; i++)
        sg_matcher_deinit(&w->matchers[i]);
    sg_free(w);
    json_decref(json);
}

struct end {
    struct sg_str id;
    struct sg_error err;
    int rc;
};

static void on_expire(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                      int64_t mono_ms)
{
    struct end *e = arg;
    (void)r;
    (void)mono_ms;
    e->rc = sg_alerting_expire(a, e->id, wall_ms, &e->err);
}

void sg__am_delete_silence(void *ctx, struct sg_net_exchange *x)
{
    struct end e = {.id = x->tail};
    if (!sg__am_call(ctx, x, on_expire, &e))
        return;
    if (e.rc < 0)
        sg__am_error(x, e.rc == SG_ENOTFOUND ? 404 : 400, "%s", e.err.text);
}
