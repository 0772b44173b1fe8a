/* conn.c - the life of a connection: bytes in to the right reader, bytes out, deadlines, the end.
 *
 *   accept ─► HEAD ─► BODY ─► BUSY ─► SENDING ─► HEAD …      requests
 *              ├────► WS                                      sessions
 *              └────► STREAM
 *   any ─► LINGER ─► closed         in order: sg__conn_end
 *   any ─► closed                   at once: sg__conn_doom, done before the loop sleeps
 *
 * While lws holds what a socket did not take, it does not read, but a level-triggered loop would be
 * told again and again that there is something to read. So we stop polling for input then (partial
 * ⇒ paused).
 */
#include "edge.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <streamgauge/mem.h>
#include <sys/socket.h>

/* What we swallow from a peer that does not stop after we are through: as much, and as long, as
 * somebody may still send who was refused by the head of a large body. To close before would be a
 * reset, which takes our answer with it. Between two pieces only close_ms may pass. */
#define LINGER_MAX_BYTES (64 * 1024 * 1024)
#define LINGER_MAX_MS 30000
#define STREAM_MAX_BYTES (1024 * 1024) /* from a reader, who has nothing to say */

struct sg__conn *sg__conn_new(struct sg__edge *e, bool tls)
{
    struct sg__conn *c = sg_calloc(1, sizeof(*c));
    c->edge = e;
    c->tls = tls;
    c->state = SG__CONN_HEAD;
    c->since_ms = e->now_ms;
    sg__wheel_entry_init(&c->timer);
    sg_list_append(&e->conns, &c->all);
    sg_list_append(&e->fresh, &c->pending);
    e->fresh_count++;
    atomic_fetch_add_explicit(&e->net->connections, 1, memory_order_relaxed);
    sg__count(&e->counters, SG__C_CONNECTIONS, 1);
    return c;
}

static void leave_counts(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    if (c->counted)
        sg__peers_leave(&e->net->peers, c->peer);
    if (c->in_session_count)
        atomic_fetch_sub_explicit(&e->net->sessions, 1, memory_order_relaxed);
    if (c->was_ws)
        sg__count(&e->counters, SG__C_SESSIONS_WS, -1);
    if (c->was_sse)
        sg__count(&e->counters, SG__C_SESSIONS_SSE, -1);
    if (c->was_ndjson)
        sg__count(&e->counters, SG__C_SESSIONS_NDJSON, -1);
    sg__count(&e->counters, SG__C_CONNECTIONS, -1);
    bool handshake = c->tls && !c->established && !c->reason;
    sg__count(&e->counters,
              c->reason   ? c->reason
              : handshake ? SG__C_CLOSED_TLS
                          : SG__C_CLOSED_PEER,
              1);
    atomic_fetch_sub_explicit(&e->net->connections, 1, memory_order_relaxed);
}

static void drop_role(struct sg__conn *c)
{
    if (c->state == SG__CONN_WS)
        sg__ws_free(c);
    else if (c->state == SG__CONN_STREAM)
        sg__events_free(c);
    else if (c->request)
        sg__http_free(c);
}

void sg__conn_free(struct sg__conn *c)
{
    struct sg__edge *e = c->edge;
    if (e->adopting == c)
        e->adopting = NULL;
    drop_role(c);
    leave_counts(c);
    if (!c->established && !c->doomed)
        e->fresh_count--;
    sg_list_remove(&c->pending);
    sg_list_remove(&c->all);
    sg__wheel_cancel(&e->wheel, &c->timer);
    sg_free(c);
    if (e->draining && sg_list_empty(&e->conns)) {
        pthread_mutex_lock(&e->net->lock);
        pthread_cond_broadcast(&e->net->changed);
        pthread_mutex_unlock(&e->net->lock);
    }
}

void sg__conn_established(struct sg__conn *c)
{
    if (c->established)
        return;
    c->established = true;
    if (c->doomed)
        return;
    c->edge->fresh_count--;
    sg_list_remove(&c->pending);
}

void sg__conn_doom(struct sg__conn *c, enum sg__counter reason)
{
    if (c->doomed)
        return;
    c->doomed = true;
    if (!c->reason)
        c->reason = (uint8_t)reason;
    if (!c->established)
        c->edge->fresh_count--;
    sg_list_remove(&c->pending);
    sg_list_append(&c->edge->doomed, &c->pending);
}

