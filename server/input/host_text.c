/* host_text.c - reading small kernel files and writing exposition text. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <streamgauge/num.h>

#include "host.h"

struct sg_str sg__host_read(struct sg__host_env *env, const char *root, const char *path)
{
    char full[512];
    sg_buf_reset(&env->file);
    snprintf(full, sizeof(full), "%s/%s", root, path);
    int fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SG_STR("");
    ssize_t n = 1;
    while (n > 0 && sg_buf_reserve(&env->file, 16384) == 0) {
        n = read(fd, env->file.data + env->file.len, 16384);
        if (n > 0)
            env->file.len += (size_t)n;
    }
    close(fd);
    return n == 0 ? sg_buf_str(&env->file) : SG_STR("");
}

bool sg__host_line(struct sg_str *rest, struct sg_str *line)
{
    if (!rest->p || rest->n == 0)
        return false;
    *line = sg_str_split(rest, '\n');
    return true;
}

struct sg_str sg__host_word(struct sg_str *line)
{
    while (line->n && (*line->p == ' ' || *line->p == '\t')) {
        line->p++;
        line->n--;
    }
    size_t n = 0;
    while (n < line->n && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    struct sg_str word = {line->p, n};
    line->p += n;
    line->n -= n;
    return word;
}

bool sg__host_number(struct sg_str word, double *ret)
{
    return word.n > 0 && sg_double_parse_all(word.p, word.n, ret) == 0;
}

void sg__host_family(struct sg__host_env *env, const char *name, const char *type, const char *help)
{
    sg_buf_printf(env->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_escaped(struct sg_buf *out, struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\n') {
            sg_buf_puts(out, "\\n");
            continue;
        }
        if (c == '"' || c == '\\')
            sg_buf_putc(out, '\\');
        sg_buf_putc(out, c);
    }
}

void sg__host_sample(struct sg__host_env *env, const char *name,
                     const struct sg__host_label *labels, size_t n_labels, double value)
{
    struct sg_buf *out = env->out;
    sg_buf_puts(out, name);
    for (size_t i = 0; i < n_labels; i++) {
        sg_buf_putc(out, i ? ',' : '{');
        sg_buf_puts(out, labels[i].name);
        sg_buf_puts(out, "=\"");
        put_escaped(out, labels[i].value);
        sg_buf_putc(out, '"');
    }
    if (n_labels)
        sg_buf_putc(out, '}');
    sg_buf_putc(out, ' ');
    sg_buf_put_double(out, value);
    sg_buf_putc(out, '\n');
}
