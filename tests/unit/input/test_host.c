/* Host metrics from a small /proc and /sys kept in tests/data/host: names, labels, units and
 * exclusions are node_exporter's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/input.h>
#include <streamgauge/mem.h>
#include <streamgauge/time.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "input/host.h"

static char *collect(sg__host_collector *collector)
{
    struct sg_buf out;
    struct sg__host_env env = {
        .proc = SG_TEST_DATA "/host/proc", .sys = SG_TEST_DATA "/host/sys", .out = &out};
    sg_buf_init(&out, 1 << 20);
    sg_buf_init(&env.file, 1 << 20);
    collector(&env);
    sg__host_env_deinit(&env);
    sg_buf_putc(&out, '\0');
    return sg_buf_steal(&out, NULL);
}

/* Each line of `lines` must be a whole line of what the collector writes. */
static void assert_has(sg__host_collector *collector, const char *const *lines)
{
    char *text = collect(collector);
    for (; *lines; lines++) {
        char wanted[256];
        snprintf(wanted, sizeof(wanted), "\n%s\n", *lines);
        if (!strstr(text, wanted))
            fail_msg("missing: %s\nin:\n%s", *lines, text);
    }
    sg_free(text);
}

static void assert_has_not(sg__host_collector *collector, const char *part)
{
    char *text = collect(collector);
    if (strstr(text, part))
        fail_msg("should not hold: %s\nin:\n%s", part, text);
    sg_free(text);
}

static void test_host__cpu_times_are_seconds_per_mode(void **state)
{
    (void)state;
    static const char *const lines[] = {"node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1",
                                        "node_cpu_seconds_total{cpu=\"1\",mode=\"idle\"} 5",
                                        "node_cpu_seconds_total{cpu=\"0\",mode=\"steal\"} 0.03",
                                        "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"user\"} 0",
                                        "node_context_switches_total 987654",
                                        "node_intr_total 123456",
                                        "node_boot_time_seconds 1764000000",
                                        "node_procs_blocked 1",
                                        NULL};
    assert_has(sg__host_stat, lines);
    assert_has_not(sg__host_stat, "cpu=\"\"");
}

/* What is said of processor 0 when /proc/stat reads like this, after what was said before. */
static void assert_cpu0(struct sg__host_env *env, const char *stat, const char *const *lines)
{
    char path[300];
    struct sg_buf out;
    snprintf(path, sizeof(path), "%s/stat", env->proc);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(stat, f);
    fclose(f);
    sg_buf_init(&out, 1 << 20);
    env->out = &out;
    sg__host_stat(env);
    for (; *lines; lines++)
        if (!strstr(sg_buf_cstr(&out), *lines))
            fail_msg("missing: %s\nin:\n%s", *lines, sg_buf_cstr(&out));
    sg_buf_deinit(&out);
}

static void test_host__cpu_counters_do_not_fall(void **state)
{
    (void)state;
    char folder[] = "/tmp/sg-host-XXXXXX", path[300];
    assert_non_null(mkdtemp(folder));
    struct sg__host_env env = {.proc = folder, .sys = folder};
    sg_buf_init(&env.file, 1 << 20);
    static const char *const before[] = {
        "mode=\"iowait\"} 0.5\n", "mode=\"idle\"} 10\n",
        "node_cpu_guest_seconds_total{cpu=\"0\",mode=\"nice\"} 4\n", NULL};
    assert_cpu0(&env, "cpu0 100 1 80 1000 50 2 5 3 300 400\n", before);
    static const char *const kept[] = {"mode=\"iowait\"} 0.5\n", "mode=\"idle\"} 10\n",
                                       "mode=\"user\"} 1.01\n", NULL};
    assert_cpu0(&env, "cpu0 101 1 80 999 49 2 5 3 300 400\n", kept);
    /* Out and in again: the counters start anew, all of them. */
    static const char *const anew[] = {"mode=\"iowait\"} 0.01\n", "mode=\"idle\"} 0.02\n",
                                       "mode=\"user\"} 0.03\n", NULL};
    assert_cpu0(&env, "cpu0 3 1 80 2 1 2 5 3 0 0\n", anew);
    sg__host_env_deinit(&env);
    snprintf(path, sizeof(path), "%s/stat", folder);
    assert_int_equal(unlink(path) | rmdir(folder), 0);
}

static void test_host__memory_is_bytes_and_names_are_mapped(void **state)
{
    (void)state;
    static const char *const lines[] = {"node_memory_MemTotal_bytes 16777216",
                                        "node_memory_Active_anon_bytes 1048576",
                                        "node_memory_HugePages_Total 3", NULL};
    assert_has(sg__host_memory, lines);
}

static void test_host__disks_are_whole_devices_only(void **state)
{
    (void)state;
    static const char *const lines[] = {"node_disk_read_bytes_total{device=\"sda\"} 1048576",
                                        "node_disk_io_time_seconds_total{device=\"sda\"} 0.75",
                                        "node_disk_flush_requests_total{device=\"sda\"} 7",
                                        "node_disk_reads_completed_total{device=\"nvme0n1\"} 1",
                                        NULL};
    assert_has(sg__host_disk, lines);
    assert_has_not(sg__host_disk, "sda1");
    assert_has_not(sg__host_disk, "nvme0n1p1");
    assert_has_not(sg__host_disk, "loop0");
    /* An older kernel has fewer columns; nothing is made up for them. */
    assert_has_not(sg__host_disk, "node_disk_flush_requests_total{device=\"nvme0n1\"}");
}

