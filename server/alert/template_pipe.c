/* template_pipe.c - from tokens to pipelines; names of variables become slots, names of functions
 * pointers, so nothing is looked up by name while expanding. */
#include "template_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>

int sg__parse_fail(struct sg__parser *p, const struct sg__token *t, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return sg_error_at(p->reterr, SG_ESYNTAX, t->pos, t->end > t->pos ? t->end : t->pos + 1, "%s",
                       text);
}

struct sg_str sg__parse_token(const struct sg__parser *p, const struct sg__token *t)
{
    if (t->kind == SG__T_END)
        return SG_STR("end of text");
    return sg_str_make(p->t->text.p + t->pos, t->end - t->pos);
}

int sg__parse_unexpected(struct sg__parser *p, const char *where)
{
    struct sg_str text = sg__parse_token(p, &p->tok);
    return sg__parse_fail(p, &p->tok, "unexpected '%.*s' in %s", SG__SHORT(text), where);
}

int sg__parse_advance(struct sg__parser *p)
{
    return sg__lex(&p->lexer, &p->tok, p->reterr);
}

void *sg__parse_alloc(struct sg__parser *p, size_t n)
{
    void *m = sg_arena_calloc(&p->t->arena, 1, n);
    if (!m)
        sg_error_at(p->reterr, SG_ELIMIT, p->tok.pos, p->tok.end, "%s",
                    p->t->source ? SG__TOO_LARGE : "the template is too large");
    return m;
}

/* ---- terms ---- */

static int find_var(struct sg__parser *p, struct sg_str name, uint32_t *ret)
{
    for (uint32_t i = p->n_vars; i-- > p->first_var;) {
        if (sg_str_eq(p->vars[i], name)) {
            *ret = i - p->first_var;
            return 0;
        }
    }
    return sg__parse_fail(p, &p->tok, "undefined variable '%.*s'", SG__SHORT(name));
}

static int declare(struct sg__parser *p, struct sg_str name, uint32_t *ret)
{
    if (p->n_vars >= SG__TEMPLATE_MAX_VARS)
        return sg__parse_fail(p, &p->tok, "more than 100 variables at '%.*s'", SG__SHORT(name));
    *ret = p->n_vars - p->first_var;
    p->vars[p->n_vars++] = name;
    uint32_t *n_slots = p->def ? &p->def->n_slots : &p->t->n_slots;
    if (*n_slots <= *ret)
        *n_slots = *ret + 1;
    return 0;
}

/* The base that Go takes an integer's digits for, *at behind its prefix. */
static unsigned base_of(const char *p, size_t n, size_t *at)
{
    if (n < *at + 2 || p[*at] != '0')
        return 10;
    char letter = (char)(p[*at + 1] | 0x20);
    unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (base) {
        *at += 2;
        return base;
    }
    for (size_t i = *at; i < n; i++)
        if (p[i] < '0' || p[i] > '9')
            return 10; /* of a float */
    return 8;
}

/* Digits that are not decimal. */
static bool based_value(const char *p, size_t n, unsigned base, int64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        int d = sg_hex_digit(p[i]);
        if (d < 0 || (unsigned)d >= base || __builtin_mul_overflow(*ret, (int64_t)base, ret) ||
            __builtin_add_overflow(*ret, d, ret))
            return false;
    }
    return n > 0;
}

static int parse_number(struct sg__parser *p, struct sg__value *ret)
{
    struct sg_str s = p->tok.text;
    char digits[64];
    size_t n = 0;
    for (size_t i = 0; i < s.n && n + 1 < sizeof(digits); i++)
        if (s.p[i] != '_')
            digits[n++] = s.p[i];
    size_t at = n > 0 && (digits[0] == '-' || digits[0] == '+');
    unsigned base = base_of(digits, n, &at);
    int64_t i = 0;
    double f = 0;
    if (base != 10) {
        if (!based_value(digits + at, n - at, base, &i))
            return sg__parse_fail(p, &p->tok, "bad number '%.*s'", SG__SHORT(s));
        *ret = sg__v_int(digits[0] == '-' ? -i : i);
    } else if (sg_i64_parse(digits, n, &i) == 0) {
        *ret = sg__v_int(i);
    } else if (n && (digits[n - 1] == '.' || (digits[n - 1] >= '0' && digits[n - 1] <= '9')) &&
               sg_double_parse_all(digits, digits[n - 1] == '.' ? n - 1 : n, &f) == 0) {
        *ret = sg__v_float(f);
    } else {
        return sg__parse_fail(p, &p->tok, "bad number '%.*s'", SG__SHORT(s));
    }
    return 0;
}

static int parse_word(struct sg__parser *p, struct sg__term *ret)
{
    struct sg_str name = p->tok.text;
    if (sg_str_eq_c(name, "true") || sg_str_eq_c(name, "false")) {
        ret->value = sg__v_bool(name.n == 4);
        return 0;
    }
    if (sg_str_eq_c(name, "nil"))
        return 0;
    ret->kind = SG__E_CALL;
    ret->fn = sg__fn_find(name);
    if (ret->fn) {
        p->t->varies = p->t->varies || ret->fn->varies;
        return 0;
    }
    const char *why = sg__fn_refused(name);
    if (why)
        return sg_error_at(p->reterr, SG_EUNSUPPORTED, p->tok.pos, p->tok.end,
                           "function '%.*s' is not supported: %s", SG_STR_ARG(name), why);
    return sg__parse_fail(p, &p->tok, "function '%.*s' is not defined", SG__SHORT(name));
}

