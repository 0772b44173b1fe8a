/* metric_rows.c - tables of counters and gauges as Prometheus text. */
#include "metric_rows.h"

#include <stdatomic.h>
#include <streamgauge/num.h>

void sg_metric_family(struct sg_buf *out, const char *name, const char *type, const char *help)
{
    sg_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void sg_metric_rows_print(struct sg_buf *out, const struct sg_metric_row *rows, size_t n,
                          const void *stats)
{
    for (size_t i = 0; i < n; i++) {
        const atomic_ullong *at = (const void *)((const char *)stats + rows[i].offset);
        double v = (double)atomic_load_explicit(at, memory_order_relaxed);
        if (rows[i].help)
            sg_metric_family(out, rows[i].name, rows[i].type, rows[i].help);
        sg_buf_printf(out, "%s%s ", rows[i].name, rows[i].labels ? rows[i].labels : "");
        sg_buf_put_double(out, rows[i].scale != 0 ? v * rows[i].scale : v);
        sg_buf_putc(out, '\n');
    }
}
