/* counters.c - counters of all edges, summed. */
#include "counters.h"

#include <streamgauge/compiler.h>
#include <string.h>

static const struct {
    const char *family, *labels, *kind;
} rows[SG__COUNTERS] = {
#define ROW(id, family, labels, kind) {family, labels, kind},
    SG__COUNTER_MAP(ROW)
#undef ROW
};

static const struct {
    const char *family, *help;
} helps[] = {
    {"streamgauge_net_connections", "Open connections, requests and sessions."},
    {"streamgauge_net_sessions", "Connected sessions, by transport."},
    {"streamgauge_net_connections_total", "Connections accepted."},
    {"streamgauge_net_sessions_total", "Sessions opened, by transport."},
    {"streamgauge_net_received_bytes_total", "Bytes received, before TLS adds its own."},
    {"streamgauge_net_sent_bytes_total", "Bytes sent, before TLS adds its own."},
    {"streamgauge_net_session_writes_total", "Blocks of frames written to sessions."},
    {"streamgauge_net_partial_writes_total", "Writes a full socket took only in part."},
    {"streamgauge_net_http_responses_total", "HTTP responses, by class of status."},
    {"streamgauge_net_refused_total", "What a limit refused, by limit."},
    {"streamgauge_net_denied_total", "Requests denied access, by reason."},
    {"streamgauge_net_closed_total", "Connections ended, by reason."},
    {"streamgauge_net_pings_total", "WebSocket pings sent."},
    {"streamgauge_net_frame_batches_total", "Batches of frames the engine handed to edges."},
    {"streamgauge_net_frame_batches_dropped_total",
     "Batches dropped since an edge's queue was full."},
    {"streamgauge_net_pool_jobs_total", "Queries and histories given to the pool."},
};

static void print_family(const char *family, const char *kind, struct sg_buf *out)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(helps); i++)
        if (strcmp(helps[i].family, family) == 0)
            sg_buf_printf(out, "# HELP %s %s\n", family, helps[i].help);
    sg_buf_printf(out, "# TYPE %s %s\n", family, kind);
}

void sg__counters_print(const long long *sums, struct sg_buf *out)
{
    for (int i = 0; i < SG__COUNTERS; i++) {
        if (i == 0 || strcmp(rows[i].family, rows[i - 1].family) != 0)
            print_family(rows[i].family, rows[i].kind, out);
        if (rows[i].labels[0])
            sg_buf_printf(out, "%s{%s} %lld\n", rows[i].family, rows[i].labels, sums[i]);
        else
            sg_buf_printf(out, "%s %lld\n", rows[i].family, sums[i]);
    }
}
