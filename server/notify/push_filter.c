/* push_filter.c - which notifications a browser asked for. */
#include <streamgauge/matcher.h>

#include "notify/webpush.h"

#define MAX_MATCHERS 32

static bool severity_wanted(const json_t *list, const struct sg__alert_view *a)
{
    size_t i;
    json_t *word;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return true;
    json_array_foreach(list, i, word)
    {
        if (json_is_string(word) && sg_str_eq_c(sg_str_from(a->severity), json_string_value(word)))
            return true;
    }
    return false;
}

static bool matcher_passes(const json_t *text, const struct sg__alert_view *a)
{
    struct sg_matcher m;
    char name[256];
    if (!json_is_string(text) ||
        sg_matcher_parse(sg_str_from(json_string_value(text)), &m, NULL) < 0)
        return true;
    struct sg_str value = SG_STR("");
    if (m.name.n < sizeof(name)) {
        memcpy(name, m.name.p, m.name.n);
        name[m.name.n] = 0;
        value = sg__json_text(a->labels, name);
    }
    bool passes = sg_matcher_try(&m, value) != 0; /* costs too much: as one that cannot be read */
    sg_matcher_deinit(&m);
    return passes;
}

static bool alert_wanted(const json_t *filter, const struct sg__alert_view *a)
{
    const json_t *matchers = json_object_get(filter, "matchers");
    if (!severity_wanted(json_object_get(filter, "severity"), a))
        return false;
    for (size_t i = 0; i < json_array_size(matchers) && i < MAX_MATCHERS; i++)
        if (!matcher_passes(json_array_get(matchers, i), a))
            return false;
    return true;
}

bool sg__push_wanted(const json_t *filter, const struct sg__note *n)
{
    if (!json_is_object(filter) || n->n_alerts == 0)
        return true;
    for (size_t i = 0; i < n->n_alerts; i++) {
        struct sg__alert_view a;
        sg__note_alert(n, i, &a);
        if (alert_wanted(filter, &a))
            return true;
    }
    return false;
}
