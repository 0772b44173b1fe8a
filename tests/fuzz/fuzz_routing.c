/* fuzz_routing.c - configurations of any kind, and matchers.
 *
 * Input: YAML, after a line with one matcher list. What is accepted routes every label set to at
 * least one place, an alerting core runs with it without breaking, and printed matchers read back
 * as themselves. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "alert/routing.h"
#include "alerting_rig.h"

#define MAX_MATCHERS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_matchers(struct sg_str text)
{
    struct sg_matcher list[MAX_MATCHERS], again[MAX_MATCHERS];
    struct sg_error err = {0};
    struct sg_buf b;
    ssize_t n = sg_matcher_parse_list(text, list, MAX_MATCHERS, &err);
    if (n < 0) {
        rig_must(err.code != SG_OK && err.text[0], "an error without text");
        return;
    }
    const struct sg__matchers m = {list, (size_t)n};
    sg_buf_init(&b, 1 << 20);
    sg__matchers_print(&m, &b);
    if (sg_utf8_valid(text.p, text.n) && !memchr(text.p, '\\', text.n) && !b.failed) {
        bool plain = true; /* JSON's escapes of control characters are not those of matchers */
        for (size_t i = 0; i < text.n; i++)
            plain = plain && (unsigned char)text.p[i] >= ' ';
        ssize_t k = plain ? sg_matcher_parse_list(sg_buf_str(&b), again, MAX_MATCHERS, NULL) : -1;
        rig_must(!plain || k == n, "printed matchers do not parse");
        for (ssize_t i = 0; plain && i < n; i++) {
            rig_must(sg_matcher_cmp(&list[i], &again[i]) == 0, "a matcher changed by printing");
            sg_matcher_deinit(&again[i]);
        }
    }
    for (ssize_t i = 0; i < n; i++)
        sg_matcher_deinit(&list[i]);
    sg_buf_deinit(&b);
}

static void run(struct sg_routing *routing)
{
    static const char *const labels[] = {"alertname=A,severity=page,job=db", "alertname=B,a=b",
                                         "x=y", "alertname=Watchdog"};
    struct rig *r = calloc(1, sizeof(*r));
    struct sg_str names[64];
    rig_must(r != NULL, "no memory");
    r->wall_ms = RIG_START;
    r->mono_ms = 1000;
    r->sends = sg_journal_new();
    rig_open(r);
    for (size_t i = 0; i < SG_ARRAY_LEN(labels); i++) {
        const struct sg_labels *l = rig_labels(labels[i]);
        rig_must(sg_routing_receivers(routing, l, names, 64) > 0, "an alert that goes nowhere");
        sg_labels_unref(l);
    }
    sg_alerting_load_take(r->a, routing);
    for (size_t i = 0; i < SG_ARRAY_LEN(labels); i++)
        rig_fire(r, labels[i]);
    rig_run(r, 2000);
    rig_resolve(r, labels[0]);
    r->wall_ms += 3600000;
    r->mono_ms += 3600000;
    rig_run(r, 1000);
    sg_alerting_info_free(sg_alerting_look(r->a, r->wall_ms));
    rig_deinit(r);
    free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sg_integration integrations[] = {
        {{"team/webhook/0", 14}, true, true, false, false},
        {{"boss/email/0", 12}, false, false, true, false}};
    static const struct sg_str names[] = {{"team", 4}, {"boss", 4}};
    const char *text = (const char *)data;
    struct sg_str rest = sg_str_make(text ? text : "", size);
    struct sg_error err = {0};
    struct sg_yaml *y = NULL;
    struct sg_routing *routing = NULL;
    if (size > 8192)
        return 0;
    check_matchers(sg_str_split(&rest, '\n'));
    if (!rest.p || sg_yaml_parse("fuzz", rest.p, rest.n, &y, &err) < 0)
        return 0;
    if (sg_routing_parse(sg_yaml_root(y), integrations, 2, names, 2, &routing, &err) == 0)
        run(routing);
    else
        rig_must(err.code != SG_OK && err.text[0], "an error without text");
    sg_yaml_free(y);
    return 0;
}
