/* template_time.c - times and durations of templates: zones, fields and methods, as Go's. */
#include "template_priv.h"

#include <stdio.h>
#include <string.h>

#include <streamgauge/time.h>

#define NS_PER_MS 1000000
#define NS_PER_S INT64_C(1000000000)
#define DAY_MS INT64_C(86400000)
#define MAX_TIME_MS INT64_C(9000000000000000) /* that can be calculated with: 285 000 years */
#define ZERO_TIME_MS INT64_C(-62135596800000) /* Go's time.Time{}: year 1 */

/* ---- durations ---- */

/* A number below 1000 of a unit, with what is left of the next smaller ones behind a point. */
static void put_fraction(uint64_t ns, uint64_t unit, const char *name, struct sg_buf *out)
{
    char digits[16] = "";
    uint64_t rest = ns % unit;
    size_t n = 0;
    for (uint64_t scale = unit / 10; scale && rest; scale /= 10) {
        digits[n++] = (char)('0' + rest / scale);
        rest %= scale;
    }
    sg_buf_printf(out, "%llu%s%s%s", (unsigned long long)(ns / unit), n ? "." : "", digits, name);
}

void sg__format_duration(int64_t ns, struct sg_buf *out)
{
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    const uint64_t second = (uint64_t)NS_PER_S;
    if (ns < 0)
        sg_buf_putc(out, '-');
    if (left == 0) {
        sg_buf_puts(out, "0s");
    } else if (left < second) {
        uint64_t unit = left < 1000 ? 1 : left < NS_PER_MS ? 1000 : NS_PER_MS;
        put_fraction(left, unit, unit == 1 ? "ns" : unit == 1000 ? "µs" : "ms", out);
    } else {
        uint64_t minutes = left / second / 60;
        if (minutes >= 60)
            sg_buf_printf(out, "%lluh", (unsigned long long)(minutes / 60));
        if (minutes)
            sg_buf_printf(out, "%llum", (unsigned long long)(minutes % 60));
        put_fraction(left % (60 * second), second, "s", out);
    }
}

static struct sg__value duration(int64_t ns)
{
    return (struct sg__value){.kind = SG__V_DURATION, .i = ns};
}

/* Go's differences end at what fits. */
static struct sg__value difference(int64_t a_ms, int64_t b_ms)
{
    int64_t ms, ns;
    if (__builtin_sub_overflow(a_ms, b_ms, &ms) || __builtin_mul_overflow(ms, NS_PER_MS, &ns))
        ns = a_ms < b_ms ? INT64_MIN : INT64_MAX;
    return duration(ns);
}

static int duration_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                          struct sg__value *ret)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"Seconds", 1e9}, {"Minutes", 60e9}, {"Hours", 3600e9}};
    for (size_t i = 0; i < SG_ARRAY_LEN(units); i++) {
        if (sg_str_eq_c(name, units[i].name)) {
            *ret = sg__v_float((double)v->i / units[i].ns);
            return 0;
        }
    }
    if (sg_str_eq_c(name, "Milliseconds")) {
        *ret = sg__v_int(v->i / NS_PER_MS);
    } else if (sg_str_eq_c(name, "Nanoseconds")) {
        *ret = sg__v_int(v->i);
    } else if (sg_str_eq_c(name, "String")) {
        struct sg_buf b;
        sg_buf_init(&b, 64);
        sg__format_duration(v->i, &b);
        return sg__exec_text(x, &b, ret);
    } else {
        return 1;
    }
    return 0;
}

/* A duration, or a whole number of nanoseconds: 28800e9 is one in Go. */
static int arg_duration(struct sg__exec *x, const struct sg__value *v, int64_t *ret)
{
    bool whole =
        v->kind == SG__V_FLOAT && v->f > -9e18 && v->f < 9e18 && (double)(int64_t)v->f == v->f;
    if (!whole && v->kind != SG__V_INT && v->kind != SG__V_DURATION)
        return sg__exec_fail(x, "expected a duration or a whole number of nanoseconds, got %s",
                             sg__value_type(v));
    *ret = whole ? (int64_t)v->f : v->i;
    return 0;
}

/* Halves away from 0, as Go. */
static int64_t round_to(int64_t ns, int64_t unit)
{
    int64_t rest, rounded;
    if (unit <= 0)
        return ns;
    rest = ns % unit;
    if ((rest < 0 ? -rest : rest) < unit - (rest < 0 ? -rest : rest))
        return ns - rest;
    if (__builtin_add_overflow(ns - rest, ns < 0 ? -unit : unit, &rounded))
        return ns < 0 ? INT64_MIN : INT64_MAX;
    return rounded;
}

static int duration_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                           const struct sg__value *arg, struct sg__value *ret)
{
    int64_t unit = 0;
    bool rounds = sg_str_eq_c(name, "Round");
    if (!rounds && !sg_str_eq_c(name, "Truncate"))
        return 1;
    int rc = arg_duration(x, arg, &unit);
    if (rc == 0)
        *ret = duration(rounds ? round_to(v->i, unit) : unit > 0 ? v->i - v->i % unit : v->i);
    return rc;
}