static int parse_open(struct sg__parser *p, struct sg__term *ret)
{
    if (++p->depth > SG__TEMPLATE_MAX_DEPTH)
        return sg__parse_fail(p, &p->tok, "nested deeper than 50 at '%.*s'",
                              SG__SHORT(sg__parse_token(p, &p->tok)));
    int rc = sg__parse_advance(p);
    ret->kind = SG__E_PIPE;
    if (rc == 0)
        rc = sg__parse_pipe(p, SG__T_CLOSE, "parenthesized pipeline", &ret->pipe);
    p->depth--;
    return rc;
}

/* .Name.Name behind a term, without white space. */
static int parse_chain(struct sg__parser *p, struct sg__term *ret)
{
    struct sg_str names[SG__TEMPLATE_MAX_DEPTH];
    while (p->tok.kind == SG__T_FIELD && !p->tok.space) {
        if (ret->n_chain >= SG__TEMPLATE_MAX_DEPTH)
            return sg__parse_unexpected(p, "a chain of more than 50 fields");
        names[ret->n_chain++] = p->tok.text;
        int rc = sg__parse_advance(p);
        if (rc < 0)
            return rc;
    }
    if (ret->n_chain == 0)
        return 0;
    if (ret->kind == SG__E_CONST)
        return sg__parse_unexpected(p, "fields of a constant");
    ret->chain = sg__parse_alloc(p, ret->n_chain * sizeof(*names));
    if (!ret->chain)
        return SG_ELIMIT;
    memcpy(ret->chain, names, ret->n_chain * sizeof(*names));
    return 0;
}

/* Does a term's value change with $value? A bare dot may be anything. */
static bool varies(const struct sg__term *t)
{
    bool root = t->kind == SG__E_DOT || (t->kind == SG__E_VAR && t->slot == SG__SLOT_ROOT);
    if (t->kind == SG__E_VAR && t->slot == SG__SLOT_VALUE)
        return true;
    return root && (t->n_chain == 0 || sg_str_eq_c(t->chain[0], "Value"));
}

static int parse_term(struct sg__parser *p, struct sg__term *ret)
{
    int rc = 0;
    bool field = p->tok.kind == SG__T_FIELD;
    *ret = (struct sg__term){.kind = SG__E_CONST, .pos = p->tok.pos};
    switch (p->tok.kind) {
    case SG__T_STRING:
        ret->value = sg__v_text(p->tok.text);
        break;
    case SG__T_NUMBER:
        rc = parse_number(p, &ret->value);
        break;
    case SG__T_CHAR:
        ret->value = sg__v_int(p->tok.number);
        break;
    case SG__T_DOT:
    case SG__T_FIELD:
        ret->kind = SG__E_DOT;
        break;
    case SG__T_VAR:
        ret->kind = SG__E_VAR;
        rc = find_var(p, p->tok.text, &ret->slot);
        break;
    case SG__T_WORD:
        rc = parse_word(p, ret);
        break;
    case SG__T_OPEN:
        rc = parse_open(p, ret);
        break;
    default:
        return sg__parse_unexpected(p, "operand");
    }
    if (rc < 0)
        return rc;
    p->tok.space = field ? false : p->tok.space; /* .A.B: the first field follows the dot */
    if (!field)
        rc = sg__parse_advance(p);
    if (rc == 0)
        rc = parse_chain(p, ret);
    p->t->varies = p->t->varies || (rc == 0 && varies(ret));
    return rc;
}

/* ---- pipelines ---- */

static bool ends_command(enum sg__token_kind kind)
{
    return kind == SG__T_PIPE || kind == SG__T_RIGHT || kind == SG__T_CLOSE;
}

static int check_command(struct sg__parser *p, const struct sg__command *c, bool piped)
{
    const struct sg__term *first = &c->terms[0];
    struct sg__token at = {.pos = first->pos, .end = first->pos + 1};
    if (first->kind == SG__E_CALL && first->n_chain == 0) {
        int n = (int)c->n_terms - 1 + piped;
        const struct sg__fn *fn = first->fn;
        if (n < fn->min || (fn->max >= 0 && n > fn->max))
            return sg_error_at(p->reterr, SG_ESYNTAX, at.pos, at.end,
                               "wrong number of arguments for '%s': got %d, expected %s%d",
                               fn->name, n,
                               fn->max == fn->min ? ""
                               : n < fn->min      ? "at least "
                                                  : "at most ",
                               n < fn->min ? fn->min : fn->max);
        return 0;
    }
    if (first->kind == SG__E_CONST && first->value.kind == SG__V_NIL)
        return sg__parse_fail(p, &at, "nil is not a command");
    if (first->kind == SG__E_CONST && (c->n_terms > 1 || piped))
        return sg__parse_fail(p, &at, "a constant cannot be given arguments");
    return 0;
}

