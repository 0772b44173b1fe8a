/* template_parse.c - from tokens to a tree: texts, actions and definitions. */
#include "template_parse.h"

#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#define MAX_ARENA ((size_t)8 << 20)

/* ---- nodes ---- */

enum stop { STOP_END_OF_TEXT, STOP_END, STOP_ELSE };

static int parse_list(struct sg__parser *p, struct sg__node **ret, enum stop *ret_stop);

static int expect_right(struct sg__parser *p, const char *where)
{
    return p->tok.kind == SG__T_RIGHT ? sg__parse_advance(p) : sg__parse_unexpected(p, where);
}

/* Behind "else": "if" or "with" of another node in the chain. */
static int parse_chained(struct sg__parser *p, struct sg__node *node, struct sg__node **ret)
{
    bool is_if = p->tok.text.n == 2;
    if ((is_if && node->kind != SG__N_IF) || (!is_if && node->kind != SG__N_WITH))
        return sg__parse_unexpected(p, "else");
    *ret = node->otherwise = sg__parse_alloc(p, sizeof(*node->otherwise));
    if (!node->otherwise)
        return SG_ELIMIT;
    node->chained = true;
    node->otherwise->pos = p->tok.pos;
    node->otherwise->kind = node->kind;
    return sg__parse_advance(p);
}

static int parse_else(struct sg__parser *p, struct sg__node *node)
{
    enum stop stop;
    int rc = expect_right(p, "else");
    if (rc == 0)
        rc = parse_list(p, &node->otherwise, &stop);
    if (rc == 0 && stop != STOP_END)
        return sg__parse_fail(p, &p->tok, "expected {{end}}, got '%.*s'",
                              SG__SHORT(sg__parse_token(p, &p->tok)));
    return rc;
}

static bool at_word(const struct sg__parser *p, const char *word)
{
    return p->tok.kind == SG__T_WORD && sg_str_eq_c(p->tok.text, word);
}

/* Behind the word: pipeline and body, up to what stands behind "else" or "end". */
static int parse_branch(struct sg__parser *p, struct sg__node *node, const char *word,
                        enum stop *ret_stop)
{
    struct sg__token at = p->tok;
    int rc = sg__parse_pipe(p, SG__T_RIGHT, word, &node->pipe);
    p->ranges += node->kind == SG__N_RANGE;
    if (rc == 0)
        rc = sg__parse_advance(p);
    if (rc == 0)
        rc = parse_list(p, &node->body, ret_stop);
    p->ranges -= node->kind == SG__N_RANGE;
    if (rc == 0 && *ret_stop == STOP_END_OF_TEXT)
        rc = sg__parse_fail(p, &at, "no {{end}} for this '%s'", word);
    return rc;
}

/* Behind the word. However long a chain of "else if" is, it is not nested. */
static int parse_control(struct sg__parser *p, struct sg__node *node, const char *word)
{
    enum stop stop = STOP_END;
    uint32_t n_vars = p->n_vars;
    if (++p->depth > SG__TEMPLATE_MAX_DEPTH)
        return sg__parse_fail(p, &p->tok, "nested deeper than 50 at '%.*s'",
                              SG__SHORT(sg__parse_token(p, &p->tok)));
    int rc = parse_branch(p, node, word, &stop);
    for (unsigned n = 0; rc == 0 && stop == STOP_ELSE && (at_word(p, "if") || at_word(p, "with"));
         n++) {
        if (n >= SG__TEMPLATE_MAX_CHAIN)
            rc = sg__parse_fail(p, &p->tok, "more than %d 'else %s' in a row",
                                SG__TEMPLATE_MAX_CHAIN, word);
        if (rc == 0)
            rc = parse_chained(p, node, &node);
        if (rc == 0)
            rc = parse_branch(p, node, word, &stop);
    }
    if (rc == 0 && stop == STOP_ELSE)
        rc = parse_else(p, node);
    p->n_vars = n_vars;
    p->depth--;
    return rc;
}

static int parse_loop_word(struct sg__parser *p, struct sg__node *node, enum sg__node_kind kind)
{
    node->kind = kind;
    if (p->ranges == 0)
        return sg__parse_fail(p, &p->tok, "'%.*s' outside of range",
                              SG__SHORT(sg__parse_token(p, &p->tok)));
    int rc = sg__parse_advance(p);
    return rc < 0 ? rc : expect_right(p, "break or continue");
}

/* ---- definitions ---- */

static int parse_name(struct sg__parser *p, const char *where, struct sg_str *ret)
{
    if (p->tok.kind != SG__T_STRING)
        return sg__parse_unexpected(p, where);
    *ret = p->tok.text;
    return sg__parse_advance(p);
}

/* An empty definition makes room, and never takes it. */
static int add_def(struct sg__parser *p, struct sg__def *def, const struct sg__token *at)
{
    struct sg__def **old = &p->t->defs;
    while (*old && !sg_str_eq((*old)->name, def->name))
        old = &(*old)->next;
    if (!*old) {
        *old = def;
        return 0;
    }
    if (sg__def_is_empty(*old)) {
        def->next = (*old)->next;
        *old = def;
    } else if (!sg__def_is_empty(def)) {
        return sg__parse_fail(p, at, "'%.*s' is defined twice in one text", SG__SHORT(def->name));
    }
    return 0;
}

