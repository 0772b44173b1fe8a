/* live.c - all streams: opening, sharing and lingering, the ticks and their budget, and the
 * notification feed.
 *
 * Each base tick: what is due is evaluated at the newest multiple of its interval, in turn, until
 * the budget is used up; what is left is counted, waits for its next tick, and is the first in line
 * then. One querier serves the whole tick, so all streams of a tick see the same samples.
 */
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/hashtab.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "live/leaf.h"
#include "live/stream.h"

/* Notifications kept to repeat them to an edge that lost frames. */
#define NOTES_KEPT 256

struct sg_live {
    struct sg_live_options opt;
    struct sg_publisher *publisher;
    struct sg_promql_graph *graph;
    struct sg__catalog catalog; /* of windows; its store may be NULL */
    struct sg_live_stats stats;
    struct sg__stream **streams; /* in order of opening */
    size_t n_streams, cap_streams;
    struct sg_hashtab by_key;           /* the same by key and interval */
    size_t turn;                        /* index the next tick starts with */
    struct sg_promql_eval_options eval; /* the owner's, with our deadline */
    uint64_t deadline_ns;               /* of the evaluation that runs; 0: none */
    uint64_t spent_ns;                  /* on evaluations since the last tick began */
    uint64_t making_ns;                 /* on making and ending streams since then */
    int64_t now_ms;                     /* the newest tick */
    int64_t heavy_until_ms;             /* no heavy stream is evaluated before */
    int64_t heartbeat_due_ms;
    bool session;            /* the graph's results are of this tick's samples */
    struct sg_querier rules; /* ops NULL: not open */
    struct sg_topic *feed;
    uint64_t feed_prev;
    struct sg_frame *notes[NOTES_KEPT]; /* ring */
    size_t n_notes;                     /* ever */
};

#define STAT_ADD(l, field, n)                                                                      \
    atomic_fetch_add_explicit(&(l)->stats.field, (unsigned long long)(n), memory_order_relaxed)
#define STAT_SET(l, field, n)                                                                      \
    atomic_store_explicit(&(l)->stats.field, (unsigned long long)(n), memory_order_relaxed)

/* ---- control messages ---- */

struct sg_control *sg_control_new(enum sg_control_kind kind, uint32_t edge, struct sg_str key,
                                  int64_t interval_ms)
{
    SG_ASSERT(edge < SG_EDGES_MAX && key.n < UINT32_MAX);
    struct sg_control *c = sg_calloc(1, sizeof(*c) + key.n + 1);
    c->kind = kind;
    c->edge = edge;
    c->interval_ms = interval_ms;
    c->key_len = (uint32_t)key.n;
    if (key.n)
        memcpy(c->key, key.p, key.n);
    return c;
}

size_t sg_control_weight(const struct sg_control *c)
{
    return sizeof(*c) + c->key_len + 1;
}

void sg_control_free(struct sg_control *c)
{
    sg_free(c);
}

/* ---- life ---- */

void sg_live_options_default(struct sg_live_options *opt)
{
    *opt = (struct sg_live_options){.tick_ms = 100,
                                    .linger_ms = 60000,
                                    .heartbeat_ms = 5000,
                                    .forget_min_ms = 60000,
                                    .max_streams = 1000,
                                    .max_series = 10000,
                                    .budget_ns = 80 * 1000 * 1000,
                                    .max_eval_ns = 1000 * 1000 * 1000,
                                    .max_window_bytes = UINT64_C(1) << 30,
                                    .max_graph_bytes = UINT64_C(1) << 30,
                                    .long_window_ms = 15 * 60 * 1000};
}

static uint64_t clock_ns(const struct sg_live *l)
{
    return l->opt.hooks.clock_ns ? l->opt.hooks.clock_ns(l->opt.hooks.ctx) : 0;
}

/* What the evaluator asks from time to time. */
static int past_deadline(void *ctx)
{
    const struct sg_live *l = ctx;
    return l->deadline_ns && clock_ns(l) > l->deadline_ns ? SG_ETIMEOUT : 0;
}

