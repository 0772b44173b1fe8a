/* digest.c - recording the expressions of digests, and saying when one is due. */
#include <streamgauge/digest.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/hash.h>
#include <streamgauge/mem.h>
#include <streamgauge/num.h>
#include <streamgauge/time.h>

#define EVALS_PER_TICK 4
#define MAX_SERIES_TEXT 512
#define START_KEEP_MS (15 * SG_MS_PER_DAY)

struct series {
    char *text; /* its labels; owned */
    uint64_t hash;
    int64_t at_ms; /* of the last value */
    uint64_t n;
    double min, max, sum, last;
};

struct recorded { /* an expression, or that we were up */
    const struct sg_digest_expr *def;
    struct sg_promql_root *root;
    int64_t bucket_ms; /* start of the bucket that is being filled */
    struct series series[SG_DIGEST_MAX_SERIES];
    size_t n;
};

struct digest {
    const struct sg_digest *def;
    struct recorded up, *exprs;
    bool known; /* last_ms is */
    int64_t last_ms;
};

struct sg_digester {
    struct sg_digester_hooks hooks;
    struct sg_digests *digests; /* NULL: none yet */
    struct digest *list;
    size_t n;
    int64_t minute; /* of the round that is under way */
    size_t next_digest, next_expr;
    bool started;
    struct sg_buf text;
};

/* ---- life ---- */

struct sg_digester *sg_digester_new(const struct sg_digester_hooks *hooks)
{
    struct sg_digester *d = sg_calloc(1, sizeof(*d));
    d->hooks = *hooks;
    d->minute = INT64_MIN;
    sg_buf_init(&d->text, 64u << 10);
    return d;
}

static void clear(struct recorded *r)
{
    for (size_t i = 0; i < r->n; i++)
        sg_free(r->series[i].text);
    r->n = 0;
}

static void free_list(struct sg_digester *d, struct digest *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < list[i].def->n_exprs; k++) {
            clear(&list[i].exprs[k]);
            if (list[i].exprs[k].root)
                d->hooks.graph.remove(d->hooks.graph.ctx, list[i].exprs[k].root);
        }
        clear(&list[i].up);
        sg_free(list[i].exprs);
    }
    sg_free(list);
}

void sg_digester_free(struct sg_digester *d)
{
    if (!d)
        return;
    free_list(d, d->list, d->n);
    sg_digests_unref(d->digests);
    sg_buf_deinit(&d->text);
    sg_free(d);
}

/* What was recorded of the same; moved. */
static void inherit(struct sg_digester *d, struct digest *to)
{
    for (size_t i = 0; i < d->n; i++) {
        struct digest *from = &d->list[i];
        if (!sg_str_eq(from->def->name, to->def->name) || from->def->weekly != to->def->weekly)
            continue;
        to->known = from->known;
        to->last_ms = from->last_ms;
        to->up = from->up;
        from->up.n = 0;
        for (size_t k = 0; k < to->def->n_exprs; k++)
            for (size_t m = 0; m < from->def->n_exprs; m++)
                if (to->exprs[k].def->hash == from->exprs[m].def->hash) {
                    struct sg_promql_root *root = to->exprs[k].root;
                    const struct sg_digest_expr *def = to->exprs[k].def;
                    to->exprs[k] = from->exprs[m];
                    to->exprs[k].root = root;
                    to->exprs[k].def = def;
                    from->exprs[m].n = 0;
                }
    }
}

static int open_digest(struct sg_digester *d, const struct sg_digest *def, struct digest *to,
                       struct sg_error *reterr)
{
    int rc = 0;
    to->def = def;
    to->exprs = sg_calloc(def->n_exprs + 1, sizeof(*to->exprs));
    for (size_t i = 0; i < def->n_exprs && rc == 0; i++) {
        struct sg_promql *q;
        to->exprs[i].def = &def->exprs[i];
        rc = sg_promql_parse(def->exprs[i].expr, NULL, &q, reterr);
        if (rc == 0)
            rc = d->hooks.graph.add(d->hooks.graph.ctx, q, &to->exprs[i].root, reterr);
    }
    return rc;
}

