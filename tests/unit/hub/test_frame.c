/* test_frame.c - frames: text, framing, one encoding for everybody even when threads race. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include <streamgauge/frame.h>

static struct sg_frame *note(void)
{
    struct sg_publisher pub;
    uint64_t prev = 0;
    sg_publisher_init(&pub, 0x10);
    struct sg_topic *feed = sg_publisher_topic(&pub, SG_STR(""), 0);
    struct sg_frame *f = sg_publisher_notification(&pub, feed, &prev, 5,
                                                   SG_STR("{\"id\":\"n1\",\"title\":\"a\\nb\"}"),
                                                   SG_STR("critical"), NULL);
    assert_int_equal(prev, 1);
    sg_topic_unref(feed);
    return f;
}

static void assert_block(const struct sg_frame *f, enum sg_encoding enc, const char *want)
{
    const struct sg_block *b = sg_frame_encode(f, enc, NULL);
    assert_int_equal(b->n, strlen(want));
    assert_memory_equal(b->data, want, b->n);
    for (int i = 1; i <= SG_LWS_PRE; i++)
        assert_int_equal(b->data[-i], 0); /* room that belongs to us */
}

static void test_frame__each_encoding_is_complete(void **state)
{
    (void)state;
    struct sg_frame *f = note();
    assert_block(f, SG_ENC_WS,
                 "\x81\x47{\"type\":\"notification\",\"o\":1,\"notification\":"
                 "{\"id\":\"n1\",\"title\":\"a\\nb\"}}");
    assert_block(f, SG_ENC_NOTE, "\x81\x1a{\"id\":\"n1\",\"title\":\"a\\nb\"}");
    assert_block(f, SG_ENC_SSE,
                 "event: notification\nid: 0000000000000010-1\ndata: {\"type\":\"notification\","
                 "\"o\":1,\"notification\":{\"id\":\"n1\",\"title\":\"a\\nb\"}}\n\n");
    assert_block(f, SG_ENC_SSE_ANON,
                 "event: notification\ndata: {\"type\":\"notification\","
                 "\"o\":1,\"notification\":{\"id\":\"n1\",\"title\":\"a\\nb\"}}\n\n");
    assert_block(f, SG_ENC_NDJSON,
                 "{\"type\":\"notification\",\"o\":1,\"notification\":"
                 "{\"id\":\"n1\",\"title\":\"a\\nb\"}}\n");
    sg_frame_unref(f);
}

static void *race(void *arg)
{
    const struct sg_frame *f = arg;
    const struct sg_block *b = NULL;
    for (int i = 0; i < 1000; i++) {
        struct sg_frame *mine = sg_frame_ref(f);
        b = sg_frame_encode(mine, (enum sg_encoding)(i % SG_ENC_COUNT), NULL);
        sg_frame_unref(mine);
    }
    return (void *)(uintptr_t)b;
}

static void test_frame__racing_edges_end_with_one_block(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct sg_frame *f = note();
        pthread_t t[4];
        void *got[4];
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&t[i], NULL, race, f), 0);
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_join(t[i], &got[i]), 0);
        for (int i = 1; i < 4; i++)
            assert_ptr_equal(got[i], got[0]);
        sg_frame_unref(f);
    }
}

static void test_frame__batches_share_and_weigh(void **state)
{
    (void)state;
    struct sg_frame *f = note();
    struct sg_frame_batch *b = sg_frame_batch_new();
    size_t empty = sg_frame_batch_weight(b);
    sg_frame_batch_add(b, f);
    sg_frame_batch_add(b, f);
    assert_int_equal(b->n, 2);
    assert_true(sg_frame_batch_weight(b) >= empty + 2 * f->bytes);
    sg_frame_unref(f);
    assert_int_equal(b->frames[1]->offset, 1); /* the batch keeps it */
    sg_frame_batch_free(b);
    sg_frame_batch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame__each_encoding_is_complete),
        cmocka_unit_test(test_frame__racing_edges_end_with_one_block),
        cmocka_unit_test(test_frame__batches_share_and_weigh),
    };
    return cmocka_run_group_tests_name("hub/frame", tests, NULL, NULL);
}
