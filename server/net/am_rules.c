/* am_rules.c - /api/v1/rules and /api/v1/alerts, as Prometheus answers. */
#include <math.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/num.h>
#include <string.h>

#include "net/am.h"

/* ---- parts ---- */

/* Go's exponent form with as many digits as are needed: 1e+00. */
static void put_exponent(struct sg_buf *b, double v)
{
    char text[40] = "NaN";
    if (isinf(v))
        snprintf(text, sizeof(text), "%s", v > 0 ? "+Inf" : "-Inf");
    for (int digits = 0; !isnan(v) && !isinf(v) && digits < 17; digits++) {
        double back;
        snprintf(text, sizeof(text), "%.*e", digits, v);
        if (sg_double_parse_all(text, strlen(text), &back) == 0 && back == v)
            break;
    }
    sg_buf_printf(b, "\"%s\"", text);
}

static void put_seconds(struct sg_buf *b, const char *key, int64_t ms)
{
    sg_buf_printf(b, ",\"%s\":", key);
    sg_buf_put_double(b, (double)ms / 1000);
}

static void put_evaluation(struct sg_buf *b, uint64_t ns, int64_t at_ms)
{
    sg_buf_puts(b, ",\"evaluationTime\":");
    sg_buf_put_double(b, (double)ns / 1e9);
    sg__am_time(b, "lastEvaluation", at_ms, true);
}

static void put_alert(struct sg_buf *b, const struct sg_rule_alert_info *a)
{
    sg_buf_puts(b, "{\"labels\":");
    sg_labels_print_json(a->labels, b);
    sg_buf_puts(b, ",\"annotations\":");
    sg_labels_print_json(a->annotations, b);
    sg_buf_printf(b, ",\"state\":\"%s\"", sg_alert_state_name(a->state));
    if (a->active_ms)
        sg__am_time(b, "activeAt", a->active_ms, true);
    if (a->keep_since_ms)
        sg__am_time(b, "keepFiringSince", a->keep_since_ms, true);
    sg_buf_puts(b, ",\"value\":");
    put_exponent(b, a->value);
    sg_buf_putc(b, '}');
}

static bool is_active(const struct sg_rule_alert_info *a)
{
    return a->state == SG_ALERT_PENDING || a->state == SG_ALERT_FIRING;
}

static void put_alerts(struct sg_buf *b, const struct sg_rule_info *r)
{
    size_t n = 0;
    sg_buf_puts(b, ",\"alerts\":[");
    for (size_t i = 0; i < r->n_alerts; i++) {
        if (!is_active(&r->alerts[i]))
            continue;
        sg_buf_puts(b, n++ ? "," : "");
        put_alert(b, &r->alerts[i]);
    }
    sg_buf_putc(b, ']');
}

/* The rule's own label of that name wins over its group's. */
static bool own_label(const struct sg_rule *rule, struct sg_str name)
{
    for (size_t i = 0; i < rule->n_labels; i++)
        if (sg_str_eq(rule->labels[i].name, name))
            return true;
    return false;
}

static size_t put_text(struct sg_buf *b, const struct sg_rule_text *t, size_t n)
{
    sg_buf_puts(b, n ? "," : "");
    sg_buf_put_json_str(b, t->name);
    sg_buf_putc(b, ':');
    sg_buf_put_json_str(b, t->text);
    return n + 1;
}

static void put_labels(struct sg_buf *b, const struct sg_rule_group *g, const struct sg_rule *rule)
{
    size_t n = 0;
    sg_buf_puts(b, ",\"labels\":{");
    for (size_t i = 0; i < g->n_labels; i++)
        if (!own_label(rule, g->labels[i].name))
            n = put_text(b, &g->labels[i], n);
    for (size_t i = 0; i < rule->n_labels; i++)
        n = put_text(b, &rule->labels[i], n);
    sg_buf_putc(b, '}');
}

static void put_annotations(struct sg_buf *b, const struct sg_rule *rule)
{
    size_t n = 0;
    sg_buf_puts(b, ",\"annotations\":{");
    for (size_t i = 0; i < rule->n_annotations; i++)
        n = put_text(b, &rule->annotations[i], n);
    sg_buf_putc(b, '}');
}

static void put_rule(struct sg_buf *b, const struct sg_rule_group *g, const struct sg_rule_info *r,
                     bool alerts)
{
    const struct sg_rule *rule = r->rule;
    bool alerting = rule->kind == SG_RULE_ALERT;
    sg_buf_putc(b, '{');
    if (alerting)
        sg_buf_printf(b, "\"state\":\"%s\",", sg_alert_state_name(r->state));
    sg__am_text(b, "name", rule->name, false);
    sg__am_text(b, "query", rule->expr, true);
    if (alerting) {
        put_seconds(b, "duration", rule->for_ms);
        put_seconds(b, "keepFiringFor", rule->keep_ms);
    }
    put_labels(b, g, rule);
    if (alerting) {
        put_annotations(b, rule);
        if (alerts)
            put_alerts(b, r);
        else
            sg_buf_puts(b, ",\"alerts\":null");
    }
    sg_buf_printf(b, ",\"health\":\"%s\"", r->health);
    if (r->error[0])
        sg__am_text(b, "lastError", sg_str_from(r->error), true);
    put_evaluation(b, r->last_ns, r->last_ms);
    sg_buf_printf(b, ",\"type\":\"%s\"}", alerting ? "alerting" : "recording");
}

