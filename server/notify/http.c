/* http.c - one attempt over libcurl. */
#include "notify/http.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <streamgauge/fault.h>
#include <streamgauge/mem.h>

#include "notify/retry.h"

#define MAX_HEADERS (64u << 10)
#define CONNECT_TIMEOUT_MS 10000L

/* ---- requests ---- */

void sg__request_init(struct sg__request *r)
{
    *r = (struct sg__request){.method = "POST"};
    sg_buf_init(&r->url, 16u << 10);
    sg_buf_init(&r->body, 32u << 20);
    sg_buf_init(&r->mail_from, 1024);
}

void sg__request_deinit(struct sg__request *r)
{
    sg_buf_deinit(&r->url);
    sg_buf_deinit(&r->body);
    sg_buf_deinit(&r->mail_from);
    curl_slist_free_all(r->headers);
    curl_slist_free_all(r->mail_to);
    r->headers = r->mail_to = NULL;
}

/* A line break in a value would begin another header. */
void sg__request_header(struct sg__request *r, const char *fmt, ...)
{
    struct sg_buf line;
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        return;
    for (int i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = ' ';
    sg_buf_init(&line, 16u << 10);
    sg_buf_append(&line, text, (size_t)n);
    if (!line.failed) {
        struct curl_slist *more = curl_slist_append(r->headers, sg_buf_cstr(&line));
        r->headers = more ? more : r->headers;
    }
    sg_buf_deinit(&line);
    free(text);
}

void sg__call_init(struct sg__call *c)
{
    *c = (struct sg__call){0};
    sg__request_init(&c->request);
    sg_buf_init(&c->reply, SG__MAX_REPLY);
}

void sg__call_deinit(struct sg__call *c)
{
    sg__request_deinit(&c->request);
    sg_buf_deinit(&c->reply);
    curl_slist_free_all(c->connect_to);
    c->connect_to = NULL;
}

/* ---- libcurl's callbacks ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct sg__call *c = arg;
    size_t bytes = size * n, room = SG__MAX_REPLY - c->reply.len;
    c->reply_bytes += bytes;
    sg_buf_append(&c->reply, data, bytes < room ? bytes : room);
    if (bytes <= room)
        return bytes;
    c->cut = true; /* its status is known and counts; the rest is not waited for */
    return 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    static const char name[] = "retry-after:";
    struct sg__call *c = arg;
    size_t bytes = size * n, len = sizeof(name) - 1;
    size_t end = bytes;
    c->header_bytes += bytes;
    if (c->header_bytes > MAX_HEADERS)
        return 0;
    while (end > 0 && (data[end - 1] == '\r' || data[end - 1] == '\n'))
        end--;
    if (end > len && strncasecmp(data, name, len) == 0)
        snprintf(c->retry_after, sizeof(c->retry_after), "%.*s", (int)(end - len), data + len);
    return bytes;
}

static size_t on_read(char *dst, size_t size, size_t n, void *arg)
{
    struct sg__call *c = arg;
    size_t room = size * n, left = c->request.body.len - c->sent_bytes;
    size_t bytes = left < room ? left : room;
    if (bytes == 0)
        return 0;
    memcpy(dst, c->request.body.data + c->sent_bytes, bytes);
    c->sent_bytes += bytes;
    return bytes;
}

#ifdef SG_FAULTS
static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    struct sg__call *c = arg;
    (void)down_all;
    (void)down;
    (void)up_all;
    if (c->request.body.len > 0 && up >= (curl_off_t)c->request.body.len && !c->out)
        SG_FAULT("request-sent");
    c->out = up >= (curl_off_t)c->request.body.len;
    return 0;
}
#endif

