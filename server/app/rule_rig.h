/* rule_rig.h - store, expressions and ruler on a clock that is told: what rule tests run on.
 *
 *     rig = sg_rule_rig_new(&options);
 *     sg_rule_rig_add_series(rig, series, values, &err);      // as in series_text.h
 *     sg_rule_rig_load(rig, file, text, &err);                // rule files; then
 *     sg_rule_rig_order(rig, names, n);
 *     for (t = start; …; t += interval) sg_rule_rig_step(rig, t, &err);
 *     sg_rule_rig_look(rig) …; sg_rule_rig_query(rig, expr, t, &result, &err);
 *
 * Every group is evaluated at every step, whatever its own interval, as promtool does. One thread.
 */
#ifndef STREAMGAUGE_APP_RULE_RIG_H
#define STREAMGAUGE_APP_RULE_RIG_H

#include <streamgauge/ruler.h>

struct sg_rule_rig;

struct sg_rule_rig_options {
    int64_t start_ms, step_ms;               /* of the input series */
    int64_t interval_ms;                     /* between steps; also of subqueries */
    struct sg_str external_url;              /* borrowed as long as the rig, as the next */
    const struct sg_labels *external_labels; /* NULL: none */
};

struct sg_rule_rig *sg_rule_rig_new(const struct sg_rule_rig_options *o);
void sg_rule_rig_free(struct sg_rule_rig *r); /* accepts NULL */
/* An input series: labels, and values from the start on. */
SG_NODISCARD int sg_rule_rig_add_series(struct sg_rule_rig *r, struct sg_str labels,
                                        struct sg_str values, struct sg_error *reterr);
/* Adds a rule file; before the first step. each: as sg_rules_add. */
SG_NODISCARD int sg_rule_rig_load(struct sg_rule_rig *r, const char *file, struct sg_str text,
                                  void (*each)(void *ctx, const struct sg_error *err), void *ctx,
                                  struct sg_error *reterr);
/* Groups named here are evaluated in this order, after all others. */
void sg_rule_rig_order(struct sg_rule_rig *r, const struct sg_str *names, size_t n);
/* Stores the samples until then and evaluates all groups. Steps ascend. */
SG_NODISCARD int sg_rule_rig_step(struct sg_rule_rig *r, int64_t time_ms, struct sg_error *reterr);
/* sg_ruler_info_free. */
struct sg_ruler_info *sg_rule_rig_look(struct sg_rule_rig *r);
/* sg_promql_result_deinit in any case. */
SG_NODISCARD int sg_rule_rig_query(struct sg_rule_rig *r, struct sg_str expr, int64_t time_ms,
                                   struct sg_promql_result *ret, struct sg_error *reterr);

#endif
