/* history.c - points before now: asking for them, and the `full` that carries them. */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

enum { FRAMING_MAX = 64 };

bool sg__history_start(struct sg__sub *sub)
{
    struct sg_session *s = sub->session;
    struct sg_hub *hub = s->hub;
    struct sg__mirror *m = sub->flavour->mirror;
    if (!hub->hooks->history || m->interval_ms <= 0)
        return false;
    int64_t fresh_ms = sg__mirror_time(m);
    int64_t end_ms = sg_time_align(fresh_ms > 0 ? fresh_ms : hub->now_ms, m->interval_ms);
    int64_t start_ms = end_ms - sub->history_ms / m->interval_ms * m->interval_ms;
    struct sg_history_request rq = {.token = ++hub->next_token,
                                    .key = sg_str_make(m->key, m->key_len),
                                    .start_ms = start_ms,
                                    .end_ms = end_ms,
                                    .step_ms = m->interval_ms,
                                    .max_points =
                                        (uint32_t)((end_ms - start_ms) / m->interval_ms + 1)};
    struct sg_error err = {0};
    if (hub->hooks->history(hub->hooks_ctx, &rq, &err) < 0) {
        sg_error_set(&err, SG_EBUSY, "history is not available now");
        sg__put_error(s, sg_str_from(sub->id), &err);
        return false;
    }
    sub->state = SG__SUB_HISTORY;
    sg__table_add(&hub->by_token, &sub->by_token, rq.token);
    return true;
}

/* ---- which row of the history belongs to which slot ---- */

struct row {
    uint64_t hash;
    uint32_t series;
};

static int by_hash(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

static uint32_t find_row(const struct row *rows, const struct sg_history *h,
                         const struct sg_labels *labels)
{
    uint32_t lo = 0, hi = h->n_series;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (rows[mid].hash < labels->hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < h->n_series && rows[lo].hash == labels->hash; lo++)
        if (sg_labels_eq(h->labels[rows[lo].series], labels))
            return rows[lo].series;
    return UINT32_MAX;
}

/* What is told of a history: for each slot of the full its row in h, UINT32_MAX: none; and the rows
 * without a slot, of series that are only in the past. */
struct plan {
    const struct sg_frame *full;
    const struct sg_history *h;
    uint32_t n_points; /* of h, those before the full's own */
    uint32_t *row_of;
    uint32_t *ended;
    uint32_t n_ended;
};

static void plan_slots(struct plan *p, bool *has_slot)
{
    const struct sg_history *h = p->h;
    struct row *rows = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*rows));
    for (uint32_t i = 0; i < h->n_series; i++)
        rows[i] = (struct row){h->labels[i]->hash, i};
    if (h->n_series > 1)
        qsort(rows, h->n_series, sizeof(*rows), by_hash);
    for (uint32_t i = 0; i < p->full->n_slots; i++)
        p->row_of[i] = UINT32_MAX;
    for (uint32_t i = 0; i < p->full->n_add; i++) {
        uint32_t row = find_row(rows, h, p->full->add[i].labels);
        p->row_of[p->full->add[i].index] = row;
        if (row != UINT32_MAX)
            has_slot[row] = true;
    }
    sg_free(rows);
}

static struct plan plan_history(const struct sg_frame *full, const struct sg_history *h)
{
    struct plan p = {.full = full, .h = h};
    bool *has_slot = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*has_slot));
    p.row_of = sg_calloc(full->n_slots ? full->n_slots : 1, sizeof(*p.row_of));
    p.ended = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*p.ended));
    plan_slots(&p, has_slot);
    for (uint32_t i = 0; i < h->n_series; i++)
        if (!has_slot[i])
            p.ended[p.n_ended++] = i;
    while (p.n_points < h->n_points &&
           h->start_ms + (int64_t)p.n_points * h->step_ms < full->time_ms)
        p.n_points++;
    sg_free(has_slot);
    return p;
}

static void plan_free(struct plan *p)
{
    sg_free(p->row_of);
    sg_free(p->ended);
}

/* ---- text ---- */

static void put_value(struct sg_buf *out, double v)
{
    if (sg_is_stale(v))
        sg_buf_append(out, "null", 4);
    else
        sg_buf_put_json_double(out, v);
}

/* One [t,[v…]], and a comma: a point with the state of now always follows. */
static void put_point(struct sg_buf *out, const struct plan *p, uint32_t point)
{
    const struct sg_history *h = p->h;
    sg_buf_putc(out, '[');
    sg_buf_put_i64(out, h->start_ms + (int64_t)point * h->step_ms);
    sg_buf_append(out, ",[", 2);
    for (uint32_t slot = 0; slot < p->full->n_slots; slot++) {
        if (slot)
            sg_buf_putc(out, ',');
        size_t row = p->row_of[slot];
        put_value(out, row == UINT32_MAX ? sg_stale_nan() : h->value[row * h->n_points + point]);
    }
    sg_buf_append(out, "]],", 3);
}

