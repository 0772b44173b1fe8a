/* template.h - the templates of labels, annotations and notification texts: the part of Go's
 * text/template with Prometheus' and Alertmanager's functions that rule files in the wild use.
 *
 * `{{ $labels.instance }} is at {{ $value | humanize }}`; if, else, else if, range, with, define is
 * refused, variables, pipelines, parentheses, comparison functions, printf. The list of functions
 * is sg_template_functions(). What is not known is an error with line and column at parsing. A
 * parsed template is immutable and may be expanded on any thread. Expansion is bounded: output 64
 * KiB, 10 000 steps, 8 nested queries. */
#ifndef STREAMGAUGE_TEMPLATE_H
#define STREAMGAUGE_TEMPLATE_H

#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/labels.h>
#include <streamgauge/promql.h>

struct sg_template;

/* SG_ESYNTAX with line, column (from 1, in text) and what was expected. *ret NULL when the text has
 * no `{{`: it stands for itself. */
SG_API SG_NODISCARD int sg_template_parse(struct sg_str text, struct sg_template **ret,
                                          struct sg_error *reterr);
SG_API void sg_template_free(struct sg_template *t); /* accepts NULL */
/* Names with a line of description each, NULL-terminated pairs; for documentation. */
SG_API const char *const *sg_template_functions(void);
/* Does the result depend on $value (or on queries)? Then it is to be expanded anew each time. */
SG_API bool sg_template_depends_on_value(const struct sg_template *t);

struct sg_template_data {
    const struct sg_labels *labels, *external_labels; /* $labels, $externalLabels; NULL: empty */
    double value;
    struct sg_str external_url;
    int64_t time_ms;
    /* For `query`; NULL: it fails. */
    int (*query)(void *ctx, struct sg_str expr, int64_t time_ms, struct sg_promql_result *ret,
                 struct sg_error *reterr);
    void *query_ctx;
    /* Else than rules: `.` is this JSON text (a webhook's template: Alertmanager's data, .Status,
     * .Alerts, .CommonLabels …). Empty: `.` has .Labels, .Value, .ExternalURL. */
    struct sg_str json;
};
/* Appends. SG_EEXECUTION with place and reason; what was appended stays. */
SG_API SG_NODISCARD int sg_template_expand(const struct sg_template *t,
                                           const struct sg_template_data *d, struct sg_buf *out,
                                           struct sg_error *reterr);

#endif
