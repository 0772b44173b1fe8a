/* dispatch_log.c - the notification log: which episodes each integration of a group was told are
 * firing. What is in it and fires needs no telling, what is in it and does not fire any more has to
 * be told as resolved, what is not in it and resolved never mattered. An alert that ended and began
 * again in between is told as firing anew; one that did so and ended, as the end of what was told.
 */
#include "alerting_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>

#define MAX_TARGETS 64

struct sg__log *sg__log_find(const struct sg_alerting *a, struct sg_str key)
{
    struct sg_hashlink *node = sg_hashtab_first(&a->by_log, sg_hash64(key.p, key.n));
    for (; node; node = sg_hashtab_next(node))
        if (sg_str_eq(((struct sg__log *)node)->key, key))
            return (struct sg__log *)node;
    return NULL;
}

struct sg__log *sg__log_make(struct sg_alerting *a, struct sg_str key)
{
    struct sg__log *log = sg__log_find(a, key);
    if (log)
        return log;
    log = sg_calloc(1, sizeof(*log));
    log->key = sg__str_own(key);
    sg_hashtab_add(&a->by_log, &log->node, sg_hash64(key.p, key.n));
    log->index = (uint32_t)a->n_logs;
    SG__PUSH(a->logs, a->n_logs, a->cap_logs, log);
    return log;
}

void sg__log_free(struct sg__log *log)
{
    for (size_t i = 0; i < log->n_told; i++) {
        sg_free((char *)log->told[i].target.p);
        sg_free(log->told[i].firing);
    }
    sg_free(log->told);
    sg_free((char *)log->key.p);
    sg_free(log);
}

void sg__log_remove(struct sg_alerting *a, struct sg__log *log)
{
    if (log->put_ms)
        sg_journal_delete(a->journal, SG_TABLE_NFLOG, log->key);
    sg_hashtab_remove(&a->by_log, &log->node);
    struct sg__log *last = a->logs[--a->n_logs];
    a->logs[log->index] = last;
    last->index = log->index;
    sg__log_free(log);
}

struct sg__told *sg__log_told(const struct sg__log *log, struct sg_str target)
{
    for (size_t i = 0; i < log->n_told; i++)
        if (sg_str_eq(log->told[i].target, target))
            return &log->told[i];
    return NULL;
}

struct sg__told *sg__log_told_make(struct sg__log *log, struct sg_str target)
{
    struct sg__told *t = sg__log_told(log, target);
    if (t)
        return t;
    log->told = sg_realloc(log->told, (log->n_told + 1) * sizeof(*log->told));
    t = &log->told[log->n_told++];
    *t = (struct sg__told){.target = sg__str_own(target)};
    return t;
}

const struct sg__episode *sg__told_find(const struct sg__told *t, uint64_t fp)
{
    size_t lo = 0, hi = t ? t->n_firing : 0;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (t->firing[mid].fp < fp)
            lo = mid + 1;
        else
            hi = mid;
    }
    return t && lo < t->n_firing && t->firing[lo].fp == fp ? &t->firing[lo] : NULL;
}

bool sg__told_has(const struct sg__told *t, const struct sg__alert *alert)
{
    const struct sg__episode *e = sg__told_find(t, alert->fp);
    return e && e->starts_ms == alert->starts_ms;
}

void sg__told_set(struct sg__told *t, const struct sg__episode *firing, size_t n)
{
    t->firing = sg_grow(t->firing, &t->cap_firing, n, sizeof(*t->firing));
    if (n)
        memcpy(t->firing, firing, n * sizeof(*firing));
    t->n_firing = n;
}

/* ---- rows ---- */

