/* subscribe.c - from what a client asks for to a subscription: rights, limits, resolution, and the
 * topic behind it. */
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

#define DEFAULT_INTERVAL_MS 1000 /* of the v1 form; the simple form takes the base tick */

static int check_limits(struct sg_session *s, const struct sg__subscribe *spec,
                        struct sg_error *reterr)
{
    const struct sg_hub_limits *l = &s->hub->limits;
    if (!(s->rights & SG_RIGHT_READ))
        return sg_error_set(reterr, SG_EDENIED, "a token with the right to read is needed");
    if (s->n_subs >= l->subscriptions_per_session)
        return sg_error_set(reterr, SG_ELIMIT, "limit of %u subscriptions per session reached",
                            l->subscriptions_per_session);
    if (spec->by != SG__BY_METRIC && spec->id.n > l->id_bytes) /* a metric's is its expression */
        return sg_error_set(reterr, SG_ELIMIT, "limit of %u bytes for 'id' passed", l->id_bytes);
    if (spec->text.n > l->expression_bytes)
        return sg_error_set(reterr, SG_ELIMIT, "limit of %u bytes per expression passed",
                            l->expression_bytes);
    if (sg__session_find_sub(s, spec->id))
        return sg_error_set(reterr, SG_EEXISTS, "there is a subscription \"%.*s\" already",
                            SG_STR_ARG(spec->id));
    return 0;
}

/* The interval rounded up to whole base ticks, so that "250ms" and "300ms" at a tick of 100ms
 * share. */
static int fit_interval(const struct sg_hub *hub, struct sg__subscribe *spec,
                        struct sg_error *reterr)
{
    int64_t tick_ms = hub->limits.min_interval_ms;
    if (!spec->interval_ms)
        spec->interval_ms = spec->by == SG__BY_METRIC ? tick_ms : DEFAULT_INTERVAL_MS;
    if (spec->interval_ms < tick_ms || spec->interval_ms > hub->limits.max_interval_ms) {
        char lo[48], hi[48], have[48];
        sg_duration_format(tick_ms, lo);
        sg_duration_format(hub->limits.max_interval_ms, hi);
        sg_duration_format(spec->interval_ms, have);
        return sg_error_set(reterr, SG_EINVALID, "interval \"%s\" is not between %s and %s", have,
                            lo, hi);
    }
    spec->interval_ms = (spec->interval_ms + tick_ms - 1) / tick_ms * tick_ms;
    if (spec->history_ms / spec->interval_ms > hub->limits.history_points)
        return sg_error_set(reterr, SG_ELIMIT,
                            "limit of %u points of history passed: ask for less history or a "
                            "longer interval",
                            hub->limits.history_points);
    return 0;
}

static int open_mirror(struct sg_hub *hub, struct sg_str key, int64_t interval_ms,
                       struct sg__mirror **ret, struct sg_error *reterr)
{
    struct sg__mirror *m = sg__mirror_find(hub, key, interval_ms);
    if (!m && hub->mirrors_by_key.n > hub->limits.topics) /* the feed is one of them */
        return sg_error_set(reterr, SG_EBUSY, "limit of %u distinct streams reached",
                            hub->limits.topics); /* others leave */
    if (!m || !m->opened) {
        int rc = hub->hooks->open_topic(hub->hooks_ctx, key, interval_ms, reterr);
        if (rc < 0)
            return sg_error_set(reterr, (enum sg_errc)rc, "the server is busy, try again");
    }
    if (!m)
        m = sg__mirror_new(hub, key, interval_ms);
    if (!m->opened)
        m->opened_ms = hub->now_ms;
    m->opened = true;
    *ret = m;
    return 0;
}

