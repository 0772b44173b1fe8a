/* template_list.c - functions that make lists, maps and texts of what they are given. */
#include "template_priv.h"

SG__FN(sg__fn_list)
{
    struct sg__list *list = sg__exec_list(x, n);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < n; i++)
        list->items[i] = args[i];
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

SG__FN(sg__fn_append)
{
    if (args[0].kind != SG__V_LIST)
        return sg__exec_fail(x, "expected a list to append to, got %s", sg__value_type(&args[0]));
    size_t before = args[0].list ? args[0].list->n : 0;
    struct sg__list *list = sg__exec_list(x, before + n - 1);
    if (!list)
        return SG_EEXECUTION;
    for (size_t i = 0; i < before; i++)
        list->items[i] = args[0].list->items[i];
    for (size_t i = 1; i < n; i++)
        list->items[before + i - 1] = args[i];
    *ret = (struct sg__value){.kind = SG__V_LIST, .list = list};
    return 0;
}

/* Ordered by name, as maps are ranged over; the last value of a name counts. Calls have at most 49
 * arguments. */
SG__FN(sg__fn_dict)
{
    if (n % 2)
        return sg__exec_fail(x, "a name without a value: expected names and values by turns");
    struct sg__list *list = sg__exec_list(x, n);
    if (!list)
        return SG_EEXECUTION;
    size_t used = 0;
    for (size_t i = 0; i < n; i += 2) {
        struct sg_str name;
        if (sg__arg_text(x, &args[i], &name) < 0)
            return SG_EEXECUTION;
        size_t at = 0;
        while (at < used && sg_str_cmp(list->items[at].text, name) < 0)
            at += 2;
        if (at == used || !sg_str_eq(list->items[at].text, name)) {
            for (size_t k = used; k > at; k--)
                list->items[k + 1] = list->items[k - 1];
            used += 2;
        }
        list->items[at] = args[i];
        list->items[at + 1] = args[i + 1];
    }
    list->n = used;
    *ret = (struct sg__value){.kind = SG__V_MAP, .list = list};
    return 0;
}

static int hex_digit(char c)
{
    char letter = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* As of a query: a plus is a space. */
SG__FN(sg__fn_url_unescape)
{
    struct sg_str s;
    (void)n;
    if (sg__arg_text(x, &args[0], &s) < 0)
        return SG_EEXECUTION;
    char *text = sg__exec_alloc(x, s.n);
    size_t len = 0;
    if (!text)
        return SG_EEXECUTION;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            text[len++] = s.p[i] == '+' ? ' ' : s.p[i];
            continue;
        }
        int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low < 0)
            return sg__exec_fail(x, "invalid URL escape in '%.*s'", SG__SHORT(s));
        text[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret = sg__v_text(sg_str_make(text, len));
    return 0;
}
