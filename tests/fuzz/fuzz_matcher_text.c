/* Matchers in Alertmanager's notation. What is read and written again in quotes reads as the same.
 */
#include <streamgauge/buf.h>
#include <streamgauge/matcher.h>

enum { MAX = 8 };

static void put_quoted(struct sg_buf *b, struct sg_str s)
{
    sg_buf_putc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            sg_buf_putc(b, '\\');
        if (s.p[i] == '\n')
            sg_buf_puts(b, "\\n");
        else
            sg_buf_putc(b, s.p[i]);
    }
    sg_buf_putc(b, '"');
}

static void write_again(const struct sg_matcher *m, size_t n, struct sg_buf *b)
{
    sg_buf_puts(b, "{");
    for (size_t i = 0; i < n; i++) {
        put_quoted(b, m[i].name);
        sg_buf_puts(b, sg_match_type_text(m[i].type));
        put_quoted(b, m[i].value);
        sg_buf_puts(b, ",");
    }
    sg_buf_puts(b, "}");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_matcher first[MAX], second[MAX];
    struct sg_error err = {0};
    struct sg_buf b;
    ssize_t n = sg_matcher_parse_list(sg_str_make((const char *)data, size), first, MAX, &err);
    if (n < 0) {
        SG_ASSERT(err.code == (enum sg_errc)n && err.text[0]);
        return 0;
    }
    sg_buf_init(&b, (size_t)4 << 20);
    write_again(first, (size_t)n, &b);
    SG_ASSERT(sg_matcher_parse_list(sg_buf_str(&b), second, MAX, NULL) == n);
    for (ssize_t i = 0; i < n; i++) {
        SG_ASSERT(sg_matcher_cmp(&first[i], &second[i]) == 0);
        sg_matcher_deinit(&first[i]);
        sg_matcher_deinit(&second[i]);
    }
    sg_buf_deinit(&b);
    return 0;
}
