/* template_exec.c - walking the tree: output, variables, pipelines; everything is bounded. */
#define SG__EXEC_IMPLEMENTATION
#include "template_priv.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#define MAX_ARENA_BYTES ((size_t)16 << 20)

int sg__exec_fail(struct sg__exec *x, const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return sg_error_at(x->reterr, SG_EEXECUTION, x->pos, x->pos + 1, "%s", text);
}

void *sg__exec_alloc(struct sg__exec *x, size_t n)
{
    void *p = sg_arena_calloc(&x->arena, 1, n ? n : 1);
    if (!p)
        sg__exec_fail(x, "the expansion takes more than 16 MiB");
    return p;
}

int sg__exec_text(struct sg__exec *x, struct sg_buf *b, struct sg__value *ret)
{
    bool fails = b->failed || x->reterr->code != SG_OK;
    char *copy = fails ? NULL : sg_arena_strndup(&x->arena, b->data ? b->data : "", b->len);
    *ret = sg__v_text(copy ? sg_str_make(copy, b->len) : SG_STR(""));
    sg_buf_deinit(b);
    return copy ? 0 : sg__exec_fail(x, "a text is longer than 64 KiB");
}

struct sg__list *sg__exec_list(struct sg__exec *x, size_t n)
{
    struct sg__list *list = sg__exec_alloc(x, sizeof(*list) + n * sizeof(struct sg__value));
    if (list)
        list->n = n;
    return list;
}

int sg__exec_steps(struct sg__exec *x, size_t n)
{
    if (n > x->max_steps - x->steps)
        return sg__exec_fail(x, "more than %u steps", x->max_steps);
    x->steps += (uint32_t)n;
    return 0;
}

static int count_step(struct sg__exec *x, uint32_t pos)
{
    x->pos = pos;
    return sg__exec_steps(x, 1);
}

/* ---- pipelines ---- */

static int eval_pipe(struct sg__exec *x, const struct sg__pipe *p, struct sg__value *ret);

static int eval_base(struct sg__exec *x, const struct sg__term *t, struct sg__value *ret)
{
    int rc = count_step(x, t->pos);
    if (rc < 0)
        return rc;
    switch (t->kind) {
    case SG__E_CONST:
        *ret = t->value;
        return 0;
    case SG__E_DOT:
        *ret = x->dot;
        return 0;
    case SG__E_VAR:
        if (x->json && t->slot > SG__SLOT_ROOT && t->slot < SG__N_SLOTS)
            return sg__exec_fail(x, "this variable exists in templates of rules only");
        *ret = x->vars[t->slot];
        return 0;
    case SG__E_PIPE:
        return eval_pipe(x, t->pipe, ret);
    case SG__E_CALL:
        if (t->fn->min > 0)
            return sg__exec_fail(x,
                                 "wrong number of arguments for '%s': got 0, expected at least %d",
                                 t->fn->name, t->fn->min);
        return t->fn->call(x, NULL, 0, ret);
    }
    return 0;
}

/* With the first n fields behind it. */
static int eval_term(struct sg__exec *x, const struct sg__term *t, uint32_t n_chain,
                     struct sg__value *ret)
{
    int rc = eval_base(x, t, ret);
    for (uint32_t i = 0; rc == 0 && i < n_chain; i++) {
        x->pos = t->pos;
        rc = sg__value_field(x, ret, t->chain[i], ret);
    }
    return rc;
}

/* `and` and `or`: the first argument that decides. */
static int eval_short(struct sg__exec *x, const struct sg__command *c,
                      const struct sg__value *piped, struct sg__value *ret)
{
    bool is_or = sg__fn_is_or(c->terms[0].fn);
    for (uint32_t i = 1; i < c->n_terms; i++) {
        int rc = eval_term(x, &c->terms[i], c->terms[i].n_chain, ret);
        if (rc < 0 || sg__value_true(ret) == is_or)
            return rc;
    }
    if (piped)
        *ret = *piped;
    return 0;
}

static int eval_args(struct sg__exec *x, const struct sg__command *c, const struct sg__value *piped,
                     struct sg__value **ret, size_t *ret_n)
{
    struct sg__value *args = sg__exec_alloc(x, (c->n_terms + 1) * sizeof(*args));
    *ret_n = 0;
    if (!args)
        return SG_EEXECUTION;
    for (uint32_t i = 1; i < c->n_terms; i++) {
        int rc = eval_term(x, &c->terms[i], c->terms[i].n_chain, &args[(*ret_n)++]);
        if (rc < 0)
            return rc;
    }
    if (piped)
        args[(*ret_n)++] = *piped;
    *ret = args;
    return 0;
}

static int call(struct sg__exec *x, const struct sg__term *t, const struct sg__value *args,
                size_t n, struct sg__value *ret)
{
    x->pos = t->pos;
    int rc = t->fn->call(x, args, n, ret);
    return rc < 0 ? sg_error_wrap(x->reterr, "error calling %s", t->fn->name) : 0;
}

