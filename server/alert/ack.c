/* ack.c - acknowledgements: of one episode of an alert, for everybody, until it resolves or the
 * acknowledgement expires. */
#include "alerting_priv.h"

#include <jansson.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#define MAX_TEXT 4096

static struct sg__ack *find(const struct sg_alerting *a, uint64_t fp)
{
    return (struct sg__ack *)sg_hashtab_first(&a->by_ack, fp);
}

void sg__ack_free(struct sg__ack *ack)
{
    sg_free((char *)ack->ack.by.p);
    sg_free((char *)ack->ack.comment.p);
    sg_free(ack);
}

static struct sg__ack *make(struct sg_alerting *a, uint64_t fp, int64_t starts_ms,
                            const struct sg_ack *as)
{
    struct sg__ack *ack = sg_calloc(1, sizeof(*ack));
    ack->fp = fp;
    ack->starts_ms = starts_ms;
    ack->ack = *as;
    ack->ack.by = sg__str_own(as->by);
    ack->ack.comment = sg__str_own(as->comment);
    ack->timer.kind = SG__TIMER_ACK;
    sg_hashtab_add(&a->by_ack, &ack->node, fp);
    ack->index = (uint32_t)a->n_acks;
    SG__PUSH(a->acks, a->n_acks, a->cap_acks, ack);
    return ack;
}

/* Takes it out; the row too. */
static void drop(struct sg_alerting *a, struct sg__ack *ack)
{
    char fp[17];
    struct sg__alert *alert = sg__alert_find(a, ack->fp);
    if (alert && alert->ack == ack) {
        alert->ack = NULL;
        a->n_acked--;
    }
    sg_alert_fingerprint_text(ack->fp, fp);
    sg_journal_delete(a->journal, SG_TABLE_ACKS, sg_str_from(fp));
    sg__timers_clear(&a->timers, &ack->timer);
    sg_hashtab_remove(&a->by_ack, &ack->node);
    struct sg__ack *last = a->acks[--a->n_acks];
    a->acks[ack->index] = last;
    last->index = ack->index;
    sg__ack_free(ack);
}

static void attach(struct sg_alerting *a, struct sg__alert *alert, struct sg__ack *ack)
{
    alert->ack = ack;
    a->n_acked++;
    if (ack->ack.expires_ms)
        sg__timers_set(&a->timers, &ack->timer, a->mono_ms + ack->ack.expires_ms - a->wall_ms);
    else
        sg__timers_clear(&a->timers, &ack->timer);
}

void sg__ack_attach(struct sg_alerting *a, struct sg__alert *alert)
{
    struct sg__ack *ack = find(a, alert->fp);
    if (ack && ack->starts_ms == alert->starts_ms)
        attach(a, alert, ack);
    else if (ack)
        drop(a, ack);
}

void sg__ack_end(struct sg_alerting *a, struct sg__alert *alert)
{
    if (alert->ack)
        drop(a, alert->ack);
}

/* Not acknowledged any more: it is everybody's again. */
static void reopen(struct sg_alerting *a, struct sg__ack *ack)
{
    struct sg__alert *alert = sg__alert_find(a, ack->fp);
    bool attached = alert && alert->ack == ack;
    drop(a, ack);
    if (!attached)
        return;
    sg__groups_dirty(alert);
    if (alert->fed && !alert->suppressed)
        sg__feed(a, alert, SG__FIRING);
}

void sg__ack_expired(struct sg_alerting *a, struct sg__ack *ack)
{
    reopen(a, ack);
}

/* ---- rows ---- */

static void write_row(struct sg_alerting *a, const struct sg__ack *ack)
{
    struct sg_buf *b = &a->scratch;
    char fp[17];
    sg_alert_fingerprint_text(ack->fp, fp);
    sg_buf_reset(b);
    sg_buf_printf(
        b, "{\"startsAt\":%lld,\"at\":%lld,\"expires\":%lld,\"by\":", (long long)ack->starts_ms,
        (long long)ack->ack.at_ms, (long long)ack->ack.expires_ms);
    sg_buf_put_json_str(b, ack->ack.by);
    sg_buf_puts(b, ",\"comment\":");
    sg_buf_put_json_str(b, ack->ack.comment);
    sg_buf_putc(b, '}');
    if (!b->failed)
        sg_journal_put(a->journal, SG_TABLE_ACKS, sg_str_from(fp), sg_buf_str(b),
                       ack->ack.expires_ms);
}

