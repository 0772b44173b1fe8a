/* time_interval.c - parsing and testing of recurring times. Names, limits and clamping are
 * Alertmanager's. */
#include "time_interval.h"

#include <streamgauge/num.h>
#include <streamgauge/time.h>

#define MAX_RANGES 1000
#define MAX_INTERVALS 1000

struct unit {
    const char *key, *what;
    const char *const *names; /* NULL-terminated; the first stands for `first` */
    int first, min, max;
};

static const char *const weekday_names[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                            "thursday", "friday", "saturday", NULL};
static const char *const month_names[] = {"january",  "february", "march",  "april",     "may",
                                          "june",     "july",     "august", "september", "october",
                                          "november", "december", NULL};
static const struct unit weekday_unit = {"weekdays", "weekday", weekday_names, 0, 0, -1};
static const struct unit day_unit = {"days_of_month", "day of the month", NULL, 0, -31, 31};
static const struct unit month_unit = {"months", "month", month_names, 1, 1, 12};
static const struct unit year_unit = {"years", "year", NULL, 0, 1, 9999};

static bool read_member(const struct unit *u, struct sg_str text, int *ret)
{
    int64_t v;
    for (int i = 0; u->names && u->names[i]; i++) {
        if (sg_str_ieq(text, sg_str_from(u->names[i]))) {
            *ret = u->first + i;
            return true;
        }
    }
    if (sg_i64_parse(text.p, text.n, &v) < 0 || v < u->min || v > u->max)
        return false;
    *ret = (int)v;
    return v != 0 || u != &day_unit;
}

static int check_days(const struct sg_yaml_node *node, const struct sg__range *r,
                      struct sg_error *reterr)
{
    if (r->begin < 0 && r->end > 0)
        return sg_yaml_error(node, reterr,
                             "days_of_month: the end must be negative when the start is");
    /* The shortest month decides what can never be. */
    int begin = r->begin < 0 ? 28 + r->begin : r->begin, end = r->end < 0 ? 28 + r->end : r->end;
    if (begin > end)
        return sg_yaml_error(node, reterr, "days_of_month: the end %d is always before %d", r->end,
                             r->begin);
    return 0;
}

static int read_range(const struct unit *u, const struct sg_yaml_node *node, struct sg__range *r,
                      struct sg_error *reterr)
{
    struct sg_str text = {"", 0}, rest;
    int rc = sg_yaml_read_str(node, u->key, &text, reterr);
    if (rc < 0)
        return rc;
    rest = text;
    struct sg_str begin = sg_str_trim(sg_str_split(&rest, ':'));
    struct sg_str end = rest.p ? sg_str_trim(rest) : begin;
    if (!read_member(u, begin, &r->begin) || !read_member(u, end, &r->end))
        return sg_yaml_error(node, reterr, "%s: '%.*s' is no %s, nor a range as a:b", u->key,
                             SG_STR_ARG(text), u->what);
    if (u == &day_unit)
        return check_days(node, r, reterr);
    if (r->begin > r->end)
        return sg_yaml_error(node, reterr, "%s: in '%.*s' the end is before the start", u->key,
                             SG_STR_ARG(text));
    return 0;
}

static int new_ranges(const struct sg_yaml_node *node, const char *key, struct sg_arena *arena,
                      struct sg__ranges *ret, struct sg_error *reterr)
{
    if (sg_yaml_kind(node) != SG_YAML_LIST)
        return sg_yaml_error(node, reterr, "%s: expected a list", key);
    if (sg_yaml_count(node) > MAX_RANGES)
        return sg_yaml_error(node, reterr, "%s: more than %d entries", key, MAX_RANGES);
    ret->n = sg_yaml_count(node);
    ret->list = sg_arena_calloc(arena, ret->n ? ret->n : 1, sizeof(*ret->list));
    return ret->list ? 0 : sg_yaml_error(node, reterr, "%s: the configuration is too large", key);
}