/* libcurl wants to begin again (a kept connection had gone). */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct sg__call *c = arg;
    if (origin != SEEK_SET || offset < 0 || (size_t)offset > c->request.body.len)
        return CURL_SEEKFUNC_CANTSEEK;
    c->sent_bytes = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sg__call *c = arg;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (!c->listed && !sg__guard_allows(c->guard, &address->addr)) {
        c->refused_address = true;
        sg__address_print(&address->addr, c->address);
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- preparing ---- */

/* libcurl refuses an option only when it is built without it or out of memory. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK)                                     \
            return sg_error_set(reterr, SG_EUNSUPPORTED, "libcurl does not take %s", #option);     \
    } while (0)

static int set_blob(CURL *easy, CURLoption option, struct sg_str text, struct sg_error *reterr)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)text.p, .len = text.n};
    if (text.n == 0)
        return 0;
    blob.flags = CURL_BLOB_COPY;
    if (curl_easy_setopt(easy, option, &blob) != CURLE_OK)
        return sg_error_set(reterr, SG_EUNSUPPORTED, "libcurl does not take certificates as text");
    return 0;
}

static int set_tls(CURL *easy, const struct sg__http_config *h, struct sg_error *reterr)
{
    static const long versions[] = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
                                    CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
    static const long max_versions[] = {CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1,
                                        CURL_SSLVERSION_MAX_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_3};
    SET(CURLOPT_SSL_VERIFYPEER, h->insecure_skip_verify ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, h->insecure_skip_verify ? 0L : 2L);
    long min = versions[2], max = CURL_SSLVERSION_MAX_DEFAULT;
    if (h->max_tls) {
        max = max_versions[h->max_tls - 10];
        min = h->max_tls < 12 ? versions[h->max_tls - 10] : min; /* who says so means it */
    }
    if (h->min_tls)
        min = versions[h->min_tls - 10];
    SET(CURLOPT_SSLVERSION, min | max);
    if (h->ca_file.n)
        SET(CURLOPT_CAINFO, h->ca_file.p);
    if (h->cert_file.n)
        SET(CURLOPT_SSLCERT, h->cert_file.p);
    if (h->key_file.n)
        SET(CURLOPT_SSLKEY, h->key_file.p);
    int rc = set_blob(easy, CURLOPT_CAINFO_BLOB, h->ca, reterr);
    if (rc == 0)
        rc = set_blob(easy, CURLOPT_SSLCERT_BLOB, h->cert, reterr);
    return rc < 0 ? rc : set_blob(easy, CURLOPT_SSLKEY_BLOB, h->key, reterr);
}

static int set_callbacks(CURL *easy, struct sg__call *c, struct sg_error *reterr)
{
    SET(CURLOPT_PRIVATE, c);
    SET(CURLOPT_ERRORBUFFER, c->error);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, c);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, c);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, c);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, c);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
    SET(CURLOPT_OPENSOCKETDATA, c);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L); /* who gives up does not wait for a resolver that is silent */
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
#ifdef SG_FAULTS
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, c);
#endif
    return 0;
}

