/* fuzz_rules.c - any bytes as a rule file: refused with at least one mistake that has a place in
 * it, or rules of which each has a name and an expression that can be evaluated. */
#include <stdint.h>

#include <streamgauge/ruler.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t n, lines;
};

static void each(void *ctx, const struct sg_error *err)
{
    struct seen *s = ctx;
    s->n++;
    SG_ASSERT(err->code < 0 && err->text[0]);
    SG_ASSERT(err->line >= 1 && err->line <= s->lines);
}

static void check(const struct sg_rules *r)
{
    size_t n = 0;
    for (size_t g = 0; g < r->n_groups; g++) {
        SG_ASSERT(r->groups[g].name.n > 0);
        for (size_t k = 0; k < r->groups[g].n_rules; k++, n++) {
            const struct sg_rule *u = &r->groups[g].rules[k];
            SG_ASSERT(u->name.n > 0 && u->expr.n > 0 && u->parsed && u->line >= 1);
            enum sg_expr_type type = u->parsed->root->type;
            SG_ASSERT(type == SG_TYPE_SCALAR || type == SG_TYPE_VECTOR);
            SG_ASSERT(u->kind == SG_RULE_ALERT || (u->n_annotations == 0 && u->for_ms == 0));
        }
    }
    SG_ASSERT(n == r->n_rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {.lines = 2};
    struct sg_error err = {0};
    for (size_t i = 0; i < size; i++)
        seen.lines += data[i] == '\n' || data[i] == '\r' || data[i] >= 0x80; /* NEL, LS, PS too */
    struct sg_rules *r = sg_rules_new();
    int rc = sg_rules_add(r, "fuzz.yml", sg_str_make((const char *)data, size), each, &seen, &err);
    SG_ASSERT((rc < 0) == (seen.n > 0));
    SG_ASSERT((rc < 0) == (err.code != SG_OK));
    check(r);
    sg_rules_free(r);
    return 0;
}
