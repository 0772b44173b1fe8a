/* host_network.c - /proc/net/dev and /sys/class/net: interfaces. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/compiler.h>

#include "host.h"

/* The sixteen columns of /proc/net/dev. */
static const char *const columns[] = {
    "receive_bytes",  "receive_packets",  "receive_errs",       "receive_drop",
    "receive_fifo",   "receive_frame",    "receive_compressed", "receive_multicast",
    "transmit_bytes", "transmit_packets", "transmit_errs",      "transmit_drop",
    "transmit_fifo",  "transmit_colls",   "transmit_carrier",   "transmit_compressed",
};

#define MAX_INTERFACES 256

/* Splits "  eth0: 1 2 …" at the colon; a name may hold one (alias), so at the last. */
static bool split_interface(struct sg_str line, struct sg_str *name, struct sg_str *rest)
{
    const char *colon = memrchr(line.p, ':', line.n);
    if (!colon)
        return false;
    *name = sg_str_trim(sg_str_make(line.p, (size_t)(colon - line.p)));
    *rest = sg_str_make(colon + 1, line.n - (size_t)(colon + 1 - line.p));
    return name->n > 0;
}

static void column_samples(struct sg__host_env *env, struct sg_str file, size_t column)
{
    char metric[64];
    struct sg_str line, name, rest;
    snprintf(metric, sizeof(metric), "node_network_%s_total", columns[column]);
    sg__host_family(env, metric, "counter", "Network device statistic.");
    while (sg__host_line(&file, &line)) {
        double v = 0;
        if (!split_interface(line, &name, &rest))
            continue;
        bool there = true;
        for (size_t i = 0; there && i <= column; i++)
            there = sg__host_number(sg__host_word(&rest), &v);
        struct sg__host_label label = {"device", name};
        if (there)
            sg__host_sample(env, metric, &label, 1, v);
    }
}

/* One file of each interface below /sys/class/net; reading them reuses env->file, so names are
 * copied first. */
static void interface_files(struct sg__host_env *env, char (*names)[32], size_t n)
{
    static const struct {
        const char *file, *metric, *help;
        double scale;
    } files[] = {
        {"operstate", "node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", 0},
        {"mtu", "node_network_mtu_bytes", "Network device property: mtu.", 1},
        {"speed", "node_network_speed_bytes", "Network device property: speed.",
         125000}, /* Mbit/s */
    };
    for (size_t k = 0; k < SG_ARRAY_LEN(files); k++) {
        sg__host_family(env, files[k].metric, "gauge", files[k].help);
        for (size_t i = 0; i < n; i++) {
            char path[96];
            snprintf(path, sizeof(path), "class/net/%.31s/%s", names[i], files[k].file);
            struct sg_str text = sg__host_read(env, env->sys, path), word;
            struct sg__host_label label = {"device", sg_str_from(names[i])};
            double v;
            word = sg_str_split(&text, '\n');
            if (k == 0 && word.n)
                sg__host_sample(env, files[k].metric, &label, 1, sg_str_eq_c(word, "up"));
            else if (k > 0 && sg__host_number(word, &v) && v >= 0)
                sg__host_sample(env, files[k].metric, &label, 1, v * files[k].scale);
        }
    }
}

void sg__host_network(struct sg__host_env *env)
{
    char names[MAX_INTERFACES][32];
    size_t n = 0;
    struct sg_str file = sg__host_read(env, env->proc, "net/dev"), rest = file, line, name, values;
    for (size_t column = 0; file.n && column < SG_ARRAY_LEN(columns); column++)
        column_samples(env, file, column);
    while (n < MAX_INTERFACES && sg__host_line(&rest, &line)) {
        if (split_interface(line, &name, &values) && name.n < sizeof(names[0]) &&
            !memchr(name.p, '/', name.n)) {
            memcpy(names[n], name.p, name.n);
            names[n++][name.n] = '\0';
        }
    }
    interface_files(env, names, n);
}
