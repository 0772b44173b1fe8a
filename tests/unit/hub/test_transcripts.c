/* test_transcripts.c - plays tests/data/proto/ *.transcript against the hub; see the README there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <math.h>

#include "hub_rig.h"

struct play {
    struct rig r;
    struct sg_session *session;
    enum sg_wire wire;
    bool slow, behind;
    struct sg_buf held;
    struct sg_sse_parser sse;
    struct sg_buf raw;
    char *said[256]; /* what the server said and no line has expected yet */
    size_t n_said;
    const char *file;
    int line;
};

static void hear(struct play *p, struct sg_str head, struct sg_str text)
{
    char *line = NULL;
    assert_true(p->n_said < SG_ARRAY_LEN(p->said));
    if (asprintf(&line, "%.*s%.*s", SG_STR_ARG(head), SG_STR_ARG(text)) < 0)
        abort();
    p->said[p->n_said++] = line;
}

static void hear_sse(struct play *p, const char *data, size_t n)
{
    while (n) {
        struct sg_sse_event ev = {0};
        bool complete = false;
        ssize_t used = sg_sse_feed(&p->sse, data, n, &ev, &complete);
        assert_true(used > 0);
        data += used;
        n -= (size_t)used;
        char head[128];
        int len = snprintf(head, sizeof(head), "[%.*s %.*s] ", SG_STR_ARG(ev.event),
                           SG_STR_ARG(ev.id.n ? ev.id : SG_STR("-")));
        if (complete)
            hear(p, sg_str_make(head, (size_t)len), ev.data);
    }
}

static void hear_bytes(struct play *p, const char *data, size_t n)
{
    if (p->wire == SG_WIRE_SSE) {
        hear_sse(p, data, n);
        return;
    }
    while (n) {
        size_t head = 0, len = 0;
        if (p->wire == SG_WIRE_NDJSON) {
            len = (size_t)((const char *)memchr(data, '\n', n) - data);
        } else {
            const uint8_t *b = (const uint8_t *)data;
            assert_int_equal(b[0], 0x81);
            head = b[1] < 126 ? 2 : 4;
            len = b[1] < 126 ? b[1] : (size_t)b[2] << 8 | b[3];
            assert_true(b[1] < 127);
        }
        hear(p, SG_STR(""), sg_str_make(data + head, len));
        size_t used = head + len + (p->wire == SG_WIRE_NDJSON ? 1 : 0);
        data += used;
        n -= used;
    }
}

static int play_write(void *ctx, const char *data, size_t n)
{
    struct play *p = ctx;
    assert_false(p->behind);
    if (p->slow) {
        p->behind = true;
        sg_buf_append(&p->held, data, n);
        return SG_EBUSY;
    }
    hear_bytes(p, data, n);
    return 0;
}

static void play_close(void *ctx, unsigned code, const char *reason)
{
    char head[64];
    int n = snprintf(head, sizeof(head), "close %u ", code);
    hear(ctx, sg_str_make(head, (size_t)n), sg_str_from(reason));
}

static const struct sg_transport play_transport = {play_write, play_close};

/* ---- comparing ---- */

static bool matches(const json_t *want, const json_t *have)
{
    if (json_is_string(want) && strcmp(json_string_value(want), "*") == 0)
        return have != NULL;
    if (json_is_number(want) && json_is_number(have))
        return json_number_value(want) == json_number_value(have);
    if (!have || json_typeof(want) != json_typeof(have))
        return false;
    if (json_is_array(want)) {
        bool same = json_array_size(want) == json_array_size(have);
        for (size_t i = 0; same && i < json_array_size(want); i++)
            same = matches(json_array_get(want, i), json_array_get(have, i));
        return same;
    }
    if (!json_is_object(want))
        return json_equal((json_t *)(uintptr_t)want, (json_t *)(uintptr_t)have);
    bool same = json_object_size(want) == json_object_size(have);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)want, key, value) same =
        same && matches(value, json_object_get(have, key));
    return same;
}

static bool line_matches(const char *want, const char *have)
{
    const char *want_json = strchr(want, '{'), *have_json = strchr(have, '{');
    if (!want_json || !have_json)
        return strcmp(want, have) == 0;
    if (want_json - want != have_json - have || memcmp(want, have, (size_t)(want_json - want)) != 0)
        return false;
    json_t *w = json_loads(want_json, 0, NULL), *h = json_loads(have_json, 0, NULL);
    assert_non_null(w);
    bool same = matches(w, h);
    json_decref(w);
    json_decref(h);
    return same;
}