static void start_catalog(struct sg_live *l)
{
    const struct sg_promql_eval_options *eval = &l->eval;
    if (l->opt.eval)
        l->eval = *l->opt.eval;
    if (l->opt.hooks.clock_ns) {
        l->eval.stop = past_deadline;
        l->eval.stop_ctx = l;
    }
    struct sg_promql_leaves leaves = sg__leaves(&l->catalog);
    int64_t lookback_ms = eval->lookback_ms > 0 ? eval->lookback_ms : SG_PROMQL_LOOKBACK_MS;
    l->catalog = (struct sg__catalog){.store = l->opt.store,
                                      .session = 1,
                                      .lookback_ms = lookback_ms,
                                      .long_ms = l->opt.long_window_ms,
                                      .max_bytes = l->opt.max_window_bytes};
    if (l->opt.store)
        l->catalog.position = sg_store_journal_open(l->opt.store);
    l->graph = sg_promql_graph_new(eval, l->opt.store ? &leaves : NULL);
    sg_promql_graph_limit(l->graph, l->opt.max_graph_bytes);
}

/* Samples may have come since the last evaluation. */
static void begin_session(struct sg_live *l)
{
    sg_promql_graph_begin(l->graph);
    sg__catalog_begin(&l->catalog);
    l->session = true;
}

int sg_live_new(const struct sg_live_options *opt, struct sg_publisher *publisher,
                struct sg_live **ret, struct sg_error *reterr)
{
    if (!opt->hooks.publish || !opt->hooks.open_querier)
        return sg_error_set(reterr, SG_EINVALID, "live: publish and open_querier are needed");
    if (opt->tick_ms <= 0 || publisher->next_topic != SG_TOPIC_NOTIFICATIONS)
        return sg_error_set(reterr, SG_EINVALID,
                            "live: the tick is not positive, or the "
                            "publisher has topics already");
    struct sg_live *l = sg_calloc(1, sizeof(*l));
    l->opt = *opt;
    l->publisher = publisher;
    start_catalog(l);
    l->feed = sg_publisher_topic(publisher, SG_STR(""), 0);
    l->heartbeat_due_ms = INT64_MIN;
    *ret = l;
    return 0;
}

void sg_live_free(struct sg_live *l)
{
    if (!l)
        return;
    sg_live_roots_end(l);
    for (size_t i = 0; i < l->n_streams; i++)
        sg__stream_free(l->streams[i]);
    for (size_t i = 0; i < NOTES_KEPT; i++)
        sg_frame_unref(l->notes[i]);
    sg_topic_unref(l->feed);
    sg_promql_graph_free(l->graph);
    sg_hashtab_deinit(&l->catalog.feeds);
    sg_free(l->streams);
    sg_hashtab_deinit(&l->by_key);
    sg_free(l);
}

const struct sg_live_stats *sg_live_get_stats(const struct sg_live *l)
{
    return &l->stats;
}

/* Hands a frame over and lets go of it. */
static void publish_take(struct sg_live *l, uint32_t edge, struct sg_frame *f)
{
    if (!f)
        return;
    STAT_ADD(l, frames, 1);
    l->opt.hooks.publish(l->opt.hooks.ctx, edge, f);
    sg_frame_unref(f);
}

/* ---- opening and closing ---- */

static uint64_t hash_of(struct sg_str key, int64_t interval_ms)
{
    return sg_hash64(key.p, key.n) ^ sg_hash_mix((uint64_t)interval_ms);
}

static struct sg__stream *find(const struct sg_live *live, struct sg_str key, int64_t interval_ms)
{
    uint64_t hash = hash_of(key, interval_ms);
    for (struct sg_hashlink *l = sg_hashtab_first(&live->by_key, hash); l; l = sg_hashtab_next(l)) {
        struct sg__stream *s = SG_CONTAINER_OF(l, struct sg__stream, by_key);
        if (s->interval_ms == interval_ms && sg_str_eq(sg__stream_key(s), key))
            return s;
    }
    return NULL;
}

static void add_stream_take(struct sg_live *l, struct sg__stream *s)
{
    l->streams = sg_grow(l->streams, &l->cap_streams, l->n_streams + 1, sizeof(*l->streams));
    l->streams[l->n_streams++] = s;
    STAT_SET(l, streams, l->n_streams);
    sg_hashtab_add(&l->by_key, &s->by_key, hash_of(sg__stream_key(s), s->interval_ms));
}

