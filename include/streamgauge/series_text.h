/* series_text.h - series and their samples as tests write them: Prometheus' notation.
 *
 *     up{job="a"}  1 1 _ stale 0+2x5 {{schema:0 sum:1 count:2 buckets:[1 1]}}
 *
 * Values: a number; _ for none; stale; each also repeated: 1x4 (five of them), _x4 (four), 1+2x3
 * and 1-2x3 (1, then three steps); histograms in {{ }}, which may be added up likewise. */
#ifndef STREAMGAUGE_SERIES_TEXT_H
#define STREAMGAUGE_SERIES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <streamgauge/error.h>
#include <streamgauge/histogram.h>
#include <streamgauge/labels.h>
#include <streamgauge/str.h>

/* Values of one line, at most. */
#define SG_SERIES_TEXT_MAX ((size_t)1 << 24)

struct sg_series_value {
    bool omitted;
    double v;
    struct sg_histogram *h; /* owned; NULL for numbers */
};

struct sg_series_text {
    const struct sg_labels *labels; /* owned */
    struct sg_series_value *values;
    size_t n, cap;
};

/* Labels, then any number of values. SG_ESYNTAX with text and expectation; SG_ELIMIT. Deinit in any
 * case. */
SG_API SG_NODISCARD int sg_series_text_parse(struct sg_str text, struct sg_series_text *ret,
                                             struct sg_error *reterr);
/* Values only: labels stay NULL. */
SG_API SG_NODISCARD int sg_series_text_values(struct sg_str text, struct sg_series_text *ret,
                                              struct sg_error *reterr);
SG_API void sg_series_text_deinit(struct sg_series_text *t);

#endif
