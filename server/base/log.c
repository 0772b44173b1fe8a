/* log.c - one event, one line, one write. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <streamgauge/error.h>
#include <streamgauge/log.h>
#include <streamgauge/time.h>

enum { LINE_BYTES = 1024, SITE_LINES = 10, SITE_WINDOW_US = 10 * 1000 * 1000 };

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static atomic_int max_level = SG_LOG_INFO;
static _Atomic(void (*)(void *, const char *, size_t)) line_sink;
static void *_Atomic sink_ctx;

struct line {
    char text[LINE_BYTES];
    size_t len; /* at most LINE_BYTES - 1: the newline always fits */
    bool cut;
};

void sg_log_set_level(enum sg_log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

int sg_log_level_parse(const char *text, enum sg_log_level *ret)
{
    for (size_t i = 0; i < SG_ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum sg_log_level)i;
            return 0;
        }
    }
    return SG_EINVALID;
}

void sg_log_set_sink(void (*sink)(void *ctx, const char *line, size_t n), void *ctx)
{
    atomic_store_explicit(&sink_ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&line_sink, sink, memory_order_release);
}

/* All of it or nothing, so that a line is not cut inside an escape or a UTF-8 sequence. */
static void put(struct line *l, const char *p, size_t n)
{
    if (l->cut || n > LINE_BYTES - 1 - l->len) {
        l->cut = true;
        return;
    }
    memcpy(l->text + l->len, p, n);
    l->len += n;
}