/* A heavy stream takes its turn; while it is another's, a stream of unknown cost gets no more than
 * the budget. */
static void limit_time(struct sg_live *l, uint64_t before, int64_t now_ms)
{
    bool turn = now_ms >= l->heavy_until_ms || !l->opt.budget_ns;
    uint64_t most = turn ? l->opt.max_eval_ns : l->opt.budget_ns;
    l->deadline_ns = most ? before + most : 0;
}

static void weigh(struct sg_live *l, struct sg__stream *s, int64_t now_ms)
{
    s->heavy = l->opt.budget_ns && s->last_ns > l->opt.budget_ns / 2;
    if (s->heavy)
        l->heavy_until_ms = now_ms + (int64_t)(s->last_ns / (1000 * 1000)) * 4;
    if (s->timed_out)
        STAT_ADD(l, timeouts, 1);
}

static void evaluate(struct sg_live *l, struct sg__stream *s, struct sg_querier *q, int64_t tick_ms,
                     int64_t now_ms)
{
    uint64_t before = clock_ns(l), errors = s->errors;
    limit_time(l, before, now_ms);
    publish_take(l, SG_ALL_EDGES, sg__stream_eval(s, q, tick_ms));
    l->deadline_ns = 0;
    s->last_ns = clock_ns(l) - before;
    s->eval_ns += s->last_ns;
    l->spent_ns += s->last_ns;
    s->evaluated_ms = tick_ms;
    s->next_ms = tick_ms + s->interval_ms;
    weigh(l, s, now_ms);
    STAT_ADD(l, evaluations, 1);
    STAT_ADD(l, eval_ns, s->last_ns);
    STAT_ADD(l, eval_errors, s->errors - errors);
}

static int open_stream(struct sg_live *l, const struct sg_control *c, struct sg__stream **ret,
                       struct sg_error *reterr)
{
    if (l->n_streams >= l->opt.max_streams)
        return sg_error_set(reterr, SG_ELIMIT, "limit of %u distinct streams reached",
                            l->opt.max_streams);
    if (c->interval_ms < l->opt.tick_ms)
        return sg_error_set(reterr, SG_EINVALID, "the interval is shorter than the base tick");
    int64_t forget_ms = c->interval_ms < INT64_MAX / 10 ? c->interval_ms * 10 : INT64_MAX;
    struct sg__stream_options so = {
        .publisher = l->publisher,
        .graph = l->graph,
        .max_series = l->opt.max_series,
        .forget_ms = forget_ms > l->opt.forget_min_ms ? forget_ms : l->opt.forget_min_ms};
    return sg__stream_new(&so, sg_str_make(c->key, c->key_len), c->interval_ms, ret, reterr);
}

/* A querier for evaluations under our deadline. */
static int open_querier(struct sg_live *l, struct sg_querier *ret)
{
    int rc = l->opt.hooks.open_querier(l->opt.hooks.ctx, ret);
    if (rc < 0)
        return rc;
    ret->stop = past_deadline;
    ret->stop_ctx = l;
    return 0;
}

/* The first evaluation, at once. Without a querier, or when this tick's time is used up, the stream
 * is simply due. */
static void first_evaluation(struct sg_live *l, struct sg__stream *s, int64_t now_ms)
{
    struct sg_querier q = {0};
    s->next_ms = sg_time_align(now_ms, s->interval_ms);
    s->evaluated_ms = s->next_ms - s->interval_ms;
    if ((l->opt.budget_ns && l->spent_ns >= l->opt.budget_ns) || open_querier(l, &q) < 0)
        return;
    begin_session(l);
    evaluate(l, s, &q, s->next_ms, now_ms);
    q.ops->close(&q);
}

bool sg_live_takes_controls(const struct sg_live *l)
{
    return !l->opt.budget_ns || l->making_ns < l->opt.budget_ns / 2;
}

