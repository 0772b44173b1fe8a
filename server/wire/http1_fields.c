/* http1_fields.c - header lines: names to ids, lists, and the fields that frame a message. */
#include "chars.h"
#include "http1_parse.h"
#include <stdint.h>

struct name {
    const char *text;
    uint8_t len;
};

static const struct name names[SG_HTTP1_H_COUNT] = {
#define NAME(id, text) [SG_HTTP1_H_##id] = {text, sizeof(text) - 1},
    SG_HTTP1_HEADER_MAP(NAME)
#undef NAME
};

#define H(id) SG_HTTP1_H_##id
/* Known names by length; 0 ends a row. test_http1_head.c checks that every name finds itself. */
static const uint8_t by_length[31][5] = {
    [4] = {H(HOST)},
    [5] = {H(RANGE)},
    [6] = {H(ACCEPT), H(COOKIE), H(ORIGIN), H(EXPECT)},
    [7] = {H(UPGRADE)},
    [10] = {H(CONNECTION), H(USER_AGENT)},
    [12] = {H(CONTENT_TYPE)},
    [13] = {H(AUTHORIZATION), H(IF_NONE_MATCH), H(LAST_EVENT_ID)},
    [14] = {H(CONTENT_LENGTH)},
    [15] = {H(ACCEPT_ENCODING), H(X_FORWARDED_FOR)},
    [16] = {H(CONTENT_ENCODING)},
    [17] = {H(TRANSFER_ENCODING), H(WS_KEY)},
    [20] = {H(WS_ACCEPT)},
    [21] = {H(WS_VERSION)},
    [22] = {H(WS_PROTOCOL)},
    [24] = {H(WS_EXTENSIONS)},
    [29] = {H(ACR_METHOD)},
    [30] = {H(ACR_HEADERS)},
};
#undef H

/* a is a known name with letters and '-' only, so folding bit 5 of both cannot confuse: b is a
 * token. */
static bool name_eq(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] | 0x20) != (b[i] | 0x20))
            return false;
    return true;
}

static uint8_t header_id(struct sg_str name)
{
    if (name.n >= SG_ARRAY_LEN(by_length))
        return SG_HTTP1_H_OTHER;
    for (const uint8_t *id = by_length[name.n]; *id; id++)
        if (name_eq(names[*id].text, name.p, name.n))
            return *id;
    return SG_HTTP1_H_OTHER;
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct sg_str trim(const char *p, const char *end)
{
    while (p < end && is_blank(*p))
        p++;
    while (end > p && is_blank(end[-1]))
        end--;
    return sg_str_make(p, (size_t)(end - p));
}

/* One line without its CRLF. */
static int parse_field(const struct sg__http1_ctx *c, struct sg_str line,
                       struct sg_http1_headers *h)
{
    if (is_blank(line.p[0]))
        return sg__http1_fail(c, 400, line, "folded header line");
    struct sg_str name = {line.p, sg__span(line, SG__C_TOKEN)};
    if (name.n == 0 || name.n == line.n || line.p[name.n] != ':')
        return sg__http1_fail(c, 400, line, "malformed header line, expected 'name: value', got");
    if (h->count >= c->limits->max_headers || h->count >= SG_HTTP1_MAX_HEADERS)
        return sg__http1_fail(c, 431, name, "too many headers at");
    uint8_t id = header_id(name);
    struct sg_http1_header *hd = &h->line[h->count++];
    hd->name = name;
    hd->value = trim(name.p + name.n + 1, line.p + line.n);
    hd->id = id;
    if (h->lines[id]++ == 0)
        h->first[id] = (uint8_t)h->count;
    return 0;
}

int sg__http1_parse_fields(const struct sg__http1_ctx *c, const char *p, const char *end,
                           struct sg_http1_headers *h)
{
    h->count = 0;
    memset(h->first, 0, sizeof(h->first));
    memset(h->lines, 0, sizeof(h->lines));
    while (p < end - 2) {
        const char *cr = memchr(p, '\r', (size_t)(end - p));
        int r = parse_field(c, sg_str_make(p, (size_t)(cr - p)), h);
        if (r < 0)
            return r;
        p = cr + 2;
    }
    h->first[SG_HTTP1_H_OTHER] = 0;
    return 0;
}

int sg__http1_content_length(const struct sg__http1_ctx *c, const struct sg_http1_headers *h,
                             uint64_t *ret)
{
    struct sg_str v = sg_http1_header(h, SG_HTTP1_H_CONTENT_LENGTH);
    if (h->lines[SG_HTTP1_H_CONTENT_LENGTH] > 1)
        return sg__http1_fail(c, 400, v, "more than one Content-Length, first");
    if (!sg__all(v, SG__C_DIGIT))
        return sg__http1_fail(c, 400, v, "malformed Content-Length, expected digits, got");
    uint64_t x = 0;
    for (size_t i = 0; i < v.n; i++) {
        unsigned digit = (unsigned)(v.p[i] - '0');
        if (x > ((uint64_t)INT64_MAX - digit) / 10)
            return sg__http1_fail(c, 400, v, "Content-Length out of range");
        x = x * 10 + digit;
    }
    *ret = x;
    return 0;
}

int sg__http1_transfer_encoding(const struct sg__http1_ctx *c, const struct sg_http1_headers *h,
                                bool *ret_chunked)
{
    unsigned codings = 0, chunked = 0;
    bool last = false;
    struct sg_str first = sg_http1_header(h, SG_HTTP1_H_TRANSFER_ENCODING);
    for (uint32_t i = 0; i < h->count; i++) {
        struct sg_str rest = h->line[i].value, item;
        if (h->line[i].id != SG_HTTP1_H_TRANSFER_ENCODING)
            continue;
        if (rest.n == 0)
            return sg__http1_fail(c, 400, first, "empty Transfer-Encoding");
        while (sg_http1_list_next(&rest, &item)) {
            size_t token = sg__span(item, SG__C_TOKEN);
            last = sg_str_ieq(sg_str_make(item.p, token), SG_STR("chunked"));
            if (token == 0 || (last && token != item.n))
                return sg__http1_fail(c, 400, item, "malformed transfer coding");
            codings++;
            chunked += last;
        }
    }
    if (codings == 0 || chunked > 1 || (chunked == 1 && !last))
        return sg__http1_fail(c, 400, first, "chunked must be the last transfer coding, once, in");
    if (codings != 1 || chunked != 1)
        return sg__http1_fail(c, 501, first, "unknown transfer coding, expected chunked, got");
    /* Empty list elements are legal and nobody's habit but a smuggler's. */
    if (!sg_str_ieq(first, SG_STR("chunked")))
        return sg__http1_fail(c, 400, first, "malformed Transfer-Encoding, expected chunked, got");
    *ret_chunked = true;
    return 0;
}

const struct sg_http1_header *sg_http1_header_find(const struct sg_http1_headers *h,
                                                   struct sg_str name)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (sg_str_ieq(h->line[i].name, name))
            return &h->line[i];
    return NULL;
}

