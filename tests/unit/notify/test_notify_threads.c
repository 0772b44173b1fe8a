/* test_notify_threads.c - the notifier running, asked by several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <streamgauge/mem.h>
#include <streamgauge/notify.h>
#include <streamgauge/time.h>

#define WAIT_MS 60000 /* only so that a failure ends */

/* ---- a server that says 200 to everything, one connection at a time ---- */

struct server {
    int fd;
    unsigned port;
    pthread_t thread;
    atomic_uint requests;
};

static void answer(struct server *s, int fd)
{
    static const char reply[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\nthanks, hush";
    char text[65536];
    size_t n = 0;
    for (;;) {
        ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);
        if (got <= 0)
            return;
        n += (size_t)got;
        text[n] = 0;
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
        size_t body = length ? strtoul(length + 15, NULL, 10) : 0;
        if (end && n >= (size_t)(end + 4 - text) + body)
            break;
    }
    atomic_fetch_add(&s->requests, 1);
    (void)!write(fd, reply, sizeof(reply) - 1);
}

static void *serve(void *arg)
{
    struct server *s = arg;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0; close(fd))
        answer(s, fd);
    return NULL;
}

static void start_server(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop_server(struct server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* ---- a resolver that says nothing ---- */

static atomic_bool resolver_answers;
static atomic_uint resolving, waited_in_vain;

/* libcurl finds this one before libc's. */
SG_API int getaddrinfo(const char *restrict name, const char *restrict service,
                       const struct addrinfo *restrict hints, struct addrinfo **restrict ret)
{
    (void)name, (void)service, (void)hints, (void)ret;
    atomic_fetch_add(&resolving, 1);
    for (int i = 0; i < WAIT_MS / 10 && !atomic_load(&resolver_answers); i++)
        usleep(10000);
    atomic_fetch_add(&waited_in_vain, !atomic_load(&resolver_answers));
    atomic_fetch_sub(&resolving, 1);
    return EAI_AGAIN;
}

/* ---- the notifier ---- */

struct fixture {
    struct server server;
    struct sg_notify *n;
    pthread_mutex_t lock;
    unsigned sent, retried, dead, busy; /* busy: marks to refuse */
    unsigned told_dead, told_well;
};

static const char body[] =
    "{\"version\":\"4\",\"status\":\"firing\",\"groupKey\":\"g\",\"alerts\":["
    "{\"status\":\"firing\",\"labels\":{\"alertname\":\"A\"},"
    "\"annotations\":{},\"fingerprint\":\"00000000000000aa\"}]}";

static int on_marked(void *ctx, struct sg_journal *j)
{
    struct fixture *f = ctx;
    int rc = 0;
    pthread_mutex_lock(&f->lock);
    if (f->busy) {
        f->busy--;
        rc = SG_EBUSY;
    }
    for (const struct sg_journal_op *op = j->first; op && rc == 0; op = op->next) {
        f->sent += op->kind == SG_JOURNAL_SENT;
        f->retried += op->kind == SG_JOURNAL_RETRY;
        f->dead += op->kind == SG_JOURNAL_DEAD;
    }
    pthread_mutex_unlock(&f->lock);
    if (rc == 0)
        sg_journal_free(j);
    return rc;
}

static void on_dead(void *ctx, struct sg_str target, const char *text)
{
    struct fixture *f = ctx;
    (void)target;
    pthread_mutex_lock(&f->lock);
    f->told_dead += text != NULL;
    f->told_well += text == NULL;
    pthread_mutex_unlock(&f->lock);
}

static struct sg_receivers *receivers(const struct fixture *f, const char *name)
{
    char text[512];
    struct sg_yaml *y;
    struct sg_receivers *r;
    int n = snprintf(text, sizeof(text),
                     "notify: {allow: [127.0.0.1]}\nreceivers: [{name: %s, webhook_configs: "
                     "[{url: 'http://127.0.0.1:%u/hush', secret: hush}, "
                     "{url: 'http://silent.example', timeout: 50ms}]}]",
                     name, f->server.port);
    assert_int_equal(sg_yaml_parse("c", text, (size_t)n, &y, NULL), 0);
    assert_int_equal(sg_receivers_parse(sg_yaml_root(y), NULL, &r, NULL), 0);
    sg_yaml_free(y);
    return r;
}

static int setup(void **state)
{
    struct fixture *f = sg_calloc(1, sizeof(*f));
    struct sg_notify_config cfg;
    pthread_mutex_init(&f->lock, NULL);
    start_server(&f->server);
    sg_notify_config_default(&cfg);
    cfg.hooks.marked = on_marked;
    cfg.hooks.dead = on_dead;
    cfg.hooks.ctx = f;
    assert_int_equal(sg_notify_start(&cfg, receivers(f, "team"), &f->n, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sg_notify_stop(f->n, 1000);
    sg_notify_free(f->n);
    stop_server(&f->server);
    pthread_mutex_destroy(&f->lock);
    sg_free(f);
    return 0;
}

static void send_row(struct fixture *f, uint64_t id, const char *target, const char *text)
{
    struct sg_outbox_row *row = sg_calloc(1, sizeof(*row));
    *row = (struct sg_outbox_row){.id = id,
                                  .created_ms = sg_wall_now_ms(),
                                  .key = SG_STR("k"),
                                  .target = sg_str_from(target),
                                  .order_key = SG_STR("g"),
                                  .body = sg_str_from(text),
                                  .push = SG_STR("")};
    sg_notify_send_take(f->n, &row, 1);
}

static void wait_for(struct fixture *f, const unsigned *counter, unsigned n)
{
    for (int i = 0; i < WAIT_MS / 10; i++) {
        pthread_mutex_lock(&f->lock);
        bool there = *counter >= n;
        pthread_mutex_unlock(&f->lock);
        if (there)
            return;
        usleep(10000);
    }
    fail_msg("%u did not come", n);
}

static void keep_info(void *ctx, const struct sg_target_info *t)
{
    struct sg_target_info *copy = ctx;
    if (strstr(t->target.p, "/webhook/0"))
        *copy = *t;
}

static void test_notify__sends_and_marks(void **state)
{
    struct fixture *f = *state;
    struct sg_target_info info = {0};
    send_row(f, 1, "team/webhook/0", body);
    send_row(f, 2, "team/webhook/0", body);
    wait_for(f, &f->sent, 2);
    sg_notify_each(f->n, keep_info, &info);
    assert_true(sg_str_eq_c(info.target, "team/webhook/0"));
    assert_string_equal(info.kind, "webhook");
    assert_int_equal(info.sent, 2);
    assert_true(info.healthy && info.last_ok_ms > 0 && info.waiting == 0 && info.in_flight == 0);
}

static void test_notify__marks_that_are_refused_come_again(void **state)
{
    struct fixture *f = *state;
    pthread_mutex_lock(&f->lock);
    f->busy = 5;
    pthread_mutex_unlock(&f->lock);
    for (uint64_t i = 1; i <= 10; i++)
        send_row(f, i, "team/webhook/0", body);
    wait_for(f, &f->sent, 10);
    pthread_mutex_lock(&f->lock);
    assert_int_equal(f->busy, 0);
    assert_int_equal(f->sent, 10);
    pthread_mutex_unlock(&f->lock);
}

static void test_notify__a_body_that_is_none_is_dead_and_the_next_goes_on(void **state)
{
    struct fixture *f = *state;
    send_row(f, 1, "team/webhook/0", "[1");
    send_row(f, 2, "team/webhook/0", body);
    wait_for(f, &f->sent, 1);
    wait_for(f, &f->told_well, 1);
    assert_int_equal(f->dead, 1);
    assert_int_equal(f->told_dead, 1);
}

static void test_notify__a_reload_brings_targets_and_takes_them(void **state)
{
    struct fixture *f = *state;
    sg_notify_reload_take(f->n, receivers(f, "other"));
    send_row(f, 1, "team/webhook/0", body);
    send_row(f, 2, "other/webhook/0", body);
    wait_for(f, &f->sent, 1);
    wait_for(f, &f->dead, 1);
}

static void test_notify__a_silent_resolver_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    struct sg_buf report;
    struct sg_error err = {0};
    sg_buf_init(&report, 1 << 20);
    send_row(f, 1, "team/webhook/1", body);
    wait_for(f, &f->retried, 1);
    send_row(f, 2, "team/webhook/0", body);
    wait_for(f, &f->sent, 1);
    assert_int_equal(
        sg_notify_test(f->n, SG_STR("team/webhook/1"), sg_str_from(body), 50, &report, &err),
        SG_ETIMEOUT);
    sg_notify_stop(f->n, 1000);
    assert_true(atomic_load(&resolving) > 0);
    assert_int_equal(atomic_load(&waited_in_vain), 0);
    atomic_store(&resolver_answers, true);
    while (atomic_load(&resolving) > 0)
        usleep(1000);
    sg_buf_deinit(&report);
}

static void test_test__reports_without_secrets(void **state)
{
    struct fixture *f = *state;
    struct sg_buf report;
    struct sg_error err = {0};
    sg_buf_init(&report, 1 << 20);
    int rc =
        sg_notify_test(f->n, SG_STR("team/webhook/0"), sg_str_from(body), WAIT_MS, &report, &err);
    if (rc < 0)
        fail_msg("%s", err.text);
    assert_non_null(strstr(sg_buf_cstr(&report), "\"alertname\":\"A\""));
    assert_non_null(strstr(sg_buf_cstr(&report), "-> 200\nthanks"));
    assert_null(strstr(sg_buf_cstr(&report), "hush"));
    sg_buf_deinit(&report);
}

static void test_test__ends_with_the_server(void **state)
{
    struct fixture *f = *state;
    struct sg_buf report;
    struct sg_error err = {0};
    sg_buf_init(&report, 1 << 20);
    sg_notify_end_tests(f->n);
    assert_true(sg_notify_test(f->n, SG_STR("team/webhook/0"), sg_str_from(body), WAIT_MS, &report,
                               &err) < 0);
    assert_non_null(strstr(err.text, "the server is being stopped"));
    sg_buf_deinit(&report);
}

static void test_test__of_what_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct sg_buf report;
    struct sg_error err = {0};
    sg_buf_init(&report, 1 << 20);
    assert_int_equal(
        sg_notify_test(f->n, SG_STR("nobody/webhook/0"), sg_str_from(body), WAIT_MS, &report, &err),
        SG_ENOTFOUND);
    assert_non_null(strstr(err.text, "nobody/webhook/0"));
    sg_buf_deinit(&report);
}

struct asker {
    struct fixture *f;
    uint64_t first;
};

static void *ask(void *arg)
{
    struct asker *a = arg;
    struct sg_target_info info;
    for (uint64_t i = 0; i < 50; i++) {
        send_row(a->f, a->first + i, "team/webhook/0", body);
        sg_notify_each(a->f->n, keep_info, &info);
        if (i % 10 == 0)
            sg_notify_reload_take(a->f->n, receivers(a->f, "team"));
    }
    return NULL;
}

static void test_notify__threads_ask_at_once(void **state)
{
    struct fixture *f = *state;
    struct asker askers[3];
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        askers[i] = (struct asker){f, 1 + 1000 * i};
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &askers[i]), 0);
    }
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    wait_for(f, &f->sent, 150);
    assert_int_equal(atomic_load(&f->server.requests), 150);
}

static void test_notify__stopped_at_once_it_keeps_what_is_not_sent(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i <= 100; i++)
        send_row(f, i, "team/webhook/0", body);
    sg_notify_stop(f->n, 0);
    assert_int_equal(f->dead + f->retried, 0);
    assert_true(f->sent <= 100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_notify__sends_and_marks),
        T(test_notify__marks_that_are_refused_come_again),
        T(test_notify__a_body_that_is_none_is_dead_and_the_next_goes_on),
        T(test_notify__a_reload_brings_targets_and_takes_them),
        T(test_notify__a_silent_resolver_holds_up_nobody),
        T(test_test__reports_without_secrets),
        T(test_test__ends_with_the_server),
        T(test_test__of_what_is_not_there),
        T(test_notify__threads_ask_at_once),
        T(test_notify__stopped_at_once_it_keeps_what_is_not_sent),
    };
    return cmocka_run_group_tests_name("notify/notify: threads", tests, NULL, NULL);
}
