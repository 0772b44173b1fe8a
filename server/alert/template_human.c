/* template_human.c - numbers and times for people, digit for digit as Prometheus writes them. */
#include "template_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/num.h>
#include <streamgauge/time.h>

/* ---- floats as Go prints them ---- */

/* Digits of the shortest text of v > 0 and the place of the point behind digits[0]: v is
 * 0.d1d2d3… * 10^point. */
static size_t shortest(double v, char digits[32], int *ret_point)
{
    char text[SG_DOUBLE_MAX];
    size_t len = sg_double_format(v, text), n = 0;
    int exponent = 0, point = 0;
    bool fraction = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '.') {
            fraction = true;
        } else if (c == 'e') {
            int64_t e = 0;
            if (sg_i64_parse(text + i + 1, len - i - 1, &e) == 0)
                exponent = (int)e;
            break;
        } else if (n || c != '0') {
            digits[n++] = c;
            point += !fraction;
        } else {
            point -= fraction; /* a zero behind the point */
        }
    }
    while (n > 1 && digits[n - 1] == '0')
        n--;
    *ret_point = point + exponent;
    return n;
}

static void put_exponent(const char *digits, size_t n, int exponent, struct sg_buf *out)
{
    sg_buf_putc(out, digits[0]);
    if (n > 1) {
        sg_buf_putc(out, '.');
        sg_buf_append(out, digits + 1, n - 1);
    }
    sg_buf_printf(out, "e%c%02d", exponent < 0 ? '-' : '+', exponent < 0 ? -exponent : exponent);
}

static void put_plain(const char *digits, size_t n, int point, struct sg_buf *out)
{
    if (point <= 0) {
        sg_buf_puts(out, "0.");
        for (int i = point; i < 0; i++)
            sg_buf_putc(out, '0');
        sg_buf_append(out, digits, n);
        return;
    }
    for (int i = 0; i < point; i++)
        sg_buf_putc(out, (size_t)i < n ? digits[i] : '0');
    if (n > (size_t)point) {
        sg_buf_putc(out, '.');
        sg_buf_append(out, digits + point, n - (size_t)point);
    }
}

/* Go's %v and %g: the shortest digits, with an exponent below -4 and from 6 on. */
void sg__format_float(double v, struct sg_buf *out)
{
    char digits[32] = {0};
    int point;
    if (isnan(v)) {
        sg_buf_puts(out, "NaN");
        return;
    }
    if (isinf(v)) {
        sg_buf_puts(out, v < 0 ? "-Inf" : "+Inf");
        return;
    }
    if (signbit(v))
        sg_buf_putc(out, '-');
    if (v == 0) {
        sg_buf_putc(out, '0');
        return;
    }
    size_t n = shortest(fabs(v), digits, &point);
    if (point - 1 < -4 || point - 1 >= 6)
        put_exponent(digits, n, point - 1, out);
    else
        put_plain(digits, n, point, out);
}

/* %.4g, and what follows it. */
static int give_4g(struct sg__exec *x, double v, const char *suffix, struct sg__value *ret)
{
    struct sg_buf b;
    sg_buf_init(&b, 64);
    if (isnan(v) || isinf(v))
        sg__format_float(v, &b);
    else
        sg_buf_printf(&b, "%.4g", v);
    sg_buf_puts(&b, suffix);
    return sg__exec_text(x, &b, ret);
}

/* ---- humanize ---- */

static double scale_up(double v, const char *const *prefixes, const char **ret)
{
    *ret = "";
    for (size_t i = 0; i < 8 && fabs(v) >= 1000; i++) {
        *ret = prefixes[i];
        v /= 1000;
    }
    return v;
}

static double scale_down(double v, const char **ret)
{
    static const char *const prefixes[] = {"m", "u", "n", "p", "f", "a", "z", "y"};
    *ret = "";
    for (size_t i = 0; i < SG_ARRAY_LEN(prefixes) && fabs(v) < 1; i++) {
        *ret = prefixes[i];
        v *= 1000;
    }
    return v;
}

