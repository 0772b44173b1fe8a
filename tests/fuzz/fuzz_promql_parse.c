/* fuzz_promql_parse.c - any bytes as an expression: refused with a place, or parse → print → parse
 * is a fixpoint. */
#include <stdint.h>
#include <stdlib.h>
#include <streamgauge/promql_ast.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(const struct sg_error *err, int rc, size_t size)
{
    SG_ASSERT(rc < 0 && err->code == (enum sg_errc)rc);
    SG_ASSERT(err->line >= 1 && err->column >= 1);
    SG_ASSERT(err->pos <= err->end && err->end <= size);
    SG_ASSERT(strncmp(err->text, "parse error: ", 13) == 0);
}

/* Ranges lie in the text, heights above the children's, every node has a type. */
static void check_node(const struct sg_expr *e, size_t size)
{
    const struct sg_expr *child;
    SG_ASSERT(e->type != SG_TYPE_NONE && e->height >= 1 && e->height <= SG_PROMQL_MAX_HEIGHT);
    SG_ASSERT(e->pos < e->end && e->end <= size);
    for (uint32_t i = 0; (child = sg_expr_child(e, i)); i++) {
        SG_ASSERT(child->height < e->height);
        check_node(child, size);
    }
}

/* Matchers answer on any value, and on "" what they say they do. A capture is there exactly when
 * there is a match. */
static void check_matchers(const struct sg_promql *q)
{
    for (size_t i = 0; i < q->matcher_count; i++) {
        const struct sg_matcher *m = q->matchers[i];
        struct sg_str groups[4], value = {q->text.p, q->text.n < 200 ? q->text.n : 200};
        SG_ASSERT(sg_matcher_matches(m, SG_STR("")) == m->matches_empty);
        if (!m->regex || i > 4) {
            (void)sg_matcher_matches(m, value);
            continue;
        }
        bool hit = sg_regex_match(m->regex, value);
        int n = sg_regex_capture(m->regex, value, groups, 4);
        SG_ASSERT(n < 0 || (n > 0) == hit || sg_regex_errors(m->regex) > 0);
        SG_ASSERT(n <= 0 || (groups[0].p == value.p && groups[0].n == value.n));
        SG_ASSERT(!hit || sg_regex_shape(m->regex) == SG_REGEX_LITERALS ||
                  sg_str_starts_with(value, sg_regex_prefix(m->regex)));
    }
}

static void check_round(const struct sg_promql *q)
{
    struct sg_buf first, second;
    struct sg_promql *again = NULL;
    struct sg_promql_options opt = {.max_bytes = 1 << 22};
    sg_buf_init(&first, 1 << 22);
    sg_buf_init(&second, 1 << 22);
    if (sg_expr_print(q->root, &first) == 0) {
        SG_ASSERT(sg_promql_parse(sg_buf_str(&first), &opt, &again, NULL) == 0);
        SG_ASSERT(sg_expr_equal(q->root, again->root));
        SG_ASSERT(sg_expr_hash(q->root) == sg_expr_hash(again->root));
        SG_ASSERT(sg_expr_print(again->root, &second) == 0);
        SG_ASSERT(sg_str_eq(sg_buf_str(&first), sg_buf_str(&second)));
    }
    sg_promql_free(again);
    sg_buf_deinit(&first);
    sg_buf_deinit(&second);
}

/* The tree as written means the same. */
static void check_written(const struct sg_promql *q)
{
    struct sg_buf shown;
    struct sg_promql *written = NULL, *again = NULL;
    struct sg_promql_options opt = {.as_written = true}, long_text = {.max_bytes = 1 << 22};
    struct sg_error err = {.code = SG_OK};
    sg_buf_init(&shown, 1 << 22);
    if (sg_promql_parse(q->text, &opt, &written, &err) == 0) {
        check_node(written->root, q->text.n);
        if (sg_expr_print(written->root, &shown) == 0) {
            SG_ASSERT(sg_promql_parse(sg_buf_str(&shown), &long_text, &again, NULL) == 0);
            SG_ASSERT(sg_expr_equal(q->root, again->root));
        }
    } else {
        SG_ASSERT(err.code == SG_ELIMIT);
    }
    sg_promql_free(again);
    sg_promql_free(written);
    sg_buf_deinit(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_str text = {(const char *)data, size};
    struct sg_error err = {.code = SG_OK};
    struct sg_promql *q = NULL;
    if (size > 20000)
        return 0;
    int rc = sg_promql_parse(text, NULL, &q, &err);
    if (rc == 0) {
        check_node(q->root, size);
        check_matchers(q);
        check_round(q);
        check_written(q);
    } else {
        SG_ASSERT(!q);
        check_error(&err, rc, size);
    }
    sg_promql_free(q);
    return 0;
}