/* ---- what is asked for ---- */

struct request {
    struct sg__form form;
    struct sg__selectors match;
    bool alerting, recording, alerts;
    size_t group_limit; /* 0: all */
    struct sg_str token;
};

/* True when the argument is not there, or lists the text. */
static bool listed(const struct sg__form *f, const char *name, struct sg_str text)
{
    struct sg_str one;
    size_t at = 0;
    bool any = false;
    while (sg__form_next(f, name, &at, &one)) {
        any = true;
        if (sg_str_eq(one, text))
            return true;
    }
    return !any;
}

static bool templated(struct sg_str text)
{
    return text.n > 1 && memmem(text.p, text.n, "{{", 2);
}

static struct sg_str label_of(const struct sg_rule_group *g, const struct sg_rule *rule,
                              struct sg_str name)
{
    for (size_t i = 0; i < rule->n_labels; i++)
        if (sg_str_eq(rule->labels[i].name, name))
            return templated(rule->labels[i].text) ? SG_STR("") : rule->labels[i].text;
    for (size_t i = 0; i < g->n_labels; i++)
        if (sg_str_eq(g->labels[i].name, name))
            return g->labels[i].text;
    return SG_STR("");
}

static bool one_matches(const struct sg_selector *s, const struct sg_rule_group *g,
                        const struct sg_rule *rule)
{
    for (uint32_t i = 0; i < s->matcher_count; i++)
        if (!sg_matcher_matches(s->matchers[i], label_of(g, rule, s->matchers[i]->name)))
            return false;
    return true;
}

static bool rule_wanted(const struct request *q, const struct sg_rule_group *g,
                        const struct sg_rule *rule)
{
    bool match = q->match.n == 0;
    for (size_t i = 0; i < q->match.n && !match; i++)
        match = one_matches(&q->match.q[i]->root->u.selector, g, rule);
    return match && (rule->kind == SG_RULE_ALERT ? q->alerting : q->recording) &&
           listed(&q->form, "rule_name[]", rule->name);
}

static bool group_wanted(const struct request *q, const struct sg_group_info *g)
{
    if (!listed(&q->form, "rule_group[]", g->group->name) ||
        !listed(&q->form, "file[]", g->group->file))
        return false;
    for (size_t i = 0; i < g->group->n_rules; i++)
        if (rule_wanted(q, g->group, g->rules[i].rule))
            return true;
    return false;
}

/* "Invalid parameter" already answered when false. */
static bool read_flags(struct request *q, struct sg_net_exchange *x)
{
    struct sg_error err = {0};
    struct sg_str type = sg__form_get(&q->form, "type");
    struct sg_str exclude = sg__form_get(&q->form, "exclude_alerts");
    q->token = sg__form_get(&q->form, "group_next_token");
    q->alerting = type.n == 0 || sg_str_ieq(type, SG_STR("alert"));
    q->recording = type.n == 0 || sg_str_ieq(type, SG_STR("record"));
    bool yes = sg_str_ieq(exclude, SG_STR("true")) || sg_str_ieq(exclude, SG_STR("t")) ||
               sg_str_eq_c(exclude, "1");
    bool no = exclude.n == 0 || sg_str_ieq(exclude, SG_STR("false")) ||
              sg_str_ieq(exclude, SG_STR("f")) || sg_str_eq_c(exclude, "0");
    q->alerts = no;
    if (!q->alerting && !q->recording)
        sg_error_set(&err, SG_EINVALID, "invalid parameter \"type\": not supported value \"%.*s\"",
                     type.n < 100 ? (int)type.n : 100, type.p);
    else if (!yes && !no)
        sg_error_set(&err, SG_EINVALID,
                     "invalid parameter \"exclude_alerts\": expected true or false");
    else if (q->token.n && !sg__form_get(&q->form, "group_limit").n)
        sg_error_set(&err, SG_EINVALID,
                     "invalid parameter \"group_next_token\": group_limit needs to be present in "
                     "order to paginate over the groups");
    else if (sg__limit_parse(&q->form, "group_limit", &q->group_limit, &err) == 0 &&
             !q->group_limit && sg__form_get(&q->form, "group_limit").n)
        sg_error_set(&err, SG_EINVALID,
                     "invalid parameter \"group_limit\": needs to be greater than 0");
    if (err.code)
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
    return err.code == SG_OK;
}

