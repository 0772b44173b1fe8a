/* template_value.c - values of templates: their fields, truth, text and items. */
#include "template_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

const char *sg__value_type(const struct sg__value *v)
{
    static const char *const names[] = {
        [SG__V_NIL] = "nil",
        [SG__V_BOOL] = "bool",
        [SG__V_INT] = "int",
        [SG__V_FLOAT] = "float64",
        [SG__V_STRING] = "string",
        [SG__V_LIST] = "list",
        [SG__V_MAP] = "map",
        [SG__V_LABELS] = "map[string]string",
        [SG__V_SAMPLE] = "sample",
        [SG__V_TIME] = "time.Time",
        [SG__V_DURATION] = "time.Duration",
        [SG__V_ROOT] = "template data",
        [SG__V_OBJECT] = "object",
        [SG__V_KV] = "map[string]string",
        [SG__V_PAIR] = "pair",
    };
    return names[v->kind];
}

bool sg__value_true(const struct sg__value *v)
{
    switch (v->kind) {
    case SG__V_NIL:
        return false;
    case SG__V_BOOL:
        return v->b;
    case SG__V_INT:
    case SG__V_DURATION:
        return v->i != 0;
    case SG__V_FLOAT:
        return v->f != 0;
    case SG__V_STRING:
        return v->text.n > 0;
    case SG__V_LIST:
    case SG__V_MAP:
        return v->list && v->list->n > 0;
    case SG__V_LABELS:
        return v->labels->count > 0;
    case SG__V_KV:
        return v->json ? json_object_size(v->json) > 0 : v->list && v->list->n > 0;
    default:
        return true;
    }
}

/* ---- JSON ---- */

static struct sg_str json_text(const json_t *json)
{
    return sg_str_make(json_string_value(json), json_string_length(json));
}

/* Iterators of jansson want an object that may be changed, and do not change it. */
static json_t *unconst(const json_t *json)
{
    union {
        const json_t *in;
        json_t *out;
    } u = {.in = json};
    return u.out;
}