/* The body of a definition up to its {{end}}: variables and loops around it do not count in it. */
static int parse_body(struct sg__parser *p, struct sg__def *def, const char *word)
{
    static const char *const names[SG__N_SLOTS] = {"$", "", "", "", ""};
    struct sg__token at = p->tok;
    struct sg__def *outer = p->def;
    uint32_t first_var = p->first_var, n_vars = p->n_vars;
    unsigned ranges = p->ranges;
    enum stop stop = STOP_END;
    if (++p->depth > SG__TEMPLATE_MAX_DEPTH || n_vars + SG__N_SLOTS > SG__TEMPLATE_MAX_VARS)
        return sg__parse_fail(p, &at, "definitions are nested too deeply");
    p->first_var = n_vars;
    for (size_t i = 0; i < SG__N_SLOTS; i++)
        p->vars[p->n_vars++] = sg_str_from(names[i]);
    p->ranges = 0;
    p->def = def;
    def->in = p->t;
    def->n_slots = SG__N_SLOTS;
    int rc = sg__parse_advance(p); /* over }} */
    if (rc == 0)
        rc = parse_list(p, &def->nodes, &stop);
    if (rc == 0 && stop == STOP_ELSE)
        rc = sg__parse_fail(p, &p->stopped, "unexpected {{else}} in %s", word);
    if (rc == 0 && stop == STOP_END_OF_TEXT)
        rc = sg__parse_fail(p, &at, "no {{end}} for this '%s'", word);
    p->def = outer;
    p->ranges = ranges;
    p->first_var = first_var;
    p->n_vars = n_vars;
    p->depth--;
    return rc;
}

static int make_def(struct sg__parser *p, struct sg_str name, const char *word)
{
    struct sg__token at = p->tok;
    if (++p->n_defs > SG__TEMPLATE_MAX_DEFS)
        return sg__parse_fail(p, &at, "more than %d definitions in one text",
                              SG__TEMPLATE_MAX_DEFS);
    struct sg__def *def = sg__parse_alloc(p, sizeof(*def));
    if (!def)
        return SG_ELIMIT;
    def->name = name;
    int rc = parse_body(p, def, word);
    return rc < 0 ? rc : add_def(p, def, &at);
}

/* Behind "define". It leaves nothing in the text. */
static int parse_define(struct sg__parser *p)
{
    struct sg_str name;
    if (p->def || p->depth)
        return sg__parse_fail(p, &p->tok,
                              "'define' inside of something else, expected it at the "
                              "top of a text");
    int rc = sg__parse_advance(p);
    if (rc == 0)
        rc = parse_name(p, "define, expected a name in quotes", &name);
    if (rc == 0 && p->tok.kind != SG__T_RIGHT)
        rc = sg__parse_unexpected(p, "define");
    return rc < 0 ? rc : make_def(p, name, "define");
}

/* Behind "template" or "block", which is a definition and its call at once. */
static int parse_call(struct sg__parser *p, struct sg__node *node, bool block)
{
    struct sg__node **calls = p->def ? &p->def->calls : &p->t->calls;
    node->kind = SG__N_CALL;
    p->t->varies = true; /* what definitions do is not followed */
    int rc = parse_name(
        p, block ? "block, expected a name in quotes" : "template, expected a name in quotes",
        &node->text);
    if (rc == 0 && (block || p->tok.kind != SG__T_RIGHT))
        rc = sg__parse_pipe(p, SG__T_RIGHT, block ? "block" : "template", &node->pipe);
    if (rc < 0)
        return rc;
    node->next_call = *calls;
    *calls = node;
    return block ? make_def(p, node->text, "block") : sg__parse_advance(p);
}

/* ---- the whole ---- */

static int parse_action(struct sg__parser *p, struct sg__node *node)
{
    static const struct {
        const char *word;
        enum sg__node_kind kind;
    } words[] = {{"if", SG__N_IF}, {"with", SG__N_WITH}, {"range", SG__N_RANGE}};
    node->pos = p->tok.pos;
    struct sg_str word = p->tok.kind == SG__T_WORD ? p->tok.text : SG_STR("");
    for (size_t i = 0; i < SG_ARRAY_LEN(words); i++) {
        if (!sg_str_eq_c(word, words[i].word))
            continue;
        node->kind = words[i].kind;
        int rc = sg__parse_advance(p);
        return rc < 0 ? rc : parse_control(p, node, words[i].word);
    }
    if (sg_str_eq_c(word, "break"))
        return parse_loop_word(p, node, SG__N_BREAK);
    if (sg_str_eq_c(word, "continue"))
        return parse_loop_word(p, node, SG__N_CONTINUE);
    if (sg_str_eq_c(word, "template") || sg_str_eq_c(word, "block")) {
        int rc = sg__parse_advance(p);
        return rc < 0 ? rc : parse_call(p, node, word.n == 5);
    }
    node->kind = SG__N_ACTION;
    int rc = sg__parse_pipe(p, SG__T_RIGHT, "command", &node->pipe);
    return rc < 0 ? rc : sg__parse_advance(p);
}

