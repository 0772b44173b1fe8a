/* lws.c - the only file that creates libwebsockets contexts and vhosts, and lws's callback.
 *
 * lws carries sockets and TLS in its raw role; what goes over them is ours. Its log goes to ours,
 * its counter-keeping allocator is replaced (it shares one cache line between all threads).
 */
#include "edge.h"

#include <errno.h>
#include <stdlib.h>
#include <streamgauge/log.h>
#include <string.h>
#include <unistd.h>

/* One TLS record (16 KB) must fit, else lws's uv plugin may leave decrypted bytes lying; more saves
 * calls for bodies. */
#define READ_BUFFER_BYTES (64 * 1024)
#define WRITE_MAX_BYTES (1024 * 1024)
#define HANDSHAKE_S 5

_Static_assert(LWS_PRE <= SG_LWS_PRE, "blocks have room for lws in front");

/* lws: certificates, session tickets, version. user is the SSL_CTX. */
static int setup_tls(struct lws *wsi, void *user)
{
    struct sg__edge *e = lws_context_user(lws_get_context(wsi));
    e->tls = user;
    sg__tls_harden(e->tls, e->net->ticket_keys);
    return 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct sg__conn *c;
    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return setup_tls(wsi, user);
    case LWS_CALLBACK_OPENSSL_PERFORM_CLIENT_CERT_VERIFICATION:
        return len ? 0 : 1; /* len is OpenSSL's verdict, which lws would otherwise ignore */
    case LWS_CALLBACK_RAW_ADOPT:
        c = lws_get_opaque_user_data(wsi);
        if (c) {
            c->wsi = wsi;
            c->fd = lws_get_socket_fd(wsi);
        }
        return 0;
    case LWS_CALLBACK_RAW_RX:
        c = lws_get_opaque_user_data(wsi);
        return c ? sg__conn_rx(c, in, len) : -1;
    case LWS_CALLBACK_RAW_WRITEABLE:
        c = lws_get_opaque_user_data(wsi);
        return c ? sg__conn_writeable(c) : -1;
    case LWS_CALLBACK_RAW_CLOSE:
        c = lws_get_opaque_user_data(wsi);
        lws_set_opaque_user_data(wsi, NULL);
        if (c)
            sg__conn_free(c);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "raw", .callback = on_lws, .rx_buffer_size = 0, .tx_packet_size = WRITE_MAX_BYTES},
    {0},
};

/* lws's own keep-alive timers form a sorted list that is walked: off. */
static const lws_retry_bo_t no_policy;

static void on_log(int level, const char *line)
{
    size_t n = strcspn(line, "\n");
    if (level & LLL_ERR)
        SG_LOG(WARN, "lws", "libwebsockets says", "text=%.*s", (int)n, line);
    else
        SG_LOG(DEBUG, "lws", "libwebsockets says", "text=%.*s", (int)n, line);
}

static void *lws_memory(void *ptr, size_t size, const char *reason)
{
    (void)reason;
    if (size)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static struct lws_vhost *make_vhost(struct sg__edge *e, bool tls)
{
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof(info));
    info.vhost_name = tls ? "secure" : "plain";
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.retry_and_idle_policy = &no_policy;
    info.timeout_secs = HANDSHAKE_S;
    info.options = LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    if (tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.alpn = "http/1.1";
        info.ssl_cert_filepath = e->net->cfg.tls_cert;
        info.ssl_private_key_filepath = e->net->cfg.tls_key;
    }
    return lws_create_vhost(e->lws, &info);
}

int sg__lws_open(struct sg__edge *e, struct sg_error *reterr)
{
    /* lws and OpenSSL glue have process-wide state that is set up by every context. */
    static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
    void *loops[1] = {&e->loop};
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof(info));
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_LIBUV |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN;
    if (e->net->pair)
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.foreign_loops = loops;
    info.user = e;
    info.pt_serv_buf_size = READ_BUFFER_BYTES + LWS_PRE;
    info.retry_and_idle_policy = &no_policy;
    info.timeout_secs = HANDSHAKE_S;
    info.gid = info.uid = -1;
    pthread_mutex_lock(&creating);
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    lws_set_allocator(lws_memory);
    e->lws = lws_create_context(&info);
    if (e->lws)
        e->plain = make_vhost(e, false);
    if (e->plain && e->net->pair)
        e->secure = make_vhost(e, true);
    pthread_mutex_unlock(&creating);
    if (e->plain && (!e->net->pair || (e->secure && e->tls)))
        return 0;
    return sg_error_set(reterr, SG_EIO, "libwebsockets did not start%s",
                        e->plain ? " with TLS" : "");
}

bool sg__lws_adopt(struct sg__edge *e, struct sg__conn *c, int fd)
{
    lws_adopt_desc_t d;
    memset(&d, 0, sizeof(d));
    d.vh = c->tls ? e->secure : e->plain;
    d.type = (lws_adoption_type)(LWS_ADOPT_SOCKET | (c->tls ? LWS_ADOPT_ALLOW_SSL : 0));
    d.fd.sockfd = fd;
    d.vh_prot_name = "raw";
    d.opaque = c;
    e->adopting = c;
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&d);
    struct sg__conn *left = e->adopting;
    e->adopting = NULL;
    if (wsi)
        return left != NULL;
    if (left) /* lws closed the socket without ever telling */
        sg__conn_free(left);
    return false;
}
