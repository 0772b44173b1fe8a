/* proto.c - what clients say (DESIGN section 5): one JSON object or an array of them per message,
 * decoded and carried out.
 *
 * Every mistake is answered where it was made, with the action's id, and costs its neighbours in an
 * array nothing. Caps: bytes, nesting, actions per message, actions per second.
 */
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "hub/hub_priv.h"

#define NO_ID ((struct sg_str){NULL, 0})
#define BURST_S 4      /* seconds' worth of actions that may come at once */
#define MIN_RATE 0.001 /* frames per second */
#define MAX_RATE 1000.0

struct action {
    struct sg_session *s;
    const json_t *json;
    struct sg_str id; /* for errors; {NULL, 0}: none */
};

/* ---- fields ---- */

/* A string field. Missing: 0 and *ret untouched, unless it is required. */
static int get_string(const json_t *json, const char *name, bool required, struct sg_str *ret,
                      struct sg_error *reterr)
{
    const json_t *v = json_object_get(json, name);
    if (!v && !required)
        return 0;
    if (!json_is_string(v))
        return sg_error_set(reterr, SG_EINVALID, v ? "\"%s\" is not a string" : "\"%s\" is missing",
                            name);
    *ret = sg_str_make(json_string_value(v), json_string_length(v));
    return 0;
}

static int get_duration(const json_t *json, const char *name, int64_t *ret, struct sg_error *reterr)
{
    struct sg_str text = NO_ID;
    int rc = get_string(json, name, false, &text, reterr);
    if (rc < 0 || !text.p)
        return rc;
    struct sg_error err = {0};
    rc = sg_duration_parse(text, ret, &err);
    if (rc < 0) /* a position inside this field would be mistaken for one inside the expression */
        return sg_error_set(reterr, (enum sg_errc)rc, "%s: %s", name, err.text);
    if (*ret <= 0)
        return sg_error_set(reterr, SG_EINVALID, "%s: expected more than 0", name);
    return 0;
}

/* `epoch` and `offset`: both or none. An epoch that is not ours in form is one we do not know. */
static int get_place(const json_t *json, struct sg__subscribe *spec, struct sg_error *reterr)
{
    struct sg_str epoch = NO_ID;
    const json_t *offset = json_object_get(json, "offset");
    int rc = get_string(json, "epoch", false, &epoch, reterr);
    if (rc < 0 || (!epoch.p && !offset))
        return rc;
    if (!epoch.p || !json_is_integer(offset) || json_integer_value(offset) < 0)
        return sg_error_set(reterr, SG_EINVALID,
                            "to resume, \"epoch\" (string) and \"offset\" (integer) are needed");
    char id[SG_EVENT_ID_MAX];
    uint64_t unused;
    spec->resume = true;
    spec->from_offset = (uint64_t)json_integer_value(offset);
    if (epoch.n != 16)
        return 0;
    memcpy(id, epoch.p, 16);
    memcpy(id + 16, "-0", 2);
    if (sg_event_id_parse(sg_str_make(id, 18), &spec->from_epoch, &unused) < 0)
        spec->from_epoch = 0;
    return 0;
}

/* ---- actions ---- */

static int get_source(const json_t *json, struct sg__subscribe *spec, struct sg_error *reterr)
{
    static const char *const names[] = {[SG__BY_METRIC] = "metric",
                                        [SG__BY_QUERY] = "query",
                                        [SG__BY_STREAM] = "stream",
                                        [SG__BY_TOPIC] = "topic"};
    unsigned found = 0;
    for (unsigned i = SG__BY_QUERY; i < SG_ARRAY_LEN(names); i++) {
        if (!json_object_get(json, names[i]))
            continue;
        found++;
        spec->by = i;
        int rc = get_string(json, names[i], true, &spec->text, reterr);
        if (rc < 0)
            return rc;
    }
    if (found == 1)
        return 0;
    return sg_error_set(reterr, SG_EINVALID,
                        "expected one of \"query\", \"stream\" and \"topic\", got %u", found);
}

