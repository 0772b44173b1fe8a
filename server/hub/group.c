/* group.c - sessions that are up to date and want the same: one block, one call each. And flavours,
 * what groups are made of. */
#include <stdlib.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#include "hub/hub_priv.h"

/* A group sends this many frames of a stream one by one before it merges (an edge that was held
 * up). */
#define GROUP_MAX_EXACT 64

/* ---- flavours ---- */

struct sg__flavour *sg__flavour_get(struct sg__mirror *m, enum sg__flavour_kind kind,
                                    struct sg_str text, struct sg__filter *filter)
{
    SG_LIST_FOREACH(node, &m->flavours)
    {
        struct sg__flavour *f = SG_CONTAINER_OF(node, struct sg__flavour, of_mirror);
        if (f->kind == kind && sg_str_eq(sg_str_make(f->text, f->text_len), text)) {
            if (filter)
                sg__filter_deinit(filter);
            f->refs++;
            return f;
        }
    }
    struct sg__flavour *f = sg_calloc(1, sizeof(*f));
    f->mirror = m;
    f->kind = kind;
    f->refs = 1;
    f->text = sg_str_dup(text);
    f->text_len = text.n;
    if (filter) {
        f->filter = *filter;
        *filter = (struct sg__filter){0};
    }
    sg_list_init(&f->groups);
    sg_list_append(&m->flavours, &f->of_mirror);
    return f;
}

void sg__flavour_unref(struct sg__flavour *f)
{
    if (--f->refs)
        return;
    SG_ASSERT(sg_list_empty(&f->groups));
    sg_list_remove(&f->of_mirror);
    sg__filter_deinit(&f->filter);
    for (int w = 0; w < 3; w++)
        for (int a = 0; a < 2; a++)
            sg_block_free(f->simple[w][a]);
    sg_free(f->text);
    sg_free(f);
}

/* ---- membership ---- */

static uint64_t group_hash(const struct sg__group_key *key, struct sg__flavour *const *flavours,
                           size_t n)
{
    uint64_t h = sg_hash_mix((uint64_t)key->wire | (uint64_t)key->dialect << 2 |
                             (uint64_t)key->simple << 4 | (uint64_t)key->deflate << 5 |
                             (uint64_t)key->anon << 6 | (uint64_t)key->calm << 7);
    for (size_t i = 0; i < n; i++)
        h = sg_hash_mix(h ^ (uint64_t)(uintptr_t)flavours[i]);
    return h;
}

static bool key_eq(const struct sg__group_key *a, const struct sg__group_key *b)
{
    return a->wire == b->wire && a->dialect == b->dialect && a->simple == b->simple &&
           a->deflate == b->deflate && a->anon == b->anon && a->calm == b->calm;
}

static struct sg__group *group_find(struct sg_hub *hub, const struct sg__group_key *key,
                                    struct sg__flavour *const *flavours, uint32_t n, uint64_t hash)
{
    for (struct sg_hashlink *l = sg_hashtab_first(&hub->groups, hash); l; l = sg_hashtab_next(l)) {
        struct sg__group *g = SG_CONTAINER_OF(l, struct sg__group, link);
        if (g->n_flavours != n || !key_eq(&g->key, key))
            continue;
        uint32_t i = 0;
        while (i < n && g->in[i].flavour == flavours[i])
            i++;
        if (i == n)
            return g;
    }
    return NULL;
}

static struct sg__group *group_new(struct sg_hub *hub, const struct sg__group_key *key,
                                   struct sg__flavour *const *flavours, uint32_t n, uint64_t hash)
{
    struct sg__group *g = sg_calloc(1, sizeof(*g) + n * sizeof(g->in[0]));
    g->key = *key;
    g->n_flavours = n;
    sg_list_init(&g->dirty);
    for (uint32_t i = 0; i < n; i++) {
        g->in[i].group = g;
        g->in[i].flavour = flavours[i];
        flavours[i]->refs++;
        sg_list_append(&flavours[i]->groups, &g->in[i].of_flavour);
    }
    sg_hashtab_add(&hub->groups, &g->link, hash);
    SG__STAT_SET(hub, groups, hub->groups.n);
    return g;
}

static void group_free(struct sg_hub *hub, struct sg__group *g)
{
    sg_hashtab_remove(&hub->groups, &g->link);
    SG__STAT_SET(hub, groups, hub->groups.n);
    sg_list_remove(&g->dirty);
    for (uint32_t i = 0; i < g->n_flavours; i++) {
        sg_list_remove(&g->in[i].of_flavour);
        sg__flavour_unref(g->in[i].flavour);
    }
    sg_free(g->members);
    sg_free(g);
}

static int by_pointer(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct sg__flavour *const *)a;
    uintptr_t y = (uintptr_t) * (struct sg__flavour *const *)b;
    return (x > y) - (x < y);
}

/* What the group had sent becomes the session's own position. */
static void keep_place(struct sg_session *s)
{
    s->note_cursor = s->hub->flushed;
    if (!s->gap_ms)
        s->cursor = s->hub->flushed;
}

