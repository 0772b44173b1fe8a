/* template.h - the templates of labels, annotations and notification texts: Go's text/template with
 * the functions of Prometheus and Alertmanager.
 *
 * `{{ $labels.instance }} is at {{ $value | humanize }}`; if, else, else if, range, with, define,
 * template, block, variables, pipelines, parentheses, comparison functions, printf. The list of
 * functions is sg_template_functions(). What is not known is an error with line and column at
 * parsing. A parsed template is immutable and may be expanded on any thread. Expansion is bounded:
 * output 64 KiB and 10 000 steps, with JSON data 256 KiB and 100 000, 32 queries, 100 definitions
 * in each other.
 *
 *     struct sg_template_set *set = sg_template_set_new();
 *     sg_template_set_add(set, "a.tmpl", SG_STR("{{ define \"hi\" }}hi {{ . }}{{ end }}"), &err);
 *     sg_template_parse_in(SG_STR("{{ template \"hi\" .Receiver }}"), set, &t, &err);
 *     sg_template_set_unref(set);                 // t keeps what it needs */
#ifndef STREAMGAUGE_TEMPLATE_H
#define STREAMGAUGE_TEMPLATE_H

#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/labels.h>
#include <streamgauge/promql.h>

struct sg_template;

/* ---- definitions that other texts call by name ---- */

/* Filled by one thread, then immutable: any thread may read, ref and unref. */
struct sg_template_set;

/* One reference; has the definitions that Alertmanager has (slack.default.text …), in our words. */
SG_API struct sg_template_set *sg_template_set_new(void);
/* Returns s. */
SG_API struct sg_template_set *sg_template_set_ref(struct sg_template_set *s);
SG_API void sg_template_set_unref(struct sg_template_set *s); /* accepts NULL */
/* Adds the definitions of a file's text (at most 1 MiB; 16 MiB, and 64 MiB of memory, of all); what
 * stands around them is one, too, of the file's name without its folders. They replace earlier ones
 * of the same name, but one of nothing but white space and comments replaces only such. Copies.
 * source: the file's path. SG_ESYNTAX, SG_EUNSUPPORTED, SG_ELIMIT: the set is of no more use. */
SG_API SG_NODISCARD int sg_template_set_add(struct sg_template_set *s, const char *source,
                                            struct sg_str text, struct sg_error *reterr);
/* The name, as written, under which an added text (not the built-in ones) defines this one, upper
 * and lower case being the same: Alertmanager's "slack.default.title" is how its files change what
 * receivers say that say nothing themselves. {NULL, 0}: none does. Borrowed from the set. */
SG_API struct sg_str sg_template_set_given(const struct sg_template_set *s, struct sg_str name);

/* ---- texts ---- */

/* SG_ESYNTAX with line, column (from 1, in text) and what was expected. *ret NULL when the text has
 * no `{{`: it stands for itself. */
SG_API SG_NODISCARD int sg_template_parse(struct sg_str text, struct sg_template **ret,
                                          struct sg_error *reterr);
/* The text may call the set's definitions, too, and have its own of their names. SG_ESYNTAX also
 * when a call in it, or in a definition that can be reached from it, has no definition: the place
 * is where it does so in the text, and err's text says where in the file. The template keeps a
 * reference. set may be NULL. */
SG_API SG_NODISCARD int sg_template_parse_in(struct sg_str text, struct sg_template_set *set,
                                             struct sg_template **ret, struct sg_error *reterr);
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
    /* For `tz`: seconds east of UTC of a zone at that time; negative: there is none. NULL: all
     * fail. */
    int (*utc_offset)(void *ctx, struct sg_str zone, int64_t time_ms, int32_t *ret_s);
    void *utc_offset_ctx;
    /* The result is HTML: what actions print is escaped for the place where it stands. */
    bool html;
};
/* Appends. SG_EEXECUTION with place and reason, and the file when it is in a definition of one;
 * what was appended stays. */
SG_API SG_NODISCARD int sg_template_expand(const struct sg_template *t,
                                           const struct sg_template_data *d, struct sg_buf *out,
                                           struct sg_error *reterr);

#endif
