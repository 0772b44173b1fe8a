/* metrics.c - the edges' and the hubs' counters as exposition text. */
#include "edge.h"

#include <stddef.h>

struct hub_row {
    const char *family, *kind;
    size_t offset; /* of an atomic_ullong in struct sg_hub_stats */
    bool max;      /* the largest of the edges instead of the sum */
};

#define ROW(family, kind, field, max)                                                              \
    {                                                                                              \
        "streamgauge_hub_" family, kind, offsetof(struct sg_hub_stats, field), max                 \
    }
static const struct hub_row hub_rows[] = {
    ROW("sessions", "gauge", sessions, false),
    ROW("sessions_behind", "gauge", behind, false),
    ROW("subscriptions", "gauge", subscriptions, false),
    ROW("topics", "gauge", topics, false),
    ROW("groups", "gauge", groups, false),
    ROW("ring_bytes", "gauge", ring_bytes, false),
    ROW("max_lag_milliseconds", "gauge", max_lag_ms, true),
    ROW("frames_total", "counter", frames_in, false),
    ROW("broken_mirrors_total", "counter", broken_mirrors, false),
    ROW("blocks_total", "counter", blocks, false),
    ROW("sent_bytes_total", "counter", bytes, false),
    ROW("messages_total", "counter", messages, false),
    ROW("fell_behind_total", "counter", fell_behind, false),
    ROW("conflated_frames_total", "counter", conflated, false),
    ROW("merged_updates_total", "counter", merged, false),
    ROW("full_frames_total", "counter", fulls, false),
    ROW("gaps_total", "counter", gaps, false),
    ROW("resumed_total", "counter", resumed, false),
    ROW("errors_total", "counter", errors, false),
    ROW("stuck_closed_total", "counter", stuck_closed, false),
};

static unsigned long long hub_value(const struct sg_net *net, const struct hub_row *row)
{
    unsigned long long sum = 0;
    for (unsigned i = 0; i < net->edge_count; i++) {
        const char *stats = (const char *)sg_hub_get_stats(net->edge[i]->hub);
        const atomic_ullong *at = (const atomic_ullong *)(const void *)(stats + row->offset);
        unsigned long long v = atomic_load_explicit(at, memory_order_relaxed);
        if (row->max)
            sum = v > sum ? v : sum;
        else
            sum += v;
    }
    return sum;
}

void sg_net_metrics(struct sg_net *net, struct sg_buf *out)
{
    long long sums[SG__COUNTERS] = {0};
    for (unsigned i = 0; i < net->edge_count; i++)
        for (int j = 0; j < SG__COUNTERS; j++)
            sums[j] += sg__counted(&net->edge[i]->counters, (enum sg__counter)j);
    sg__counters_print(sums, out);
    for (size_t i = 0; i < SG_ARRAY_LEN(hub_rows); i++)
        sg_buf_printf(out, "# TYPE %s %s\n%s %llu\n", hub_rows[i].family, hub_rows[i].kind,
                      hub_rows[i].family, hub_value(net, &hub_rows[i]));
    sg_buf_printf(out,
                  "# TYPE streamgauge_net_addresses gauge\nstreamgauge_net_addresses %zu\n"
                  "# TYPE streamgauge_net_edges gauge\nstreamgauge_net_edges %u\n",
                  sg__peers_addresses(&net->peers), net->edge_count);
    pthread_mutex_lock(&net->lock);
    if (net->pair)
        sg_buf_printf(out,
                      "# TYPE streamgauge_tls_certificate_expires_in_seconds gauge\n"
                      "streamgauge_tls_certificate_expires_in_seconds %lld\n",
                      (long long)sg__tls_expires_in_s(net->pair));
    pthread_mutex_unlock(&net->lock);
}