void sg__group_leave(struct sg_session *s)
{
    struct sg__group *g = s->group;
    if (!g)
        return;
    keep_place(s);
    struct sg__member last = g->members[--g->n_members];
    if (last.session != s) {
        g->members[s->member] = last;
        last.session->member = s->member;
    }
    s->group = NULL;
    s->member = SG__NOT_MEMBER;
    if (g->n_members == 0 && !s->hub->flushing)
        group_free(s->hub, g);
    else if (g->n_members == 0 && sg_list_empty(&g->dirty))
        sg_list_append(&s->hub->dirty_groups, &g->dirty); /* the flush that is under way frees it */
}

/* The flavours that are sent through the group, sorted; returns how many. */
static uint32_t group_flavours(const struct sg_session *s, struct sg__flavour **dst)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_subs; i++) {
        const struct sg__sub *sub = s->subs[i];
        if (sub->state == SG__SUB_LIVE && (!s->gap_ms || sub->flavour->kind == SG__FLAVOUR_NOTES))
            dst[n++] = sub->flavour;
    }
    if (n > 1)
        qsort(dst, n, sizeof(*dst), by_pointer);
    /* Two subscriptions to one stream are one flavour: its frames come once. */
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (!kept || dst[kept - 1] != dst[i])
            dst[kept++] = dst[i];
    return kept;
}

void sg__group_join(struct sg_session *s)
{
    struct sg_hub *hub = s->hub;
    struct sg__group_key key = {.wire = s->wire,
                                .dialect = s->dialect,
                                .simple = s->simple,
                                .deflate = s->deflate,
                                .anon = s->wire == SG_WIRE_SSE && sg__session_anon(s),
                                .calm = sg__session_calm(s)};
    struct sg__flavour *few[16], **flavours = few;
    if (s->n_subs > SG_ARRAY_LEN(few))
        flavours = sg_alloc(s->n_subs * sizeof(*flavours));
    uint32_t n = group_flavours(s, flavours);
    uint64_t hash = group_hash(&key, flavours, n);
    struct sg__group *g = group_find(hub, &key, flavours, n, hash);
    if (!g)
        g = group_new(hub, &key, flavours, n, hash);
    if (flavours != few)
        sg_free(flavours);
    if (s->group == g)
        return;
    sg__group_leave(s);
    g->members =
        sg_grow(g->members, &g->cap_members, (size_t)g->n_members + 1, sizeof(*g->members));
    s->group = g;
    s->member = g->n_members;
    g->members[g->n_members++] =
        (struct sg__member){.write = s->transport->write, .ctx = s->ctx, .session = s};
}

/* ---- sending ---- */

void sg__group_write(struct sg_hub *hub, struct sg__group *g, const char *data, size_t n,
                     uint32_t messages)
{
    uint32_t members = g->n_members, sent = 0;
    /* From the end: a member that leaves is replaced by one that has been served. */
    for (uint32_t i = members; i-- > 0;) {
        const struct sg__member *m = &g->members[i];
        int rc = m->write(m->ctx, data, n);
        if (SG_LIKELY(rc == 0)) {
            sent++;
        } else if (rc == SG_EBUSY) {
            sent++;
            sg__session_fell_behind(m->session);
        } else {
            sg__session_dead(m->session);
        }
    }
    SG__STAT_ADD(hub, blocks, sent);
    SG__STAT_ADD(hub, bytes, sent * (uint64_t)n);
    SG__STAT_ADD(hub, messages, (uint64_t)sent * messages);
}

/* What they asked for is more than one block may hold. */
static void refuse(struct sg__group *g)
{
    while (g->n_members)
        sg__session_end(g->members[g->n_members - 1].session, 1008, "too much to send at once");
}

static void reap(struct sg_hub *hub, struct sg__group *g)
{
    if (g->n_members == 0)
        group_free(hub, g);
}

void sg__group_flush(struct sg_hub *hub, struct sg__group *g)
{
    struct sg__pieces *p = &hub->pieces;
    sg__pieces_reset(p);
    if (!g->n_members) {
        reap(hub, g);
        return;
    }
    if (hub->heartbeat && g->key.dialect == SG_DIALECT_V1 && !g->key.simple && !g->key.calm)
        sg__pieces_add(p, 0, hub->heartbeat, NULL);
    for (uint32_t i = 0; i < g->n_flavours; i++)
        sg__pieces_collect(p, g->in[i].flavour, hub->flushed, GROUP_MAX_EXACT);
    if (p->conflated)
        SG__STAT_ADD(hub, conflated, (uint64_t)p->conflated * g->n_members);
    const struct sg_block *single = sg__pieces_single(hub, p, &g->key);
    if (single) {
        if (single->n)
            sg__group_write(hub, g, single->data, single->n, 1);
    } else if (p->n) {
        static const char spare[SG_LWS_PRE];
        sg_buf_reset(&hub->scratch);
        sg_buf_append(&hub->scratch, spare, SG_LWS_PRE);
        uint32_t messages = sg__pieces_write(hub, p, &g->key, &hub->scratch);
        if (hub->scratch.failed)
            refuse(g);
        else if (hub->scratch.len > SG_LWS_PRE)
            sg__group_write(hub, g, hub->scratch.data + SG_LWS_PRE, hub->scratch.len - SG_LWS_PRE,
                            messages);
    }
    reap(hub, g);
}