/* One [{labels},[v…]] with the values of the first points; the nulls at the end are left out. */
static void put_ended(struct sg_buf *out, const struct plan *p, uint32_t row)
{
    const double *v = p->h->value + (size_t)row * p->h->n_points;
    uint32_t n = p->n_points;
    while (n && sg_is_stale(v[n - 1]))
        n--;
    sg_buf_putc(out, '[');
    sg_labels_print_json(p->h->labels[row], out);
    sg_buf_append(out, ",[", 2);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            sg_buf_putc(out, ',');
        put_value(out, v[i]);
    }
    sg_buf_append(out, "]]", 2);
}

/* The text of the full with the history in it; false: more than `room` bytes. Not made further
 * than that: all of it could be hundreds of megabytes. */
static bool print_full(const struct plan *p, struct sg_str plain, size_t room, struct sg_buf *out)
{
    static const char mark[] = "],\"points\":[";
    /* Labels are escaped, so the mark is found at its place only. */
    const char *at = memmem(plain.p, plain.n, mark, sizeof(mark) - 1);
    SG_ASSERT(at);
    size_t head = (size_t)(at - plain.p) + 1;
    sg_buf_reset(out);
    sg_buf_append(out, plain.p, head);
    for (uint32_t i = 0; i < p->n_ended && out->len < room; i++) {
        sg_buf_puts(out, i ? "," : ",\"ended\":[");
        put_ended(out, p, p->ended[i]);
    }
    sg_buf_puts(out, p->n_ended ? "],\"points\":[" : ",\"points\":[");
    for (uint32_t i = 0; i < p->n_points && out->len < room; i++)
        put_point(out, p, i);
    head += sizeof(mark) - 2;
    sg_buf_append(out, plain.p + head, plain.n - head);
    return !out->failed && out->len <= room;
}

/* The full with its history into the session's replies; when that is too much, without the series
 * that have ended, which is said. False: that is too much, too. */
static bool put_full(struct sg_session *s, struct sg__sub *sub, const struct sg_history *h)
{
    const struct sg_frame *full = sg__mirror_full(sub->flavour->mirror);
    SG_AUTO(sg_buf_deinit) struct sg_buf plain;
    struct sg_buf *out = &s->hub->json;
    struct plan p = plan_history(full, h);
    size_t room = s->out.max - s->out.len;
    uint32_t ended = p.n_ended;
    room = room > FRAMING_MAX ? room - FRAMING_MAX : 0;
    sg_buf_init(&plain, s->hub->json.max);
    sg_frame_json(full, &plain);
    bool fits = print_full(&p, sg_buf_str(&plain), room, out);
    if (!fits && ended) {
        p.n_ended = 0;
        fits = print_full(&p, sg_buf_str(&plain), room, out);
    }
    plan_free(&p);
    if (!fits)
        return false;
    sg__session_put(s, "full", sg_buf_str(out));
    if (p.n_ended < ended) {
        struct sg_error err = {0};
        sg_error_set(&err, SG_ELIMIT,
                     "the history leaves out %u series that have ended: limit of %zu bytes", ended,
                     s->hub->limits.session_out_bytes);
        sg__put_error(s, sg_str_from(sub->id), &err);
    }
    return true;
}

/* More than may wait for a session: it gets its full like one that asked for no history. */
static void do_without(struct sg_session *s, struct sg__sub *sub)
{
    struct sg_error err = {0};
    sg_error_set(&err, SG_ELIMIT,
                 "limit of %zu bytes of history passed: ask for less history, a longer interval or "
                 "fewer series",
                 s->hub->limits.session_out_bytes);
    sg__put_error(s, sg_str_from(sub->id), &err);
    sub->history_ms = 0;
    sg__sub_to_waiting(sub);
}

void sg_hub_history_done(struct sg_hub *hub, uint64_t token, const struct sg_history *h,
                         const struct sg_error *error)
{
    sg__hub_settle(hub);
    struct sg__link *l = sg__table_first(&hub->by_token, token);
    if (!l)
        return;
    struct sg__sub *sub = SG_CONTAINER_OF(l, struct sg__sub, by_token);
    struct sg_session *s = sub->session;
    struct sg_error err = {0};
    sg__table_remove(&hub->by_token, l);
    sub->state = SG__SUB_LIVE;
    sub->resume = false;
    sub->joined = hub->newest.seq;
    if (!h) {
        if (error)
            err = *error;
        sg_error_set(&err, SG_EEXECUTION, "history could not be read");
        sg__put_error(s, sg_str_from(sub->id), &err);
    }
    static const struct sg_history none = {0};
    if (!put_full(s, sub, h ? h : &none))
        do_without(s, sub);
    if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind))
        sg__session_catch_up(s, !s->gap_ms);
}