int sg__value_from_json(struct sg__exec *x, const struct json_t *json, struct sg__value *ret)
{
    *ret = (struct sg__value){0};
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        ret->kind = SG__V_OBJECT;
        ret->json = json;
        return 0;
    case JSON_STRING:
        *ret = sg__v_text(json_text(json));
        return 0;
    case JSON_INTEGER:
        *ret = sg__v_int(json_integer_value(json));
        return 0;
    case JSON_REAL:
        *ret = sg__v_float(json_real_value(json));
        return 0;
    case JSON_TRUE:
    case JSON_FALSE:
        *ret = sg__v_bool(json_is_true(json));
        return 0;
    case JSON_NULL:
        return 0;
    case JSON_ARRAY:
        break;
    }
    struct sg__list *list = sg__exec_list(x, json_array_size(json));
    if (!list)
        return SG_EEXECUTION;
    ret->kind = SG__V_LIST;
    ret->list = list;
    for (size_t i = 0; i < list->n; i++) {
        int rc = sg__value_from_json(x, json_array_get(json, i), &list->items[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool is_map(const struct sg__value *v)
{
    return v->kind == SG__V_MAP || v->kind == SG__V_KV;
}

/* Lists may share their items, so that few of them print as very many: each value is a step. False:
 * no further, out has failed. */
static bool visit(struct sg__exec *x, struct sg_buf *out)
{
    if (out->failed)
        return false;
    if (x->depth >= SG__TEMPLATE_MAX_VALUE_DEPTH)
        sg__exec_fail(x, "lists in each other deeper than %d", SG__TEMPLATE_MAX_VALUE_DEPTH);
    else if (sg__exec_steps(x, 1) == 0)
        return true;
    out->failed = true;
    return false;
}

static void list_to_json(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out)
{
    bool map = is_map(v);
    x->depth++;
    sg_buf_putc(out, map ? '{' : '[');
    for (size_t i = 0; v->list && i < v->list->n && !out->failed; i++) {
        if (i)
            sg_buf_putc(out, map && i % 2 ? ':' : ',');
        sg__value_to_json(x, &v->list->items[i], out);
    }
    sg_buf_putc(out, map ? '}' : ']');
    x->depth--;
}

static int dump_part(const char *p, size_t n, void *out)
{
    sg_buf_append(out, p, n);
    return ((struct sg_buf *)out)->failed ? -1 : 0;
}

/* Ends where out is full. */
static void dump(const json_t *json, struct sg_buf *out)
{
    if (json_dump_callback(json, dump_part, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        out->failed = true;
}

void sg__value_to_json(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out)
{
    if (!visit(x, out))
        return;
    switch (v->kind) {
    case SG__V_OBJECT:
        dump(v->json, out);
        break;
    case SG__V_KV:
        if (v->json)
            dump(v->json, out);
        else
            list_to_json(x, v, out);
        break;
    case SG__V_LABELS:
        sg_labels_print_json(v->labels, out);
        break;
    case SG__V_LIST:
    case SG__V_MAP:
        list_to_json(x, v, out);
        break;
    case SG__V_FLOAT:
        sg_buf_put_json_double(out, v->f);
        break;
    case SG__V_SAMPLE:
        sg_buf_puts(out, "{\"Labels\":");
        sg_labels_print_json(v->labels, out);
        sg_buf_puts(out, ",\"Value\":");
        sg_buf_put_json_double(out, v->f);
        sg_buf_putc(out, '}');
        break;
    case SG__V_STRING:
        sg_buf_put_json_str(out, v->text);
        break;
    case SG__V_TIME: {
        char text[40];
        sg_buf_put_json_str(out, sg_str_make(text, sg_rfc3339_format(v->i, text)));
        break;
    }
    case SG__V_DURATION:
        sg_buf_put_i64(out, v->i);
        break;
    case SG__V_BOOL:
        sg_buf_puts(out, v->b ? "true" : "false");
        break;
    case SG__V_INT:
        sg_buf_put_i64(out, v->i);
        break;
    default:
        sg_buf_puts(out, "null");
        break;
    }
}

/* ---- texts ---- */

static void print_labels(const struct sg_labels *l, struct sg_buf *out)
{
    sg_buf_puts(out, "map[");
    for (uint32_t i = 0; i < l->count && !out->failed; i++) {
        struct sg_label label = sg_labels_at(l, i);
        if (i)
            sg_buf_putc(out, ' ');
        sg_buf_put_str(out, label.name);
        sg_buf_putc(out, ':');
        sg_buf_put_str(out, label.value);
    }
    sg_buf_putc(out, ']');
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys of an object in order; free with sg_free. */
static const char **sorted_keys(const json_t *json, size_t *ret_n)
{
    const char **keys = sg_calloc(json_object_size(json) + 1, sizeof(char *)), *key;
    json_t *value;
    *ret_n = 0;
    json_object_foreach(unconst(json), key, value) keys[(*ret_n)++] = key;
    qsort(keys, *ret_n, sizeof(char *), by_key);
    return keys;
}

static void print_kv(const json_t *json, struct sg_buf *out)
{
    size_t n;
    const char **keys = sorted_keys(json, &n);
    sg_buf_puts(out, "map[");
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_object_get(json, keys[i]);
        sg_buf_printf(out, "%s%s:", i ? " " : "", keys[i]);
        if (json_is_string(value))
            sg_buf_put_str(out, json_text(value));
        else
            dump(value, out);
    }
    sg_buf_putc(out, ']');
    sg_free(keys);
}

static void print_list(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out)
{
    bool map = is_map(v);
    x->depth++;
    sg_buf_puts(out, map ? "map[" : "[");
    for (size_t i = 0; v->list && i < v->list->n && !out->failed; i++) {
        if (i)
            sg_buf_putc(out, map && i % 2 ? ':' : ' ');
        sg__value_print(x, &v->list->items[i], out);
    }
    sg_buf_putc(out, ']');
    x->depth--;
}

void sg__value_print(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out)
{
    if (!visit(x, out))
        return;
    switch (v->kind) {
    case SG__V_NIL:
        sg_buf_puts(out, "<no value>");
        break;
    case SG__V_BOOL:
        sg_buf_puts(out, v->b ? "true" : "false");
        break;
    case SG__V_INT:
        if (v->text.n)
            sg_buf_put_str(out, v->text);
        else
            sg_buf_put_i64(out, v->i);
        break;
    case SG__V_FLOAT:
        sg__format_float(v->f, out);
        break;
    case SG__V_STRING:
        sg_buf_put_str(out, v->text);
        break;
    case SG__V_LIST:
    case SG__V_MAP:
        print_list(x, v, out);
        break;
    case SG__V_LABELS:
        print_labels(v->labels, out);
        break;
    case SG__V_SAMPLE:
        sg_buf_putc(out, '{');
        print_labels(v->labels, out);
        sg_buf_putc(out, ' ');
        sg__format_float(v->f, out);
        sg_buf_putc(out, '}');
        break;
    case SG__V_TIME:
        sg__format_time(v->i, v->offset_s, out);
        break;
    case SG__V_DURATION:
        sg__format_duration(v->i, out);
        break;
    case SG__V_KV:
        if (v->json)
            print_kv(v->json, out);
        else
            print_list(x, v, out);
        break;
    case SG__V_OBJECT:
        dump(v->json, out);
        break;
    case SG__V_PAIR:
        sg_buf_putc(out, '{');
        sg_buf_put_str(out, v->text);
        sg_buf_putc(out, ' ');
        sg_buf_put_str(out, v->more);
        sg_buf_putc(out, '}');
        break;
    case SG__V_ROOT:
        sg_buf_puts(out, "<template data>");
        break;
    }
}

/* ---- items ---- */

static struct sg__value pair(struct sg_str name, struct sg_str value)
{
    return (struct sg__value){.kind = SG__V_PAIR, .text = name, .more = value};
}

/* A list of name and value of each entry. */
static int kv_entries(struct sg__exec *x, const struct sg__value *v, const struct sg__list **ret)
{
    const json_t *json = v->json;
    size_t n;
    if (!json) {
        *ret = v->list;
        return 0;
    }
    const char **keys = sorted_keys(json, &n);
    struct sg__list *list = sg__exec_list(x, 2 * n);
    int rc = list ? 0 : SG_EEXECUTION;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        list->items[2 * i] = sg__v_text(sg_str_from(keys[i]));
        rc = sg__value_from_json(x, json_object_get(json, keys[i]), &list->items[2 * i + 1]);
    }
    sg_free(keys);
    *ret = list;
    return rc;
}

static int label_entries(struct sg__exec *x, const struct sg_labels *l, const struct sg__list **ret)
{
    struct sg__list *list = sg__exec_list(x, 2 * (size_t)l->count);
    if (!list)
        return SG_EEXECUTION;
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label label = sg_labels_at(l, i);
        list->items[2 * i] = sg__v_text(label.name);
        list->items[2 * i + 1] = sg__v_text(label.value);
    }
    *ret = list;
    return 0;
}

static int numbered(struct sg__exec *x, const struct sg__list *from, size_t n,
                    const struct sg__list **ret)
{
    struct sg__list *list = sg__exec_list(x, 2 * n);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < n; i++) {
        list->items[2 * i] = sg__v_int((int64_t)i);
        list->items[2 * i + 1] = from ? from->items[i] : sg__v_int((int64_t)i);
    }
    *ret = list;
    return 0;
}

int sg__value_entries(struct sg__exec *x, const struct sg__value *v, const struct sg__list **ret)
{
    *ret = NULL;
    switch (v->kind) {
    case SG__V_NIL:
        return 0;
    case SG__V_LIST:
        return v->list ? numbered(x, v->list, v->list->n, ret) : 0;
    case SG__V_MAP:
        *ret = v->list;
        return 0;
    case SG__V_LABELS:
        return label_entries(x, v->labels, ret);
    case SG__V_KV:
        return kv_entries(x, v, ret);
    case SG__V_INT:
        if (v->i <= 0)
            return 0;
        if (v->i > SG__TEMPLATE_MAX_STEPS)
            return sg__exec_fail(x, "range over %lld, expected at most %d", (long long)v->i,
                                 SG__TEMPLATE_MAX_STEPS);
        return numbered(x, NULL, (size_t)v->i, ret);
    default:
        return sg__exec_fail(x, "range can't iterate over a %s", sg__value_type(v));
    }
}

static const struct sg__value *map_find(const struct sg__value *v, struct sg_str key)
{
    for (size_t i = 0; v->list && i + 1 < v->list->n; i += 2)
        if (sg_str_eq(v->list->items[i].text, key))
            return &v->list->items[i + 1];
    return NULL;
}

static struct sg_str label_or_empty(const struct sg_labels *l, struct sg_str name)
{
    struct sg_str s = sg_labels_get(l, name);
    return s.p ? s : SG_STR("");
}

static const json_t *json_find(const json_t *object, struct sg_str key)
{
    char name[256];
    if (key.n >= sizeof(name))
        return NULL;
    memcpy(name, key.p, key.n);
    name[key.n] = 0;
    return json_object_get(object, name);
}

static int kv_find(struct sg__exec *x, const struct sg__value *v, struct sg_str key,
                   struct sg__value *ret)
{
    const json_t *found = v->json ? json_find(v->json, key) : NULL;
    const struct sg__value *listed = v->json ? NULL : map_find(v, key);
    if (found)
        return sg__value_from_json(x, found, ret);
    *ret = listed ? *listed : sg__v_text(SG_STR(""));
    return 0;
}

int sg__value_index(struct sg__exec *x, const struct sg__value *v, const struct sg__value *key,
                    struct sg__value *ret)
{
    bool by_number = v->kind == SG__V_LIST || v->kind == SG__V_STRING;
    if (by_number && key->kind != SG__V_INT)
        return sg__exec_fail(x, "cannot index a %s with a %s, expected an int", sg__value_type(v),
                             sg__value_type(key));
    size_t listed = v->kind == SG__V_LIST && v->list ? v->list->n : 0;
    size_t n = v->kind == SG__V_LIST ? listed : v->text.n;
    if (by_number && (key->i < 0 || (uint64_t)key->i >= n))
        return sg__exec_fail(x, "index out of range: %lld", (long long)key->i);
    if (v->kind == SG__V_LIST)
        *ret = v->list->items[key->i];
    else if (v->kind == SG__V_STRING)
        *ret = sg__v_int((unsigned char)v->text.p[key->i]);
    if (by_number)
        return 0;
    if (key->kind != SG__V_STRING)
        return sg__exec_fail(x, "cannot index a %s with a %s, expected a string", sg__value_type(v),
                             sg__value_type(key));
    if (v->kind == SG__V_LABELS)
        *ret = sg__v_text(label_or_empty(v->labels, key->text));
    else if (v->kind == SG__V_KV || v->kind == SG__V_OBJECT)
        return kv_find(x, v, key->text, ret);
    else if (v->kind == SG__V_MAP && map_find(v, key->text))
        *ret = *map_find(v, key->text);
    else if (v->kind == SG__V_MAP)
        *ret = (struct sg__value){0};
    else
        return sg__exec_fail(x, "can't index item of type %s", sg__value_type(v));
    return 0;
}

/* ---- fields and methods ---- */

static int no_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name)
{
    return sg__exec_fail(x, "can't evaluate field %.*s in type %s", SG_STR_ARG(name),
                         sg__value_type(v));
}

static bool is_kv(struct sg_str key)
{
    static const char *const names[] = {"labels", "annotations", "groupLabels", "commonLabels",
                                        "commonAnnotations"};
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++)
        if (sg_str_eq_c(key, names[i]))
            return true;
    return false;
}

