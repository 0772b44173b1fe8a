/* host_cpu.c - /proc/stat, /proc/loadavg, /proc/pressure, uname: processors, load, pressure stall,
 * identity. */
#include <string.h>
#include <sys/utsname.h>

#include <streamgauge/compiler.h>

#include "host.h"

/* Clock ticks of /proc/stat per second: USER_HZ, 100 on every architecture Linux still runs on. */
#define TICKS_PER_S 100.0

static const char *const cpu_modes[] = {"user",   "nice", "system",  "idle",
                                        "iowait", "irq",  "softirq", "steal"};

static void cpu_line(struct sg__host_env *env, struct sg_str cpu, struct sg_str line)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(cpu_modes); i++) {
        double ticks;
        struct sg__host_label labels[] = {{"cpu", cpu}, {"mode", sg_str_from(cpu_modes[i])}};
        if (!sg__host_number(sg__host_word(&line), &ticks))
            return;
        sg__host_sample(env, "node_cpu_seconds_total", labels, 2, ticks / TICKS_PER_S);
    }
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
    if (rest.n)
        sg__host_family(env, "node_cpu_seconds_total", "counter",
                        "Seconds the CPUs spent in each mode.");
    while (sg__host_line(&rest, &line)) {
        struct sg_str word = sg__host_word(&line);
        if (sg_str_starts_with(word, SG_STR("cpu"))) {
            if (word.n > 3) /* "cpu" alone is the sum */
                cpu_line(env, sg_str_make(word.p + 3, word.n - 3), line);
            continue;
        }
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
