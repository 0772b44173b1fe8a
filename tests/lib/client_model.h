/* client_model.h - what a right client makes of the bytes a server sends, and complaints about
 * bytes it must not send.
 *
 * Takes WebSocket frames, SSE events or JSON lines, checks the protocol of DESIGN section 5 while
 * it applies them, and ends with the state a display would show. Broken rules are counted and the
 * first is kept as text, so a fuzz target and a test can both look. Included by test programs; all
 * functions are static.
 */
#ifndef TESTS_LIB_CLIENT_MODEL_H
#define TESTS_LIB_CLIENT_MODEL_H

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/buf.h>
#include <streamgauge/sse.h>

#define CM_MAX_SUBS 128

enum cm_wire { CM_WS, CM_SSE, CM_NDJSON };

struct cm_slot {
    char *labels; /* JSON text, NULL: free */
    char *value;  /* JSON text */
};

struct cm_sub {
    char id[256];
    int64_t stream; /* -1: not subscribed yet */
    bool recovered, has_state, feed;
    int64_t offset, time_ms;
    struct cm_slot *slots;
    size_t n_slots;
    unsigned subscribed, fulls, updates, gaps, errors, dropped; /* dropped: o <= last */
    size_t history_points;  /* in the last full, without the last */
    size_t ended;           /* series of it that are only in the past */
    int64_t fulls_at_error; /* that had come before the newest error with its id */
};

struct client_model {
    enum cm_wire wire;
    struct cm_sub subs[CM_MAX_SUBS];
    size_t n_subs;
    unsigned welcomes, heartbeats, pongs, errors, simple_errors, comments, messages;
    char epoch[20], session[64], last_error[512], last_error_code[32], last_event_id[64];
    int64_t heartbeat_ms, late; /* of the last heartbeat; late: the first it names, -1: none */
    /* Simple form: newest value per metric. */
    struct {
        char metric[128], value[64];
        int64_t timestamp;
        unsigned count;
    } simple[CM_MAX_SUBS];
    size_t n_simple;
    int64_t *notes; /* offsets (v1), or numeric ids (simple), in order of arrival */
    size_t n_notes;
    bool notes_dialect;
    bool any_id; /* takes a subscribed for ids it has not asked for (fuzzing) */
    struct sg_buf raw;
    struct sg_sse_parser sse;
    unsigned violations;
    char violation[256];
    json_t *log; /* array of every message when not NULL */
};

__attribute__((format(printf, 2, 3))) static void cm_complain(struct client_model *c,
                                                              const char *fmt, ...)
{
    va_list ap;
    if (c->violations++)
        return;
    va_start(ap, fmt);
    vsnprintf(c->violation, sizeof(c->violation), fmt, ap);
    va_end(ap);
}

__attribute__((unused)) static void cm_init(struct client_model *c, enum cm_wire wire)
{
    memset(c, 0, sizeof(*c));
    c->wire = wire;
    sg_buf_init(&c->raw, (size_t)1 << 28);
    sg_sse_parser_init(&c->sse, (size_t)1 << 28);
}

static void cm_clear_slots(struct cm_sub *s)
{
    for (size_t i = 0; i < s->n_slots; i++) {
        free(s->slots[i].labels);
        free(s->slots[i].value);
    }
    free(s->slots);
    s->slots = NULL;
    s->n_slots = 0;
}

__attribute__((unused)) static void cm_deinit(struct client_model *c)
{
    for (size_t i = 0; i < c->n_subs; i++)
        cm_clear_slots(&c->subs[i]);
    free(c->notes);
    sg_buf_deinit(&c->raw);
    sg_sse_parser_deinit(&c->sse);
    json_decref(c->log);
}

/* A new connection of the same client: bytes start anew, what it knows stays. */
__attribute__((unused)) static void cm_reconnect(struct client_model *c)
{
    sg_buf_reset(&c->raw);
    sg_sse_parser_deinit(&c->sse);
    sg_sse_parser_init(&c->sse, (size_t)1 << 28);
    for (size_t i = 0; i < c->n_subs; i++)
        c->subs[i].stream = -1;
}

static struct cm_sub *cm_find(struct client_model *c, const char *id)
{
    for (size_t i = 0; i < c->n_subs; i++)
        if (strcmp(c->subs[i].id, id) == 0)
            return &c->subs[i];
    return NULL;
}

/* Declares what the client has asked for. */
__attribute__((unused)) static struct cm_sub *cm_expect(struct client_model *c, const char *id)
{
    struct cm_sub *s = cm_find(c, id);
    if (s || c->n_subs == CM_MAX_SUBS)
        return s;
    s = &c->subs[c->n_subs++];
    memset(s, 0, sizeof(*s));
    snprintf(s->id, sizeof(s->id), "%s", id);
    s->stream = -1;
    return s;
}

