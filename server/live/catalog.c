/* catalog.c - all live selectors, and which of them a birth or an expiry concerns: those registered
 * for the metric's name, and those without a name. */
#include <streamgauge/hash.h>

#include "live/feed.h"

struct sg__feed **sg__catalog_list(struct sg__catalog *c, struct sg_str name)
{
    return name.n ? &c->named[sg_hash64(name.p, name.n) % SG__CATALOG_BUCKETS] : &c->nameless;
}

void sg__catalog_begin(struct sg__catalog *c)
{
    c->session++;
    c->synced = false;
}

static void each_of(struct sg__feed *list, struct sg_str name, const struct sg_store_event *event,
                    const struct sg_selected *one)
{
    for (struct sg__feed *s = list; s; s = s->next) {
        if (!s->loaded || (s->sel->name.n && !sg_str_eq(s->sel->name, name)))
            continue;
        if (event->kind == SG_STORE_BORN)
            sg__feed_born(s, one);
        else if (event->kind == SG_STORE_EXPIRED)
            sg__feed_expired(s, event->id);
        else if (event->kind == SG_STORE_CUT)
            sg__feed_cut(s, event->id, event->time_ms);
        else
            sg__feed_past(s, event->id, event->time_ms);
    }
}

static void everywhere(struct sg__catalog *c, void (*what)(struct sg__feed *s, uint32_t id),
                       uint32_t id)
{
    for (size_t i = 0; i < SG__CATALOG_BUCKETS; i++)
        for (struct sg__feed *s = c->named[i]; s; s = s->next)
            what(s, id);
    for (struct sg__feed *s = c->nameless; s; s = s->next)
        what(s, id);
}

static void forget(struct sg__feed *s, uint32_t id)
{
    (void)id;
    sg__feed_forget(s);
}

static void handle(struct sg__catalog *c, const struct sg_store_event *event)
{
    struct sg_selected one;
    if (!sg_store_series(c->store, event->id, &one)) {
        everywhere(c, sg__feed_expired, event->id); /* even its labels are gone */
        return;
    }
    struct sg_str name = sg_labels_get(one.labels, SG_METRIC_NAME);
    if (name.n)
        each_of(*sg__catalog_list(c, name), name, event, &one);
    each_of(c->nameless, name, event, &one);
}

void sg__catalog_sync(struct sg__catalog *c)
{
    struct sg_store_event event;
    int rc;
    if (c->synced)
        return;
    c->synced = true;
    while ((rc = sg_store_journal_next(c->store, &c->position, &event)) != 0) {
        if (rc < 0)
            everywhere(c, forget, 0);
        else
            handle(c, &event);
    }
}
