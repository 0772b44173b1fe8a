/* selfmetrics.c - /metrics: process, engine, store, streams, inputs. Names follow Prometheus'
 * conventions. */
#include "selfmetrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <streamgauge/num.h>

#include "metric_rows.h"

static void number(struct sg_buf *out, const char *name, const char *type, const char *help,
                   double v)
{
    sg_metric_family(out, name, type, help);
    sg_buf_printf(out, "%s ", name);
    sg_buf_put_double(out, v);
    sg_buf_putc(out, '\n');
}

/* clang-format off */
#define AT(member) offsetof(struct sg_store_stats, member)
static const struct sg_metric_row store_rows[] = {
    {"streamgauge_series", NULL, "gauge", "Series in memory.", AT(series), 0},
    {"streamgauge_series_created_total", NULL, "counter", "Series that were born.", AT(births), 0},
    {"streamgauge_series_expired_total", NULL, "counter", "Series forgotten after silence.", AT(expired), 0},
    {"streamgauge_samples_total", NULL, "counter", "Samples stored.", AT(samples), 0},
    {"streamgauge_samples_late_total", NULL, "counter", "Samples stored out of order, within the window.", AT(out_of_order), 0},
    {"streamgauge_samples_rejected_total", "{reason=\"duplicate\"}", "counter", "Samples refused by the store.", AT(rejected_duplicate), 0},
    {"streamgauge_samples_rejected_total", "{reason=\"too_old\"}", NULL, NULL, AT(rejected_too_old), 0},
    {"streamgauge_samples_rejected_total", "{reason=\"future\"}", NULL, NULL, AT(rejected_future), 0},
    {"streamgauge_samples_rejected_total", "{reason=\"series_limit\"}", NULL, NULL, AT(rejected_limit), 0},
    {"streamgauge_samples_rejected_total", "{reason=\"kind\"}", NULL, NULL, AT(rejected_kind), 0},
    {"streamgauge_samples_repeated_total", NULL, "counter", "Samples equal to the one already stored; ignored.", AT(duplicates), 0},
    {"streamgauge_samples_replaced_total", NULL, "counter", "Samples without a timestamp that were followed by another within their millisecond.", AT(replaced), 0},
    {"streamgauge_stale_markers_total", NULL, "counter", "Staleness markers set after silence.", AT(stale_markers), 0},
    {"streamgauge_sealed_chunks", NULL, "gauge", "Compressed chunks in memory.", AT(chunks), 0},
    {"streamgauge_sealed_chunk_bytes", NULL, "gauge", "Their bytes.", AT(chunk_bytes), 0},
    {"streamgauge_sealed_samples", NULL, "gauge", "Their samples.", AT(sealed_samples), 0},
    {"streamgauge_store_bytes", NULL, "gauge", "Memory of series, chunks and index, labels left out.", AT(bytes), 0},
    {"streamgauge_label_bytes", NULL, "gauge", "Memory of label sets.", AT(label_bytes), 0},
    {"streamgauge_exemplars_total", NULL, "counter", "Exemplars kept, the newest of them still in memory.", AT(exemplars), 0},
    {"streamgauge_exemplars_dropped_total", NULL, "counter", "Exemplars of no series that is there, older than its last one, too long, or malformed.", AT(exemplars_dropped), 0},
    {"streamgauge_metadata_refused_total", NULL, "counter", "Descriptions of further metric names than are kept (65536).", AT(metadata_refused), 0},
};
#undef AT
#define AT(member) offsetof(struct sg_live_stats, member)
static const struct sg_metric_row live_rows[] = {
    {"streamgauge_streams", NULL, "gauge", "Distinct streams that are evaluated.", AT(streams), 0},
    {"streamgauge_stream_series", NULL, "gauge", "Series in their results.", AT(series), 0},
    {"streamgauge_evaluations_total", NULL, "counter", "Evaluations of streams.", AT(evaluations), 0},
    {"streamgauge_evaluation_seconds_total", NULL, "counter", "Time they took.", AT(eval_ns), 1e-9},
    {"streamgauge_evaluation_errors_total", NULL, "counter", "Evaluations that failed.", AT(eval_errors), 0},
    {"streamgauge_stream_ticks_missed_total", NULL, "counter", "Ticks of streams that were never evaluated.", AT(ticks_missed), 0},
    {"streamgauge_evaluation_timeouts_total", NULL, "counter", "Evaluations of streams ended because they took too long.", AT(timeouts), 0},
    {"streamgauge_streams_over_budget_total", NULL, "counter", "Streams put off because a tick's time was used up.", AT(over_budget), 0},
    {"streamgauge_nodes", NULL, "gauge", "Nodes of the expressions of streams and rules, each there once.", AT(nodes), 0},
    {"streamgauge_nodes_incremental", NULL, "gauge", "Of them, kept up to date sample by sample.", AT(nodes_incremental), 0},
    {"streamgauge_node_evaluations_total", NULL, "counter", "Nodes computed.", AT(node_evaluations), 0},
    {"streamgauge_node_shared_total", NULL, "counter", "Nodes asked for again in the same tick: nothing to compute.", AT(node_shared), 0},
    {"streamgauge_node_fallbacks_total", NULL, "counter", "Incremental nodes that had to be computed by reading.", AT(node_fallbacks), 0},
    {"streamgauge_window_bytes", NULL, "gauge", "Memory of the windows that are kept up to date.", AT(window_bytes), 0},
    {"streamgauge_window_rebuilds_total", NULL, "counter", "States of single series read anew from the store.", AT(window_rebuilds), 0},
    {"streamgauge_stream_bytes", NULL, "gauge", "Memory of expressions and intermediate results of streams and rules.", AT(graph_bytes), 0},
    {"streamgauge_stream_series_left_out", NULL, "gauge", "Series beyond the limit of their stream.", AT(series_left_out), 0},
    {"streamgauge_frames_total", NULL, "counter", "Frames published.", AT(frames), 0},
    {"streamgauge_streams_refused_total", NULL, "counter", "Streams refused by a limit or an error.", AT(refused), 0},
    {"streamgauge_last_tick_seconds", NULL, "gauge", "Evaluation time of the last base tick.", AT(last_tick_ns), 1e-9},
};
#undef AT
#define AT(member) offsetof(struct sg_engine_stats, member)
static const struct sg_metric_row engine_rows[] = {
    {"streamgauge_ticks_total", NULL, "counter", "Base ticks.", AT(ticks), 0},
    {"streamgauge_ticks_late_total", NULL, "counter", "Base ticks that began more than a tick too late.", AT(late_ticks), 0},
    {"streamgauge_batches_total", NULL, "counter", "Batches applied.", AT(batches), 0},
    {"streamgauge_points_total", NULL, "counter", "Points in them.", AT(points), 0},
    {"streamgauge_batches_refused_total", NULL, "counter", "Batches refused because the queue was full.", AT(refused_batches), 0},
    {"streamgauge_queue_bytes", NULL, "gauge", "Bytes of batches waiting when the engine last looked.", AT(queue_bytes), 0},
};
#undef AT
#define AT(member) offsetof(struct sg_udp_stats, member)
static const struct sg_metric_row udp_rows[] = {
    {"streamgauge_statsd_datagrams_total", NULL, "counter", "Datagrams received.", AT(datagrams), 0},
    {"streamgauge_statsd_bytes_total", NULL, "counter", "Their bytes.", AT(bytes), 0},
    {"streamgauge_statsd_kernel_drops_total", NULL, "counter", "Datagrams the kernel dropped before we read them.", AT(kernel_drops), 0},
    {"streamgauge_statsd_truncated_total", NULL, "counter", "Datagrams longer than 8192 bytes.", AT(truncated), 0},
    {"streamgauge_statsd_lines_rejected_total", NULL, "counter", "Lines refused.", AT(rejected), 0},
};
#undef AT
#define AT(member) offsetof(struct sg_source, member)
static const struct sg_metric_row source_rows[] = {
    {"streamgauge_input_samples_total", NULL, "counter", "Samples a parser took, by input.", AT(samples), 0},
    {"streamgauge_input_rejected_total", NULL, "counter", "Lines or samples refused, by input.", AT(rejected), 0},
    {"streamgauge_input_dropped_total", NULL, "counter", "Samples lost because the queue was full, by input.", AT(dropped), 0},
    {"streamgauge_input_bytes_total", NULL, "counter", "Bytes read, by input.", AT(bytes), 0},
    {"streamgauge_input_events_total", NULL, "counter", "DogStatsD events and service checks, by input.", AT(events), 0},
};
#undef AT
/* clang-format on */

