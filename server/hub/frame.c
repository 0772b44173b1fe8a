/* frame.c - topics, frames and blocks: allocation, reference counts, and encodings published once.
 */
#include <string.h>

#include <streamgauge/deflate.h>
#include <streamgauge/mem.h>
#include <streamgauge/sse.h>
#include <streamgauge/ws.h>

#include "hub/frame_alloc.h"

/* A frame's text is bounded by the caps on series and labels; this only stops the absurd. */
#define MAX_TEXT ((size_t)1 << 30)

/* ---- topics ---- */

struct sg_topic *sg_topic_new(uint32_t number, struct sg_str key, int64_t interval_ms)
{
    SG_ASSERT(key.n < UINT32_MAX);
    struct sg_topic *t = sg_alloc(sizeof(*t) + key.n + 1);
    atomic_init(&t->refs, 1);
    atomic_init(&t->viewers, 0);
    atomic_init(&t->told, 0);
    atomic_init(&t->confirmed_ms, 0);
    t->number = number;
    t->interval_ms = interval_ms;
    t->key_len = (uint32_t)key.n;
    if (key.n)
        memcpy(t->key, key.p, key.n);
    t->key[key.n] = 0;
    return t;
}

struct sg_topic *sg_topic_ref(struct sg_topic *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void sg_topic_unref(struct sg_topic *t)
{
    if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        sg_free(t);
}

int64_t sg_topic_confirmed(const struct sg_topic *t, uint64_t offset, int64_t else_ms)
{
    int64_t time_ms = atomic_load_explicit(&t->confirmed_ms, memory_order_acquire);
    return atomic_load_explicit(&t->told, memory_order_acquire) == offset ? time_ms : else_ms;
}

/* ---- blocks ---- */

struct sg_block *sg_block_new(size_t n)
{
    struct sg_block *b = sg_alloc(sizeof(*b) + SG_LWS_PRE + n);
    b->n = n;
    b->data = (char *)(b + 1) + SG_LWS_PRE;
    memset(b->data - SG_LWS_PRE, 0, SG_LWS_PRE);
    return b;
}

void sg_block_free(struct sg_block *b)
{
    sg_free(b);
}

/* ---- frames ---- */

struct sg_frame *sg__frame_new(const struct sg_frame_shape *shape, struct sg_topic *topic,
                               struct sg_frame_columns *ret)
{
    size_t n_index = shape->dense ? 0 : shape->n_values;
    size_t bytes = sizeof(struct sg_frame) + shape->n_values * sizeof(double) +
                   shape->n_add * sizeof(struct sg_frame_add) +
                   (n_index + shape->n_del) * sizeof(uint32_t);
    struct sg_frame *f = sg_alloc(bytes);
    memset(f, 0, sizeof(*f));
    atomic_init(&f->refs, 1);
    f->kind = shape->kind;
    f->topic = topic ? sg_topic_ref(topic) : NULL;
    f->bytes = bytes;
    f->sum = sg_stale_nan();
    f->n_values = shape->n_values;
    f->n_add = shape->n_add;
    f->n_del = shape->n_del;
    ret->value = (double *)(void *)(f + 1);
    ret->add = (struct sg_frame_add *)(void *)(ret->value + shape->n_values);
    uint32_t *words = (uint32_t *)(void *)(ret->add + shape->n_add);
    ret->index = shape->dense ? NULL : words;
    ret->del = words + n_index;
    f->value = ret->value;
    f->add = ret->add;
    f->index = ret->index;
    f->del = ret->del;
    return f;
}
_Static_assert(sizeof(struct sg_frame) % sizeof(double) == 0, "columns follow the struct");

struct sg_frame *sg_frame_ref(const struct sg_frame *f)
{
    /* Counting references is the one change a published frame allows. */
    struct sg_frame *w = (struct sg_frame *)(uintptr_t)f;
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    return w;
}

void sg_frame_unref(struct sg_frame *f)
{
    if (!f || atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < f->n_add; i++)
        sg_labels_unref(f->add[i].labels);
    for (int i = 0; i < SG_ENC_COUNT; i++)
        sg_block_free(atomic_load_explicit(&f->encoded[i], memory_order_relaxed));
    sg_labels_unref(f->labels);
    sg_topic_unref(f->topic);
    sg_free((char *)(uintptr_t)f->text.p);
    sg_free((char *)(uintptr_t)f->severity.p);
    sg_free(f->error);
    sg_free(f);
}

/* ---- encodings ---- */

static const char *event_name(enum sg_frame_kind kind)
{
    switch (kind) {
    case SG_FRAME_FULL:
        return "full";
    case SG_FRAME_UPDATE:
        return "update";
    case SG_FRAME_NOTIFICATION:
        return "notification";
    case SG_FRAME_ERROR:
        return "error";
    case SG_FRAME_HEARTBEAT:
        return "heartbeat";
    case SG_FRAME_CLOSED:
    case SG_FRAME_RESYNC_BEGIN:
    case SG_FRAME_RESYNC_END:
        break;
    }
    return "";
}

static struct sg_block *block_of(const struct sg_buf *b)
{
    SG_ASSERT(!b->failed);
    struct sg_block *block = sg_block_new(b->len);
    if (b->len)
        memcpy(block->data, b->data, b->len);
    return block;
}

static struct sg_block *ws_block(struct sg_str payload, bool compressed)
{
    struct sg_block *block = sg_block_new(sg_ws_frame_header_len(payload.n) + payload.n);
    size_t head = sg_ws_frame_header(block->data, SG_WS_OP_TEXT, true, compressed, payload.n);
    if (payload.n)
        memcpy(block->data + head, payload.p, payload.n);
    return block;
}

static struct sg_block *ws_deflated(struct sg_str payload, struct sg_deflater *z)
{
    if (!z || payload.n < SG_DEFLATE_MIN)
        return ws_block(payload, false);
    SG_AUTO(sg_buf_deinit) struct sg_buf packed;
    /* The cap makes compression that does not pay end early. */
    sg_buf_init(&packed, payload.n - payload.n / 8);
    if (sg_deflate_compress(z, payload.p, payload.n, &packed) < 0)
        return ws_block(payload, false);
    return ws_block(sg_buf_str(&packed), true);
}

static struct sg_block *sse_block(const struct sg_frame *f, struct sg_str json, bool with_id)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, MAX_TEXT);
    char id[SG_EVENT_ID_MAX];
    struct sg_sse_event ev = {.event = sg_str_from(event_name(f->kind)), .data = json};
    if (with_id && f->kind != SG_FRAME_HEARTBEAT)
        ev.id = sg_str_make(id, sg_event_id_format(f->epoch, f->offset, id));
    int rc = sg_sse_write(&out, &ev);
    SG_ASSERT(rc == 0);
    return block_of(&out);
}

