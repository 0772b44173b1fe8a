/* buf.c - the growable byte buffer, and JSON strings and numbers into it. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>

enum { BUF_MIN_BYTES = 64 };

void sg_buf_init(struct sg_buf *b, size_t max)
{
    *b = (struct sg_buf){.max = max};
}

void sg_buf_deinit(struct sg_buf *b)
{
    if (!b)
        return;
    sg_free(b->data);
    *b = (struct sg_buf){.max = b->max};
}

void sg_buf_reset(struct sg_buf *b)
{
    b->len = 0;
    b->failed = false;
}

/* One byte more than cap is allocated, always: sg_buf_cstr can terminate a full buffer. */
static int grow(struct sg_buf *b, size_t need)
{
    size_t cap = b->cap < BUF_MIN_BYTES / 2 ? BUF_MIN_BYTES : b->cap * 2;
    if (cap < need)
        cap = need;
    if (cap > b->max)
        cap = b->max;
    char *data = sg_try_realloc(b->data, cap + 1);
    if (!data) {
        b->failed = true;
        return SG_ELIMIT;
    }
    b->data = data;
    b->cap = cap;
    return 0;
}

int sg_buf_reserve(struct sg_buf *b, size_t n)
{
    if (b->failed)
        return SG_ELIMIT;
    if (b->cap - b->len >= n && b->data)
        return 0;
    if (b->len > b->max || n > b->max - b->len || b->len + n > SIZE_MAX / 4) {
        b->failed = true;
        return SG_ELIMIT;
    }
    return grow(b, b->len + n);
}

int sg_buf_append_slow(struct sg_buf *b, const void *p, size_t n)
{
    int rc = sg_buf_reserve(b, n);
    if (rc < 0)
        return rc;
    if (n)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    return 0;
}

static int append_vprintf(struct sg_buf *b, const char *fmt, va_list args) SG_PRINTF(2, 0);

/* Prints into the free space at once; only when that was too small, a second time with enough. */
static int append_vprintf(struct sg_buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t room = b->data ? b->cap - b->len + 1 : 0;
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, args);
    int rc = n < 0 ? SG_ELIMIT : sg_buf_reserve(b, (size_t)n);
    if (rc < 0)
        b->failed = true;
    else if ((size_t)n >= room)
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    va_end(again);
    if (rc == 0)
        b->len += (size_t)n;
    return rc;
}

int sg_buf_printf(struct sg_buf *b, const char *fmt, ...)
{
    if (b->failed)
        return SG_ELIMIT;
    va_list args;
    va_start(args, fmt);
    int rc = append_vprintf(b, fmt, args);
    va_end(args);
    return rc;
}

int sg_buf_put_double(struct sg_buf *b, double v)
{
    char text[SG_DOUBLE_MAX];
    return sg_buf_append(b, text, sg_double_format(v, text));
}

int sg_buf_put_i64(struct sg_buf *b, int64_t v)
{
    char text[20];
    return sg_buf_append(b, text, sg_i64_format(v, text));
}

int sg_buf_put_u64(struct sg_buf *b, uint64_t v)
{
    char text[20];
    return sg_buf_append(b, text, sg_u64_format(v, text));
}

int sg_buf_put_json_double(struct sg_buf *b, double v)
{
    if (SG_LIKELY(isfinite(v)))
        return sg_buf_put_double(b, v);
    if (isnan(v))
        return sg_buf_append(b, "\"NaN\"", 5);
    return sg_buf_append(b, v > 0 ? "\"+Inf\"" : "\"-Inf\"", 6);
}

/* Non-zero when one of the eight bytes needs a look: a control, a quote, a backslash or not ASCII.
 * The borrows of the subtractions may mark a byte after a marked one wrongly, never miss one;
 * callers only ask for zero. */
static uint64_t json_special(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');
    return (word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & high;
}

typedef unsigned char bytes16 __attribute__((vector_size(16)));

/* The same question for sixteen bytes; the compiler makes vector instructions of it where there are
 * any. */
static bool all_plain16(const char *p)
{
    bytes16 v;
    uint64_t halves[2];
    memcpy(&v, p, sizeof(v));
    /* Controls wrap to the top, so one comparison finds them and what is not ASCII. */
    bytes16 special = (bytes16)(v - 0x20 > 0x5f) | (bytes16)(v == '"') | (bytes16)(v == '\\');
    memcpy(halves, &special, sizeof(halves));
    return (halves[0] | halves[1]) == 0;
}

/* Bytes from p that can stand in a JSON string as they are. */
static size_t plain_run(const char *p, size_t n)
{
    size_t i = 0;
    while (i < n) {
        uint64_t word;
        while (n - i >= sizeof(bytes16) && all_plain16(p + i))
            i += sizeof(bytes16);
        while (n - i >= sizeof(word)) {
            memcpy(&word, p + i, sizeof(word));
            if (json_special(word))
                break;
            i += sizeof(word);
        }
        if (i == n)
            break;
        unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
        size_t len = sg_utf8_len(p + i, n - i);
        if (!len)
            break;
        i += len;
    }
    return i;
}

static int put_escape(struct sg_buf *b, unsigned char c)
{
    static const char letters[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    static const char hex[] = "0123456789abcdef";
    if (c >= 0x80)
        return sg_buf_append(b, "\xef\xbf\xbd", 3); /* U+FFFD */
    char letter = c < 0x20 ? letters[c] : (char)c;
    if (letter)
        return sg_buf_append(b, (char[]){'\\', letter}, 2);
    return sg_buf_append(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

int sg_buf_put_json_str(struct sg_buf *b, struct sg_str s)
{
    size_t start = b->len, i = 0;
    sg_buf_putc(b, '"');
    while (i < s.n && !b->failed) {
        size_t run = plain_run(s.p + i, s.n - i);
        sg_buf_append(b, s.p + i, run);
        i += run;
        if (i < s.n)
            put_escape(b, (unsigned char)s.p[i++]);
    }
    sg_buf_putc(b, '"');
    if (!b->failed)
        return 0;
    b->len = start; /* all or nothing, as every append */
    return SG_ELIMIT;
}

static const char *entity(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    default:
        return NULL;
    }
}

int sg_buf_put_html(struct sg_buf *b, struct sg_str s)
{
    size_t start = b->len;
    for (size_t i = 0; i < s.n && !b->failed; i++) {
        const char *name = entity(s.p[i]);
        if (name)
            sg_buf_puts(b, name);
        else
            sg_buf_putc(b, s.p[i]);
    }
    if (!b->failed)
        return 0;
    b->len = start; /* all or nothing, as every append */
    return SG_ELIMIT;
}

void sg_buf_consume(struct sg_buf *b, size_t n)
{
    SG_ASSERT(n <= b->len);
    if (!n)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
}

const char *sg_buf_cstr(struct sg_buf *b)
{
    if (!b->data)
        return "";
    b->data[b->len] = '\0';
    return b->data;
}

char *sg_buf_steal(struct sg_buf *b, size_t *ret_len)
{
    char *data = b->data;
    if (data)
        data[b->len] = '\0';
    if (ret_len)
        *ret_len = b->len;
    *b = (struct sg_buf){.max = b->max};
    return data;
}
