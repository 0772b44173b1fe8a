/* inhibit.c - inhibition. For each rule an alert takes part in there is a link in the bucket of its
 * `equal` values; the bucket counts firing sources. Only when that count becomes or leaves zero are
 * the bucket's targets looked at again. */
#include "alerting_priv.h"

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

static struct sg_str value_of(const struct sg_labels *labels, struct sg_str name)
{
    struct sg_str v = sg_labels_get(labels, name);
    return v.p ? v : SG_STR("");
}

static uint64_t equal_hash(const struct sg__inhibit_rule *rule, uint32_t number,
                           const struct sg_labels *labels)
{
    uint64_t h = sg_hash_mix(number);
    for (size_t i = 0; i < rule->equal.n; i++) {
        struct sg_str v = value_of(labels, rule->equal.list[i]);
        h = sg_hash_mix(h ^ sg_hash64(v.p, v.n));
    }
    return h;
}

static bool equal_values(const struct sg__inhibit_rule *rule, const struct sg_labels *a,
                         const struct sg_labels *b)
{
    for (size_t i = 0; i < rule->equal.n; i++)
        if (!sg_str_eq(value_of(a, rule->equal.list[i]), value_of(b, rule->equal.list[i])))
            return false;
    return true;
}

static struct sg__inhibit_bucket *bucket_of(struct sg_alerting *a, uint32_t number,
                                            const struct sg_labels *labels)
{
    const struct sg__inhibit_rule *rule = &a->routing->inhibit[number];
    uint64_t hash = equal_hash(rule, number, labels);
    struct sg_hashlink *node = sg_hashtab_first(&a->by_inhibit, hash);
    for (; node; node = sg_hashtab_next(node)) {
        struct sg__inhibit_bucket *b = (struct sg__inhibit_bucket *)node;
        if (b->rule == number && equal_values(rule, b->links->alert->labels, labels))
            return b;
    }
    struct sg__inhibit_bucket *b = sg_calloc(1, sizeof(*b));
    b->rule = number;
    sg_hashtab_add(&a->by_inhibit, &b->node, hash);
    return b;
}

static void link_alert(struct sg_alerting *a, struct sg__alert *alert, uint32_t number, bool source,
                       bool target)
{
    struct sg__inhibit_bucket *b = bucket_of(a, number, alert->labels);
    struct sg__inhibit_link *l = sg_calloc(1, sizeof(*l));
    *l = (struct sg__inhibit_link){.alert = alert,
                                   .bucket = b,
                                   .next = b->links,
                                   .more = alert->links,
                                   .source = source,
                                   .target = target};
    if (b->links)
        b->links->prev = l;
    b->links = l;
    b->n_links++;
    alert->links = l;
}

void sg__inhibit_add(struct sg_alerting *a, struct sg__alert *alert)
{
    for (size_t i = 0; a->routing && i < a->routing->n_inhibit; i++) {
        const struct sg__inhibit_rule *rule = &a->routing->inhibit[i];
        bool source = sg__matchers_match(&rule->source, alert->labels);
        bool target = sg__matchers_match(&rule->target, alert->labels);
        if (source || target)
            link_alert(a, alert, (uint32_t)i, source, target);
    }
    if (alert->links) {
        sg__alert_dirty(a, alert);
        sg__inhibit_changed(a, alert);
    }
}

/* A target that is a source too is inhibited only by sources that are no targets: else two alerts
 * would inhibit each other. */
static bool link_inhibited(const struct sg__inhibit_link *l)
{
    const struct sg__inhibit_bucket *b = l->bucket;
    return l->target && (b->n_sources > 0 || (!l->source && b->n_both > 0));
}

static void count(struct sg_alerting *a, struct sg__inhibit_link *l, bool firing)
{
    struct sg__inhibit_bucket *b = l->bucket;
    uint32_t *n = l->target ? &b->n_both : &b->n_sources;
    if (l->counted == firing)
        return;
    l->counted = firing;
    *n = firing ? *n + 1 : *n - 1;
    if (*n > 1 || (*n == 1 && !firing)) /* it inhibited before as after */
        return;
    for (struct sg__inhibit_link *t = b->links; t; t = t->next)
        if (t->target)
            sg__alert_dirty(a, t->alert);
}

void sg__inhibit_changed(struct sg_alerting *a, struct sg__alert *alert)
{
    for (struct sg__inhibit_link *l = alert->links; l; l = l->more)
        if (l->source)
            count(a, l, alert->firing);
}

void sg__inhibit_remove(struct sg_alerting *a, struct sg__alert *alert)
{
    for (struct sg__inhibit_link *l = alert->links, *more; l; l = more) {
        struct sg__inhibit_bucket *b = l->bucket;
        more = l->more;
        if (l->source)
            count(a, l, false);
        if (l->prev)
            l->prev->next = l->next;
        else
            b->links = l->next;
        if (l->next)
            l->next->prev = l->prev;
        if (--b->n_links == 0) {
            sg_hashtab_remove(&a->by_inhibit, &b->node);
            sg_free(b);
        }
        sg_free(l);
    }
    alert->links = NULL;
}

bool sg__inhibited(const struct sg__alert *alert)
{
    for (const struct sg__inhibit_link *l = alert->links; l; l = l->more)
        if (link_inhibited(l))
            return true;
    return false;
}

size_t sg__inhibited_by(const struct sg__alert *alert, uint64_t *ret, size_t max)
{
    size_t n = 0;
    for (const struct sg__inhibit_link *l = alert->links; l && n < max; l = l->more) {
        if (!link_inhibited(l))
            continue;
        const struct sg__inhibit_link *s = l->bucket->links;
        while (s && (!s->counted || (l->source && s->target)))
            s = s->next;
        if (s)
            ret[n++] = s->alert->fp;
    }
    return n;
}
