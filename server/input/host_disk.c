/* host_disk.c - /proc/diskstats and mounted file systems. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include <streamgauge/compiler.h>

#include "host.h"

/* The columns of /proc/diskstats after the device name (Documentation/admin-guide/iostats.rst). */
static const struct {
    const char *metric, *type, *help;
    double scale; /* sectors to bytes, milliseconds to seconds */
} disk_columns[] = {
    {"node_disk_reads_completed_total", "counter",
     "The total number of reads completed successfully.", 1},
    {"node_disk_reads_merged_total", "counter", "The total number of reads merged.", 1},
    {"node_disk_read_bytes_total", "counter", "The total number of bytes read successfully.", 512},
    {"node_disk_read_time_seconds_total", "counter",
     "The total number of seconds spent by all reads.", 1e-3},
    {"node_disk_writes_completed_total", "counter",
     "The total number of writes completed successfully.", 1},
    {"node_disk_writes_merged_total", "counter", "The number of writes merged.", 1},
    {"node_disk_written_bytes_total", "counter", "The total number of bytes written successfully.",
     512},
    {"node_disk_write_time_seconds_total", "counter",
     "The total number of seconds spent by all writes.", 1e-3},
    {"node_disk_io_now", "gauge", "The number of I/Os currently in progress.", 1},
    {"node_disk_io_time_seconds_total", "counter", "Total seconds spent doing I/Os.", 1e-3},
    {"node_disk_io_time_weighted_seconds_total", "counter",
     "The weighted number of seconds spent doing I/Os.", 1e-3},
    {"node_disk_discards_completed_total", "counter",
     "The total number of discards completed successfully.", 1},
    {"node_disk_discards_merged_total", "counter", "The total number of discards merged.", 1},
    {"node_disk_discarded_sectors_total", "counter",
     "The total number of sectors discarded successfully.", 1},
    {"node_disk_discard_time_seconds_total", "counter",
     "The total number of seconds spent by all discards.", 1e-3},
    {"node_disk_flush_requests_total", "counter",
     "The total number of flush requests completed successfully.", 1},
    {"node_disk_flush_requests_time_seconds_total", "counter",
     "The total number of seconds spent by all flush requests.", 1e-3},
};

/* node_exporter's default: ram, zram, loop and floppy devices, and partitions, are left out. */
static bool is_whole_disk(struct sg_str name)
{
    static const char *const none[] = {"ram", "zram", "loop", "fd"};
    for (size_t i = 0; i < SG_ARRAY_LEN(none); i++)
        if (sg_str_starts_with(name, sg_str_from(none[i])))
            return false;
    if (!isdigit((unsigned char)name.p[name.n - 1]))
        return true;
    size_t n = name.n;
    while (n > 0 && isdigit((unsigned char)name.p[n - 1]))
        n--;
    if (sg_str_starts_with(name, SG_STR("nvme")) || sg_str_starts_with(name, SG_STR("mmcblk")))
        return n == 0 || name.p[n - 1] != 'p';
    /* sda1, hdb2, vda1, xvda1: one letter after "sd", "hd", "vd", "xvd" */
    static const char *const kinds[] = {"sd", "hd", "vd", "xvd"};
    for (size_t i = 0; i < SG_ARRAY_LEN(kinds); i++)
        if (sg_str_starts_with(name, sg_str_from(kinds[i])))
            return false;
    return true;
}

void sg__host_disk(struct sg__host_env *env)
{
    for (size_t column = 0; column < SG_ARRAY_LEN(disk_columns); column++) {
        /* One family at a time, as the text format wants; the file is small and stays in env->file.
         */
        struct sg_str rest =
            column ? sg_buf_str(&env->file) : sg__host_read(env, env->proc, "diskstats");
        struct sg_str line;
        bool described = false;
        while (sg__host_line(&rest, &line)) {
            (void)sg__host_word(&line);
            (void)sg__host_word(&line);
            struct sg_str device = sg__host_word(&line);
            double v = 0;
            bool there = device.n > 0 && is_whole_disk(device);
            for (size_t i = 0; there && i <= column; i++)
                there = sg__host_number(sg__host_word(&line), &v);
            if (!there)
                continue;
            if (!described)
                sg__host_family(env, disk_columns[column].metric, disk_columns[column].type,
                                disk_columns[column].help);
            described = true;
            struct sg__host_label label = {"device", device};
            sg__host_sample(env, disk_columns[column].metric, &label, 1,
                            v * disk_columns[column].scale);
        }
    }
}

