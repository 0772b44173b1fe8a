/* session.c - one connected client, whatever its transport: its life, what it is sent, and how it
 * falls behind and catches up.
 *
 * Happy path: connecting, start → open, each message answered and caught up at once, and from then
 * on its group serves it. When the transport says SG_EBUSY the session leaves its group and keeps
 * two cursors (streams, notifications); sg_session_writable brings it up to date, portion by
 * portion, and back into a group. All other ways end in closing, from which there is no return.
 */
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/rand.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

/* Frames a resuming client is replayed one by one; beyond they are merged. */
#define RESUME_MAX_EXACT 1024

/* ---- states ---- */

static void set_state(struct sg_session *s, enum sg_session_state next)
{
    static const bool allowed[3][3] = {
        [SG_SESSION_CONNECTING] = {[SG_SESSION_OPEN] = true, [SG_SESSION_CLOSING] = true},
        [SG_SESSION_OPEN] = {[SG_SESSION_CLOSING] = true},
    };
    SG_ASSERT(allowed[s->state][next]);
    s->state = next;
}

/* ---- life ---- */

static void make_id(struct sg_hub *hub, char *dst)
{
    uint8_t bytes[16];
    if (hub->opt.random_bytes)
        hub->opt.random_bytes(bytes, sizeof(bytes));
    else
        sg_rand_bytes(bytes, sizeof(bytes));
    int n = snprintf(dst, SG_SESSION_ID_MAX, "%u-", hub->opt.edge);
    sg_hex_format(bytes, sizeof(bytes), dst + n);
}

int sg_session_open(struct sg_hub *hub, const struct sg_session_options *opt,
                    struct sg_session **ret, struct sg_error *reterr)
{
    if (hub->draining)
        return sg_error_set(reterr, SG_EBUSY, "the server is shutting down");
    if (hub->n_sessions >= hub->limits.sessions)
        return sg_error_set(reterr, SG_ELIMIT, "limit of %u sessions reached",
                            hub->limits.sessions);
    struct sg_session *s = sg_calloc(1, sizeof(*s));
    s->hub = hub;
    s->transport = opt->transport;
    s->ctx = opt->ctx;
    s->wire = opt->wire;
    s->dialect = opt->wire == SG_WIRE_WS ? opt->dialect : SG_DIALECT_V1;
    s->simple = s->dialect == SG_DIALECT_SIMPLE;
    s->deflate = opt->wire == SG_WIRE_WS && opt->deflate;
    s->rights = opt->rights;
    s->member = s->heap_at = SG__NOT_MEMBER;
    s->opened_ms = hub->now_ms;
    s->cursor = s->note_cursor = hub->newest;
    sg_buf_init(&s->out, hub->limits.session_out_bytes);
    sg_list_init(&s->attention);
    sg_list_init(&s->behind);
    sg_list_init(&s->guests);
    if (!(s->rights & SG_RIGHT_READ))
        sg_list_append(&hub->guests, &s->guests);
    make_id(hub, s->id);
    sg_hashtab_add(&hub->sessions_by_id, &s->by_id, sg_hash64(s->id, strlen(s->id)));
    sg_list_append(&hub->sessions, &s->all);
    SG__STAT_SET(hub, sessions, ++hub->n_sessions);
    *ret = s;
    return 0;
}

/* Takes the session out of everything that would send to it. */
static void detach(struct sg_session *s)
{
    sg__group_leave(s);
    sg_list_remove(&s->attention);
    sg_list_remove(&s->guests);
    if (!sg_list_empty(&s->behind)) {
        sg_list_remove(&s->behind);
        atomic_fetch_sub_explicit(&s->hub->stats.behind, 1, memory_order_relaxed);
    }
    sg__due_remove(s->hub, s);
}

void sg_session_closed(struct sg_session *s)
{
    struct sg_hub *hub = s->hub;
    SG_ASSERT(!hub->flushing);
    detach(s);
    while (s->n_subs)
        sg__session_drop_sub(s, s->n_subs - 1);
    sg_hashtab_remove(&hub->sessions_by_id, &s->by_id);
    sg_list_remove(&s->all);
    SG__STAT_SET(hub, sessions, --hub->n_sessions);
    sg_buf_deinit(&s->out);
    sg_free(s->subs);
    sg_free(s);
}

