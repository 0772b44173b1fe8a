/* Influx line protocol, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest_cases.h"

static const struct sg_ingest_options ns_options = {.format = SG_INGEST_INFLUX,
                                                    .now_ms = INGEST_NOW};

static void test_influx__lines(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"fields", BODY("cpu,host=a,cpu=0 user=1.5,sys=2 1600000000000000000\n"),
         "cpu_user{cpu=\"0\", host=\"a\"} set 1600000000000 1.5\n"
         "cpu_sys{cpu=\"0\", host=\"a\"} set 1600000000000 2\n= accepted 2 rejected 0\n"},
        {"value and prometheus",
         BODY("temp,room=k value=21\nprometheus,job=a up=1,value=2\nvalue value=3\n"),
         "temp{room=\"k\"} set now 21\nup{job=\"a\"} set now 1\nvalue{job=\"a\"} set now 2\n"
         "value set now 3\n= accepted 4 rejected 0\n"},
        {"types",
         BODY("m "
              "i=-5i,u=18446744073709551615u,f=1e-3,b=t,c=F,d=true,e=FALSE,g=True,z="
              "9007199254740993i\n"),
         "m_i set now -5\nm_u set now 18446744073709552000\nm_f set now 0.001\nm_b set now 1\n"
         "m_c set now 0\nm_d set now 1\nm_e set now 0\nm_g set now 1\n"
         "m_z set now 9007199254740992\n= accepted 9 rejected 0\n"},
        {"strings are ignored", BODY("m a=\"x, y=\\\"z\\\" \\\\\",b=1,c=\"\"\nm s=\"only\"\n"),
         "m_b set now 1\n= accepted 1 rejected 0 ignored 3\n"},
        {"strings over lines", BODY("m a=\"x\ny z=1\n\",b=1 5000000\nm b=2\nx y z\n"),
         "m_b set 5 1\nm_b set now 2\n! 5:4 expected '=' behind the field 'y'\n"
         "= accepted 2 rejected 1 ignored 1\n"},
        {"escapes", BODY("my\\ m\\,x,t\\ a\\=g=v\\,a\\ l\\=u,w=C:\\x f\\ 1\\==1,g\\,=2\n"),
         "my_m_x_f_1_{t_a_g=\"v,a l=u\", w=\"C:\\\\x\"} set now 1\n"
         "my_m_x_g_{t_a_g=\"v,a l=u\", w=\"C:\\\\x\"} set now 2\n= accepted 2 rejected 0\n"},
        {"a backslash is escaped in strings only",
         BODY("m,t=two\\\\ words,u=\\\\\\, f\\\\=g=1,s=\"\\\\\"\n"
              "n,t=\\\\ x\\\\=\"y v=2\nn v=3\n"),
         "m_f__g{t=\"two\\\\ words\", u=\"\\\\\\\\,\"} set now 1\nn_v{t=\"\\\\ x\\\\=\\\"y\"} set "
         "now 2\n"
         "n_v set now 3\n= accepted 3 rejected 0 ignored 1\n"},
        {"quotes outside of strings are characters", BODY("m\",t=\"a f\"=1\n"),
         "m__f_{t=\"\\\"a\"} set now 1\n= accepted 1 rejected 0\n"},
        {"comments and blanks", BODY("# m f=\"1\n\n  \r\n  m   f=1   \r\nm f=2  7000000 \n"),
         "m_f set now 1\nm_f set 7 2\n= accepted 2 rejected 0\n"},
        {"no newline at the end", BODY("m f=1"), "m_f set now 1\n= accepted 1 rejected 0\n"},
        {"sanitised", BODY("disk.io-x,a.b=c 1st=1\n9m value=2\n"),
         "disk_io_x_1st{a_b=\"c\"} set now 1\n_9m set now 2\n= accepted 2 rejected 0\n"},
        {"times", BODY("m f=1 0\nm f=1 -1\nm f=1 1599999999999999999\nm f=1 1700000600000000000\n"),
         "m_f set 0 1\nm_f set -1 1\nm_f set 1599999999999 1\nm_f set 1700000600000 1\n"
         "= accepted 4 rejected 0\n"},
    };
    assert_cases(&ns_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_influx__bad_lines_do_not_cost_their_neighbours(void **state)
{
    (void)state;
    static const struct ingest_case cases[] = {
        {"shape",
         BODY("m\nok f=1\nm \n,t=a f=1\nm f\nm f=\nm =1\nm f=1,\nm f=1,g\nm,t f=1\nm,=a f=1\nok "
              "f=2\n"),
         "ok_f set now 1\nok_f set now 2\n! 1:2 expected fields behind the measurement\n"
         "! 3:3 expected fields behind the measurement\n! 4:1 expected a measurement\n"
         "! 5:4 expected '=' behind the field 'f'\n"
         "! 6:5 field value '', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 7:3 expected a field name in front of '='\n! 8:7 expected '=' behind the field ''\n"
         "! 9:8 expected '=' behind the field 'g'\n! 10:4 expected tag=value behind ','\n"
         "! 11:3 expected tag=value behind ','\n= accepted 2 rejected 10\n"},
        {"values",
         BODY("m f=x\nm f=1.5i\nm f=9223372036854775808i\nm f=-1u\nm f=nan\nm f=inf\nm f=1e999\n"
              "m f=tr\nm f=1 2 3\nm f=1;g=2\n"),
         "! 1:5 field value 'x', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 2:5 field value '1.5i', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 3:5 integer '9223372036854775808i' does not fit 64 bits\n"
         "! 4:5 integer '-1u' does not fit 64 bits\n"
         "! 5:5 field value 'nan', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 6:5 field value 'inf', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 7:5 field value '1e999' is out of range\n"
         "! 8:5 field value 'tr', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 9:7 timestamp '2 3', expected an integer\n"
         "! 10:5 field value '1;g=2', expected a number, 1i, 1u, true, false or \"text\"\n"
         "= accepted 0 rejected 10\n"},
        {"a fault behind good fields", BODY("m a=1,b=2,c=x\nm a=1 soon\n"),
         "! 1:13 field value 'x', expected a number, 1i, 1u, true, false or \"text\"\n"
         "! 2:7 timestamp 'soon', expected an integer\n= accepted 0 rejected 2\n"},
        {"tags",
         BODY("m,t= f=1\nm,a=1,a=2 f=1\nm,a=b=c f=1\nm,__name__=x f=1\nm,a=\xff f=1\nm f\xff=1\n"),
         "! 1:5 expected a value for the tag 't'\n"
         "! 2:1 label 'a' is given twice, expected each name once\n"
         "! 3:6 '=' in a tag value, expected '\\='\n! 4:3 tag '__name__' is reserved\n"
         "! 5:5 invalid utf-8, byte 0xff\n! 6:4 invalid utf-8, byte 0xff\n"
         "= accepted 0 rejected 6\n"},
        {"a missing quote", BODY("m s=\"abc\nm f=2\nm f=3,s=\"z\"\nm f=4\n"),
         "m_f set now 2\nm_f set now 3\nm_f set now 4\n! 1:5 unterminated string, expected '\"'\n"
         "= accepted 3 rejected 1 ignored 1\n"},
        {"a missing quote until the end", BODY("m f=1\nm s=\"abc\nm f=2\nm f=3"),
         "m_f set now 1\nm_f set now 2\nm_f set now 3\n! 2:5 unterminated string, expected '\"'\n"
         "= accepted 3 rejected 1\n"},
        {"times", BODY("m f=1 9223372036854775808\nm f=1 1700000600001000000\nm f=1 1.5\n"),
         "! 1:7 timestamp '9223372036854775808', expected an integer\n"
         "! 2:7 timestamp '1700000600001000000' is 600 s in the future, at most 600 s are allowed\n"
         "! 3:7 timestamp '1.5', expected an integer\n= accepted 0 rejected 3\n"},
    };
    assert_cases(&ns_options, NULL, cases, SG_ARRAY_LEN(cases));
}

static void test_influx__precision(void **state)
{
    (void)state;
    static const struct {
        enum sg_ingest_precision precision;
        struct sg_str body;
        const char *expected;
    } cases[] = {
        {SG_PRECISION_US, BODY("m f=1 1600000000000999\nm f=1 -1\n"),
         "m_f set 1600000000000 1\nm_f set -1 1\n= accepted 2 rejected 0\n"},
        {SG_PRECISION_MS, BODY("m f=1 1600000000000\n"),
         "m_f set 1600000000000 1\n= accepted 1 rejected 0\n"},
        {SG_PRECISION_S, BODY("m f=1 1600000000\nm f=1 9223372036854775807\n"),
         "m_f set 1600000000000 1\n! 2:7 timestamp '9223372036854775807' is outside the years 1 to "
         "9999: wrong unit?\n= accepted 1 rejected 1\n"},
        {SG_PRECISION_M, BODY("m f=1 26666666\n"),
         "m_f set 1599999960000 1\n= accepted 1 rejected 0\n"},
        {SG_PRECISION_H, BODY("m f=1 444444\n"),
         "m_f set 1599998400000 1\n= accepted 1 rejected 0\n"},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(cases); i++) {
        struct sg_ingest_options o = ns_options;
        struct ingest_case c = {"precision", cases[i].body, cases[i].expected};
        o.precision = cases[i].precision;
        assert_cases(&o, NULL, &c, 1);
    }
}

static void test_influx__long_records_are_salvaged(void **state)
{
    (void)state;
    static const struct sg_ingest_limits limits = {.max_line = 24, .max_name = 10};
    static const struct ingest_case cases[] = {
        {"an open string swallows up to the limit only",
         BODY("m s=\"abc\nm f=2\nm f=3\nm f=4\nm f=5\nm f=6\n"),
         "m_f set now 2\nm_f set now 3\nm_f set now 4\nm_f set now 5\nm_f set now 6\n"
         "! 1:5 unterminated string, expected '\"'\n= accepted 5 rejected 1\n"},
        {"a long line", BODY("m f=1\nm,aaaaaa=bbbbbbbbbb f=1 12\nm f=2\n"),
         "m_f set now 1\nm_f set now 2\n! 2:1 line is longer than 24 bytes, limits.line_bytes\n"
         "= accepted 2 rejected 1\n"},
        {"a line at the limit", BODY("m,aaaaaa=bbbbbbbbb f=1 2\nm f=2\n"),
         "m_f{aaaaaa=\"bbbbbbbbb\"} set 0 1\nm_f set now 2\n= accepted 2 rejected 0\n"},
        {"a long string", BODY("m s=\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nm f=1\",t=1\nm f=2\n"),
         "m_f set now 2\n! 1:1 line is longer than 24 bytes, limits.line_bytes\n"
         "! 2:5 field value '1\"', expected a number, 1i, 1u, true, false or \"text\"\n"
         "= accepted 1 rejected 2\n"},
        {"names", BODY("mmmmmmmmmmm f=1\nm fffffffffff=1\nm,ttttttttttt=a f=1\nm s=\"x\"\n"),
         "! 1:1 measurement 'mmmmmmmmmmm...' is 11 bytes long, limits.label_length is 10\n"
         "! 2:3 field 'fffffffffff...' is 11 bytes long, limits.label_length is 10\n"
         "! 3:3 tag 'ttttttttttt...' is 11 bytes long, limits.label_length is 10\n"
         "= accepted 0 rejected 3 ignored 1\n"},
    };
    assert_cases(&ns_options, &limits, cases, SG_ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_influx__lines),
        cmocka_unit_test(test_influx__bad_lines_do_not_cost_their_neighbours),
        cmocka_unit_test(test_influx__precision),
        cmocka_unit_test(test_influx__long_records_are_salvaged),
    };
    return cmocka_run_group_tests_name("ingest/influx", tests, NULL, NULL);
}
