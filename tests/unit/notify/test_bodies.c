/* test_bodies.c - what each kind of integration sends: golden files in tests/data/notify.
 *
 * A case is {"config": lines of YAML, "target", "note", "url", "headers": […], "body"}. Bodies are
 * compared as JSON values. GOLDEN=write makes the files say what is sent now; look at the diff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notify/kind.h"

#define WALL INT64_C(1795316645000)

static const struct sg__site site = {.external_url = "https://sg.example/",
                                     .user_agent = "streamgauge/test",
                                     .vapid_subject = "mailto:ops@example.org"};

static struct sg_receivers *parse(const json_t *lines)
{
    struct sg_buf text;
    struct sg_yaml *yaml;
    struct sg_receivers *r = NULL;
    struct sg_error err = {0};
    sg_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < json_array_size(lines); i++)
        sg_buf_printf(&text, "%s\n", json_string_value(json_array_get(lines, i)));
    assert_int_equal(sg_yaml_parse("config", sg_buf_cstr(&text), text.len, &yaml, NULL), 0);
    if (sg_receivers_parse(sg_yaml_root(yaml), NULL, &r, &err) < 0)
        fail_msg("%s", err.text);
    sg_yaml_free(yaml);
    sg_buf_deinit(&text);
    return r;
}

static json_t *headers_of(const struct sg__request *r)
{
    json_t *list = json_array();
    for (const struct curl_slist *h = r->headers; h; h = h->next)
        json_array_append_new(list, json_string(h->data));
    return list;
}

/* What is sent: {"url","headers","body"}. */
static json_t *send_case(json_t *golden)
{
    struct sg_receivers *receivers = parse(json_object_get(golden, "config"));
    char *body = json_dumps(json_object_get(golden, "note"), JSON_COMPACT);
    struct sg_outbox_row row = {
        .key = SG_STR("key-1"), .body = sg_str_from(body), .push = SG_STR("")};
    struct sg__note note;
    struct sg__request request;
    struct sg_error err = {0};
    struct sg__job job = {.site = &site, .row = &row, .note = &note, .wall_ms = WALL};
    job.target = sg__receivers_find(receivers, sg__json_text(golden, "target"));
    assert_non_null(job.target);
    assert_int_equal(sg__note_read(row.body, &note, NULL), 0);
    sg__request_init(&request);
    if (job.target->kind->build(&job, &request, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(request.body.failed);
    json_t *sent = json_loadb(request.body.data, request.body.len, 0, NULL);
    if (!sent)
        fail_msg("no JSON: %s", sg_buf_cstr(&request.body));
    json_t *got = json_pack("{s:s#,s:o,s:o}", "url", request.url.data, (int)request.url.len,
                            "headers", headers_of(&request), "body", sent);
    sg__request_deinit(&request);
    sg__note_deinit(&note);
    sg_receivers_free(receivers);
    free(body);
    return got;
}

static bool check_case(const char *path)
{
    static const char *const members[] = {"url", "headers", "body"};
    bool same = true;
    json_error_t at;
    json_t *golden = json_load_file(path, 0, &at);
    if (!golden)
        fail_msg("%s:%d: %s", path, at.line, at.text);
    json_t *got = send_case(golden);
    for (size_t i = 0; i < SG_ARRAY_LEN(members); i++) {
        const json_t *want = json_object_get(golden, members[i]),
                     *have = json_object_get(got, members[i]);
        if (json_equal(want, have))
            continue;
        char *text = json_dumps(have, JSON_INDENT(2) | JSON_ENCODE_ANY);
        print_message("%s: %s is\n%s\n", path, members[i], text);
        free(text);
        same = false;
    }
    if (!same && getenv("GOLDEN")) {
        json_object_update(golden, got);
        json_dump_file(golden, path, JSON_INDENT(2));
    }
    json_decref(got);
    json_decref(golden);
    return same;
}

static void test_bodies__are_as_their_services_want_them(void **state)
{
    (void)state;
    const char *folder = SG_TEST_DATA "/notify";
    DIR *dir = opendir(folder);
    int cases = 0, wrong = 0;
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        char path[1024];
        if (!strstr(e->d_name, ".json"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        wrong += !check_case(path);
        cases++;
    }
    closedir(dir);
    assert_true(cases >= 20);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies__are_as_their_services_want_them),
    };
    return cmocka_run_group_tests_name("notify/bodies", tests, NULL, NULL);
}
