/* http1_target.c - request targets (RFC 9112 3.2), authorities (RFC 3986 3.2), percent-decoding,
 * paths and query arguments. */
#include "chars.h"
#include "http1_parse.h"

/* Four decimal numbers up to 255 without leading zeros. */
static bool ipv4_valid(struct sg_str s)
{
    for (unsigned part = 0; part < 4; part++) {
        size_t n = sg__span(s, SG__C_DIGIT);
        if (n == 0 || n > 3 || (n > 1 && s.p[0] == '0') || (n == 3 && memcmp(s.p, "255", 3) > 0))
            return false;
        if (part == 3)
            return n == s.n;
        if (n == s.n || s.p[n] != '.')
            return false;
        s = sg_str_make(s.p + n + 1, s.n - n - 1);
    }
    return false;
}

/* RFC 3986 IPv6address: eight groups of one to four hex digits, the last two perhaps as IPv4, "::"
 * once for at least one. */
static bool ipv6_valid(struct sg_str s)
{
    unsigned groups = 0;
    bool gap = s.n >= 2 && s.p[0] == ':' && s.p[1] == ':';
    size_t i = gap ? 2 : 0;
    while (i < s.n) {
        struct sg_str rest = {s.p + i, s.n - i};
        size_t hex = sg__span(rest, SG__C_HEX);
        if (hex < rest.n && rest.p[hex] == '.')
            return ipv4_valid(rest) && (gap ? groups < 6 : groups == 6);
        if (hex == 0 || hex > 4)
            return false;
        groups++;
        i += hex;
        if (i == s.n)
            break;
        if (s.p[i++] != ':' || i == s.n)
            return false;
        if (s.p[i] == ':') {
            if (gap)
                return false;
            gap = true;
            i++;
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/* Between the brackets: an IPv6 address or IPvFuture. */
static bool ip_literal_valid(struct sg_str s)
{
    if (s.n == 0 || (s.p[0] | 0x20) != 'v')
        return ipv6_valid(s);
    struct sg_str rest = {s.p + 1, s.n - 1};
    size_t hex = sg__span(rest, SG__C_HEX);
    if (hex == 0 || hex + 1 >= rest.n || rest.p[hex] != '.')
        return false;
    for (size_t i = hex + 1; i < rest.n; i++)
        if (!sg__is(rest.p[i], SG__C_HOST) && rest.p[i] != ':')
            return false;
    return true;
}

/* Length of the host at the start of s; 0 when there is no valid one. */
static size_t host_len(struct sg_str s)
{
    if (s.n > 0 && s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);
        if (!close || !ip_literal_valid(sg_str_make(s.p + 1, (size_t)(close - s.p) - 1)))
            return 0;
        return (size_t)(close - s.p) + 1;
    }
    size_t i = 0;
    while (i < s.n) {
        /* A comma is legal in a name, but what shows up here is two Host lines that some proxy
         * joined. */
        if (sg__is(s.p[i], SG__C_HOST) && s.p[i] != ',')
            i++;
        else if (s.p[i] == '%' && s.n - i >= 3 && sg__is(s.p[i + 1], SG__C_HEX) &&
                 sg__is(s.p[i + 2], SG__C_HEX))
            i += 3;
        else
            break;
    }
    return i;
}

bool sg__http1_authority_valid(struct sg_str s)
{
    size_t host = host_len(s);
    if (host == 0)
        return false;
    if (host == s.n)
        return true;
    if (s.p[host] != ':')
        return false;
    unsigned port = 0;
    for (size_t i = host + 1; i < s.n; i++) {
        if (!sg__is(s.p[i], SG__C_DIGIT))
            return false;
        port = port * 10 + (unsigned)(s.p[i] - '0');
        if (port > 65535)
            return false;
    }
    return true;
}

static void split_path(struct sg_http1_request *rq, struct sg_str s)
{
    const char *mark = memchr(s.p, '?', s.n);
    rq->path = sg_str_make(s.p, mark ? (size_t)(mark - s.p) : s.n);
    if (mark)
        rq->query = sg_str_make(mark + 1, s.n - rq->path.n - 1);
    else
        rq->query = (struct sg_str){NULL, 0};
}

/* "http://authority/path?query"; returns where the authority starts, or 0. */
static size_t scheme_len(struct sg_str s)
{
    if (s.n > 7 && sg_str_ieq(sg_str_make(s.p, 7), SG_STR("http://")))
        return 7;
    if (s.n > 8 && sg_str_ieq(sg_str_make(s.p, 8), SG_STR("https://")))
        return 8;
    return 0;
}

int sg__http1_parse_target(const struct sg__http1_ctx *c, struct sg_http1_request *rq)
{
    struct sg_str t = rq->target;
    bool options = rq->method == SG_HTTP1_OPTIONS;
    if (t.p[0] == '/') {
        split_path(rq, t);
        return 0;
    }
    if (options && sg_str_eq_c(t, "*")) {
        rq->path = t;
        return 0;
    }
    size_t at = scheme_len(t);
    if (at == 0)
        return sg__http1_fail(c, 400, t, "malformed request target, expected a path, got");
    size_t end = at;
    while (end < t.n && t.p[end] != '/' && t.p[end] != '?')
        end++;
    rq->authority = sg_str_make(t.p + at, end - at);
    if (!sg__http1_authority_valid(rq->authority))
        return sg__http1_fail(c, 400, t, "malformed authority in request target");
    split_path(rq, sg_str_make(t.p + end, t.n - end));
    /* RFC 9112 3.2.4: no path is "*" for OPTIONS, else "/". */
    if (rq->path.n == 0)
        rq->path = options && !rq->query.p ? SG_STR("*") : SG_STR("/");
    return 0;
}

ssize_t sg_http1_percent_decode(struct sg_str src, bool plus, char *dst, size_t cap)
{
    size_t out = 0;
    for (size_t i = 0; i < src.n; i++) {
        char c = src.p[i];
        if (c == '%') {
            if (src.n - i < 3 || !sg__is(src.p[i + 1], SG__C_HEX) ||
                !sg__is(src.p[i + 2], SG__C_HEX))
                return SG_ESYNTAX;
            c = (char)(sg__hex_value(src.p[i + 1]) << 4 | sg__hex_value(src.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return SG_ESYNTAX;
        if (out == cap)
            return SG_ELIMIT;
        dst[out++] = c;
    }
    return (ssize_t)out;
}

static bool has_encoded_slash(struct sg_str s)
{
    for (size_t i = 0; i + 2 < s.n; i++)
        if (s.p[i] == '%' && s.p[i + 1] == '2' && (s.p[i + 2] | 0x20) == 'f')
            return true;
    return false;
}

ssize_t sg_http1_path_decode(struct sg_str path, char *dst, size_t cap)
{
    if (has_encoded_slash(path))
        return SG_EINVALID;
    ssize_t n = sg_http1_percent_decode(path, false, dst, cap);
    if (n < 0)
        return n;
    size_t segment = 0; /* start of the current one */
    for (size_t i = 0; i <= (size_t)n; i++) {
        if (i < (size_t)n && dst[i] != '/') {
            if (dst[i] == '\\' || dst[i] == 0x7f || (unsigned char)dst[i] < 0x20)
                return SG_EINVALID;
            continue;
        }
        size_t len = i - segment;
        if ((len == 1 && dst[segment] == '.') ||
            (len == 2 && dst[segment] == '.' && dst[segment + 1] == '.'))
            return SG_EINVALID;
        segment = i + 1;
    }
    return n;
}

bool sg_http1_args_next(struct sg_http1_args *it, struct sg_str *ret_name, struct sg_str *ret_value)
{
    while (it->rest.p) {
        struct sg_str pair = it->rest;
        const char *amp = memchr(pair.p, '&', pair.n);
        if (amp) {
            pair.n = (size_t)(amp - pair.p);
            it->rest.p += pair.n + 1;
            it->rest.n -= pair.n + 1;
        } else {
            it->rest = (struct sg_str){NULL, 0};
        }
        if (pair.n == 0)
            continue;
        const char *eq = memchr(pair.p, '=', pair.n);
        size_t name = eq ? (size_t)(eq - pair.p) : pair.n;
        *ret_name = sg_str_make(pair.p, name);
        *ret_value = eq ? sg_str_make(eq + 1, pair.n - name - 1) : sg_str_make(pair.p + name, 0);
        return true;
    }
    return false;
}

int sg_http1_args_next_decoded(struct sg_http1_args *it, char *dst, size_t cap,
                               struct sg_str *ret_name, struct sg_str *ret_value)
{
    struct sg_str name, value;
    if (!sg_http1_args_next(it, &name, &value))
        return 0;
    ssize_t a = sg_http1_percent_decode(name, true, dst, cap);
    if (a < 0)
        return (int)a;
    ssize_t b = sg_http1_percent_decode(value, true, dst + a, cap - (size_t)a);
    if (b < 0)
        return (int)b;
    *ret_name = sg_str_make(dst, (size_t)a);
    *ret_value = sg_str_make(dst + a, (size_t)b);
    return 1;
}

ssize_t sg_http1_arg(struct sg_str query, struct sg_str name, char *dst, size_t cap)
{
    struct sg_http1_args it = sg_http1_args_init(query);
    struct sg_str key, value;
    while (sg_http1_args_next(&it, &key, &value))
        if (sg_str_eq(key, name))
            return sg_http1_percent_decode(value, true, dst, cap);
    return SG_ENOTFOUND;
}
