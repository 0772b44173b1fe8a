/* host_cpu.c - /proc/stat, /proc/loadavg, /proc/pressure, uname: processors, load, pressure stall,
 * identity. */
#include <string.h>
#include <sys/utsname.h>

#include <streamgauge/compiler.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>

#include "host.h"

/* Clock ticks of /proc/stat per second: USER_HZ, 100 on every architecture Linux still runs on. */
#define TICKS_PER_S 100.0

/* Processors beyond are left out. */
#define MAX_CPUS 8192
/* An idle time that falls by more belongs to a processor that was taken out and put in again; what
 * falls by less is the kernel's rounding: it says itself that iowait may decrease. */
#define RESET_TICKS 300

enum { IDLE = 3, GUEST = 8 };

/* In the order of the line. The last two are in user and nice already, and a family of their own.
 */
static const char *const cpu_modes[SG__CPU_MODES] = {"user", "nice",    "system", "idle", "iowait",
                                                     "irq",  "softirq", "steal",  "user", "nice"};

/* One line's times, never less than before but after a reset: a counter that falls is one that
 * starts anew, and its rate would be all that it has ever counted. NULL: no such line. */
static const double *cpu_times(struct sg__host_cpus *cpus, struct sg_str cpu, struct sg_str line,
                               size_t *ret_n)
{
    double now[SG__CPU_MODES] = {0};
    uint64_t number;
    size_t n = 0;
    if (sg_u64_parse(cpu.p, cpu.n, &number) < 0 || number >= MAX_CPUS)
        return NULL;
    while (n < SG__CPU_MODES && sg__host_number(sg__host_word(&line), &now[n]))
        n++;
    if (number >= cpus->n) {
        cpus->ticks = sg_grow(cpus->ticks, &cpus->cap, number + 1, sizeof(*cpus->ticks));
        memset(cpus->ticks + cpus->n, 0, (number + 1 - cpus->n) * sizeof(*cpus->ticks));
        cpus->n = number + 1;
    }
    double *last = cpus->ticks[number];
    bool reset = last[IDLE] - now[IDLE] >= RESET_TICKS;
    for (size_t i = 0; i < n; i++)
        last[i] = reset || now[i] > last[i] ? now[i] : last[i];
    *ret_n = n;
    return last;
}

static void cpu_family(struct sg__host_env *env, struct sg_str file, const char *metric,
                       size_t from, size_t to)
{
    struct sg_str line;
    while (sg__host_line(&file, &line)) {
        struct sg_str cpu = sg__host_word(&line);
        if (!sg_str_starts_with(cpu, SG_STR("cpu")) || cpu.n == 3) /* "cpu" alone is the sum */
            continue;
        cpu = sg_str_make(cpu.p + 3, cpu.n - 3);
        size_t n = 0;
        const double *ticks = cpu_times(&env->cpus, cpu, line, &n);
        for (size_t i = from; ticks && i < to && i < n; i++) {
            struct sg__host_label labels[] = {{"cpu", cpu}, {"mode", sg_str_from(cpu_modes[i])}};
            sg__host_sample(env, metric, labels, 2, ticks[i] / TICKS_PER_S);
        }
    }
}

static void cpu_families(struct sg__host_env *env, struct sg_str file)
{
    if (!file.n)
        return;
    sg__host_family(env, "node_cpu_seconds_total", "counter",
                    "Seconds the CPUs spent in each mode.");
    cpu_family(env, file, "node_cpu_seconds_total", 0, GUEST);
    sg__host_family(env, "node_cpu_guest_seconds_total", "counter",
                    "Seconds the CPUs spent in guests (VMs) for each mode.");
    cpu_family(env, file, "node_cpu_guest_seconds_total", GUEST, SG__CPU_MODES);
}

void sg__host_env_deinit(struct sg__host_env *env)
{
    sg_buf_deinit(&env->file);
    sg_free(env->cpus.ticks);
    env->cpus = (struct sg__host_cpus){0};
}

