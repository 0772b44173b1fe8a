/* mem_querier.h - a small store in memory behind the querier table, for tests of the evaluator;
 * filled by hand or from text.
 *
 *     struct sg_mem_store *m = sg_mem_store_new();
 *     sg_mem_load(m, SG_STR("load 1m\n  up{job=\"a\"} 1 1 _ stale 0+2x5\n"), &err);
 *     struct sg_querier q = sg_mem_querier(m);
 *
 * The text is Prometheus' test notation (series_text.h). A test program includes mem_querier.c,
 * since each has a single source. One thread.
 */
#ifndef SG_TEST_MEM_QUERIER_H
#define SG_TEST_MEM_QUERIER_H

#include <streamgauge/querier.h>
#include <streamgauge/series_text.h>
#include <streamgauge/str.h>

struct sg_mem_store;

struct sg_mem_store *sg_mem_store_new(void);
void sg_mem_store_free(struct sg_mem_store *m);
void sg_mem_store_clear(struct sg_mem_store *m);
/* Index of the series, born if need be. Takes the reference. */
size_t sg_mem_series_take(struct sg_mem_store *m, const struct sg_labels *labels);
/* In any order of time; an equal time replaces. */
void sg_mem_append(struct sg_mem_store *m, size_t series, int64_t time_ms, double v);
void sg_mem_append_histogram_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                  const struct sg_histogram *h);
void sg_mem_append_distinct_take(struct sg_mem_store *m, size_t series, int64_t time_ms,
                                 const struct sg_hll *h);
struct sg_querier sg_mem_querier(struct sg_mem_store *m);
/* How often select was called. */
size_t sg_mem_selects(const struct sg_mem_store *m);

/* `load [interval]` blocks. SG_ESYNTAX with the line. */
int sg_mem_load(struct sg_mem_store *m, struct sg_str text, struct sg_error *reterr);
/* The values of a line as samples, from start_ms at every step. */
void sg_mem_add_line(struct sg_mem_store *m, const struct sg_series_text *l, int64_t start_ms,
                     int64_t step_ms);

#endif