/* Replies go out before the connection does, if it takes them. */
static void send_last_words(struct sg_session *s)
{
    if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind) && s->out.len > SG_LWS_PRE &&
        !s->out.failed)
        (void)s->transport->write(s->ctx, s->out.data + SG_LWS_PRE, s->out.len - SG_LWS_PRE);
    sg_buf_reset(&s->out);
}

void sg__session_end(struct sg_session *s, unsigned code, const char *reason)
{
    if (s->state == SG_SESSION_CLOSING)
        return;
    send_last_words(s);
    set_state(s, SG_SESSION_CLOSING);
    detach(s);
    s->close_asked = true;
    s->transport->close(s->ctx, code, reason);
}

/* The transport itself said that the connection is gone: there is nothing to ask it for. */
void sg__session_dead(struct sg_session *s)
{
    if (s->state != SG_SESSION_CLOSING)
        set_state(s, SG_SESSION_CLOSING);
    sg_buf_reset(&s->out);
    detach(s);
}

/* ---- subscriptions ---- */

struct sg__sub *sg__session_find_sub(const struct sg_session *s, struct sg_str id)
{
    for (uint32_t i = 0; i < s->n_subs; i++)
        if (sg_str_eq(sg_str_from(s->subs[i]->id), id))
            return s->subs[i];
    return NULL;
}

static void leave_history(struct sg__sub *sub)
{
    if (sub->state == SG__SUB_HISTORY)
        sg_hashtab_remove(&sub->session->hub->by_token, &sub->by_token);
}

void sg__session_drop_sub(struct sg_session *s, uint32_t i)
{
    struct sg__sub *sub = s->subs[i];
    struct sg__mirror *m = sub->flavour->mirror;
    leave_history(sub);
    if (sub->state == SG__SUB_LIVE)
        sg__group_leave(s); /* the group may hold the flavour only for us */
    s->subs[i] = s->subs[--s->n_subs];
    sg_list_remove(&sub->of_mirror);
    sg__flavour_unref(sub->flavour);
    sg_free(sub->id);
    sg_free(sub->stream);
    sg_free(sub);
    m->n_subs--;
    if (m->topic)
        atomic_fetch_sub_explicit(&m->topic->viewers, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&s->hub->stats.subscriptions, 1, memory_order_relaxed);
    sg__mirror_release(m);
}

void sg__sub_to_waiting(struct sg__sub *sub)
{
    leave_history(sub);
    if (sub->state == SG__SUB_LIVE)
        sg__group_leave(
            sub->session); /* keeps its place; what it owes is settled when it is caught up */
    sub->state = SG__SUB_WAITING;
    sg__session_attend(sub->session);
}

bool sg__session_anon(const struct sg_session *s)
{
    if (s->gap_ms || s->left)
        return true;
    for (uint32_t i = 0; i < s->n_subs; i++)
        if (s->subs[i]->state != SG__SUB_LIVE)
            return true;
    return false;
}

bool sg__session_calm(const struct sg_session *s)
{
    return s->gap_ms > s->hub->opt.heartbeat_ms;
}

void sg__session_owe_heartbeat(struct sg_session *s)
{
    s->heartbeat_owed = s->dialect == SG_DIALECT_V1 && !s->simple;
}

/* ---- sending ---- */

void sg__session_attend(struct sg_session *s)
{
    if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->attention))
        sg_list_append(&s->hub->attention, &s->attention);
}

void sg__session_fell_behind(struct sg_session *s)
{
    struct sg_hub *hub = s->hub;
    if (s->group) { /* the group's block told everything; else catching up has set the cursors */
        sg__group_leave(s);
        s->note_cursor = hub->newest;
        if (!s->gap_ms)
            s->cursor = hub->newest;
    }
    if (!sg_list_empty(&s->behind))
        return;
    s->behind_since_ms = hub->now_ms;
    sg_list_append(&hub->behind, &s->behind);
    SG__STAT_ADD(hub, behind, 1);
    SG__STAT_ADD(hub, fell_behind, 1);
}

