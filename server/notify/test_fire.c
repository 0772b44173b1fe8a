/* test_fire.c - one attempt, now, on the caller's thread; and what a target's address would meet.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/time.h>

#include "notify/runtime.h"

#define MAX_REPORT (64u << 10)

/* ---- known in advance ---- */

static bool literal_address(const char *host, struct sockaddr_storage *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char text[INET6_ADDRSTRLEN];
    size_t n = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(ret, &v4, sizeof(v4));
        return true;
    }
    if (n < 3 || n - 2 >= sizeof(text) || host[0] != '[')
        return false;
    memcpy(text, host + 1, n - 2);
    text[n - 2] = 0;
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) != 1)
        return false;
    memcpy(ret, &v6, sizeof(v6));
    return true;
}

/* The URL a target calls, as far as its options say. */
static void put_url(const struct sg__target *t, struct sg_buf *out)
{
    static const char *const names[] = {"url", "api_url", "webhook_url"};
    sg_buf_put_str(out, t->url);
    for (size_t i = 0; t->table[i].name && out->len == 0; i++) {
        if (strcmp(t->table[i].name, "smarthost") == 0)
            sg_buf_printf(out, "smtp://%s", t->values[i].one.text.p);
        for (size_t k = 0; k < SG_ARRAY_LEN(names); k++)
            if (strcmp(t->table[i].name, names[k]) == 0)
                sg_buf_put_str(out, t->values[i].one.text);
    }
}

