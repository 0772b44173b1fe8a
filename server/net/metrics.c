/* metrics.c - the edges' and the hubs' counters as exposition text. */
#include "edge.h"

#include <stddef.h>

struct hub_row {
    const char *family, *help, *kind;
    size_t offset; /* of an atomic_ullong in struct sg_hub_stats */
    bool max;      /* the largest of the edges instead of the sum */
};

#define ROW(family, help, kind, field, max)                                                        \
    {                                                                                              \
        "streamgauge_hub_" family, help, kind, offsetof(struct sg_hub_stats, field), max           \
    }
static const struct hub_row hub_rows[] = {
    ROW("sessions", "Sessions of all edges.", "gauge", sessions, false),
    ROW("sessions_behind", "Sessions that take less than they are sent.", "gauge", behind, false),
    ROW("subscriptions", "Subscriptions of all sessions.", "gauge", subscriptions, false),
    ROW("topics", "Topics known to the edges, each edge's own counted.", "gauge", topics, false),
    ROW("groups", "Groups of sessions that are sent the same bytes.", "gauge", groups, false),
    ROW("ring_bytes", "Memory of frames kept for those who come back.", "gauge", ring_bytes, false),
    ROW("max_lag_seconds", "How far the session furthest behind is behind.", "gauge", max_lag_ms,
        true),
    ROW("frames_total", "Frames the edges received.", "counter", frames_in, false),
    ROW("broken_mirrors_total", "Streams an edge had to get anew.", "counter", broken_mirrors,
        false),
    ROW("blocks_total", "Blocks of frames sent.", "counter", blocks, false),
    ROW("sent_bytes_total", "Their bytes.", "counter", bytes, false),
    ROW("messages_total", "Messages in them.", "counter", messages, false),
    ROW("fell_behind_total", "Times a session fell behind.", "counter", fell_behind, false),
    ROW("conflated_frames_total", "Frames replaced by newer ones for slow sessions.", "counter",
        conflated, false),
    ROW("merged_updates_total", "Updates merged into one for slow sessions.", "counter", merged,
        false),
    ROW("full_frames_total", "Full states sent.", "counter", fulls, false),
    ROW("gaps_total", "Gaps told.", "counter", gaps, false),
    ROW("resumed_total", "Subscriptions resumed without a gap.", "counter", resumed, false),
    ROW("errors_total", "Errors told to clients.", "counter", errors, false),
    ROW("stuck_closed_total", "Sessions closed since they took nothing for too long.", "counter",
        stuck_closed, false),
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
    for (size_t i = 0; i < SG_ARRAY_LEN(hub_rows); i++) {
        sg_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", hub_rows[i].family, hub_rows[i].help,
                      hub_rows[i].family, hub_rows[i].kind, hub_rows[i].family);
        if (hub_rows[i].max) /* the one that is a time, in ms */
            sg_buf_put_double(out, (double)hub_value(net, &hub_rows[i]) / 1000);
        else
            sg_buf_put_u64(out, hub_value(net, &hub_rows[i]));
        sg_buf_putc(out, '\n');
    }
    sg_buf_printf(
        out,
        "# HELP streamgauge_net_addresses Addresses with connections that count against a limit.\n"
        "# TYPE streamgauge_net_addresses gauge\nstreamgauge_net_addresses %zu\n"
        "# HELP streamgauge_net_edges Edge threads.\n"
        "# TYPE streamgauge_net_edges gauge\nstreamgauge_net_edges %u\n",
        sg__peers_addresses(&net->peers), net->edge_count);
    pthread_mutex_lock(&net->lock);
    if (net->pair)
        sg_buf_printf(out,
                      "# HELP streamgauge_tls_certificate_expires_in_seconds Time until the "
                      "certificate expires.\n"
                      "# TYPE streamgauge_tls_certificate_expires_in_seconds gauge\n"
                      "streamgauge_tls_certificate_expires_in_seconds %lld\n",
                      (long long)sg__tls_expires_in_s(net->pair));
    pthread_mutex_unlock(&net->lock);
}