void sg__session_write(struct sg_session *s, const char *data, size_t n)
{
    int rc = s->transport->write(s->ctx, data, n);
    if (rc < 0 && rc != SG_EBUSY) {
        sg__session_dead(s);
        return;
    }
    s->stats.blocks++;
    SG__STAT_ADD(s->hub, blocks, 1);
    SG__STAT_ADD(s->hub, bytes, n);
    if (rc == SG_EBUSY)
        sg__session_fell_behind(s);
}

/* Whether the simple receiver must hear that there is no value: only if it ever had one. */
static bool owes_null(const struct sg__sub *sub)
{
    return sub->told || sub->flavour->mirror->present_seq > sub->joined;
}

/* Whether what the client names is an offset it can have been told: of our epoch, and not of the
 * future. */
static bool knows(const struct sg__sub *sub)
{
    const struct sg_hub *hub = sub->session->hub;
    return sub->resume && sub->from_epoch == hub->opt.epoch &&
           sub->from_offset <= hub->newest.offset;
}

static void begin_simple(struct sg__sub *sub, struct sg__pieces *p)
{
    struct sg__mirror *m = sub->flavour->mirror;
    if (knows(sub) && m->sum_offset <= sub->from_offset) {
        sub->told = true;
        SG__STAT_ADD(m->hub, resumed, 1);
    } else if (!sg_is_stale(m->sum) || sub->resume) {
        sg__pieces_add(p, m->sum_offset, NULL, sub->flavour);
        sub->told = true;
    }
}

/* The place after which the notifications of the last history_ms come. */
static struct sg__place note_start(const struct sg__sub *sub)
{
    const struct sg__mirror *m = sub->flavour->mirror;
    int64_t since_ms = m->hub->now_ms - sub->history_ms;
    if (!sub->history_ms)
        return (struct sg__place){m->seq, m->offset};
    struct sg__place after = m->floor;
    for (uint32_t i = 0; i < m->count && sg__ring_at(m, i)->time_ms < since_ms; i++)
        after = sg__ring_place(m, sg__ring_at(m, i)->offset);
    return after;
}

/* Announces a stream and tells its state, or what was missed. False: it waits for history. */
static bool begin_v1(struct sg_session *s, struct sg__sub *sub, struct sg__pieces *p)
{
    struct sg__mirror *m = sub->flavour->mirror;
    struct sg_hub *hub = s->hub;
    bool known = knows(sub);
    bool recovered = known && sub->from_offset >= m->floor.offset && !m->broken;
    bool feed = m->is_feed;
    if (s->dialect == SG_DIALECT_V1)
        sg__put_subscribed(s, sub, recovered);
    if (recovered) {
        SG__STAT_ADD(hub, resumed, 1);
        sg__pieces_collect(p, sub->flavour, sg__ring_place(m, sub->from_offset), RESUME_MAX_EXACT);
        return true;
    }
    if (sub->resume) {
        uint64_t from = known ? sub->from_offset + 1 : 0;
        uint64_t to = feed ? m->floor.offset : m->offset;
        if (from <= to)
            sg__put_gap(s, m, from, to);
    }
    if (feed) {
        sg__pieces_collect(p, sub->flavour, sub->resume ? m->floor : note_start(sub),
                           RESUME_MAX_EXACT);
        return true;
    }
    if (sub->history_ms && sg__history_start(sub))
        return false;
    sg__pieces_add(p, m->offset, sg__mirror_full(m), sub->flavour);
    p->inexact = true;
    return true;
}

/* Brings a waiting subscription to life when its topic is there. */
static bool begin(struct sg_session *s, struct sg__sub *sub, struct sg__pieces *p)
{
    if (!sg__mirror_ready(sub->flavour->mirror))
        return false;
    if (sub->flavour->kind == SG__FLAVOUR_SIMPLE)
        begin_simple(sub, p);
    else if (!begin_v1(s, sub, p))
        return false;
    sub->state = SG__SUB_LIVE;
    sub->resume = false;
    sub->joined = s->hub->newest.seq;
    return true;
}

