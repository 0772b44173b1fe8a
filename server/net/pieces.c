/* pieces.c - the queue between a pooled handler and its edge. */
#include "pieces.h"

#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <time.h>

#include "coder.h"
#include "http.h"

/* Bytes of an answer that wait for a slow client, at most, and one piece more. */
#define QUEUE_MAX ((size_t)1 << 20)
/* Below that a coding saves nothing that a packet would notice. */
#define CODE_MIN 1024

struct piece {
    struct piece *next;
    struct sg_buf data;
};

struct wake {
    struct sg__message m; /* first */
    struct sg__pieces *pieces;
};

struct sg__pieces {
    pthread_mutex_t lock;
    pthread_cond_t room;
    unsigned refs; /* under lock, as all up to `told`: the request, and a message under way */
    struct piece *first, *last;
    size_t bytes;
    bool canceled, used, told;
    struct sg__request *request; /* edge only; NULL: it is gone */
    struct piece *sending;       /* edge only */
    enum sg__coding coding;      /* pool only */
    int64_t waited_us;           /* pool only: for room, all in all */
    uint64_t sent;               /* pool only: bytes that were appended */
    struct sg__coder *coder;     /* pool only */
};

struct sg__pieces *sg__pieces_new(struct sg__request *q, enum sg__coding coding)
{
    struct sg__pieces *p = sg_calloc(1, sizeof(*p));
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->room, &attr);
    pthread_condattr_destroy(&attr);
    p->refs = 1;
    p->request = q;
    p->coding = coding;
    return p;
}

static void piece_free(struct piece *piece)
{
    if (!piece)
        return;
    sg_buf_deinit(&piece->data);
    sg_free(piece);
}

static void unref(struct sg__pieces *p)
{
    pthread_mutex_lock(&p->lock);
    bool last = --p->refs == 0;
    pthread_mutex_unlock(&p->lock);
    if (!last)
        return;
    for (struct piece *one = p->first, *next; one; one = next) {
        next = one->next;
        piece_free(one);
    }
    piece_free(p->sending);
    sg__coder_free(p->coder);
    pthread_cond_destroy(&p->room);
    pthread_mutex_destroy(&p->lock);
    sg_free(p);
}

void sg__pieces_cancel(struct sg__pieces *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->canceled = true;
    pthread_cond_broadcast(&p->room);
    pthread_mutex_unlock(&p->lock);
}

void sg__pieces_leave(struct sg__pieces *p)
{
    if (!p)
        return;
    p->request = NULL;
    unref(p);
}

/* --- pool --- */

static bool worth_coding(const struct sg_net_exchange *x)
{
    struct sg_str type = sg_str_from(x->type);
    return sg_str_starts_with(type, SG_STR("application/json")) ||
           sg_str_starts_with(type, SG_STR("text/"));
}

/* From now on what comes is encoded, if the client wants that and memory is there. */
static void begin_coding(struct sg__pieces *p, struct sg_net_exchange *x)
{
    if (p->coding != SG__CODING_NONE && worth_coding(x))
        p->coder = sg__coder_new(p->coding);
    if (p->coder)
        sg_buf_printf(&x->headers, "Content-Encoding: %s\r\nVary: Accept-Encoding\r\n",
                      sg__coding_text(p->coding));
}

/* The edge takes p->told back when it has looked. */
static void wake_edge(struct sg__pieces *p, struct sg__edge *edge)
{
    struct wake *w = sg_calloc(1, sizeof(*w));
    w->m.kind = SG__MSG_PIECES;
    w->pieces = p;
    (void)sg__edge_tell(edge, &w->m, 0);
}

/* How long the thread may wait now: body_grace_ms at a time, and all in all that and what
 * answer_min_rate allows for the bytes so far. */
static int64_t patience_us(const struct sg__pieces *p, const struct sg_net_limits *l)
{
    int64_t grace_us = l->body_grace_ms * 1000;
    if (!l->answer_min_rate)
        return grace_us;
    double earned_us = (double)p->sent / l->answer_min_rate * 1e6;
    double left_us = (double)grace_us + earned_us - (double)p->waited_us;
    return left_us >= (double)grace_us ? grace_us : left_us > 0 ? (int64_t)left_us : 0;
}

/* Under lock. Waits for room, but not for ever: a client that takes little or nothing keeps a
 * thread of the pool, and there are few. */
static void wait_for_room(struct sg__pieces *p, const struct sg__edge *edge)
{
    if (p->bytes < QUEUE_MAX || p->canceled)
        return;
    int64_t now_us = sg_mono_now_us();
    struct timespec until = sg_timespec_us(now_us + patience_us(p, &edge->net->cfg.limits));
    int rc = 0;
    while (p->bytes >= QUEUE_MAX && !p->canceled && rc == 0)
        rc = pthread_cond_timedwait(&p->room, &p->lock, &until);
    p->waited_us += sg_mono_now_us() - now_us;
    if (p->bytes >= QUEUE_MAX)
        p->canceled = true;
}

