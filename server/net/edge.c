/* edge.c - one thread: its loop, what comes to it from other threads, the order of a turn, start
 * and end. */
#include "edge.h"

#include "pieces.h"

#include <stdio.h>
#include <streamgauge/live.h>
#include <streamgauge/log.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>
#include <string.h>
#include <unistd.h>

#define TIMER_MS 100
#define MESSAGE_QUEUE_BYTES (1024 * 1024)
#define DRAIN_RETRY_MS 2000
#define RENAMED_RETRY_MS 500
/* Sessions' filters are matched on this thread: half a ms for a match at most. */
#define REGEX_BUDGET 100000
/* Turns of the loop that an end may take: closing handles needs a few, jobs on the pool end by
 * themselves. */
#define END_TURNS 100000

void sg__edge_update_clock(struct sg__edge *e)
{
    e->now_ms = (int64_t)uv_now(&e->loop);
    e->wall_ms = sg_wall_now_ms();
}

/* --- from other threads --- */

int sg__edge_tell(struct sg__edge *e, struct sg__message *m, size_t weight)
{
    if (sg_mpsc_push(&e->messages, &m->node, weight, NULL) < 0)
        return SG_EBUSY;
    uv_async_send(&e->wake);
    return 0;
}

static void take_frames(struct sg__edge *e)
{
    struct sg_mpsc_node *n = sg_mpsc_take(&e->frames);
    if (!n)
        return;
    size_t weight = 0;
    for (struct sg_mpsc_node *next; n; n = next) {
        next = n->next;
        weight += n->weight;
        sg_hub_apply_batch_take(e->hub, (struct sg_frame_batch *)n);
        sg__count(&e->counters, SG__C_BATCHES, 1);
    }
    sg_mpsc_done(&e->frames, weight);
    sg_hub_flush(e->hub, e->wall_ms);
}

/* Nobody new; sessions are told to come back later, idle connections end, requests in work are
 * answered. */
static void drain(struct sg__edge *e)
{
    if (e->draining)
        return;
    e->draining = true;
    sg__accept_close(e);
    sg_hub_drain(e->hub, DRAIN_RETRY_MS);
    sg_hub_flush(e->hub, e->wall_ms);
    SG_LIST_FOREACH_SAFE(it, tmp, &e->conns)
    {
        struct sg__conn *c = SG_CONTAINER_OF(it, struct sg__conn, all);
        if (c->state != SG__CONN_HEAD || c->request)
            continue;
        if (c->established)
            sg__conn_end(c, SG__C_CLOSED_DRAIN);
        else
            sg__conn_doom(c, SG__C_CLOSED_DRAIN);
    }
    pthread_mutex_lock(&e->net->lock);
    pthread_cond_broadcast(&e->net->changed);
    pthread_mutex_unlock(&e->net->lock);
}

static bool judge(void *ctx, uint32_t rights, uint32_t *ret_rights)
{
    const struct sg__edge *e = ctx;
    return sg__auth_again(&e->net->auth, rights, ret_rights);
}

static void handle(struct sg__edge *e, struct sg__message *m)
{
    switch (m->kind) {
    case SG__MSG_SERVE:
        sg__accept_start(e);
        sg_free(m);
        break;
    case SG__MSG_DRAIN:
        drain(e);
        sg_free(m);
        break;
    case SG__MSG_STOP:
        e->stopping = true;
        uv_stop(&e->loop);
        sg_free(m);
        break;
    case SG__MSG_RELOAD_TLS:
        if (e->tls && sg__tls_install(e->tls, m->pair) < 0)
            SG_LOG(ERROR, "net", "certificate could not be put to use", "edge=%u", e->number);
        SSL_CTX_free(m->pair);
        sg_free(m);
        break;
    case SG__MSG_JUDGE:
        sg_hub_judge(e->hub, judge, e);
        sg_free(m);
        break;
    case SG__MSG_NAMES:
        sg_live_names_unref(e->names);
        e->names = m->names;
        sg_hub_renamed(e->hub, RENAMED_RETRY_MS);
        sg_free(m);
        break;
    case SG__MSG_FORWARD:
        sg__http_forward(e, m);
        break;
    case SG__MSG_FORWARDED:
        sg__http_forwarded(e, m);
        break;
    case SG__MSG_PIECES:
        sg__pieces_arrived(e, m);
        break;
    }
}