static bool read_request(struct request *q, struct sg_net_exchange *x)
{
    struct sg_error err = {0};
    struct sg_str match;
    size_t at = 0;
    if (sg__form_init(&q->form, x, &err) < 0) {
        sg__api_error(x, SG__BAD_DATA, "%s", err.text);
        return false;
    }
    if (sg__form_next(&q->form, "match[]", &at, &match) &&
        sg__selectors_init(&q->match, &q->form, &err) < 0) {
        sg__api_bad_param(x, "match[]", &err);
        return false;
    }
    return read_flags(q, x);
}

/* ---- groups ---- */

/* Prometheus' token of a group: where the next page begins. */
static void token_of(const struct sg_rule_group *g, char dst[65])
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    struct sg_buf b;
    sg_buf_init(&b, g->file.n + g->name.n + 2);
    sg_buf_put_str(&b, g->file);
    sg_buf_putc(&b, ';');
    sg_buf_put_str(&b, g->name);
    SHA256((const unsigned char *)sg_buf_cstr(&b), b.len, hash);
    sg_hex_format(hash, sizeof(hash), dst);
    sg_buf_deinit(&b);
}

static void put_group(struct sg_buf *b, const struct request *q, const struct sg_group_info *g)
{
    size_t n = 0;
    sg_buf_putc(b, '{');
    sg__am_text(b, "name", g->group->name, false);
    sg__am_text(b, "file", g->group->file, true);
    sg_buf_puts(b, ",\"rules\":[");
    for (size_t i = 0; i < g->group->n_rules; i++) {
        if (!rule_wanted(q, g->group, g->rules[i].rule))
            continue;
        sg_buf_puts(b, n++ ? "," : "");
        put_rule(b, g->group, &g->rules[i], q->alerts);
    }
    sg_buf_putc(b, ']');
    put_seconds(b, "interval", g->interval_ms);
    sg_buf_printf(b, ",\"limit\":%llu", (unsigned long long)g->group->limit);
    put_evaluation(b, g->last_ns, g->last_ms);
    sg_buf_putc(b, '}');
}

/* The first group of the page; n_groups when the token is of none. */
static size_t first_group(const struct request *q, const struct sg_ruler_info *info)
{
    char token[65];
    if (!q->token.n)
        return 0;
    for (size_t i = 0; i < info->n_groups; i++) {
        token_of(info->groups[i].group, token);
        if (sg_str_eq_c(q->token, token))
            return i;
    }
    return info->n_groups;
}

static void answer(struct sg_net_exchange *x, const struct request *q,
                   const struct sg_ruler_info *info)
{
    char token[65] = "";
    size_t n = 0, i = first_group(q, info);
    if (q->token.n && i == info->n_groups) {
        sg__api_error(x, SG__BAD_DATA,
                      "invalid parameter \"group_next_token\": invalid group_next_token '%.*s'. "
                      "were rule groups changed?",
                      q->token.n < 100 ? (int)q->token.n : 100, q->token.p);
        return;
    }
    sg__api_begin(x);
    sg_buf_puts(&x->out, "{\"groups\":[");
    for (; i < info->n_groups && !token[0] && sg_net_exchange_flush(x) == 0; i++) {
        if (!group_wanted(q, &info->groups[i]))
            continue;
        if (q->group_limit && n == q->group_limit) {
            token_of(info->groups[i].group, token);
            continue;
        }
        sg_buf_puts(&x->out, n++ ? "," : "");
        put_group(&x->out, q, &info->groups[i]);
    }
    sg_buf_putc(&x->out, ']');
    if (token[0])
        sg_buf_printf(&x->out, ",\"groupNextToken\":\"%s\"", token);
    sg_buf_putc(&x->out, '}');
    sg__api_end(x, NULL);
}

void sg__am_get_rules(void *ctx, struct sg_net_exchange *x)
{
    struct request q = {.group_limit = 0};
    struct sg__am_view v = {0};
    if (read_request(&q, x) && sg__am_look(ctx, x, SG__AM_RULES, &v))
        answer(x, &q, v.rules);
    sg__am_view_deinit(&v);
    sg__selectors_deinit(&q.match);
    sg__form_deinit(&q.form);
}

void sg__am_get_rule_alerts(void *ctx, struct sg_net_exchange *x)
{
    struct sg__am_view v;
    size_t n = 0;
    if (!sg__am_look(ctx, x, SG__AM_RULES, &v))
        return;
    sg__api_begin(x);
    sg_buf_puts(&x->out, "{\"alerts\":[");
    for (size_t i = 0; i < v.rules->n_groups; i++) {
        const struct sg_group_info *g = &v.rules->groups[i];
        for (size_t k = 0; k < g->group->n_rules && sg_net_exchange_flush(x) == 0; k++) {
            for (size_t a = 0; a < g->rules[k].n_alerts; a++) {
                if (!is_active(&g->rules[k].alerts[a]))
                    continue;
                sg_buf_puts(&x->out, n++ ? "," : "");
                put_alert(&x->out, &g->rules[k].alerts[a]);
            }
        }
    }
    sg_buf_puts(&x->out, "]}");
    sg__api_end(x, NULL);
    sg__am_view_deinit(&v);
}
