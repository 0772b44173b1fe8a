/* digest_text.c - a report as text and as HTML.
 *
 * Charts are lines of block characters in both: mail programs drop SVG and scripts, and show
 * characters. */
#include "digest_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#define MAX_TOP 100

static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/* ---- words ---- */

static const char *title_of(const struct sg_digest_report *r)
{
    return r->def->title.p;
}

static void put_time(const struct sg_digest_report *r, int64_t ms, struct sg_buf *out)
{
    struct sg_civil c = sg_civil_from_ms(ms + r->offset_s * SG_MS_PER_S);
    sg_buf_printf(out, "%04lld-%02d-%02d %02d:%02d", (long long)c.year, c.month, c.day, c.hour,
                  c.minute);
}

static void put_period(const struct sg_digest_report *r, struct sg_buf *out)
{
    int minutes = r->offset_s / 60, distance = minutes < 0 ? -minutes : minutes;
    put_time(r, r->from_ms, out);
    sg_buf_puts(out, " to ");
    put_time(r, r->until_ms, out);
    sg_buf_puts(out, " (UTC");
    if (minutes)
        sg_buf_printf(out, "%c%02d:%02d", minutes < 0 ? '-' : '+', distance / 60, distance % 60);
    sg_buf_putc(out, ')');
}

static void put_number(double v, struct sg_str unit, struct sg_buf *out)
{
    if (fabs(v) >= 1000 && fabs(v) < 1e9)
        sg_buf_printf(out, "%.0f", v);
    else
        sg_buf_printf(out, "%.4g", v);
    if (unit.n) {
        sg_buf_puts(out, unit.p[0] == '%' ? "" : " ");
        sg_buf_put_str(out, unit);
    }
}

/* Seconds are not of interest when there are hours. */
static void put_duration(int64_t ms, struct sg_buf *out)
{
    char text[48];
    int64_t unit = ms >= SG_MS_PER_HOUR ? SG_MS_PER_MIN : SG_MS_PER_S;
    sg_duration_format(sg_time_align(ms + unit / 2, unit), text);
    sg_buf_puts(out, text);
}

void sg__report_bars(const struct sg__report_series *s, struct sg_buf *out)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < SG_DIGEST_BUCKETS; i++) {
        double v = s->bucket[i].n ? s->bucket[i].sum / (double)s->bucket[i].n : NAN;
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    for (size_t i = 0; i < SG_DIGEST_BUCKETS; i++) {
        double v = s->bucket[i].n ? s->bucket[i].sum / (double)s->bucket[i].n : NAN;
        if (isnan(v))
            sg_buf_puts(out, "·");
        else if (!(high > low))
            sg_buf_puts(out, bars[low == 0 ? 0 : 3]);
        else
            sg_buf_puts(out, bars[(size_t)((v - low) / (high - low) * 7 + 0.5)]);
    }
}

void sg__report_subject(const struct sg_digest_report *r, struct sg_buf *out)
{
    struct sg__worst worst[MAX_TOP];
    size_t n = sg__report_worst(r, worst, MAX_TOP);
    uint64_t times = 0, firing = 0;
    for (size_t i = 0; i < n; i++) {
        times += worst[i].times;
        firing += worst[i].firing;
    }
    sg_buf_printf(out, "[%s] %s: ", r->def->weekly ? "WEEKLY" : "DAILY", title_of(r));
    if (times == 0)
        sg_buf_puts(out, "no alerts");
    else
        sg_buf_printf(out, "%llu %s", (unsigned long long)times, times == 1 ? "alert" : "alerts");
    if (firing)
        sg_buf_printf(out, ", %llu firing", (unsigned long long)firing);
}

