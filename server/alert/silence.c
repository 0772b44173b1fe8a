/* silence.c - silences: set, expired, matched, kept for a while, as rows. */
#include "alerting_priv.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define MAX_MATCHERS 100
#define MAX_TEXT 4096 /* bytes of comment and creator */

static uint64_t id_hash(const char *id)
{
    return sg_hash64(id, strlen(id));
}

static struct sg__silence *find(const struct sg_alerting *a, struct sg_str id)
{
    struct sg_hashlink *node = sg_hashtab_first(&a->by_silence, sg_hash64(id.p, id.n));
    for (; node; node = sg_hashtab_next(node))
        if (sg_str_eq_c(id, ((struct sg__silence *)node)->s.id))
            return (struct sg__silence *)node;
    return NULL;
}

void sg__silence_free(struct sg__silence *s)
{
    for (size_t i = 0; i < s->s.n_matchers; i++)
        sg_matcher_deinit(&s->s.matchers[i]);
    sg_free(s->s.matchers);
    sg_free((char *)s->s.created_by.p);
    sg_free((char *)s->s.comment.p);
    sg_free(s);
}

struct sg__silence *sg__silence_add(struct sg_alerting *a, const struct sg_silence *s,
                                    const struct sg__maintenance *of)
{
    struct sg__silence *own = sg_calloc(1, sizeof(*own));
    own->s = *s;
    own->of = of;
    own->s.created_by = sg__str_own(s->created_by);
    own->s.comment = sg__str_own(s->comment);
    own->s.matchers = sg_calloc(s->n_matchers + 1, sizeof(*own->s.matchers));
    own->s.n_matchers = 0;
    for (size_t i = 0; i < s->n_matchers; i++)
        if (sg_matcher_copy(&own->s.matchers[own->s.n_matchers], &s->matchers[i]) == 0)
            own->s.n_matchers++;
    own->state = SG_SILENCE_PENDING;
    SG__PUSH(a->silences, a->n_silences, a->cap_silences, own);
    sg_hashtab_add(&a->by_silence, &own->node, id_hash(own->s.id));
    a->silence_due_ms = INT64_MIN; /* looked at with the next tick */
    return own;
}

/* ---- alerts ---- */

static bool matches(const struct sg__silence *s, const struct sg__alert *alert)
{
    const struct sg__matchers m = {s->s.matchers, s->s.n_matchers};
    return sg__matchers_match(&m, alert->labels);
}

static void cover(struct sg_alerting *a, struct sg__silence *s, struct sg__alert *alert)
{
    SG__PUSH(alert->silences, alert->n_silences, alert->cap_silences, s);
    sg__alert_dirty(a, alert);
}

void sg__silences_match(struct sg_alerting *a, struct sg__alert *alert)
{
    for (size_t i = 0; i < a->n_silences; i++)
        if (a->silences[i]->state == SG_SILENCE_ACTIVE && matches(a->silences[i], alert))
            cover(a, a->silences[i], alert);
}

static void uncover(struct sg_alerting *a, const struct sg__silence *s, struct sg__alert *alert)
{
    for (size_t i = 0; i < alert->n_silences; i++) {
        if (alert->silences[i] != s)
            continue;
        alert->silences[i] = alert->silences[--alert->n_silences];
        sg__alert_dirty(a, alert);
        return;
    }
}

static void set_state(struct sg_alerting *a, struct sg__silence *s, enum sg_silence_state state)
{
    bool was = s->state == SG_SILENCE_ACTIVE, is = state == SG_SILENCE_ACTIVE;
    s->state = state;
    if (was == is)
        return;
    a->n_active += is;
    a->n_active -= was;
    for (size_t i = 0; i < a->n_alerts; i++) {
        if (was)
            uncover(a, s, a->alerts[i]);
        else if (matches(s, a->alerts[i]))
            cover(a, s, a->alerts[i]);
    }
}

