/* text.c - what people read, in the dialects of the services. */
#include <stdio.h>
#include <string.h>

#include "notify/note.h"

/* One alert says at most that, before escaping. */
#define MAX_WORDS 1200
#define MAX_BLOCK 8192

void sg__put_escaped(enum sg__dialect d, struct sg_str text, struct sg_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (d == SG__HTML || (d == SG__SLACK && c != '"'))
            sg_buf_put_html(out, sg_str_make(&c, 1));
        else if (d == SG__MARKDOWN && strchr("\\*_~`|[]<>", c) && c)
            sg_buf_printf(out, "\\%c", c);
        else
            sg_buf_putc(out, c);
    }
}

static void put_words(enum sg__dialect d, struct sg_str text, struct sg_buf *out)
{
    if (text.n > MAX_WORDS) {
        text.n = sg_utf8_valid_prefix(text.p, MAX_WORDS);
        sg__put_escaped(d, text, out);
        sg_buf_puts(out, "…");
    } else {
        sg__put_escaped(d, text, out);
    }
}

static void put_bold(enum sg__dialect d, struct sg_str text, struct sg_buf *out)
{
    static const char *const before[] = {"", "*", "**", "<b>"};
    static const char *const after[] = {"", "*", "**", "</b>"};
    sg_buf_puts(out, before[d]);
    put_words(d, text, out);
    sg_buf_puts(out, after[d]);
}

/* Only http and https: a label must not become javascript: or a mention. */
static void put_link(enum sg__dialect d, const char *text, struct sg_str url, struct sg_buf *out)
{
    bool safe = url.n < 1024 && (sg_str_starts_with(url, SG_STR("https://")) ||
                                 sg_str_starts_with(url, SG_STR("http://")));
    for (size_t i = 0; i < url.n; i++)
        safe = safe && (unsigned char)url.p[i] > ' ' && !strchr("<>|\"()`\\", url.p[i]);
    if (!safe)
        return;
    if (d == SG__SLACK) {
        sg_buf_putc(out, '<');
        sg__put_escaped(d, url, out);
        sg_buf_printf(out, "|%s>", text);
    } else if (d == SG__MARKDOWN) {
        sg_buf_printf(out, "[%s](%.*s)", text, SG_STR_ARG(url));
    } else if (d == SG__HTML) {
        sg_buf_puts(out, "<a href=\"");
        sg__put_escaped(d, url, out);
        sg_buf_printf(out, "\">%s</a>", text);
    } else {
        sg_buf_printf(out, "%s: %.*s", text, SG_STR_ARG(url));
    }
}

/* The labels that the title has not said: "instance=a:80 job=api". */
static void put_labels(const struct sg__note *n, const struct sg__alert_view *a, enum sg__dialect d,
                       struct sg_buf *out)
{
    const char *key;
    json_t *value;
    size_t said = 0;
    json_object_foreach((json_t *)(uintptr_t)a->labels, key, value)
    {
        if (!json_is_string(value) || strcmp(key, "alertname") == 0 ||
            (n->n_alerts > 1 && json_object_get(n->common_labels, key) &&
             strcmp(key, "severity") != 0))
            continue;
        if (said++)
            sg_buf_puts(out, ", ");
        put_words(d, sg_str_from(key), out);
        sg_buf_puts(out, ": ");
        put_words(d, (struct sg_str){json_string_value(value), json_string_length(value)}, out);
    }
    if (said)
        sg_buf_putc(out, '\n');
}

static void put_links(const struct sg__alert_view *a, enum sg__dialect d, struct sg_buf *out)
{
    const struct {
        const char *text;
        struct sg_str url;
    } links[] = {{"Runbook", a->runbook_url},
                 {"Dashboard", a->dashboard_url},
                 {"Expression", a->generator_url}};
    size_t start = out->len;
    for (size_t i = 0; i < SG_ARRAY_LEN(links); i++) {
        size_t before = out->len;
        if (before > start)
            sg_buf_puts(out, d == SG__PLAIN ? "\n" : " · ");
        size_t at = out->len;
        put_link(d, links[i].text, links[i].url, out);
        if (out->len == at)
            out->len = before;
    }
    if (out->len > start)
        sg_buf_putc(out, '\n');
}

static void put_alert(const struct sg__note *n, size_t i, enum sg__dialect d, struct sg_buf *out)
{
    static const char *const marks[] = {"🔥 ", "✅ ", "👀 "};
    struct sg__alert_view a;
    sg__note_alert(n, i, &a);
    sg_buf_puts(out, d == SG__PLAIN ? "" : marks[a.status]);
    put_bold(d, a.summary.n ? a.summary : a.name.n ? a.name : SG_STR("alert"), out);
    sg_buf_printf(out, " (%s%s%s)\n", a.severity, a.status == SG__FIRING ? "" : ", ",
                  a.status == SG__FIRING ? "" : sg__status_name(a.status));
    if (a.description.n) {
        put_words(d, a.description, out);
        sg_buf_putc(out, '\n');
    }
    put_labels(n, &a, d, out);
    if (a.acknowledged_by.n) {
        sg_buf_puts(out, "acknowledged by ");
        put_words(d, a.acknowledged_by, out);
        sg_buf_putc(out, '\n');
    }
    put_links(&a, d, out);
}

void sg__note_text(const struct sg__note *n, enum sg__dialect d, bool title, size_t max_bytes,
                   struct sg_buf *out)
{
    const size_t start = out->len, room_for_more = 40;
    struct sg_buf block;
    sg_buf_init(&block, 64 << 10);
    if (title) {
        put_bold(d, sg_str_from(n->title), out);
        sg_buf_puts(out, "\n\n");
    }
    if (n->digest) {
        struct sg_str text = sg__json_text(json_object_get(n->root, "digest"), "text");
        sg__put_escaped(d,
                        (struct sg_str){text.p, sg_utf8_valid_prefix(text.p, text.n < max_bytes / 2
                                                                                 ? text.n
                                                                                 : max_bytes / 2)},
                        out);
    }
    size_t i;
    for (i = 0; i < n->n_alerts; i++) {
        sg_buf_reset(&block);
        if (i > 0)
            sg_buf_putc(&block, '\n');
        put_alert(n, i, d, &block);
        if (block.failed || block.len > MAX_BLOCK ||
            out->len - start + block.len + room_for_more > max_bytes)
            break;
        sg_buf_put_str(out, sg_buf_str(&block));
    }
    if (i < n->n_alerts)
        sg_buf_printf(out, "%s… and %zu more\n", i ? "\n" : "", n->n_alerts - i);
    while (out->len > start && out->data[out->len - 1] == '\n')
        out->len--;
    sg_buf_deinit(&block);
}

void sg__cut(struct sg_buf *b, size_t max)
{
    static const char dots[] = "…";
    if (b->len <= max)
        return;
    size_t keep = max > sizeof(dots) - 1 ? max - (sizeof(dots) - 1) : 0;
    b->len = sg_utf8_valid_prefix(b->data, keep);
    sg_buf_append(b, dots, sizeof(dots) - 1);
}

void sg__cut_utf16(struct sg_buf *b, size_t max_units)
{
    size_t units = 0, keep = 0;
    for (size_t i = 0; i < b->len;) {
        size_t n = sg_utf8_len(b->data + i, b->len - i);
        size_t width = n == 4 ? 2 : 1;
        if (units + width > max_units) {
            b->len = keep;
            sg_buf_puts(b, "…");
            return;
        }
        units += width;
        i += n ? n : 1;
        if (units + 1 <= max_units)
            keep = i;
    }
}