SG__FN(sg__fn_humanize)
{
    static const char *const prefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    double v;
    const char *prefix = "";
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0)
        return SG_EEXECUTION;
    if (v != 0 && !isnan(v) && !isinf(v))
        v = fabs(v) >= 1 ? scale_up(v, prefixes, &prefix) : scale_down(v, &prefix);
    return give_4g(x, v, prefix, ret);
}

SG__FN(sg__fn_humanize1024)
{
    static const char *const prefixes[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    double v;
    const char *prefix = "";
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0)
        return SG_EEXECUTION;
    for (size_t i = 0; !isinf(v) && i < SG_ARRAY_LEN(prefixes) && fabs(v) >= 1024; i++) {
        prefix = prefixes[i];
        v /= 1024;
    }
    return give_4g(x, v, prefix, ret);
}

/* As Go's conversion to int64 does on amd64. */
static int64_t to_int(double v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

static void put_duration(double v, struct sg_buf *out)
{
    const char *sign = v < 0 ? "-" : "";
    v = fabs(v);
    int64_t whole = to_int(v);
    int64_t seconds = whole % 60, minutes = whole / 60 % 60, hours = whole / 3600 % 24;
    int64_t days = whole / 86400;
    sg_buf_puts(out, sign);
    if (days)
        sg_buf_printf(out, "%lldd ", (long long)days);
    if (days || hours)
        sg_buf_printf(out, "%lldh ", (long long)hours);
    if (days || hours || minutes)
        sg_buf_printf(out, "%lldm %llds", (long long)minutes, (long long)seconds);
    else
        sg_buf_printf(out, "%.4gs", v);
}

SG__FN(sg__fn_humanize_duration)
{
    double v;
    const char *prefix = "";
    struct sg_buf b;
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0)
        return SG_EEXECUTION;
    if (isnan(v) || isinf(v))
        return give_4g(x, v, "", ret);
    sg_buf_init(&b, 128);
    if (fabs(v) >= 1) {
        put_duration(v, &b);
    } else {
        if (v != 0)
            v = scale_down(v, &prefix);
        sg_buf_printf(&b, "%.4g%ss", v, prefix);
    }
    return sg__exec_text(x, &b, ret);
}

SG__FN(sg__fn_humanize_percentage)
{
    double v;
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0)
        return SG_EEXECUTION;
    return give_4g(x, v * 100, "%", ret);
}

/* ---- times ---- */

/* Seconds to ms, by way of whole nanoseconds, which must fit. */
static int to_ms(struct sg__exec *x, double v, int64_t *ret)
{
    double ns = v * 1e9;
    if (!(ns >= -9223372036854775808.0 && ns < 9223372036854775808.0)) {
        char text[SG_DOUBLE_MAX];
        size_t n = sg_double_format(v, text);
        return sg__exec_fail(x,
                             "%.*s cannot be represented as a nanoseconds timestamp since it "
                             "overflows int64",
                             (int)n, text);
    }
    *ret = (int64_t)ns / 1000000;
    return 0;
}

SG__FN(sg__fn_humanize_timestamp)
{
    double v;
    int64_t ms = 0;
    struct sg_buf b;
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0)
        return SG_EEXECUTION;
    if (isnan(v) || isinf(v))
        return give_4g(x, v, "", ret);
    if (to_ms(x, v, &ms) < 0)
        return SG_EEXECUTION;
    sg_buf_init(&b, 128);
    sg__format_time(ms, 0, &b);
    return sg__exec_text(x, &b, ret);
}

SG__FN(sg__fn_to_time)
{
    double v;
    int64_t ms = 0;
    (void)n;
    if (sg__arg_number(x, &args[0], &v) < 0 || to_ms(x, v, &ms) < 0)
        return SG_EEXECUTION;
    *ret = (struct sg__value){.kind = SG__V_TIME, .i = ms};
    return 0;
}

