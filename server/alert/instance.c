/* instance.c - tables of what has labels; instances as rows of the database. */
#include "instance.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/value.h>

#define TABLE_MIN 16
#define MAX_KEPT_ANNOTATIONS 16384 /* bytes in a row; longer ones are expanded anew */

/* ---- tables ---- */

void sg__instances_deinit(struct sg__instances *t)
{
    sg_free(t->slot);
    *t = (struct sg__instances){0};
}

void *sg__instances_find(const struct sg__instances *t, const struct sg_labels *labels)
{
    if (!t->slot)
        return NULL;
    for (size_t i = labels->hash & t->mask; t->slot[i]; i = (i + 1) & t->mask)
        if (sg_labels_eq(t->slot[i]->labels, labels))
            return t->slot[i];
    return NULL;
}

static void put(struct sg__instances *t, struct sg__keyed *item)
{
    size_t i = item->labels->hash & t->mask;
    while (t->slot[i])
        i = (i + 1) & t->mask;
    t->slot[i] = item;
}

void sg__instances_add(struct sg__instances *t, void *item)
{
    if (!t->slot || t->n * 2 > t->mask) {
        struct sg__instances old = *t;
        t->mask = old.slot ? old.mask * 2 + 1 : TABLE_MIN - 1;
        t->slot = sg_calloc(t->mask + 1, sizeof(struct sg__keyed *));
        for (size_t i = 0; old.slot && i <= old.mask; i++)
            if (old.slot[i])
                put(t, old.slot[i]);
        sg_free(old.slot);
    }
    put(t, item);
    t->n++;
}

/* Closes the gap by moving back what had to give way to the item. */
void sg__instances_remove(struct sg__instances *t, void *item)
{
    if (!t->slot)
        return;
    struct sg__keyed *one = item;
    size_t i = one->labels->hash & t->mask;
    while (t->slot[i] && t->slot[i] != one)
        i = (i + 1) & t->mask;
    if (!t->slot[i])
        return;
    for (size_t j = (i + 1) & t->mask; t->slot[j]; j = (j + 1) & t->mask) {
        size_t home = t->slot[j]->labels->hash & t->mask;
        if (((j - home) & t->mask) >= ((j - i) & t->mask)) {
            t->slot[i] = t->slot[j];
            i = j;
        }
    }
    t->slot[i] = NULL;
    t->n--;
}

/* ---- instances ---- */

void sg__instance_free(struct sg__instance *i)
{
    if (!i)
        return;
    sg_labels_unref(i->labels);
    sg_labels_unref(i->told);
    sg_labels_unref(i->source);
    sg_labels_unref(i->annotations);
    sg_labels_unref(i->alerts);
    sg_labels_unref(i->for_state);
    sg_free(i);
}

void sg__instance_write(const struct sg__instance *i, struct sg_str rule, struct sg_buf *out)
{
    sg_buf_puts(out, "{\"rule\":");
    sg_buf_put_json_str(out, rule);
    sg_buf_puts(out, ",\"labels\":");
    sg_labels_print_json(i->labels, out);
    sg_buf_printf(out,
                  ",\"state\":\"%s\",\"activeAt\":%lld,\"firedAt\":%lld,\"resolvedAt\":%lld,"
                  "\"value\":",
                  sg_alert_state_name(i->state), (long long)i->active_wall_ms,
                  (long long)i->fired_wall_ms, (long long)i->resolved_wall_ms);
    sg_buf_put_json_double(out, i->value);
    if (i->annotations && i->annotations->bytes <= MAX_KEPT_ANNOTATIONS) {
        sg_buf_puts(out, ",\"annotations\":");
        sg_labels_print_json(i->annotations, out);
    }
    sg_buf_putc(out, '}');
}

static const struct sg_labels *read_labels(const json_t *object)
{
    const char *name;
    json_t *value;
    SG_AUTO(sg_labels_builder_deinit) struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    union {
        const json_t *in;
        json_t *out; /* iterators want it, and change nothing */
    } u = {.in = object};
    json_object_foreach(u.out, name, value)
    {
        if (json_is_string(value))
            sg_labels_builder_add(&b, sg_str_from(name),
                                  sg_str_make(json_string_value(value), json_string_length(value)));
    }
    return sg_labels_builder_build(&b);
}

static int read_state(const json_t *value, enum sg_alert_state *ret)
{
    const char *text = json_string_value(value);
    for (int s = SG_ALERT_PENDING; text && s < SG_N_ALERT_STATES; s++) {
        if (strcmp(text, sg_alert_state_name((enum sg_alert_state)s)) == 0) {
            *ret = (enum sg_alert_state)s;
            return 0;
        }
    }
    return SG_EINVALID;
}

struct sg__instance *sg__instance_read(struct sg_str body)
{
    enum sg_alert_state state;
    json_t *root = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *value = json_object_get(root, "value");
    if (read_state(json_object_get(root, "state"), &state) < 0) {
        json_decref(root);
        return NULL;
    }
    struct sg__instance *i = sg_calloc(1, sizeof(*i));
    i->labels = read_labels(json_object_get(root, "labels"));
    i->state = state;
    i->active_wall_ms = json_integer_value(json_object_get(root, "activeAt"));
    i->fired_wall_ms = json_integer_value(json_object_get(root, "firedAt"));
    i->resolved_wall_ms = json_integer_value(json_object_get(root, "resolvedAt"));
    i->value = json_is_number(value) ? json_number_value(value) : sg_nan();
    if (json_is_string(value) && strcmp(json_string_value(value), "+Inf") == 0)
        i->value = (double)INFINITY;
    if (json_is_string(value) && strcmp(json_string_value(value), "-Inf") == 0)
        i->value = -(double)INFINITY;
    i->restored = true;
    if (json_is_object(json_object_get(root, "annotations")))
        i->annotations = read_labels(json_object_get(root, "annotations"));
    json_decref(root);
    return i;
}

struct sg_str sg__instance_rule(struct sg_str body)
{
    json_t *root = json_loadb(body.p, body.n, 0, NULL);
    const char *name = json_string_value(json_object_get(root, "rule"));
    struct sg_str copy = {sg_strdup(name ? name : ""), name ? strlen(name) : 0};
    json_decref(root);
    return copy;
}
