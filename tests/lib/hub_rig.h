/* hub_rig.h - a hub on a fake clock with an engine and transports made of memory; for tests and
 * fuzz targets of the hub.
 *
 * The engine is a real publisher with one track per opened topic, whose rows the test sets. A line
 * carries bytes to a client model: it can be made slow (it keeps what it was given, says SG_EBUSY,
 * and delivers when told to drain), dead, or cut.
 */
#ifndef TESTS_LIB_HUB_RIG_H
#define TESTS_LIB_HUB_RIG_H

#include <streamgauge/frame.h>
#include <streamgauge/hub.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>

#include "client_model.h"

#define RIG_TOPICS 64
#define RIG_SERIES 64

struct rig_topic {
    char key[128];
    int64_t interval_ms;
    struct sg_track *track;
    bool wanted;
    bool present[RIG_SERIES];
    double value[RIG_SERIES];
};

struct rig {
    struct sg_hub *hub;
    struct sg_hub_hooks hooks;
    struct sg_publisher pub;
    struct sg_topic *feed;
    uint64_t feed_prev;
    int64_t now_ms;
    struct rig_topic topics[RIG_TOPICS];
    size_t n_topics;
    const struct sg_labels *labels[RIG_SERIES];
    bool refuse, busy,
        hold;  /* opens are refused by the engine; its queue is full; it does not answer */
    bool drop; /* frames are lost on the way to the edge */
    unsigned opens, closes, reports, acks, histories;
    uint64_t history_token;
    struct sg_history_request history;
};

/* The fake edge connection of one client. */
struct line {
    struct client_model *client;
    struct sg_session *session;
    struct sg_buf held; /* taken while slow, not delivered yet */
    struct sg_prng prng;
    unsigned slow_percent; /* chance that a write leaves the line behind */
    bool dead, behind, closed;
    unsigned close_code;
    char close_reason[128];
    unsigned writes;
    size_t bytes, max_held;
};

static int line_write(void *ctx, const char *data, size_t n)
{
    struct line *l = ctx;
    if (l->dead)
        return SG_EIO;
    if (l->behind || l->closed)
        cm_complain(l->client, "a write while the connection is behind or closed");
    l->writes++;
    l->bytes += n;
    /* The spare bytes in front belong to the transport. */
    volatile char spare = data[-SG_LWS_PRE];
    (void)spare;
    if (l->slow_percent && sg_prng_below(&l->prng, 100) < l->slow_percent) {
        sg_buf_append(&l->held, data, n);
        l->behind = true;
        if (l->held.len > l->max_held)
            l->max_held = l->held.len;
        return SG_EBUSY;
    }
    if (l->client)
        cm_feed(l->client, data, n);
    return 0;
}

static void line_close(void *ctx, unsigned code, const char *reason)
{
    struct line *l = ctx;
    if (l->closed)
        cm_complain(l->client, "closed twice");
    l->closed = true;
    l->close_code = code;
    snprintf(l->close_reason, sizeof(l->close_reason), "%s", reason);
}

static const struct sg_transport line_transport = {line_write, line_close};

/* ---- hooks ---- */

/* The text is its own canonical form; "bad…" does not parse, at byte 3. */
static int rig_resolve(void *ctx, enum sg_resolve_kind kind, struct sg_str text,
                       struct sg_buf *ret_key, struct sg_error *reterr)
{
    (void)ctx;
    if (sg_str_starts_with(text, SG_STR("bad")))
        return sg_error_at(reterr, SG_ESYNTAX, 3, 4, "parse error: unexpected end of input");
    if (kind == SG_RESOLVE_STREAM && !sg_str_starts_with(text, SG_STR("named")))
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no stream named '%.*s'",
                            SG_STR_ARG(text));
    return sg_buf_put_str(ret_key, text);
}

static struct rig_topic *rig_topic(struct rig *r, const char *key, int64_t interval_ms)
{
    for (size_t i = 0; i < r->n_topics; i++)
        if (r->topics[i].interval_ms == interval_ms && strcmp(r->topics[i].key, key) == 0)
            return &r->topics[i];
    if (r->n_topics == RIG_TOPICS)
        return NULL;
    struct rig_topic *t = &r->topics[r->n_topics++];
    memset(t, 0, sizeof(*t));
    snprintf(t->key, sizeof(t->key), "%s", key);
    t->interval_ms = interval_ms;
    return t;
}

static int rig_open(void *ctx, struct sg_str key, int64_t interval_ms, struct sg_error *reterr)
{
    struct rig *r = ctx;
    char text[128];
    if (r->busy)
        return sg_error_set(reterr, SG_EBUSY, "the engine's queue is full");
    snprintf(text, sizeof(text), "%.*s", SG_STR_ARG(key));
    struct rig_topic *t = rig_topic(r, text, interval_ms);
    if (!t)
        return sg_error_set(reterr, SG_ELIMIT, "too many topics");
    t->wanted = true;
    r->opens++;
    return 0;
}