static void control_open(struct sg_live *l, const struct sg_control *c, int64_t now_ms)
{
    uint64_t bit = UINT64_C(1) << c->edge;
    struct sg__stream *s = find(l, sg_str_make(c->key, c->key_len), c->interval_ms);
    if (s) {
        /* Most edges have it already and ignore this; one that asks again has missed it. */
        s->edges |= bit;
        publish_take(l, c->edge, sg_track_full(s->track));
        return;
    }
    struct sg_error err = {0};
    uint64_t before = clock_ns(l);
    int rc = open_stream(l, c, &s, &err);
    l->making_ns += clock_ns(l) - before;
    if (rc < 0) {
        STAT_ADD(l, refused, 1);
        publish_take(l, c->edge,
                     sg_publisher_refused(l->publisher, sg_str_make(c->key, c->key_len),
                                          c->interval_ms, now_ms, &err));
        return;
    }
    add_stream_take(l, s);
    s->edges = bit;
    first_evaluation(l, s, now_ms);
}

void sg_live_control_take(struct sg_live *l, struct sg_control *c, int64_t now_ms)
{
    if (c->kind == SG_CONTROL_OPEN) {
        control_open(l, c, now_ms);
    } else {
        struct sg__stream *s = find(l, sg_str_make(c->key, c->key_len), c->interval_ms);
        if (s && s->edges) {
            s->edges &= ~(UINT64_C(1) << c->edge);
            if (!s->edges)
                s->linger_ms = now_ms + l->opt.linger_ms;
        }
    }
    sg_control_free(c);
}

/* Ends what nobody has wanted for the linger time, as far as this tick's time goes. Keeps the order
 * of the others. */
static void end_lingering(struct sg_live *l, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->n_streams; i++) {
        struct sg__stream *s = l->streams[i];
        if (!s->edges && s->linger_ms > now_ms + l->opt.linger_ms)
            s->linger_ms = now_ms + l->opt.linger_ms; /* the clock stepped back */
        if (s->edges || now_ms < s->linger_ms || !sg_live_takes_controls(l)) {
            l->streams[kept++] = s;
            continue;
        }
        uint64_t before = clock_ns(l);
        publish_take(l, SG_ALL_EDGES, sg_track_closed(s->track, now_ms));
        sg_hashtab_remove(&l->by_key, &s->by_key);
        sg__stream_free(s);
        l->making_ns += clock_ns(l) - before;
    }
    l->n_streams = kept;
    STAT_SET(l, streams, kept);
}

/* ---- ticks ---- */

static bool is_due(struct sg__stream *s, int64_t now_ms)
{
    if (s->next_ms > now_ms + s->interval_ms) /* the clock stepped back */
        s->next_ms = sg_time_align(now_ms, s->interval_ms) + s->interval_ms;
    return now_ms >= s->next_ms;
}

static void missed(struct sg_live *l, struct sg__stream *s, int64_t ticks)
{
    s->missed += (uint64_t)ticks;
    STAT_ADD(l, ticks_missed, ticks);
}

static void tick_stream(struct sg_live *l, struct sg__stream *s, struct sg_querier *q,
                        int64_t now_ms, bool in_budget)
{
    int64_t tick_ms = sg_time_align(now_ms, s->interval_ms);
    missed(l, s, (tick_ms - s->next_ms) / s->interval_ms);
    if (in_budget && (!s->heavy || now_ms >= l->heavy_until_ms)) {
        evaluate(l, s, q, tick_ms, now_ms);
        return;
    }
    missed(l, s, 1);
    STAT_ADD(l, over_budget, 1);
    s->next_ms = tick_ms + s->interval_ms;
}

static void evaluate_due(struct sg_live *l, int64_t now_ms)
{
    struct sg_querier q = {0};
    bool open = false, in_budget = true;
    uint64_t start = clock_ns(l);
    l->spent_ns = 0;
    size_t first = l->n_streams ? l->turn % l->n_streams : 0;
    for (size_t k = 0; k < l->n_streams; k++) {
        size_t i = (first + k) % l->n_streams;
        if (!is_due(l->streams[i], now_ms))
            continue;
        if (!open && open_querier(l, &q) < 0)
            return; /* all queriers are taken: what is due stays due */
        if (!open)
            begin_session(l);
        open = true;
        if (in_budget && l->opt.budget_ns && clock_ns(l) - start >= l->opt.budget_ns && k > 0) {
            in_budget = false;
            l->turn = i; /* the first to go without is the first next time */
        }
        uint64_t evaluations = l->streams[i]->evaluations;
        tick_stream(l, l->streams[i], &q, now_ms, in_budget);
        if (in_budget && l->streams[i]->heavy && l->streams[i]->evaluations > evaluations)
            l->turn = i + 1; /* heavy streams take turns */
    }
    if (open)
        q.ops->close(&q);
    STAT_SET(l, last_tick_ns, clock_ns(l) - start);
}