static void print_sources(const struct sg_selfmetrics *m, struct sg_buf *out)
{
    for (size_t r = 0; r < SG_ARRAY_LEN(source_rows); r++) {
        sg_metric_family(out, source_rows[r].name, source_rows[r].type, source_rows[r].help);
        for (size_t i = 0; i < m->n_sources; i++) {
            const void *stats = m->sources[i];
            const atomic_ullong *at = (const void *)((const char *)stats + source_rows[r].offset);
            sg_buf_printf(out, "%s{input=\"%s\"} %llu\n", source_rows[r].name, m->sources[i]->name,
                          (unsigned long long)atomic_load_explicit(at, memory_order_relaxed));
        }
    }
}

static double resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return 0;
    char line[128] = "";
    if (fgets(line, sizeof(line), f)) {
        const char *second = strchr(line, ' ');
        uint64_t v = 0;
        size_t n = second ? strcspn(second + 1, " ") : 0;
        if (second && sg_u64_parse(second + 1, n, &v) == 0)
            pages = (unsigned long)v;
    }
    (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_files(void)
{
    double n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0; /* ".", ".." and the folder itself */
}

static void print_process(const struct sg_selfmetrics *m, struct sg_buf *out)
{
    struct rusage usage;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        number(out, "process_cpu_seconds_total", "counter", "User and system CPU time.",
               (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec * 1e-6 +
                   (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec * 1e-6);
    number(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
    number(out, "process_open_fds", "gauge", "Open file descriptors.", open_files());
    if (getrlimit(RLIMIT_NOFILE, &files) == 0)
        number(out, "process_max_fds", "gauge", "Most file descriptors allowed.",
               (double)files.rlim_cur);
    number(out, "process_start_time_seconds", "gauge", "Start of the process, seconds since 1970.",
           (double)m->started_ms / 1000);
    sg_metric_family(out, "streamgauge_build_info", "gauge", "Version of the server.");
    sg_buf_puts(out, "streamgauge_build_info{version=\"" SG_VERSION "\"} 1\n");
}

void sg_selfmetrics_print(const struct sg_selfmetrics *m, struct sg_buf *out)
{
    print_process(m, out);
    if (m->engine) {
        sg_metric_rows_print(out, engine_rows, SG_ARRAY_LEN(engine_rows),
                             sg_engine_get_stats(m->engine));
        sg_metric_rows_print(out, store_rows, SG_ARRAY_LEN(store_rows),
                             sg_store_get_stats(sg_engine_get_store(m->engine)));
        sg_metric_rows_print(out, live_rows, SG_ARRAY_LEN(live_rows),
                             sg_live_get_stats(sg_engine_get_live(m->engine)));
    }
    if (m->udp)
        sg_metric_rows_print(out, udp_rows, SG_ARRAY_LEN(udp_rows), sg_udp_get_stats(m->udp));
    print_sources(m, out);
}
