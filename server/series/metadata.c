/* metadata.c - help, unit and type of metric families: a fixed hash of immutable entries; a changed
 * one is replaced. */
#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#include "impl.h"

static void free_entry(void *p)
{
    struct sg__meta *e = p;
    sg_free(e->m.metric);
    sg_free(e->m.help);
    sg_free(e->m.unit);
    sg_free(e);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static char *copy_text(const char *text)
{
    return text ? sg_strdup(text) : NULL;
}

/* The link to the entry of that metric, or to the end of its bucket. */
static _Atomic(struct sg__meta *) *find(struct sg_store *s, const char *metric, uint64_t hash)
{
    _Atomic(struct sg__meta *) *link = &s->meta[hash % SG__META_BUCKETS];
    struct sg__meta *e;
    while ((e = atomic_load_explicit(link, memory_order_relaxed)) &&
           (e->hash != hash || strcmp(e->m.metric, metric) != 0))
        link = &e->next;
    return link;
}

/* What one exposition does not tell is kept from an earlier one. */
void sg__store_keep_metadata(struct sg_store *s, const struct sg_metadata *m)
{
    uint64_t hash = sg_hash64(m->metric, strlen(m->metric));
    _Atomic(struct sg__meta *) *link = find(s, m->metric, hash);
    struct sg__meta *old = atomic_load_explicit(link, memory_order_relaxed);
    if (!old && s->n_meta == SG_METADATA_MAX) {
        sg__stat_add(&s->stats.metadata_refused, 1);
        return;
    }
    struct sg_metadata merged = *m;
    if (old) {
        merged.help = m->help ? m->help : old->m.help;
        merged.unit = m->unit ? m->unit : old->m.unit;
        merged.type = m->type != SG_METRIC_UNKNOWN ? m->type : old->m.type;
        if (merged.type == old->m.type && same_text(merged.help, old->m.help) &&
            same_text(merged.unit, old->m.unit))
            return;
    }
    struct sg__meta *e = sg_alloc(sizeof(*e));
    *e = (struct sg__meta){.hash = hash};
    e->m = (struct sg_metadata){copy_text(merged.metric), copy_text(merged.help),
                                copy_text(merged.unit), merged.type};
    atomic_init(&e->next, old ? atomic_load_explicit(&old->next, memory_order_relaxed) : NULL);
    atomic_store_explicit(link, e, memory_order_release);
    if (old)
        sg__epoch_retire(&s->keeper.epoch, old, free_entry);
    else
        s->n_meta++;
}

void sg__store_free_metadata(struct sg_store *s)
{
    for (size_t i = 0; i < SG__META_BUCKETS; i++) {
        struct sg__meta *e = atomic_load_explicit(&s->meta[i], memory_order_relaxed);
        while (e) {
            struct sg__meta *next = atomic_load_explicit(&e->next, memory_order_relaxed);
            free_entry(e);
            e = next;
        }
    }
}