/* ---- times ---- */

/* SG_ENOTFOUND. */
static int zone_offset(const struct sg__exec *x, struct sg_str zone, int64_t ms, int32_t *ret)
{
    if (sg_str_eq_c(zone, "UTC")) {
        *ret = 0;
        return 0;
    }
    if (!x->data->utc_offset)
        return SG_ENOTFOUND;
    return x->data->utc_offset(x->data->utc_offset_ctx, zone, ms, ret);
}

static int civil_field(const struct sg__value *v, struct sg_str name, struct sg__value *ret)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    struct sg_civil c = sg_civil_from_ms(v->i + (int64_t)v->offset_s * 1000);
    const struct {
        const char *name;
        int64_t value;
    } fields[] = {{"Year", c.year},     {"Day", c.day},       {"Hour", c.hour},
                  {"Minute", c.minute}, {"Second", c.second}, {"YearDay", c.yearday}};
    for (size_t i = 0; i < SG_ARRAY_LEN(fields); i++) {
        if (sg_str_eq_c(name, fields[i].name)) {
            *ret = sg__v_int(fields[i].value);
            return 0;
        }
    }
    bool month = sg_str_eq_c(name, "Month");
    if (!month && !sg_str_eq_c(name, "Weekday"))
        return 1;
    *ret = sg__v_int(month ? c.month : c.weekday);
    ret->text = sg_str_from(month ? months[c.month - 1] : days[c.weekday]);
    return 0;
}

int sg__time_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                   struct sg__value *ret)
{
    if (v->kind == SG__V_DURATION)
        return duration_field(x, v, name, ret);
    if (sg_str_eq_c(name, "Unix")) {
        *ret = sg__v_int(sg_time_align(v->i, 1000) / 1000);
    } else if (sg_str_eq_c(name, "UnixMilli")) {
        *ret = sg__v_int(v->i);
    } else if (sg_str_eq_c(name, "UnixMicro") || sg_str_eq_c(name, "UnixNano")) {
        uint64_t per_ms = name.n == 8 ? NS_PER_MS : 1000; /* wraps around, as Go's */
        *ret = sg__v_int((int64_t)((uint64_t)v->i * per_ms));
    } else if (sg_str_eq_c(name, "Nanosecond")) {
        *ret = sg__v_int((v->i - sg_time_align(v->i, 1000)) * NS_PER_MS);
    } else if (sg_str_eq_c(name, "Location")) {
        *ret = sg__v_text(v->text.n ? v->text : SG_STR("UTC"));
    } else if (sg_str_eq_c(name, "UTC") || sg_str_eq_c(name, "Local")) {
        *ret = (struct sg__value){.kind = SG__V_TIME, .i = v->i};
        if (name.n == 5 && zone_offset(x, name, v->i, &ret->offset_s) < 0)
            ret->offset_s = 0;
        ret->text = sg_str_from(name.n == 5 ? "Local" : "UTC");
    } else if (sg_str_eq_c(name, "IsZero")) {
        *ret = sg__v_bool(v->i == ZERO_TIME_MS);
    } else if (sg_str_eq_c(name, "String")) {
        struct sg_buf b;
        sg_buf_init(&b, 128);
        sg__format_time(v->i, v->offset_s, &b);
        return sg__exec_text(x, &b, ret);
    } else {
        return civil_field(v, name, ret);
    }
    return 0;
}

static int compare_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                          const struct sg__value *arg, struct sg__value *ret)
{
    if (arg->kind != SG__V_TIME)
        return sg__exec_fail(x, "'%.*s' expected a time, got %s", SG_STR_ARG(name),
                             sg__value_type(arg));
    if (sg_str_eq_c(name, "Sub"))
        *ret = difference(v->i, arg->i);
    else if (sg_str_eq_c(name, "Before"))
        *ret = sg__v_bool(v->i < arg->i);
    else if (sg_str_eq_c(name, "After"))
        *ret = sg__v_bool(v->i > arg->i);
    else
        *ret = sg__v_bool(v->i == arg->i);
    return 0;
}

/* Its time moved to ms; the zone may be at another offset there. */
static int move_to(struct sg__exec *x, const struct sg__value *v, int64_t ms, struct sg__value *ret)
{
    struct sg__value from = *v;
    if (ms > MAX_TIME_MS || ms < -MAX_TIME_MS)
        return sg__exec_fail(x, "the time is out of range");
    *ret = from;
    ret->i = ms;
    if (from.text.n && zone_offset(x, from.text, ms, &ret->offset_s) < 0)
        ret->offset_s = from.offset_s;
    return 0;
}