static int subscribe_v1(struct action *a, struct sg_error *reterr)
{
    struct sg__subscribe spec = {.id = a->id};
    SG_AUTO(sg_buf_deinit) struct sg_buf filter_text;
    sg_buf_init(&filter_text, 65536);
    int rc = get_string(a->json, "id", true, &spec.id, reterr);
    if (rc == 0)
        rc = get_source(a->json, &spec, reterr);
    if (rc == 0)
        rc = get_duration(a->json, "interval", &spec.interval_ms, reterr);
    if (rc == 0)
        rc = get_duration(a->json, "history", &spec.history_ms, reterr);
    if (rc == 0)
        rc = get_place(a->json, &spec, reterr);
    const json_t *filter = json_object_get(a->json, "filter");
    if (rc == 0 && filter && spec.by != SG__BY_TOPIC)
        rc = sg_error_set(reterr, SG_EINVALID, "\"filter\" is for notifications only");
    if (rc == 0 && filter)
        rc = sg__filter_parse(filter, &spec.filter, &filter_text, reterr);
    spec.filter_text = sg_buf_str(&filter_text);
    return rc < 0 ? rc : sg__subscribe(a->s, &spec, reterr);
}

/* Asking again for a metric one has is no mistake: its value is told again. */
static bool again(struct sg_session *s, struct sg_str metric)
{
    struct sg__sub *sub = sg__session_find_sub(s, metric);
    if (!sub || sub->state != SG__SUB_LIVE)
        return sub != NULL;
    sg__sub_to_waiting(sub);
    return true;
}

static int subscribe_simple(struct action *a, struct sg_error *reterr)
{
    struct sg__subscribe spec = {.by = SG__BY_METRIC};
    int rc = get_string(a->json, "metric", true, &spec.text, reterr);
    if (rc == 0)
        rc = get_duration(a->json, "interval", &spec.interval_ms, reterr);
    if (rc < 0)
        return rc;
    spec.id = spec.text;
    return again(a->s, spec.text) ? 0 : sg__subscribe(a->s, &spec, reterr);
}

static int act_subscribe(struct action *a, struct sg_error *reterr)
{
    if (a->s->dialect == SG_DIALECT_NOTES)
        return sg_error_set(reterr, SG_EUNSUPPORTED,
                            "this connection carries notifications only; use /stream");
    if (a->s->dialect == SG_DIALECT_SIMPLE || a->s->simple)
        return subscribe_simple(a, reterr);
    return subscribe_v1(a, reterr);
}

static int act_unsubscribe(struct action *a, struct sg_error *reterr)
{
    struct sg_session *s = a->s;
    const char *name = s->simple ? "metric" : "id";
    struct sg_str id = a->id;
    int rc = get_string(a->json, name, true, &id, reterr);
    if (rc < 0)
        return rc;
    for (uint32_t i = 0; i < s->n_subs; i++) {
        if (sg_str_eq(sg_str_from(s->subs[i]->id), id)) {
            sg__session_drop_sub(s, i);
            return 0;
        }
    }
    return sg_error_set(reterr, SG_ENOTFOUND, "there is no subscription \"%.*s\"",
                        (int)(id.n < 128 ? id.n : 128), id.p);
}

static int act_auth(struct action *a, struct sg_error *reterr)
{
    struct sg_session *s = a->s;
    struct sg_hub *hub = s->hub;
    struct sg_str token = NO_ID;
    uint32_t rights = 0;
    int rc = get_string(a->json, "token", true, &token, reterr);
    if (rc < 0)
        return rc;
    rc =
        hub->hooks->auth ? hub->hooks->auth(hub->hooks_ctx, s, token, &rights, reterr) : SG_EDENIED;
    if (rc < 0) {
        struct sg_error err = {0};
        sg_error_set(&err, SG_EDENIED, "the token is not valid");
        sg__put_error(s, NO_ID, reterr->code ? reterr : &err);
        sg__session_end(s, 4001, "bad token");
        return 0;
    }
    if (s->rights & ~rights & SG_RIGHT_READ) {
        sg__session_end(s, 4003, "this token has not the right 'read'");
        return 0;
    }
    s->rights = rights;
    if (rights & SG_RIGHT_READ) {
        sg_list_remove(&s->guests);
        if (s->dialect == SG_DIALECT_NOTES && !s->n_subs)
            return sg__subscribe(
                s, &(struct sg__subscribe){.by = SG__BY_TOPIC, .text = SG_STR("notifications")},
                reterr);
    }
    return 0;
}