static int read_ranges(const struct unit *u, const struct sg_yaml_node *map, struct sg_arena *arena,
                       struct sg__ranges *ret, struct sg_error *reterr)
{
    const struct sg_yaml_node *node = sg_yaml_get(map, u->key);
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    int rc = new_ranges(node, u->key, arena, ret, reterr);
    for (size_t i = 0; rc == 0 && i < ret->n; i++)
        rc = read_range(u, sg_yaml_at(node, i), &ret->list[i], reterr);
    return rc;
}

static bool two_digits(struct sg_str s, size_t at, int max, int *ret)
{
    if (s.p[at] < '0' || s.p[at] > '9' || s.p[at + 1] < '0' || s.p[at + 1] > '9')
        return false;
    *ret = (s.p[at] - '0') * 10 + s.p[at + 1] - '0';
    return *ret <= max;
}

/* "HH:MM", up to 24:00, in minutes. */
static int read_clock(const struct sg_yaml_node *map, const char *key, int *ret,
                      struct sg_error *reterr)
{
    struct sg_str text = {"", 0};
    int hours = 0, minutes = 0;
    const struct sg_yaml_node *node = sg_yaml_get(map, key);
    int rc = sg_yaml_read_str(node, key, &text, reterr);
    if (rc < 0)
        return rc;
    bool ok = text.n == 5 && text.p[2] == ':' && two_digits(text, 0, 24, &hours) &&
              two_digits(text, 3, 59, &minutes);
    if (!ok || hours * 60 + minutes > 24 * 60)
        return sg_yaml_error(node ? node : map, reterr, "%s: expected HH:MM, got '%.*s'", key,
                             SG_STR_ARG(text));
    *ret = hours * 60 + minutes;
    return 0;
}

static int read_times(const struct sg_yaml_node *map, struct sg_arena *arena,
                      struct sg__ranges *ret, struct sg_error *reterr)
{
    static const char *const known[] = {"start_time", "end_time", NULL};
    const struct sg_yaml_node *node = sg_yaml_get(map, "times");
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    int rc = new_ranges(node, "times", arena, ret, reterr);
    for (size_t i = 0; rc == 0 && i < ret->n; i++) {
        const struct sg_yaml_node *item = sg_yaml_at(node, i);
        rc = sg_yaml_check_keys(item, "times", known, reterr);
        if (rc == 0)
            rc = read_clock(item, "start_time", &ret->list[i].begin, reterr);
        if (rc == 0)
            rc = read_clock(item, "end_time", &ret->list[i].end, reterr);
        if (rc == 0 && ret->list[i].begin >= ret->list[i].end)
            rc = sg_yaml_error(item, reterr, "times: start_time must be before end_time");
    }
    return rc;
}

/* "+02:00" and "-0530"; false: a name. */
static bool fixed_offset(struct sg_str text, int32_t *ret_s)
{
    int hours, minutes;
    if ((text.n != 5 && text.n != 6) || (text.p[0] != '+' && text.p[0] != '-') ||
        (text.n == 6 && text.p[3] != ':') || !two_digits(text, 1, 23, &hours) ||
        !two_digits(text, text.n - 2, 59, &minutes))
        return false;
    *ret_s = (hours * 60 + minutes) * 60 * (text.p[0] == '-' ? -1 : 1);
    return true;
}

int sg__location_read(const struct sg_yaml_node *map, struct sg_arena *arena,
                      struct sg__interval *ret, struct sg_error *reterr)
{
    struct sg_str text = {"", 0};
    const struct sg_yaml_node *node = sg_yaml_get(map, "location");
    int rc = sg_yaml_read_str(node, "location", &text, reterr);
    ret->where = SG_STR("UTC");
    if (rc < 0 || text.n == 0 || sg_str_eq_c(text, "UTC"))
        return rc;
    bool plain = text.n < 64 && text.p[0] != '/' && text.p[0] != '.';
    for (size_t i = 0; plain && i < text.n; i++)
        plain =
            text.p[i] > ' ' && text.p[i] < 0x7f && !(text.p[i] == '.' && i && text.p[i - 1] == '.');
    char *copy = plain ? sg_arena_strndup(arena, text.p, text.n) : NULL;
    if (!copy)
        return sg_yaml_error(node, reterr,
                             "location: expected UTC, Local, an offset as +02:00 or a name as "
                             "Europe/Berlin, got '%.*s'",
                             SG_STR_ARG(text));
    ret->where = sg_str_make(copy, text.n);
    if (!fixed_offset(text, &ret->offset_s))
        ret->zone = ret->where;
    return 0;
}

