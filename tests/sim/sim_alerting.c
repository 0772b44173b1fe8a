/* sim_alerting.c - the alerting core for hours of fake time against a model of its receivers.
 *
 * Alerts begin and end at random, silences and acknowledgements come and go, the process is killed
 * at random ticks, with or without the journal of that tick, and starts from the rows that were
 * committed. Whatever happens:
 *   - nothing is told twice before repeat_interval, not even after a kill;
 *   - of one alert and integration, an end follows the beginning it belongs to, episodes ascend;
 *   - what fires, or has ended after it was told, for longer than group_wait and group_interval is
 *     known to every integration that wants to hear of it;
 *   - at the end receivers and feed show what is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include <streamgauge/time.h>

#include "alerting_rig.h"

#define N_NAMES 3
#define N_EACH 4
#define N_ALERTS (N_NAMES * N_EACH)
#define N_TARGETS 3
#define WAIT_MS 3000
#define INTERVAL_MS 20000
#define REPEAT_MS 600000
#define SLACK_MS 2000

static const char config[] =
    "route: {receiver: team, group_by: [alertname], group_wait: 3s, group_interval: 20s, "
    "repeat_interval: 10m}\n"
    "flapping: false\n";

static const struct sg_integration integrations[N_TARGETS] = {
    {{"team/webhook/0", 14}, true, false, false, false},
    {{"team/slack/1", 12}, false, false, false, false},
    {{"team/webpush/2", 14}, true, true, true, false},
};
static const char *const targets[N_TARGETS] = {"team/webhook/0", "team/slack/1",
                                               "push:team/webpush/2"};

struct view { /* of one alert at one receiver */
    bool firing;
    int64_t starts_ms;
};

struct truth {
    bool firing, told; /* told: at least once to the core of this process */
    int64_t starts_ms;
    int64_t changed_ms, muted_ms; /* last change; last time it was suppressed */
};

struct world {
    struct rig r;
    struct sg_prng g;
    struct truth alerts[N_ALERTS];
    struct view views[N_TARGETS][N_ALERTS];
    struct view feed[N_ALERTS];
    int64_t told_ms[N_TARGETS][N_NAMES]; /* last row of a group */
    int64_t started_ms;
    const struct sg_journal_op *seen; /* of r.sends, last looked at */
    bool acks;
    size_t n_rows, n_kills;
};

static void name_of(size_t i, char *dst, size_t size)
{
    snprintf(dst, size, "alertname=A%zu,i=%zu", i / N_EACH, i % N_EACH);
}

static size_t number_of(const json_t *labels)
{
    const char *name = json_string_value(json_object_get(labels, "alertname"));
    const char *i = json_string_value(json_object_get(labels, "i"));
    assert_non_null(name);
    assert_non_null(i);
    return (size_t)(name[1] - '0') * N_EACH + (size_t)(i[0] - '0');
}

/* ---- what receivers see ---- */

static bool take_alert(struct world *w, size_t t, const json_t *alert)
{
    struct view *v = &w->views[t][number_of(json_object_get(alert, "labels"))];
    bool firing = strcmp(json_string_value(json_object_get(alert, "status")), "firing") == 0;
    int64_t starts_ms = 0;
    const char *starts = json_string_value(json_object_get(alert, "startsAt"));
    assert_int_equal(sg_rfc3339_parse(sg_str_from(starts), &starts_ms), 0);
    assert_true(starts_ms >= v->starts_ms); /* episodes ascend */
    if (!firing) {                          /* an end belongs to a beginning */
        assert_true(v->firing && v->starts_ms == starts_ms);
        assert_true(integrations[t].send_resolved);
    }
    bool news = v->firing != firing || v->starts_ms != starts_ms;
    v->firing = firing;
    v->starts_ms = starts_ms;
    return news;
}

static void take_row(struct world *w, const struct sg_journal_op *op)
{
    size_t t = 0, i, name = 0;
    json_t *body = json_loadb(op->body.p, op->body.n, 0, NULL);
    json_t *alert;
    bool news = false;
    assert_non_null(body);
    while (t < N_TARGETS && strcmp(op->target.p, targets[t]) != 0)
        t++;
    assert_true(t < N_TARGETS);
    const char *status = json_string_value(json_object_get(body, "status"));
    json_array_foreach(json_object_get(body, "alerts"), i, alert)
    {
        news = take_alert(w, t, alert) || news;
        name = number_of(json_object_get(alert, "labels")) / N_EACH;
    }
    if (strcmp(status, "acknowledged") != 0) {
        if (!news && w->r.wall_ms - w->told_ms[t][name] < REPEAT_MS)
            fail_msg("told again after %lld ms: %s",
                     (long long)(w->r.wall_ms - w->told_ms[t][name]), op->body.p);
        w->told_ms[t][name] = w->r.wall_ms;
    }
    w->n_rows++;
    json_decref(body);
}