static struct sg_str json_text(const json_t *object, const char *name)
{
    const json_t *s = json_object_get(object, name);
    return json_is_string(s) ? sg_str_make(json_string_value(s), json_string_length(s))
                             : SG_STR("");
}

static bool read_hex(struct sg_str s, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return s.n > 0 && s.n <= 16;
}

void sg__ack_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body)
{
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    uint64_t fp;
    if (json_is_object(row) && key.n == 16 && read_hex(key, &fp) && !find(a, fp)) {
        struct sg_ack as = {.by = json_text(row, "by"),
                            .comment = json_text(row, "comment"),
                            .at_ms = json_integer_value(json_object_get(row, "at")),
                            .expires_ms = json_integer_value(json_object_get(row, "expires"))};
        struct sg__ack *ack =
            make(a, fp, json_integer_value(json_object_get(row, "startsAt")), &as);
        struct sg__alert *alert = sg__alert_find(a, fp);
        /* Its alert may come back with the rules. */
        sg__timers_set(&a->timers, &ack->timer, a->mono_ms + SG__ALERT_KEEP_MS);
        if (alert && alert->firing)
            sg__ack_attach(a, alert);
    }
    json_decref(row);
}

/* ---- the offer ---- */

bool sg__ack_parse_id(struct sg_str id, uint64_t *ret_fp, int64_t *ret_starts_ms)
{
    uint64_t starts = 0;
    struct sg_str rest = id;
    struct sg_str fp = sg_str_split(&rest, '-');
    if (fp.n != 16 || !read_hex(fp, ret_fp) || (rest.p && !read_hex(rest, &starts)))
        return false;
    *ret_starts_ms = (int64_t)starts;
    return true;
}

static struct sg__alert *firing(const struct sg_alerting *a, struct sg_str id)
{
    uint64_t fp;
    int64_t starts_ms;
    if (!sg__ack_parse_id(id, &fp, &starts_ms))
        return NULL;
    struct sg__alert *alert = sg__alert_find(a, fp);
    bool other = starts_ms && alert && alert->starts_ms != starts_ms;
    return alert && alert->firing && !other ? alert : NULL;
}

int sg_alerting_ack(struct sg_alerting *a, struct sg_str id, const struct sg_ack *ack,
                    int64_t wall_ms, struct sg_error *reterr)
{
    struct sg__alert *alert = firing(a, id);
    struct sg_ack as = *ack;
    if (!alert)
        return sg_error_set(reterr, SG_ENOTFOUND, "no firing alert has the id '%.*s'",
                            id.n < 64 ? (int)id.n : 64, id.p);
    if (as.expires_ms && as.expires_ms <= wall_ms)
        return sg_error_set(reterr, SG_EINVALID, "an acknowledgement cannot expire in the past");
    if (as.by.n > MAX_TEXT || as.comment.n > MAX_TEXT)
        return sg_error_set(reterr, SG_EINVALID, "comment or name above %d bytes", MAX_TEXT);
    if (!as.at_ms)
        as.at_ms = wall_ms;
    a->wall_ms = wall_ms;
    if (alert->ack)
        drop(a, alert->ack);
    struct sg__ack *made = make(a, alert->fp, alert->starts_ms, &as);
    attach(a, alert, made);
    write_row(a, made);
    sg__groups_dirty(alert);
    sg__group_acked(a, alert);
    if (alert->fed || !alert->suppressed) {
        alert->fed = true;
        sg__alert_row(a, alert);
        sg__feed(a, alert, SG__ACKED);
    }
    return 0;
}

int sg_alerting_unack(struct sg_alerting *a, struct sg_str id, int64_t wall_ms,
                      struct sg_error *reterr)
{
    struct sg__alert *alert = firing(a, id);
    if (!alert || !alert->ack)
        return sg_error_set(reterr, SG_ENOTFOUND, "no acknowledged alert has the id '%.*s'",
                            id.n < 64 ? (int)id.n : 64, id.p);
    a->wall_ms = wall_ms;
    reopen(a, alert->ack);
    return 0;
}