static void remove_at(struct sg_alerting *a, size_t i)
{
    struct sg__silence *s = a->silences[i];
    set_state(a, s, SG_SILENCE_EXPIRED);
    if (!s->of)
        sg_journal_delete(a->journal, SG_TABLE_SILENCES, sg_str_from(s->s.id));
    sg_hashtab_remove(&a->by_silence, &s->node);
    a->silences[i] = a->silences[--a->n_silences];
    sg__silence_free(s);
}

/* ---- time ---- */

static enum sg_silence_state state_at(const struct sg_alerting *a, const struct sg__silence *s,
                                      int64_t *next_ms)
{
    if (s->of)
        return sg__maintenance_state(a, s->of, next_ms);
    *next_ms = s->s.ends_ms + SG__SILENCE_KEEP_MS;
    if (a->wall_ms >= s->s.ends_ms)
        return SG_SILENCE_EXPIRED;
    *next_ms = a->wall_ms < s->s.starts_ms ? s->s.starts_ms : s->s.ends_ms;
    return a->wall_ms < s->s.starts_ms ? SG_SILENCE_PENDING : SG_SILENCE_ACTIVE;
}

void sg__silences_refresh(struct sg_alerting *a)
{
    a->silence_due_ms = SG__FOREVER;
    for (size_t i = a->n_silences; i-- > 0;) {
        struct sg__silence *s = a->silences[i];
        int64_t next_ms = SG__FOREVER;
        enum sg_silence_state state = state_at(a, s, &next_ms);
        if (state == SG_SILENCE_EXPIRED && !s->of && a->wall_ms >= next_ms) {
            remove_at(a, i);
            continue;
        }
        set_state(a, s, state);
        if (next_ms < a->silence_due_ms)
            a->silence_due_ms = next_ms;
    }
}

/* ---- rows ---- */

static void write_row(struct sg_alerting *a, const struct sg__silence *s)
{
    struct sg_buf *b = &a->scratch;
    sg_buf_reset(b);
    sg_buf_puts(b, "{\"matchers\":[");
    for (size_t i = 0; i < s->s.n_matchers; i++) {
        const struct sg_matcher *m = &s->s.matchers[i];
        sg_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        sg_buf_put_json_str(b, m->name);
        sg_buf_puts(b, ",\"value\":");
        sg_buf_put_json_str(b, m->value);
        sg_buf_printf(b, ",\"isRegex\":%s,\"isEqual\":%s}", m->regex ? "true" : "false",
                      m->type == SG_MATCH_EQ || m->type == SG_MATCH_RE ? "true" : "false");
    }
    sg_buf_printf(b, "],\"startsAt\":%lld,\"endsAt\":%lld,\"updatedAt\":%lld,\"createdBy\":",
                  (long long)s->s.starts_ms, (long long)s->s.ends_ms, (long long)s->s.updated_ms);
    sg_buf_put_json_str(b, s->s.created_by);
    sg_buf_puts(b, ",\"comment\":");
    sg_buf_put_json_str(b, s->s.comment);
    sg_buf_putc(b, '}');
    if (!b->failed)
        sg_journal_put(a->journal, SG_TABLE_SILENCES, sg_str_from(s->s.id), sg_buf_str(b),
                       s->s.ends_ms + SG__SILENCE_KEEP_MS);
}

static struct sg_str json_text(const json_t *object, const char *name)
{
    const json_t *s = json_object_get(object, name);
    return json_is_string(s) ? sg_str_make(json_string_value(s), json_string_length(s))
                             : SG_STR("");
}

static bool read_matcher(const json_t *item, struct sg_matcher *ret)
{
    bool regex = json_is_true(json_object_get(item, "isRegex"));
    bool equal = !json_is_false(json_object_get(item, "isEqual"));
    enum sg_match_type type =
        regex ? (equal ? SG_MATCH_RE : SG_MATCH_NRE) : (equal ? SG_MATCH_EQ : SG_MATCH_NE);
    return sg_matcher_init(ret, type, json_text(item, "name"), json_text(item, "value"), NULL) == 0;
}