static void expect(struct play *p, const char *want)
{
    if (!p->n_said)
        fail_msg("%s:%d: the server said nothing, expected %s", p->file, p->line, want);
    if (!line_matches(want, p->said[0]))
        fail_msg("%s:%d: the server said\n  %s\nexpected\n  %s", p->file, p->line, p->said[0],
                 want);
    free(p->said[0]);
    memmove(p->said, p->said + 1, --p->n_said * sizeof(p->said[0]));
}

static void expect_silence(struct play *p)
{
    if (p->n_said)
        fail_msg("%s:%d: before this line the server said, unexpected\n  %s", p->file, p->line,
                 p->said[0]);
}

/* ---- connections ---- */

static void cut(struct play *p)
{
    if (p->session)
        sg_session_closed(p->session);
    p->session = NULL;
    p->slow = p->behind = false;
    sg_buf_reset(&p->held);
    sg_sse_parser_deinit(&p->sse);
    sg_sse_parser_init(&p->sse, 1 << 20);
}

static void open_session(struct play *p, enum sg_wire wire, enum sg_dialect dialect, bool rights)
{
    struct sg_session_options so = {.wire = wire,
                                    .dialect = dialect,
                                    .transport = &play_transport,
                                    .ctx = p,
                                    .rights = rights ? SG_RIGHT_READ | SG_RIGHT_INGEST : 0};
    assert_null(p->session);
    p->wire = wire;
    assert_int_equal(sg_session_open(p->r.hub, &so, &p->session, NULL), 0);
}

static void connect_events(struct play *p, enum sg_wire wire, char *query)
{
    struct sg_arg args[16];
    size_t n = 0;
    struct sg_str last_id = {NULL, 0};
    struct sg_error err = {0};
    for (char *save = NULL, *one = strtok_r(query, "&", &save); one;
         one = strtok_r(NULL, "&", &save)) {
        char *eq = strchr(one, '=');
        assert_non_null(eq);
        struct sg_str name = sg_str_make(one, (size_t)(eq - one)), value = sg_str_from(eq + 1);
        if (sg_str_eq_c(name, "last-event-id"))
            last_id = value;
        else
            args[n++] = (struct sg_arg){name, value};
    }
    open_session(p, wire, SG_DIALECT_V1, true);
    if (sg_session_subscribe_args(p->session, args, n, last_id, &err) < 0)
        fail_msg("%s:%d: %s", p->file, p->line, err.text);
    sg_session_start(p->session);
}

static void connect_to(struct play *p, char *how)
{
    if (strncmp(how, "sse ", 4) == 0) {
        connect_events(p, SG_WIRE_SSE, how + 4);
    } else if (strncmp(how, "ndjson ", 7) == 0) {
        connect_events(p, SG_WIRE_NDJSON, how + 7);
    } else {
        enum sg_dialect d = strstr(how, "simple")          ? SG_DIALECT_SIMPLE
                            : strstr(how, "notifications") ? SG_DIALECT_NOTES
                                                           : SG_DIALECT_V1;
        open_session(p, SG_WIRE_WS, d, strstr(how, "no-rights") == NULL);
        sg_session_start(p->session);
    }
}

/* ---- the server's side ---- */

/* Both intervals an expression is asked for with in the files. */
static void set_value(struct play *p, const char *key, int i, const char *value)
{
    static const int64_t intervals[] = {100, 1000};
    for (size_t k = 0; k < 2; k++) {
        struct rig_topic *t = rig_topic(&p->r, key, intervals[k]);
        t->present[i] = value != NULL;
        t->value[i] = value ? strtod(value, NULL) : 0;
    }
}

static void fail_stream(struct play *p, const char *key, const char *text)
{
    struct sg_error err = {.code = SG_EEXECUTION};
    snprintf(err.text, sizeof(err.text), "%s", text);
    struct rig_topic *t = rig_topic(&p->r, key, 100);
    rig_send_take(&p->r, sg_track_error(t->track, p->r.now_ms, &err));
    rig_flush(&p->r);
}

