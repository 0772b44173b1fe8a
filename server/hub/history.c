/* history.c - points before now: asking for them, and the `full` that carries them. */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

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

/* For each slot its row in h, UINT32_MAX: none. Series that are only in the past have no slot and
 * are left out. */
static uint32_t *map_slots(const struct sg_frame *full, const struct sg_history *h)
{
    struct row *rows = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*rows));
    for (uint32_t i = 0; i < h->n_series; i++)
        rows[i] = (struct row){h->labels[i]->hash, i};
    if (h->n_series > 1)
        qsort(rows, h->n_series, sizeof(*rows), by_hash);
    uint32_t *row_of = sg_calloc(full->n_slots ? full->n_slots : 1, sizeof(*row_of));
    for (uint32_t i = 0; i < full->n_slots; i++)
        row_of[i] = UINT32_MAX;
    for (uint32_t i = 0; i < full->n_add; i++)
        row_of[full->add[i].index] = find_row(rows, h, full->add[i].labels);
    sg_free(rows);
    return row_of;
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
static void put_point(struct sg_buf *out, const struct sg_frame *full, const struct sg_history *h,
                      const uint32_t *row_of, uint32_t point)
{
    sg_buf_putc(out, '[');
    sg_buf_put_i64(out, h->start_ms + (int64_t)point * h->step_ms);
    sg_buf_append(out, ",[", 2);
    for (uint32_t slot = 0; slot < full->n_slots; slot++) {
        if (slot)
            sg_buf_putc(out, ',');
        size_t row = row_of[slot];
        put_value(out, row == UINT32_MAX ? sg_stale_nan() : h->value[row * h->n_points + point]);
    }
    sg_buf_append(out, "]],", 3);
}

bool sg__put_full_with_history(struct sg_session *s, struct sg__sub *sub,
                               const struct sg_history *h)
{
    static const char mark[] = "\"points\":[";
    const struct sg_frame *full = sg__mirror_full(sub->flavour->mirror);
    SG_AUTO(sg_buf_deinit) struct sg_buf plain;
    struct sg_buf *out = &s->hub->json;
    sg_buf_init(&plain, s->hub->json.max);
    sg_frame_json(full, &plain);
    /* The points go in front of the one that is there; labels are escaped, so the mark is found at
     * its place only. */
    const char *at = memmem(plain.data, plain.len, "],\"points\":[", 12);
    SG_ASSERT(at);
    size_t head = (size_t)(at - plain.data) + 2 + sizeof(mark) - 1;
    sg_buf_reset(out);
    sg_buf_append(out, plain.data, head);
    uint32_t *row_of = map_slots(full, h);
    /* Not further than what may be sent: all of it could be hundreds of megabytes, made in vain. */
    size_t room = s->out.max - s->out.len; /* framing takes less than 64 of it */
    for (uint32_t p = 0; p < h->n_points && out->len < room; p++)
        if (h->start_ms + (int64_t)p * h->step_ms < full->time_ms)
            put_point(out, full, h, row_of, p);
    sg_free(row_of);
    sg_buf_append(out, plain.data + head, plain.len - head);
    if (out->failed || out->len + 64 > room)
        return false;
    sg__session_put(s, "full", sg_buf_str(out));
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
    if (!sg__put_full_with_history(s, sub, h ? h : &none))
        do_without(s, sub);
    if (s->state == SG_SESSION_OPEN && sg_list_empty(&s->behind))
        sg__session_catch_up(s, !s->gap_ms);
}
