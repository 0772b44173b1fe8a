/* mime.c - mails as text. */
#include "notify/mime.h"

#include <string.h>

#include <streamgauge/base64.h>
#include <streamgauge/time.h>

#define MAX_PLAIN 70  /* a value that long stays on its line */
#define WORD_BYTES 42 /* of text in one encoded word: 56 characters of base64 */
#define LINE 76

static bool is_plain(struct sg_str s)
{
    if (s.n > MAX_PLAIN || memmem(s.p, s.n, "=?", 2))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || (unsigned char)s.p[i] > '~')
            return false;
    return true;
}

/* Encoded words, one a line; none ends within a character. */
static void put_words(struct sg_buf *out, struct sg_str s)
{
    char text[WORD_BYTES];
    for (size_t at = 0; at < s.n;) {
        size_t n = 0;
        while (at < s.n) {
            size_t len = sg_utf8_len(s.p + at, s.n - at);
            if (n + (len ? len : 1) > WORD_BYTES)
                break;
            if (len == 0 || (unsigned char)s.p[at] < ' ') {
                text[n++] = len ? ' ' : '?';
                at++;
            } else {
                memcpy(text + n, s.p + at, len);
                n += len;
                at += len;
            }
        }
        sg_buf_puts(out, "=?UTF-8?B?");
        sg_base64_put(out, text, n);
        sg_buf_puts(out, at < s.n ? "?=\r\n " : "?=");
    }
}

void sg__mime_field(struct sg_buf *out, const char *name, struct sg_str value)
{
    sg_buf_printf(out, "%s: ", name);
    if (is_plain(value))
        sg_buf_put_str(out, value);
    else
        put_words(out, value);
    sg_buf_puts(out, "\r\n");
}

/* ---- quoted-printable ---- */

void sg__mime_quoted(struct sg_buf *out, struct sg_str text)
{
    size_t column = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool ends = i + 1 == text.n || text.p[i + 1] == '\n';
        if (c == '\r' && i + 1 < text.n && text.p[i + 1] == '\n')
            continue;
        if (c == '\n') {
            sg_buf_puts(out, "\r\n");
            column = 0;
            continue;
        }
        bool plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !ends);
        if (column + (plain ? 1 : 3) > LINE - 1) {
            sg_buf_puts(out, "=\r\n");
            column = 0;
        }
        if (plain)
            sg_buf_putc(out, (char)c);
        else
            sg_buf_printf(out, "=%02X", c);
        column += plain ? 1 : 3;
    }
    if (column > 0)
        sg_buf_puts(out, "\r\n");
}

/* Not strftime: names of days must not follow a locale. */
void sg__mime_date(struct sg_buf *out, int64_t wall_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct sg_civil c = sg_civil_from_ms(wall_ms);
    sg_buf_printf(out, "%s, %02d %s %04lld %02d:%02d:%02d +0000", days[c.weekday], c.day,
                  months[c.month - 1], (long long)c.year, c.hour, c.minute, c.second);
}

/* ---- addresses ---- */

static bool is_address(struct sg_str s)
{
    const char *at = memrchr(s.p, '@', s.n);
    if (s.n == 0 || s.n > 320 || at == s.p || (at && at + 1 == s.p + s.n))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || strchr("<>,;:\"()[]\\", s.p[i]))
            return false;
    return true;
}

static int parse_one(struct sg_str item, struct sg__address *ret, struct sg_error *reterr)
{
    const char *open = memrchr(item.p, '<', item.n);
    *ret = (struct sg__address){.name = SG_STR(""), .address = item};
    if (open && item.p[item.n - 1] == '>') {
        ret->name = sg_str_trim((struct sg_str){item.p, (size_t)(open - item.p)});
        ret->address = sg_str_trim((struct sg_str){open + 1, item.n - (size_t)(open - item.p) - 2});
        if (ret->name.n >= 2 && ret->name.p[0] == '"' && ret->name.p[ret->name.n - 1] == '"')
            ret->name = (struct sg_str){ret->name.p + 1, ret->name.n - 2};
    }
    if (is_address(ret->address))
        return 0;
    return sg_error_set(reterr, SG_EINVALID, "expected a mail address, got '%.*s'",
                        SG_STR_ARG(item));
}

int sg__addresses_parse(struct sg_str list, struct sg__address *ret, size_t *ret_n,
                        struct sg_error *reterr)
{
    bool quoted = false;
    size_t start = 0, n = 0;
    for (size_t i = 0; i <= list.n; i++) {
        if (i < list.n && list.p[i] == '"')
            quoted = !quoted;
        if (i < list.n && (list.p[i] != ',' || quoted))
            continue;
        struct sg_str item = sg_str_trim((struct sg_str){list.p + start, i - start});
        start = i + 1;
        if (item.n == 0)
            continue;
        if (n == SG__MAX_ADDRESSES)
            return sg_error_set(reterr, SG_ELIMIT, "more than %d mail addresses",
                                SG__MAX_ADDRESSES);
        int rc = parse_one(item, &ret[n++], reterr);
        if (rc < 0)
            return rc;
    }
    *ret_n = n;
    if (n == 0)
        return sg_error_set(reterr, SG_EINVALID, "expected a mail address");
    return 0;
}

/* A name as a quoted string, or as encoded words. */
static void put_name(struct sg_buf *out, struct sg_str name)
{
    if (!is_plain(name)) {
        put_words(out, name);
        return;
    }
    sg_buf_putc(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            sg_buf_putc(out, '\\');
        sg_buf_putc(out, name.p[i]);
    }
    sg_buf_putc(out, '"');
}

void sg__mime_addresses(struct sg_buf *out, const char *field, const struct sg__address *list,
                        size_t n)
{
    sg_buf_printf(out, "%s: ", field);
    for (size_t i = 0; i < n; i++) {
        sg_buf_puts(out, i ? ",\r\n " : "");
        if (list[i].name.n) {
            put_name(out, list[i].name);
            sg_buf_puts(out, " <");
        }
        sg_buf_put_str(out, list[i].address);
        sg_buf_puts(out, list[i].name.n ? ">" : "");
    }
    sg_buf_puts(out, "\r\n");
}