/* As Go's -0700, with that between hours and minutes. */
static void put_offset(int32_t offset_s, const char *between, struct sg_buf *out)
{
    int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;
    sg_buf_printf(out, "%c%02d%s%02d", offset_s < 0 ? '-' : '+', minutes / 60, between,
                  minutes % 60);
}

void sg__format_time(int64_t ms, int32_t offset_s, struct sg_buf *out)
{
    struct sg_civil c = sg_civil_from_ms(ms + (int64_t)offset_s * 1000);
    sg_buf_printf(out, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)c.year, c.month, c.day, c.hour,
                  c.minute, c.second);
    if (c.ms) {
        char fraction[8];
        int n = snprintf(fraction, sizeof(fraction), ".%03d", c.ms % 1000);
        while (n > 1 && fraction[n - 1] == '0')
            n--;
        sg_buf_append(out, fraction, (size_t)n);
    }
    sg_buf_putc(out, ' ');
    put_offset(offset_s, "", out);
    sg_buf_putc(out, ' ');
    if (offset_s)
        put_offset(offset_s, "", out);
    else
        sg_buf_puts(out, "UTC");
}

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};

enum piece {
    P_MONTH,
    P_MON,
    P_WEEKDAY,
    P_DAY_NAME,
    P_YEAR,
    P_YEAR2,
    P_MONTH2,
    P_MONTH1,
    P_DAY2,
    P_DAY_PAD,
    P_DAY1,
    P_YEARDAY,
    P_YEARDAY_PAD,
    P_HOUR,
    P_HOUR12_2,
    P_HOUR12,
    P_MINUTE2,
    P_MINUTE,
    P_SECOND2,
    P_SECOND,
    P_PM,
    P_PM_SMALL,
    P_UTC,
    P_Z,
    P_Z_COLON,
    P_OFFSET_COLON,
    P_OFFSET,
};

/* Longer ones before those they begin with. */
static const struct {
    const char *text;
    enum piece piece;
} layout_pieces[] = {
    {"January", P_MONTH},  {"Jan", P_MON},     {"Monday", P_WEEKDAY},
    {"Mon", P_DAY_NAME},   {"MST", P_UTC},     {"2006", P_YEAR},
    {"Z07:00", P_Z_COLON}, {"Z0700", P_Z},     {"-07:00", P_OFFSET_COLON},
    {"-0700", P_OFFSET},   {"002", P_YEARDAY}, {"01", P_MONTH2},
    {"02", P_DAY2},        {"03", P_HOUR12_2}, {"04", P_MINUTE2},
    {"05", P_SECOND2},     {"06", P_YEAR2},    {"15", P_HOUR},
    {"1", P_MONTH1},       {"_2006", P_YEAR},  {"__2", P_YEARDAY_PAD},
    {"_2", P_DAY_PAD},     {"2", P_DAY1},      {"3", P_HOUR12},
    {"4", P_MINUTE},       {"5", P_SECOND},    {"PM", P_PM},
    {"pm", P_PM_SMALL},
};