__attribute__((unused)) static void cm_forget(struct client_model *c, const char *id)
{
    struct cm_sub *s = cm_find(c, id);
    if (!s)
        return;
    cm_clear_slots(s);
    *s = c->subs[--c->n_subs];
}

static int64_t cm_int(struct client_model *c, const json_t *m, const char *key)
{
    const json_t *v = json_object_get(m, key);
    if (!json_is_integer(v))
        cm_complain(c, "'%s' is not an integer", key);
    return json_integer_value(v);
}

static void cm_set(struct client_model *c, struct cm_sub *s, size_t i, const json_t *v)
{
    if (i >= s->n_slots || !s->slots[i].labels) {
        cm_complain(c, "value for slot %zu, which has no labels", i);
        return;
    }
    if (!json_is_number(v) && !json_is_null(v) && !json_is_string(v))
        cm_complain(c, "a value is neither number, string nor null");
    free(s->slots[i].value);
    s->slots[i].value = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}

static void cm_label(struct client_model *c, struct cm_sub *s, size_t i, const json_t *labels)
{
    if (i > 1000000 || !json_is_object(labels)) {
        cm_complain(c, "slot %zu: labels are no object", i);
        return;
    }
    if (i >= s->n_slots) {
        s->slots = realloc(s->slots, (i + 1) * sizeof(*s->slots));
        memset(s->slots + s->n_slots, 0, (i + 1 - s->n_slots) * sizeof(*s->slots));
        s->n_slots = i + 1;
    }
    free(s->slots[i].labels);
    free(s->slots[i].value);
    s->slots[i].labels = json_dumps(labels, JSON_SORT_KEYS | JSON_COMPACT);
    s->slots[i].value = strdup("null");
}

/* Series that are only in the past: labels, and values of the first points. */
static void cm_ended(struct client_model *c, struct cm_sub *s, const json_t *m)
{
    const json_t *ended = json_object_get(m, "ended");
    size_t points = json_array_size(json_object_get(m, "points"));
    s->ended = json_array_size(ended);
    for (size_t i = 0; i < s->ended; i++) {
        const json_t *one = json_array_get(ended, i), *values = json_array_get(one, 1);
        size_t n = json_array_size(values);
        if (!json_is_object(json_array_get(one, 0)) || n >= points)
            cm_complain(c, "full: ended series %zu has no labels or too many values", i);
        if (n && json_is_null(json_array_get(values, n - 1)))
            cm_complain(c, "full: ended series %zu ends with null", i);
    }
}

static void cm_full(struct client_model *c, struct cm_sub *s, const json_t *m)
{
    const json_t *series = json_object_get(m, "series"), *points = json_object_get(m, "points");
    int64_t o = cm_int(c, m, "o"), t = cm_int(c, m, "t");
    cm_clear_slots(s);
    for (size_t i = 0; i < json_array_size(series); i++)
        if (!json_is_null(json_array_get(series, i)))
            cm_label(c, s, i, json_array_get(series, i));
    if (!json_is_array(series) || json_array_size(points) == 0) {
        cm_complain(c, "full without series or points");
        return;
    }
    int64_t before = INT64_MIN;
    for (size_t p = 0; p < json_array_size(points); p++) {
        const json_t *point = json_array_get(points, p), *values = json_array_get(point, 1);
        int64_t at = json_integer_value(json_array_get(point, 0));
        if (at <= before || json_array_size(values) != json_array_size(series))
            cm_complain(c, "full: point %zu is out of order or has the wrong width", p);
        before = at;
    }
    const json_t *last = json_array_get(points, json_array_size(points) - 1);
    const json_t *values = json_array_get(last, 1);
    for (size_t i = 0; i < json_array_size(values); i++)
        if (i < s->n_slots && s->slots[i].labels)
            cm_set(c, s, i, json_array_get(values, i));
        else if (!json_is_null(json_array_get(values, i)))
            cm_complain(c, "full: a free slot has a value");
    s->history_points = json_array_size(points) - 1;
    cm_ended(c, s, m);
    s->offset = o;
    s->time_ms = t;
    s->has_state = true;
    s->fulls++;
}

