/* time.c - durations, RFC 3339 and civil time, in ms; the clocks.
 *
 * Civil dates count from 1 March of year 0, so that the leap day is the last day of its year, in
 * eras of 400 years (146097 days), which all look alike.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include <streamgauge/time.h>

enum { DAYS_PER_ERA = 146097, DAYS_TO_EPOCH = 719468 }; /* from 0000-03-01 to 1970-01-01 */

static const struct unit {
    char name[3];
    int64_t ms;
    bool only_exact; /* printed only when nothing is left over: "8d", not "1w1d" */
} units[] = {
    {"y", SG_MS_PER_YEAR, true},
    {"w", 7 * SG_MS_PER_DAY, true},
    {"d", SG_MS_PER_DAY, false},
    {"h", SG_MS_PER_HOUR, false},
    {"m", SG_MS_PER_MIN, false},
    {"s", SG_MS_PER_S, false},
    {"ms", 1, false},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The unit at the start of s, or SG_ARRAY_LEN(units). "ms" is tried before "m" by looking at both
 * letters. */
static size_t find_unit(struct sg_str s, size_t *ret_len)
{
    *ret_len = s.n >= 2 && s.p[0] == 'm' && s.p[1] == 's' ? 2 : 1;
    for (size_t i = 0; s.n && i < SG_ARRAY_LEN(units); i++) {
        if (sg_str_eq_c(sg_str_make(s.p, *ret_len), units[i].name))
            return i;
    }
    return SG_ARRAY_LEN(units);
}

static int bad_duration(struct sg_str text, size_t pos, size_t end, struct sg_error *reterr)
{
    return sg_error_at(reterr, SG_ESYNTAX, (uint32_t)pos, (uint32_t)end,
                       "bad duration \"%.*s\": expected numbers with units y w d h m s ms in this "
                       "order, as in \"1h30m\"",
                       text.n < 80 ? (int)text.n : 80, text.p);
}

static int too_long(struct sg_str text, struct sg_error *reterr)
{
    return sg_error_at(reterr, SG_EINVALID, 0, (uint32_t)text.n,
                       "duration \"%.*s\" is too long: expected less than 292 million years",
                       text.n < 80 ? (int)text.n : 80, text.p);
}

/* The digits at *pos; false when their value does not fit. */
static bool take_count(struct sg_str s, size_t *pos, int64_t *ret)
{
    bool fits = true;
    *ret = 0;
    for (; *pos < s.n && is_digit(s.p[*pos]); (*pos)++) {
        fits = fits && !__builtin_mul_overflow(*ret, 10, ret) &&
               !__builtin_add_overflow(*ret, s.p[*pos] - '0', ret);
    }
    return fits;
}

int sg_duration_parse(struct sg_str text, int64_t *ret_ms, struct sg_error *reterr)
{
    int64_t total = 0;
    size_t i = 0, next_unit = 0;
    if (!text.n)
        return sg_error_at(reterr, SG_ESYNTAX, 0, 0, "empty duration: expected for example \"5m\"");
    if (sg_str_eq_c(text, "0"))
        i = 1;
    while (i < text.n) {
        size_t start = i, len;
        int64_t count;
        bool fits = take_count(text, &i, &count);
        if (i == start)
            return bad_duration(text, i, i + 1, reterr);
        size_t unit = find_unit(sg_str_make(text.p + i, text.n - i), &len);
        if (unit >= SG_ARRAY_LEN(units) || unit < next_unit)
            return bad_duration(text, start, i < text.n ? i + len : i, reterr);
        if (!fits || __builtin_mul_overflow(count, units[unit].ms, &count) ||
            __builtin_add_overflow(total, count, &total))
            return too_long(text, reterr);
        next_unit = unit + 1;
        i += len;
    }
    *ret_ms = total;
    return 0;
}

size_t sg_duration_format(int64_t ms, char *dst)
{
    enum { DST_BYTES = 48 };
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    size_t n = 0;
    if (!ms)
        return (size_t)snprintf(dst, DST_BYTES, "0s");
    if (ms < 0)
        dst[n++] = '-';
    for (size_t i = 0; i < SG_ARRAY_LEN(units); i++) {
        uint64_t unit = (uint64_t)units[i].ms, count = left / unit;
        if (!count || (units[i].only_exact && left % unit))
            continue;
        left -= count * unit;
        n += (size_t)snprintf(dst + n, DST_BYTES - n, "%" PRIu64 "%s", count, units[i].name);
    }
    return n;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int64_t year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since the epoch of a proleptic Gregorian date; month in 1..12. */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void civil_from_days(int64_t days, struct sg_civil *c)
{
    days += DAYS_TO_EPOCH;
    int64_t era = floor_div(days, DAYS_PER_ERA);
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153; /* 0 = March */
    c->day = (int)(day_of_year - (153 * month_index + 2) / 5 + 1);
    c->month = (int)(month_index < 10 ? month_index + 3 : month_index - 9);
    c->year = year_of_era + era * 400 + (c->month <= 2);
}

struct sg_civil sg_civil_from_ms(int64_t ms)
{
    struct sg_civil c = {0};
    int64_t days = floor_div(ms, SG_MS_PER_DAY);
    int in_day =
        (int)(ms % SG_MS_PER_DAY); /* not ms - days * …, which overflows on the first day */
    if (in_day < 0)
        in_day += (int)SG_MS_PER_DAY;
    civil_from_days(days, &c);
    c.hour = in_day / (int)SG_MS_PER_HOUR;
    c.minute = in_day / (int)SG_MS_PER_MIN % 60;
    c.second = in_day / 1000 % 60;
    c.ms = in_day % 1000;
    c.weekday = (int)((days % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
    c.yearday = (int)(days - days_from_civil(c.year, 1, 1)) + 1;
    c.days_in_month = days_in_month(c.year, c.month);
    return c;
}

int64_t sg_ms_from_civil(int64_t year, int month, int day, int hour, int minute, int second)
{
    /* Years that int64_t ms cannot hold saturate; 300 million is beyond the range on both sides. */
    const int64_t year_limit = 300000000;
    if (year > year_limit || year < -year_limit)
        return year > 0 ? INT64_MAX : INT64_MIN;
    int64_t ms, in_day = ((hour * INT64_C(60) + minute) * 60 + second) * 1000;
    if (__builtin_mul_overflow(days_from_civil(year, month, day), SG_MS_PER_DAY, &ms) ||
        __builtin_add_overflow(ms, in_day, &ms))
        return year > 0 ? INT64_MAX : INT64_MIN;
    return ms;
}

/* Reads exactly `digits` digits at *pos, or returns -1. */
static int take_digits(struct sg_str s, size_t *pos, size_t digits)
{
    int v = 0;
    if (s.n < *pos + digits)
        return -1;
    for (size_t i = 0; i < digits; i++, (*pos)++) {
        if (!is_digit(s.p[*pos]))
            return -1;
        v = v * 10 + (s.p[*pos] - '0');
    }
    return v;
}

static bool take_char(struct sg_str s, size_t *pos, const char *any_of)
{
    if (*pos >= s.n || !s.p[*pos] || !strchr(any_of, s.p[*pos]))
        return false;
    (*pos)++;
    return true;
}

/* ".678" to ms; the fourth digit decides about rounding half up. Returns -1 when no digit follows
 * the point. */
static int take_fraction_ms(struct sg_str s, size_t *pos)
{
    int ms = 0, digits = 0;
    if (!take_char(s, pos, "."))
        return 0;
    for (; *pos < s.n && is_digit(s.p[*pos]); (*pos)++, digits++) {
        int d = s.p[*pos] - '0';
        if (digits < 3)
            ms = ms * 10 + d;
        else if (digits == 3)
            ms += d >= 5;
    }
    for (int i = digits; i < 3; i++)
        ms *= 10;
    return digits ? ms : -1;
}

/* "Z" or "+hh:mm" to minutes east of UTC. */
static int take_offset(struct sg_str s, size_t *pos, int *ret_minutes)
{
    *ret_minutes = 0;
    if (take_char(s, pos, "Zz"))
        return 0;
    bool west = *pos < s.n && s.p[*pos] == '-';
    if (!take_char(s, pos, "+-"))
        return SG_ESYNTAX;
    int hours = take_digits(s, pos, 2);
    int minutes = take_char(s, pos, ":") ? take_digits(s, pos, 2) : -1;
    if (hours < 0 || minutes < 0)
        return SG_ESYNTAX;
    if (hours > 23 || minutes > 59)
        return SG_EINVALID;
    *ret_minutes = (hours * 60 + minutes) * (west ? -1 : 1);
    return 0;
}

int sg_rfc3339_parse(struct sg_str text, int64_t *ret_ms)
{
    static const char *const separators[] = {"-", "-", "Tt ", ":", ":"};
    static const size_t digits[] = {4, 2, 2, 2, 2, 2};
    int field[6]; /* year, month, day, hour, minute, second */
    size_t pos = 0;
    for (size_t i = 0; i < SG_ARRAY_LEN(field); i++) {
        field[i] = take_digits(text, &pos, digits[i]);
        if (field[i] < 0)
            return SG_ESYNTAX;
        if (i < SG_ARRAY_LEN(separators) && !take_char(text, &pos, separators[i]))
            return SG_ESYNTAX;
    }
    int fraction_ms = take_fraction_ms(text, &pos), offset_minutes;
    if (fraction_ms < 0)
        return SG_ESYNTAX;
    int rc = take_offset(text, &pos, &offset_minutes);
    if (rc < 0)
        return rc;
    if (pos != text.n)
        return SG_ESYNTAX;
    if (field[1] < 1 || field[1] > 12 || field[2] < 1 ||
        field[2] > days_in_month(field[0], field[1]) || field[3] > 23 || field[4] > 59 ||
        field[5] > 59)
        return SG_EINVALID;
    *ret_ms = sg_ms_from_civil(field[0], field[1], field[2], field[3], field[4], field[5]) +
              fraction_ms - offset_minutes * SG_MS_PER_MIN;
    return 0;
}

size_t sg_rfc3339_format(int64_t ms, char *dst)
{
    struct sg_civil c = sg_civil_from_ms(ms);
    int64_t year = c.year < 0 ? -c.year : c.year;
    return (size_t)snprintf(dst, 40, "%s%04" PRId64 "-%02d-%02dT%02d:%02d:%02d.%03dZ",
                            c.year < 0 ? "-" : "", year, c.month, c.day, c.hour, c.minute, c.second,
                            c.ms);
}

int64_t sg_wall_now_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint64_t sg_mono_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
}

int64_t sg_mono_now_us(void)
{
    return (int64_t)(sg_mono_now_ns() / 1000);
}
