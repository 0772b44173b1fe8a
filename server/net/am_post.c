/* am_post.c - alerts that others fired: Alertmanager's POST /api/v2/alerts, the form of its API v1,
 * and the body of its webhooks.
 */
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>

#include "net/am.h"

#define MAX_NAME 1024
#define MAX_VALUE 16384
/* A webhook is told again after repeat_interval only, which is hours: what it says holds until it
 * says otherwise, or for so long. */
#define WEBHOOK_HOLD_MS (24 * SG_MS_PER_HOUR)

struct posted {
    struct sg_alert *alerts; /* labels and annotations owned, texts those of the JSON */
    size_t n;
    size_t invalid;
    struct sg_error err; /* of the first that is not valid, or was refused */
    bool webhook;
    int rc;
};

/* ---- reading ---- */

static int check_label(struct sg_str name, struct sg_str value, struct sg_error *reterr)
{
    if (!name.n || name.n > MAX_NAME)
        return sg_error_set(reterr, SG_EINVALID, "invalid label name \"%.*s\"",
                            name.n < 100 ? (int)name.n : 100, name.p);
    if (value.n > MAX_VALUE)
        return sg_error_set(reterr, SG_EINVALID, "the value of \"%.*s\" is longer than %d bytes",
                            name.n < 100 ? (int)name.n : 100, name.p, MAX_VALUE);
    return 0;
}

/* An object of strings; empty values are as if they were absent. */
static int read_labels(const json_t *object, const char *what, const struct sg_labels **ret,
                       struct sg_error *reterr)
{
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    const char *key;
    json_t *value;
    int rc = 0;
    sg_labels_builder_init(&b);
    if (object && !json_is_object(object) && !json_is_null(object))
        return sg_error_set(reterr, SG_EINVALID, "%s: expected an object", what);
    if (json_object_size(object) > SG__AM_MAX_LABELS)
        return sg_error_set(reterr, SG_ELIMIT, "%s: more than %d", what, SG__AM_MAX_LABELS);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!json_is_string(value))
            return sg_error_set(reterr, SG_EINVALID, "%s: \"%.100s\" is no string", what, key);
        struct sg_str text = sg_str_make(json_string_value(value), json_string_length(value));
        rc = check_label(sg_str_from(key), text, reterr);
        if (rc < 0)
            return rc;
        sg_labels_builder_add(&b, sg_str_from(key), text);
    }
    *ret = sg_labels_builder_build(&b);
    return 0;
}

/* What Alertmanager calls valid; times that are not given become `now`. */
static int read_alert(const json_t *json, struct sg_alert *ret, struct sg_error *reterr)
{
    int rc = read_labels(json_object_get(json, "labels"), "labels", &ret->labels, reterr);
    if (rc == 0)
        rc = read_labels(json_object_get(json, "annotations"), "annotations", &ret->annotations,
                         reterr);
    if (rc < 0)
        return rc;
    if (!sg__am_member_time(json, "startsAt", &ret->starts_ms) ||
        !sg__am_member_time(json, "endsAt", &ret->ends_ms))
        return sg_error_set(reterr, SG_EINVALID, "startsAt and endsAt must be as RFC 3339");
    if (ret->labels->count == 0)
        return sg_error_set(reterr, SG_EINVALID, "at least one label pair required");
    if (ret->ends_ms && ret->starts_ms > ret->ends_ms)
        return sg_error_set(reterr, SG_EINVALID, "start time must be before end time");
    ret->generator_url = sg__am_member(json, "generatorURL");
    if (!ret->generator_url.p)
        ret->generator_url = SG_STR("");
    return 0;
}

static void release(struct sg_alert *a)
{
    sg_labels_unref(a->labels);
    sg_labels_unref(a->annotations);
    *a = (struct sg_alert){0};
}