/* Years, months and days; the 31st of February is in March, as in Go. */
static int add_date(struct sg__exec *x, const struct sg__value *v, const struct sg__value *args,
                    struct sg__value *ret)
{
    if (v->i > MAX_TIME_MS || v->i < -MAX_TIME_MS)
        return sg__exec_fail(x, "the time is out of range");
    for (size_t i = 0; i < 3; i++)
        if (args[i].kind != SG__V_INT || args[i].i > 100000 || args[i].i < -100000)
            return sg__exec_fail(x, "AddDate expected three numbers, of years, months and days, "
                                    "of at most 100000");
    int64_t local = v->i + (int64_t)v->offset_s * 1000,
            in_day = local - sg_time_align(local, DAY_MS);
    struct sg_civil c = sg_civil_from_ms(local);
    int64_t months = (c.year + args[0].i) * 12 + c.month - 1 + args[1].i;
    int64_t year = (months - (months % 12 + 12) % 12) / 12;
    int64_t first = sg_ms_from_civil(year, (int)((months % 12 + 12) % 12) + 1, 1, 0, 0, 0);
    struct sg__value moved;
    local = first + (c.day - 1 + args[2].i) * DAY_MS + in_day;
    int rc = move_to(x, v, local - (int64_t)v->offset_s * 1000, &moved);
    if (rc == 0) /* the hour stays what it is when the offset changes */
        rc = move_to(x, v, local - (int64_t)moved.offset_s * 1000, ret);
    return rc;
}

/* Since the year 1, as Go. */
static int round_time(struct sg__exec *x, const struct sg__value *v, bool up, int64_t unit_ns,
                      struct sg__value *ret)
{
    if (v->i > MAX_TIME_MS || v->i < -MAX_TIME_MS)
        return sg__exec_fail(x, "the time is out of range");
    int64_t since = v->i - ZERO_TIME_MS, unit = unit_ns / NS_PER_MS;
    if (unit_ns <= 0 || unit_ns % NS_PER_MS) /* finer than our times */
        return move_to(x, v, v->i, ret);
    int64_t below = sg_time_align(since, unit);
    if (up && since - below >= unit - (since - below))
        below += unit;
    return move_to(x, v, below + ZERO_TIME_MS, ret);
}

int sg__time_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                    const struct sg__value *args, size_t n, struct sg__value *ret)
{
    static const char *const compare[] = {"Sub", "Before", "After", "Equal"};
    const struct sg__value *arg = &args[0];
    int64_t ns = 0, ms;
    if (v->kind == SG__V_TIME && n == 3 && sg_str_eq_c(name, "AddDate"))
        return add_date(x, v, args, ret);
    if (n != 1)
        return 1;
    if (v->kind == SG__V_DURATION)
        return duration_method(x, v, name, arg, ret);
    if (sg_str_eq_c(name, "Format") && arg->kind == SG__V_STRING) {
        struct sg_buf b;
        sg_buf_init(&b, SG__TEMPLATE_MAX_OUTPUT);
        sg__format_layout(v, arg->text, &b);
        return sg__exec_text(x, &b, ret);
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(compare); i++)
        if (sg_str_eq_c(name, compare[i]))
            return compare_method(x, v, name, arg, ret);
    bool add = sg_str_eq_c(name, "Add"), up = sg_str_eq_c(name, "Round");
    if (!add && !up && !sg_str_eq_c(name, "Truncate"))
        return 1;
    int rc = arg_duration(x, arg, &ns);
    if (rc == 0 && !add)
        rc = round_time(x, v, up, ns, ret);
    else if (rc == 0 && __builtin_add_overflow(v->i, ns / NS_PER_MS, &ms))
        rc = sg__exec_fail(x, "the time is out of range");
    else if (rc == 0)
        rc = move_to(x, v, ms, ret);
    return rc;
}

/* ---- functions ---- */

static int arg_time(struct sg__exec *x, const struct sg__value *v)
{
    if (v->kind == SG__V_TIME)
        return 0;
    return sg__exec_fail(x, "wrong type for value; expected time.Time; got %s", sg__value_type(v));
}

SG__FN(sg__fn_since)
{
    (void)n;
    if (arg_time(x, &args[0]) < 0)
        return SG_EEXECUTION;
    *ret = difference(x->data->time_ms, args[0].i);
    return 0;
}

SG__FN(sg__fn_tz)
{
    struct sg_str zone;
    int32_t offset_s = 0;
    (void)n;
    if (sg__arg_text(x, &args[0], &zone) < 0 || arg_time(x, &args[1]) < 0)
        return SG_EEXECUTION;
    bool utc = zone.n == 0 || sg_str_eq_c(zone, "UTC");
    if (!utc && !x->data->utc_offset)
        return sg__exec_fail(x, "time zones are not known here");
    if (!utc && zone_offset(x, zone, args[1].i, &offset_s) < 0)
        return sg__exec_fail(x, "unknown time zone %.*s", SG__SHORT(zone));
    *ret = args[1];
    ret->offset_s = offset_s;
    ret->text = zone;
    return 0;
}
