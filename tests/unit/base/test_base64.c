/* test_base64.c - base64 and base64url. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/base64.h>
#include <streamgauge/error.h>

static void test_base64__gives_the_vectors_of_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"f\x6f", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff", "+/8="},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(vectors); i++) {
        SG_AUTO(sg_buf_deinit) struct sg_buf text;
        sg_buf_init(&text, 64);
        sg_base64_put(&text, vectors[i][0], strlen(vectors[i][0]));
        assert_string_equal(sg_buf_cstr(&text), vectors[i][1]);
    }
}

static void test_base64url__has_an_alphabet_of_its_own_and_no_padding(void **state)
{
    (void)state;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 64);
    sg_base64url_put(&text, "\xfb\xff", 2);
    assert_string_equal(sg_buf_cstr(&text), "-_8");
}

static void test_parse__reads_what_is_written(void **state)
{
    (void)state;
    uint8_t bytes[64], back[64];
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, 256);
    for (size_t n = 0; n < sizeof(bytes); n++) {
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)(i * 37 + n * 11);
        for (int url = 0; url < 2; url++) {
            sg_buf_reset(&text);
            (url ? sg_base64url_put : sg_base64_put)(&text, bytes, n);
            assert_int_equal(sg_base64_parse(sg_buf_str(&text), back, n), (int)n);
            if (n)
                assert_memory_equal(back, bytes, n);
        }
    }
}

static void test_parse__writes_over_its_own_text(void **state)
{
    (void)state;
    char text[] = "L3Vzci9iaW4";
    assert_int_equal(sg_base64_parse(sg_str_from(text), text, sizeof(text)), 8);
    assert_memory_equal(text, "/usr/bin", 8);
}

static void test_parse__takes_padding_or_none(void **state)
{
    (void)state;
    uint8_t back[4];
    assert_int_equal(sg_base64_parse(SG_STR("AA"), back, 4), 1);
    assert_int_equal(sg_base64_parse(SG_STR("AA=="), back, 4), 1);
    assert_int_equal(sg_base64_parse(SG_STR("="), back, 4), 0);
}

static void test_parse__refuses_what_is_none_or_too_much(void **state)
{
    (void)state;
    uint8_t back[4];
    assert_int_equal(sg_base64_parse(SG_STR("A"), back, 4), SG_ESYNTAX);
    assert_int_equal(sg_base64_parse(SG_STR("AAAAA"), back, 4), SG_ESYNTAX);
    assert_int_equal(sg_base64_parse(SG_STR("A!AA"), back, 4), SG_ESYNTAX);
    assert_int_equal(sg_base64_parse(SG_STR("A=AA"), back, 4), SG_ESYNTAX);
    assert_int_equal(sg_base64_parse(SG_STR("AAAA"), back, 2), SG_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64__gives_the_vectors_of_rfc_4648),
        cmocka_unit_test(test_base64url__has_an_alphabet_of_its_own_and_no_padding),
        cmocka_unit_test(test_parse__reads_what_is_written),
        cmocka_unit_test(test_parse__writes_over_its_own_text),
        cmocka_unit_test(test_parse__takes_padding_or_none),
        cmocka_unit_test(test_parse__refuses_what_is_none_or_too_much),
    };
    return cmocka_run_group_tests_name("base64", tests, NULL, NULL);
}