static void cm_update(struct client_model *c, struct cm_sub *s, const json_t *m)
{
    const json_t *d = json_object_get(m, "d"), *add = json_object_get(m, "add"),
                 *del = json_object_get(m, "del");
    int64_t o = cm_int(c, m, "o");
    if (!s->has_state) {
        /* Meant for another subscription to the same stream; alone it would be a mistake, but of a
         * client that resumed from what it never had. */
        bool other = false;
        for (size_t i = 0; i < c->n_subs; i++)
            other = other || (c->subs[i].stream == s->stream &&
                              (c->subs[i].has_state || (c->any_id && c->subs[i].recovered)));
        if (!other)
            cm_complain(c, "update before full");
        return;
    }
    if (o <= s->offset) {
        s->dropped++;
        return;
    }
    for (size_t i = 0; i < json_array_size(del); i++) {
        size_t k = (size_t)json_integer_value(json_array_get(del, i));
        if (k >= s->n_slots)
            continue;
        free(s->slots[k].labels);
        free(s->slots[k].value);
        s->slots[k] = (struct cm_slot){0};
    }
    for (size_t i = 0; i < json_array_size(add); i++) {
        const json_t *one = json_array_get(add, i);
        cm_label(c, s, (size_t)json_integer_value(json_array_get(one, 0)), json_array_get(one, 1));
    }
    if (!json_is_array(d) || json_array_size(d) % 2)
        cm_complain(c, "update: 'd' is not a list of pairs");
    for (size_t i = 0; i + 1 < json_array_size(d); i += 2)
        cm_set(c, s, (size_t)json_integer_value(json_array_get(d, i)), json_array_get(d, i + 1));
    s->offset = o;
    s->time_ms = cm_int(c, m, "t");
    s->updates++;
}

static void cm_note(struct client_model *c, int64_t number)
{
    c->notes = realloc(c->notes, (c->n_notes + 1) * sizeof(*c->notes));
    c->notes[c->n_notes++] = number;
}

static void cm_subscribed(struct client_model *c, const json_t *m)
{
    const char *id = json_string_value(json_object_get(m, "id"));
    struct cm_sub *s = !id ? NULL : c->any_id ? cm_expect(c, id) : cm_find(c, id);
    if (!s) {
        cm_complain(c, "subscribed with an unknown id '%s'", id ? id : "");
        return;
    }
    s->stream = cm_int(c, m, "stream");
    s->feed = s->stream == 0;
    s->recovered = json_is_true(json_object_get(m, "recovered"));
    s->subscribed++;
    if (!s->recovered && !s->feed)
        s->has_state = false; /* a full must follow before any update */
}