static int act_rate(struct action *a, struct sg_error *reterr)
{
    struct sg_session *s = a->s;
    const json_t *max = json_object_get(a->json, "max");
    int64_t gap_ms = 0;
    if (max && !json_is_null(max)) {
        double rate = json_number_value(max);
        if (!json_is_number(max) || rate < MIN_RATE)
            return sg_error_set(reterr, SG_EINVALID,
                                "\"max\": expected frames per second, at least 0.001, or null "
                                "for no limit");
        gap_ms = rate >= MAX_RATE ? 0 : (int64_t)(1000 / rate);
    }
    sg__group_leave(s); /* keeps its place under the old rule */
    if (sg__session_calm(s))
        sg__session_owe_heartbeat(s); /* whoever looks again wants to know at once */
    s->gap_ms = gap_ms;
    s->due_ms = s->hub->now_ms + gap_ms;
    if (gap_ms)
        sg__due_push(s->hub, s);
    else
        sg__due_remove(s->hub, s);
    return 0;
}

static int act_ack(struct action *a, struct sg_error *reterr)
{
    struct sg_session *s = a->s;
    struct sg_hub *hub = s->hub;
    struct sg_str notification = NO_ID, comment = SG_STR("");
    int rc = get_string(a->json, "notification", true, &notification, reterr);
    if (rc == 0)
        rc = get_string(a->json, "comment", false, &comment, reterr);
    if (rc < 0)
        return rc;
    if (!(s->rights & SG_RIGHT_READ))
        return sg_error_set(reterr, SG_EDENIED, "a token with the right to read is needed");
    if (!hub->hooks->ack)
        return sg_error_set(reterr, SG_EUNSUPPORTED, "acknowledging is not available");
    rc = hub->hooks->ack(hub->hooks_ctx, s, notification, comment, reterr);
    return rc < 0 ? sg_error_set(reterr, (enum sg_errc)rc, "acknowledging failed") : 0;
}

static int act_report(struct action *a, struct sg_error *reterr)
{
    struct sg_session *s = a->s;
    struct sg_hub *hub = s->hub;
    const json_t *samples = json_object_get(a->json, "samples");
    if (!json_is_array(samples) && !json_is_object(samples))
        return sg_error_set(reterr, SG_EINVALID, "\"samples\": expected an array or an object");
    if (!(s->rights & SG_RIGHT_INGEST))
        return sg_error_set(reterr, SG_EDENIED, "a token with the right to ingest is needed");
    if (!hub->hooks->report)
        return sg_error_set(reterr, SG_EUNSUPPORTED, "reporting samples is not available");
    char *text = json_dumps(samples, JSON_COMPACT);
    if (!text)
        return sg_error_set(reterr, SG_ENOMEM, "out of memory");
    int rc = hub->hooks->report(hub->hooks_ctx, s, sg_str_from(text), reterr);
    free(text);
    return rc < 0 ? sg_error_set(reterr, (enum sg_errc)rc, "the samples were refused") : 0;
}

static int act_ping(struct action *a, struct sg_error *reterr)
{
    const json_t *time = json_object_get(a->json, "time");
    if (time && !json_is_number(time))
        return sg_error_set(reterr, SG_EINVALID, "\"time\" is not a number");
    char *text = time ? json_dumps(time, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17)) : NULL;
    sg__put_pong(a->s, text);
    free(text);
    return 0;
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    int (*act)(struct action *a, struct sg_error *reterr);
    bool v1_only;
} actions[] = {
    {"subscribe", act_subscribe, false},
    {"unsubscribe", act_unsubscribe, false},
    {"auth", act_auth, false},
    {"rate", act_rate, true},
    {"ack", act_ack, false},
    {"report", act_report, true},
    {"ping", act_ping, true},
};

