/* regex_syntax.h - RE2 syntax: checked and rewritten for PCRE2, and looked through for cheap
 * shapes. Private to model. */
#ifndef SG_MODEL_REGEX_SYNTAX_H
#define SG_MODEL_REGEX_SYNTAX_H

#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/error.h>
#include <streamgauge/matcher.h>
#include <streamgauge/str.h>

/* Groups may nest this deep; PCRE2 itself stops at 250. */
#define SG__REGEX_MAX_DEPTH 200
/* Most named groups. */
#define SG__REGEX_MAX_NAMES 100

struct sg__regex_name {
    struct sg_str name; /* borrows the pattern */
    uint32_t group;
};

struct sg__regex_info {
    struct sg_buf out;    /* the same pattern for PCRE2; capture groups keep their numbers */
    uint32_t group_count; /* the whole match included */
    uint32_t name_count;
    struct sg__regex_name names[SG__REGEX_MAX_NAMES];
    bool top_alternation; /* there is a '|' outside of all groups */
    bool has_plus;        /* one character or class is repeated with '+' */
    bool spell_plus;      /* in: write such an "x+" as "xx*", see regex.c */
};

/* Checks that the pattern is RE2 and writes it for PCRE2. `out` is initialised and `spell_plus` set
 * by the caller. SG_ESYNTAX, SG_EUNSUPPORTED or SG_ELIMIT with the byte range in the pattern. */
int sg__regex_translate(struct sg_str pattern, struct sg__regex_info *ret, struct sg_error *reterr);

struct sg__regex_shape {
    enum sg_regex_shape shape;
    struct sg_buf text; /* literals one after the other, or the prefix */
    uint32_t *ends;     /* end of each literal in text; sg_free */
    size_t end_count, end_cap;
    bool group_is_all; /* group 1 surrounds everything, so it always equals the whole */
};

/* Finds what can be matched without the regex engine. `pattern` has passed sg__regex_translate. */
void sg__regex_analyse(struct sg_str pattern, bool top_alternation, struct sg__regex_shape *ret);
void sg__regex_shape_deinit(struct sg__regex_shape *shape);

#endif
