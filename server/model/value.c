/* value.c - columns of samples, and selections. */
#include <streamgauge/mem.h>
#include <streamgauge/querier.h>
#include <streamgauge/value.h>

void sg_samples_init(struct sg_samples *s)
{
    *s = (struct sg_samples){0};
}

void sg_samples_deinit(struct sg_samples *s)
{
    if (!s)
        return;
    sg_free(s->time_ms);
    sg_free(s->v);
    sg_free(s->obj);
    sg_samples_init(s);
}

void sg_samples_reset(struct sg_samples *s)
{
    s->n = 0;
    s->kind = SG_KIND_FLOAT;
    sg_free(s->obj);
    s->obj = NULL;
}

void sg_samples_reserve(struct sg_samples *s, size_t n)
{
    if (n <= s->cap && s->time_ms)
        return;
    size_t cap = s->cap;
    s->time_ms = sg_grow(s->time_ms, &cap, n, sizeof(*s->time_ms));
    s->v = sg_realloc(s->v, cap * sizeof(*s->v));
    if (s->obj) {
        s->obj = sg_realloc(s->obj, cap * sizeof(*s->obj));
        memset(s->obj + s->n, 0, (cap - s->n) * sizeof(*s->obj));
    }
    s->cap = cap;
}

void sg_samples_want_objects(struct sg_samples *s, enum sg_value_kind kind)
{
    s->kind = kind;
    if (s->obj)
        return;
    sg_samples_reserve(s, s->n + 1);
    s->obj = sg_calloc(s->cap, sizeof(*s->obj));
}

void sg_selection_deinit(struct sg_selection *s)
{
    if (!s)
        return;
    sg_free(s->series);
    sg_selection_init(s);
}

void sg_selection_add(struct sg_selection *s, struct sg_selected one)
{
    if (s->n == s->cap)
        s->series = sg_grow(s->series, &s->cap, s->n + 1, sizeof(*s->series));
    s->series[s->n++] = one;
}
