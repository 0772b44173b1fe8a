/* Zones: offsets of the system's zone files, and what is no zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <streamgauge/time.h>

#include "app/zone.h"

static int64_t at(const char *rfc3339)
{
    int64_t ms;
    assert_int_equal(sg_rfc3339_parse(sg_str_from(rfc3339), &ms), 0);
    return ms;
}

static void test_zones__know_summer_time(void **state)
{
    static const struct {
        const char *zone, *time;
        int32_t offset_s;
    } cases[] = {
        {"Europe/Berlin", "2026-01-15T12:00:00Z", 3600},
        {"Europe/Berlin", "2026-07-15T12:00:00Z", 7200},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"America/New_York", "2026-07-15T12:00:00Z", -4 * 3600},
        {"Asia/Kolkata", "2026-07-15T12:00:00Z", 19800},
        {"Etc/GMT+5", "2026-07-15T12:00:00Z", -5 * 3600},
        {"Europe/Berlin", "1800-01-01T00:00:00Z", 3208}, /* local mean time */
    };
    struct sg_zones *z = sg_zones_new(NULL);
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        int32_t offset = 0;
        assert_int_equal(sg_zones_offset(z, sg_str_from(cases[i].zone), at(cases[i].time), &offset),
                         0);
        if (offset != cases[i].offset_s)
            fail_msg("%s at %s: %d", cases[i].zone, cases[i].time, offset);
    }
    sg_zones_free(z);
}

static void test_zones__refuse_what_is_none(void **state)
{
    static const char *const names[] = {
        "",          "Nowhere/Nothing", "../../etc/passwd", "/etc/localtime", "Europe/Ber\tlin",
        "tzdata.zi", "Europe"};
    struct sg_zones *z = sg_zones_new(NULL);
    int32_t offset;
    (void)state;
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++)
        assert_int_equal(sg_zones_offset(z, sg_str_from(names[i]), 0, &offset), SG_ENOTFOUND);
    sg_zones_free(z);
}

/* Names may come from labels: any number of wrong ones leaves room for a right one. */
static void test_zones__wrong_names_use_up_nothing(void **state)
{
    struct sg_zones *z = sg_zones_new(NULL);
    char name[32];
    int32_t offset = 0;
    (void)state;
    for (int i = 0; i < 1500; i++) {
        snprintf(name, sizeof(name), "No/Where%d", i);
        assert_int_equal(sg_zones_offset(z, sg_str_from(name), 0, &offset), SG_ENOTFOUND);
    }
    assert_int_equal(sg_zones_offset(z, SG_STR("Asia/Kolkata"), 0, &offset), 0);
    assert_int_equal(offset, 19800);
    sg_zones_free(z);
}

/* Each prefix and each single changed byte of a real file is read or refused, never more. */
static void test_zones__survive_broken_files(void **state)
{
    char folder[] = "/tmp/sg-zone-XXXXXX", path[64];
    unsigned char text[8192];
    int32_t offset;
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    (void)state;
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof(text), f);
    fclose(f);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/Z", folder);
    for (size_t i = 0; i < n; i += 7) {
        for (int flip = 0; flip < 2; flip++) {
            f = fopen(path, "wb");
            assert_non_null(f);
            text[i] = (unsigned char)(text[i] ^ (flip ? 0xff : 0));
            assert_int_equal(fwrite(text, 1, flip ? n : i, f), flip ? n : i);
            text[i] = (unsigned char)(text[i] ^ (flip ? 0xff : 0));
            fclose(f);
            struct sg_zones *z = sg_zones_new(folder);
            int rc = sg_zones_offset(z, SG_STR("Z"), at("2026-07-15T12:00:00Z"), &offset);
            assert_true(rc == 0 || rc == SG_ENOTFOUND);
            if (!flip && i < n / 4)
                assert_int_equal(rc, SG_ENOTFOUND);
            sg_zones_free(z);
        }
    }
    unlink(path);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zones__know_summer_time),
        cmocka_unit_test(test_zones__refuse_what_is_none),
        cmocka_unit_test(test_zones__wrong_names_use_up_nothing),
        cmocka_unit_test(test_zones__survive_broken_files),
    };
    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
