/* hub.c - the edge's hub: settling (groups, then attention), rates, and the chores of every second.
 */
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/sse.h>

#include "hub/hub_priv.h"

#define CHORES_MS 1000
#define REOPEN_MS 5000 /* a topic that does not come is asked for again */
#define FORGET_MIRROR_MS (10 * 60 * 1000)
#define SCRATCH_MAX ((size_t)256 << 20) /* largest single block */
#define SCRATCH_KEEP ((size_t)4 << 20)  /* memory for it that is kept between flushes */

void sg_hub_limits_default(struct sg_hub_limits *l)
{
    *l = (struct sg_hub_limits){.sessions = 20000,
                                .subscriptions_per_session = 100,
                                .topics = 10000,
                                .message_bytes = 65536,
                                .message_depth = 16,
                                .actions_per_message = 200,
                                .actions_per_s = 100,
                                .expression_bytes = 16384,
                                .id_bytes = 128,
                                .history_points = 11000,
                                .ring_frames = 1024,
                                .ring_bytes = (size_t)4 << 20,
                                .ring_age_ms = 5 * 60 * 1000,
                                .total_ring_bytes = (size_t)256 << 20,
                                .session_out_bytes = (size_t)4 << 20,
                                .min_interval_ms = 100,
                                .max_interval_ms = 24 * 3600 * 1000,
                                .stuck_after_ms = 60000,
                                .auth_deadline_ms = 10000,
                                .comment_ms = 15000};
}

static int check_options(const struct sg_hub_options *o, struct sg_error *reterr)
{
    const struct sg_hub_limits *l = &o->limits;
    if (!o->hooks || !o->hooks->resolve || !o->hooks->open_topic || !o->server)
        return sg_error_set(reterr, SG_EINVALID, "hub: resolve, open_topic and server are needed");
    if (o->edge >= SG_EDGES_MAX || l->min_interval_ms <= 0 ||
        l->max_interval_ms < l->min_interval_ms || !l->ring_frames || !l->actions_per_s)
        return sg_error_set(reterr, SG_EINVALID, "hub: a limit or the edge is out of range");
    return 0;
}

int sg_hub_new(const struct sg_hub_options *opt, struct sg_hub **ret, struct sg_error *reterr)
{
    int rc = check_options(opt, reterr);
    if (rc < 0)
        return rc;
    struct sg_hub *hub = sg_calloc(1, sizeof(*hub));
    hub->hooks = opt->hooks;
    hub->hooks_ctx = opt->hooks_ctx;
    hub->opt = *opt;
    hub->limits = opt->limits;
    hub->now_ms = opt->now_ms;
    hub->comment_due_ms = opt->now_ms + hub->limits.comment_ms;
    hub->chores_due_ms = opt->now_ms + CHORES_MS;
    sg_list_init(&hub->sessions);
    sg_list_init(&hub->attention);
    sg_list_init(&hub->behind);
    sg_list_init(&hub->guests);
    sg_list_init(&hub->dirty_groups);
    sg_buf_init(&hub->scratch, SCRATCH_MAX);
    sg_buf_init(&hub->json, SCRATCH_MAX);
    sg_deflater_init(&hub->deflater, opt->deflate_bits ? opt->deflate_bits : 15,
                     opt->deflate_level ? opt->deflate_level : 1);
    struct sg_topic *feed = sg_topic_new(SG_TOPIC_NOTIFICATIONS, SG_STR(""), 0);
    hub->feed = sg__mirror_new(hub, SG_STR(""), 0);
    hub->feed->is_feed = hub->feed->opened = true;
    hub->feed_awaited = opt->await_feed;
    sg__mirror_set_topic(hub->feed, feed);
    sg_topic_unref(feed);
    *ret = hub;
    return 0;
}

void sg_hub_free(struct sg_hub *hub)
{
    if (!hub)
        return;
    while (!sg_list_empty(&hub->sessions))
        sg_session_closed(SG_CONTAINER_OF(hub->sessions.next, struct sg_session, all));
    for (struct sg_hashlink *l; (l = sg_hashtab_any(&hub->mirrors_by_key));) {
        struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
        sg__mirror_free(m);
    }
    sg_hashtab_deinit(&hub->mirrors_by_key);
    sg_hashtab_deinit(&hub->mirrors_by_number);
    sg_hashtab_deinit(&hub->sessions_by_id);
    sg_hashtab_deinit(&hub->groups);
    sg_hashtab_deinit(&hub->by_token);
    sg_frame_unref(hub->heartbeat);
    sg_frame_unref(hub->last_heartbeat);
    sg_deflater_deinit(&hub->deflater);
    sg_buf_deinit(&hub->scratch);
    sg_buf_deinit(&hub->json);
    sg_free(hub->pieces.at);
    sg_free(hub->news);
    sg_free(hub->due);
    sg_free(hub);
}

