/* note.c - the body of an outbox row, read. */
#include "notify/note.h"

#include <stdio.h>
#include <string.h>

#include <streamgauge/alert.h>
#include <streamgauge/labels.h>

/* Lives as long as the process: what absent members stand for. */
static json_t *empty_object(void)
{
    static json_t *object;
    json_t *seen = __atomic_load_n(&object, __ATOMIC_ACQUIRE);
    if (seen)
        return seen;
    json_t *fresh = json_object();
    if (__atomic_compare_exchange_n(&object, &seen, fresh, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return fresh;
    json_decref(fresh);
    return seen;
}

static json_t *object_of(const json_t *parent, const char *key)
{
    json_t *o = json_object_get(parent, key);
    return json_is_object(o) ? o : empty_object();
}

struct sg_str sg__json_text(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v))
        return SG_STR("");
    return (struct sg_str){json_string_value(v), json_string_length(v)};
}

static enum sg__status status_of(struct sg_str text)
{
    if (sg_str_eq_c(text, "resolved"))
        return SG__RESOLVED;
    return sg_str_eq_c(text, "acknowledged") ? SG__ACKNOWLEDGED : SG__FIRING;
}

const char *sg__status_name(enum sg__status s)
{
    return s == SG__RESOLVED ? "resolved" : s == SG__ACKNOWLEDGED ? "acknowledged" : "firing";
}

/* The model's word for the label `severity`. */
static const char *severity_of(const json_t *labels)
{
    struct sg_str text = sg__json_text(labels, "severity");
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    if (text.n)
        sg_labels_builder_set(&b, SG_STR("severity"), text);
    const struct sg_labels *l = sg_labels_builder_build(&b);
    const char *name = sg_alert_severity(l);
    sg_labels_unref(l);
    sg_labels_builder_deinit(&b);
    return name;
}

static struct sg_str first_of(const json_t *object, const char *const *keys)
{
    struct sg_str text = SG_STR("");
    for (; *keys && text.n == 0; keys++)
        text = sg__json_text(object, *keys);
    return text;
}

void sg__note_alert(const struct sg__note *n, size_t i, struct sg__alert_view *ret)
{
    static const char *const descriptions[] = {"description", "message", NULL};
    static const char *const runbooks[] = {"runbook_url", "runbook", NULL};
    static const char *const dashboards[] = {"dashboard_url", "dashboard", NULL};
    const json_t *a = json_array_get(n->alerts, i);
    *ret = (struct sg__alert_view){.json = a};
    ret->labels = object_of(a, "labels");
    ret->annotations = object_of(a, "annotations");
    ret->status = status_of(sg__json_text(a, "status"));
    ret->name = sg__json_text(ret->labels, "alertname");
    ret->summary = sg__json_text(ret->annotations, "summary");
    ret->description = first_of(ret->annotations, descriptions);
    ret->runbook_url = first_of(ret->annotations, runbooks);
    ret->dashboard_url = first_of(ret->annotations, dashboards);
    ret->generator_url = sg__json_text(a, "generatorURL");
    ret->starts_at = sg__json_text(a, "startsAt");
    ret->ends_at = sg__json_text(a, "endsAt");
    ret->acknowledged_by = sg__json_text(a, "acknowledgedBy");
    ret->fingerprint = sg__json_text(a, "fingerprint");
    ret->id = sg__json_text(a, "id");
    ret->severity = severity_of(ret->labels);
}

/* ---- the title ---- */

static void put_values(const json_t *labels, const char *but, struct sg_buf *out)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)labels, key, value)
    {
        if (strcmp(key, but) == 0 || !json_is_string(value))
            continue;
        sg_buf_puts(out, n++ ? " " : "");
        sg_buf_put_str(out, (struct sg_str){json_string_value(value), json_string_length(value)});
    }
}

