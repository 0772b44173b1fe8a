/* matcher.h - label matchers (= != =~ !~) and the RE2 regexes behind them.
 *
 * Regexes are RE2 syntax, anchored at both ends, and a dot matches a newline too. A label that is
 * absent has the value "". Look-around, back-references, possessive quantifiers, recursion and
 * everything else outside RE2 is refused when the regex is made. Matching has a bounded cost: where
 * backtracking would run away a breadth-first matcher takes over, and where even that would cost
 * too much neither =~ nor !~ holds and sg_regex_errors grows, so that the caller can report it.
 *
 *     struct sg_matcher m;
 *     if (sg_matcher_init(&m, SG_MATCH_RE, SG_STR("job"), SG_STR("api|web"), &err) < 0)
 *         return err.code;
 *     bool hit = sg_matcher_matches(&m, SG_STR("web"));
 *     sg_matcher_deinit(&m);
 *
 * Threads: making and freeing belongs to one thread at a time; matching and capturing may happen on
 * any number of threads at once; ref and unref are atomic.
 */
#ifndef STREAMGAUGE_MATCHER_H
#define STREAMGAUGE_MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/str.h>
#include <sys/types.h>

/* Longest pattern, and longest value a regex is run against; longer values are given up and count
 * as errors. Bytes. */
#define SG_REGEX_MAX_PATTERN 65536
#define SG_REGEX_MAX_SUBJECT 131072
/* Largest repeat count, alone and multiplied over nested repeats, as in RE2. */
#define SG_REGEX_MAX_REPEAT 1000
/* Most capture groups that sg_regex_capture reports, the whole match included. */
#define SG_REGEX_MAX_GROUPS 100

struct sg_regex;

/* Compiles a pattern. SG_ESYNTAX (pos and end are offsets in the pattern), SG_EUNSUPPORTED for
 * syntax outside RE2, SG_ELIMIT for a pattern that is too large. Returns owned through *ret_re:
 * drop with sg_regex_unref. */
SG_API SG_NODISCARD int sg_regex_new(struct sg_str pattern, struct sg_regex **ret_re,
                                     struct sg_error *reterr);
SG_API struct sg_regex *sg_regex_ref(struct sg_regex *re);
SG_API void sg_regex_unref(struct sg_regex *re); /* accepts NULL */

/* 1 when the whole of s matches, 0 when not, SG_ELIMIT when it was given up as too expensive. */
SG_API int sg_regex_try(const struct sg_regex *re, struct sg_str s);
/* Whether the whole of s matches, and that was found out. */
SG_API bool sg_regex_match(const struct sg_regex *re, struct sg_str s);

/* Fills ret_groups[0 .. n-1] with the groups of a match of the whole of s: index 0 is s itself, a
 * group that took no part has p == NULL. The slices borrow s. Returns n (at most max and at most
 * SG_REGEX_MAX_GROUPS), 0 for no match, or SG_ELIMIT when the match was given up as too expensive.
 */
SG_API int sg_regex_capture(const struct sg_regex *re, struct sg_str s, struct sg_str *ret_groups,
                            size_t max);
/* Number of capture groups, the whole match included: at least 1. */
SG_API size_t sg_regex_group_count(const struct sg_regex *re);
/* Index of the group (?P<name>…) or (?<name>…), or SG_ENOTFOUND. */
SG_API int sg_regex_group_index(const struct sg_regex *re, struct sg_str name);

/* Of the calling thread: what a match may cost at most, as bytes times (states alive) squared, when
 * backtracking did not get there; 200000000 (about a second). */
SG_API void sg_regex_set_budget(uint64_t of_thread);
/* Matches that were given up since the regex was made (limit reached, value too long or not UTF-8).
 */
SG_API uint64_t sg_regex_errors(const struct sg_regex *re);
struct sg_matcher;
/* Of all their regexes together: when it has grown, what they said is not the whole truth. */
SG_API uint64_t sg_matchers_errors(const struct sg_matcher *const *matchers, size_t n);