static int rig_close(void *ctx, struct sg_str key, int64_t interval_ms)
{
    struct rig *r = ctx;
    char text[128];
    if (r->busy)
        return SG_EBUSY;
    snprintf(text, sizeof(text), "%.*s", SG_STR_ARG(key));
    struct rig_topic *t = rig_topic(r, text, interval_ms);
    if (t)
        t->wanted = false;
    r->closes++;
    return 0;
}

static int rig_history(void *ctx, const struct sg_history_request *rq, struct sg_error *reterr)
{
    struct rig *r = ctx;
    (void)reterr;
    r->histories++;
    r->history = *rq;
    r->history_token = rq->token;
    return 0;
}

static int rig_auth(void *ctx, struct sg_session *s, struct sg_str token, uint32_t *ret_rights,
                    struct sg_error *reterr)
{
    (void)ctx, (void)s;
    if (!sg_str_eq_c(token, "good") && !sg_str_eq_c(token, "blind"))
        return sg_error_set(reterr, SG_EDENIED, "the token is not known");
    *ret_rights = SG_RIGHT_INGEST | (sg_str_eq_c(token, "good") ? SG_RIGHT_READ : 0);
    return 0;
}

static int rig_report(void *ctx, struct sg_session *s, struct sg_str samples,
                      struct sg_error *reterr)
{
    struct rig *r = ctx;
    (void)s, (void)samples, (void)reterr;
    r->reports++;
    return 0;
}

static void rig_random(void *dst, size_t n)
{
    static struct sg_prng prng = {7};
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)dst)[i] = (uint8_t)sg_prng_next(&prng);
}

/* ---- the rig ---- */

__attribute__((unused)) static void rig_options(struct rig *r, struct sg_hub_options *o)
{
    memset(r, 0, sizeof(*r));
    r->hooks = (struct sg_hub_hooks){.resolve = rig_resolve,
                                     .open_topic = rig_open,
                                     .close_topic = rig_close,
                                     .history = rig_history,
                                     .auth = rig_auth,
                                     .report = rig_report};
    r->now_ms = INT64_C(1764000000000);
    *o = (struct sg_hub_options){.hooks = &r->hooks,
                                 .hooks_ctx = r,
                                 .epoch = UINT64_C(0x5f3a9c1e00c0ffee),
                                 .server = "streamgauge/test",
                                 .heartbeat_ms = 5000,
                                 .retry_ms = 2000,
                                 .random_bytes = rig_random,
                                 .now_ms = r->now_ms};
    sg_hub_limits_default(&o->limits);
}

