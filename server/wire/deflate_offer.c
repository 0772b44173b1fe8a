/* deflate_offer.c - negotiation of permessage-deflate (RFC 7692 section 7.1) in the grammar of RFC
 * 6455 section 9.1.
 */
#include "chars.h"
#include <stdio.h>
#include <streamgauge/deflate.h>

/* Longest value any parameter of ours has, with room to see that a value is longer. */
#define MAX_VALUE 8

enum param { P_SERVER_TAKEOVER, P_CLIENT_TAKEOVER, P_SERVER_BITS, P_CLIENT_BITS, P_COUNT };

static const struct sg_str param_names[P_COUNT] = {
    {"server_no_context_takeover", 26},
    {"client_no_context_takeover", 26},
    {"server_max_window_bits", 22},
    {"client_max_window_bits", 22},
};

struct offer {
    bool ours; /* its name is permessage-deflate */
    bool bad;  /* a parameter is unknown, double or has a wrong value */
    bool seen[P_COUNT];
    uint8_t bits[P_COUNT]; /* 0: without value */
};

struct value {
    bool present;
    char text[MAX_VALUE];
    size_t n; /* may be above MAX_VALUE: cut */
};

static void skip_blank(struct sg_str *s)
{
    while (s->n > 0 && (*s->p == ' ' || *s->p == '\t'))
        s->p++, s->n--;
}

/* True, and past it, when the next byte is c; white space around is skipped. */
static bool accept_char(struct sg_str *s, char c)
{
    skip_blank(s);
    if (s->n == 0 || *s->p != c)
        return false;
    s->p++, s->n--;
    skip_blank(s);
    return true;
}

static bool take_token(struct sg_str *s, struct sg_str *ret)
{
    size_t n = sg__span(*s, SG__C_TOKEN);
    *ret = sg_str_make(s->p, n);
    s->p += n, s->n -= n;
    return n > 0;
}

static void put_value(struct value *v, char c)
{
    if (v->n < MAX_VALUE)
        v->text[v->n] = c;
    v->n++;
}

/* After the opening quote. The unescaped content must be a token. */
static bool take_quoted(struct sg_str *s, struct value *ret)
{
    while (s->n > 0 && *s->p != '"') {
        if (*s->p == '\\' && s->n > 1)
            s->p++, s->n--;
        if (!sg__is(*s->p, SG__C_TOKEN))
            return false;
        put_value(ret, *s->p);
        s->p++, s->n--;
    }
    if (s->n == 0 || ret->n == 0)
        return false;
    s->p++, s->n--;
    return true;
}

static bool take_value(struct sg_str *s, struct value *ret)
{
    struct sg_str token;
    *ret = (struct value){.present = true};
    if (s->n > 0 && *s->p == '"') {
        s->p++, s->n--;
        return take_quoted(s, ret);
    }
    if (!take_token(s, &token))
        return false;
    for (size_t i = 0; i < token.n; i++)
        put_value(ret, token.p[i]);
    return true;
}

/* "8" to "15" without leading zero, else 0. */
static uint8_t bits_of(const struct value *v)
{
    if (v->n == 1 && (v->text[0] == '8' || v->text[0] == '9'))
        return (uint8_t)(v->text[0] - '0');
    if (v->n == 2 && v->text[0] == '1' && v->text[1] >= '0' && v->text[1] <= '5')
        return (uint8_t)(10 + v->text[1] - '0');
    return 0;
}

static void note_param(struct offer *o, struct sg_str name, const struct value *v)
{
    unsigned k = 0;
    while (k < P_COUNT && !sg_str_eq(name, param_names[k]))
        k++;
    if (k == P_COUNT || o->seen[k]) {
        o->bad = true;
        return;
    }
    o->seen[k] = true;
    if (v->present) {
        o->bits[k] = k >= P_SERVER_BITS ? bits_of(v) : 0;
        o->bad |= o->bits[k] == 0;
    } else {
        o->bad |= k == P_SERVER_BITS;
    }
}