/* Fields of Alertmanager's data have Go's names in templates and JavaScript's in JSON. */
static int object_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                        struct sg__value *ret)
{
    char key[64];
    const json_t *found = json_find(v->json, name);
    struct sg_str written = name;
    if (!found && name.n < sizeof(key) && name.p[0] >= 'A' && name.p[0] <= 'Z') {
        memcpy(key, name.p, name.n);
        key[0] = (char)(key[0] | 0x20);
        name = sg_str_make(key, name.n);
        found = json_find(v->json, name);
    }
    if (!found)
        return no_field(x, v, written);
    if (json_is_object(found) && is_kv(name)) {
        *ret = (struct sg__value){.kind = SG__V_KV, .json = found};
        return 0;
    }
    int64_t ms;
    if (json_is_string(found) && (sg_str_eq_c(name, "startsAt") || sg_str_eq_c(name, "endsAt")) &&
        sg_rfc3339_parse(json_text(found), &ms) == 0) {
        *ret = (struct sg__value){.kind = SG__V_TIME, .i = ms};
        return 0;
    }
    return sg__value_from_json(x, found, ret);
}

static int kv_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                    struct sg__value *ret)
{
    bool pairs = sg_str_eq_c(name, "SortedPairs"), names = sg_str_eq_c(name, "Names");
    const struct sg__list *entries;
    if (!pairs && !names && !sg_str_eq_c(name, "Values"))
        return kv_find(x, v, name, ret);
    int rc = kv_entries(x, v, &entries);
    struct sg__list *list = rc == 0 ? sg__exec_list(x, entries->n / 2) : NULL;
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < list->n; i++) {
        const struct sg__value *key = &entries->items[2 * i], *value = key + 1;
        struct sg_str text = value->kind == SG__V_STRING ? value->text : SG_STR("");
        list->items[i] = pairs ? pair(key->text, text) : sg__v_text(names ? key->text : text);
    }
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