static void put_uptime(const struct sg_digest_report *r, struct sg_buf *out)
{
    double percent = floor(sg__report_uptime(r) * 10000) / 100;
    sg_buf_printf(out, "up %.2f %% of the time", percent);
    if (r->recorded_ms > r->from_ms + SG_MS_PER_MIN && r->recorded_ms < r->until_ms) {
        sg_buf_puts(out, " since ");
        put_time(r, r->recorded_ms, out);
    }
    if (r->starts)
        sg_buf_printf(out, ", %llu %s", (unsigned long long)r->starts,
                      r->starts == 1 ? "start" : "starts");
}

/* What is not known is not called quiet. */
static void put_gap(const struct sg_digest_report *r, const char *before, const char *after,
                    struct sg_buf *out)
{
    if (r->noted_ms > r->from_ms) {
        sg_buf_printf(out, "%sof the time before ", before);
        put_time(r, r->noted_ms, out);
        sg_buf_printf(out, " notifications are not kept%s", after);
    }
    if (r->left_out)
        sg_buf_printf(out, "%s%llu alerts more are not counted%s", before,
                      (unsigned long long)r->left_out, after);
}

static void put_worst(const struct sg__worst *w, struct sg_buf *out)
{
    sg_buf_printf(out, "%llu %s, ", (unsigned long long)w->times, w->times == 1 ? "time" : "times");
    put_duration(w->total_ms, out);
    sg_buf_puts(out, " in total");
    if (w->times > 1) {
        sg_buf_puts(out, ", the longest ");
        put_duration(w->longest_ms, out);
    }
    if (w->firing)
        sg_buf_puts(out, ", still firing");
}

static void put_values(const struct sg__report_series *s, struct sg_buf *out)
{
    sg_buf_puts(out, "min ");
    put_number(s->min, s->def->unit, out);
    sg_buf_puts(out, ", avg ");
    put_number(s->sum / (double)s->n, s->def->unit, out);
    sg_buf_puts(out, ", max ");
    put_number(s->max, s->def->unit, out);
    sg_buf_puts(out, ", last ");
    put_number(s->last, s->def->unit, out);
}

/* Its labels say more than the expression. */
static bool named(const struct sg__report_series *s)
{
    return *s->text && !sg_str_eq_c(s->def->expr, s->text);
}

/* ---- text ---- */

static void text_alerts(const struct sg_digest_report *r, struct sg_buf *out)
{
    struct sg__worst worst[MAX_TOP];
    size_t n = sg__report_worst(r, worst, r->def->top);
    sg_buf_puts(out, "\nWorst alerts\n");
    if (n == 0)
        sg_buf_puts(out, "  none\n");
    put_gap(r, "  ", "\n", out);
    for (size_t i = 0; i < n; i++) {
        sg_buf_printf(out, "  %-8s  %s: ", worst[i].severity, worst[i].name);
        put_worst(&worst[i], out);
        sg_buf_putc(out, '\n');
    }
}

static const struct sg__report_series *series_at(const struct sg_digest_report *r,
                                                 const struct sg_digest_expr *def, size_t *at)
{
    while (*at < r->n_series)
        if (r->series[(*at)++]->def == def)
            return r->series[*at - 1];
    return NULL;
}

static void text_values(const struct sg_digest_report *r, struct sg_buf *out)
{
    for (size_t i = 0; i < r->def->n_exprs; i++) {
        const struct sg_digest_expr *def = &r->def->exprs[i];
        const struct sg__report_series *s;
        size_t at = 0, n = 0;
        sg_buf_printf(out, "\n%s\n", def->title.p);
        while ((s = series_at(r, def, &at))) {
            n++;
            if (named(s))
                sg_buf_printf(out, "  %s\n", s->text);
            sg_buf_puts(out, "  ");
            put_values(s, out);
            sg_buf_puts(out, "\n  ");
            sg__report_bars(s, out);
            sg_buf_putc(out, '\n');
        }
        if (!n)
            sg_buf_puts(out, "  no values\n");
    }
}