static int dispatch(struct action *a, struct sg_error *reterr)
{
    struct sg_str name = NO_ID;
    int rc = get_string(a->json, "action", true, &name, reterr);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < SG_ARRAY_LEN(actions); i++) {
        if (!sg_str_eq_c(name, actions[i].name))
            continue;
        if (actions[i].v1_only && (a->s->simple || a->s->dialect != SG_DIALECT_V1))
            return sg_error_set(reterr, SG_EUNSUPPORTED,
                                "\"%s\" needs the subprotocol streamgauge.v1", actions[i].name);
        return actions[i].act(a, reterr);
    }
    return sg_error_set(
        reterr, SG_EINVALID,
        "unknown action \"%.*s\", expected subscribe, unsubscribe, auth, rate, ack, "
        "report or ping",
        (int)(name.n < 40 ? name.n : 40), name.p);
}

/* A bucket that holds BURST_S seconds' worth, drained by one per action. */
static bool within_rate(struct sg_session *s)
{
    int64_t now_us = s->hub->now_ms * 1000;
    int64_t cost_us = 1000000 / s->hub->limits.actions_per_s;
    if (s->budget_us < now_us || s->budget_us > now_us + 2 * BURST_S * 1000000)
        s->budget_us = now_us; /* full again, or the clock stepped back */
    if (s->budget_us + cost_us > now_us + BURST_S * 1000000)
        return false;
    s->budget_us += cost_us;
    return true;
}

static void act(struct sg_session *s, const json_t *json)
{
    struct action a = {.s = s, .json = json, .id = NO_ID};
    struct sg_error err = {0};
    const char *id_name = s->simple ? "metric" : "id";
    const json_t *id = json_object_get(json, id_name);
    if (json_is_string(id) && json_string_length(id) <= s->hub->limits.expression_bytes)
        a.id = sg_str_make(json_string_value(id), json_string_length(id));
    int rc;
    if (!json_is_object(json))
        rc = sg_error_set(&err, SG_EINVALID, "expected an object with an \"action\"");
    else if (!within_rate(s))
        rc = sg_error_set(&err, SG_EBUSY, "limit of %u actions per second passed",
                          s->hub->limits.actions_per_s);
    else
        rc = dispatch(&a, &err);
    if (rc < 0)
        sg__put_error(s, a.id, &err);
}

/* ---- text to JSON ---- */

/* jansson parses by recursion; this bounds it before it starts. */
static bool too_deep(struct sg_str text, uint32_t max)
{
    uint32_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max)
                return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

static json_t *decode(const struct sg_hub *hub, struct sg_str text, struct sg_error *reterr)
{
    json_error_t err;
    if (text.n > hub->limits.message_bytes) {
        sg_error_set(reterr, SG_ELIMIT, "limit of %u bytes per message passed",
                     hub->limits.message_bytes);
        return NULL;
    }
    if (too_deep(text, hub->limits.message_depth)) {
        sg_error_set(reterr, SG_ELIMIT, "limit of %u levels of nesting passed",
                     hub->limits.message_depth);
        return NULL;
    }
    json_t *json = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &err);
    if (json)
        return json;
    uint32_t pos = err.position > 0 ? (uint32_t)err.position : 0;
    sg_error_at(reterr, SG_ESYNTAX, pos, pos + 1, "not JSON: %s", err.text);
    return NULL;
}

void sg_session_receive(struct sg_session *s, struct sg_str message)
{
    struct sg_hub *hub = s->hub;
    struct sg_error err = {0};
    if (s->state != SG_SESSION_OPEN)
        return;
    sg__hub_settle(hub);
    if (s->state != SG_SESSION_OPEN)
        return;
    json_t *json = decode(hub, message, &err);
    if (json_is_array(json) && json_array_size(json) > hub->limits.actions_per_message)
        sg_error_set(&err, SG_ELIMIT, "limit of %u actions per message passed",
                     hub->limits.actions_per_message);
    if (err.code) {
        sg__put_error(s, NO_ID, &err);
    } else if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json) && s->state == SG_SESSION_OPEN; i++)
            act(s, json_array_get(json, i));
    } else {
        act(s, json);
    }
    json_decref(json);
    if (s->state != SG_SESSION_OPEN)
        return;
    if (s->out.failed)
        sg__session_end(s, 1008, "too much waiting to be sent");
    else if (sg_list_empty(&s->behind))
        sg__session_catch_up(s, !s->gap_ms);
}