static struct sg_block *ndjson_block(struct sg_str json)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf out;
    sg_buf_init(&out, MAX_TEXT);
    int rc = sg_ndjson_write(&out, json);
    SG_ASSERT(rc == 0);
    return block_of(&out);
}

static struct sg_block *encode(const struct sg_frame *f, enum sg_encoding enc,
                               struct sg_deflater *z)
{
    if (f->kind == SG_FRAME_CLOSED || f->kind == SG_FRAME_RESYNC_BEGIN ||
        f->kind == SG_FRAME_RESYNC_END)
        return sg_block_new(0);
    if (enc == SG_ENC_NOTE)
        return f->kind == SG_FRAME_NOTIFICATION ? ws_block(f->text, false) : sg_block_new(0);
    SG_AUTO(sg_buf_deinit) struct sg_buf json;
    sg_buf_init(&json, MAX_TEXT);
    sg_frame_json(f, &json);
    switch (enc) {
    case SG_ENC_WS_Z:
        return ws_deflated(sg_buf_str(&json), z);
    case SG_ENC_SSE:
    case SG_ENC_SSE_ANON:
        return sse_block(f, sg_buf_str(&json), enc == SG_ENC_SSE);
    case SG_ENC_NDJSON:
        return ndjson_block(sg_buf_str(&json));
    default:
        return ws_block(sg_buf_str(&json), false);
    }
}

const struct sg_block *sg_frame_encode(const struct sg_frame *f, enum sg_encoding enc,
                                       struct sg_deflater *z)
{
    SG_ASSERT(enc < SG_ENC_COUNT);
    struct sg_frame *w = (struct sg_frame *)(uintptr_t)f;
    struct sg_block *have = atomic_load_explicit(&w->encoded[enc], memory_order_acquire);
    if (SG_LIKELY(have))
        return have;
    struct sg_block *mine = encode(f, enc, z);
    if (atomic_compare_exchange_strong_explicit(&w->encoded[enc], &have, mine, memory_order_acq_rel,
                                                memory_order_acquire)) {
        atomic_fetch_add_explicit(&w->encoded_bytes, sizeof(*mine) + SG_LWS_PRE + mine->n,
                                  memory_order_relaxed);
        return mine;
    }
    sg_block_free(mine);
    return have;
}

/* ---- batches ---- */

struct sg_frame_batch *sg_frame_batch_new(void)
{
    return sg_calloc(1, sizeof(struct sg_frame_batch));
}

void sg_frame_batch_add(struct sg_frame_batch *b, const struct sg_frame *f)
{
    size_t cap = b->cap;
    b->frames = sg_grow(b->frames, &cap, (size_t)b->n + 1, sizeof(*b->frames));
    b->cap = (uint32_t)cap;
    b->frames[b->n++] = sg_frame_ref(f);
}

size_t sg_frame_batch_weight(const struct sg_frame_batch *b)
{
    size_t bytes = sizeof(*b) + b->cap * sizeof(*b->frames);
    for (uint32_t i = 0; i < b->n; i++)
        bytes += b->frames[i]->bytes;
    return bytes;
}

void sg_frame_batch_free(struct sg_frame_batch *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < b->n; i++)
        sg_frame_unref(b->frames[i]);
    sg_free(b->frames);
    sg_free(b);
}