static void take_feed(struct world *w)
{
    for (size_t i = 0; i < w->r.n_feed; i++) {
        json_t *o = json_loads(w->r.feed[i], 0, NULL);
        assert_non_null(o);
        const json_t *context = json_object_get(o, "context");
        struct view *v = &w->feed[number_of(json_object_get(context, "labels"))];
        bool resolved = strcmp(json_string_value(json_object_get(o, "status")), "resolved") == 0;
        int64_t starts_ms = json_integer_value(json_object_get(context, "startsAt"));
        assert_true(starts_ms >= v->starts_ms);
        if (resolved)
            assert_true(v->firing && v->starts_ms == starts_ms);
        v->firing = !resolved;
        v->starts_ms = starts_ms;
        json_decref(o);
        sg_free(w->r.feed[i]);
    }
    w->r.n_feed = 0;
}

static void take_all(struct world *w)
{
    const struct sg_journal_op *op = w->seen ? w->seen->next : w->r.sends->first;
    for (; op; op = op->next) {
        take_row(w, op);
        w->seen = op;
    }
    take_feed(w);
}

/* ---- what happens ---- */

static bool chance(struct world *w, uint64_t one_in)
{
    return sg_prng_below(&w->g, one_in) == 0;
}

static void tell(struct world *w, size_t i)
{
    char labels[64];
    struct truth *t = &w->alerts[i];
    name_of(i, labels, sizeof(labels));
    t->told = true;
    rig_alert_at(&w->r, labels, t->starts_ms, t->firing ? 0 : w->r.wall_ms, false);
}

static void change_some(struct world *w)
{
    for (size_t i = 0; i < N_ALERTS; i++) {
        struct truth *t = &w->alerts[i];
        if (!chance(w, t->firing ? 150 : 300))
            continue;
        t->firing = !t->firing;
        t->changed_ms = w->r.wall_ms;
        if (t->firing)
            t->starts_ms = w->r.wall_ms;
        tell(w, i);
    }
}

static void silence_some(struct world *w)
{
    struct sg_matcher m;
    char id[37], text[32];
    if (!chance(w, 200))
        return;
    snprintf(text, sizeof(text), "alertname=A%d", (int)sg_prng_below(&w->g, N_NAMES));
    assert_int_equal(sg_matcher_parse(sg_str_from(text), &m, NULL), 0);
    struct sg_silence s = {.matchers = &m,
                           .n_matchers = 1,
                           .starts_ms = w->r.wall_ms,
                           .ends_ms = w->r.wall_ms + 1000 + (int64_t)sg_prng_below(&w->g, 120000),
                           .created_by = SG_STR("sim"),
                           .comment = SG_STR("")};
    assert_int_equal(sg_alerting_silence(w->r.a, &s, w->r.wall_ms, id, NULL), 0);
    sg_matcher_deinit(&m);
}

static void ack_some(struct world *w, const struct sg_alerting_info *info)
{
    char fp[17];
    struct sg_ack ack = {SG_STR("sim"), SG_STR(""), 0, 0};
    if (!w->acks || !info->n_alerts || !chance(w, 50))
        return;
    size_t i = sg_prng_below(&w->g, info->n_alerts);
    sg_alert_fingerprint_text(info->alerts[i].fingerprint, fp);
    if (chance(w, 2))
        ack.expires_ms = w->r.wall_ms + 60000;
    int rc = chance(w, 3) ? sg_alerting_unack(w->r.a, sg_str_from(fp), w->r.wall_ms, NULL)
                          : sg_alerting_ack(w->r.a, sg_str_from(fp), &ack, w->r.wall_ms, NULL);
    assert_true(rc == 0 || rc == SG_ENOTFOUND); /* it may not fire */
}

/* The rules tell what fires, and what they find not to fire any more. */
static void tell_all_after_start(struct world *w)
{
    for (size_t i = 0; i < N_ALERTS; i++)
        if (w->alerts[i].told)
            tell(w, i);
}