/* What a live subscription has to tell since the session's cursors. */
static void collect_live(struct sg_session *s, struct sg__sub *sub, bool streams,
                         struct sg__pieces *p)
{
    struct sg__flavour *f = sub->flavour;
    bool note = f->kind == SG__FLAVOUR_NOTES;
    if (!note && !streams)
        return;
    struct sg__place cursor = note ? s->note_cursor : s->cursor;
    if (cursor.seq < sub->joined)
        cursor.seq = sub->joined;
    if (f->kind == SG__FLAVOUR_SIMPLE) {
        if (sg_is_stale(f->mirror->sum) && !owes_null(sub))
            return;
        sub->told = true;
    }
    sg__pieces_collect(p, f, cursor, 1);
    if (!note)
        sub->joined = s->hub->newest.seq;
}

/* Whether it is up to date through the session's group. */
static bool by_group(const struct sg_session *s, const struct sg__sub *sub)
{
    return s->group && (!s->gap_ms || sub->flavour->kind == SG__FLAVOUR_NOTES);
}

/* Whether it can wait for the next portion: it has something large to tell. */
static bool can_wait(const struct sg_session *s, const struct sg__sub *sub, bool streams)
{
    const struct sg__mirror *m = sub->flavour->mirror;
    if (sub->state == SG__SUB_WAITING)
        return sg__mirror_ready(m);
    return sub->state == SG__SUB_LIVE && streams && sub->flavour->kind == SG__FLAVOUR_V1 &&
           m->seq > s->cursor.seq && m->seq > sub->joined;
}

/* One portion: what a slow session is given at once lies in memory until it has taken it. The next
 * begins with what did not go into it, so no stream waits for ever. */
static void collect(struct sg_session *s, bool streams, struct sg__pieces *p)
{
    uint32_t first = s->turn < s->n_subs ? s->turn : 0, next = UINT32_MAX;
    if (s->heartbeat_owed && s->hub->last_heartbeat)
        sg__pieces_add(p, 0, s->hub->last_heartbeat, NULL);
    s->heartbeat_owed = false;
    /* Text is about four times a frame. */
    size_t full = p->bytes + s->hub->limits.session_out_bytes / 4;
    bool was_left = s->left;
    if (streams)
        s->left = false;
    for (uint32_t k = 0; k < s->n_subs; k++) {
        uint32_t i = (first + k) % s->n_subs;
        struct sg__sub *sub = s->subs[i];
        if (sub->state == SG__SUB_LIVE && by_group(s, sub))
            continue;
        if (p->bytes > full && can_wait(s, sub, streams)) {
            next = next == UINT32_MAX ? i : next;
            s->left = s->left || sub->state == SG__SUB_LIVE;
        } else if (sub->state == SG__SUB_WAITING) {
            (void)begin(s, sub, p);
        } else if (sub->state == SG__SUB_LIVE) {
            collect_live(s, sub, streams, p);
        }
    }
    s->turn = next;
    if (next != UINT32_MAX)
        sg__session_attend(s);
    if (was_left)
        p->inexact = true; /* portions before have passed these offsets */
}

/* Replies and pieces as one block. False: nothing to send. */
static void send(struct sg_session *s, struct sg__pieces *p)
{
    struct sg_hub *hub = s->hub;
    struct sg__group_key key = {.wire = s->wire,
                                .dialect = s->dialect,
                                .simple = s->simple,
                                .deflate = s->deflate,
                                .anon = s->wire == SG_WIRE_SSE && sg__session_anon(s)};
    bool replies = s->out.len > SG_LWS_PRE;
    const struct sg_block *single = replies ? NULL : sg__pieces_single(hub, p, &key);
    SG__STAT_ADD(hub, messages, p->n);
    if (single) {
        if (single->n)
            sg__session_write(s, single->data, single->n);
        return;
    }
    if (!replies && !p->n)
        return;
    static const char spare[SG_LWS_PRE];
    sg_buf_reset(&hub->scratch);
    if (replies)
        sg_buf_put_str(&hub->scratch, sg_buf_str(&s->out));
    else
        sg_buf_append(&hub->scratch, spare, SG_LWS_PRE);
    sg_buf_deinit(&s->out); /* an idle session keeps no memory for replies */
    sg_buf_init(&s->out, hub->limits.session_out_bytes);
    (void)sg__pieces_write(hub, p, &key, &hub->scratch);
    if (hub->scratch.failed)
        sg__session_end(s, 1008, "too much to send at once");
    else if (hub->scratch.len > SG_LWS_PRE)
        sg__session_write(s, hub->scratch.data + SG_LWS_PRE, hub->scratch.len - SG_LWS_PRE);
}

