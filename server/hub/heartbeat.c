/* heartbeat.c - what a heartbeat may claim: that everything due up to its time has come, but for
 * the streams it names. The engine knows what it evaluated, the edge what of it has arrived. */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "hub/frame_alloc.h"
#include "hub/hub_priv.h"

#define MAX_NAMED 64 /* with more, it claims nothing about any */

/* A stream that fails has said so. */
static bool is_late(struct sg__mirror *m, int64_t now_ms)
{
    if (!m->n_subs || !m->topic || m->interval_ms <= 0 || m->error)
        return false;
    return m->broken || sg__mirror_time(m) < sg_time_align(now_ms, m->interval_ms);
}

static size_t name_late(struct sg_hub *hub, int64_t now_ms, struct sg_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; hub->mirrors_by_key.n && i <= hub->mirrors_by_key.mask; i++) {
        for (struct sg_hashlink *l = hub->mirrors_by_key.buckets[i]; l; l = l->next) {
            struct sg__mirror *m = SG_CONTAINER_OF(l, struct sg__mirror, by_key);
            if (is_late(m, now_ms) && n++ < MAX_NAMED)
                sg_buf_printf(out, "%s%u", n > 1 ? "," : "", m->topic->number);
        }
    }
    return n;
}

void sg__heartbeat_check(struct sg_hub *hub)
{
    const struct sg_frame *f = hub->heartbeat;
    SG_AUTO(sg_buf_deinit) struct sg_buf late;
    sg_buf_init(&late, (size_t)MAX_NAMED * 16);
    size_t n = name_late(hub, f->time_ms, &late);
    if (!n)
        return;
    struct sg_publisher as = {.epoch = f->epoch, .offset = f->offset};
    struct sg_frame *own = sg_publisher_heartbeat(&as, f->time_ms);
    struct sg_buf text;
    sg_buf_init(&text, (size_t)MAX_NAMED * 16 + 16);
    if (n > MAX_NAMED)
        sg_buf_puts(&text, "true");
    else
        sg_buf_printf(&text, "[%.*s]", SG_STR_ARG(sg_buf_str(&late)));
    own->text.p = sg_buf_steal(&text, &own->text.n);
    sg_frame_unref(hub->heartbeat);
    hub->heartbeat = own;
}