static bool has_status(const struct sg__value *v, const char *status)
{
    const json_t *s = v->kind == SG__V_OBJECT ? json_object_get(v->json, "status") : NULL;
    return s && json_is_string(s) && strcmp(json_string_value(s), status) == 0;
}

static int list_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                      struct sg__value *ret)
{
    bool firing = sg_str_eq_c(name, "Firing"), resolved = sg_str_eq_c(name, "Resolved");
    bool names = sg_str_eq_c(name, "Names"), values = sg_str_eq_c(name, "Values");
    size_t n = v->list ? v->list->n : 0;
    if (!firing && !resolved && !names && !values)
        return no_field(x, v, name);
    struct sg__list *list = sg__exec_list(x, n);
    if (!list)
        return SG_EEXECUTION;
    list->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct sg__value *item = &v->list->items[i];
        if ((names || values) && item->kind != SG__V_PAIR)
            return no_field(x, v, name);
        if (names || values)
            list->items[list->n++] = sg__v_text(names ? item->text : item->more);
        else if (has_status(item, firing ? "firing" : "resolved"))
            list->items[list->n++] = *item;
    }
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

static int root_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                      struct sg__value *ret)
{
    static const struct {
        const char *name;
        uint32_t slot;
    } fields[] = {{"Labels", SG__SLOT_LABELS},
                  {"ExternalLabels", SG__SLOT_EXTERNAL},
                  {"ExternalURL", SG__SLOT_URL},
                  {"Value", SG__SLOT_VALUE}};
    for (size_t i = 0; i < SG_ARRAY_LEN(fields); i++) {
        if (sg_str_eq_c(name, fields[i].name)) {
            *ret = x->frame[fields[i].slot];
            return 0;
        }
    }
    return no_field(x, v, name);
}