static void test_host__file_systems_leave_out_the_pseudo_ones(void **state)
{
    (void)state;
    assert_has_not(sg__host_filesystem, "/proc");
    assert_has_not(sg__host_filesystem, "/dev/shm");
    char *text = collect(sg__host_filesystem);
    assert_non_null(strstr(
        text,
        "node_filesystem_size_bytes{device=\"/dev/root\",fstype=\"ext4\",mountpoint=\"/\"} "));
    sg_free(text);
}

static void test_host__network_has_all_columns(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "node_network_receive_bytes_total{device=\"eth0\"} 1000",
        "node_network_receive_multicast_total{device=\"eth0\"} 6",
        "node_network_transmit_compressed_total{device=\"eth0\"} 12",
        "node_network_transmit_bytes_total{device=\"lo\"} 5",
        "node_network_up{device=\"eth0\"} 1",
        "node_network_mtu_bytes{device=\"eth0\"} 1500",
        "node_network_speed_bytes{device=\"eth0\"} 125000000",
        NULL};
    assert_has(sg__host_network, lines);
}

static void test_host__load_pressure_files_and_sockets(void **state)
{
    (void)state;
    static const char *const load[] = {"node_load1 0.5", "node_load15 2", NULL};
    static const char *const pressure[] = {"node_pressure_memory_waiting_seconds_total 2.5",
                                           "node_pressure_memory_stalled_seconds_total 1", NULL};
    static const char *const files[] = {"node_filefd_allocated 1024", NULL};
    static const char *const sockets[] = {"node_sockstat_TCP_inuse 5",
                                          "node_sockstat_sockets_used 55", NULL};
    static const char *const vmstat[] = {"node_vmstat_pgfault 20", NULL};
    assert_has(sg__host_load, load);
    assert_has(sg__host_pressure, pressure);
    assert_has(sg__host_files, files);
    assert_has(sg__host_sockstat, sockets);
    assert_has(sg__host_vmstat, vmstat);
    assert_has_not(sg__host_pressure, "node_pressure_io"); /* no such file: no such series */
}

/* ---- the thread: everything it writes is accepted by the parser, and arrives as batches ---- */

struct sink {
    atomic_ullong points, batches;
};

static int submit(void *ctx, struct sg_batch *batch)
{
    struct sink *s = ctx;
    atomic_fetch_add(&s->points, batch->n_points);
    atomic_fetch_add(&s->batches, 1);
    sg_batch_free(batch);
    return 0;
}

/* What a reading thread uses. Static in each test: one that hangs is left behind with it. */
struct under {
    struct sink sink;
    struct sg_source source;
    struct sg_ingest_gate gate;
};

static struct sg_host *begin(struct under *u, const char *proc, const char *sys,
                             int64_t interval_ms)
{
    u->source.name = "host";
    struct sg_host_config config = {
        .proc = proc,
        .sys = sys,
        .interval_ms = interval_ms,
        .batcher = {.submit = submit, .ctx = &u->sink, .source = &u->source, .gate = &u->gate}};
    struct sg_host *host;
    assert_int_equal(sg_host_start(&config, &host, NULL), 0);
    return host;
}

static void test_host__the_thread_reads_at_once_and_stops(void **state)
{
    (void)state;
    static struct under u;
    struct sg_host *host = begin(&u, SG_TEST_DATA "/host/proc", SG_TEST_DATA "/host/sys", 3600000);
    while (atomic_load(&u.source.samples) < 50)
        ;
    sg_host_stop(host);
    assert_true(atomic_load(&u.sink.points) >= 50);
    assert_int_equal(atomic_load(&u.source.rejected), 0);
}

/* As a network mount whose server is gone: whoever looks at it waits, with all that it uses. */
static void test_host__what_hangs_does_not_keep_the_process(void **state)
{
    (void)state;
    static char folder[] = "/tmp/sg-host-XXXXXX";
    char path[300];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/stat", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    static struct under u;
    struct sg_host *host = begin(&u, folder, folder, 3600000);
    sg_host_stop(host); /* returns */
    assert_int_equal(atomic_load(&u.sink.points), 0);
    assert_int_equal(unlink(path) | rmdir(folder), 0);
}

/* A mount that hangs takes nothing but the file systems with it. */
static void test_host__a_mount_that_hangs_leaves_the_rest(void **state)
{
    (void)state;
    static char folder[] = "/tmp/sg-host-XXXXXX";
    char self[300], file[310];
    assert_non_null(mkdtemp(folder));
    snprintf(self, sizeof(self), "%s/self", folder);
    snprintf(file, sizeof(file), "%s/mounts", self);
    assert_int_equal(mkdir(self, 0700) | mkfifo(file, 0600), 0);
    static struct under u;
    struct sg_host *host = begin(&u, folder, folder, 100);
    while (atomic_load(&u.source.samples) < 6) /* uname and the time, three times */
        usleep(1000);
    sg_host_stop(host);
    assert_int_equal(unlink(file) | rmdir(self) | rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host__cpu_times_are_seconds_per_mode),
        cmocka_unit_test(test_host__cpu_counters_do_not_fall),
        cmocka_unit_test(test_host__memory_is_bytes_and_names_are_mapped),
        cmocka_unit_test(test_host__disks_are_whole_devices_only),
        cmocka_unit_test(test_host__file_systems_leave_out_the_pseudo_ones),
        cmocka_unit_test(test_host__network_has_all_columns),
        cmocka_unit_test(test_host__load_pressure_files_and_sockets),
        cmocka_unit_test(test_host__the_thread_reads_at_once_and_stops),
        cmocka_unit_test(test_host__what_hangs_does_not_keep_the_process),
        cmocka_unit_test(test_host__a_mount_that_hangs_leaves_the_rest),
    };
    return cmocka_run_group_tests_name("input/host", tests, NULL, NULL);
}