static void put_cstr(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_hex(struct line *l, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    put(l, (char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
}

/* Escapes what could forge a line or drive a terminal: C0, DEL, C1 (U+0080 to U+009F), and what is
 * no UTF-8. */
static void put_escaped(struct line *l, const char *s, bool quoted)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n && !l->cut;) {
        unsigned char c = (unsigned char)s[i];
        size_t len = sg_utf8_len(s + i, n - i);
        bool c1 = len == 2 && c == 0xc2 && (unsigned char)s[i + 1] < 0xa0;
        if (len == 0 || c < 0x20 || c == 0x7f || c1) {
            put_hex(l, c);
            len = 1;
        } else {
            if (quoted && (c == '"' || c == '\\'))
                put(l, "\\", 1);
            put(l, s + i, len);
        }
        i += len;
    }
}

/* Counts this event at its site. False: over the limit. *ret_missed is what the last window left
 * out. */
static bool admit(struct sg_log_site *site, unsigned *ret_missed)
{
    int64_t now = sg_mono_now_us();
    int64_t start = atomic_load_explicit(&site->window_start_us, memory_order_relaxed);
    *ret_missed = 0;
    if (now - start >= SITE_WINDOW_US &&
        atomic_compare_exchange_strong_explicit(&site->window_start_us, &start, now,
                                                memory_order_relaxed, memory_order_relaxed)) {
        atomic_store_explicit(&site->count, 0, memory_order_relaxed);
        *ret_missed = atomic_exchange_explicit(&site->suppressed, 0, memory_order_relaxed);
    }
    if (atomic_fetch_add_explicit(&site->count, 1, memory_order_relaxed) < SITE_LINES)
        return true;
    atomic_fetch_add_explicit(&site->suppressed, 1, memory_order_relaxed);
    return false;
}

static void emit(struct line *l)
{
    if (l->cut) {
        size_t at = l->len < LINE_BYTES - 4 ? l->len : LINE_BYTES - 4;
        while (at > 0 && ((unsigned char)l->text[at] & 0xc0) == 0x80)
            at--;
        memcpy(l->text + at, "...", 3);
        l->len = at + 3;
    }
    l->text[l->len++] = '\n';
    void (*sink)(void *, const char *, size_t) =
        atomic_load_explicit(&line_sink, memory_order_acquire);
    if (sink) {
        sink(atomic_load_explicit(&sink_ctx, memory_order_relaxed), l->text, l->len);
    } else {
        ssize_t written = write(STDERR_FILENO, l->text, l->len);
        (void)written; /* a log that cannot be written cannot be complained about */
    }
}

/* "ts=… level=… part=… msg="…"". */
static void put_head(struct line *l, const char *level, const char *part, const char *msg)
{
    char ts[40];
    sg_rfc3339_format(sg_wall_now_ms(), ts);
    put_cstr(l, "ts=");
    put_cstr(l, ts);
    put_cstr(l, " level=");
    put_cstr(l, level);
    put_cstr(l, " part=");
    put_cstr(l, part);
    put_cstr(l, " msg=\"");
    put_escaped(l, msg, true);
    put_cstr(l, "\"");
}

/* ---- arguments ---- */

/* Which bytes 1 to 31 occur in a text, as bits. */
static uint32_t control_bytes(const char *s)
{
    uint32_t have = 0;
    for (; *s; s++)
        if ((unsigned char)*s < 0x20)
            have |= UINT32_C(1) << (unsigned char)*s;
    return have;
}

/* fmt with each quote replaced by `mark`; 0: left out. False: it is too long. */
static bool mark_quotes(const char *fmt, char mark, char *dst, size_t size)
{
    size_t n = 0;
    for (; *fmt; fmt++) {
        char c = *fmt == '"' ? mark : *fmt;
        if (!c)
            continue;
        if (n + 1 >= size)
            return false;
        dst[n++] = c;
    }
    dst[n] = '\0';
    return true;
}

/* The copies of fmt differ from it in quotes only, which the compiler cannot know. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int format(char *dst, size_t size, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(dst, size, fmt, again);
    va_end(again);
    return n;
}
#pragma GCC diagnostic pop

/* Formats with a control byte for every quote of fmt, so that those of the arguments can be told
 * from them. Returns the length and that byte: one that no argument has. 0 as the byte: there is
 * none, quotes are not told apart. */
static int format_marked(char *dst, size_t size, const char *fmt, va_list args, char *ret_mark)
{
    char marked[512];
    int saved_errno = errno; /* for %m */
    *ret_mark = 0;
    if (strchr(fmt, '"') && mark_quotes(fmt, 0, marked, sizeof(marked)) &&
        format(dst, size, marked, args) >= 0) {
        uint32_t have = control_bytes(dst);
        for (char mark = 1; mark < 0x20 && !*ret_mark; mark++)
            if (!(have >> mark & 1))
                *ret_mark = mark;
    }
    errno = saved_errno;
    return format(dst, size,
                  *ret_mark && mark_quotes(fmt, *ret_mark, marked, sizeof(marked)) ? marked : fmt,
                  args);
}

/* Between marks, which become quotes, what would end a quoted value is escaped. */
static void put_args(struct line *l, char *text, char mark)
{
    bool quoted = false;
    for (char *next; mark && (next = strchr(text, mark)); text = next + 1) {
        *next = '\0';
        put_escaped(l, text, quoted);
        put_cstr(l, "\"");
        quoted = !quoted;
    }
    put_escaped(l, text, quoted);
}

void sg_log_write(struct sg_log_site *site, enum sg_log_level level, const char *part,
                  const char *msg, const char *fmt, ...)
{
    unsigned missed;
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed) ||
        !admit(site, &missed))
        return;
    int saved_errno = errno;
    struct line l = {.len = 0};
    char args_text[LINE_BYTES];
    put_head(&l, level_names[level], part, msg);
    if (missed) {
        snprintf(args_text, sizeof(args_text), " suppressed=%u", missed);
        put_cstr(&l, args_text);
    }
    errno = saved_errno; /* for %m */
    va_list args;
    char mark;
    va_start(args, fmt);
    int n = format_marked(args_text, sizeof(args_text), fmt, args, &mark);
    va_end(args);
    if (n > 0) {
        put_cstr(&l, " ");
        put_args(&l, args_text, mark);
        l.cut = l.cut || (size_t)n >= sizeof(args_text);
    }
    emit(&l);
    errno = saved_errno;
}