static void tick(struct world *w)
{
    struct sg_journal *j = sg_journal_new();
    bool kill = chance(w, 400), lost = kill && chance(w, 2);
    w->r.wall_ms += 1000;
    w->r.mono_ms += 1000;
    sg_alerting_tick(w->r.a, w->r.wall_ms, w->r.mono_ms, j);
    if (lost) { /* with the rows, what was to go to the feed is lost */
        sg_journal_free(j);
        for (size_t i = 0; i < w->r.n_feed; i++)
            sg_free(w->r.feed[i]);
        w->r.n_feed = 0;
    } else {
        rig_commit(&w->r, j);
    }
    take_all(w);
    if (!kill)
        return;
    w->n_kills++;
    rig_restart(&w->r, (int64_t)sg_prng_below(&w->g, 10000));
    w->started_ms = w->r.wall_ms;
    tell_all_after_start(w);
}

/* ---- what must be so ---- */

/* Since when nothing has changed for an alert: it itself, its suppression, the process. */
static int64_t quiet_ms(const struct world *w, const struct truth *t)
{
    int64_t since_ms = t->changed_ms;
    since_ms = t->muted_ms > since_ms ? t->muted_ms : since_ms;
    since_ms = w->started_ms > since_ms ? w->started_ms : since_ms;
    return w->r.wall_ms - since_ms;
}

static void check_views(struct world *w)
{
    for (size_t i = 0; i < N_ALERTS; i++) {
        const struct truth *truth = &w->alerts[i];
        if (quiet_ms(w, truth) < WAIT_MS + INTERVAL_MS + SLACK_MS)
            continue;
        for (size_t t = 0; t < N_TARGETS; t++) {
            const struct view *v = &w->views[t][i];
            if (truth->firing && (!v->firing || v->starts_ms != truth->starts_ms))
                fail_msg("%s does not know that alert %zu fires", targets[t], i);
            if (!truth->firing && v->firing && integrations[t].send_resolved)
                fail_msg("%s does not know that alert %zu ended", targets[t], i);
        }
        assert_int_equal(w->feed[i].firing, truth->firing);
    }
}

static void check_repeats(struct world *w)
{
    for (size_t i = 0; !w->acks && i < N_ALERTS; i++)
        for (size_t t = 0; t < N_TARGETS; t++)
            if (w->alerts[i].firing && quiet_ms(w, &w->alerts[i]) > 3 * INTERVAL_MS)
                assert_true(w->r.wall_ms - w->told_ms[t][i / N_EACH] <=
                            REPEAT_MS + 2 * INTERVAL_MS);
}

static void look(struct world *w)
{
    struct sg_alerting_info *info = sg_alerting_look(w->r.a, w->r.wall_ms);
    for (size_t i = 0; i < info->n_alerts; i++) {
        const struct sg_labels *labels = info->alerts[i].alert.labels;
        struct sg_str name = sg_labels_get(labels, SG_STR("alertname"));
        struct sg_str number = sg_labels_get(labels, SG_STR("i"));
        size_t k = (size_t)(name.p[1] - '0') * N_EACH + (size_t)(number.p[0] - '0');
        if (info->alerts[i].n_silenced_by)
            w->alerts[k].muted_ms = w->r.wall_ms;
    }
    ack_some(w, info);
    sg_alerting_info_free(info);
}

static void run(uint64_t seed, int seconds, size_t *n_rows, size_t *n_kills)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    rig_init_with(&w->r, config, integrations, N_TARGETS);
    w->g.state = seed;
    w->acks = seed % 2 == 0;
    for (int s = 0; s < seconds; s++) {
        bool ending = s > seconds - 400; /* nothing new, so that all must come to rest */
        if (!ending) {
            change_some(w);
            silence_some(w);
        }
        for (size_t i = 0; s % 60 == 0 && i < N_ALERTS; i++)
            if (w->alerts[i].firing)
                tell(w, i);
        tick(w);
        look(w);
        check_views(w);
        check_repeats(w);
    }
    *n_rows += w->n_rows;
    *n_kills += w->n_kills;
    rig_deinit(&w->r);
    free(w);
}

static void test_alerting__loses_and_repeats_nothing(void **state)
{
    (void)state;
    size_t n_rows = 0, n_kills = 0;
    for (uint64_t seed = 1; seed <= 20; seed++)
        run(seed, 3600, &n_rows, &n_kills);
    assert_true(n_rows > 2000 && n_kills > 100); /* it was no idle world */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alerting__loses_and_repeats_nothing)};
    return cmocka_run_group_tests_name("alerting", tests, NULL, NULL);
}
