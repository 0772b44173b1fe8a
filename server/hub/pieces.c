/* pieces.c - what a block is made of: collecting what is new since a cursor, ordering it, and
 * turning it into bytes.
 *
 * Event ids. An SSE id promises that everything up to that offset was delivered, on all
 * subscriptions of the connection. Frames taken one by one and sorted by offset keep that promise
 * with every event. A merged update or a full stands for older frames too, which other pieces'
 * offsets may already have passed; so as soon as one of those is in a block, only the block's last
 * event carries an id.
 */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "hub/hub_priv.h"

/* Frames sent one by one after a cursor never amount to more than this; beyond, they are merged. */
#define MAX_EXACT_BYTES ((size_t)1 << 20)

void sg__pieces_reset(struct sg__pieces *p)
{
    p->n = p->bytes = 0;
    p->inexact = false;
    p->conflated = 0;
}

static struct sg__piece *push(struct sg__pieces *p)
{
    p->at = sg_grow(p->at, &p->cap, p->n + 1, sizeof(*p->at));
    p->at[p->n] = (struct sg__piece){0};
    return &p->at[p->n++];
}

void sg__pieces_add(struct sg__pieces *p, uint64_t offset, const struct sg_frame *frame,
                    struct sg__flavour *flavour)
{
    struct sg__piece *piece = push(p);
    piece->offset = offset;
    piece->frame = frame;
    piece->flavour = flavour;
    p->bytes += frame ? frame->bytes : 0;
}

static void collect_notes(struct sg__pieces *p, struct sg__flavour *f, struct sg__place cursor)
{
    struct sg__mirror *m = f->mirror;
    if (cursor.seq < m->floor.seq) {
        struct sg__piece *gap = push(p);
        gap->gap = true;
        gap->gap_from = cursor.offset < m->floor.offset ? cursor.offset + 1 : m->floor.offset;
        gap->offset = m->floor.offset;
        gap->flavour = f;
        SG__STAT_ADD(m->hub, gaps, 1);
    }
    for (uint32_t i = sg__ring_after(m, cursor.seq); i < m->count; i++) {
        const struct sg_frame *note = sg__ring_at(m, i);
        if (sg__filter_passes(&f->filter, note))
            sg__pieces_add(p, note->offset, note, f);
    }
}

static bool few_bytes(const struct sg__mirror *m, uint32_t first)
{
    size_t bytes = 0;
    for (uint32_t i = first; i < m->count && bytes <= MAX_EXACT_BYTES; i++)
        bytes += sg__ring_at(m, i)->bytes;
    return bytes <= MAX_EXACT_BYTES;
}

static void collect_stream(struct sg__pieces *p, struct sg__flavour *f, uint64_t cursor,
                           uint32_t max_exact)
{
    struct sg__mirror *m = f->mirror;
    uint32_t first = sg__ring_after(m, cursor), n = m->count - first;
    if (cursor >= m->floor.seq && n && (n == 1 || (n <= max_exact && few_bytes(m, first)))) {
        for (uint32_t i = first; i < m->count; i++)
            sg__pieces_add(p, sg__ring_at(m, i)->offset, sg__ring_at(m, i), f);
        return;
    }
    const struct sg_frame *merged = sg__mirror_merged(m, cursor);
    sg__pieces_add(p, m->offset, merged ? merged : sg__mirror_full(m), f);
    p->inexact = true;
    p->conflated += n > 1 ? n - 1 : 1;
    if (merged)
        SG__STAT_ADD(m->hub, merged, 1);
    else
        SG__STAT_ADD(m->hub, fulls, 1);
}

void sg__pieces_collect(struct sg__pieces *p, struct sg__flavour *f, struct sg__place cursor,
                        uint32_t max_exact)
{
    struct sg__mirror *m = f->mirror;
    if (m->seq <= cursor.seq || !sg__mirror_ready(m))
        return;
    switch (f->kind) {
    case SG__FLAVOUR_NOTES:
        collect_notes(p, f, cursor);
        return;
    case SG__FLAVOUR_SIMPLE:
        if (m->sum_seq > cursor.seq)
            sg__pieces_add(p, m->sum_offset, NULL, f);
        return;
    case SG__FLAVOUR_V1:
        collect_stream(p, f, cursor.seq, max_exact);
        return;
    }
}

/* ---- bytes ---- */

static int by_offset(const void *a, const void *b)
{
    const struct sg__piece *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->gap != y->gap)
        return x->gap ? -1 : 1;
    return (x->flavour > y->flavour) - (x->flavour < y->flavour);
}

static enum sg_encoding encoding_of(const struct sg__group_key *key, bool anon)
{
    switch (key->wire) {
    case SG_WIRE_SSE:
        return anon ? SG_ENC_SSE_ANON : SG_ENC_SSE;
    case SG_WIRE_NDJSON:
        return SG_ENC_NDJSON;
    case SG_WIRE_WS:
        break;
    }
    if (key->dialect == SG_DIALECT_NOTES)
        return SG_ENC_NOTE;
    return key->deflate ? SG_ENC_WS_Z : SG_ENC_WS;
}

static const struct sg_block *block_of(struct sg_hub *hub, const struct sg__piece *piece,
                                       const struct sg__group_key *key, bool anon)
{
    if (!piece->frame)
        return sg__simple_block(piece->flavour, key->wire, anon);
    return sg_frame_encode(piece->frame, encoding_of(key, anon),
                           key->deflate ? &hub->deflater : NULL);
}

const struct sg_block *sg__pieces_single(struct sg_hub *hub, struct sg__pieces *p,
                                         const struct sg__group_key *key)
{
    if (p->n != 1 || p->at[0].gap)
        return NULL;
    return block_of(hub, &p->at[0], key, key->anon || hub->holed);
}

static void write_gap(struct sg_hub *hub, const struct sg__piece *piece,
                      const struct sg__group_key *key, struct sg_buf *out)
{
    if (key->dialect == SG_DIALECT_NOTES)
        return; /* every message there is a notification: it has no word for a gap */
    sg_buf_reset(&hub->json);
    sg__gap_json(piece->flavour->mirror, piece->gap_from, piece->offset, &hub->json);
    sg__encode_message(key->wire, "gap", (struct sg_str){NULL, 0}, sg_buf_str(&hub->json), out);
}

uint32_t sg__pieces_write(struct sg_hub *hub, struct sg__pieces *p, const struct sg__group_key *key,
                          struct sg_buf *out)
{
    if (p->n > 1)
        qsort(p->at, p->n, sizeof(*p->at), by_offset);
    for (size_t i = 0; i < p->n; i++) {
        const struct sg__piece *piece = &p->at[i];
        if (piece->gap) {
            write_gap(hub, piece, key, out);
            continue;
        }
        bool anon = key->anon || hub->holed || (p->inexact && i + 1 < p->n);
        const struct sg_block *b = block_of(hub, piece, key, anon);
        sg_buf_append(out, b->data, b->n);
    }
    return (uint32_t)p->n;
}