static int eval_command(struct sg__exec *x, const struct sg__command *c,
                        const struct sg__value *piped, struct sg__value *ret)
{
    const struct sg__term *first = &c->terms[0];
    bool is_call = first->kind == SG__E_CALL && first->n_chain == 0;
    struct sg__value *args = NULL;
    size_t n = 0;
    int rc = count_step(x, first->pos);
    if (rc < 0)
        return rc;
    if (is_call && (sg__fn_is_and(first->fn) || sg__fn_is_or(first->fn)))
        return eval_short(x, c, piped, ret);
    if (c->n_terms > 1 || piped)
        rc = eval_args(x, c, piped, &args, &n);
    if (rc < 0)
        return rc;
    if (is_call)
        return call(x, first, args, n, ret);
    if (n == 0)
        return eval_term(x, first, first->n_chain, ret);
    if (first->n_chain == 0)
        return sg__exec_fail(x, "can't give an argument to what is no function");
    rc = eval_term(x, first, first->n_chain - 1, ret);
    if (rc == 0) {
        struct sg__value of = *ret;
        x->pos = first->pos;
        rc = sg__value_method(x, &of, first->chain[first->n_chain - 1], args, n, ret);
    }
    return rc;
}

static int eval_commands(struct sg__exec *x, const struct sg__pipe *p, struct sg__value *ret)
{
    struct sg__value piped;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->n_commands; i++) {
        rc = eval_command(x, &p->commands[i], i ? &piped : NULL, ret);
        piped = *ret;
    }
    return rc;
}

static int eval_pipe(struct sg__exec *x, const struct sg__pipe *p, struct sg__value *ret)
{
    int rc = eval_commands(x, p, ret);
    for (uint32_t i = 0; rc == 0 && i < p->n_slots; i++)
        x->vars[p->slots[i]] = *ret;
    return rc;
}

/* ---- nodes ---- */

static int run(struct sg__exec *x, const struct sg__node *node);

static void print_html(struct sg__exec *x, const struct sg__value *v)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf plain;
    struct sg__value text = *v;
    sg_buf_init(&plain, x->out.max);
    if (v->kind != SG__V_STRING) {
        sg__value_print(x, v, &plain);
        text = sg__v_text(sg_buf_str(&plain));
    }
    if (plain.failed)
        x->out.failed = true;
    else
        sg__html_put(&x->html, &text, &x->out);
}

static int print(struct sg__exec *x, const struct sg__node *node)
{
    struct sg__value v = {0};
    int rc = eval_pipe(x, node->pipe, &v);
    if (rc < 0 || node->pipe->n_slots)
        return rc;
    if (x->data->html)
        print_html(x, &v);
    else
        sg__value_print(x, &v, &x->out);
    return x->reterr->code == SG_OK ? 0 : SG_EEXECUTION;
}

static int run_if(struct sg__exec *x, const struct sg__node *node)
{
    struct sg__value v = {0}, dot = x->dot;
    for (;; node = node->otherwise) {
        int rc = eval_pipe(x, node->pipe, &v);
        if (rc < 0)
            return rc;
        if (sg__value_true(&v) || !node->chained)
            break;
    }
    bool yes = sg__value_true(&v);
    if (yes && node->kind == SG__N_WITH)
        x->dot = v;
    int rc = run(x, yes ? node->body : node->otherwise);
    x->dot = dot;
    return rc;
}

static void set_range_vars(struct sg__exec *x, const struct sg__pipe *p,
                           const struct sg__value *entry)
{
    if (p->n_slots == 1)
        x->vars[p->slots[0]] = entry[1];
    if (p->n_slots == 2) {
        x->vars[p->slots[0]] = entry[0];
        x->vars[p->slots[1]] = entry[1];
    }
}

static int run_range(struct sg__exec *x, const struct sg__node *node)
{
    struct sg__value v = {0}, dot = x->dot;
    const struct sg__list *entries = NULL;
    int rc = eval_commands(x, node->pipe, &v);
    x->pos = node->pos;
    if (rc == 0)
        rc = sg__value_entries(x, &v, &entries);
    if (rc == 0 && (!entries || entries->n == 0))
        return run(x, node->otherwise);
    for (size_t i = 0; rc == 0 && i < entries->n && !x->broken; i += 2) {
        rc = count_step(x, node->pos);
        x->dot = entries->items[i + 1];
        set_range_vars(x, node->pipe, &entries->items[i]);
        if (rc == 0)
            rc = run(x, node->body);
        x->continued = false;
    }
    x->broken = false;
    x->dot = dot;
    return rc;
}

static int run_body(struct sg__exec *x, const struct sg__def *def, const struct sg__value *dot)
{
    struct sg__value *vars = x->vars, outer = x->dot;
    const struct sg_template *at = x->at;
    x->vars = sg_calloc(def->n_slots, sizeof(*x->vars));
    x->vars[SG__SLOT_ROOT] = x->dot = *dot;
    x->at = def->in;
    int rc = run(x, def->nodes);
    sg_free(x->vars);
    x->vars = vars;
    x->dot = outer;
    if (rc == 0) /* else the error is there */
        x->at = at;
    return rc;
}