/* Index of the comma that ends the first element, or s.n; commas in quoted strings do not count. */
static size_t element_end(struct sg_str s)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < s.n && (quoted || s.p[i] != ','); i++) {
        if (s.p[i] == '"')
            quoted = !quoted;
        else if (quoted && s.p[i] == '\\' && i + 1 < s.n)
            i++;
    }
    return i;
}

bool sg_http1_list_next(struct sg_str *rest, struct sg_str *ret_item)
{
    while (rest->n > 0) {
        size_t end = element_end(*rest);
        struct sg_str item = trim(rest->p, rest->p + end);
        size_t used = end < rest->n ? end + 1 : end;
        rest->p += used;
        rest->n -= used;
        if (item.n > 0) {
            *ret_item = item;
            return true;
        }
    }
    return false;
}

bool sg_http1_list_has(const struct sg_http1_headers *h, enum sg_http1_header_id id,
                       struct sg_str token)
{
    if (h->lines[id] == 0)
        return false;
    for (uint32_t i = h->first[id] - 1u; i < h->count; i++) {
        struct sg_str rest = h->line[i].value, item;
        if (h->line[i].id != id)
            continue;
        while (sg_http1_list_next(&rest, &item))
            if (sg_str_ieq(item, token))
                return true;
    }
    return false;
}

/* The q of "coding ; q=0.5" parameters: true when it is above 0. Anything unreadable counts as 0.
 */
static bool weight_positive(struct sg_str params)
{
    struct sg_str v = trim(params.p, params.p + params.n);
    if (v.n == 0)
        return true;
    if (v.n < 3 || (v.p[0] | 0x20) != 'q' || v.p[1] != '=')
        return false;
    if (v.p[2] == '1')
        return true;
    for (size_t i = 3; i < v.n; i++)
        if (v.p[i] >= '1' && v.p[i] <= '9')
            return v.p[2] == '0';
    return false;
}

bool sg_http1_accepts_encoding(const struct sg_http1_headers *h, struct sg_str coding)
{
    bool any = false;
    for (uint32_t i = 0; i < h->count; i++) {
        struct sg_str rest = h->line[i].value, item;
        if (h->line[i].id != SG_HTTP1_H_ACCEPT_ENCODING)
            continue;
        while (sg_http1_list_next(&rest, &item)) {
            const char *semi = memchr(item.p, ';', item.n);
            const char *end = item.p + item.n;
            struct sg_str name = trim(item.p, semi ? semi : end);
            struct sg_str params = {"", 0};
            if (semi)
                params = sg_str_make(semi + 1, (size_t)(end - semi - 1));
            /* The coding's own entry decides over "*". */
            if (sg_str_ieq(name, coding))
                return weight_positive(params);
            if (sg_str_eq_c(name, "*"))
                any = weight_positive(params);
        }
    }
    return any;
}

struct sg_str sg_http1_cookie(const struct sg_http1_headers *h, struct sg_str name)
{
    for (uint32_t i = 0; i < h->count; i++) {
        const char *p = h->line[i].value.p, *end = p + h->line[i].value.n;
        if (h->line[i].id != SG_HTTP1_H_COOKIE)
            continue;
        while (p < end) {
            const char *semi = memchr(p, ';', (size_t)(end - p));
            struct sg_str pair = trim(p, semi ? semi : end);
            if (pair.n > name.n && pair.p[name.n] == '=' && !memcmp(pair.p, name.p, name.n)) {
                const char *v = pair.p + name.n + 1, *v_end = pair.p + pair.n;
                if (v_end - v >= 2 && *v == '"' && v_end[-1] == '"')
                    v++, v_end--;
                return sg_str_make(v, (size_t)(v_end - v));
            }
            p = semi ? semi + 1 : end;
        }
    }
    return (struct sg_str){NULL, 0};
}