const struct sg_hub_stats *sg_hub_get_stats(const struct sg_hub *hub)
{
    return &hub->stats;
}

/* ---- settling ---- */

static void dirty(struct sg_hub *hub, struct sg__group *g)
{
    if (sg_list_empty(&g->dirty))
        sg_list_append(&hub->dirty_groups, &g->dirty);
}

static void mark_groups(struct sg_hub *hub)
{
    for (size_t i = 0; i < hub->n_news; i++) {
        hub->news[i]->in_news = false;
        SG_LIST_FOREACH(fnode, &hub->news[i]->flavours)
        {
            struct sg__flavour *f = SG_CONTAINER_OF(fnode, struct sg__flavour, of_mirror);
            SG_LIST_FOREACH(gnode, &f->groups)
            dirty(hub, SG_CONTAINER_OF(gnode, struct sg__in_group, of_flavour)->group);
        }
    }
    hub->n_news = 0;
    if (!hub->heartbeat)
        return;
    for (size_t i = 0; hub->groups.n && i <= hub->groups.mask; i++)
        for (struct sg_hashlink *l = hub->groups.buckets[i]; l; l = l->next)
            dirty(hub, SG_CONTAINER_OF(l, struct sg__group, link));
}

static void flush_groups(struct sg_hub *hub)
{
    hub->flushing = true;
    if (hub->heartbeat)
        sg__heartbeat_check(hub);
    mark_groups(hub);
    while (!sg_list_empty(&hub->dirty_groups)) {
        struct sg__group *g = SG_CONTAINER_OF(hub->dirty_groups.next, struct sg__group, dirty);
        sg_list_remove(&g->dirty);
        sg__group_flush(hub, g);
    }
    hub->flushed = hub->newest;
    if (hub->healed)
        hub->holed = hub->healed = false;
    hub->flushing = false;
    if (hub->heartbeat) {
        sg_frame_unref(hub->last_heartbeat);
        hub->last_heartbeat = hub->heartbeat;
        hub->heartbeat = NULL;
    }
}

void sg__hub_settle(struct sg_hub *hub)
{
    hub->round++;
    if (hub->n_news || hub->heartbeat)
        flush_groups(hub);
    while (!sg_list_empty(&hub->attention)) {
        struct sg_session *s = SG_CONTAINER_OF(hub->attention.next, struct sg_session, attention);
        sg_list_remove(&s->attention);
        if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind))
            sg__session_catch_up(s, !s->gap_ms || s->left);
    }
}

/* ---- rights ---- */

void sg_hub_judge(struct sg_hub *hub, bool (*judge)(void *ctx, uint32_t rights, uint32_t *ret),
                  void *ctx)
{
    SG_LIST_FOREACH_SAFE(node, next, &hub->sessions)
    {
        struct sg_session *s = SG_CONTAINER_OF(node, struct sg_session, all);
        uint32_t rights = 0;
        if (s->state == SG_SESSION_CLOSING)
            continue;
        if (!judge(ctx, s->rights, &rights))
            sg__session_end(s, 4001, "the token is not valid any more");
        else if (s->rights & ~rights & SG_RIGHT_READ)
            sg__session_end(s, 4003, "this token has not the right 'read' any more");
        else
            s->rights = rights;
    }
}

/* ---- names ---- */

/* Whether what it was subscribed by stands for something else now. */
static bool renamed(struct sg_hub *hub, const struct sg__sub *sub)
{
    const struct sg__mirror *m = sub->flavour->mirror;
    bool simple = sub->flavour->kind == SG__FLAVOUR_SIMPLE;
    if (!simple && !sub->stream)
        return false;
    SG_AUTO(sg_buf_deinit) struct sg_buf key;
    sg_buf_init(&key, (size_t)hub->limits.expression_bytes * 8);
    int rc = hub->hooks->resolve(hub->hooks_ctx, simple ? SG_RESOLVE_METRIC : SG_RESOLVE_STREAM,
                                 simple ? sg_str_make(sub->flavour->text, sub->flavour->text_len)
                                        : sg_str_from(sub->stream),
                                 &key, NULL);
    return rc < 0 || !sg_str_eq(sg_buf_str(&key), sg_str_make(m->key, m->key_len));
}