static int find_topic(struct sg_session *s, struct sg__subscribe *spec, struct sg__mirror **ret,
                      struct sg_error *reterr)
{
    static const enum sg_resolve_kind kinds[] = {[SG__BY_METRIC] = SG_RESOLVE_METRIC,
                                                 [SG__BY_QUERY] = SG_RESOLVE_QUERY,
                                                 [SG__BY_STREAM] = SG_RESOLVE_STREAM};
    struct sg_hub *hub = s->hub;
    if (spec->by == SG__BY_TOPIC) {
        if (!sg_str_eq_c(spec->text, "notifications"))
            return sg_error_set(reterr, SG_ENOTFOUND,
                                "there is no topic \"%.*s\", expected \"notifications\"",
                                (int)(spec->text.n < 80 ? spec->text.n : 80), spec->text.p);
        *ret = hub->feed;
        return 0;
    }
    int rc = fit_interval(hub, spec, reterr);
    if (rc < 0)
        return rc;
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, (size_t)hub->limits.expression_bytes * 8);
    rc = hub->hooks->resolve(hub->hooks_ctx, kinds[spec->by], spec->text, &key, reterr);
    if (rc < 0)
        return rc;
    if (key.failed || !key.len)
        return sg_error_set(reterr, SG_ELIMIT, "the expression is too long");
    return open_mirror(hub, sg_buf_str(&key), spec->interval_ms, ret, reterr);
}

/* A notification carries no subscription's number, so two subscriptions could not be told apart. */
static int only_feed(const struct sg_session *s, const struct sg__mirror *m,
                     struct sg_error *reterr)
{
    for (uint32_t i = 0; m->is_feed && i < s->n_subs; i++)
        if (s->subs[i]->flavour->mirror == m)
            return sg_error_set(reterr, SG_EEXISTS,
                                "this session is subscribed to notifications already, as \"%s\"",
                                s->subs[i]->id);
    return 0;
}

static void add_sub(struct sg_session *s, struct sg__subscribe *spec, struct sg__mirror *m)
{
    enum sg__flavour_kind kind = m->is_feed                  ? SG__FLAVOUR_NOTES
                                 : spec->by == SG__BY_METRIC ? SG__FLAVOUR_SIMPLE
                                                             : SG__FLAVOUR_V1;
    struct sg_str text = kind == SG__FLAVOUR_V1      ? SG_STR("")
                         : kind == SG__FLAVOUR_NOTES ? spec->filter_text
                                                     : spec->text;
    if (!text.p)
        text = SG_STR("");
    struct sg__sub *sub = sg_calloc(1, sizeof(*sub));
    sub->session = s;
    sub->flavour = sg__flavour_get(m, kind, text, kind == SG__FLAVOUR_NOTES ? &spec->filter : NULL);
    sub->state = SG__SUB_WAITING;
    sub->id = sg_str_dup(spec->id);
    sub->stream = spec->by == SG__BY_STREAM ? sg_str_dup(spec->text) : NULL;
    sub->history_ms = spec->history_ms;
    sub->resume = spec->resume;
    sub->from_epoch = spec->from_epoch;
    sub->from_offset = spec->from_offset;
    sg_list_append(&m->subs, &sub->of_mirror);
    m->n_subs++;
    if (m->topic)
        atomic_fetch_add_explicit(&m->topic->viewers, 1, memory_order_relaxed);
    s->subs = sg_grow(s->subs, &s->cap_subs, (size_t)s->n_subs + 1, sizeof(*s->subs));
    s->subs[s->n_subs++] = sub;
    SG__STAT_ADD(s->hub, subscriptions, 1);
    sg__session_attend(s);
}

int sg__subscribe(struct sg_session *s, struct sg__subscribe *spec, struct sg_error *reterr)
{
    struct sg__mirror *m = NULL;
    if (!spec->id.p)
        spec->id = spec->text;
    int rc = check_limits(s, spec, reterr);
    if (rc == 0)
        rc = find_topic(s, spec, &m, reterr);
    if (rc == 0)
        rc = only_feed(s, m, reterr);
    if (rc == 0)
        add_sub(s, spec, m);
    sg__filter_deinit(&spec->filter);
    return rc;
}

/* ---- the arguments of GET /events ---- */

struct args {
    int64_t interval_ms, history_ms;
    bool resume;
    uint64_t from_epoch, from_offset;
};

static int duration_arg(const struct sg_arg *arg, int64_t *ret, struct sg_error *reterr)
{
    int rc = sg_duration_parse(arg->value, ret, reterr);
    if (rc == 0 && *ret <= 0)
        rc = sg_error_set(reterr, SG_EINVALID, "expected more than 0");
    return rc < 0 ? sg_error_wrap(reterr, "%.*s", SG_STR_ARG(arg->name)) : 0;
}