/* Up to {{end}} or {{else}} (behind which the current token is then), or the end of the text. */
static int parse_list(struct sg__parser *p, struct sg__node **ret, enum stop *ret_stop)
{
    struct sg__node **last = ret;
    int rc = 0;
    for (;;) {
        if (p->tok.kind == SG__T_END) {
            *ret_stop = STOP_END_OF_TEXT;
            return 0;
        }
        if (at_word(p, "end") || at_word(p, "else"))
            p->stopped = p->tok;
        if (at_word(p, "end")) {
            *ret_stop = STOP_END;
            rc = sg__parse_advance(p);
            return rc < 0 ? rc : expect_right(p, "end");
        }
        if (at_word(p, "else")) {
            *ret_stop = STOP_ELSE;
            return sg__parse_advance(p);
        }
        if (at_word(p, "define")) {
            rc = parse_define(p);
            if (rc < 0)
                return rc;
            continue;
        }
        struct sg__node *node = sg__parse_alloc(p, sizeof(*node));
        if (!node)
            return SG_ELIMIT;
        if (p->tok.kind == SG__T_TEXT) {
            node->text = p->tok.text;
            rc = sg__parse_advance(p);
        } else {
            rc = parse_action(p, node);
        }
        if (rc < 0)
            return rc;
        if (node->kind == SG__N_TEXT && node->text.n == 0)
            continue;
        *last = node;
        last = &node->next;
    }
}

static int parse(struct sg__parser *p)
{
    enum stop stop = STOP_END_OF_TEXT;
    int rc = sg__parse_advance(p);
    if (rc == 0)
        rc = parse_list(p, &p->t->nodes, &stop);
    if (rc == 0 && stop != STOP_END_OF_TEXT)
        rc = sg__parse_fail(p, &p->stopped, "unexpected {{%.*s}}",
                            SG__SHORT(sg__parse_token(p, &p->stopped)));
    return rc;
}

static bool has_action(struct sg_str text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '{' && text.p[i + 1] == '{')
            return true;
    return false;
}

int sg__template_parse(const char *source, struct sg_str text, size_t max_tree,
                       struct sg_template **ret, struct sg_error *reterr)
{
    static const char *const names[] = {"$", "$labels", "$externalLabels", "$externalURL",
                                        "$value"};
    size_t max = source ? SG__TEMPLATE_MAX_FILE : SG__TEMPLATE_MAX_BYTES;
    if (text.n > max)
        return sg_error_set(reterr, SG_ELIMIT, "a template of %zu bytes, expected at most %zu",
                            text.n, max);
    struct sg_error err = {0};
    struct sg_template *t = sg_calloc(1, sizeof(*t));
    sg_arena_init(&t->arena, max_tree);
    t->n_slots = SG__N_SLOTS;
    t->text = sg_str_make(sg_arena_strndup(&t->arena, text.p, text.n), text.n);
    t->source = source ? sg_arena_strndup(&t->arena, source, strlen(source)) : NULL;
    if (!t->text.p || (source && !t->source)) {
        sg_template_free(t);
        return sg_error_set(reterr, SG_ELIMIT, SG__TOO_LARGE);
    }
    struct sg__parser p = {.t = t, .lexer = {.text = t->text, .arena = &t->arena}, .reterr = &err};
    for (p.n_vars = 0; p.n_vars < SG__N_SLOTS; p.n_vars++)
        p.vars[p.n_vars] = sg_str_from(source && p.n_vars ? "" : names[p.n_vars]);
    int rc = parse(&p);
    if (rc < 0) {
        sg_error_locate(&err, text.p, text.n);
        if (source)
            sg__source_copy(source, err.source, sizeof(err.source));
        if (reterr && reterr->code == SG_OK)
            *reterr = err;
        sg_template_free(t);
        return rc;
    }
    *ret = t;
    return 0;
}

int sg_template_parse_in(struct sg_str text, struct sg_template_set *set, struct sg_template **ret,
                         struct sg_error *reterr)
{
    struct sg_template *t;
    *ret = NULL;
    if (!has_action(text))
        return 0;
    int rc = sg__template_parse(NULL, text, MAX_ARENA, &t, reterr);
    if (rc < 0)
        return rc;
    t->set = set ? sg_template_set_ref(set) : NULL;
    rc = sg__calls_check(t, reterr);
    if (rc < 0)
        sg_template_free(t);
    else
        *ret = t;
    return rc;
}

int sg_template_parse(struct sg_str text, struct sg_template **ret, struct sg_error *reterr)
{
    return sg_template_parse_in(text, NULL, ret, reterr);
}

void sg_template_free(struct sg_template *t)
{
    if (!t)
        return;
    sg_template_set_unref(t->set);
    sg_arena_deinit(&t->arena);
    sg_free(t);
}

bool sg_template_depends_on_value(const struct sg_template *t)
{
    return t && t->varies;
}
