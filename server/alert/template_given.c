/* template_given.c - which of the well-known names a configuration's own files define. */
#include "template_parse.h"

struct sg_str sg_template_set_given(const struct sg_template_set *s, struct sg_str name)
{
    for (size_t i = 0; i < s->n_defs; i++) {
        const struct sg__def *def = s->defs[i];
        if (def->in != s->texts[0] && sg_str_ieq(def->name, name) && !sg__def_is_empty(def))
            return def->name;
    }
    return (struct sg_str){0};
}