int sg_digester_load_take(struct sg_digester *d, struct sg_digests *digests,
                          struct sg_error *reterr)
{
    struct digest *list = sg_calloc(digests->n + 1, sizeof(*list));
    size_t n = 0;
    int rc = 0;
    for (; n < digests->n && rc == 0; n++)
        rc = open_digest(d, &digests->list[n], &list[n], reterr);
    if (rc < 0) {
        free_list(d, list, n);
        sg_digests_unref(digests);
        return rc;
    }
    for (size_t i = 0; i < n; i++)
        inherit(d, &list[i]);
    free_list(d, d->list, d->n);
    sg_digests_unref(d->digests);
    d->list = list;
    d->n = n;
    d->digests = digests;
    d->next_digest = n; /* the next round begins with the first of the new ones */
    d->next_expr = 0;
    return 0;
}

/* ---- rows ---- */

static void put_key(struct sg_buf *b, const struct digest *d, const struct recorded *r,
                    const struct series *s)
{
    sg_buf_reset(b);
    sg_buf_put_str(b, d->def->name);
    if (r->def)
        sg_buf_printf(b, "/%016llx", (unsigned long long)r->def->hash);
    else
        sg_buf_puts(b, "/up");
    sg_buf_printf(b, "/%lld/%016llx", (long long)r->bucket_ms, (unsigned long long)s->hash);
}

static void write_point(struct sg_digester *d, const struct digest *g, const struct recorded *r,
                        const struct series *s, struct sg_journal *j)
{
    char key[192];
    struct sg_buf *b = &d->text;
    put_key(b, g, r, s);
    snprintf(key, sizeof(key), "%s", sg_buf_cstr(b));
    sg_buf_reset(b);
    sg_buf_printf(b, "{\"at\":%lld,\"n\":%llu,\"min\":", (long long)s->at_ms,
                  (unsigned long long)s->n);
    sg_buf_put_double(b, s->min);
    sg_buf_puts(b, ",\"max\":");
    sg_buf_put_double(b, s->max);
    sg_buf_puts(b, ",\"sum\":");
    sg_buf_put_double(b, s->sum);
    sg_buf_puts(b, ",\"last\":");
    sg_buf_put_double(b, s->last);
    sg_buf_puts(b, ",\"series\":");
    sg_buf_put_json_str(b, sg_str_from(s->text));
    sg_buf_putc(b, '}');
    sg_journal_put(j, SG_TABLE_DIGEST_POINTS, sg_str_from(key), sg_buf_str(b),
                   r->bucket_ms + 2 * sg_digest_period_ms(g->def) + SG_MS_PER_DAY);
}

/* The series of that hash, made when there is room; NULL: there is none. Takes text. */
static struct series *series_of(struct recorded *r, uint64_t hash, char *text)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->series[i].hash == hash) {
            sg_free(text);
            return &r->series[i];
        }
    if (r->n == SG_DIGEST_MAX_SERIES) {
        sg_free(text);
        return NULL;
    }
    r->series[r->n] = (struct series){.text = text, .hash = hash, .at_ms = INT64_MIN};
    return &r->series[r->n++];
}

static void add_value(struct series *s, int64_t wall_ms, double v)
{
    s->min = s->n && s->min < v ? s->min : v;
    s->max = s->n && s->max > v ? s->max : v;
    s->sum += v;
    s->last = v;
    s->n++;
    s->at_ms = wall_ms;
}

static void record(struct sg_digester *d, struct digest *g, struct recorded *r,
                   const struct sg_labels *labels, double v, int64_t wall_ms, struct sg_journal *j)
{
    char text[MAX_SERIES_TEXT] = "";
    if (labels && labels->count) {
        sg_buf_reset(&d->text);
        sg_labels_print(labels, &d->text);
        snprintf(text, sizeof(text), "%s", sg_buf_cstr(&d->text));
        text[sg_utf8_valid_prefix(text, strlen(text))] = 0;
    }
    struct series *s = series_of(r, sg_hash64_stable(text, strlen(text)), sg_strdup(text));
    if (!s || (!r->def && s->at_ms >= sg_time_align(wall_ms, SG_MS_PER_MIN)))
        return; /* a minute counts once */
    add_value(s, wall_ms, v);
    write_point(d, g, r, s, j);
}