void sg__silence_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body)
{
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    const json_t *list = json_object_get(row, "matchers");
    struct sg_matcher matchers[MAX_MATCHERS];
    struct sg_silence s = {.matchers = matchers,
                           .starts_ms = json_integer_value(json_object_get(row, "startsAt")),
                           .ends_ms = json_integer_value(json_object_get(row, "endsAt")),
                           .updated_ms = json_integer_value(json_object_get(row, "updatedAt")),
                           .created_by = json_text(row, "createdBy"),
                           .comment = json_text(row, "comment")};
    for (size_t i = 0; i < json_array_size(list) && s.n_matchers < MAX_MATCHERS; i++)
        if (read_matcher(json_array_get(list, i), &matchers[s.n_matchers]))
            s.n_matchers++;
    /* One matcher less would silence more: then rather none. */
    if (s.n_matchers && s.n_matchers == json_array_size(list) && key.n < sizeof(s.id) &&
        !find(a, key)) {
        memcpy(s.id, key.p, key.n);
        sg__silence_add(a, &s, NULL);
    }
    for (size_t i = 0; i < s.n_matchers; i++)
        sg_matcher_deinit(&matchers[i]);
    json_decref(row);
}

/* ---- setting ---- */

static void new_id(const struct sg_alerting *a, char dst[37])
{
    unsigned char r[16];
    a->o.hooks.random_bytes(r, sizeof(r));
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40); /* UUID, version 4 */
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(dst, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0],
             r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13],
             r[14], r[15]);
}

/* What silences everything was not meant to; "all but" was, as in Alertmanager. */
static bool restricts(const struct sg_matcher *m)
{
    return m->type == SG_MATCH_NE || m->type == SG_MATCH_NRE || !sg_matcher_matches_empty(m);
}

static int check(const struct sg_silence *s, int64_t wall_ms, struct sg_error *reterr)
{
    bool useful = false;
    for (size_t i = 0; i < s->n_matchers; i++)
        useful = useful || restricts(&s->matchers[i]);
    if (s->n_matchers == 0)
        return sg_error_set(reterr, SG_EINVALID, "a silence needs at least one matcher");
    if (s->n_matchers > MAX_MATCHERS)
        return sg_error_set(reterr, SG_EINVALID, "more than %d matchers", MAX_MATCHERS);
    if (!useful)
        return sg_error_set(reterr, SG_EINVALID,
                            "at least one matcher must not match the empty string");
    if (s->ends_ms <= s->starts_ms)
        return sg_error_set(reterr, SG_EINVALID, "the end of a silence must be after its start");
    if (s->ends_ms <= wall_ms)
        return sg_error_set(reterr, SG_EINVALID, "the end of a silence cannot be in the past");
    if (s->created_by.n > MAX_TEXT || s->comment.n > MAX_TEXT)
        return sg_error_set(reterr, SG_EINVALID, "comment or creator above %d bytes", MAX_TEXT);
    return 0;
}

static bool same_matchers(const struct sg_silence *a, const struct sg_silence *b)
{
    if (a->n_matchers != b->n_matchers)
        return false;
    for (size_t i = 0; i < a->n_matchers; i++)
        if (sg_matcher_cmp(&a->matchers[i], &b->matchers[i]) != 0)
            return false;
    return true;
}

/* May `to` take the place of `was` under its id? As Alertmanager's. */
static bool can_update(const struct sg__silence *was, const struct sg_silence *to, int64_t wall_ms)
{
    if (!same_matchers(&was->s, to) || was->s.ends_ms <= wall_ms)
        return false;
    if (was->s.starts_ms <= wall_ms) /* active: the same start; some clients cut the fraction */
        return to->starts_ms / SG_MS_PER_S == was->s.starts_ms / SG_MS_PER_S;
    return to->starts_ms >= wall_ms;
}

