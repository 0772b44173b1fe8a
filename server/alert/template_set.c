/* template_set.c - definitions of many texts by name. */
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "template_parse.h"

static bool is_blank(struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n\v\f", s.p[i]) || !s.p[i])
            return false;
    return true;
}

bool sg__def_is_empty(const struct sg__def *def)
{
    for (const struct sg__node *n = def->nodes; n; n = n->next)
        if (n->kind != SG__N_TEXT || !is_blank(n->text))
            return false;
    return true;
}

/* The place of a name: of its definition, or where it would be. */
static size_t place_of(const struct sg_template_set *s, struct sg_str name)
{
    size_t low = 0, high = s->n_defs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sg_str_cmp(s->defs[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sg__def *find_in_set(const struct sg_template_set *s, struct sg_str name)
{
    size_t i = place_of(s, name);
    return i < s->n_defs && sg_str_eq(s->defs[i]->name, name) ? s->defs[i] : NULL;
}

const struct sg__def *sg__def_find(const struct sg_template *t, struct sg_str name)
{
    struct sg__def *own = t->defs;
    while (own && !sg_str_eq(own->name, name))
        own = own->next;
    if ((own && !sg__def_is_empty(own)) || !t->set)
        return own;
    struct sg__def *of_set = find_in_set(t->set, name);
    return of_set ? of_set : own;
}

static int no_definition(const struct sg_template *in, const struct sg__node *call,
                         struct sg_error *reterr)
{
    struct sg_error err = {0};
    int rc = sg_error_at(&err, SG_ESYNTAX, call->pos, call->pos + 1,
                         "there is no definition of a template '%.*s'", SG__SHORT(call->text));
    sg_error_locate(&err, in->text.p, in->text.n);
    if (in->source)
        snprintf(err.source, sizeof(err.source), "%s", in->source);
    if (reterr && reterr->code == SG_OK)
        *reterr = err;
    return rc;
}

int sg__calls_check(const struct sg_template *t, const struct sg_template *in,
                    const struct sg__node *calls, struct sg_error *reterr)
{
    const struct sg__node *missing = NULL; /* the first in the text; the list begins at its end */
    for (; calls; calls = calls->next_call)
        if (!sg__def_find(t, calls->text))
            missing = calls;
    return missing ? no_definition(in, missing, reterr) : 0;
}

/* ---- sets ---- */

static int put(struct sg_template_set *s, struct sg__def *def, struct sg_error *reterr)
{
    size_t i = place_of(s, def->name);
    if (i < s->n_defs && sg_str_eq(s->defs[i]->name, def->name)) {
        if (!sg__def_is_empty(def) || sg__def_is_empty(s->defs[i]))
            s->defs[i] = def;
        return 0;
    }
    if (s->n_defs >= SG__TEMPLATE_MAX_SET)
        return sg_error_set(reterr, SG_ELIMIT, "more than %d definitions of templates",
                            SG__TEMPLATE_MAX_SET);
    s->defs = sg_grow(s->defs, &s->cap_defs, s->n_defs + 1, sizeof(struct sg__def *));
    memmove(&s->defs[i + 1], &s->defs[i], (s->n_defs - i) * sizeof(struct sg__def *));
    s->defs[i] = def;
    s->n_defs++;
    return 0;
}

int sg_template_set_add(struct sg_template_set *s, const char *source, struct sg_str text,
                        struct sg_error *reterr)
{
    struct sg_template *t;
    if (s->bytes + text.n > SG__TEMPLATE_MAX_SET_BYTES)
        return sg_error_set(reterr, SG_ELIMIT, "templates of more than %d bytes together",
                            SG__TEMPLATE_MAX_SET_BYTES);
    int rc = sg__template_parse(source, text, SG__TEMPLATE_MAX_FILE, &t, reterr);
    if (rc < 0)
        return rc;
    s->texts = sg_grow(s->texts, &s->cap_texts, s->n_texts + 1, sizeof(struct sg_template *));
    s->texts[s->n_texts++] = t;
    s->bytes += text.n;
    for (struct sg__def *def = t->defs; def && rc == 0; def = def->next)
        rc = put(s, def, reterr);
    return rc;
}

int sg_template_set_check(const struct sg_template_set *s, struct sg_error *reterr)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_defs && rc == 0; i++) {
        const struct sg__node *missing = NULL;
        for (const struct sg__node *c = s->defs[i]->calls; c; c = c->next_call)
            if (!find_in_set(s, c->text))
                missing = c;
        if (missing)
            rc = no_definition(s->defs[i]->in, missing, reterr);
    }
    return rc;
}

struct sg_template_set *sg_template_set_new(void)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_template_set *s = sg_calloc(1, sizeof(*s));
    atomic_init(&s->refs, 1);
    sg_buf_init(&text, SG__TEMPLATE_MAX_FILE);
    for (size_t i = 0; i < sg__n_template_builtin; i++)
        sg_buf_printf(&text, "{{ define `%s` }}%s{{ end }}\n", sg__template_builtin[i].name,
                      sg__template_builtin[i].text);
    int rc = sg_template_set_add(s, "built-in templates", sg_buf_str(&text), NULL);
    SG_ASSERT(rc == 0);
    return s;
}

struct sg_template_set *sg_template_set_ref(struct sg_template_set *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sg_template_set_unref(struct sg_template_set *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < s->n_texts; i++)
        sg_template_free(s->texts[i]);
    sg_free(s->texts);
    sg_free(s->defs);
    sg_free(s);
}
