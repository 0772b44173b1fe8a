/* routes_feed.c - /api/v1/notifications: the feed's past, also what is older than its ring. */
#include <streamgauge/num.h>

#include "alerts_priv.h"

#define MAX_NOTES 1000

struct notes {
    struct sg_net_exchange *x;
    size_t n;
};

static void put_note(void *ctx, const struct sg_persist_note *note)
{
    struct notes *l = ctx;
    struct sg_buf *b = &l->x->out;
    sg_buf_printf(b, "%s{\"o\":%llu,\"notification\":", l->n++ ? "," : "",
                  (unsigned long long)note->offset);
    sg_buf_put_str(b, note->json);
    sg_buf_putc(b, '}');
}

/* from <= time < to, the newest `limit` of them, oldest first. */
static void on_notifications(void *ctx, struct sg_net_exchange *x)
{
    struct sg_alerts *a = ctx;
    struct notes l = {.x = x};
    struct sg_error err = {0};
    int64_t from = 0, to = INT64_MAX, limit = 100;
    if (sg__query_number(x, "from", 0, INT64_MAX, &from) < 0 ||
        sg__query_number(x, "to", 0, INT64_MAX, &to) < 0 ||
        sg__query_number(x, "limit", 1, MAX_NOTES, &limit) < 0)
        return;
    sg_buf_printf(&x->out, "{\"epoch\":\"%016llx\",\"notifications\":[",
                  (unsigned long long)a->epoch);
    if (sg_persist_feed(a->persist, from, to, (size_t)limit, put_note, &l, &err) < 0)
        sg_net_exchange_error(x, 500, "%s", err.text);
    else
        sg_buf_puts(&x->out, "]}\n");
}

void sg__routes_feed(struct sg_alerts *a)
{
    sg__alerts_route(a, "/api/v1/notifications", SG_NET_METHOD(GET), SG_RIGHT_READ,
                     on_notifications);
}
