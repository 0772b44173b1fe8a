/* login.c - POST /api/v1/login: keeps the token of the request in a cookie the page's scripts
 * cannot read, so that a wall display is opened once by a link and stays in. DELETE forgets it. */
#include "http.h"

#include <streamgauge/buf.h>
#include <string.h>

#define KEPT_S 34560000 /* 400 days: what browsers allow */

/* RFC 6265: what may stand in a cookie's value without being taken for its end. */
static bool fits_cookie(struct sg_str token)
{
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~' || strchr("\",;\\", token.p[i]))
            return false;
    return token.n > 0;
}

static void answer(struct sg__conn *c, struct sg_str token, int max_age)
{
    struct sg_buf *lines = &c->request->owned;
    sg_buf_puts(lines, "Set-Cookie: streamgauge_token=");
    sg_buf_put_str(lines, token);
    sg_buf_printf(lines, "; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s\r\n", max_age,
                  c->tls ? "; Secure" : "");
    sg__reply(c, &(struct sg__reply){.status = 204, .headers = sg_buf_str(lines)});
}

void sg__login(struct sg__conn *c)
{
    const struct sg_http1_request *rq = &c->edge->rq;
    if (rq->method == SG_HTTP1_DELETE) {
        answer(c, SG_STR(""), 0);
        return;
    }
    /* Rights have been judged: a header that is here has the form "scheme token". */
    struct sg_str rest = sg_http1_header(&rq->headers, SG_HTTP1_H_AUTHORIZATION);
    if (!rest.p || !sg__auth_guarded(&c->edge->net->auth)) {
        sg__reply(c, &(struct sg__reply){.status = 204}); /* comes in without, or by its cookie */
        return;
    }
    (void)sg_str_split(&rest, ' ');
    struct sg_str token = sg_str_trim(rest);
    if (fits_cookie(token))
        answer(c, token, KEPT_S);
    else
        sg__reply_error(c, 400, false,
                        "a cookie cannot hold this token: expected visible ASCII without '\"', "
                        "',', ';' and '\\'");
}
