/* StatsD over UDP: two receivers of one group, senders on loopback; every datagram is received or
 * its loss is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <streamgauge/input.h>

/* held: submit waits, and so the receiver does. */
struct sink {
    atomic_ullong points;
    atomic_bool held;
};

static int submit(void *ctx, struct sg_batch *batch)
{
    struct sink *s = ctx;
    struct timespec pause = {.tv_nsec = 1000000};
    while (atomic_load(&s->held))
        nanosleep(&pause, NULL);
    atomic_fetch_add(&s->points, batch->n_points);
    sg_batch_free(batch);
    return 0;
}

struct fixture {
    struct sink sink;
    struct sg_source source;
    struct sg_ingest_gate gate;
    struct sg_udp *udp;
};

static int start(void **state, unsigned threads, unsigned receive_buffer_bytes)
{
    static struct fixture f;
    f = (struct fixture){.source = {.name = "statsd"}};
    struct sg_udp_config config = {
        .address = "127.0.0.1",
        .threads = threads,
        .receive_buffer_bytes = receive_buffer_bytes,
        .batcher = {.submit = submit, .ctx = &f.sink, .source = &f.source, .gate = &f.gate}};
    *state = &f;
    return sg_udp_start(&config, &f.udp, NULL);
}

static int setup(void **state)
{
    return start(state, 2, 0);
}

static int setup_small_buffer(void **state)
{
    return start(state, 1, 4096);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_udp_stop(f->udp);
    return 0;
}

static int sender(const struct fixture *f)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(sg_udp_port(f->udp)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Ends at once when it holds; how long it may take only decides how late a failure is told. */
static void wait_for(const atomic_ullong *value, unsigned long long wanted)
{
    struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 120000 && atomic_load(value) < wanted; i++)
        nanosleep(&pause, NULL);
    assert_true(atomic_load(value) >= wanted);
}

static void test_udp__every_line_of_every_sender_arrives(void **state)
{
    struct fixture *f = *state;
    const struct sg_udp_stats *stats = sg_udp_get_stats(f->udp);
    enum { SENDERS = 8, EACH = 200 };
    for (int s = 0; s < SENDERS; s++) {
        int fd = sender(f);
        for (int i = 0; i < EACH; i++) {
            char text[64];
            int n = snprintf(text, sizeof(text), "a.b:%d|c\nload:%d|g", i, s);
            assert_int_equal(send(fd, text, (size_t)n, 0), n);
        }
        /* So few are on their way that neither a socket nor the loopback device overflows. */
        wait_for(&stats->datagrams, (unsigned)(s + 1) * EACH);
        close(fd);
    }
    wait_for(&f->sink.points, 2 * SENDERS * EACH);
    assert_int_equal(atomic_load(&stats->datagrams), SENDERS * EACH);
    assert_int_equal(atomic_load(&f->sink.points), 2 * SENDERS * EACH);
    assert_int_equal(atomic_load(&stats->kernel_drops), 0);
}

static unsigned long long accounted(const struct sg_udp_stats *stats)
{
    return atomic_load(&stats->datagrams) + atomic_load(&stats->kernel_drops);
}

static void test_udp__what_the_kernel_drops_at_the_end_of_a_burst_is_counted(void **state)
{
    struct fixture *f = *state;
    const struct sg_udp_stats *stats = sg_udp_get_stats(f->udp);
    enum { SENT = 500 };
    int fd = sender(f);
    atomic_store(&f->sink.held, true);
    for (int i = 0; i < SENT; i++)
        assert_int_equal(send(fd, "a:1|c", 5, 0), 5);
    atomic_store(&f->sink.held, false);
    /* Nothing comes any more that could tell the last ones. */
    struct timespec pause = {.tv_nsec = 1000000};
    for (int i = 0; i < 120000 && accounted(stats) < SENT; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(accounted(stats), SENT);
    assert_true(atomic_load(&stats->kernel_drops) > 0);
    /* And told again by the next one, it is not counted twice. */
    unsigned long long drops = atomic_load(&stats->kernel_drops);
    unsigned long long datagrams = atomic_load(&stats->datagrams);
    assert_int_equal(send(fd, "a:1|c", 5, 0), 5);
    wait_for(&stats->datagrams, datagrams + 1);
    assert_int_equal(atomic_load(&stats->kernel_drops), drops);
    close(fd);
}

static void test_udp__a_bad_line_is_counted_and_costs_no_neighbour(void **state)
{
    struct fixture *f = *state;
    const char *text = "good:1|c\nbad\ngood:2|c";
    int fd = sender(f);
    assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
    wait_for(&f->sink.points, 2);
    assert_int_equal(atomic_load(&f->sink.points), 2);
    assert_int_equal(atomic_load(&sg_udp_get_stats(f->udp)->rejected), 1);
    close(fd);
}

static void test_udp__a_datagram_too_long_loses_only_its_cut_line(void **state)
{
    struct fixture *f = *state;
    static char text[SG_UDP_MAX_DATAGRAM + 100];
    size_t n = 0;
    unsigned lines = 0;
    while (n + 8 <= sizeof(text)) { /* eight bytes a line; 8192 is a multiple, so the line at the
                                       cut is lost too */
        memcpy(text + n, "abc:1|c\n", 8);
        n += 8;
        lines += n < SG_UDP_MAX_DATAGRAM;
    }
    int fd = sender(f);
    assert_int_equal(send(fd, text, n, 0), (ssize_t)n);
    wait_for(&f->sink.points, lines);
    assert_true(atomic_load(&f->sink.points) >= lines);
    assert_int_equal(atomic_load(&sg_udp_get_stats(f->udp)->truncated), 1);
    assert_int_equal(atomic_load(&sg_udp_get_stats(f->udp)->rejected), 0);
    close(fd);
}

static void test_udp__a_port_in_use_is_an_error_with_its_address(void **state)
{
    struct fixture *f = *state;
    struct sg_udp *second = NULL;
    struct sg_error err = {0};
    struct sg_udp_config config = {
        .address = "127.0.0.1",
        .port = sg_udp_port(f->udp),
        .threads = 1,
        .batcher = {.submit = submit, .ctx = &f->sink, .source = &f->source, .gate = &f->gate}};
    assert_int_equal(sg_udp_start(&config, &second, &err), SG_EIO);
    assert_non_null(strstr(err.text, "127.0.0.1"));
    assert_null(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_udp__every_line_of_every_sender_arrives, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_udp__what_the_kernel_drops_at_the_end_of_a_burst_is_counted, setup_small_buffer,
            teardown),
        cmocka_unit_test_setup_teardown(test_udp__a_bad_line_is_counted_and_costs_no_neighbour,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_udp__a_datagram_too_long_loses_only_its_cut_line,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_udp__a_port_in_use_is_an_error_with_its_address, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("input/udp", tests, NULL, NULL);
}