static void on_wake(uv_async_t *wake)
{
    struct sg__edge *e = wake->data;
    sg__edge_update_clock(e);
    take_frames(e);
    struct sg_mpsc_node *n = sg_mpsc_take(&e->messages);
    for (struct sg_mpsc_node *next; n; n = next) {
        next = n->next;
        size_t weight = n->weight;
        handle(e, (struct sg__message *)n);
        sg_mpsc_done(&e->messages, weight);
    }
}

/* --- turns --- */

static void on_timer(uv_timer_t *timer)
{
    struct sg__edge *e = timer->data;
    sg__edge_update_clock(e);
    sg__accept_resume(e);
    sg__wheel_turn(&e->wheel, e->now_ms, sg__conn_timer, e);
    sg_hub_flush(e->hub, e->wall_ms);
}

/* Closes what was doomed. lws calls back, and the connection is freed, within the call. */
static void reap(struct sg__edge *e)
{
    while (!sg_list_empty(&e->ending)) {
        struct sg__conn *c = SG_CONTAINER_OF(e->ending.next, struct sg__conn, pending);
        sg_list_remove(&c->pending);
        sg__conn_end(c, SG__C_CLOSED_DONE);
    }
    while (!sg_list_empty(&e->doomed)) {
        struct sg__conn *c = SG_CONTAINER_OF(e->doomed.next, struct sg__conn, pending);
        sg_list_remove(&c->pending);
        lws_set_timeout(c->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
    }
}

static void before_sleep(uv_prepare_t *p)
{
    reap(p->data);
}

/* --- life --- */

static void open_ingest(struct sg__edge *e)
{
    const struct sg_net_config *cfg = &e->net->cfg;
    static struct sg_ingest_gate no_gate;
    struct sg_batcher_config bc = {
        .submit = cfg->hooks.ingest,
        .ctx = cfg->hooks.ctx,
        .source = e->net->source,
        .gate = cfg->store ? sg_store_gate(cfg->store) : &no_gate,
        .limits = cfg->ingest,
    };
    e->batcher = sg_batcher_new(&bc);
}

static int open_all(struct sg__edge *e, const int *fds)
{
    if (uv_loop_init(&e->loop) != 0)
        return sg_error_set(&e->error, SG_EIO, "cannot make an event loop");
    e->loop.data = e;
    sg__edge_update_clock(e);
    sg__wheel_init(&e->wheel, e->now_ms);
    uv_async_init(&e->loop, &e->wake, on_wake);
    uv_timer_init(&e->loop, &e->timer);
    uv_prepare_init(&e->loop, &e->before_sleep);
    e->wake.data = e->timer.data = e->before_sleep.data = e;
    open_ingest(e);
    int rc = sg__accept_open(e, fds);
    if (rc < 0)
        return sg_error_set(&e->error, SG_EIO, "cannot watch a listening socket");
    rc = sg__hooks_open(e, &e->error);
    if (rc == 0)
        rc = sg__lws_open(e, &e->error);
    if (rc < 0)
        return rc;
    uv_timer_start(&e->timer, on_timer, TIMER_MS, TIMER_MS);
    uv_prepare_start(&e->before_sleep, before_sleep);
    return 0;
}

static void set_state(struct sg__edge *e, enum sg__edge_state state)
{
    pthread_mutex_lock(&e->net->lock);
    e->state = state;
    pthread_cond_broadcast(&e->net->changed);
    pthread_mutex_unlock(&e->net->lock);
}

/* Messages of other edges may wake this one as long as they turn: nobody takes down its `wake`
 * before all are through. */
static void wait_for_others(struct sg__edge *e)
{
    struct sg_net *net = e->net;
    pthread_mutex_lock(&net->lock);
    net->ended++;
    pthread_cond_broadcast(&net->changed);
    while (net->ended < net->serving)
        pthread_cond_wait(&net->changed, &net->lock);
    pthread_mutex_unlock(&net->lock);
}

/* Everything must be closed before the loop can be: our handles, lws's sockets and its own handles.
 */
static void close_all(struct sg__edge *e, bool served)
{
    atomic_store(&e->hurry, true);
    sg__accept_close(e);
    SG_LIST_FOREACH_SAFE(it, tmp, &e->conns)
    sg__conn_doom(SG_CONTAINER_OF(it, struct sg__conn, all), SG__C_CLOSED_DRAIN);
    reap(e);
    if (served)
        wait_for_others(e);
    uv_close((uv_handle_t *)&e->wake, NULL);
    uv_close((uv_handle_t *)&e->timer, NULL);
    uv_close((uv_handle_t *)&e->before_sleep, NULL);
    for (int i = 0; i < 10; i++)
        uv_run(&e->loop, UV_RUN_NOWAIT); /* lws's sockets close in here */
    if (e->lws)
        lws_context_destroy(e->lws);
    for (int i = 0; i < END_TURNS && uv_run(&e->loop, UV_RUN_ONCE); i++)
        ;
    if (e->lws)
        lws_context_destroy(e->lws);
    if (uv_loop_close(&e->loop) != 0)
        SG_LOG(WARN, "net", "an event loop did not end clean", "edge=%u", e->number);
}

struct start {
    struct sg__edge *edge;
    const int *fds;
};

static void *edge_main(void *arg)
{
    struct start start = *(struct start *)arg;
    struct sg__edge *e = start.edge;
    char name[16];
    snprintf(name, sizeof(name), "edge-%u", e->number);
    pthread_setname_np(pthread_self(), name);
    sg_regex_set_budget(REGEX_BUDGET);
    int rc = open_all(e, start.fds);
    if (rc < 0) {
        if (e->loop.data)
            close_all(e, false);
        set_state(e, SG__EDGE_FAILED);
        return NULL;
    }
    set_state(e, SG__EDGE_SERVING);
    while (!e->stopping)
        uv_run(&e->loop, UV_RUN_DEFAULT);
    close_all(e, true);
    set_state(e, SG__EDGE_ENDED);
    return NULL;
}

int sg__edge_start(struct sg_net *net, unsigned number, const int *fds, struct sg_error *reterr)
{
    struct sg__edge *e = sg_calloc(1, sizeof(*e));
    struct start start = {e, fds};
    e->net = net;
    e->number = number;
    e->reserve_fd = -1;
    sg_mpsc_init(&e->frames, net->cfg.limits.max_queue_bytes);
    sg_mpsc_init(&e->messages, MESSAGE_QUEUE_BYTES);
    sg_list_init(&e->conns);
    sg_list_init(&e->fresh);
    sg_list_init(&e->doomed);
    sg_list_init(&e->ending);
    sg_buf_init(&e->out, SG__OUT_MAX + 4096);
    e->ws_config =
        (struct sg_ws_config){.max_message = net->cfg.hub.message_bytes, .max_fragments = 1024};
    net->edge[number] = e;
    int failed_to = pthread_create(&e->thread, NULL, edge_main, &start);
    if (failed_to != 0) {
        for (size_t i = 0; i < net->cfg.listen_count; i++)
            close(fds[i]);
        net->edge[number] = NULL;
        sg_free(e);
        return sg_error_set(reterr, SG_EIO, "cannot start an edge thread: %s", strerror(failed_to));
    }
    pthread_mutex_lock(&net->lock);
    while (e->state == SG__EDGE_STARTING)
        pthread_cond_wait(&net->changed, &net->lock);
    bool failed = e->state == SG__EDGE_FAILED;
    net->serving += !failed;
    pthread_mutex_unlock(&net->lock);
    if (!failed)
        return 0;
    if (reterr)
        *reterr = e->error;
    return e->error.code ? (int)e->error.code : SG_EIO;
}

static void drop_messages(struct sg__edge *e)
{
    struct sg_mpsc_node *n = sg_mpsc_take(&e->messages);
    for (struct sg_mpsc_node *next; n; n = next) {
        next = n->next;
        struct sg__message *m = (struct sg__message *)n;
        if (m->kind == SG__MSG_FORWARD || m->kind == SG__MSG_FORWARDED) {
            sg__http_forward_drop(m);
            continue;
        }
        if (m->kind == SG__MSG_PIECES) {
            sg__pieces_drop_message(m);
            continue;
        }
        SSL_CTX_free(m->pair);
        sg_live_names_unref(m->names);
        sg_free(m);
    }
    n = sg_mpsc_take(&e->frames);
    for (struct sg_mpsc_node *next; n; n = next) {
        next = n->next;
        sg_frame_batch_free((struct sg_frame_batch *)n);
    }
}

void sg__edge_join(struct sg__edge *e)
{
    pthread_join(e->thread, NULL);
}

void sg__edge_free(struct sg__edge *e)
{
    drop_messages(e);
    sg_hub_free(e->hub);
    sg_live_names_unref(e->names);
    sg_batcher_free(e->batcher);
    sg_buf_deinit(&e->out);
    sg_free(e->listener);
    sg_free(e);
}
