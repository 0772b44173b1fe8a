/* message.c - what the server says besides frames: welcome, subscribed, gap, error, pong, and the
 * simple form of a value. */
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/sse.h>
#include <streamgauge/time.h>
#include <streamgauge/ws.h>

#include "hub/hub_priv.h"

#define NO_ID ((struct sg_str){NULL, 0})

void sg__encode_message(enum sg_wire wire, const char *event, struct sg_str id, struct sg_str json,
                        struct sg_buf *out)
{
    int rc = 0;
    switch (wire) {
    case SG_WIRE_WS:
        rc = sg_ws_write_frame(out, SG_WS_OP_TEXT, false, json);
        break;
    case SG_WIRE_SSE:
        rc = sg_sse_write(
            out, &(struct sg_sse_event){.event = sg_str_from(event), .id = id, .data = json});
        break;
    case SG_WIRE_NDJSON:
        rc = sg_ndjson_write(out, json);
        break;
    }
    if (rc < 0)
        out->failed = true; /* the cap on what waits for a session is reached; its writer looks */
}

void sg__session_put(struct sg_session *s, const char *event, struct sg_str json)
{
    static const char spare[SG_LWS_PRE];
    if (s->out.len == 0)
        sg_buf_append(&s->out, spare, SG_LWS_PRE);
    sg__encode_message(s->wire, event, NO_ID, json, &s->out);
}

/* The shared scratch text, emptied. Valid until the next message is built. */
static struct sg_buf *text_of(struct sg_session *s)
{
    sg_buf_reset(&s->hub->json);
    return &s->hub->json;
}

static void put_field(struct sg_buf *b, const char *before, struct sg_str value)
{
    sg_buf_puts(b, before);
    sg_buf_put_json_str(b, value);
}

static void put_number(struct sg_buf *b, const char *before, int64_t value)
{
    sg_buf_puts(b, before);
    sg_buf_put_i64(b, value);
}

static struct sg_str epoch_text(uint64_t epoch, char *dst)
{
    (void)sg_event_id_format(epoch, 0, dst);
    return sg_str_make(dst, 16);
}

void sg__put_welcome(struct sg_session *s)
{
    const struct sg_hub *hub = s->hub;
    char epoch[SG_EVENT_ID_MAX];
    struct sg_buf *b = text_of(s);
    put_field(b, "{\"type\":\"welcome\",\"server\":", sg_str_from(hub->opt.server));
    put_field(b, ",\"session\":", sg_str_from(s->id));
    put_field(b, ",\"epoch\":", epoch_text(hub->opt.epoch, epoch));
    put_number(b, ",\"time\":", hub->now_ms);
    put_number(b, ",\"heartbeat\":", hub->opt.heartbeat_ms);
    put_number(b, ",\"limits\":{\"subscriptions\":", hub->limits.subscriptions_per_session);
    put_number(b, ",\"messageBytes\":", hub->limits.message_bytes);
    put_number(b, ",\"actionsPerSecond\":", hub->limits.actions_per_s);
    put_number(b, ",\"historyPoints\":", hub->limits.history_points);
    put_number(b, ",\"minInterval\":", hub->limits.min_interval_ms);
    sg_buf_puts(b, "}}");
    sg__session_put(s, "welcome", sg_buf_str(b));
}

void sg__put_subscribed(struct sg_session *s, const struct sg__sub *sub, bool recovered)
{
    const struct sg__mirror *m = sub->flavour->mirror;
    char interval[48];
    struct sg_buf *b = text_of(s);
    put_field(b, "{\"type\":\"subscribed\",\"id\":", sg_str_from(sub->id));
    put_number(b, ",\"stream\":", m->topic->number);
    if (m->interval_ms) {
        size_t n = sg_duration_format(m->interval_ms, interval);
        put_field(b, ",\"interval\":", sg_str_make(interval, n));
    }
    sg_buf_puts(b, recovered ? ",\"recovered\":true}" : ",\"recovered\":false}");
    sg__session_put(s, "subscribed", sg_buf_str(b));
}

void sg__gap_json(const struct sg__mirror *m, uint64_t from, uint64_t to, struct sg_buf *out)
{
    sg_buf_puts(out, "{\"type\":\"gap\",\"s\":");
    sg_buf_put_u64(out, m->topic->number);
    sg_buf_puts(out, ",\"from\":");
    sg_buf_put_u64(out, from);
    sg_buf_puts(out, ",\"to\":");
    sg_buf_put_u64(out, to);
    sg_buf_putc(out, '}');
}