static int append(struct sg__pieces *p, struct sg__edge *edge, struct piece *piece)
{
    pthread_mutex_lock(&p->lock);
    wait_for_room(p, edge);
    bool canceled = p->canceled, tell = !canceled && !p->told;
    if (!canceled) {
        if (p->last)
            p->last->next = piece;
        else
            p->first = piece;
        p->last = piece;
        p->bytes += piece->data.len;
        p->sent += piece->data.len;
    }
    if (tell) {
        p->told = true;
        p->refs++;
    }
    pthread_mutex_unlock(&p->lock);
    if (tell)
        wake_edge(p, edge);
    if (canceled)
        piece_free(piece);
    return canceled ? SG_ECANCELED : 0;
}

/* One piece of what is in x->out, as it goes over the wire. */
static struct piece *make_piece(struct sg__pieces *p, struct sg_net_exchange *x, bool last)
{
    const struct sg__request *q = p->request;
    struct piece *piece = sg_calloc(1, sizeof(*piece));
    SG_AUTO(sg_buf_deinit) struct sg_buf coded;
    struct sg_str data = sg_buf_str(&x->out);
    sg_buf_init(&coded, SIZE_MAX / 2);
    sg_buf_init(&piece->data, SIZE_MAX / 2);
    bool failed = false;
    if (p->coder) {
        failed = sg__coder_feed(p->coder, data, last, &coded) < 0;
        data = sg_buf_str(&coded);
    }
    if (q->minor == 0) {
        sg_buf_put_str(&piece->data, data);
    } else {
        sg_http1_write_chunk(&piece->data, data);
        if (last)
            sg_http1_write_last_chunk(&piece->data);
    }
    sg_buf_reset(&x->out);
    if (!failed && !piece->data.failed)
        return piece;
    piece_free(piece);
    return NULL;
}

static int send_out(struct sg__pieces *p, struct sg_net_exchange *x, bool last)
{
    struct sg__request *q = p->request;
    struct piece *piece = make_piece(p, x, last);
    if (!piece) { /* out of memory in the midst of it: the client must not take it for whole */
        atomic_store_explicit(&x->canceled, true, memory_order_relaxed);
        return SG_ECANCELED;
    }
    if (q->head_only || !piece->data.len) {
        piece_free(piece);
        return 0;
    }
    int rc = append(p, q->edge, piece);
    if (rc < 0)
        atomic_store_explicit(&x->canceled, true, memory_order_relaxed);
    return rc;
}

int sg__pieces_more(struct sg_net_exchange *x)
{
    struct sg__request *q = SG_CONTAINER_OF(x, struct sg__request, x);
    struct sg__pieces *p = q->pieces;
    if (!p->used) {
        begin_coding(p, x);
        pthread_mutex_lock(&p->lock);
        p->used = true;
        pthread_mutex_unlock(&p->lock);
    }
    return send_out(p, x, false);
}

static void code_whole(struct sg__pieces *p, struct sg_net_exchange *x)
{
    if (x->out.len < CODE_MIN || p->coding == SG__CODING_NONE || x->out.failed)
        return;
    begin_coding(p, x);
    if (!p->coder)
        return;
    struct sg_buf coded;
    sg_buf_init(&coded, SIZE_MAX / 2);
    if (sg__coder_feed(p->coder, sg_buf_str(&x->out), true, &coded) < 0)
        coded.failed = true; /* told as such */
    sg_buf_deinit(&x->out);
    x->out = coded;
}

void sg__pieces_end(struct sg__pieces *p)
{
    struct sg_net_exchange *x = &p->request->x;
    if (p->used)
        (void)send_out(p, x, true);
    else
        code_whole(p, x);
}

/* --- edge --- */

bool sg__pieces_used(struct sg__pieces *p)
{
    pthread_mutex_lock(&p->lock);
    bool used = p->used;
    pthread_mutex_unlock(&p->lock);
    return used;
}

bool sg__pieces_next(struct sg__pieces *p, struct sg_str *ret)
{
    piece_free(p->sending);
    pthread_mutex_lock(&p->lock);
    struct piece *piece = p->first;
    if (piece) {
        p->first = piece->next;
        if (!p->first)
            p->last = NULL;
        p->bytes -= piece->data.len;
        pthread_cond_broadcast(&p->room);
    }
    pthread_mutex_unlock(&p->lock);
    p->sending = piece;
    if (piece)
        *ret = sg_buf_str(&piece->data);
    return piece != NULL;
}

void sg__pieces_arrived(struct sg__edge *e, struct sg__message *m)
{
    struct sg__pieces *p = ((struct wake *)m)->pieces;
    (void)e;
    pthread_mutex_lock(&p->lock);
    p->told = false;
    pthread_mutex_unlock(&p->lock);
    if (p->request && p->request->conn)
        sg__exchange_pieces(p->request->conn);
    sg__pieces_drop_message(m);
}

void sg__pieces_drop_message(struct sg__message *m)
{
    unref(((struct wake *)m)->pieces);
    sg_free(m);
}