/* token *( ";" token [ "=" value ] ); false when the grammar is broken. */
static bool take_offer(struct sg_str *s, struct offer *ret)
{
    struct sg_str name;
    *ret = (struct offer){.ours = false};
    if (!take_token(s, &name))
        return false;
    ret->ours = sg_str_eq_c(name, "permessage-deflate");
    while (accept_char(s, ';')) {
        struct value v = {.present = false};
        if (!take_token(s, &name))
            return false;
        if (accept_char(s, '=') && !take_value(s, &v))
            return false;
        note_param(ret, name, &v);
    }
    return true;
}

static void consider(const struct offer *o, const struct sg_deflate_config *config,
                     struct sg_deflate_params *ret)
{
    uint8_t ours = config->server_bits ? config->server_bits : 15;
    uint8_t least = config->min_server_bits ? config->min_server_bits : 9;
    uint8_t wanted = o->bits[P_SERVER_BITS];
    /* zlib cannot keep a raw stream within 8 bits of window, and 9 would break the client's demand.
     */
    if (!o->ours || o->bad || (wanted && wanted < (least < 9 ? 9 : least)))
        return;
    *ret = (struct sg_deflate_params){
        .agreed = true,
        .server_no_takeover = true,
        .client_no_takeover = o->seen[P_CLIENT_TAKEOVER] || !config->allow_client_takeover,
        .server_bits = 15,
        .client_bits = 15,
    };
    if (wanted) {
        ret->answer_server_bits = true;
        ret->server_bits = wanted < ours ? wanted : ours;
    }
    uint8_t offered = o->bits[P_CLIENT_BITS] ? o->bits[P_CLIENT_BITS] : 15;
    if (o->seen[P_CLIENT_BITS] && config->client_bits && config->client_bits < 15) {
        ret->answer_client_bits = true;
        ret->client_bits = offered < config->client_bits ? offered : config->client_bits;
    }
}

/* One header line; goes on over the grammar after an offer was accepted. */
static int negotiate(struct sg_str s, const struct sg_deflate_config *config,
                     struct sg_deflate_params *ret)
{
    bool any = false;
    skip_blank(&s);
    while (s.n > 0) {
        struct offer o;
        if (accept_char(&s, ','))
            continue;
        if (!take_offer(&s, &o))
            return SG_ESYNTAX;
        any = true;
        skip_blank(&s);
        if (s.n > 0 && *s.p != ',')
            return SG_ESYNTAX;
        if (config && !ret->agreed)
            consider(&o, config, ret);
    }
    return any ? 0 : SG_ESYNTAX;
}

int sg_deflate_negotiate_value(struct sg_str value, const struct sg_deflate_config *config,
                               struct sg_deflate_params *ret)
{
    *ret = (struct sg_deflate_params){.agreed = false};
    return negotiate(value, config, ret);
}

int sg_deflate_negotiate(const struct sg_http1_headers *h, const struct sg_deflate_config *config,
                         struct sg_deflate_params *ret)
{
    *ret = (struct sg_deflate_params){.agreed = false};
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->line[i].id != SG_HTTP1_H_WS_EXTENSIONS)
            continue;
        int r = negotiate(h->line[i].value, config, ret);
        if (r < 0)
            return r;
    }
    return 0;
}

size_t sg_deflate_answer(const struct sg_deflate_params *params, char *dst)
{
    char server[32] = "", client[32] = "";
    dst[0] = '\0';
    if (!params->agreed)
        return 0;
    if (params->answer_server_bits)
        snprintf(server, sizeof(server), "; server_max_window_bits=%u", params->server_bits);
    if (params->answer_client_bits)
        snprintf(client, sizeof(client), "; client_max_window_bits=%u", params->client_bits);
    int n =
        snprintf(dst, 160, "permessage-deflate%s%s%s%s",
                 params->server_no_takeover ? "; server_no_context_takeover" : "",
                 params->client_no_takeover ? "; client_no_context_takeover" : "", server, client);
    return (size_t)n;
}