static void end_for_a_while(struct sg_session *s, uint32_t retry_ms)
{
    char reason[64];
    uint64_t spread = retry_ms ? sg_hash64(s->id, strlen(s->id)) % ((uint64_t)retry_ms + 1) : 0;
    uint32_t ms = (uint32_t)(retry_ms / 2 + spread);
    snprintf(reason, sizeof(reason), "{\"retryAfter\":%u}", ms);
    if (s->state == SG_SESSION_OPEN)
        sg__put_retry(s, ms);
    sg__session_end(s, 1001, reason);
}

void sg_hub_renamed(struct sg_hub *hub, uint32_t retry_ms)
{
    SG_LIST_FOREACH_SAFE(node, next, &hub->sessions)
    {
        struct sg_session *s = SG_CONTAINER_OF(node, struct sg_session, all);
        bool is = false;
        for (uint32_t i = 0; i < s->n_subs && !is; i++)
            is = renamed(hub, s->subs[i]);
        if (is)
            end_for_a_while(s, retry_ms);
    }
}

/* ---- sessions with a rate: a heap by due time ---- */

static void heap_set(struct sg_hub *hub, size_t at, struct sg_session *s)
{
    hub->due[at] = s;
    s->heap_at = (uint32_t)at;
}

static void heap_up(struct sg_hub *hub, size_t at, struct sg_session *s)
{
    while (at && hub->due[(at - 1) / 2]->due_ms > s->due_ms) {
        heap_set(hub, at, hub->due[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(hub, at, s);
}

static void heap_down(struct sg_hub *hub, size_t at, struct sg_session *s)
{
    for (size_t child; (child = 2 * at + 1) < hub->n_due; at = child) {
        if (child + 1 < hub->n_due && hub->due[child + 1]->due_ms < hub->due[child]->due_ms)
            child++;
        if (hub->due[child]->due_ms >= s->due_ms)
            break;
        heap_set(hub, at, hub->due[child]);
    }
    heap_set(hub, at, s);
}

void sg__due_push(struct sg_hub *hub, struct sg_session *s)
{
    sg__due_remove(hub, s);
    hub->due = sg_grow(hub->due, &hub->cap_due, hub->n_due + 1, sizeof(struct sg_session *));
    heap_up(hub, hub->n_due++, s);
}

void sg__due_remove(struct sg_hub *hub, struct sg_session *s)
{
    size_t at = s->heap_at;
    if (at == SG__NOT_MEMBER)
        return;
    s->heap_at = SG__NOT_MEMBER;
    struct sg_session *last = hub->due[--hub->n_due];
    if (last == s)
        return;
    heap_down(hub, at, last);
    heap_up(hub, last->heap_at, last);
}

void sg__due_serve(struct sg_hub *hub)
{
    while (hub->n_due && hub->due[0]->due_ms <= hub->now_ms) {
        struct sg_session *s = hub->due[0];
        s->due_ms = hub->now_ms + s->gap_ms;
        heap_down(hub, 0, s);
        if (s->state != SG_SESSION_OPEN || !sg_list_empty(&s->behind))
            continue;
        if (sg__session_calm(s))
            sg__session_owe_heartbeat(s);
        sg__session_catch_up(s, true);
    }
}

/* ---- chores ---- */

static void send_comments(struct sg_hub *hub)
{
    static const char spare[SG_LWS_PRE];
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 256);
    sg_buf_append(&text, spare, SG_LWS_PRE);
    if (sg_sse_write_comment(&text, SG_STR("")) < 0)
        return;
    hub->flushing = true;
    for (size_t i = 0; hub->groups.n && i <= hub->groups.mask; i++) {
        for (struct sg_hashlink *l = hub->groups.buckets[i]; l; l = l->next) {
            struct sg__group *g = SG_CONTAINER_OF(l, struct sg__group, link);
            if (g->key.wire == SG_WIRE_SSE)
                sg__group_write(hub, g, text.data + SG_LWS_PRE, text.len - SG_LWS_PRE, 0);
        }
    }
    hub->flushing = false;
    while (!sg_list_empty(&hub->dirty_groups)) { /* those that lost their last member */
        struct sg__group *g = SG_CONTAINER_OF(hub->dirty_groups.next, struct sg__group, dirty);
        sg_list_remove(&g->dirty);
        sg__group_flush(hub, g);
    }
}

static void check_sessions(struct sg_hub *hub)
{
    int64_t lag_ms = 0;
    SG_LIST_FOREACH_SAFE(node, next, &hub->behind)
    {
        struct sg_session *s = SG_CONTAINER_OF(node, struct sg_session, behind);
        int64_t ms = hub->now_ms - s->behind_since_ms;
        lag_ms = ms > lag_ms ? ms : lag_ms;
        if (ms >= hub->limits.stuck_after_ms) {
            SG__STAT_ADD(hub, stuck_closed, 1);
            sg__session_end(s, 1008, "nothing was read for too long");
        }
    }
    SG__STAT_SET(hub, max_lag_ms, lag_ms);
    SG_LIST_FOREACH_SAFE(node, next, &hub->guests)
    {
        struct sg_session *s = SG_CONTAINER_OF(node, struct sg_session, guests);
        if (s->state == SG_SESSION_OPEN &&
            hub->now_ms - s->opened_ms >= hub->limits.auth_deadline_ms)
            sg__session_end(s, 4001, "no token was given in time");
    }
}

/* A topic that is asked for and does not come is asked for again: the request or its answer may
 * have been lost in a full queue. */
static void ask_again(struct sg_hub *hub, struct sg__mirror *m)
{
    if (m->topic || !m->n_subs || hub->now_ms - m->opened_ms < REOPEN_MS)
        return;
    m->opened_ms = hub->now_ms;
    if (hub->hooks->open_topic(hub->hooks_ctx, sg_str_make(m->key, m->key_len), m->interval_ms,
                               NULL) == 0)
        m->opened = true;
}

static void check_mirrors(struct sg_hub *hub)
{
    for (size_t i = 0; hub->mirrors_by_key.n && i <= hub->mirrors_by_key.mask; i++) {
        for (struct sg_hashlink *l = hub->mirrors_by_key.buckets[i], *next; l; l = next) {
            next = l->next;
            struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
            sg__ring_expire(m, hub->now_ms);
            sg__mirror_weigh_caches(m);
            if (hub->ring_bytes > hub->limits.total_ring_bytes)
                sg__mirror_stale_caches(m); /* they can be made again */
            ask_again(hub, m);
            /* Nobody here wants it and nothing comes: it may have ended unheard. */
            if (!m->is_feed && !m->opened && !m->n_subs &&
                hub->now_ms - m->applied_ms > FORGET_MIRROR_MS)
                sg__mirror_free(m);
        }
    }
    SG__STAT_SET(hub, ring_bytes, hub->ring_bytes);
}

static void retry_closes(struct sg_hub *hub)
{
    hub->close_owed = false;
    for (size_t i = 0; hub->mirrors_by_key.n && i <= hub->mirrors_by_key.mask; i++) {
        for (struct sg_hashlink *l = hub->mirrors_by_key.buckets[i], *next; l; l = next) {
            next = l->next; /* release may free the mirror */
            struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
            if (m->opened && !m->n_subs)
                sg__mirror_release(m);
        }
    }
}

/* A large block now and then must not keep its memory for good. */
static void trim(struct sg_buf *b)
{
    if (b->cap <= SCRATCH_KEEP)
        return;
    sg_buf_deinit(b);
    sg_buf_init(b, SCRATCH_MAX);
}

void sg_hub_flush(struct sg_hub *hub, int64_t now_ms)
{
    SG_ASSERT(!hub->flushing);
    hub->now_ms = now_ms;
    sg__hub_settle(hub);
    sg__due_serve(hub);
    if (hub->close_owed)
        retry_closes(hub);
    trim(&hub->scratch);
    trim(&hub->json);
    /* A clock that steps back must not put the chores off for long. */
    if (hub->chores_due_ms > now_ms + CHORES_MS)
        hub->chores_due_ms = now_ms;
    if (now_ms >= hub->chores_due_ms) {
        hub->chores_due_ms = now_ms + CHORES_MS;
        check_sessions(hub);
        check_mirrors(hub);
    }
    if (hub->comment_due_ms > now_ms + hub->limits.comment_ms)
        hub->comment_due_ms = now_ms;
    if (now_ms >= hub->comment_due_ms) {
        hub->comment_due_ms = now_ms + hub->limits.comment_ms;
        send_comments(hub);
    }
}

void sg_hub_drain(struct sg_hub *hub, uint32_t retry_ms)
{
    sg__hub_settle(hub);
    hub->draining = true;
    SG_LIST_FOREACH_SAFE(node, next, &hub->sessions)
    end_for_a_while(SG_CONTAINER_OF(node, struct sg_session, all), retry_ms);
}