void sg__session_catch_up(struct sg_session *s, bool streams)
{
    struct sg_hub *hub = s->hub;
    struct sg__pieces *p = &hub->pieces;
    SG_ASSERT(s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind));
    sg__pieces_reset(p);
    collect(s, streams, p);
    if (s->out.failed) {
        sg__session_end(s, 1008, "too much waiting to be sent");
        return;
    }
    s->stats.conflated += p->conflated;
    SG__STAT_ADD(hub, conflated, p->conflated);
    s->note_cursor = hub->newest;
    if (streams && !s->left)
        s->cursor = hub->newest;
    send(s, p);
    if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind) && (s->gap_ms || !s->left))
        sg__group_join(s);
}

void sg_session_start(struct sg_session *s)
{
    sg__hub_settle(s->hub);
    set_state(s, SG_SESSION_OPEN);
    s->cursor = s->note_cursor = s->hub->newest;
    sg__put_retry(s, s->hub->opt.retry_ms);
    if (s->dialect == SG_DIALECT_V1 && !s->simple)
        sg__put_welcome(s);
    if (s->dialect == SG_DIALECT_NOTES && s->rights & SG_RIGHT_READ && !s->n_subs)
        (void)sg__subscribe(
            s, &(struct sg__subscribe){.by = SG__BY_TOPIC, .text = SG_STR("notifications")}, NULL);
    sg__session_catch_up(s, true);
}

void sg_session_writable(struct sg_session *s)
{
    if (s->state != SG_SESSION_OPEN || sg_list_empty(&s->behind))
        return;
    struct sg_hub *hub = s->hub;
    sg__hub_settle(hub);
    sg_list_remove(&s->behind);
    atomic_fetch_sub_explicit(&hub->stats.behind, 1, memory_order_relaxed);
    sg__session_owe_heartbeat(s);
    sg__session_catch_up(s, !s->gap_ms || s->left || s->due_ms <= hub->now_ms);
}

/* ---- what others may know ---- */

enum sg_session_state sg_session_get_state(const struct sg_session *s)
{
    return s->state;
}

bool sg_session_is_behind(const struct sg_session *s)
{
    return !sg_list_empty(&s->behind);
}

uint32_t sg_session_rights(const struct sg_session *s)
{
    return s->rights;
}

const char *sg_session_id(const struct sg_session *s)
{
    return s->id;
}

struct sg_session *sg_hub_find_session(struct sg_hub *hub, struct sg_str id)
{
    for (struct sg_hashlink *l = sg_hashtab_first(&hub->sessions_by_id, sg_hash64(id.p, id.n)); l;
         l = sg_hashtab_next(l)) {
        struct sg_session *s = SG_CONTAINER_OF(l, struct sg_session, by_id);
        if (sg_str_eq(sg_str_from(s->id), id))
            return s;
    }
    return NULL;
}

int sg_session_id_edge(struct sg_str id)
{
    int edge = 0;
    size_t i = 0;
    for (; i < id.n && i < 2 && id.p[i] >= '0' && id.p[i] <= '9'; i++)
        edge = edge * 10 + (id.p[i] - '0');
    if (i == 0 || id.n != i + 33 || id.p[i] != '-' || edge >= SG_EDGES_MAX)
        return SG_ESYNTAX;
    return edge;
}

void sg_session_get_stats(const struct sg_session *s, struct sg_session_stats *ret)
{
    *ret = s->stats;
    ret->subscriptions = s->n_subs;
    ret->behind_since_ms = sg_session_is_behind(s) ? s->behind_since_ms : 0;
}