static bool has_prefix_dir(struct sg_str path, const char *dir)
{
    size_t n = strlen(dir);
    return path.n >= n && memcmp(path.p, dir, n) == 0 && (path.n == n || path.p[n] == '/');
}

/* node_exporter's default exclusions, but the root always counts: in a container it is an overlay.
 */
static bool mount_wanted(struct sg_str where, struct sg_str type)
{
    static const char *const dirs[] = {"/dev",
                                       "/proc",
                                       "/sys",
                                       "/run/credentials",
                                       "/var/lib/docker",
                                       "/var/lib/containers/storage"};
    static const char *const types[] = {
        "autofs",   "binfmt_misc", "bpf",     "cgroup",    "cgroup2",    "configfs",   "debugfs",
        "devpts",   "devtmpfs",    "fusectl", "hugetlbfs", "iso9660",    "mqueue",     "nsfs",
        "overlay",  "proc",        "procfs",  "pstore",    "rpc_pipefs", "securityfs", "selinuxfs",
        "squashfs", "erofs",       "sysfs",   "tracefs",
    };
    if (sg_str_eq_c(where, "/"))
        return true;
    for (size_t i = 0; i < SG_ARRAY_LEN(dirs); i++)
        if (has_prefix_dir(where, dirs[i]))
            return false;
    for (size_t i = 0; i < SG_ARRAY_LEN(types); i++)
        if (sg_str_eq_c(type, types[i]))
            return false;
    return true;
}

/* /proc/self/mounts writes blanks as \040 and the like. In place; returns the new length. */
static size_t unescape_octal(char *p, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\' && n - i > 3) {
            p[to++] = (char)(((p[i + 1] - '0') << 6) | ((p[i + 2] - '0') << 3) | (p[i + 3] - '0'));
            i += 3;
        } else {
            p[to++] = p[i];
        }
    }
    return to;
}

struct mount {
    struct sg__host_label labels[3]; /* device, fstype, mountpoint */
    double values[6];                /* as fs_metrics */
};

static const struct {
    const char *metric, *help;
} fs_metrics[] = {
    {"node_filesystem_size_bytes", "Filesystem size in bytes."},
    {"node_filesystem_free_bytes", "Filesystem free space in bytes."},
    {"node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes."},
    {"node_filesystem_files", "Filesystem total file nodes."},
    {"node_filesystem_files_free", "Filesystem total free file nodes."},
    {"node_filesystem_readonly", "Filesystem read-only status."},
};

#define MAX_MOUNTS 256

static bool read_mount(struct sg_str line, struct mount *m)
{
    char path[512];
    struct sg_str device = sg__host_word(&line), where = sg__host_word(&line);
    struct sg_str type = sg__host_word(&line);
    char *where_text = (char *)(uintptr_t)where.p; /* env->file is ours to change */
    where.n = unescape_octal(where_text, where.n);
    if (type.n == 0 || !mount_wanted(where, type) || where.n >= sizeof(path))
        return false;
    memcpy(path, where.p, where.n);
    path[where.n] = '\0';
    struct statvfs s;
    if (statvfs(path, &s) != 0 || s.f_blocks == 0)
        return false;
    double block = (double)s.f_frsize;
    *m = (struct mount){
        {{"device", device}, {"fstype", type}, {"mountpoint", where}},
        {(double)s.f_blocks * block, (double)s.f_bfree * block, (double)s.f_bavail * block,
         (double)s.f_files, (double)s.f_ffree, (s.f_flag & ST_RDONLY) ? 1 : 0},
    };
    return true;
}

static bool same_mount(const struct mount *a, const struct mount *b)
{
    return sg_str_eq(a->labels[2].value, b->labels[2].value);
}

void sg__host_filesystem(struct sg__host_env *env)
{
    struct mount mounts[MAX_MOUNTS];
    size_t n = 0;
    struct sg_str rest = sg__host_read(env, env->proc, "self/mounts"), line;
    while (n < MAX_MOUNTS && sg__host_line(&rest, &line)) {
        if (!read_mount(line, &mounts[n]))
            continue;
        /* A later mount on the same point hides the earlier one. */
        size_t i = 0;
        while (i < n && !same_mount(&mounts[i], &mounts[n]))
            i++;
        mounts[i] = mounts[n];
        n += i == n;
    }
    for (size_t k = 0; n && k < SG_ARRAY_LEN(fs_metrics); k++) {
        sg__host_family(env, fs_metrics[k].metric, "gauge", fs_metrics[k].help);
        for (size_t i = 0; i < n; i++)
            sg__host_sample(env, fs_metrics[k].metric, mounts[i].labels, 3, mounts[i].values[k]);
    }
}
