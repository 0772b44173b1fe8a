/* error.c - setting, wrapping and printing the one error value; failed assertions. */
#define SG_ERROR_IMPLEMENTATION
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <streamgauge/error.h>

/* Ends a text that did not fit with "...", never in the middle of a UTF-8 sequence. */
static void mark_truncated(char *text, size_t size)
{
    size_t i = size - 4;
    while (i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80)
        i--;
    memcpy(text + i, "...", 4);
}

/* Offending tokens are quoted in texts as they came, but a text is always one line. */
static void flatten(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
    }
}

static void set_text(struct sg_error *err, const char *fmt, va_list args) SG_PRINTF(2, 0);

static void set_text(struct sg_error *err, const char *fmt, va_list args)
{
    int n = vsnprintf(err->text, sizeof(err->text), fmt, args);
    if (n < 0)
        err->text[0] = '\0';
    else if ((size_t)n >= sizeof(err->text))
        mark_truncated(err->text, sizeof(err->text));
    flatten(err->text);
}

const char *sg_errc_name(int code)
{
    switch (code) {
#define ERRC_CASE(name, value, text)                                                               \
    case value:                                                                                    \
        return text;
        SG_ERRC_MAP(ERRC_CASE)
#undef ERRC_CASE
    default:
        return "unknown";
    }
}

int sg_error_set(struct sg_error *reterr, enum sg_errc code, const char *fmt, ...)
{
    if (reterr && reterr->code == SG_OK) {
        va_list args;
        va_start(args, fmt);
        set_text(reterr, fmt, args);
        va_end(args);
        reterr->code = code;
    }
    return code;
}

int sg_error_at(struct sg_error *reterr, enum sg_errc code, uint32_t pos, uint32_t end,
                const char *fmt, ...)
{
    if (reterr && reterr->code == SG_OK) {
        va_list args;
        va_start(args, fmt);
        set_text(reterr, fmt, args);
        va_end(args);
        reterr->code = code;
        reterr->pos = pos;
        reterr->end = end;
    }
    return code;
}

int sg_error_wrap(struct sg_error *reterr, const char *fmt, ...)
{
    if (!reterr)
        return SG_OK;
    if (reterr->code == SG_OK)
        return SG_OK;
    char inner[sizeof(reterr->text)];
    memcpy(inner, reterr->text, sizeof(inner));
    va_list args;
    va_start(args, fmt);
    set_text(reterr, fmt, args);
    va_end(args);
    size_t len = strlen(reterr->text), room = sizeof(reterr->text) - len;
    int n = snprintf(reterr->text + len, room, ": %s", inner);
    if (n < 0 || (size_t)n >= room)
        mark_truncated(reterr->text, sizeof(reterr->text));
    return reterr->code;
}

void sg_error_locate(struct sg_error *reterr, const char *text, size_t n)
{
    if (!reterr || reterr->code == SG_OK)
        return;
    size_t pos = reterr->pos < n ? reterr->pos : n, line_start = 0;
    uint32_t line = 1;
    for (size_t i = 0; i < pos; i++) {
        if (text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    reterr->line = line;
    reterr->column = (uint32_t)(pos - line_start) + 1;
}

const char *sg_error_format(const struct sg_error *err, char *dst, size_t size)
{
    const char *sep = err->source[0] ? ":" : "";
    if (err->line)
        snprintf(dst, size, "%s%s%u:%u: %s", err->source, sep, err->line, err->column, err->text);
    else
        snprintf(dst, size, "%s%s%s%s", err->source, sep, sep[0] ? " " : "", err->text);
    return dst;
}

void sg_assert_failed(const char *cond, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "streamgauge: assertion failed: %s at %s:%d\n", cond, file,
                     line);
    if (n > 0) {
        size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
        ssize_t written = write(STDERR_FILENO, text, len);
        (void)written; /* nothing can be done about it: the next line ends the process */
    }
    abort();
}