void sg__put_gap(struct sg_session *s, const struct sg__mirror *m, uint64_t from, uint64_t to)
{
    SG__STAT_ADD(s->hub, gaps, 1);
    if (s->dialect == SG_DIALECT_NOTES || s->simple)
        return;
    struct sg_buf *b = text_of(s);
    sg__gap_json(m, from, to, b);
    sg__session_put(s, "gap", sg_buf_str(b));
}

/* Worth another try with the same words a little later? */
static bool retryable(enum sg_errc code)
{
    switch (code) {
    case SG_EBUSY:
    case SG_ETIMEOUT:
    case SG_ECANCELED:
    case SG_ENOMEM:
    case SG_EIO:
    case SG_EEXECUTION:
        return true;
    default:
        return false;
    }
}

void sg__put_error(struct sg_session *s, struct sg_str id, const struct sg_error *error)
{
    struct sg_buf *b = text_of(s);
    bool simple = s->simple || s->dialect != SG_DIALECT_V1;
    SG__STAT_ADD(s->hub, errors, 1);
    if (simple) {
        put_field(b, "{\"error\":", sg_str_from(error->text));
        if (id.p)
            put_field(b, ",\"metric\":", id);
    } else {
        sg_buf_puts(b, "{\"type\":\"error\"");
        if (id.p)
            put_field(b, ",\"id\":", id);
    }
    put_field(b, ",\"code\":", sg_str_from(sg_errc_name(error->code)));
    if (!simple)
        put_field(b, ",\"message\":", sg_str_from(error->text));
    if (error->line || error->end)
        put_number(b, ",\"position\":", error->pos);
    sg_buf_puts(b, retryable(error->code) ? ",\"retryable\":true}" : ",\"retryable\":false}");
    sg__session_put(s, "error", sg_buf_str(b));
}

void sg__put_pong(struct sg_session *s, const char *time_json)
{
    struct sg_buf *b = text_of(s);
    sg_buf_puts(b, "{\"type\":\"pong\"");
    if (time_json) {
        sg_buf_puts(b, ",\"time\":");
        sg_buf_puts(b, time_json);
    }
    put_number(b, ",\"server\":", s->hub->now_ms);
    sg_buf_putc(b, '}');
    sg__session_put(s, "pong", sg_buf_str(b));
}

void sg__put_retry(struct sg_session *s, uint32_t retry_ms)
{
    static const char spare[SG_LWS_PRE];
    if (s->wire != SG_WIRE_SSE)
        return;
    if (s->out.len == 0)
        sg_buf_append(&s->out, spare, SG_LWS_PRE);
    if (sg_sse_write_retry(&s->out, retry_ms) < 0)
        s->out.failed = true;
}

/* ---- the simple form ---- */

static void simple_json(const struct sg__flavour *f, struct sg_buf *b)
{
    struct sg__mirror *m = f->mirror;
    put_field(b, "{\"metric\":", sg_str_make(f->text, f->text_len));
    sg_buf_puts(b, ",\"value\":");
    sg__put_value(b, m->sum);
    put_number(b, ",\"timestamp\":", sg__mirror_time(m));
    sg_buf_putc(b, '}');
}

const struct sg_block *sg__simple_block(struct sg__flavour *f, enum sg_wire wire, bool anon)
{
    struct sg__mirror *m = f->mirror;
    struct sg_hub *hub = m->hub;
    struct sg_block **cached = &f->simple[wire][anon];
    int64_t time_ms = sg__mirror_time(m);
    if (*cached && f->simple_offset[wire][anon] == m->sum_offset &&
        f->simple_ms[wire][anon] == time_ms)
        return *cached;
    char id[SG_EVENT_ID_MAX];
    struct sg_str event_id = NO_ID;
    if (!anon)
        event_id = sg_str_make(id, sg_event_id_format(hub->opt.epoch, m->sum_offset, id));
    SG_AUTO(sg_buf_deinit) struct sg_buf json;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&json, (size_t)1 << 20);
    sg_buf_init(&text, (size_t)1 << 21);
    simple_json(f, &json);
    sg__encode_message(wire, "", event_id, sg_buf_str(&json), &text);
    SG_ASSERT(!json.failed && !text.failed);
    sg_block_free(*cached);
    *cached = sg_block_new(text.len);
    memcpy((*cached)->data, text.data, text.len);
    f->simple_offset[wire][anon] = m->sum_offset;
    f->simple_ms[wire][anon] = time_ms;
    return *cached;
}
