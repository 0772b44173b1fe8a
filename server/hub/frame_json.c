/* frame_json.c - the text of a frame's streamgauge.v1 message (DESIGN section 5), and event ids. */
#include <streamgauge/frame.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

static void put_key_u64(struct sg_buf *out, const char *key, uint64_t v)
{
    sg_buf_puts(out, key);
    sg_buf_put_u64(out, v);
}

void sg__put_value(struct sg_buf *out, double v)
{
    if (sg_is_stale(v))
        sg_buf_append(out, "null", 4);
    else
        sg_buf_put_json_double(out, v);
}

/* "s":17,"o":8813,"t":1764000000000 */
static void put_place(const struct sg_frame *f, struct sg_buf *out)
{
    put_key_u64(out, "\"s\":", f->topic ? f->topic->number : 0);
    put_key_u64(out, ",\"o\":", f->offset);
    sg_buf_puts(out, ",\"t\":");
    sg_buf_put_i64(out, f->time_ms);
}

/* The stream goes on being evaluated, so what fails now may work at the next tick: always
 * retryable. */
static void put_error_body(const struct sg_error *e, struct sg_buf *out)
{
    sg_buf_puts(out, "\"code\":");
    sg_buf_put_json_str(out, sg_str_from(sg_errc_name(e->code)));
    sg_buf_puts(out, ",\"message\":");
    sg_buf_put_json_str(out, sg_str_from(e->text));
    sg_buf_puts(out, ",\"retryable\":true");
}

static void put_left_out(const struct sg_frame *f, struct sg_buf *out)
{
    sg_buf_puts(out, ",\"leftOut\":");
    sg_buf_put_u64(out, f->left_out);
}

static void put_full(const struct sg_frame *f, struct sg_buf *out)
{
    sg_buf_puts(out, "{\"type\":\"full\",");
    put_place(f, out);
    sg_buf_puts(out, ",\"series\":[");
    for (uint32_t slot = 0, k = 0; slot < f->n_slots; slot++) {
        if (slot)
            sg_buf_putc(out, ',');
        if (k < f->n_add && f->add[k].index == slot)
            sg_labels_print_json(f->add[k++].labels, out);
        else
            sg_buf_puts(out, "null");
    }
    sg_buf_puts(out, "],\"points\":[[");
    sg_buf_put_i64(out, f->time_ms);
    sg_buf_puts(out, ",[");
    for (uint32_t slot = 0; slot < f->n_slots; slot++) {
        if (slot)
            sg_buf_putc(out, ',');
        sg__put_value(out, f->value[slot]);
    }
    sg_buf_puts(out, "]]]");
    if (f->left_out)
        put_left_out(f, out);
    if (f->error) {
        sg_buf_puts(out, ",\"error\":{");
        put_error_body(f->error, out);
        sg_buf_putc(out, '}');
    }
    sg_buf_putc(out, '}');
}

static void put_update(const struct sg_frame *f, struct sg_buf *out)
{
    sg_buf_putc(out, '{');
    put_place(f, out);
    sg_buf_puts(out, ",\"d\":[");
    for (uint32_t i = 0; i < f->n_values; i++) {
        if (i)
            sg_buf_putc(out, ',');
        sg_buf_put_u64(out, f->index[i]);
        sg_buf_putc(out, ',');
        sg__put_value(out, f->value[i]);
    }
    sg_buf_putc(out, ']');
    for (uint32_t i = 0; i < f->n_add; i++) {
        sg_buf_puts(out, i ? ",[" : ",\"add\":[[");
        sg_buf_put_u64(out, f->add[i].index);
        sg_buf_putc(out, ',');
        sg_labels_print_json(f->add[i].labels, out);
        sg_buf_puts(out, i + 1 == f->n_add ? "]]" : "]");
    }
    for (uint32_t i = 0; i < f->n_del; i++) {
        sg_buf_puts(out, i ? "," : ",\"del\":[");
        sg_buf_put_u64(out, f->del[i]);
        if (i + 1 == f->n_del)
            sg_buf_putc(out, ']');
    }
    if (f->left_out_told)
        put_left_out(f, out);
    sg_buf_putc(out, '}');
}

static void put_error(const struct sg_frame *f, struct sg_buf *out)
{
    sg_buf_puts(out, "{\"type\":\"error\",");
    put_place(f, out);
    sg_buf_putc(out, ',');
    put_error_body(f->error, out);
    sg_buf_putc(out, '}');
}

void sg_frame_json(const struct sg_frame *f, struct sg_buf *out)
{
    switch (f->kind) {
    case SG_FRAME_FULL:
        put_full(f, out);
        return;
    case SG_FRAME_UPDATE:
        put_update(f, out);
        return;
    case SG_FRAME_NOTIFICATION:
        put_key_u64(out, "{\"type\":\"notification\",\"o\":", f->offset);
        sg_buf_puts(out, ",\"notification\":");
        sg_buf_put_str(out, f->text);
        sg_buf_putc(out, '}');
        return;
    case SG_FRAME_ERROR:
        put_error(f, out);
        return;
    case SG_FRAME_HEARTBEAT:
        sg_buf_puts(out, "{\"type\":\"heartbeat\",\"t\":");
        sg_buf_put_i64(out, f->time_ms);
        if (f->text.n) {
            sg_buf_puts(out, ",\"late\":");
            sg_buf_put_str(out, f->text);
        }
        sg_buf_putc(out, '}');
        return;
    case SG_FRAME_CLOSED:
    case SG_FRAME_RESYNC_BEGIN:
    case SG_FRAME_RESYNC_END:
        return;
    }
}

/* ---- event ids ---- */

size_t sg_event_id_format(uint64_t epoch, uint64_t offset, char *dst)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++)
        dst[i] = hex[(epoch >> (60 - 4 * i)) & 15];
    dst[16] = '-';
    return 17 + sg_u64_format(offset, dst + 17);
}

int sg_event_id_parse(struct sg_str text, uint64_t *ret_epoch, uint64_t *ret_offset)
{
    if (text.n < 18 || text.p[16] != '-' || text.p[17] < '0' || text.p[17] > '9')
        return SG_ESYNTAX;
    uint64_t epoch = 0, offset = 0;
    for (int i = 0; i < 16; i++) {
        int d = sg_hex_digit(text.p[i]);
        if (d < 0 || (text.p[i] >= 'A' && text.p[i] <= 'F')) /* we write small ones */
            return SG_ESYNTAX;
        epoch = epoch << 4 | (uint64_t)d;
    }
    if (sg_u64_parse(text.p + 17, text.n - 17, &offset) < 0)
        return SG_ESYNTAX;
    *ret_epoch = epoch;
    *ret_offset = offset;
    return 0;
}