static int plain_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                       struct sg__value *ret)
{
    bool sample = v->kind == SG__V_SAMPLE, of_pair = v->kind == SG__V_PAIR;
    if (sample && sg_str_eq_c(name, "Labels"))
        *ret = (struct sg__value){.kind = SG__V_LABELS, .labels = v->labels};
    else if (sample && sg_str_eq_c(name, "Value"))
        *ret = sg__v_float(v->f);
    else if (of_pair && sg_str_eq_c(name, "Name"))
        *ret = sg__v_text(v->text);
    else if (of_pair && sg_str_eq_c(name, "Value"))
        *ret = sg__v_text(v->more);
    else
        return no_field(x, v, name);
    return 0;
}

int sg__value_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                    struct sg__value *ret)
{
    struct sg__value from = *v; /* ret may be v */
    switch (v->kind) {
    case SG__V_ROOT:
        return root_field(x, &from, name, ret);
    case SG__V_LABELS:
        *ret = sg__v_text(label_or_empty(from.labels, name));
        return 0;
    case SG__V_MAP:
        *ret = map_find(&from, name) ? *map_find(&from, name) : (struct sg__value){0};
        return 0;
    case SG__V_OBJECT:
        return object_field(x, &from, name, ret);
    case SG__V_KV:
        return kv_field(x, &from, name, ret);
    case SG__V_LIST:
        return list_field(x, &from, name, ret);
    case SG__V_TIME:
    case SG__V_DURATION: {
        int rc = sg__time_field(x, &from, name, ret);
        return rc > 0 ? no_field(x, &from, name) : rc;
    }
    case SG__V_INT:
        if (from.text.n == 0 || !sg_str_eq_c(name, "String"))
            return no_field(x, &from, name);
        *ret = sg__v_text(from.text);
        return 0;
    case SG__V_SAMPLE:
    case SG__V_PAIR:
        return plain_field(x, &from, name, ret);
    case SG__V_NIL:
        return sg__exec_fail(x, "nil data; no entry for key \"%.*s\"", SG_STR_ARG(name));
    default:
        return no_field(x, &from, name);
    }
}