static int shared_args(const struct sg_arg *args, size_t n, struct sg_str last_event_id,
                       struct args *ret, struct sg_error *reterr)
{
    for (size_t i = 0; i < n; i++) {
        int rc = 0;
        if (sg_str_eq_c(args[i].name, "interval"))
            rc = duration_arg(&args[i], &ret->interval_ms, reterr);
        else if (sg_str_eq_c(args[i].name, "history"))
            rc = duration_arg(&args[i], &ret->history_ms, reterr);
        else if (sg_str_eq_c(args[i].name, "last_event_id") && !last_event_id.p)
            last_event_id = args[i].value;
        if (rc < 0)
            return rc;
    }
    /* An id we did not write is one of an epoch we do not know; an empty one is no id. */
    ret->resume = last_event_id.p && last_event_id.n;
    if (ret->resume && sg_event_id_parse(last_event_id, &ret->from_epoch, &ret->from_offset) < 0)
        ret->from_epoch = ret->from_offset = 0;
    return 0;
}

/* "severity=critical&filter=team="a"" as the object that WebSocket clients send. */
static int filter_args(const struct sg_arg *args, size_t n, struct sg__subscribe *spec,
                       struct sg_buf *text, struct sg_error *reterr)
{
    json_t *severities = json_array(), *matchers = json_array(), *json = json_object();
    bool utf8 = true;
    for (size_t i = 0; i < n; i++) {
        json_t *list = sg_str_eq_c(args[i].name, "severity") ? severities
                       : sg_str_eq_c(args[i].name, "filter") ? matchers
                                                             : NULL;
        if (list && args[i].value.n)
            utf8 &=
                json_array_append_new(list, json_stringn(args[i].value.p, args[i].value.n)) == 0;
    }
    if (json_array_size(severities))
        json_object_set(json, "severity", severities);
    if (json_array_size(matchers))
        json_object_set(json, "matchers", matchers);
    int rc = utf8 ? 0 : sg_error_set(reterr, SG_EINVALID, "filter: expected UTF-8");
    if (rc == 0 && json_object_size(json))
        rc = sg__filter_parse(json, &spec->filter, text, reterr);
    json_decref(severities);
    json_decref(matchers);
    json_decref(json);
    spec->filter_text = sg_buf_str(text);
    return rc;
}

static bool names_topic(struct sg_str name, struct sg__subscribe *spec)
{
    static const char *const names[] = {[SG__BY_METRIC] = "metric",
                                        [SG__BY_QUERY] = "query",
                                        [SG__BY_STREAM] = "stream",
                                        [SG__BY_TOPIC] = "topic"};
    for (unsigned i = 0; i < SG_ARRAY_LEN(names); i++) {
        if (sg_str_eq_c(name, names[i])) {
            spec->by = i;
            return true;
        }
    }
    return false;
}

int sg_session_subscribe_args(struct sg_session *s, const struct sg_arg *args, size_t n,
                              struct sg_str last_event_id, struct sg_error *reterr)
{
    struct args shared = {0};
    bool simple = true;
    uint32_t before = s->n_subs;
    int rc = shared_args(args, n, last_event_id, &shared, reterr);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct sg__subscribe spec = {.text = args[i].value,
                                     .interval_ms = shared.interval_ms,
                                     .history_ms = shared.history_ms,
                                     .resume = shared.resume,
                                     .from_epoch = shared.from_epoch,
                                     .from_offset = shared.from_offset};
        if (!names_topic(args[i].name, &spec))
            continue;
        char number[20];
        SG_AUTO(sg_buf_deinit) struct sg_buf filter_text;
        sg_buf_init(&filter_text, 65536);
        if (spec.by == SG__BY_TOPIC)
            rc = filter_args(args, n, &spec, &filter_text, reterr);
        if (rc < 0)
            break;
        if (spec.by != SG__BY_METRIC) {
            spec.id = sg_str_make(number, sg_u64_format(s->n_subs + UINT64_C(1), number));
            simple = false;
        }
        rc = sg__subscribe(s, &spec, reterr);
        if (rc < 0)
            (void)sg_error_wrap(reterr, "%.*s", SG_STR_ARG(args[i].name));
    }
    if (rc == 0 && s->n_subs == before)
        rc = sg_error_set(reterr, SG_EINVALID,
                          "expected at least one of the arguments metric, query, stream, topic");
    while (rc < 0 && s->n_subs > before)
        sg__session_drop_sub(s, s->n_subs - 1);
    if (rc == 0)
        s->simple = simple;
    return rc;
}
