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

void sg__source_copy(const char *source, char *ret, size_t size)
{
    size_t n = strlen(source);
    if (n < size)
        memcpy(ret, source, n + 1);
    else
        snprintf(ret, size, "...%s", source + n - (size - 4));
}

/* ---- calls ---- */

/* A definition that can be reached, and the call in the text by which it is. */
struct reached {
    const struct sg__def *def;
    const struct sg__node *by;
};

struct walk {
    const struct sg_template *t;
    bool *seen; /* of the set's definitions */
    struct reached *todo;
    size_t n, cap;
};

/* The error stands where the text calls, and says where in a file it goes on. */
static int no_definition(const struct sg_template *t, const struct sg__node *by,
                         const struct sg__def *def, const struct sg__node *call,
                         struct sg_error *reterr)
{
    char place[300] = "", source[200];
    struct sg_str name = call->text;
    struct sg_error err = {0}, in = {.code = SG_ESYNTAX, .pos = call->pos};
    if (def && def->in != t) {
        sg_error_locate(&in, def->in->text.p, def->in->text.n);
        sg__source_copy(def->in->source, source, sizeof(source));
        snprintf(place, sizeof(place), "%s:%u:%u: ", source, in.line, in.column);
        call = by ? by : call;
    }
    int rc = sg_error_at(&err, SG_ESYNTAX, call->pos, call->pos + 1,
                         "%sthere is no definition of a template '%.*s'", place, SG__SHORT(name));
    sg_error_locate(&err, t->text.p, t->text.n);
    if (reterr && reterr->code == SG_OK)
        *reterr = err;
    return rc;
}

/* Of one list of calls; by NULL: they stand in the text itself. */
static int walk_calls(struct walk *w, const struct sg__def *def, const struct sg__node *calls,
                      const struct sg__node *by, struct sg_error *reterr)
{
    const struct sg__node *missing = NULL; /* the first in the text; the list begins at its end */
    for (; calls; calls = calls->next_call) {
        const struct sg__def *called = sg__def_find(w->t, calls->text);
        if (!called)
            missing = calls;
        if (!called || called->in == w->t) /* its own are looked at anyway */
            continue;
        bool *seen = &w->seen[place_of(w->t->set, called->name)];
        if (*seen)
            continue;
        *seen = true;
        w->todo = sg_grow(w->todo, &w->cap, w->n + 1, sizeof(*w->todo));
        w->todo[w->n++] = (struct reached){called, by ? by : calls};
    }
    return missing ? no_definition(w->t, by, def, missing, reterr) : 0;
}

int sg__calls_check(const struct sg_template *t, struct sg_error *reterr)
{
    struct walk w = {.t = t, .seen = sg_calloc((t->set ? t->set->n_defs : 0) + 1, sizeof(*w.seen))};
    int rc = walk_calls(&w, NULL, t->calls, NULL, reterr);
    for (const struct sg__def *def = t->defs; def && rc == 0; def = def->next)
        rc = walk_calls(&w, def, def->calls, NULL, reterr);
    while (rc == 0 && w.n) {
        struct reached next = w.todo[--w.n];
        rc = walk_calls(&w, next.def, next.def->calls, next.by, reterr);
    }
    sg_free(w.seen);
    sg_free(w.todo);
    return rc;
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

/* What stands around a file's definitions has the name of the file, without its folders. */
static int put_rest(struct sg_template_set *s, struct sg_template *t, struct sg_error *reterr)
{
    const char *slash = strrchr(t->source, '/');
    struct sg__def *def = sg_arena_calloc(&t->arena, 1, sizeof(*def));
    if (!def)
        return sg_error_set(reterr, SG_ELIMIT, SG__TOO_LARGE);
    *def = (struct sg__def){.name = sg_str_from(slash ? slash + 1 : t->source),
                            .in = t,
                            .nodes = t->nodes,
                            .calls = t->calls,
                            .n_slots = t->n_slots};
    if (sg__def_is_empty(def))
        return 0;
    const struct sg__def *own = sg__def_find(t, def->name);
    if (!own || sg__def_is_empty(own))
        return put(s, def, reterr);
    struct sg_error err = {0};
    int rc = sg_error_at(&err, SG_ESYNTAX, 0, 1,
                         "'%.*s' is defined in the text that has this name itself",
                         SG__SHORT(def->name));
    sg_error_locate(&err, t->text.p, t->text.n);
    sg__source_copy(t->source, err.source, sizeof(err.source));
    if (reterr && reterr->code == SG_OK)
        *reterr = err;
    return rc;
}

int sg_template_set_add(struct sg_template_set *s, const char *source, struct sg_str text,
                        struct sg_error *reterr)
{
    struct sg_template *t;
    if (s->bytes + text.n > SG__TEMPLATE_MAX_SET_BYTES)
        return sg_error_set(reterr, SG_ELIMIT, "templates of more than %d bytes together",
                            SG__TEMPLATE_MAX_SET_BYTES);
    int rc =
        sg__template_parse(source, text, SG__TEMPLATE_MAX_SET_TREES - s->tree_bytes, &t, reterr);
    if (rc < 0)
        return rc;
    s->texts = sg_grow(s->texts, &s->cap_texts, s->n_texts + 1, sizeof(struct sg_template *));
    s->texts[s->n_texts++] = t;
    s->bytes += text.n;
    for (struct sg__def *def = t->defs; def && rc == 0; def = def->next)
        rc = put(s, def, reterr);
    if (rc == 0)
        rc = put_rest(s, t, reterr);
    s->tree_bytes += t->arena.used_bytes;
    return rc;
}

struct sg_str sg_template_set_given(const struct sg_template_set *s, struct sg_str name)
{
    for (size_t i = 0; i < s->n_defs; i++) {
        const struct sg__def *def = s->defs[i];
        if (def->in != s->texts[0] && sg_str_ieq(def->name, name) && !sg__def_is_empty(def))
            return def->name;
    }
    return (struct sg_str){0}; /* the first text is the built-in one */
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