/* Lines of /proc/stat that are one number each. */
static const struct {
    const char *word, *metric, *type, *help;
} stat_lines[] = {
    {"ctxt", "node_context_switches_total", "counter", "Total number of context switches."},
    {"intr", "node_intr_total", "counter", "Total number of interrupts serviced."},
    {"processes", "node_forks_total", "counter", "Total number of forks."},
    {"procs_running", "node_procs_running", "gauge", "Number of processes in runnable state."},
    {"procs_blocked", "node_procs_blocked", "gauge",
     "Number of processes blocked waiting for I/O to complete."},
    {"btime", "node_boot_time_seconds", "gauge", "Node boot time, in unixtime."},
};

void sg__host_stat(struct sg__host_env *env)
{
    struct sg_str rest = sg__host_read(env, env->proc, "stat"), line;
    cpu_families(env, rest);
    while (sg__host_line(&rest, &line)) {
        struct sg_str word = sg__host_word(&line);
        for (size_t i = 0; i < SG_ARRAY_LEN(stat_lines); i++) {
            double v;
            if (!sg_str_eq_c(word, stat_lines[i].word) ||
                !sg__host_number(sg__host_word(&line), &v))
                continue;
            sg__host_family(env, stat_lines[i].metric, stat_lines[i].type, stat_lines[i].help);
            sg__host_sample(env, stat_lines[i].metric, NULL, 0, v);
        }
    }
}

void sg__host_load(struct sg__host_env *env)
{
    static const char *const names[] = {"node_load1", "node_load5", "node_load15"};
    static const char *const helps[] = {"1m load average.", "5m load average.",
                                        "15m load average."};
    struct sg_str line = sg__host_read(env, env->proc, "loadavg");
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++) {
        double v;
        if (!sg__host_number(sg__host_word(&line), &v))
            return;
        sg__host_family(env, names[i], "gauge", helps[i]);
        sg__host_sample(env, names[i], NULL, 0, v);
    }
}

/* "some avg10=0.00 … total=12345" in microseconds; "some": waiting, "full": stalled. */
static void pressure_line(struct sg__host_env *env, struct sg_str line, const char *some,
                          const char *full)
{
    const char *name = sg_str_eq_c(sg__host_word(&line), "some") ? some : full;
    for (struct sg_str word; name && (word = sg__host_word(&line)).n > 0;) {
        double us;
        if (!sg_str_starts_with(word, SG_STR("total=")) ||
            !sg__host_number(sg_str_make(word.p + 6, word.n - 6), &us))
            continue;
        sg__host_family(env, name, "counter",
                        "Total time in seconds that processes waited or stalled.");
        sg__host_sample(env, name, NULL, 0, us / 1e6);
    }
}

void sg__host_pressure(struct sg__host_env *env)
{
    static const struct {
        const char *path, *some, *full;
    } files[] = {
        {"pressure/cpu", "node_pressure_cpu_waiting_seconds_total", NULL},
        {"pressure/io", "node_pressure_io_waiting_seconds_total",
         "node_pressure_io_stalled_seconds_total"},
        {"pressure/memory", "node_pressure_memory_waiting_seconds_total",
         "node_pressure_memory_stalled_seconds_total"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(files); i++) {
        struct sg_str rest = sg__host_read(env, env->proc, files[i].path), line;
        while (sg__host_line(&rest, &line))
            pressure_line(env, line, files[i].some, files[i].full);
    }
}

void sg__host_uname(struct sg__host_env *env)
{
    struct utsname u;
    if (uname(&u) != 0)
        return;
    struct sg__host_label labels[] = {
        {"domainname", sg_str_from(u.domainname)}, {"machine", sg_str_from(u.machine)},
        {"nodename", sg_str_from(u.nodename)},     {"release", sg_str_from(u.release)},
        {"sysname", sg_str_from(u.sysname)},       {"version", sg_str_from(u.version)},
    };
    sg__host_family(env, "node_uname_info", "gauge",
                    "Labeled system information as provided by the uname system call.");
    sg__host_sample(env, "node_uname_info", labels, SG_ARRAY_LEN(labels), 1);
}

void sg__host_time(struct sg__host_env *env)
{
    sg__host_family(env, "node_time_seconds", "gauge",
                    "System time in seconds since epoch (1970).");
    sg__host_sample(env, "node_time_seconds", NULL, 0, (double)env->now_ms / 1000);
}