static int parse_command(struct sg__parser *p, bool piped, struct sg__command *ret)
{
    struct sg__term *terms = sg_calloc(SG__TEMPLATE_MAX_ARGS, sizeof(*terms));
    int rc = 0;
    do {
        if (ret->n_terms >= SG__TEMPLATE_MAX_ARGS)
            rc = sg__parse_unexpected(p, "a call with more than 49 arguments");
        else if (ret->n_terms && !p->tok.space)
            rc = sg__parse_unexpected(p, "operand; expected white space before it");
        else
            rc = parse_term(p, &terms[ret->n_terms]);
        ret->n_terms += rc == 0;
    } while (rc == 0 && !ends_command(p->tok.kind));
    if (rc == 0) {
        ret->terms = sg__parse_alloc(p, ret->n_terms * sizeof(*terms));
        rc = ret->terms ? 0 : SG_ELIMIT;
    }
    if (rc == 0) {
        memcpy(ret->terms, terms, ret->n_terms * sizeof(*terms));
        rc = check_command(p, ret, piped);
    }
    sg_free(terms);
    return rc;
}

/* "$x :=", "$x =", "$i, $x :=" before a pipeline. A variable that is only used leaves things as
 * they were. The names come into scope behind the pipeline, hence ret_names. */
static int parse_declaration(struct sg__parser *p, bool range, struct sg__pipe *pipe,
                             struct sg_str ret_names[2])
{
    struct sg__lexer lexer = p->lexer;
    struct sg__token tok = p->tok;
    uint32_t n = 0;
    int rc = 0;
    while (p->tok.kind == SG__T_VAR && n < 2) {
        ret_names[n++] = p->tok.text;
        rc = sg__parse_advance(p);
        if (rc < 0 || p->tok.kind != SG__T_COMMA || n == 2 || !range)
            break;
        rc = sg__parse_advance(p);
        if (rc < 0)
            break;
    }
    bool declares = rc == 0 && n && p->tok.kind == SG__T_DECLARE;
    bool assigns = rc == 0 && n && p->tok.kind == SG__T_ASSIGN;
    if (!declares && !assigns) {
        ret_names[0] = ret_names[1] = SG_STR("");
        p->lexer = lexer;
        p->tok = tok;
        return 0;
    }
    pipe->n_slots = n;
    for (uint32_t i = 0; assigns && rc == 0 && i < n; i++) {
        rc = find_var(p, ret_names[i], &pipe->slots[i]);
        if (rc == 0 && pipe->slots[i] < SG__N_SLOTS)
            p->t->varies = true; /* what is assigned to them is not followed */
        ret_names[i] = SG_STR("");
    }
    return rc == 0 ? sg__parse_advance(p) : rc;
}

static int parse_commands(struct sg__parser *p, enum sg__token_kind end, const char *where,
                          struct sg__pipe *pipe)
{
    struct sg__command commands[SG__TEMPLATE_MAX_ARGS];
    for (;;) {
        if (pipe->n_commands >= SG__TEMPLATE_MAX_ARGS)
            return sg__parse_unexpected(p, "a pipeline of more than 50 commands");
        if (p->tok.kind == SG__T_RIGHT || p->tok.kind == SG__T_CLOSE)
            return sg__parse_fail(p, &p->tok, "missing value before '%.*s'",
                                  SG__SHORT(sg__parse_token(p, &p->tok)));
        commands[pipe->n_commands] = (struct sg__command){0};
        int rc = parse_command(p, pipe->n_commands > 0, &commands[pipe->n_commands]);
        if (rc < 0)
            return rc;
        pipe->n_commands++;
        if (p->tok.kind == end)
            break;
        if (p->tok.kind != SG__T_PIPE)
            return sg__parse_unexpected(p, where);
        rc = sg__parse_advance(p);
        if (rc < 0)
            return rc;
    }
    pipe->commands = sg__parse_alloc(p, pipe->n_commands * sizeof(*commands));
    if (!pipe->commands)
        return SG_ELIMIT;
    memcpy(pipe->commands, commands, pipe->n_commands * sizeof(*commands));
    return 0;
}

/* Up to the token `end`, which stays current. */
int sg__parse_pipe(struct sg__parser *p, enum sg__token_kind end, const char *where,
                   struct sg__pipe **ret)
{
    struct sg_str names[2] = {SG_STR(""), SG_STR("")};
    struct sg__pipe *pipe = sg__parse_alloc(p, sizeof(*pipe));
    if (!pipe)
        return SG_ELIMIT;
    pipe->pos = p->tok.pos;
    int rc = parse_declaration(p, strcmp(where, "range") == 0, pipe, names);
    if (rc == 0)
        rc = parse_commands(p, end, where, pipe);
    for (uint32_t i = 0; rc == 0 && i < 2; i++)
        if (names[i].n)
            rc = declare(p, names[i], &pipe->slots[i]);
    *ret = pipe;
    return rc;
}