/* KV.Remove: a copy of the map without some names. */
static int kv_remove(struct sg__exec *x, const struct sg__value *v, const struct sg__value *names,
                     struct sg__value *ret)
{
    const struct sg__list *entries;
    int rc = kv_entries(x, v, &entries);
    if (rc == 0 && names->list) /* all are compared with all */
        rc = sg__exec_steps(x, entries->n / 2 * names->list->n / 16);
    struct sg__list *list = rc == 0 ? sg__exec_list(x, entries->n) : NULL;
    if (!list)
        return SG_EEXECUTION;
    list->n = 0;
    for (size_t i = 0; i < entries->n; i += 2) {
        bool out = false;
        for (size_t k = 0; names->list && k < names->list->n && !out; k++)
            out = sg_str_eq(names->list->items[k].text, entries->items[i].text);
        if (out)
            continue;
        list->items[list->n++] = entries->items[i];
        list->items[list->n++] = entries->items[i + 1];
    }
    *ret = (struct sg__value){.kind = SG__V_KV, .list = list};
    return 0;
}

int sg__value_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                     const struct sg__value *args, size_t n, struct sg__value *ret)
{
    if (v->kind == SG__V_TIME || v->kind == SG__V_DURATION) {
        int rc = sg__time_method(x, v, name, args, n, ret);
        if (rc <= 0)
            return rc;
    }
    if (v->kind == SG__V_KV && n == 1 && sg_str_eq_c(name, "Remove") && args[0].kind == SG__V_LIST)
        return kv_remove(x, v, &args[0], ret);
    return sg__exec_fail(x, "'%.*s' of a %s is no method with %zu arguments", SG_STR_ARG(name),
                         sg__value_type(v), n);
}