void sg__report_text(const struct sg_digest_report *r, struct sg_buf *out)
{
    sg_buf_printf(out, "%s\n", title_of(r));
    put_period(r, out);
    sg_buf_puts(out, "\nstreamgauge was ");
    put_uptime(r, out);
    sg_buf_putc(out, '\n');
    text_alerts(r, out);
    text_values(r, out);
}

/* ---- HTML ---- */

static void put_heading(const char *text, struct sg_buf *out)
{
    sg_buf_puts(out, "<h3 style=\"font-size:15px;margin:20px 0 6px\">");
    sg_buf_put_html(out, sg_str_from(text));
    sg_buf_puts(out, "</h3>\n");
}

static const char *color_of(const char *severity)
{
    return strcmp(severity, "critical") == 0 ? "#cf222e"
           : strcmp(severity, "info") == 0   ? "#0969da"
                                             : "#9a6700";
}

static void html_alerts(const struct sg_digest_report *r, struct sg_buf *out)
{
    struct sg__worst worst[MAX_TOP];
    size_t n = sg__report_worst(r, worst, r->def->top);
    put_heading("Worst alerts", out);
    if (n == 0)
        sg_buf_puts(out, "<p>None.</p>\n");
    put_gap(r, "<p>", "</p>\n", out);
    for (size_t i = 0; i < n; i++) {
        sg_buf_printf(out,
                      "<div style=\"border-left:4px solid %s;padding:2px 12px;margin:6px 0\"><b>",
                      color_of(worst[i].severity));
        sg_buf_put_html(out, sg_str_from(worst[i].name));
        sg_buf_printf(out, "</b> (%s) ", worst[i].severity);
        put_worst(&worst[i], out);
        sg_buf_puts(out, "</div>\n");
    }
}

static void html_series(const struct sg__report_series *s, struct sg_buf *out)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf values;
    sg_buf_init(&values, 4096);
    put_values(s, &values);
    sg_buf_puts(out, "<div style=\"margin:6px 0\">");
    if (named(s)) {
        sg_buf_puts(out, "<code>");
        sg_buf_put_html(out, sg_str_from(s->text));
        sg_buf_puts(out, "</code><br>\n");
    }
    sg_buf_put_html(out, sg_buf_str(&values));
    sg_buf_puts(out, "<br>\n<span style=\"font-family:monospace;color:#0969da;white-space:pre\">");
    sg__report_bars(s, out);
    sg_buf_puts(out, "</span></div>\n");
}

static void html_values(const struct sg_digest_report *r, struct sg_buf *out)
{
    for (size_t i = 0; i < r->def->n_exprs; i++) {
        const struct sg__report_series *s;
        size_t at = 0, n = 0;
        put_heading(r->def->exprs[i].title.p, out);
        for (; (s = series_at(r, &r->def->exprs[i], &at)); n++)
            html_series(s, out);
        if (!n)
            sg_buf_puts(out, "<p>No values.</p>\n");
    }
}

void sg__report_html(const struct sg_digest_report *r, struct sg_str external_url,
                     struct sg_buf *out)
{
    sg_buf_puts(out, "<!doctype html>\n<html><body style=\"font-family:sans-serif;color:#1f2328;"
                     "max-width:680px\">\n<h2 style=\"font-size:18px;margin:0\">");
    sg_buf_put_html(out, sg_str_from(title_of(r)));
    sg_buf_puts(out, "</h2>\n<p style=\"color:#57606a\">");
    put_period(r, out);
    sg_buf_puts(out, "<br>\nstreamgauge was ");
    put_uptime(r, out);
    sg_buf_puts(out, "</p>\n");
    html_alerts(r, out);
    html_values(r, out);
    if (sg_str_starts_with(external_url, SG_STR("https://")) ||
        sg_str_starts_with(external_url, SG_STR("http://"))) {
        sg_buf_puts(out, "<p><a href=\"");
        sg_buf_put_html(out, external_url);
        sg_buf_puts(out, "\" style=\"color:#0969da\">Open streamgauge</a></p>\n");
    }
    sg_buf_puts(out, "</body></html>\n");
}