bool sg__target_allowed(const struct sg__target *t, const struct sg__guard *guard, char *why,
                        size_t size)
{
    struct sockaddr_storage address = {0};
    struct sg_buf url;
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL;
    bool allowed = true;
    sg_buf_init(&url, 16384);
    put_url(t, &url);
    if (curl_url_set(u, CURLUPART_URL, sg_buf_cstr(&url), 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        literal_address(host, &address))
        allowed =
            sg__guard_lists_host(guard, sg_str_from(host), (uint16_t)strtoul(port, NULL, 10)) ||
            sg__guard_allows(guard, (const struct sockaddr *)&address);
    if (!allowed)
        snprintf(why, size, "%s is not public; list it under notify: allow", host);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    sg_buf_deinit(&url);
    return allowed;
}

/* ---- the attempt ---- */

static void report_request(const struct sg__transfer *x, struct sg_buf *out)
{
    const struct sg__request *r = &x->call.request;
    sg_buf_printf(out, "%s %.*s\n", r->mail ? "MAIL" : r->method, SG_STR_ARG(sg_buf_str(&r->url)));
    for (const struct curl_slist *h = r->headers; h; h = h->next)
        if (strncasecmp(h->data, "authorization:", 14) != 0 && strcmp(h->data, "Expect:") != 0)
            sg_buf_printf(out, "%s\n", h->data);
    sg_buf_putc(out, '\n');
    struct sg_str body = sg_buf_str(&r->body);
    if (body.n > MAX_REPORT)
        body.n = sg_utf8_valid_prefix(body.p, MAX_REPORT);
    if (sg_utf8_valid(body.p, body.n))
        sg_buf_put_str(out, body);
    else
        sg_buf_printf(out, "(%zu bytes)", r->body.len);
    sg_buf_puts(out, "\n\n");
}

static void report_reply(const struct sg__reply *reply, const char *why, struct sg_buf *out)
{
    if (reply->status)
        sg_buf_printf(out, "-> %ld\n", reply->status);
    if (sg_utf8_valid(reply->body.p, reply->body.n))
        sg_buf_append(out, reply->body.p, reply->body.n);
    if (why[0])
        sg_buf_printf(out, "\n%s", why);
    sg_buf_putc(out, '\n');
}

/* libcurl asks at least once a second, also while nothing comes. */
static int should_stop(void *n, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
                       curl_off_t ulnow)
{
    (void)dltotal, (void)dlnow, (void)ultotal, (void)ulnow;
    return atomic_load_explicit(&((struct sg_notify *)n)->no_tests, memory_order_relaxed);
}

static int perform(struct sg_notify *n, struct sg__transfer *x, int64_t timeout_ms,
                   struct sg_buf *text, struct sg_error *reterr)
{
    struct sg__reply reply;
    char why[512];
    CURL *easy = curl_easy_init();
    if (!easy)
        return sg_error_set(reterr, SG_ENOMEM, "libcurl has no memory");
    int rc = sg__call_prepare(&x->call, easy, x->target, &n->site, &x->receivers->guard, reterr);
    if (rc == 0) {
        (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
        (void)curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, should_stop);
        (void)curl_easy_setopt(easy, CURLOPT_XFERINFODATA, n);
        (void)curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
        report_request(x, text);
        CURLcode code =
            should_stop(n, 0, 0, 0, 0) ? CURLE_ABORTED_BY_CALLBACK : curl_easy_perform(easy);
        enum sg__verdict v =
            sg__call_finish(&x->call, code, x->target, sg_wall_now_ms(), &reply, why);
        if (code == CURLE_ABORTED_BY_CALLBACK)
            snprintf(why, sizeof(why), "not waited for: the server is being stopped");
        report_reply(&reply, why, text);
        if (v != SG__SENT)
            rc = sg_error_set(reterr, code == CURLE_OPERATION_TIMEDOUT ? SG_ETIMEOUT : SG_EIO, "%s",
                              why);
    }
    curl_easy_cleanup(easy);
    x->call.easy = NULL;
    return rc;
}

static int attempt(struct sg_notify *n, struct sg__transfer *x, struct sg_str body,
                   int64_t timeout_ms, struct sg_buf *text, struct sg_error *reterr)
{
    struct sg_outbox_row row = {
        .target = x->target->name, .order_key = SG_STR("test"), .body = body, .push = SG_STR("")};
    char key[48];
    snprintf(key, sizeof(key), "test-%016llx", (unsigned long long)sg_rand_u64());
    row.key = sg_str_from(key);
    row.created_ms = sg_wall_now_ms();
    struct sg__job job = {.target = x->target,
                          .site = &n->site,
                          .row = &row,
                          .note = &x->note,
                          .wall_ms = row.created_ms};
    int rc = sg__note_read(body, &x->note, reterr);
    if (rc == 0 && x->target->kind->push)
        rc = sg_error_set(reterr, SG_EUNSUPPORTED, "web push goes to browsers that subscribed");
    if (rc == 0)
        rc = x->target->kind->build(&job, &x->call.request, reterr);
    return rc < 0 ? rc : perform(n, x, timeout_ms, text, reterr);
}

void sg_notify_end_tests(struct sg_notify *n)
{
    if (n)
        atomic_store_explicit(&n->no_tests, true, memory_order_relaxed);
}

int sg_notify_test(struct sg_notify *n, struct sg_str target, struct sg_str body,
                   int64_t timeout_ms, struct sg_buf *report, struct sg_error *reterr)
{
    struct sg__transfer x = {.receivers = sg__notify_receivers(n)};
    struct sg_buf text;
    int rc;
    sg_buf_init(&text, 4 * MAX_REPORT);
    sg__call_init(&x.call);
    x.target = sg__receivers_find(x.receivers, target);
    if (!x.target)
        rc = sg_error_set(reterr, SG_ENOTFOUND, "there is no receiver '%.*s'", SG_STR_ARG(target));
    else
        rc = attempt(n, &x, body, timeout_ms, &text, reterr);
    if (x.target)
        sg__mask(x.target, &text);
    sg__cut(&text, MAX_REPORT);
    sg_buf_put_str(report, sg_buf_str(&text));
    sg__call_deinit(&x.call);
    sg__note_deinit(&x.note);
    sg_receivers_free(x.receivers);
    sg_buf_deinit(&text);
    return rc;
}
