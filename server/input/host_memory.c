/* host_memory.c - /proc/meminfo, /proc/vmstat, /proc/sys/fs/file-nr, /proc/net/sockstat: memory,
 * files, sockets. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/compiler.h>

#include "host.h"

/* "Active(anon)" → "Active_anon", as node_exporter names it. */
static void meminfo_name(struct sg_str key, const char *suffix, char *dst, size_t size)
{
    size_t n = (size_t)snprintf(dst, size, "node_memory_");
    for (size_t i = 0; i < key.n && n + 8 < size; i++) {
        if (key.p[i] == '(')
            dst[n++] = '_';
        else if (key.p[i] != ')' && key.p[i] != ':')
            dst[n++] = key.p[i];
    }
    snprintf(dst + n, size - n, "%s", suffix);
}

void sg__host_memory(struct sg__host_env *env)
{
    struct sg_str rest = sg__host_read(env, env->proc, "meminfo"), line;
    while (sg__host_line(&rest, &line)) {
        char name[128];
        double v;
        struct sg_str key = sg__host_word(&line);
        if (!sg__host_number(sg__host_word(&line), &v))
            continue;
        bool kilo = sg_str_eq_c(sg__host_word(&line), "kB");
        meminfo_name(key, kilo ? "_bytes" : "", name, sizeof(name));
        sg__host_family(env, name, "gauge", "Memory information field.");
        sg__host_sample(env, name, NULL, 0, kilo ? v * 1024 : v);
    }
}

void sg__host_vmstat(struct sg__host_env *env)
{
    static const char *const wanted[] = {"pgpgin",  "pgpgout",    "pswpin",  "pswpout",
                                         "pgfault", "pgmajfault", "oom_kill"};
    struct sg_str rest = sg__host_read(env, env->proc, "vmstat"), line;
    while (sg__host_line(&rest, &line)) {
        struct sg_str key = sg__host_word(&line);
        for (size_t i = 0; i < SG_ARRAY_LEN(wanted); i++) {
            char name[64];
            double v;
            if (!sg_str_eq_c(key, wanted[i]) || !sg__host_number(sg__host_word(&line), &v))
                continue;
            snprintf(name, sizeof(name), "node_vmstat_%s", wanted[i]);
            sg__host_family(env, name, "untyped", "/proc/vmstat information field.");
            sg__host_sample(env, name, NULL, 0, v);
        }
    }
}

void sg__host_files(struct sg__host_env *env)
{
    double allocated, maximum;
    struct sg_str line = sg_str_trim(sg__host_read(env, env->proc, "sys/fs/file-nr"));
    struct sg_str rest = line;
    line = sg_str_split(&rest, '\n');
    if (!sg__host_number(sg__host_word(&line), &allocated))
        return;
    (void)sg__host_word(&line);
    if (!sg__host_number(sg__host_word(&line), &maximum))
        return;
    sg__host_family(env, "node_filefd_allocated", "gauge",
                    "File descriptor statistics: allocated.");
    sg__host_sample(env, "node_filefd_allocated", NULL, 0, allocated);
    sg__host_family(env, "node_filefd_maximum", "gauge", "File descriptor statistics: maximum.");
    sg__host_sample(env, "node_filefd_maximum", NULL, 0, maximum);
}

/* "TCP: inuse 5 orphan 0 …" → node_sockstat_TCP_inuse. */
void sg__host_sockstat(struct sg__host_env *env)
{
    struct sg_str rest = sg__host_read(env, env->proc, "net/sockstat"), line;
    while (sg__host_line(&rest, &line)) {
        struct sg_str protocol = sg__host_word(&line), key;
        if (protocol.n < 2 || protocol.p[protocol.n - 1] != ':')
            continue;
        while ((key = sg__host_word(&line)).n > 0) {
            char name[96];
            double v;
            if (!sg__host_number(sg__host_word(&line), &v))
                break;
            snprintf(name, sizeof(name), "node_sockstat_%.*s_%.*s", (int)protocol.n - 1, protocol.p,
                     SG_STR_ARG(key));
            sg__host_family(env, name, "gauge", "Number of sockets in this state.");
            sg__host_sample(env, name, NULL, 0, v);
        }
    }
}