static int run_call(struct sg__exec *x, const struct sg__node *node)
{
    struct sg__value dot = {0};
    int rc = count_step(x, node->pos);
    if (rc == 0 && node->pipe)
        rc = eval_pipe(x, node->pipe, &dot);
    if (rc < 0)
        return rc;
    x->pos = node->pos;
    const struct sg__def *def = sg__def_find(x->t, node->text);
    if (!def)
        return sg__exec_fail(x, "there is no definition of a template '%.*s'",
                             SG__SHORT(node->text));
    if (x->calls >= SG__TEMPLATE_MAX_CALLS)
        return sg__exec_fail(x, "templates call each other deeper than %d", SG__TEMPLATE_MAX_CALLS);
    x->calls++;
    rc = run_body(x, def, &dot);
    x->calls--;
    return rc;
}

static int run_node(struct sg__exec *x, const struct sg__node *node)
{
    switch (node->kind) {
    case SG__N_TEXT:
        sg_buf_put_str(&x->out, node->text);
        if (x->data->html)
            sg__html_follow(&x->html, node->text, true);
        return 0;
    case SG__N_ACTION:
        return print(x, node);
    case SG__N_IF:
    case SG__N_WITH:
        return run_if(x, node);
    case SG__N_RANGE:
        return run_range(x, node);
    case SG__N_BREAK:
        x->broken = true;
        return 0;
    case SG__N_CONTINUE:
        x->continued = true;
        return 0;
    case SG__N_CALL:
        return run_call(x, node);
    }
    return 0;
}

static int run(struct sg__exec *x, const struct sg__node *node)
{
    int rc = 0;
    if (x->nested >= SG__TEMPLATE_MAX_NESTED)
        return sg__exec_fail(x, "nested deeper than %d", SG__TEMPLATE_MAX_NESTED);
    x->nested++;
    for (; rc == 0 && node && !x->broken && !x->continued; node = node->next) {
        rc = run_node(x, node);
        if (rc == 0 && x->out.failed)
            rc = sg__exec_fail(x, "the result is longer than %zu bytes", x->out.max);
    }
    x->nested--;
    return rc;
}

/* ---- the whole ---- */

static int set_up(struct sg__exec *x)
{
    const struct sg_template_data *d = x->data;
    const struct sg_labels *none = sg_labels_empty();
    if (d->json.n) {
        json_error_t at;
        x->json = json_loadb(d->json.p, d->json.n, JSON_DECODE_ANY, &at);
        if (!x->json)
            return sg_error_set(x->reterr, SG_EEXECUTION, "the data is no JSON: %s", at.text);
        int rc = sg__value_from_json(x, x->json, &x->dot);
        x->vars[SG__SLOT_ROOT] = x->dot;
        return rc;
    }
    x->dot = (struct sg__value){.kind = SG__V_ROOT};
    x->vars[SG__SLOT_ROOT] = x->dot;
    x->vars[SG__SLOT_LABELS] =
        (struct sg__value){.kind = SG__V_LABELS, .labels = d->labels ? d->labels : none};
    x->vars[SG__SLOT_EXTERNAL] = (struct sg__value){
        .kind = SG__V_LABELS, .labels = d->external_labels ? d->external_labels : none};
    x->vars[SG__SLOT_URL] = sg__v_text(d->external_url.p ? d->external_url : SG_STR(""));
    x->vars[SG__SLOT_VALUE] = sg__v_float(d->value);
    return 0;
}

int sg_template_expand(const struct sg_template *t, const struct sg_template_data *d,
                       struct sg_buf *out, struct sg_error *reterr)
{
    struct sg_error err = {0};
    struct sg__exec *x = sg_calloc(1, sizeof(*x));
    x->t = x->at = t;
    x->vars = x->frame;
    x->data = d;
    x->reterr = &err;
    sg_arena_init(&x->arena, MAX_ARENA_BYTES);
    x->max_steps = d->json.n ? SG__TEMPLATE_MAX_STEPS_JSON : SG__TEMPLATE_MAX_STEPS;
    sg_buf_init(&x->out, d->json.n ? SG__TEMPLATE_MAX_OUTPUT_JSON : SG__TEMPLATE_MAX_OUTPUT);
    int rc = set_up(x);
    if (rc == 0)
        rc = run(x, t->nodes);
    if (rc < 0) {
        if (err.end)
            sg_error_locate(&err, x->at->text.p, x->at->text.n);
        if (err.end && x->at->source)
            sg__source_copy(x->at->source, err.source, sizeof(err.source));
        err.code = SG_EEXECUTION;
        if (reterr && reterr->code == SG_OK)
            *reterr = err;
    }
    sg_buf_append(out, x->out.data, x->out.len);
    json_decref(x->json);
    for (size_t i = 0; i < x->n_labels; i++)
        sg_labels_unref(x->labels[i]);
    sg_free(x->labels);
    sg_buf_deinit(&x->out);
    sg_arena_deinit(&x->arena);
    sg_free(x);
    return rc < 0 ? SG_EEXECUTION : 0;
}