static int read_interval(const struct sg_yaml_node *node, struct sg_arena *arena,
                         struct sg__interval *t, struct sg_error *reterr)
{
    static const char *const known[] = {"times",    "weekdays", "days_of_month", "months", "years",
                                        "location", NULL};
    static const struct unit *const units[] = {&weekday_unit, &day_unit, &month_unit, &year_unit};
    struct sg__ranges *const into[] = {&t->weekdays, &t->days, &t->months, &t->years};
    int rc = sg_yaml_check_keys(node, "time interval", known, reterr);
    if (rc == 0)
        rc = read_times(node, arena, &t->times, reterr);
    for (size_t i = 0; rc == 0 && i < SG_ARRAY_LEN(units); i++)
        rc = read_ranges(units[i], node, arena, into[i], reterr);
    return rc < 0 ? rc : sg__location_read(node, arena, t, reterr);
}

int sg__intervals_parse(const struct sg_yaml_node *node, struct sg_arena *arena,
                        struct sg__intervals *ret, struct sg_error *reterr)
{
    int rc = 0;
    if (!node || sg_yaml_kind(node) == SG_YAML_NULL)
        return 0;
    if (sg_yaml_kind(node) != SG_YAML_LIST)
        return sg_yaml_error(node, reterr, "time_intervals: expected a list");
    ret->n = sg_yaml_count(node);
    if (ret->n > MAX_INTERVALS)
        return sg_yaml_error(node, reterr, "time_intervals: more than %d", MAX_INTERVALS);
    ret->list = sg_arena_calloc(arena, ret->n ? ret->n : 1, sizeof(*ret->list));
    if (!ret->list)
        return sg_yaml_error(node, reterr, "time_intervals: the configuration is too large");
    for (size_t i = 0; rc == 0 && i < ret->n; i++)
        rc = read_interval(sg_yaml_at(node, i), arena, &ret->list[i], reterr);
    return rc;
}

/* ---- is it now? ---- */

static bool in_ranges(const struct sg__ranges *r, int v)
{
    for (size_t i = 0; i < r->n; i++)
        if (v >= r->list[i].begin && v <= r->list[i].end)
            return true;
    return r->n == 0;
}

static bool in_times(const struct sg__ranges *r, int minute)
{
    for (size_t i = 0; i < r->n; i++)
        if (minute >= r->list[i].begin && minute < r->list[i].end)
            return true;
    return r->n == 0;
}

static bool in_days(const struct sg__ranges *r, const struct sg_civil *c)
{
    for (size_t i = 0; i < r->n; i++) {
        int begin = r->list[i].begin, end = r->list[i].end;
        begin = begin < 0 ? c->days_in_month + begin + 1 : begin;
        end = end < 0 ? c->days_in_month + end + 1 : end;
        if (c->day >= begin && c->day <= end) /* days beyond the month's end never come */
            return true;
    }
    return r->n == 0;
}

static bool contains(const struct sg__interval *t, const struct sg_alerting_hooks *hooks,
                     int64_t wall_ms)
{
    int32_t offset_s = t->offset_s;
    if (t->zone.n &&
        (!hooks->utc_offset || hooks->utc_offset(hooks->ctx, t->zone, wall_ms, &offset_s) < 0))
        offset_s = 0;
    struct sg_civil c = sg_civil_from_ms(wall_ms + offset_s * SG_MS_PER_S);
    return in_times(&t->times, c.hour * 60 + c.minute) && in_ranges(&t->weekdays, c.weekday) &&
           in_days(&t->days, &c) && in_ranges(&t->months, c.month) &&
           in_ranges(&t->years, (int)c.year);
}

bool sg__intervals_contain(const struct sg__intervals *t, const struct sg_alerting_hooks *hooks,
                           int64_t wall_ms)
{
    for (size_t i = 0; i < t->n; i++)
        if (contains(&t->list[i], hooks, wall_ms))
            return true;
    return false;
}