/* Rows of series 0, 1 …, with ';' between. */
static void answer_history(struct play *p, char *rows)
{
    enum { SERIES = 4, POINTS = 16 };
    struct sg_error err = {.code = SG_ETIMEOUT, .text = "the query took too long"};
    double value[SERIES * POINTS];
    struct sg_history h = {.start_ms = p->r.history.start_ms,
                           .step_ms = p->r.history.step_ms,
                           .labels = p->r.labels,
                           .value = value};
    uint32_t n = 0;
    bool failed = strcmp(rows, "fail") == 0;
    for (char *outer = NULL, *row = strtok_r(rows, ";", &outer); row;
         row = strtok_r(NULL, ";", &outer)) {
        h.n_series++;
        for (char *save = NULL, *one = strtok_r(row, ",", &save); one;
             one = strtok_r(NULL, ",", &save)) {
            assert_true(n < SERIES * POINTS);
            value[n++] = strcmp(one, "null") == 0 ? sg_stale_nan() : strtod(one, NULL);
        }
    }
    h.n_points = n / h.n_series;
    assert_int_equal(n, h.n_points * h.n_series);
    assert_true(failed || h.n_points <= p->r.history.max_points);
    sg_hub_history_done(p->r.hub, p->r.history_token, failed ? NULL : &h, failed ? &err : NULL);
}

static void happen_2(struct play *p, char *what)
{
    char key[64], word[64];
    int i = 0;
    if (sscanf(what, "set %63s %d %63s", key, &i, word) == 3)
        set_value(p, key, i, word);
    else if (sscanf(what, "gone %63s %d", key, &i) == 2)
        set_value(p, key, i, NULL);
    else if (sscanf(what, "note %d %63s", &i, word) == 2)
        rig_note(&p->r, i, word);
    else if (sscanf(what, "error %63s %n", key, &i) == 1)
        fail_stream(p, key, what + i);
    else if (strncmp(what, "history ", 8) == 0)
        answer_history(p, what + 8);
    else if (sscanf(what, "wait %d", &i) == 1)
        p->r.now_ms += i, rig_flush(&p->r);
    else
        fail_msg("%s:%d: what is '%s'?", p->file, p->line, what);
}

static void happen(struct play *p, char *what)
{
    if (strcmp(what, "tick") == 0) {
        rig_step(&p->r);
    } else if (strcmp(what, "cut") == 0) {
        cut(p);
    } else if (strcmp(what, "slow") == 0) {
        p->slow = true;
    } else if (strcmp(what, "drain") == 0) {
        p->slow = p->behind = false;
        hear_bytes(p, p->held.data, p->held.len);
        sg_buf_reset(&p->held);
        sg_session_writable(p->session);
    } else if (strcmp(what, "refuse") == 0) {
        p->r.refuse = true;
    } else if (strcmp(what, "drop") == 0) {
        p->r.drop = true;
    } else if (strcmp(what, "repair") == 0) {
        p->r.drop = false;
        rig_resync(&p->r);
    } else if (strcmp(what, "heartbeat") == 0) {
        /* Of the newest tick. */
        rig_send_take(&p->r, sg_publisher_heartbeat(&p->r.pub, p->r.now_ms - 100));
        rig_flush(&p->r);
    } else {
        happen_2(p, what);
    }
}

static void play_line(struct play *p, char *line)
{
    char kind = line[0], *rest = line + 2;
    if (kind == '<') {
        expect(p, rest);
        return;
    }
    expect_silence(p);
    if (kind == '@')
        connect_to(p, rest);
    else if (kind == '>')
        sg_session_receive(p->session, sg_str_from(rest));
    else if (kind == '!')
        happen(p, rest);
    else if (kind != '#')
        fail_msg("%s:%d: a line starts with one of # @ > < !", p->file, p->line);
}

static void play_file(const char *path)
{
    struct play *p = calloc(1, sizeof(*p));
    char *line = NULL;
    size_t cap = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    rig_init(&p->r);
    p->file = path;
    sg_buf_init(&p->held, 1 << 20);
    sg_sse_parser_init(&p->sse, 1 << 20);
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0;) {
        p->line++;
        line[n - (line[n - 1] == '\n' ? 1 : 0)] = 0;
        if (line[0])
            play_line(p, line);
    }
    expect_silence(p);
    free(line);
    fclose(f);
    cut(p);
    sg_sse_parser_deinit(&p->sse);
    sg_buf_deinit(&p->held);
    rig_deinit(&p->r);
    free(p);
}

static void test_transcripts__all_are_played_to_the_letter(void **state)
{
    (void)state;
    int files = 0;
    DIR *dir = opendir(SG_TEST_DATA "/proto");
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        char path[4096];
        const char *dot = strrchr(e->d_name, '.');
        if (!dot || strcmp(dot, ".transcript") != 0)
            continue;
        snprintf(path, sizeof(path), "%s/proto/%s", SG_TEST_DATA, e->d_name);
        play_file(path);
        files++;
    }
    closedir(dir);
    assert_true(files >= 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transcripts__all_are_played_to_the_letter),
    };
    return cmocka_run_group_tests_name("hub/transcripts", tests, NULL, NULL);
}
