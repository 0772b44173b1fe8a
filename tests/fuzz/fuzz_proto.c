/* fuzz_proto.c - clients' messages of any kind against a hub with a running engine: whatever they
 * say, what the server says back obeys the protocol, and what a session is subscribed to shows the
 * engine's state.
 *
 * Input: the first byte chooses the connection; the rest is lines. A line that starts with '!'
 * moves the world (next byte: what), all others are messages of the client.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "hub_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void check_subs(struct rig *r, struct client_model *c)
{
    for (size_t i = 0; i < c->n_subs; i++) {
        const struct cm_sub *s = &c->subs[i];
        for (size_t k = 0; k < r->n_topics; k++) {
            const struct rig_topic *t = &r->topics[k];
            if (!t->track || !s->has_state || sg_track_topic(t->track)->number != s->stream)
                continue;
            const char *diff = rig_compare(r, t, s);
            must(!diff, diff ? diff : "");
        }
    }
}

static void answer_history(struct rig *r)
{
    if (!r->history_token)
        return;
    double value[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct sg_history h = {.start_ms = r->history.start_ms,
                           .step_ms = r->history.step_ms,
                           .n_points = r->history.max_points < 8 ? r->history.max_points : 8,
                           .n_series = 1,
                           .labels = r->labels,
                           .value = value};
    sg_hub_history_done(r->hub, r->history_token, &h, NULL);
    r->history_token = 0;
}

static void move(struct rig *r, struct line *l, struct sg_prng *g, uint8_t what)
{
    switch (what % 8) {
    case 0:
    case 1:
        for (size_t i = 0; i < r->n_topics; i++)
            rig_shake(&r->topics[i], g, 3);
        rig_step(r);
        break;
    case 2:
        rig_note(r, what, what & 8 ? "critical" : "info");
        break;
    case 3:
        l->slow_percent = l->slow_percent ? 0 : 100;
        break;
    case 4:
        line_drain(l);
        break;
    case 5:
        answer_history(r);
        break;
    case 6:
        r->refuse = !r->refuse;
        break;
    default:
        r->now_ms += 700;
        rig_flush(r);
        break;
    }
}

static void play(struct rig *r, struct line *l, const uint8_t *data, size_t size)
{
    struct sg_prng g = {1};
    while (size && !l->closed) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size;
        if (n && data[0] == '!')
            move(r, l, &g, n > 1 ? data[1] : 0);
        else
            sg_session_receive(l->session, sg_str_make((const char *)data, n));
        size_t used = n + (end ? 1 : 0);
        data += used;
        size -= used;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        enum sg_wire wire;
        enum sg_dialect dialect;
    } kinds[] = {{SG_WIRE_WS, SG_DIALECT_V1},
                 {SG_WIRE_WS, SG_DIALECT_SIMPLE},
                 {SG_WIRE_WS, SG_DIALECT_NOTES},
                 {SG_WIRE_SSE, SG_DIALECT_V1},
                 {SG_WIRE_NDJSON, SG_DIALECT_V1}};
    if (size < 1 || size > 65536)
        return 0;
    unsigned kind = data[0] % SG_ARRAY_LEN(kinds);
    struct rig *r = calloc(1, sizeof(*r));
    struct client_model *c = calloc(1, sizeof(*c));
    struct line l;
    rig_init(r);
    cm_init(c, (enum cm_wire)kinds[kind].wire);
    c->any_id = true;
    line_open(r, &l, c, kinds[kind].wire, kinds[kind].dialect);
    sg_session_start(l.session);
    play(r, &l, data + 1, size - 1);
    /* All calms down: everything arrives. Unless the client left something or slowed itself, it
     * shows what is. */
    l.slow_percent = 0;
    line_drain(&l);
    answer_history(r);
    rig_step(r);
    must(c->violations == 0, c->violation);
    if (!l.closed && !memmem(data, size, "uns", 3) && !memmem(data, size, "rate", 4) &&
        !memmem(data, size, "\\u", 2))
        check_subs(r, c);
    line_cut(&l);
    must(atomic_load(&sg_hub_get_stats(r->hub)->subscriptions) == 0, "a subscription is left");
    must(atomic_load(&sg_hub_get_stats(r->hub)->groups) == 0, "a group is left");
    cm_deinit(c);
    rig_deinit(r);
    free(c);
    free(r);
    return 0;
}
