/* zone.c - RFC 8536 files: transition times and the offsets that begin at them. */
#include "zone.h"

#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#define MAX_ZONES 1000
#define MAX_FILE (64u << 10)
#define MAX_NAME 64
#define HEADER 44

struct zone {
    char name[MAX_NAME];
    int64_t *from; /* seconds since 1970, ascending */
    int32_t *offset;
    size_t n;
    int32_t first; /* before them; when n is 0, always */
    bool known;
};

struct sg_zones {
    const char *folder;
    struct zone *zones;
    size_t n, cap;
};

struct sg_zones *sg_zones_new(const char *folder)
{
    struct sg_zones *z = sg_calloc(1, sizeof(*z));
    z->folder = folder ? folder : "/usr/share/zoneinfo";
    return z;
}

void sg_zones_free(struct sg_zones *z)
{
    if (!z)
        return;
    for (size_t i = 0; i < z->n; i++) {
        sg_free(z->zones[i].from);
        sg_free(z->zones[i].offset);
    }
    sg_free(z->zones);
    sg_free(z);
}

static int64_t number(const unsigned char *p, size_t bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

struct counts {
    size_t utc, std, leap, times, types, chars;
};

static bool read_counts(const unsigned char *p, size_t n, struct counts *c)
{
    size_t *const at[] = {&c->utc, &c->std, &c->leap, &c->times, &c->types, &c->chars};
    if (n < HEADER || memcmp(p, "TZif", 4) != 0)
        return false;
    for (size_t i = 0; i < 6; i++) {
        *at[i] = (size_t)number(p + 20 + 4 * i, 4);
        if (*at[i] > MAX_FILE)
            return false;
    }
    return c->types > 0;
}

static size_t block_bytes(const struct counts *c, size_t time_bytes)
{
    return c->times * (time_bytes + 1) + c->types * 6 + c->chars + c->leap * (time_bytes + 4) +
           c->std + c->utc;
}

/* The second block has times of 64 bits; version 1 files have only the first. */
static void parse(struct zone *z, const unsigned char *p, size_t n)
{
    struct counts c;
    size_t time_bytes = 4;
    if (!read_counts(p, n, &c))
        return;
    if (p[4] >= '2') {
        size_t skip = HEADER + block_bytes(&c, 4);
        if (skip > n || !read_counts(p + skip, n - skip, &c))
            return;
        p += skip;
        n -= skip;
        time_bytes = 8;
    }
    if (HEADER + block_bytes(&c, time_bytes) > n)
        return;
    const unsigned char *times = p + HEADER, *index = times + c.times * time_bytes;
    const unsigned char *types = index + c.times;
    z->from = sg_calloc(c.times + 1, sizeof(*z->from));
    z->offset = sg_calloc(c.times + 1, sizeof(*z->offset));
    for (size_t i = 0; i < c.times; i++) {
        if (index[i] >= c.types)
            return;
        z->from[i] = number(times + i * time_bytes, time_bytes);
        z->offset[i] = (int32_t)number(types + 6 * (size_t)index[i], 4);
    }
    z->first = (int32_t)number(types, 4);
    z->n = c.times;
    z->known = true;
}

static bool good_name(struct sg_str name)
{
    if (name.n == 0 || name.n >= MAX_NAME || name.p[0] == '/')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char ch = name.p[i];
        bool letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (!letter && !(ch >= '0' && ch <= '9') && !strchr("/_+-", ch))
            return false;
    }
    return true;
}

static void load(const struct sg_zones *all, struct zone *z)
{
    char path[4096];
    if (strcmp(z->name, "Local") == 0)
        snprintf(path, sizeof(path), "/etc/localtime");
    else
        snprintf(path, sizeof(path), "%s/%s", all->folder, z->name);
    FILE *f = fopen(path, "rbe");
    if (!f) /* a machine without /etc/localtime runs on UTC */
        z->known = strcmp(z->name, "Local") == 0;
    if (!f)
        return;
    unsigned char *text = sg_alloc(MAX_FILE);
    parse(z, text, fread(text, 1, MAX_FILE, f));
    sg_free(text);
    (void)fclose(f);
}

/* Unknown ones are not kept: names may come from labels, and must not use up the room. */
static int find(struct sg_zones *all, struct sg_str name, const struct zone **ret)
{
    for (size_t i = 0; i < all->n; i++) {
        *ret = &all->zones[i];
        if (sg_str_eq_c(name, (*ret)->name))
            return 0;
    }
    if (all->n == MAX_ZONES)
        return SG_ELIMIT;
    all->zones = sg_grow(all->zones, &all->cap, all->n + 1, sizeof(*all->zones));
    struct zone *z = &all->zones[all->n];
    *z = (struct zone){0};
    memcpy(z->name, name.p, name.n);
    load(all, z);
    if (!z->known) {
        sg_free(z->from);
        sg_free(z->offset);
        return SG_ENOTFOUND;
    }
    all->n++;
    *ret = z;
    return 0;
}

int sg_zones_offset(struct sg_zones *all, struct sg_str name, int64_t wall_ms, int32_t *ret_s)
{
    if (!good_name(name))
        return SG_ENOTFOUND;
    const struct zone *z = NULL;
    int rc = find(all, name, &z);
    if (rc < 0)
        return rc;
    int64_t s = wall_ms / 1000 - (wall_ms % 1000 < 0);
    size_t lo = 0, hi = z->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (z->from[mid] <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_s = lo ? z->offset[lo - 1] : z->first;
    return 0;
}
