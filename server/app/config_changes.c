/* config_changes.c - what of a changed configuration a reload cannot put to use. */
#include "config.h"

#include <string.h>

/* A reload applies these, or they say something about starting only. Tokens, external labels,
 * streams and everything about alerts are no options, and applied too. */
static const char *const applied[] = {"rule_files", "evaluation_interval", "external_url",
                                      "log_level", "restart_grace"};

static bool is_applied(const char *key)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(applied); i++)
        if (strcmp(key, applied[i]) == 0)
            return true;
    return false;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_list(const struct sg_strings *a, const struct sg_strings *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

static bool same(const struct sg_option *o, const struct sg_config *a, const struct sg_config *b)
{
    const void *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;
    switch (o->kind) {
    case SG_OPT_STRING:
        return same_text(*(char *const *)x, *(char *const *)y);
    case SG_OPT_STRINGS:
        return same_list(x, y);
    case SG_OPT_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case SG_OPT_UINT:
        return *(const uint64_t *)x == *(const uint64_t *)y;
    case SG_OPT_DURATION:
        break;
    }
    return *(const int64_t *)x == *(const int64_t *)y;
}

size_t sg_config_needs_restart(const struct sg_config *running, const struct sg_config *now,
                               const char **ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < sg_n_options && n < max; i++)
        if (!is_applied(sg_options[i].key) && !same(&sg_options[i], running, now))
            ret[n++] = sg_options[i].key;
    return n;
}