static void count_series(struct sg_live *l)
{
    uint64_t series = 0, left_out = 0;
    for (size_t i = 0; i < l->n_streams; i++) {
        series += sg_track_series(l->streams[i]->track);
        left_out += l->streams[i]->left_out;
    }
    STAT_SET(l, series, series);
    STAT_SET(l, series_left_out, left_out);
    const struct sg_promql_graph_stats *g = sg_promql_graph_get_stats(l->graph);
    STAT_SET(l, nodes, g->nodes);
    STAT_SET(l, nodes_incremental, g->incremental);
    STAT_SET(l, node_evaluations, g->evaluations);
    STAT_SET(l, node_shared, g->shared);
    STAT_SET(l, node_fallbacks, g->fallbacks);
    STAT_SET(l, graph_bytes, g->bytes);
    STAT_SET(l, window_bytes, l->catalog.bytes);
    STAT_SET(l, window_rebuilds, l->catalog.rebuilds);
}

void sg_live_tick(struct sg_live *l, int64_t now_ms)
{
    l->now_ms = now_ms;
    l->session = false;
    l->making_ns = 0;
    evaluate_due(l, now_ms);
    end_lingering(l, now_ms);
    count_series(l);
    if (!l->opt.heartbeat_ms)
        return;
    if (l->heartbeat_due_ms > now_ms + l->opt.heartbeat_ms)
        l->heartbeat_due_ms = now_ms; /* the clock stepped back */
    if (now_ms >= l->heartbeat_due_ms) {
        l->heartbeat_due_ms = sg_time_align(now_ms, l->opt.heartbeat_ms) + l->opt.heartbeat_ms;
        publish_take(l, SG_ALL_EDGES, sg_publisher_heartbeat(l->publisher, now_ms));
    }
}

/* ---- notifications, repair, inspection ---- */

static void keep_note(struct sg_live *l, const struct sg_frame *f)
{
    struct sg_frame **kept = &l->notes[l->n_notes++ % NOTES_KEPT];
    sg_frame_unref(*kept);
    *kept = sg_frame_ref(f);
}

uint64_t sg_live_notify(struct sg_live *l, int64_t now_ms, struct sg_str json,
                        struct sg_str severity, const struct sg_labels *labels)
{
    struct sg_frame *f = sg_publisher_notification(l->publisher, l->feed, &l->feed_prev, now_ms,
                                                   json, severity, labels);
    keep_note(l, f);
    publish_take(l, SG_ALL_EDGES, f);
    return l->feed_prev;
}

void sg_live_restore(struct sg_live *l, const struct sg_live_note *note)
{
    struct sg_publisher then = {.epoch = l->publisher->epoch, .offset = note->offset - 1};
    if (!l->n_notes)
        l->feed_prev = note->prev;
    SG_ASSERT(note->offset > l->feed_prev && note->offset <= l->publisher->offset);
    struct sg_frame *f = sg_publisher_notification(&then, l->feed, &l->feed_prev, note->time_ms,
                                                   note->json, note->severity, note->labels);
    keep_note(l, f);
    sg_frame_unref(f);
}

/* ---- the graph, for rules ---- */

int sg_live_root_add(struct sg_live *l, struct sg_promql *q, struct sg_promql_root **ret,
                     struct sg_error *reterr)
{
    sg_promql_graph_limit(l->graph, 0); /* rules are the operator's: streams make room for them */
    int rc = sg_promql_graph_add_take(l->graph, q, ret, reterr);
    sg_promql_graph_limit(l->graph, l->opt.max_graph_bytes);
    return rc;
}

void sg_live_root_remove(struct sg_live *l, struct sg_promql_root *root)
{
    (void)l;
    sg_promql_graph_remove(root);
}

void sg_live_roots_end(struct sg_live *l)
{
    if (l->rules.ops)
        l->rules.ops->close(&l->rules);
    l->rules.ops = NULL;
}