void sg__conn_arm(struct sg__conn *c, int64_t after_ms)
{
    sg__wheel_set(&c->edge->wheel, &c->timer, c->edge->now_ms + after_ms);
}

void sg__conn_pause(struct sg__conn *c, bool pause)
{
    if (c->paused == pause)
        return;
    c->paused = pause;
    lws_rx_flow_control(c->wsi, !pause);
}

bool sg__conn_enter_session(struct sg__conn *c)
{
    struct sg_net *net = c->edge->net;
    unsigned before = atomic_fetch_add_explicit(&net->sessions, 1, memory_order_relaxed);
    if (c->refused || before >= net->cfg.limits.max_sessions) {
        atomic_fetch_sub_explicit(&net->sessions, 1, memory_order_relaxed);
        sg__count(&c->edge->counters, SG__C_REFUSED_SESSIONS, 1);
        return false;
    }
    c->in_session_count = true;
    return true;
}

bool sg__conn_progressed(struct sg__conn *c)
{
    uint64_t acked = sg__socket_acked(lws_get_socket_fd(c->wsi));
    bool moved = acked != c->progress;
    c->progress = acked;
    return moved;
}

/* --- out --- */

/* More than lws would hand to SSL_write in one piece: then a retry would not be the same call. */
#define MAX_DIRECT_TLS ((size_t)1 << 20)

static ssize_t send_tls(struct sg__conn *c, const char *p, size_t n)
{
    if (!c->ssl)
        c->ssl = lws_get_ssl(c->wsi);
    if (!c->ssl || n > MAX_DIRECT_TLS)
        return 0;
    int done = SSL_write(c->ssl, p, (int)n);
    if (done == (int)n)
        return done;
    int why = SSL_get_error(c->ssl, done);
    ERR_clear_error();
    /* lws repeats the call with the same bytes, as OpenSSL wants it. */
    return why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : SG_EIO;
}

/* Bytes the socket took at once. lws_write would touch a dozen cache lines of its own for the same
 * send(); at ten thousand sessions a tick that is what costs. */
static ssize_t send_directly(struct sg__conn *c, const char *p, size_t n)
{
    if (c->tls)
        return send_tls(c, p, n);
    ssize_t done = send(c->fd, p, n, MSG_NOSIGNAL);
    return done >= 0 ? done : errno == EAGAIN || errno == EINTR ? 0 : SG_EIO;
}

int sg__conn_send(struct sg__conn *c, const char *p, size_t n)
{
    if (c->doomed)
        return SG_EIO;
    SG_DCHECK(!c->partial);
    ssize_t done = send_directly(c, p, n);
    /* lws takes what is left: it waits for the socket and says when it has drained. */
    if (done < 0 || (done < (ssize_t)n && lws_write(c->wsi, (unsigned char *)(uintptr_t)(p + done),
                                                    n - (size_t)done, LWS_WRITE_RAW) < 0)) {
        sg__conn_doom(c, SG__C_CLOSED_WRITE);
        return SG_EIO;
    }
    sg__count(&c->edge->counters, SG__C_BYTES_OUT, (long long)n);
    if (done == (ssize_t)n || !lws_partial_buffered(c->wsi))
        return 0;
    sg__count(&c->edge->counters, SG__C_PARTIAL, 1);
    c->partial = true;
    sg__conn_pause(c, true);
    return SG_EBUSY;
}

void sg__conn_send_last(struct sg__conn *c, const char *p, size_t n)
{
    if (!c->partial) {
        (void)sg__conn_send(c, p, n);
        return;
    }
    if (!c->doomed && lws_write(c->wsi, (unsigned char *)(uintptr_t)p, n, LWS_WRITE_RAW) < 0)
        sg__conn_doom(c, SG__C_CLOSED_WRITE);
}

