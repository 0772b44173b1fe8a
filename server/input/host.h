/* host.h - private to input: the collectors behind sg_host.
 *
 * A collector reads files below env->proc or env->sys and appends Prometheus text; what cannot be
 * read is left out (a kernel without pressure stall information has no such series). Names and
 * labels are node_exporter's, so its dashboards fit.
 */
#ifndef STREAMGAUGE_INPUT_HOST_H
#define STREAMGAUGE_INPUT_HOST_H

#include <stdbool.h>
#include <streamgauge/buf.h>
#include <streamgauge/str.h>

#define SG__CPU_MODES 10

/* What was said of each processor last. */
struct sg__host_cpus {
    double (*ticks)[SG__CPU_MODES]; /* by number */
    size_t n, cap;
};

struct sg__host_env {
    const char *proc, *sys; /* "/proc", "/sys" */
    struct sg_buf file;     /* content of the file being read; reused */
    struct sg_buf *out;
    int64_t now_ms;            /* of this reading */
    struct sg__host_cpus cpus; /* zero at first */
};

/* What the collectors have kept. */
void sg__host_env_deinit(struct sg__host_env *env);

typedef void sg__host_collector(struct sg__host_env *env);
sg__host_collector sg__host_stat, sg__host_load, sg__host_memory, sg__host_vmstat,
    sg__host_pressure, sg__host_disk, sg__host_filesystem, sg__host_network, sg__host_sockstat,
    sg__host_files, sg__host_uname, sg__host_time;

/* Reads root/path (at most 1 MiB) into env->file. An empty string when it cannot be read. */
struct sg_str sg__host_read(struct sg__host_env *env, const char *root, const char *path);
/* Next line of *rest, without its newline; false at the end. */
bool sg__host_line(struct sg_str *rest, struct sg_str *line);
/* Next blank-separated word of *line; empty at the end. */
struct sg_str sg__host_word(struct sg_str *line);
/* A word as a number; false when it is none. */
bool sg__host_number(struct sg_str word, double *ret);

/* "# HELP" and "# TYPE" lines. */
void sg__host_family(struct sg__host_env *env, const char *name, const char *type,
                     const char *help);
/* name{labels} value: labels as pairs of name and value, a NULL name ends them. */
struct sg__host_label {
    const char *name;
    struct sg_str value;
};
void sg__host_sample(struct sg__host_env *env, const char *name,
                     const struct sg__host_label *labels, size_t n_labels, double value);

#endif
