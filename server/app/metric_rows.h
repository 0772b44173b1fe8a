/* metric_rows.h - tables of counters and gauges as Prometheus text. */
#ifndef STREAMGAUGE_APP_METRIC_ROWS_H
#define STREAMGAUGE_APP_METRIC_ROWS_H

#include <streamgauge/buf.h>

/* A counter or gauge at an offset of a struct of relaxed atomic_ullong. */
struct sg_metric_row {
    const char *name, *labels, *type, *help; /* help NULL: a further sample of the family above */
    size_t offset;
    double scale; /* to the base unit; 0: 1 */
};

/* Appends the HELP and TYPE lines of a family. Any thread. */
void sg_metric_family(struct sg_buf *out, const char *name, const char *type, const char *help);

/* Appends `n` rows, read out of `stats`, which must be of the type whose offsets they have. */
void sg_metric_rows_print(struct sg_buf *out, const struct sg_metric_row *rows, size_t n,
                          const void *stats);

#endif
