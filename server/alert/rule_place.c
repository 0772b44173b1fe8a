/* rule_place.c - from a place in a scalar to a place in its file.
 *
 * Text and file are walked side by side. They differ in white space (folding, indentation) and in
 * what quoting adds, so both are stepped over where they do not agree; anything else that differs
 * ends the walk. */
#include "rule_place.h"

#include <stdbool.h>

struct walk {
    struct sg_str file;
    size_t at;
    uint32_t line, column;
};

static void advance(struct walk *w)
{
    unsigned char c = (unsigned char)w->file.p[w->at++];
    if (c == '\n') {
        w->line++;
        w->column = 1;
    } else if ((c & 0xc0) != 0x80) { /* columns count characters, as libyaml's do */
        w->column++;
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool go_to(struct walk *w, uint32_t line, uint32_t column)
{
    while (w->at < w->file.n && (w->line < line || (w->line == line && w->column < column)))
        advance(w);
    return w->at < w->file.n && w->line == line;
}

/* Behind the quote, or the line that begins a block. */
static void enter(struct walk *w)
{
    char c = w->file.p[w->at];
    if (c == '"' || c == '\'')
        advance(w);
    if (c == '|' || c == '>')
        while (w->at < w->file.n && w->file.p[w->at] != '\n')
            advance(w);
}

/* To the next place in the file that may be c. */
static bool find(struct walk *w, char c)
{
    while (w->at < w->file.n && w->file.p[w->at] != c) {
        char other = w->file.p[w->at];
        if (!is_space(other) && other != '\\' && other != '\'')
            return false;
        advance(w);
    }
    return w->at < w->file.n;
}

void sg__rule_place(struct sg_str file, const struct sg_yaml_node *node, size_t pos,
                    uint32_t *ret_line, uint32_t *ret_column)
{
    struct sg_str text = sg_yaml_text(node);
    struct walk w = {.file = file, .line = 1, .column = 1};
    *ret_line = sg_yaml_line(node);
    *ret_column = sg_yaml_column(node);
    if (!go_to(&w, *ret_line, *ret_column))
        return;
    enter(&w);
    for (size_t i = 0; i <= pos && i < text.n; i++) {
        if (is_space(text.p[i])) {
            continue;
        }
        if (!find(&w, text.p[i]))
            return;
        if (i < pos)
            advance(&w);
    }
    *ret_line = w.line;
    *ret_column = w.column;
}