/* size: one switch */
static void put_piece(const struct sg_civil *c, int32_t offset_s, enum piece piece,
                      struct sg_buf *out)
{
    int hour12 = c->hour % 12 ? c->hour % 12 : 12;
    switch (piece) {
    case P_MONTH:
        sg_buf_puts(out, months[c->month - 1]);
        break;
    case P_MON:
        sg_buf_append(out, months[c->month - 1], 3);
        break;
    case P_WEEKDAY:
        sg_buf_puts(out, days[c->weekday]);
        break;
    case P_DAY_NAME:
        sg_buf_append(out, days[c->weekday], 3);
        break;
    case P_YEAR:
        sg_buf_printf(out, "%04lld", (long long)c->year);
        break;
    case P_YEAR2:
        sg_buf_printf(out, "%02d", (int)(c->year % 100));
        break;
    case P_MONTH2:
        sg_buf_printf(out, "%02d", c->month);
        break;
    case P_MONTH1:
        sg_buf_printf(out, "%d", c->month);
        break;
    case P_DAY2:
        sg_buf_printf(out, "%02d", c->day);
        break;
    case P_DAY_PAD:
        sg_buf_printf(out, "%2d", c->day);
        break;
    case P_DAY1:
        sg_buf_printf(out, "%d", c->day);
        break;
    case P_YEARDAY:
        sg_buf_printf(out, "%03d", c->yearday);
        break;
    case P_YEARDAY_PAD:
        sg_buf_printf(out, "%3d", c->yearday);
        break;
    case P_HOUR:
        sg_buf_printf(out, "%02d", c->hour);
        break;
    case P_HOUR12_2:
        sg_buf_printf(out, "%02d", hour12);
        break;
    case P_HOUR12:
        sg_buf_printf(out, "%d", hour12);
        break;
    case P_MINUTE2:
        sg_buf_printf(out, "%02d", c->minute);
        break;
    case P_MINUTE:
        sg_buf_printf(out, "%d", c->minute);
        break;
    case P_SECOND2:
        sg_buf_printf(out, "%02d", c->second);
        break;
    case P_SECOND:
        sg_buf_printf(out, "%d", c->second);
        break;
    case P_PM:
        sg_buf_puts(out, c->hour >= 12 ? "PM" : "AM");
        break;
    case P_PM_SMALL:
        sg_buf_puts(out, c->hour >= 12 ? "pm" : "am");
        break;
    case P_UTC:
        if (offset_s == 0)
            sg_buf_puts(out, "UTC");
        else
            put_offset(offset_s, "", out);
        break;
    case P_Z_COLON:
    case P_Z:
        if (offset_s == 0)
            sg_buf_putc(out, 'Z');
        else
            put_offset(offset_s, piece == P_Z ? "" : ":", out);
        break;
    case P_OFFSET_COLON:
        put_offset(offset_s, ":", out);
        break;
    case P_OFFSET:
        put_offset(offset_s, "", out);
        break;
    }
}

/* ".000" or ",999" behind seconds: that many digits, without zeros at the end for nines. Returns
 * its length in the layout, or 0. */
static size_t put_fraction(struct sg_str rest, int ms, struct sg_buf *out)
{
    char digits[24];
    size_t n = 1;
    if (rest.n < 2 || (rest.p[0] != '.' && rest.p[0] != ',') ||
        (rest.p[1] != '0' && rest.p[1] != '9'))
        return 0;
    while (n < rest.n && n < 10 && rest.p[n] == rest.p[1])
        n++;
    if (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
        return 0;
    snprintf(digits, sizeof(digits), "%03d000000", ms % 1000);
    size_t shown = n - 1;
    while (rest.p[1] == '9' && shown && digits[shown - 1] == '0')
        shown--;
    if (shown) {
        sg_buf_putc(out, rest.p[0]);
        sg_buf_append(out, digits, shown);
    }
    return n;
}

void sg__format_layout(const struct sg__value *time, struct sg_str layout, struct sg_buf *out)
{
    struct sg_civil c = sg_civil_from_ms(time->i + (int64_t)time->offset_s * 1000);
    while (layout.n) {
        size_t n = put_fraction(layout, c.ms, out);
        for (size_t i = 0; n == 0 && i < SG_ARRAY_LEN(layout_pieces); i++) {
            struct sg_str piece = sg_str_from(layout_pieces[i].text);
            if (!sg_str_starts_with(layout, piece))
                continue;
            n = piece.n;
            if (layout_pieces[i].piece == P_YEAR && piece.p[0] == '_') /* "_", then the year */
                sg_buf_putc(out, '_');
            put_piece(&c, time->offset_s, layout_pieces[i].piece, out);
        }
        if (n == 0) {
            sg_buf_putc(out, layout.p[0]);
            n = 1;
        }
        layout.p += n;
        layout.n -= n;
    }
}