void sg__log_write(struct sg_alerting *a, struct sg__log *log, int64_t repeat_ms)
{
    struct sg_buf *b = &a->scratch;
    int64_t keep_ms = repeat_ms < SG__LOG_KEEP_MS / 2 ? SG__LOG_KEEP_MS : 2 * repeat_ms;
    sg_buf_reset(b);
    sg_buf_puts(b, "{\"told\":[");
    for (size_t i = 0; i < log->n_told; i++) {
        const struct sg__told *t = &log->told[i];
        sg_buf_puts(b, i ? ",{\"target\":" : "{\"target\":");
        sg_buf_put_json_str(b, t->target);
        sg_buf_printf(b, ",\"time\":%lld,\"firing\":\"", (long long)t->time_ms);
        for (size_t k = 0; k < t->n_firing; k++)
            sg_buf_printf(b, "%016llx%016llx", (unsigned long long)t->firing[k].fp,
                          (unsigned long long)t->firing[k].starts_ms);
        sg_buf_puts(b, "\"}");
    }
    sg_buf_puts(b, "]}");
    log->put_ms = a->wall_ms;
    log->expires_ms = a->wall_ms + keep_ms;
    if (!b->failed)
        sg_journal_put(a->journal, SG_TABLE_NFLOG, log->key, sg_buf_str(b), log->expires_ms);
}

static bool read_hex(const char *p, uint64_t *ret)
{
    uint64_t v = 0;
    for (int i = 0; i < 16; i++) {
        char c = p[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit > 15)
            return false;
        v = v << 4 | digit;
    }
    *ret = v;
    return true;
}

static int by_fp(const void *a, const void *b)
{
    uint64_t x = ((const struct sg__episode *)a)->fp, y = ((const struct sg__episode *)b)->fp;
    return (x > y) - (x < y);
}

static void restore_told(struct sg_alerting *a, struct sg__log *log, const json_t *entry)
{
    const json_t *target = json_object_get(entry, "target");
    const json_t *hex = json_object_get(entry, "firing");
    if (!json_is_string(target) || !json_is_string(hex) || log->n_told >= MAX_TARGETS)
        return;
    struct sg__told *t =
        sg__log_told_make(log, sg_str_make(json_string_value(target), json_string_length(target)));
    size_t n = json_string_length(hex) / 32;
    t->time_ms = json_integer_value(json_object_get(entry, "time"));
    /* A clock that was set back meanwhile must not put off the repetition. */
    int64_t age_ms = a->wall_ms > t->time_ms ? a->wall_ms - t->time_ms : 0;
    t->mono_ms = a->mono_ms - age_ms;
    t->firing = sg_grow(t->firing, &t->cap_firing, n, sizeof(*t->firing));
    t->n_firing = 0;
    for (size_t i = 0; i < n; i++) {
        const char *at = json_string_value(hex) + 32 * i;
        uint64_t starts = 0;
        struct sg__episode *e = &t->firing[t->n_firing];
        t->n_firing += read_hex(at, &e->fp) && read_hex(at + 16, &starts);
        e->starts_ms = (int64_t)starts;
    }
    if (t->n_firing > 1)
        qsort(t->firing, t->n_firing, sizeof(*t->firing), by_fp);
    if (!log->flushed || t->mono_ms > log->flushed_mono_ms)
        log->flushed_mono_ms = t->mono_ms;
    log->flushed = true;
}

void sg__log_restore(struct sg_alerting *a, struct sg_str key, struct sg_str body)
{
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    const json_t *told = json_object_get(row, "told");
    if (json_is_array(told)) {
        struct sg__log *log = sg__log_make(a, key);
        for (size_t i = 0; i < json_array_size(told); i++)
            restore_told(a, log, json_array_get(told, i));
        log->put_ms = a->wall_ms;
        log->expires_ms = a->wall_ms + SG__LOG_KEEP_MS;
    }
    json_decref(row);
}

void sg__log_sweep(struct sg_alerting *a)
{
    for (size_t i = a->n_logs; i-- > 0;)
        if (!a->logs[i]->n_groups && a->logs[i]->expires_ms < a->wall_ms)
            sg__log_remove(a, a->logs[i]);
}
