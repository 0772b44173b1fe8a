/* ingest_cases.h - tables of bodies and what they must give, however they are cut into pieces. */
#ifndef TESTS_UNIT_INGEST_CASES_H
#define TESTS_UNIT_INGEST_CASES_H

#include <cmocka.h>
#include <ingest_sink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct ingest_case {
    const char *name;
    struct sg_str body;
    const char *expected; /* as ingest_run prints it */
};

/* Text and length, as an initialiser of static tables. */
#define BODY(text)                                                                                 \
    {                                                                                              \
        "" text, sizeof(text) - 1                                                                  \
    }

static inline void assert_body(const struct sg_ingest_options *o,
                               const struct sg_ingest_limits *limits, const struct ingest_case *c,
                               size_t first, size_t piece)
{
    char *got = ingest_run(o, limits, c->body, first, piece);
    if (strcmp(got, c->expected) != 0)
        fail_msg("%s, cut at %zu, then every %zu:\n%s\nexpected:\n%s", c->name, first, piece, got,
                 c->expected);
    sg_free(got);
}

/* Whole, cut once at every place, and byte by byte. */
static inline void assert_cases(const struct sg_ingest_options *o,
                                const struct sg_ingest_limits *limits,
                                const struct ingest_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = cases[i].body.n;
        assert_body(o, limits, &cases[i], 0, len ? len : 1);
        for (size_t cut = 1; cut < len; cut++)
            assert_body(o, limits, &cases[i], cut, len);
        assert_body(o, limits, &cases[i], 0, 1);
    }
}

#endif
