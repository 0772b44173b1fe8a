/* watch_view.c - the terminal side of `watch`. */
#include "watch_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#include "cli.h"

#define MAX_SERIES 10000

void sg_watch_view_init(struct sg_watch_view *v, const char *expr, bool terminal)
{
    *v = (struct sg_watch_view){.expr = expr, .terminal = terminal};
    sg_buf_init(&v->out, (size_t)16 << 20);
}

static void clear_series(struct sg_watch_view *v)
{
    for (size_t i = 0; i < v->n; i++)
        sg_free(v->series[i].name);
    v->n = 0;
}

void sg_watch_view_deinit(struct sg_watch_view *v)
{
    clear_series(v);
    sg_free(v->series);
    sg_buf_deinit(&v->out);
}

bool sg_watch_view_started(const struct sg_watch_view *v)
{
    return v->started;
}

/* {"__name__":"up","job":"x"} → up{job="x"}, without control characters. */
static char *series_name(const json_t *labels)
{
    struct sg_buf b;
    const char *key, *name = json_string_value(json_object_get(labels, "__name__"));
    json_t *value;
    bool first = true;
    sg_buf_init(&b, (size_t)1 << 20);
    if (name)
        sg_buf_puts(&b, name);
    json_object_foreach((json_t *)(uintptr_t)labels, key, value)
    {
        if (strcmp(key, "__name__") == 0)
            continue;
        sg_buf_puts(&b, first ? "{" : ", ");
        sg_buf_puts(&b, key);
        sg_buf_putc(&b, '=');
        sg_buf_put_json_str(&b,
                            sg_str_from(json_string_value(value) ? json_string_value(value) : ""));
        first = false;
    }
    sg_buf_puts(&b, first ? (name ? "" : "{}") : "}");
    char *text = sg_cli_plain(sg_buf_cstr(&b));
    sg_buf_deinit(&b);
    return text;
}

static struct sg_watch_series *slot(struct sg_watch_view *v, json_int_t index)
{
    if (index < 0 || index >= MAX_SERIES)
        return NULL;
    size_t need = (size_t)index + 1;
    if (need > v->n) {
        v->series = sg_grow(v->series, &v->cap, need, sizeof(*v->series));
        memset(&v->series[v->n], 0, (need - v->n) * sizeof(*v->series));
        v->n = need;
    }
    SG_ASSERT(v->series);
    return &v->series[index];
}

static bool number_of(const json_t *j, double *ret)
{
    const char *text = json_string_value(j);
    if (json_is_number(j)) {
        *ret = json_number_value(j);
        return true;
    }
    return text && sg_double_parse_all(text, strlen(text), ret) == 0;
}

static void push(struct sg_watch_series *s, const json_t *value)
{
    double v = 0;
    memmove(s->points, s->points + 1, sizeof(s->points) - sizeof(s->points[0]));
    memmove(s->there, s->there + 1, sizeof(s->there) - sizeof(s->there[0]));
    s->there[SG_WATCH_POINTS - 1] = number_of(value, &v);
    s->points[SG_WATCH_POINTS - 1] = v;
    s->is_new = true;
}

static void repeat(struct sg_watch_series *s)
{
    bool was_new = s->is_new;
    double v = s->points[SG_WATCH_POINTS - 1];
    bool there = s->there[SG_WATCH_POINTS - 1];
    json_t *j = there ? json_real(v) : NULL;
    if (there && !j) { /* NaN and infinities are no JSON numbers */
        memmove(s->points, s->points + 1, sizeof(s->points) - sizeof(s->points[0]));
        memmove(s->there, s->there + 1, sizeof(s->there) - sizeof(s->there[0]));
        s->points[SG_WATCH_POINTS - 1] = v;
        s->there[SG_WATCH_POINTS - 1] = true;
    } else {
        push(s, j);
    }
    json_decref(j);
    s->is_new = was_new;
}

void sg_watch_view_full(struct sg_watch_view *v, const json_t *message)
{
    const json_t *series = json_object_get(message, "series"),
                 *points = json_object_get(message, "points");
    clear_series(v);
    for (size_t i = 0; i < json_array_size(series); i++) {
        struct sg_watch_series *s = slot(v, (json_int_t)i);
        const json_t *labels = json_array_get(series, i); /* null: a free slot */
        if (s && json_is_object(labels))
            s->name = series_name(labels);
    }
    SG_ASSERT(v->series || v->n == 0);
    for (size_t p = 0; p < json_array_size(points); p++) {
        const json_t *point = json_array_get(points, p), *values = json_array_get(point, 1);
        for (size_t i = 0; i < v->n; i++)
            push(&v->series[i], json_array_get(values, i));
    }
    v->time_ms = json_integer_value(json_object_get(message, "t"));
    v->started = true;
}