/* "[FIRING:2] HighLatency: the summary they share", else with the group's labels. One line. */
static void make_title(struct sg__note *n)
{
    struct sg_buf b;
    sg_buf_init(&b, 4096);
    if (n->digest)
        sg_buf_put_str(&b, sg__json_text(json_object_get(n->root, "digest"), "subject"));
    else if (n->status == SG__FIRING)
        sg_buf_printf(&b, "[FIRING:%zu] ", n->n_firing);
    else
        sg_buf_puts(&b, n->status == SG__RESOLVED ? "[RESOLVED] " : "[ACKNOWLEDGED] ");
    struct sg_str name = sg__json_text(n->common_labels, "alertname");
    struct sg_str summary = sg__json_text(n->common_annotations, "summary");
    if (n->digest)
        name = summary = SG_STR("");
    else
        sg_buf_put_str(&b, name.n ? name : SG_STR("alerts"));
    if (summary.n && summary.n < 1024) {
        sg_buf_puts(&b, ": ");
        sg_buf_put_str(&b, summary);
    } else if (!n->digest && json_object_size(n->group_labels) > (name.n ? 1u : 0u)) {
        sg_buf_puts(&b, " (");
        put_values(n->group_labels, "alertname", &b);
        sg_buf_putc(&b, ')');
    }
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.data[i] < ' ')
            b.data[i] = ' ';
    sg__cut(&b, 256);
    snprintf(n->title, sizeof(n->title), "%s", sg_buf_cstr(&b));
    sg_buf_deinit(&b);
}

static int rank(const char *severity)
{
    return strcmp(severity, "critical") == 0 ? 2 : strcmp(severity, "warning") == 0;
}

static void count_alerts(struct sg__note *n)
{
    int worst = -1;
    n->severity = "info";
    for (size_t i = 0; i < n->n_alerts; i++) {
        struct sg__alert_view a;
        sg__note_alert(n, i, &a);
        n->n_resolved += a.status == SG__RESOLVED;
        n->n_firing += a.status != SG__RESOLVED;
        if (rank(a.severity) > worst) {
            worst = rank(a.severity);
            n->severity = a.severity;
        }
    }
}

int sg__note_read(struct sg_str body, struct sg__note *ret, struct sg_error *reterr)
{
    json_error_t at;
    *ret = (struct sg__note){.body = body};
    ret->root = json_loadb(body.p, body.n, 0, &at);
    if (!json_is_object(ret->root)) {
        sg__note_deinit(ret);
        return sg_error_set(reterr, SG_EINVALID, "the outbox row is no JSON object: %s", at.text);
    }
    const json_t *root = ret->root;
    json_t *alerts = json_object_get(root, "alerts");
    if (!json_is_array(alerts)) {
        json_object_set_new(ret->root, "alerts", json_array());
        alerts = json_object_get(root, "alerts");
    }
    ret->alerts = alerts;
    ret->n_alerts = json_array_size(alerts);
    ret->status = status_of(sg__json_text(root, "status"));
    ret->digest = sg_str_eq_c(sg__json_text(root, "kind"), "digest");
    ret->group_labels = object_of(root, "groupLabels");
    ret->common_labels = object_of(root, "commonLabels");
    ret->common_annotations = object_of(root, "commonAnnotations");
    ret->group_key = sg__json_text(root, "groupKey");
    ret->external_url = sg__json_text(root, "externalURL");
    ret->receiver = sg__json_text(root, "receiver");
    count_alerts(ret);
    make_title(ret);
    return 0;
}

void sg__note_deinit(struct sg__note *n)
{
    json_decref(n->root);
    n->root = NULL;
}

static bool is_link(struct sg_str url)
{
    return sg_str_starts_with(url, SG_STR("https://")) ||
           sg_str_starts_with(url, SG_STR("http://"));
}

void sg__note_link(const struct sg__note *n, const char *external_url, struct sg_buf *out)
{
    struct sg__alert_view a = {0};
    if (n->n_alerts > 0) {
        sg__note_alert(n, 0, &a);
        if (is_link(a.dashboard_url)) {
            sg_buf_put_str(out, a.dashboard_url);
            return;
        }
    }
    struct sg_str site = n->external_url.n ? n->external_url : sg_str_from(external_url);
    while (site.n > 0 && site.p[site.n - 1] == '/')
        site.n--;
    if (!is_link(site))
        return;
    sg_buf_put_str(out, site);
    sg_buf_puts(out, "/");
    if (n->n_alerts == 1 && a.fingerprint.n) {
        sg_buf_puts(out, "#/alerts/");
        sg_buf_put_str(out, a.fingerprint);
    }
}