static void change(struct sg_alerting *a, struct sg__silence *s, const struct sg_silence *to,
                   int64_t wall_ms)
{
    if (s->s.starts_ms > wall_ms) /* an active one keeps its start */
        s->s.starts_ms = to->starts_ms;
    s->s.ends_ms = to->ends_ms;
    s->s.updated_ms = wall_ms;
    sg_free((char *)s->s.created_by.p);
    sg_free((char *)s->s.comment.p);
    s->s.created_by = sg__str_own(to->created_by);
    s->s.comment = sg__str_own(to->comment);
    write_row(a, s);
    a->silence_due_ms = INT64_MIN;
}

/* Forgets the expired one that ended first. */
static bool make_room(struct sg_alerting *a)
{
    size_t oldest = a->n_silences;
    for (size_t i = 0; i < a->n_silences; i++) {
        const struct sg__silence *s = a->silences[i];
        if (s->state == SG_SILENCE_EXPIRED && !s->of &&
            (oldest == a->n_silences || s->s.ends_ms < a->silences[oldest]->s.ends_ms))
            oldest = i;
    }
    if (oldest == a->n_silences)
        return false;
    remove_at(a, oldest);
    return true;
}

static void expire(struct sg_alerting *a, struct sg__silence *s, int64_t wall_ms)
{
    if (s->s.ends_ms <= wall_ms)
        return;
    if (s->s.starts_ms > wall_ms) /* it never began */
        s->s.starts_ms = wall_ms;
    s->s.ends_ms = s->s.updated_ms = wall_ms;
    write_row(a, s);
    a->silence_due_ms = INT64_MIN;
}

int sg_alerting_silence(struct sg_alerting *a, const struct sg_silence *s, int64_t wall_ms,
                        char *ret_id, struct sg_error *reterr)
{
    struct sg__silence *was = s->id[0] ? find(a, sg_str_from(s->id)) : NULL;
    struct sg_silence fresh = *s;
    int rc = check(s, wall_ms, reterr);
    if (rc < 0)
        return rc;
    if (s->id[0] && !was)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no silence '%s'", s->id);
    if (was && was->of)
        return sg_error_set(reterr, SG_EINVALID,
                            "'%s' is a maintenance window of the configuration", s->id);
    if (was && can_update(was, s, wall_ms)) {
        change(a, was, s, wall_ms);
        memcpy(ret_id, was->s.id, sizeof(was->s.id));
        return 0;
    }
    if (a->n_silences >= a->o.max_silences && !make_room(a)) {
        atomic_fetch_add_explicit(&a->stats.refused, 1, memory_order_relaxed);
        return sg_error_set(reterr, SG_ELIMIT, "the limit of %u silences is reached",
                            a->o.max_silences);
    }
    was = s->id[0] ? find(a, sg_str_from(s->id)) : NULL; /* making room may have taken it */
    if (was)
        expire(a, was, wall_ms);
    if (fresh.starts_ms < wall_ms)
        fresh.starts_ms = wall_ms;
    fresh.updated_ms = wall_ms;
    new_id(a, fresh.id);
    memcpy(ret_id, fresh.id, sizeof(fresh.id));
    write_row(a, sg__silence_add(a, &fresh, NULL));
    return 0;
}

int sg_alerting_expire(struct sg_alerting *a, struct sg_str id, int64_t wall_ms,
                       struct sg_error *reterr)
{
    struct sg__silence *s = find(a, id);
    if (!s)
        return sg_error_set(reterr, SG_ENOTFOUND, "there is no silence '%.*s'", SG_STR_ARG(id));
    if (s->of)
        return sg_error_set(reterr, SG_EINVALID,
                            "'%.*s' is a maintenance window of the configuration", SG_STR_ARG(id));
    if (s->s.ends_ms <= wall_ms)
        return sg_error_set(reterr, SG_EINVALID, "silence '%.*s' has expired already",
                            SG_STR_ARG(id));
    expire(a, s, wall_ms);
    return 0;
}