static int set_http(CURL *easy, struct sg__call *c, const struct sg__http_config *h,
                    struct sg_error *reterr)
{
    struct sg__request *r = &c->request;
    for (size_t i = 0; i < h->headers.n; i++)
        sg__request_header(r, "%s: %s", h->headers.items[i].name.p, h->headers.items[i].text.p);
    if (h->credentials.n)
        sg__request_header(r, "Authorization: %s %s", h->auth_type.p, h->credentials.p);
    sg__request_header(r, "Expect:"); /* none: one round trip */
    SET(CURLOPT_PROTOCOLS_STR, r->foreign && !c->listed ? "https" : "http,https");
    SET(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    if (strcmp(r->method, "GET") == 0) {
        SET(CURLOPT_HTTPGET, 1L);
    } else {
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    if (h->username.n || h->password.n) {
        SET(CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SET(CURLOPT_USERNAME, h->username.p);
        SET(CURLOPT_PASSWORD, h->password.p);
    }
    SET(CURLOPT_HTTPHEADER, r->headers);
    return 0;
}

static int set_mail(CURL *easy, struct sg__call *c, const struct sg__http_config *h,
                    struct sg_error *reterr)
{
    struct sg__request *r = &c->request;
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_USE_SSL, r->mail_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->body.len);
    SET(CURLOPT_MAIL_FROM, sg_buf_cstr(&r->mail_from));
    SET(CURLOPT_MAIL_RCPT, r->mail_to);
    SET(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* one wrong address does not keep it from the others */
    if (h->username.n) {
        SET(CURLOPT_USERNAME, h->username.p);
        SET(CURLOPT_PASSWORD, h->password.p);
    }
    if (h->identity.n)
        SET(CURLOPT_SASL_AUTHZID, h->identity.p);
    return 0;
}

/* tls_config's server_name: the certificate is checked against another name than the URL's. libcurl
 * takes the name from the URL, so the URL gets that name and the connection is led to the host. */
static int set_server_name(struct sg__call *c, CURLU *u, struct sg_str name,
                           struct sg_error *reterr)
{
    char *host = NULL, *port = NULL;
    struct sg_buf to;
    int rc = 0;
    sg_buf_init(&to, 4096);
    if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_HOST, name.p, 0) != CURLUE_OK)
        rc = sg_error_set(reterr, SG_EINVALID, "server_name does not fit the URL");
    if (rc == 0) {
        sg_buf_printf(&to, "%s:%s:%s:%s", name.p, port, host, port);
        c->connect_to = curl_slist_append(NULL, sg_buf_cstr(&to));
        if (!c->request.mail)
            sg__request_header(&c->request, "Host: %s:%s", host, port);
    }
    curl_free(host);
    curl_free(port);
    sg_buf_deinit(&to);
    return rc;
}

/* Parses the URL, sees whether its host is listed by name. */
static int set_url(CURL *easy, struct sg__call *c, const struct sg__http_config *h,
                   struct sg_error *reterr)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *url = NULL;
    unsigned flags = CURLU_NON_SUPPORT_SCHEME;
    int rc = 0;
    if (!u || curl_url_set(u, CURLUPART_URL, sg_buf_cstr(&c->request.url), flags) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        rc = sg_error_set(reterr, SG_EINVALID, "the URL is malformed");
    if (rc == 0) {
        c->listed =
            sg__guard_lists_host(c->guard, sg_str_from(host), (uint16_t)strtoul(port, NULL, 10));
        if (h->server_name.n)
            rc = set_server_name(c, u, h->server_name, reterr);
    }
    if (rc == 0 && curl_url_get(u, CURLUPART_URL, &url, 0) != CURLUE_OK)
        rc = sg_error_set(reterr, SG_EINVALID, "the URL is malformed");
    if (rc == 0 && (curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK ||
                    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, c->connect_to) != CURLE_OK))
        rc = sg_error_set(reterr, SG_EINVALID, "the URL is malformed");
    curl_free(host);
    curl_free(port);
    curl_free(url);
    curl_url_cleanup(u);
    return rc;
}

