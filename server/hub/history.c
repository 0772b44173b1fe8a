/* history.c - points before now: asking for them, and the `full` that carries them. */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

/* Bytes around a message, and of one that says what is left out. */
enum { FRAMING_MAX = 64, ERROR_MAX = 1024 };

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
    sg_hashtab_add(&hub->by_token, &sub->by_token, rq.token);
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

/* Values of a row that are told, without the nulls at its end. 0: it began after the full. */
static uint32_t told_of(const struct plan *p, uint32_t row)
{
    const double *v = p->h->value + (size_t)row * p->h->n_points;
    uint32_t n = p->n_points;
    while (n && sg_is_stale(v[n - 1]))
        n--;
    return n;
}

/* Of those for which there was no slot nobody knows more than that they had a value of late. */
static bool may_live(const struct plan *p, uint32_t row)
{
    return p->full->left_out && told_of(p, row) == p->n_points;
}

/* A stream that fails knows of no series that they have ended. */
static struct plan plan_history(const struct sg_frame *full, const struct sg_history *h)
{
    struct plan p = {.full = full, .h = h};
    bool *has_slot = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*has_slot));
    p.row_of = sg_calloc(full->n_slots ? full->n_slots : 1, sizeof(*p.row_of));
    p.ended = sg_calloc(h->n_series ? h->n_series : 1, sizeof(*p.ended));
    plan_slots(&p, has_slot);
    while (p.n_points < h->n_points &&
           h->start_ms + (int64_t)p.n_points * h->step_ms < full->time_ms)
        p.n_points++;
    for (uint32_t i = 0; i < h->n_series && !full->error; i++)
        if (!has_slot[i] && told_of(&p, i) && !may_live(&p, i))
            p.ended[p.n_ended++] = i;
    sg_free(has_slot);
    return p;
}

static void plan_free(struct plan *p)
{
    sg_free(p->row_of);
    sg_free(p->ended);
}

/* ---- text ---- */

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
        sg__put_value(out,
                      row == UINT32_MAX ? sg_stale_nan() : h->value[row * h->n_points + point]);
    }
    sg_buf_append(out, "]],", 3);
}

/* One [{labels},[v…]] with the values of the first points. */
static void put_ended(struct sg_buf *out, const struct plan *p, uint32_t row)
{
    const double *v = p->h->value + (size_t)row * p->h->n_points;
    uint32_t n = told_of(p, row);
    sg_buf_putc(out, '[');
    sg_labels_print_json(p->h->labels[row], out);
    sg_buf_append(out, ",[", 2);
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            sg_buf_putc(out, ',');
        sg__put_value(out, v[i]);
    }
    sg_buf_append(out, "]]", 2);
}

/* As many as fit; returns how many do not. */
static uint32_t put_all_ended(struct sg_buf *out, const struct plan *p, size_t room)
{
    uint32_t i = 0;
    for (; i < p->n_ended; i++) {
        size_t before = out->len;
        sg_buf_puts(out, i ? "," : ",\"ended\":[");
        put_ended(out, p, p->ended[i]);
        if (!out->failed && out->len < room)
            continue;
        out->len = before;
        out->failed = false;
        break;
    }
    if (i)
        sg_buf_putc(out, ']');
    return p->n_ended - i;
}

/* The text of the full with the history in it. Returns how many ended series do not fit in beside
 * an error that says so, or SG_ELIMIT: without them it does not fit either. */
static int print_full(const struct plan *p, size_t room, struct sg_buf *out)
{
    static const char mark[] = "],\"points\":[", end[] = "]]]";
    SG_AUTO(sg_buf_deinit) struct sg_buf plain;
    sg_buf_init(&plain, out->max);
    sg_frame_json(p->full, &plain);
    /* Labels are escaped, so the marks are found at their places only. */
    const char *at = memmem(plain.data, plain.len, mark, sizeof(mark) - 1);
    const char *now = at ? at + sizeof(mark) - 1 : NULL, *stop = plain.data + plain.len;
    const char *tail = now ? memmem(now, (size_t)(stop - now), end, sizeof(end) - 1) : NULL;
    if (plain.failed)
        return SG_ELIMIT;
    SG_ASSERT(tail);
    tail += sizeof(end) - 1;
    sg_buf_append(out, plain.data, (size_t)(now - plain.data));
    /* Not further than what may be sent: all of it could be hundreds of megabytes, made in vain. */
    for (uint32_t i = 0; i < p->n_points && out->len < room; i++)
        put_point(out, p, i);
    sg_buf_append(out, now, (size_t)(tail - now));
    size_t after = (size_t)(stop - tail) + sizeof("]"), told = ERROR_MAX + after;
    uint32_t left_out = put_all_ended(out, p, room > told ? room - told : 0);
    sg_buf_append(out, tail, (size_t)(stop - tail));
    size_t needed = out->len + (left_out ? ERROR_MAX : 0);
    return out->failed || needed > room ? SG_ELIMIT : (int)left_out;
}

/* The full with its history into the session's replies; what has to be left out is said before. */
static bool put_full(struct sg_session *s, struct sg__sub *sub, const struct sg_history *h)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct plan p = plan_history(sg__mirror_full(sub->flavour->mirror), h);
    size_t room = s->out.max - s->out.len;
    sg_buf_init(&text, s->hub->json.max);
    int left_out = print_full(&p, room > FRAMING_MAX ? room - FRAMING_MAX : 0, &text);
    plan_free(&p);
    if (left_out < 0)
        return false;
    if (left_out) {
        struct sg_error err = {0};
        sg_error_set(&err, SG_ELIMIT,
                     "limit of %zu bytes of history passed: %d series that have ended are left out",
                     s->hub->limits.session_out_bytes, left_out);
        sg__put_error(s, sg_str_from(sub->id), &err);
    }
    sg__session_put(s, "full", sg_buf_str(&text));
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
    struct sg_hashlink *l = sg_hashtab_first(&hub->by_token, token);
    if (!l)
        return;
    struct sg__sub *sub = SG_CONTAINER_OF(l, struct sg__sub, by_token);
    struct sg_session *s = sub->session;
    struct sg_error err = {0};
    sg_hashtab_remove(&hub->by_token, l);
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
