/* selfmetrics.h - the server's own metrics as Prometheus text. */
#ifndef STREAMGAUGE_APP_SELFMETRICS_H
#define STREAMGAUGE_APP_SELFMETRICS_H

#include <streamgauge/batch.h>
#include <streamgauge/buf.h>
#include <streamgauge/engine.h>
#include <streamgauge/input.h>

/* What there is to tell. Pointers may be NULL. */
struct sg_selfmetrics {
    struct sg_engine *engine;
    const struct sg_udp *udp;
    struct sg_source *const *sources;
    size_t n_sources;
    int64_t started_ms;
};

/* Appends everything but net's own part (sg_net_metrics). Any thread. */
void sg_selfmetrics_print(const struct sg_selfmetrics *m, struct sg_buf *out);

#endif