/* What an index can use instead of trying every value. */
enum sg_regex_shape {
    SG_REGEX_GENERAL,  /* a prefix may be known, see sg_regex_prefix; the regex decides */
    SG_REGEX_LITERALS, /* matches exactly the strings of sg_regex_literals, sorted, without
                          duplicates */
    SG_REGEX_PREFIX,   /* matches exactly what starts with sg_regex_prefix ("lit.*") */
    SG_REGEX_ANY,      /* ".*": matches everything */
    SG_REGEX_NONEMPTY, /* ".+": matches everything but "" */
};
SG_API enum sg_regex_shape sg_regex_shape(const struct sg_regex *re);
/* The literals of SG_REGEX_LITERALS, else 0. *ret borrowed until the regex goes. O(1). */
SG_API size_t sg_regex_literals(const struct sg_regex *re, const struct sg_str **ret);
/* A string every match starts with; may be "". Borrowed until the regex goes. O(1). */
SG_API struct sg_str sg_regex_prefix(const struct sg_regex *re);

enum sg_match_type {
    SG_MATCH_EQ,  /* =  */
    SG_MATCH_NE,  /* != */
    SG_MATCH_RE,  /* =~ */
    SG_MATCH_NRE, /* !~ */
};

struct sg_matcher {
    enum sg_match_type type;
    bool matches_empty;     /* it matches a series that does not have the label */
    struct sg_str name;     /* owned, NUL-terminated */
    struct sg_str value;    /* owned, NUL-terminated; the pattern as written for =~ and !~ */
    struct sg_regex *regex; /* a reference for =~ and !~, else NULL */
};

/* Copies name and value. Errors as sg_regex_new for =~ and !~; SG_ENOMEM. On error *m is empty
 * (deinit is harmless). */
SG_API SG_NODISCARD int sg_matcher_init(struct sg_matcher *m, enum sg_match_type type,
                                        struct sg_str name, struct sg_str value,
                                        struct sg_error *reterr);
/* Copies src; the regex is shared, not compiled again. SG_ENOMEM. */
SG_API SG_NODISCARD int sg_matcher_copy(struct sg_matcher *m, const struct sg_matcher *src);
SG_API void sg_matcher_deinit(struct sg_matcher *m);
/* `value` is the label's value, "" when the series has no such label. 1, 0, or SG_ELIMIT when the
 * regex was given up. */
SG_API int sg_matcher_try(const struct sg_matcher *m, struct sg_str value);
/* Whether it matches, and that was found out. */
SG_API bool sg_matcher_matches(const struct sg_matcher *m, struct sg_str value);
static inline bool sg_matcher_matches_empty(const struct sg_matcher *m)
{
    return m->matches_empty;
}
/* "=", "!=", "=~", "!~". Static text. */
SG_API const char *sg_match_type_text(enum sg_match_type type);
/* Order by name, type, value: the canonical order of matchers. Same type, name and value gives 0.
 */
SG_API int sg_matcher_cmp(const struct sg_matcher *a, const struct sg_matcher *b);

/* One matcher as Alertmanager and amtool write it: foo=bar, foo!="b a r", foo=~"a|b", foo!~c; names
 * may be quoted too; in quotes \" \\ \n. SG_ESYNTAX, or as sg_matcher_init. */
SG_API SG_NODISCARD int sg_matcher_parse(struct sg_str text, struct sg_matcher *ret,
                                         struct sg_error *reterr);
/* Several with commas between them, with or without braces: {a="b", c=~d}. Fills ret[0 .. n-1] and
 * returns n <= max; or negative, and nothing is left to deinit. SG_ELIMIT. */
SG_API SG_NODISCARD ssize_t sg_matcher_parse_list(struct sg_str text, struct sg_matcher *ret,
                                                  size_t max, struct sg_error *reterr);

#endif
