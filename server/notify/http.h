/* http.h - one attempt over libcurl: a request becomes an easy handle, its answer a reply. */
#ifndef SG_NOTIFY_HTTP_H
#define SG_NOTIFY_HTTP_H

#include "notify/kind.h"

#define SG__MAX_REPLY (64u << 10)

/* One attempt; its address is given to libcurl and must not change. */
struct sg__call {
    CURL *easy; /* owned by whoever started it */
    struct sg__request request;
    struct sg_buf reply;
    size_t reply_bytes, header_bytes; /* seen; reply_bytes counts what was not kept too */
    size_t sent_bytes;
    char retry_after[128];
    bool refused_address, secure_only, listed;
    bool cut;         /* more than SG__MAX_REPLY came */
    bool out;         /* the request's body is; builds with faults only */
    char address[64]; /* the refused one */
    char error[CURL_ERROR_SIZE];
    const struct sg__guard *guard;
    struct curl_slist *connect_to;
};

void sg__call_init(struct sg__call *c);
void sg__call_deinit(struct sg__call *c); /* not the easy handle */
/* Sets all options of easy, a fresh or reset handle, from the request in c. */
SG_NODISCARD int sg__call_prepare(struct sg__call *c, CURL *easy, const struct sg__target *t,
                                  const struct sg__site *site, const struct sg__guard *guard,
                                  struct sg_error *reterr);
/* What became of it. why (512 bytes) gets a text without secrets unless it is SENT. */
enum sg__verdict sg__call_finish(struct sg__call *c, CURLcode code, const struct sg__target *t,
                                 int64_t wall_ms, struct sg__reply *ret, char *why);
/* False when the host of its URL is an address that is refused; why says so. Names are not
 * resolved.
 */
bool sg__target_allowed(const struct sg__target *t, const struct sg__guard *guard, char *why,
                        size_t size);
/* Replaces every secret of the target's options in text by "<secret>". */
void sg__mask(const struct sg__target *t, struct sg_buf *text);

#endif