static void turn(const struct digest *g, struct recorded *r, int64_t wall_ms)
{
    int64_t bucket_ms = sg_time_align(wall_ms, sg_digest_bucket_ms(g->def));
    if (r->bucket_ms == bucket_ms)
        return;
    clear(r);
    r->bucket_ms = bucket_ms;
}

/* ---- restoring ---- */

static void restore_point(struct digest *g, struct sg_str rest, const json_t *row, int64_t wall_ms)
{
    struct sg_str id = sg_str_split(&rest, '/'), start = sg_str_split(&rest, '/');
    struct recorded *r = sg_str_eq_c(id, "up") ? &g->up : NULL;
    uint64_t bucket, n;
    for (size_t i = 0; !r && i < g->def->n_exprs; i++) {
        char hash[20];
        snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)g->def->exprs[i].hash);
        if (sg_str_eq_c(id, hash))
            r = &g->exprs[i];
    }
    if (!r || sg_u64_parse(start.p, start.n, &bucket) < 0)
        return;
    turn(g, r, wall_ms);
    n = (uint64_t)json_integer_value(json_object_get(row, "n"));
    const char *text = json_string_value(json_object_get(row, "series"));
    if ((int64_t)bucket != r->bucket_ms || !n || !text)
        return;
    struct series *s = series_of(r, sg_hash64_stable(text, strlen(text)), sg_strdup(text));
    if (!s)
        return;
    s->n = n;
    s->at_ms = json_integer_value(json_object_get(row, "at"));
    s->min = json_number_value(json_object_get(row, "min"));
    s->max = json_number_value(json_object_get(row, "max"));
    s->sum = json_number_value(json_object_get(row, "sum"));
    s->last = json_number_value(json_object_get(row, "last"));
}

void sg_digester_restore(struct sg_digester *d, enum sg_table table, struct sg_str key,
                         struct sg_str body, int64_t wall_ms)
{
    struct sg_str rest = key, name = sg_str_split(&rest, '/');
    json_t *row = json_loadb(body.p, body.n, 0, NULL);
    for (size_t i = 0; i < d->n && row; i++) {
        struct digest *g = &d->list[i];
        if (!sg_str_eq(g->def->name, name))
            continue;
        if (table == SG_TABLE_DIGEST_POINTS) {
            restore_point(g, rest, row, wall_ms);
        } else if (table == SG_TABLE_DIGESTS) {
            g->known = true;
            g->last_ms = json_integer_value(json_object_get(row, "last"));
        }
    }
    json_decref(row);
}

/* ---- when ---- */

static int32_t offset_at(const struct sg_digester *d, const struct sg_digest *def, int64_t wall_ms)
{
    int32_t offset_s = def->offset_s;
    if (def->zone.n && (!d->hooks.utc_offset ||
                        d->hooks.utc_offset(d->hooks.ctx, def->zone, wall_ms, &offset_s) < 0))
        offset_s = 0;
    return offset_s;
}

/* The instant of a time that clocks there show. */
static int64_t from_local(const struct sg_digester *d, const struct sg_digest *def,
                          int64_t local_ms)
{
    int64_t guess = local_ms - offset_at(d, def, local_ms) * SG_MS_PER_S;
    return local_ms - offset_at(d, def, guess) * SG_MS_PER_S;
}

/* The last due time that is not after wall_ms. Clocks that are set (daylight saving) move it by an
 * hour. */
static int64_t due_before(const struct sg_digester *d, const struct sg_digest *def, int64_t wall_ms)
{
    int64_t local = wall_ms + offset_at(d, def, wall_ms) * SG_MS_PER_S;
    int64_t day = sg_time_align(local, SG_MS_PER_DAY) + SG_MS_PER_DAY;
    for (;; day -= SG_MS_PER_DAY) {
        int64_t at = from_local(d, def, day + def->at_min * SG_MS_PER_MIN);
        if (at <= wall_ms && (!def->weekly || sg_civil_from_ms(day).weekday == def->weekday))
            return at;
    }
}

int64_t sg_digester_next(struct sg_digester *d, const struct sg_digest *def, int64_t wall_ms)
{
    /* A period has an hour more at most. */
    int64_t last = due_before(d, def, wall_ms);
    return due_before(d, def, last + sg_digest_period_ms(def) + 2 * SG_MS_PER_HOUR);
}