static void read_all(struct posted *p, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *json = json_array_get(list, i);
        struct sg_alert *a = &p->alerts[p->n];
        *a = (struct sg_alert){.rule = SG_STR(""), .value = sg_nan(), .external = true};
        if (read_alert(json, a, &p->err) < 0) {
            p->invalid++;
            release(a);
            continue;
        }
        if (p->webhook &&
            sg_str_eq_c(sg__am_member(json, "status").p ? sg__am_member(json, "status")
                                                        : SG_STR(""),
                        "firing"))
            a->ends_ms = INT64_MAX; /* until on_alerts knows the time */
        p->n++;
    }
}

/* ---- handing over ---- */

static void on_alerts(void *arg, struct sg_alerting *a, struct sg_ruler *r, int64_t wall_ms,
                      int64_t mono_ms)
{
    struct posted *p = arg;
    (void)r;
    for (size_t i = 0; i < p->n; i++) {
        struct sg_alert *one = &p->alerts[i];
        if (one->ends_ms == INT64_MAX)
            one->ends_ms = wall_ms + WEBHOOK_HOLD_MS;
        else if (p->webhook && !one->ends_ms)
            one->ends_ms = wall_ms; /* resolved, without saying when */
        if (!one->starts_ms)
            one->starts_ms = one->ends_ms && one->ends_ms < wall_ms ? one->ends_ms : wall_ms;
        int rc = sg_alerting_alert(a, one, wall_ms, mono_ms, &p->err);
        if (rc < 0)
            p->rc = rc;
    }
}

/* Alerts that are valid are taken, whatever the others are. False: answered with 503. */
static bool hand_over(struct sg_api *api, struct sg_net_exchange *x, const json_t *list,
                      struct posted *p)
{
    p->alerts = sg_calloc(json_array_size(list) + 1, sizeof(*p->alerts));
    read_all(p, list);
    bool done = p->n == 0 || sg__am_call(api, x, on_alerts, p);
    for (size_t i = 0; i < p->n; i++)
        release(&p->alerts[i]);
    sg_free(p->alerts);
    return done;
}

static uint16_t status_of(const struct posted *p)
{
    return p->rc == SG_ELIMIT ? 429 : p->rc < 0 || p->invalid ? 400 : 200;
}

void sg__am_post_alerts(void *ctx, struct sg_net_exchange *x)
{
    struct posted p = {0};
    json_t *json = sg__am_body(x);
    if (!json)
        return;
    if (!json_is_array(json))
        sg__am_invalid(x, "alerts in body must be of type array");
    else if (hand_over(ctx, x, json, &p) && status_of(&p) != 200)
        sg__am_error(x, status_of(&p), "%s", p.err.text);
    json_decref(json);
}

/* {"status":…} as both of Alertmanager's older forms have it. */
static void answer_v1(struct sg_net_exchange *x, const struct posted *p)
{
    if (status_of(p) == 200) {
        sg_buf_puts(&x->out, "{\"status\":\"success\"}\n");
        return;
    }
    sg__api_error(x, SG__BAD_DATA, "%s", p->err.text);
    x->status = status_of(p);
    if (x->status == 429)
        sg_buf_puts(&x->headers, "Retry-After: 5\r\n");
}

static void post_v1(struct sg_api *api, struct sg_net_exchange *x, bool webhook)
{
    struct posted p = {.webhook = webhook};
    json_t *json = sg__am_body(x);
    if (!json)
        return;
    const json_t *list = webhook ? json_object_get(json, "alerts") : json;
    if (!json_is_array(list))
        sg__api_error(x, SG__BAD_DATA, "%s",
                      webhook
                          ? "expected an object with \"alerts\", as Alertmanager's webhooks have"
                          : "expected an array of alerts");
    else if (hand_over(api, x, list, &p))
        answer_v1(x, &p);
    json_decref(json);
}

void sg__am_post_alerts_v1(void *ctx, struct sg_net_exchange *x)
{
    post_v1(ctx, x, false);
}

void sg__am_post_webhook(void *ctx, struct sg_net_exchange *x)
{
    post_v1(ctx, x, true);
}