int sg__call_prepare(struct sg__call *c, CURL *easy, const struct sg__target *t,
                     const struct sg__site *site, const struct sg__guard *guard,
                     struct sg_error *reterr)
{
    const struct sg__http_config *h = c->request.http ? c->request.http : &t->http;
    c->easy = easy;
    c->guard = guard;
    if (c->request.body.failed || c->request.url.failed)
        return sg_error_set(reterr, SG_ELIMIT, "the message is too large");
    int rc = set_url(easy, c, h, reterr);
    if (rc == 0)
        rc = set_callbacks(easy, c, reterr);
    if (rc == 0)
        rc = set_tls(easy, h, reterr);
    if (rc == 0)
        rc = (c->request.mail ? set_mail : set_http)(easy, c, h, reterr);
    if (rc < 0)
        return rc;
    SET(CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
    SET(CURLOPT_USERAGENT, site->user_agent);
    return 0;
}

/* ---- finishing ---- */

enum sg__verdict sg__verdict_of(long status, bool mail)
{
    if (status >= 200 && status < 300)
        return SG__SENT;
    if (mail)
        return status >= 500 && status < 600 ? SG__REFUSED : SG__RETRY;
    if (status == 408 || status == 429 || status >= 500 || status < 200)
        return SG__RETRY;
    return SG__REFUSED;
}

static void mask_one(struct sg_buf *text, struct sg_str secret)
{
    static const char mask[] = "<secret>";
    if (secret.n < 4)
        return;
    for (size_t at = 0; at + secret.n <= text->len;) {
        char *hit = memmem(text->data + at, text->len - at, secret.p, secret.n);
        if (!hit)
            return;
        size_t before = (size_t)(hit - text->data), rest = text->len - before - secret.n;
        struct sg_buf b;
        sg_buf_init(&b, text->max + sizeof(mask));
        sg_buf_append(&b, text->data, before);
        sg_buf_append(&b, mask, sizeof(mask) - 1);
        sg_buf_append(&b, hit + secret.n, rest);
        at = before + sizeof(mask) - 1;
        b.max = text->max;
        sg_buf_deinit(text);
        *text = b;
    }
}

static void mask_texts(struct sg_buf *text, const struct sg__texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        mask_one(text, t->items[i].text);
}

void sg__mask(const struct sg__target *t, struct sg_buf *text)
{
    mask_one(text, t->http.password);
    mask_one(text, t->http.credentials);
    mask_texts(text, &t->http.headers);
    for (size_t i = 0; t->table[i].name; i++) {
        if (!(t->table[i].flags & SG__OPT_SECRET))
            continue;
        mask_one(text, t->values[i].one.text);
        mask_texts(text, &t->values[i].texts);
        /* Of a secret URL, what comes behind the host is the secret, and may be told alone. */
        struct sg_str url = t->values[i].one.text;
        const char *host = t->table[i].type == SG__OPT_URL ? memmem(url.p, url.n, "://", 3) : NULL;
        const char *path = host ? memchr(host + 3, '/', url.n - (size_t)(host + 3 - url.p)) : NULL;
        if (path)
            mask_one(text, (struct sg_str){path, url.n - (size_t)(path - url.p)});
    }
}

static void explain(const struct sg__call *c, CURLcode code, const struct sg__target *t,
                    const struct sg__reply *reply, char *why)
{
    struct sg_buf b;
    sg_buf_init(&b, 4096);
    if (c->refused_address)
        sg_buf_printf(&b, "the address %s is not public; list it under notify: allow to call it",
                      c->address);
    else if (code != CURLE_OK && !c->cut)
        sg_buf_printf(&b, "%s", c->error[0] ? c->error : curl_easy_strerror(code));
    else
        sg_buf_printf(&b, "%s %ld%s%.*s", c->request.mail ? "SMTP" : "HTTP", reply->status,
                      reply->body.n ? ": " : "", reply->body.n < 200 ? (int)reply->body.n : 200,
                      reply->body.p);
    sg__mask(t, &b);
    for (size_t i = 0; i < b.len; i++)
        if ((unsigned char)b.data[i] < ' ')
            b.data[i] = ' ';
    b.len = sg_utf8_valid_prefix(b.data ? b.data : "", b.len);
    snprintf(why, 512, "%s", sg_buf_cstr(&b));
    sg_buf_deinit(&b);
}

enum sg__verdict sg__call_finish(struct sg__call *c, CURLcode code, const struct sg__target *t,
                                 int64_t wall_ms, struct sg__reply *ret, char *why)
{
    bool answered = code == CURLE_OK || c->cut;
    enum sg__verdict v;
    *ret = (struct sg__reply){.from = t, .body = sg_buf_str(&c->reply), .retry_after_ms = -1};
    (void)curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &ret->status);
    if (c->request.mail)
        /* A refusal is an error of libcurl; its code is the server's last answer. */
        v = answered ? SG__SENT : sg__verdict_of(ret->status >= 400 ? ret->status : 0, true);
    else
        v = answered ? sg__verdict_of(ret->status, false) : SG__RETRY;
    if (c->refused_address && c->request.foreign)
        v = SG__REFUSED;
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT)
        v = SG__REFUSED;
    if (answered) {
        ret->retry_after_ms = sg__retry_after_ms(sg_str_from(c->retry_after), wall_ms);
        if (t->kind->judge)
            v = t->kind->judge(v, ret);
    }
    why[0] = 0;
    if (v != SG__SENT)
        explain(c, code, t, ret, why);
    return v;
}
