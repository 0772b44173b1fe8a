/* note.h - the body of an outbox row, read; and the texts that are made of it.
 *
 * Whoever writes to people has the same few things to say: a title, what each alert says of itself,
 * where to look. sg__note_text writes them in the dialect of a service and within its limit: alerts
 * that do not fit are counted, never cut in the middle of markup.
 */
#ifndef SG_NOTIFY_NOTE_H
#define SG_NOTIFY_NOTE_H

#include <jansson.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>

enum sg__status { SG__FIRING, SG__RESOLVED, SG__ACKNOWLEDGED };

struct sg__note {
    json_t *root; /* owned */
    struct sg_str body;
    enum sg__status status;
    bool digest;
    json_t *alerts, *group_labels, *common_labels, *common_annotations; /* never NULL */
    struct sg_str group_key, external_url, receiver;
    size_t n_alerts, n_firing, n_resolved;
    const char *severity; /* worst of its alerts: "info", "warning", "critical" */
    char title[320];      /* "[FIRING:2] HighLatency: checkout is slow" */
};

/* SG_EINVALID when the body is no notification. Borrows body while ret lives. */
SG_NODISCARD int sg__note_read(struct sg_str body, struct sg__note *ret, struct sg_error *reterr);
void sg__note_deinit(struct sg__note *n);

/* Of an object: a string, "" when absent. */
struct sg_str sg__json_text(const json_t *object, const char *key);
/* "firing", "resolved", "acknowledged". */
const char *sg__status_name(enum sg__status s);

/* An alert of a note, its own words. Borrowed from the note. */
struct sg__alert_view {
    const json_t *json, *labels, *annotations;
    enum sg__status status;
    struct sg_str name, summary, description, generator_url, runbook_url, dashboard_url, starts_at;
    struct sg_str ends_at; /* when resolved */
    struct sg_str acknowledged_by, fingerprint, id;
    const char *severity;
};
void sg__note_alert(const struct sg__note *n, size_t i, struct sg__alert_view *ret);
/* The page to go to: an alert's dashboard or runbook, else external_url's alerts. Appends. */
void sg__note_link(const struct sg__note *n, const char *external_url, struct sg_buf *out);

enum sg__dialect {
    SG__PLAIN,
    SG__SLACK,    /* mrkdwn, & < > escaped */
    SG__MARKDOWN, /* Discord, Teams */
    SG__HTML,     /* Telegram's few tags */
};
/* Appends text with its special characters escaped. */
void sg__put_escaped(enum sg__dialect d, struct sg_str text, struct sg_buf *out);
/* What is said of the alerts, at most max_bytes. title: as its first line. */
void sg__note_text(const struct sg__note *n, enum sg__dialect d, bool title, size_t max_bytes,
                   struct sg_buf *out);
/* Cuts b to at most max bytes on a character's boundary, with an ellipsis when something went. */
void sg__cut(struct sg_buf *b, size_t max);
/* As sg__cut, for services that count characters as UTF-16 (Telegram) or code points: the same cap,
 * counted in UTF-16 units. */
void sg__cut_utf16(struct sg_buf *b, size_t max_units);

#endif
