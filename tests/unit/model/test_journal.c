/* Journals: order, copies, joining. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <streamgauge/journal.h>

static void test_journal__ops_are_copies_in_order(void **state)
{
    (void)state;
    struct sg_journal *j = sg_journal_new();
    char key[] = "k1";
    assert_true(sg_journal_empty(j));
    sg_journal_put(j, SG_TABLE_ACKS, SG_STR("k1"), SG_STR("{}"), 7);
    sg_journal_delete(j, SG_TABLE_SILENCES, sg_str_from(key));
    key[0] = 'x';
    assert_int_equal(j->n, 2);
    assert_int_equal(j->first->kind, SG_JOURNAL_PUT);
    assert_int_equal(j->first->time_ms, 7);
    assert_string_equal(j->first->body.p, "{}");
    assert_string_equal(j->first->next->key.p, "k1");
    assert_null(j->first->next->next);
    sg_journal_free(j);
}

static void test_journal__join_keeps_both_orders(void **state)
{
    (void)state;
    struct sg_journal *a = sg_journal_new(), *b = sg_journal_new(), *c = sg_journal_new();
    sg_journal_delete(a, SG_TABLE_ACKS, SG_STR("1"));
    sg_journal_delete(b, SG_TABLE_ACKS, SG_STR("2"));
    sg_journal_join_take(a, b);
    sg_journal_join_take(a, c);
    sg_journal_delete(a, SG_TABLE_ACKS, SG_STR("3"));
    assert_int_equal(a->n, 3);
    assert_string_equal(a->first->key.p, "1");
    assert_string_equal(a->first->next->key.p, "2");
    assert_string_equal(a->first->next->next->key.p, "3");
    sg_journal_free(a);
}

static void test_journal__tables_have_names(void **state)
{
    (void)state;
    assert_string_equal(sg_table_name(SG_TABLE_PUSH), "push_subscriptions");
    for (int i = 0; i < SG_N_TABLES; i++)
        assert_non_null(sg_table_name((enum sg_table)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal__ops_are_copies_in_order),
        cmocka_unit_test(test_journal__join_keeps_both_orders),
        cmocka_unit_test(test_journal__tables_have_names),
    };
    return cmocka_run_group_tests_name("model/journal", tests, NULL, NULL);
}