__attribute__((unused)) static void rig_start(struct rig *r, const struct sg_hub_options *o)
{
    struct sg_error err = {0};
    if (sg_hub_new(o, &r->hub, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    sg_publisher_init(&r->pub, o->epoch);
    r->feed = sg_publisher_topic(&r->pub, SG_STR(""), 0);
    for (int i = 0; i < RIG_SERIES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", i);
        SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_STR("i"), sg_str_from(name));
        r->labels[i] = sg_labels_builder_build(&b);
    }
}

__attribute__((unused)) static void rig_init(struct rig *r)
{
    struct sg_hub_options o;
    rig_options(r, &o);
    rig_start(r, &o);
}

__attribute__((unused)) static void rig_deinit(struct rig *r)
{
    sg_hub_free(r->hub);
    for (size_t i = 0; i < r->n_topics; i++)
        sg_track_free(r->topics[i].track);
    for (int i = 0; i < RIG_SERIES; i++)
        sg_labels_unref(r->labels[i]);
    sg_topic_unref(r->feed);
}

static void rig_send_take(struct rig *r, struct sg_frame *f)
{
    if (f && !r->drop)
        sg_hub_apply(r->hub, f);
    sg_frame_unref(f);
}

static struct sg_frame *rig_eval(struct rig *r, struct rig_topic *t)
{
    const struct sg_labels *labels[RIG_SERIES];
    double value[RIG_SERIES];
    size_t n = 0;
    for (size_t i = 0; i < RIG_SERIES; i++) {
        if (!t->present[i])
            continue;
        labels[n] = r->labels[i];
        value[n++] = t->value[i];
    }
    struct sg_rows rows = {.n = n, .labels = labels, .value = value};
    return sg_track_update(t->track, r->now_ms, &rows, NULL);
}

/* The engine's turn: opens what is asked for, evaluates everything; frames go to the hub, which is
 * not flushed. */
static void rig_tick(struct rig *r)
{
    for (size_t i = 0; i < r->n_topics && !r->hold; i++) {
        struct rig_topic *t = &r->topics[i];
        if (!t->track && !t->wanted)
            continue;
        if (!t->track && r->refuse) {
            struct sg_error err = {.code = SG_ELIMIT, .text = "limit of 0 streams reached"};
            t->wanted = false;
            rig_send_take(r, sg_publisher_refused(&r->pub, sg_str_from(t->key), t->interval_ms,
                                                  r->now_ms, &err));
            continue;
        }
        if (!t->track) {
            struct sg_topic *topic =
                sg_publisher_topic(&r->pub, sg_str_from(t->key), t->interval_ms);
            t->track = sg_track_new(&r->pub, topic, RIG_SERIES, 1000);
            sg_topic_unref(topic);
        }
        rig_send_take(r, rig_eval(r, t));
    }
}

__attribute__((unused)) static void rig_flush(struct rig *r)
{
    sg_hub_flush(r->hub, r->now_ms);
}

/* The engine's tick, the edge's flush, and 100 ms go by. */
__attribute__((unused)) static void rig_step(struct rig *r)
{
    rig_tick(r);
    rig_flush(r);
    r->now_ms += 100;
}

__attribute__((unused)) static void rig_note(struct rig *r, int id, const char *severity)
{
    char json[256];
    int n =
        snprintf(json, sizeof(json),
                 "{\"id\":%d,\"type\":\"%s\",\"title\":\"t\",\"status\":\"firing\"}", id, severity);
    rig_send_take(r, sg_publisher_notification(&r->pub, r->feed, &r->feed_prev, r->now_ms,
                                               sg_str_make(json, (size_t)n), sg_str_from(severity),
                                               r->labels[id % RIG_SERIES]));
}

__attribute__((unused)) static void rig_resync(struct rig *r)
{
    rig_send_take(r, sg_publisher_resync(&r->pub, false, r->now_ms));
    for (size_t i = 0; i < r->n_topics; i++)
        if (r->topics[i].track)
            rig_send_take(r, sg_track_full(r->topics[i].track));
    rig_send_take(r, sg_publisher_resync(&r->pub, true, r->now_ms));
}

/* ---- lines ---- */

__attribute__((unused)) static void line_open(struct rig *r, struct line *l,
                                              struct client_model *client, enum sg_wire wire,
                                              enum sg_dialect dialect)
{
    struct sg_error err = {0};
    struct sg_session_options so = {.wire = wire,
                                    .dialect = dialect,
                                    .transport = &line_transport,
                                    .ctx = l,
                                    .rights = SG_RIGHT_READ | SG_RIGHT_INGEST};
    memset(l, 0, sizeof(*l));
    l->client = client;
    l->prng.state = 42;
    sg_buf_init(&l->held, (size_t)1 << 28);
    client->notes_dialect = dialect == SG_DIALECT_NOTES;
    if (sg_session_open(r->hub, &so, &l->session, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
}

/* Delivers what a slow line holds. */
__attribute__((unused)) static void line_drain(struct line *l)
{
    if (!l->behind)
        return;
    l->behind = false;
    cm_feed(l->client, l->held.data, l->held.len);
    sg_buf_reset(&l->held);
    if (l->session && !l->closed)
        sg_session_writable(l->session);
}

/* The connection goes; what a slow line holds is lost. */
__attribute__((unused)) static void line_cut(struct line *l)
{
    if (l->session)
        sg_session_closed(l->session);
    l->session = NULL;
    sg_buf_deinit(&l->held);
}

__attribute__((unused)) static void line_say(struct line *l, const char *text)
{
    sg_session_receive(l->session, sg_str_from(text));
}

__attribute__((unused)) static void line_subscribe(struct line *l, const char *id,
                                                   const char *query)
{
    char text[512];
    cm_expect(l->client, id);
    snprintf(text, sizeof(text),
             "{\"action\":\"subscribe\",\"id\":\"%s\",\"query\":\"%s\",\"interval\":\"100ms\"}", id,
             query);
    line_say(l, text);
}

/* NULL when the subscription shows exactly what the engine has, else what differs. Absent series
 * may be null or gone. */
__attribute__((unused)) static const char *rig_compare(struct rig *r, const struct rig_topic *t,
                                                       const struct cm_sub *s)
{
    static char text[256];
    for (int i = 0; i < RIG_SERIES; i++) {
        char labels[32], want[32];
        snprintf(labels, sizeof(labels), "{\"i\":\"%d\"}", i);
        const char *have = cm_value(s, labels);
        if (t->present[i])
            snprintf(want, sizeof(want), "%.17g", t->value[i]);
        else
            snprintf(want, sizeof(want), "null");
        bool same =
            have && (t->present[i] && strcmp(have, "null") != 0 ? strtod(have, NULL) == t->value[i]
                                                                : strcmp(have, want) == 0);
        if (!same && (have || t->present[i])) {
            snprintf(text, sizeof(text), "%s of %s: client has %s, engine %s", labels, t->key,
                     have ? have : "(nothing)", want);
            return text;
        }
    }
    (void)r;
    return NULL;
}

/* Changes some of a topic's series at random: values, arrivals, departures. */
__attribute__((unused)) static void rig_shake(struct rig_topic *t, struct sg_prng *g,
                                              unsigned changes)
{
    for (unsigned k = 0; k < changes; k++) {
        size_t i = sg_prng_below(g, RIG_SERIES);
        uint64_t what = sg_prng_below(g, 10);
        if (what < 2)
            t->present[i] = false;
        else if (what < 4 || t->present[i]) {
            t->present[i] = true;
            t->value[i] = (double)sg_prng_below(g, 1000) / 8;
        }
    }
}

#endif