void sg_watch_view_update(struct sg_watch_view *v, const json_t *message)
{
    const json_t *add = json_object_get(message, "add"), *del = json_object_get(message, "del");
    const json_t *d = json_object_get(message, "d");
    for (size_t i = 0; i < json_array_size(del); i++) {
        struct sg_watch_series *s = slot(v, json_integer_value(json_array_get(del, i)));
        if (s) {
            sg_free(s->name);
            *s = (struct sg_watch_series){0};
        }
    }
    for (size_t i = 0; i < json_array_size(add); i++) {
        const json_t *one = json_array_get(add, i);
        struct sg_watch_series *s = slot(v, json_integer_value(json_array_get(one, 0)));
        if (!s)
            continue;
        sg_free(s->name);
        *s = (struct sg_watch_series){.name = series_name(json_array_get(one, 1))};
    }
    SG_ASSERT(v->series || v->n == 0);
    /* Who is not mentioned keeps its value, but its curve goes on too. */
    for (size_t i = 0; i < v->n; i++)
        repeat(&v->series[i]);
    for (size_t i = 0; i + 1 < json_array_size(d); i += 2) {
        struct sg_watch_series *s = slot(v, json_integer_value(json_array_get(d, i)));
        const json_t *value = json_array_get(d, i + 1);
        double number = 0;
        if (!s)
            continue;
        s->there[SG_WATCH_POINTS - 1] = number_of(value, &number);
        s->points[SG_WATCH_POINTS - 1] = number;
        s->is_new = true;
    }
    v->time_ms = json_integer_value(json_object_get(message, "t"));
}

static void put_sparkline(struct sg_buf *out, const struct sg_watch_series *s)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < SG_WATCH_POINTS; i++) {
        if (s->there[i] && isfinite(s->points[i])) {
            low = fmin(low, s->points[i]);
            high = fmax(high, s->points[i]);
        }
    }
    for (size_t i = SG_WATCH_POINTS / 3; i < SG_WATCH_POINTS; i++) {
        if (!s->there[i] || !isfinite(s->points[i])) {
            sg_buf_putc(out, ' ');
            continue;
        }
        double share = high > low ? (s->points[i] - low) / (high - low) : 0;
        sg_buf_puts(out, bars[(int)(share * 7.999)]);
    }
}

static void put_value(struct sg_buf *out, const struct sg_watch_series *s)
{
    char text[SG_DOUBLE_MAX + 1] = "-";
    if (s->there[SG_WATCH_POINTS - 1])
        text[sg_double_format(s->points[SG_WATCH_POINTS - 1], text)] = '\0';
    sg_buf_printf(out, "%14s", text);
}

static void terminal_size(int *rows, int *columns)
{
    struct winsize w;
    *rows = 24;
    *columns = 80;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 2 && w.ws_col > 20) {
        *rows = w.ws_row;
        *columns = w.ws_col;
    }
}

/* Redraws over the lines of the last time. */
static void draw_terminal(struct sg_watch_view *v, const char *problem)
{
    int rows, columns, lines = 0;
    size_t hidden = 0;
    char when[40] = "";
    terminal_size(&rows, &columns);
    if (v->time_ms)
        sg_rfc3339_format(v->time_ms, when);
    if (v->drawn_lines)
        sg_buf_printf(&v->out, "\033[%dA", v->drawn_lines);
    sg_buf_printf(&v->out, "\r\033[2K\033[1m%.*s\033[0m  %s\n", columns - 28, v->expr, when);
    lines++;
    int name_width = columns - 14 - (SG_WATCH_POINTS * 2 / 3) - 4;
    for (size_t i = 0; i < v->n; i++) {
        const struct sg_watch_series *s = &v->series[i];
        if (!s->name)
            continue;
        if (lines >= rows - 3) {
            hidden++;
            continue;
        }
        sg_buf_puts(&v->out, "\r\033[2K");
        put_value(&v->out, s);
        sg_buf_puts(&v->out, problem ? "  \033[2m" : "  \033[36m");
        put_sparkline(&v->out, s);
        sg_buf_printf(&v->out, "\033[0m  %.*s\n", name_width > 8 ? name_width : 8, s->name);
        lines++;
    }
    sg_buf_puts(&v->out, "\r\033[2K");
    SG_AUTO(sg_free_ptr) char *plain = sg_cli_plain(problem);
    if (problem)
        sg_buf_printf(&v->out, "\033[31mstale: %.*s\033[0m", columns - 10, plain);
    else if (hidden)
        sg_buf_printf(&v->out, "… and %zu more series", hidden);
    else if (lines == 1)
        sg_buf_puts(&v->out, "no series yet");
    sg_buf_puts(&v->out, "\n\033[J");
    v->drawn_lines = lines + 1;
}

static void draw_lines(struct sg_watch_view *v)
{
    for (size_t i = 0; i < v->n; i++) {
        struct sg_watch_series *s = &v->series[i];
        if (!s->name || !s->is_new)
            continue;
        s->is_new = false;
        sg_buf_printf(&v->out, "%lld.%03lld %s ", (long long)(v->time_ms / 1000),
                      (long long)(v->time_ms % 1000), s->name);
        if (s->there[SG_WATCH_POINTS - 1])
            sg_buf_put_double(&v->out, s->points[SG_WATCH_POINTS - 1]);
        else
            sg_buf_puts(&v->out, "stale");
        sg_buf_putc(&v->out, '\n');
    }
}

void sg_watch_view_draw(struct sg_watch_view *v, const char *problem)
{
    if (!v->started)
        return;
    sg_buf_reset(&v->out);
    if (v->terminal)
        draw_terminal(v, problem);
    else
        draw_lines(v);
    fwrite(v->out.data ? v->out.data : "", 1, v->out.len, stdout);
    (void)fflush(stdout);
    if (ferror(stdout)) /* the reader of our pipe is gone */
        exit(0);
}

void sg_watch_view_end(struct sg_watch_view *v)
{
    if (v->terminal && v->drawn_lines) {
        fputs("\033[0m\n", stdout);
        (void)fflush(stdout);
    }
}