static void cm_simple(struct client_model *c, const json_t *m)
{
    const char *metric = json_string_value(json_object_get(m, "metric"));
    size_t i = 0;
    while (i < c->n_simple && metric && strcmp(c->simple[i].metric, metric) != 0)
        i++;
    if (!metric || i == CM_MAX_SUBS || json_object_size(m) != 3) {
        cm_complain(c, "simple message of a wrong shape");
        return;
    }
    if (i == c->n_simple) {
        c->n_simple++;
        snprintf(c->simple[i].metric, sizeof(c->simple[i].metric), "%s", metric);
    }
    char *text = json_dumps(json_object_get(m, "value"), JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    snprintf(c->simple[i].value, sizeof(c->simple[i].value), "%s", text ? text : "?");
    free(text);
    c->simple[i].timestamp = cm_int(c, m, "timestamp");
    c->simple[i].count++;
}

/* Messages that concern every subscription to a stream number. */
static void cm_stream_message(struct client_model *c, const json_t *m, const char *type)
{
    int64_t number = cm_int(c, m, "s");
    bool found = false;
    for (size_t i = 0; i < c->n_subs; i++) {
        struct cm_sub *s = &c->subs[i];
        if (s->stream != number)
            continue;
        found = true;
        if (!type)
            cm_update(c, s, m);
        else if (strcmp(type, "full") == 0)
            cm_full(c, s, m);
        else if (strcmp(type, "gap") == 0)
            s->gaps++;
        else
            s->errors++;
    }
    if (!found && type == NULL)
        cm_complain(c, "a frame of stream %lld, which was not announced", (long long)number);
}

static void cm_error(struct client_model *c, const json_t *m)
{
    const char *text = json_string_value(json_object_get(m, "message"));
    const char *code = json_string_value(json_object_get(m, "code"));
    if (!text || !code)
        cm_complain(c, "error without code or message");
    c->errors++;
    snprintf(c->last_error, sizeof(c->last_error), "%s", text ? text : "");
    snprintf(c->last_error_code, sizeof(c->last_error_code), "%s", code ? code : "");
    const char *id = json_string_value(json_object_get(m, "id"));
    struct cm_sub *of = id ? cm_find(c, id) : NULL;
    if (of)
        of->fulls_at_error = of->fulls;
    if (json_object_get(m, "s"))
        cm_stream_message(c, m, "error");
}

static void cm_welcome(struct client_model *c, const json_t *m)
{
    const char *epoch = json_string_value(json_object_get(m, "epoch"));
    const char *session = json_string_value(json_object_get(m, "session"));
    if (!epoch || !session)
        cm_complain(c, "welcome without epoch or session");
    snprintf(c->epoch, sizeof(c->epoch), "%s", epoch ? epoch : "");
    snprintf(c->session, sizeof(c->session), "%s", session ? session : "");
    c->welcomes++;
}

static void cm_typed(struct client_model *c, const json_t *m, const char *type)
{
    if (strcmp(type, "welcome") == 0) {
        cm_welcome(c, m);
    } else if (strcmp(type, "subscribed") == 0) {
        cm_subscribed(c, m);
    } else if (strcmp(type, "full") == 0 || strcmp(type, "gap") == 0) {
        cm_stream_message(c, m, type);
    } else if (strcmp(type, "notification") == 0) {
        cm_note(c, cm_int(c, m, "o"));
        if (!json_is_object(json_object_get(m, "notification")))
            cm_complain(c, "notification without an object");
    } else if (strcmp(type, "heartbeat") == 0) {
        c->heartbeat_ms = cm_int(c, m, "t");
        c->heartbeats++;
        c->late = json_object_get(m, "late")
                      ? json_integer_value(json_array_get(json_object_get(m, "late"), 0))
                      : -1;
    } else if (strcmp(type, "pong") == 0) {
        c->pongs++;
    } else if (strcmp(type, "error") == 0) {
        cm_error(c, m);
    } else {
        cm_complain(c, "unknown type '%s'", type);
    }
}

static void cm_message(struct client_model *c, struct sg_str text)
{
    json_error_t err;
    json_t *m = json_loadb(text.p, text.n, 0, &err);
    c->messages++;
    if (!json_is_object(m)) {
        cm_complain(c, "not a JSON object: %.*s", (int)(text.n < 80 ? text.n : 80), text.p);
        json_decref(m);
        return;
    }
    const char *type = json_string_value(json_object_get(m, "type"));
    if (c->log)
        json_array_append(c->log, m);
    if (json_object_get(m, "error") && !type) {
        const char *said = json_string_value(json_object_get(m, "error"));
        c->simple_errors++;
        snprintf(c->last_error, sizeof(c->last_error), "%s", said ? said : "");
    } else if (c->notes_dialect) {
        cm_note(c, json_integer_value(json_object_get(m, "id")));
    } else if (json_object_get(m, "metric")) {
        cm_simple(c, m);
    } else if (type) {
        cm_typed(c, m, type);
    } else {
        cm_stream_message(c, m, NULL);
    }
    json_decref(m);
}

/* ---- bytes ---- */

/* One unmasked frame at the start of the raw bytes; false: not whole yet. */
static bool cm_ws_frame(struct client_model *c)
{
    const uint8_t *p = (const uint8_t *)c->raw.data;
    size_t n = c->raw.len, head = 2;
    if (n < 2)
        return false;
    uint64_t len = p[1] & 127;
    if (p[0] != 0x81 || p[1] & 128)
        cm_complain(c, "not a whole unmasked text frame: %02x %02x", p[0], p[1]);
    size_t more = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (n < head + more)
        return false;
    if (more)
        len = 0;
    for (size_t i = 0; i < more; i++)
        len = len << 8 | p[head + i];
    head += more;
    if (n - head < len)
        return false;
    cm_message(c, sg_str_make(c->raw.data + head, (size_t)len));
    sg_buf_consume(&c->raw, head + (size_t)len);
    return true;
}

static bool cm_line(struct client_model *c)
{
    const char *end = c->raw.len ? memchr(c->raw.data, '\n', c->raw.len) : NULL;
    if (!end)
        return false;
    cm_message(c, sg_str_make(c->raw.data, (size_t)(end - c->raw.data)));
    sg_buf_consume(&c->raw, (size_t)(end - c->raw.data) + 1);
    return true;
}

static void cm_sse(struct client_model *c, const char *p, size_t n)
{
    while (n) {
        struct sg_sse_event ev = {0};
        bool complete = false;
        ssize_t used = sg_sse_feed(&c->sse, p, n, &ev, &complete);
        if (used <= 0) {
            cm_complain(c, "the event stream does not parse");
            return;
        }
        p += used;
        n -= (size_t)used;
        if (!complete)
            continue;
        if (ev.id.n) /* kept over reconnects */
            snprintf(c->last_event_id, sizeof(c->last_event_id), "%.*s", SG_STR_ARG(ev.id));
        cm_message(c, ev.data);
    }
}

__attribute__((unused)) static void cm_feed(struct client_model *c, const char *p, size_t n)
{
    if (c->wire == CM_SSE) {
        cm_sse(c, p, n);
        return;
    }
    sg_buf_append(&c->raw, p, n);
    while (c->wire == CM_WS ? cm_ws_frame(c) : cm_line(c))
        ;
}

/* Value (JSON text) of the series with these labels (sorted, compact JSON); NULL: not there. */
__attribute__((unused)) static const char *cm_value(const struct cm_sub *s, const char *labels)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].labels && strcmp(s->slots[i].labels, labels) == 0)
            return s->slots[i].value;
    return NULL;
}

#endif
