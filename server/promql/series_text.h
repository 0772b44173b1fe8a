/* series_text.h - what the readers of series and of histograms in text share. Private to promql. */
#ifndef SG_PROMQL_SERIES_TEXT_H
#define SG_PROMQL_SERIES_TEXT_H

#include <streamgauge/series_text.h>

struct sg__text {
    const char *p, *end;
};

void sg__text_skip_space(struct sg__text *t);
/* SG_ESYNTAX: expected … at "…". */
int sg__text_syntax(const struct sg__text *t, const char *expected, struct sg_error *reterr);
bool sg__text_number(struct sg__text *t, double *ret);
/* {{schema:0 sum:1 …}} */
SG_NODISCARD int sg__text_histogram(struct sg__text *t, struct sg_histogram **ret,
                                    struct sg_error *reterr);

#endif