void sg_live_roots_begin(struct sg_live *l)
{
    sg_live_roots_end(l);
    l->session = false;
}

static int open_rules(struct sg_live *l, struct sg_error *reterr)
{
    if (!l->session)
        begin_session(l);
    int rc = l->rules.ops ? 0 : open_querier(l, &l->rules);
    if (rc < 0) {
        l->rules.ops = NULL;
        return sg_error_set(reterr, (enum sg_errc)rc, "too many queries at work");
    }
    l->deadline_ns = l->opt.max_eval_ns ? clock_ns(l) + l->opt.max_eval_ns : 0;
    return 0;
}

static int closed_rules(struct sg_live *l, int rc, struct sg_error *reterr)
{
    l->deadline_ns = 0;
    return rc == SG_ETIMEOUT ? sg_error_set(reterr, SG_ETIMEOUT, "the evaluation took too long")
                             : rc;
}

int sg_live_root_eval(struct sg_live *l, struct sg_promql_root *root, int64_t time_ms,
                      struct sg_promql_view *ret, struct sg_error *reterr)
{
    int rc = open_rules(l, reterr);
    if (rc < 0)
        return rc;
    sg_promql_graph_limit(l->graph, 0);
    rc = sg_promql_graph_eval(root, &l->rules, time_ms, ret, reterr);
    sg_promql_graph_limit(l->graph, l->opt.max_graph_bytes);
    return closed_rules(l, rc, reterr);
}

int sg_live_query(struct sg_live *l, struct sg_str expr, int64_t time_ms,
                  struct sg_promql_result *ret, struct sg_error *reterr)
{
    struct sg_promql *q;
    struct sg_promql_plan *plan = NULL;
    *ret = (struct sg_promql_result){0};
    int rc = sg_promql_parse(expr, NULL, &q, reterr);
    if (rc < 0)
        return rc;
    rc = sg_promql_prepare(q, &l->eval, &plan, reterr);
    if (rc == 0)
        rc = open_rules(l, reterr);
    if (rc == 0)
        rc = closed_rules(l, sg_promql_eval(plan, &l->rules, SG_PROMQL_AT(time_ms), ret, reterr),
                          reterr);
    sg_promql_plan_free(plan);
    sg_promql_free(q);
    return rc;
}

void sg_live_resync(struct sg_live *l, uint32_t edge)
{
    publish_take(l, edge, sg_publisher_resync(l->publisher, false, 0));
    for (size_t i = 0; i < l->n_streams; i++)
        publish_take(l, edge, sg_track_full(l->streams[i]->track));
    size_t n = l->n_notes < NOTES_KEPT ? l->n_notes : NOTES_KEPT;
    for (size_t i = l->n_notes - n; i < l->n_notes; i++)
        publish_take(l, edge, sg_frame_ref(l->notes[i % NOTES_KEPT]));
    publish_take(l, edge, sg_publisher_resync(l->publisher, true, 0));
}

static int64_t lag_ms(const struct sg_live *l, const struct sg__stream *s)
{
    int64_t lag = sg_time_align(l->now_ms, s->interval_ms) - s->evaluated_ms;
    return lag > 0 ? lag : 0; /* opened between ticks, or the clock stepped back */
}

void sg_live_each(const struct sg_live *l,
                  void (*each)(void *ctx, const struct sg_live_stream_info *info), void *ctx)
{
    for (size_t i = 0; i < l->n_streams; i++) {
        const struct sg__stream *s = l->streams[i];
        struct sg_live_stream_info info = {.key = sg__stream_key(s),
                                           .number = sg_track_topic(s->track)->number,
                                           .interval_ms = s->interval_ms,
                                           .series = sg_track_series(s->track),
                                           .edges = (uint32_t)__builtin_popcountll(s->edges),
                                           .viewers = sg_track_topic(s->track)->viewers,
                                           .evaluations = s->evaluations,
                                           .eval_ns = s->eval_ns,
                                           .last_ns = s->last_ns,
                                           .missed = s->missed,
                                           .lag_ms = lag_ms(l, s),
                                           .errors = s->errors,
                                           .samples = s->samples,
                                           .failing = s->failing};
        if (s->root)
            sg_promql_root_nodes(s->root, &info.nodes, &info.shared_nodes);
        each(ctx, &info);
    }
}