static void send(struct sg_digester *d, const struct sg_digest *def, int64_t until_ms,
                 struct sg_journal *j)
{
    char offset[48];
    int64_t from_ms = until_ms - sg_digest_period_ms(def);
    snprintf(offset, sizeof(offset), "{\"offset\":%d}", (int)offset_at(d, def, until_ms));
    sg_journal_add(j, &(struct sg_journal_op){.kind = SG_JOURNAL_DIGEST,
                                              .key = def->name,
                                              .number = (uint64_t)from_ms,
                                              .time_ms = until_ms,
                                              .body = sg_str_from(offset)});
}

int sg_digester_send(struct sg_digester *d, struct sg_str name, int64_t wall_ms,
                     struct sg_journal *journal)
{
    const struct sg_digest *def = d->digests ? sg_digests_find(d->digests, name) : NULL;
    if (!def)
        return SG_ENOTFOUND;
    send(d, def, wall_ms, journal);
    return 0;
}

/* A clock that was set back does not bring the same digest twice; one that was far ahead does not
 * silence it for long. */
static void check_due(struct sg_digester *d, struct digest *g, int64_t wall_ms,
                      struct sg_journal *j)
{
    char last[48];
    int64_t due = due_before(d, g->def, wall_ms), period = sg_digest_period_ms(g->def);
    bool fresh = !g->known || g->last_ms > wall_ms + period;
    if (!fresh && due < g->last_ms + period / 2)
        return;
    if (!fresh)
        send(d, g->def, due, j);
    g->known = true;
    g->last_ms = due;
    snprintf(last, sizeof(last), "{\"last\":%lld}", (long long)due);
    sg_journal_put(j, SG_TABLE_DIGESTS, g->def->name, sg_str_from(last), 0);
}

/* ---- the tick ---- */

static void evaluate(struct sg_digester *d, struct digest *g, struct recorded *r, int64_t wall_ms,
                     struct sg_journal *j)
{
    const struct sg_ruler_hooks *h = &d->hooks.graph;
    struct sg_promql_view view;
    turn(g, r, wall_ms);
    if (h->eval(h->ctx, r->root, wall_ms, &view, NULL) < 0)
        return; /* no value, as when there are no data */
    for (size_t i = 0; i < view.n; i++)
        if ((view.present[i] & 1) && !(view.h && view.h[i]) && isfinite(view.v[i]))
            record(d, g, r, view.labels[i], view.v[i], wall_ms, j);
}

static void begin_round(struct sg_digester *d, int64_t wall_ms, struct sg_journal *j)
{
    /* With very many expressions and a slow tick a round may take longer than its minute. */
    if (d->next_digest >= d->n)
        d->next_digest = d->next_expr = 0;
    for (size_t i = 0; i < d->n; i++) {
        turn(&d->list[i], &d->list[i].up, wall_ms);
        record(d, &d->list[i], &d->list[i].up, NULL, 1, wall_ms, j);
    }
    if (d->n && !d->started) {
        char key[48];
        snprintf(key, sizeof(key), SG_DIGEST_STARTS "%lld", (long long)wall_ms);
        sg_journal_put(j, SG_TABLE_DIGEST_POINTS, sg_str_from(key), SG_STR("{}"),
                       wall_ms + START_KEEP_MS);
        d->started = true;
    }
}

void sg_digester_tick(struct sg_digester *d, int64_t wall_ms, struct sg_journal *journal)
{
    int64_t minute = sg_time_align(wall_ms, SG_MS_PER_MIN);
    bool begun = false;
    if (d->n == 0)
        return;
    if (minute != d->minute) {
        d->minute = minute;
        begin_round(d, wall_ms, journal);
        for (size_t i = 0; i < d->n; i++)
            check_due(d, &d->list[i], wall_ms, journal);
    }
    for (int budget = EVALS_PER_TICK; d->next_digest < d->n;) {
        struct digest *g = &d->list[d->next_digest];
        if (d->next_expr >= g->def->n_exprs) {
            d->next_digest++;
            d->next_expr = 0;
            continue;
        }
        if (budget-- == 0)
            break;
        if (!begun)
            d->hooks.graph.begin(d->hooks.graph.ctx);
        begun = true;
        evaluate(d, g, &g->exprs[d->next_expr++], wall_ms, journal);
    }
}
