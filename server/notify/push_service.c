/* push_service.c - who stands behind a browser's subscription, and whom it refuses. */
#include "notify/push_service.h"

#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include <streamgauge/mem.h>

#include "notify/note.h"

#define MAX_REFUSALS 10000u

/* ---- services ---- */

static struct sg_str host_of(struct sg_str url)
{
    const char *start = memmem(url.p, url.n, "://", 3);
    if (!start)
        return SG_STR("");
    struct sg_str host = {start + 3, url.n - (size_t)(start + 3 - url.p)};
    for (size_t i = 0; i < host.n; i++)
        if (strchr("/?#\\", host.p[i]))
            host.n = i;
    const char *at = memrchr(host.p, '@', host.n);
    if (at)
        host = (struct sg_str){at + 1, host.n - (size_t)(at + 1 - host.p)};
    const char *end =
        host.n && host.p[0] == '[' ? memchr(host.p, ']', host.n) : memchr(host.p, ':', host.n);
    if (end)
        host.n = (size_t)(end - host.p);
    while (host.n && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

/* "[::1" (cut before its bracket), "127.0.0.1", also "0x7f.1" and "2130706433". */
bool sg__push_service_is_address(const char *service)
{
    const char *label = strrchr(service, '.');
    label = label ? label + 1 : service;
    return *service == '[' || isdigit((unsigned char)*label);
}

size_t sg__push_service(struct sg_str push, char *dst)
{
    json_t *json = json_loadb(push.p, push.n, 0, NULL);
    struct sg_str host = host_of(sg__json_text(json, "endpoint"));
    size_t n = host.n < SG__PUSH_SERVICE_SIZE ? host.n : SG__PUSH_SERVICE_SIZE - 1;
    for (size_t i = 0; i < n; i++)
        dst[i] = (char)tolower((unsigned char)host.p[i]);
    dst[n] = 0;
    json_decref(json);
    if (sg__push_service_is_address(dst))
        return n;
    char *dot = memrchr(dst, '.', n);
    dot = dot ? memrchr(dst, '.', (size_t)(dot - dst)) : NULL;
    if (!dot)
        return n;
    n -= (size_t)(dot + 1 - dst);
    memmove(dst, dot + 1, n + 1);
    return n;
}

/* ---- refusals ---- */

struct sg__refusal {
    UT_hash_handle hh;
    unsigned n;
    char key[];
};

static struct sg__refusal *find(struct sg__refusals *r, struct sg_str endpoint)
{
    struct sg__refusal *found = NULL;
    HASH_FIND(hh, r->all, endpoint.p, endpoint.n, found);
    return found;
}

static void drop(struct sg__refusals *r, struct sg__refusal *one)
{
    HASH_DEL(r->all, one);
    sg_free(one);
}

bool sg__refusals_add(struct sg__refusals *r, struct sg_str endpoint)
{
    struct sg__refusal *one = find(r, endpoint);
    if (!one) {
        if (HASH_COUNT(r->all) >= MAX_REFUSALS)
            drop(r, r->all);
        one = sg_calloc(1, sizeof(*one) + endpoint.n + 1);
        memcpy(one->key, endpoint.p, endpoint.n);
        HASH_ADD(hh, r->all, key, endpoint.n, one);
    }
    if (++one->n < SG__PUSH_REFUSALS)
        return false;
    drop(r, one);
    return true;
}

void sg__refusals_forget(struct sg__refusals *r, struct sg_str endpoint)
{
    struct sg__refusal *one = r->all && endpoint.n ? find(r, endpoint) : NULL;
    if (one)
        drop(r, one);
}

void sg__refusals_deinit(struct sg__refusals *r)
{
    while (r->all)
        drop(r, r->all);
}