static void shut_down(struct sg__conn *c)
{
    if (c->tls) {
        SSL *ssl = lws_get_ssl(c->wsi);
        if (ssl && SSL_is_init_finished(ssl))
            (void)SSL_shutdown(ssl); /* close_notify: the peer knows that nothing was cut off */
    }
    (void)shutdown(lws_get_socket_fd(c->wsi), SHUT_WR);
    c->progress = 0;
    sg__conn_pause(c, false);
    sg__conn_arm(c, c->edge->net->cfg.limits.close_ms);
}

void sg__conn_end(struct sg__conn *c, enum sg__counter reason)
{
    if (c->doomed || c->ending)
        return;
    if (!c->reason)
        c->reason = (uint8_t)reason;
    drop_role(c);
    c->request = NULL;
    c->state = SG__CONN_LINGER;
    c->ending = true;
    c->since_ms = c->edge->now_ms;
    if (c->partial)
        sg__conn_arm(c, c->edge->net->cfg.limits.close_ms);
    else
        shut_down(c);
}

void sg__conn_end_later(struct sg__conn *c, enum sg__counter reason)
{
    if (c->doomed || c->ending)
        return;
    if (!c->reason)
        c->reason = (uint8_t)reason;
    sg_list_remove(&c->pending);
    sg_list_append(&c->edge->ending, &c->pending);
}

int sg__conn_writeable(struct sg__conn *c)
{
    if (c->doomed)
        return -1;
    if (lws_partial_buffered(c->wsi))
        return 0;
    sg__edge_update_clock(c->edge);
    if (c->partial) {
        c->partial = false;
        c->since_ms = c->edge->now_ms;
        if (c->state != SG__CONN_BUSY && c->state != SG__CONN_SENDING)
            sg__conn_pause(c, false);
    }
    switch ((enum sg__conn_state)c->state) {
    case SG__CONN_WS:
        sg__ws_writeable(c);
        break;
    case SG__CONN_STREAM:
        sg__events_writeable(c);
        break;
    case SG__CONN_LINGER:
        shut_down(c);
        break;
    default:
        sg__http_writeable(c);
        break;
    }
    return c->doomed ? -1 : 0;
}

/* --- in --- */

static void swallow(struct sg__conn *c, size_t n)
{
    const struct sg__edge *e = c->edge;
    bool lingers = c->state == SG__CONN_LINGER;
    c->progress += n;
    if (c->progress > (lingers ? LINGER_MAX_BYTES : STREAM_MAX_BYTES))
        sg__conn_doom(c, SG__C_CLOSED_DONE);
    else if (lingers && !e->draining && e->now_ms - c->since_ms < LINGER_MAX_MS)
        sg__conn_arm(c, e->net->cfg.limits.close_ms);
}

int sg__conn_rx(struct sg__conn *c, char *p, size_t n)
{
    sg__edge_update_clock(c->edge);
    sg__count(&c->edge->counters, SG__C_BYTES_IN, (long long)n);
    c->heard = true;
    if (!c->spoke && c->tls) /* the handshake is over, and lws's deadline with it */
        lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT, 0);
    c->spoke = true;
    while (n > 0 && !c->doomed) {
        size_t used = n;
        switch ((enum sg__conn_state)c->state) {
        case SG__CONN_HEAD:
        case SG__CONN_BODY:
            used = sg__http_feed(c, p, n);
            break;
        case SG__CONN_BUSY:
        case SG__CONN_SENDING:
            sg__http_stash(c, p, n);
            break;
        case SG__CONN_WS:
            sg__ws_rx(c, p, n);
            break;
        case SG__CONN_STREAM:
        case SG__CONN_LINGER:
            swallow(c, n);
            break;
        }
        p += used;
        n -= used;
    }
    return c->doomed ? -1 : 0;
}

void sg__conn_timer(void *edge, struct sg__wheel_entry *entry)
{
    struct sg__conn *c = SG_CONTAINER_OF(entry, struct sg__conn, timer);
    (void)edge;
    if (c->doomed)
        return;
    switch ((enum sg__conn_state)c->state) {
    case SG__CONN_WS:
        sg__ws_timer(c);
        break;
    case SG__CONN_STREAM:
        sg__events_timer(c);
        break;
    case SG__CONN_LINGER:
        sg__conn_doom(c, SG__C_CLOSED_DONE);
        break;
    default:
        sg__http_timer(c);
        break;
    }
}
