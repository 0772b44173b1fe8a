/* api.h - the insides of the Prometheus HTTP API: parameters, the envelope of answers, handlers.
 *
 * Every handler is one function (api, x) on the pool. It reads its parameters with sg__form_*,
 * writes the answer into x->out between sg__api_begin and sg__api_end, or calls sg__api_error.
 */
#ifndef SG_NET_API_H
#define SG_NET_API_H

#include <pthread.h>
#include <stdatomic.h>
#include <streamgauge/api.h>
#include <streamgauge/matcher.h>

/* ---- parameters ---- */

/* Pairs of one request, at most. */
#define SG__FORM_PAIRS 1024
/* Times are kept within this many ms of the epoch, so that differences of them never overflow. */
#define SG__TIME_MAX_MS (INT64_C(1) << 53)

struct sg__form_pair {
    struct sg_str name, value;
};

/* Arguments of the query string, and before them those of a form body. */
struct sg__form {
    char *bytes;
    struct sg__form_pair *pairs;
    size_t n;
};

/* SG_ESYNTAX, SG_ELIMIT. sg__form_deinit in any case. */
SG_NODISCARD int sg__form_init(struct sg__form *f, const struct sg_net_exchange *x,
                               struct sg_error *reterr);
void sg__form_deinit(struct sg__form *f);
/* The first of that name; empty when absent. */
struct sg_str sg__form_get(const struct sg__form *f, const char *name);
/* Each of that name in turn; *at starts at 0. False at the end. */
bool sg__form_next(const struct sg__form *f, const char *name, size_t *at, struct sg_str *ret);

/* Float seconds or RFC 3339, to ms. The errors are worded as Prometheus does. */
SG_NODISCARD int sg__time_parse(struct sg_str text, int64_t *ret_ms, struct sg_error *reterr);
/* Float seconds or a duration, to ms. */
SG_NODISCARD int sg__span_parse(struct sg_str text, int64_t *ret_ms, struct sg_error *reterr);
/* The whole number in argument `name`, 0 when it is absent. */
SG_NODISCARD int sg__limit_parse(const struct sg__form *f, const char *name, size_t *ret,
                                 struct sg_error *reterr);
/* A time in argument `name`; absent: *ret_ms stays. */
SG_NODISCARD int sg__form_time(const struct sg__form *f, const char *name, int64_t *ret_ms,
                               struct sg_error *reterr);

/* ---- the envelope ---- */

enum sg__api_error_type {
    SG__BAD_DATA,    /* 400 */
    SG__EXECUTION,   /* 422 */
    SG__TIMEOUT,     /* 503 */
    SG__CANCELED,    /* 499 */
    SG__INTERNAL,    /* 500 */
    SG__NOT_FOUND,   /* 404 */
    SG__UNAVAILABLE, /* 503 */
};

void sg__api_error(struct sg_net_exchange *x, enum sg__api_error_type type, const char *fmt, ...)
    SG_PRINTF(3, 4);
/* bad_data: invalid parameter "name": what err says, with its place. */
void sg__api_bad_param(struct sg_net_exchange *x, const char *name, const struct sg_error *err);
/* What an evaluation said. */
void sg__api_failed(struct sg_net_exchange *x, const struct sg_error *err);
/* {"status":"success","data": */
void sg__api_begin(struct sg_net_exchange *x);
/* Notes of a result (may be NULL) and further warnings, then the end. */
struct sg__api_notes {
    const struct sg_promql_result *result;
    const char *further[4]; /* static texts */
    size_t n_further;
};
void sg__api_end(struct sg_net_exchange *x, const struct sg__api_notes *notes);
extern const char sg__truncated[]; /* "results truncated due to limit" */

/* ---- JSON of values ---- */

/* Seconds with three digits behind the point, or none. */
void sg__json_time(struct sg_buf *b, int64_t ms);
/* "1.5": quoted, exponent form for very small and large ones. */
void sg__json_value(struct sg_buf *b, double v);
void sg__json_histogram(struct sg_buf *b, const struct sg_histogram *h);
/* "resultType":…,"result":… of at most `limit` series (0: all). Flushes x on the way. */
void sg__json_result(struct sg_net_exchange *x, const struct sg_promql_result *r, size_t limit);
/* The tree of an expression, as /api/v1/parse_query shows it. */
void sg__json_expr(struct sg_buf *b, const struct sg_expr *e);

/* ---- the API ---- */

enum { SG__API_ROUTES = 56 };

struct sg_api {
    struct sg_api_config cfg;
    struct sg_net_route routes[SG__API_ROUTES];
    size_t n_routes;
    /* Threads that evaluate; others wait here or for slow clients. */
    pthread_mutex_t gate;
    pthread_cond_t passed;
    unsigned evaluating; /* under gate, as the next two */
    unsigned sending;    /* big answers under way, and what they hold; see api_room.c */
    size_t held_bytes;
    unsigned waiting;                 /* for one of those to end */
    const struct sg_labels *external; /* under gate; NULL: none */
    pthread_cond_t turn;
    atomic_ullong queries, failed, timeouts, canceled, refused, refused_answers, eval_us, samples;
};

/* Selectors of all match[] arguments. */
struct sg__selectors {
    struct sg_promql **q;
    size_t n;
};
/* SG_ESYNTAX and so on; one that matches everything is SG_EINVALID. Deinit in any case. */
SG_NODISCARD int sg__selectors_init(struct sg__selectors *s, const struct sg__form *f,
                                    struct sg_error *reterr);
void sg__selectors_deinit(struct sg__selectors *s);

/* Series that match any selector and have a sample in [start, end], each once, sorted by labels if
 * asked for. Returns 0 or what the querier said. */
struct sg__range {
    int64_t start_ms, end_ms;
    bool given; /* else any time will do */
};
SG_NODISCARD int sg__series_select(struct sg_querier *q, const struct sg__selectors *s,
                                   const struct sg__range *range, struct sg_selection *ret,
                                   struct sg_error *reterr);
/* Waits for what was accepted before. */
void sg__api_settle(struct sg_api *api);
/* Settles and opens a querier, or answers 503. Its `stop` is the opener's to set. */
bool sg__api_open(struct sg_api *api, struct sg_net_exchange *x, struct sg_querier *ret);
/* For `stop` of a querier: SG_ECANCELED when the client of `asker` is gone, SG_ETIMEOUT when it has
 * waited for query.timeout. */
struct sg__asker {
    const struct sg_api *api;
    const struct sg_net_exchange *x;
};
int sg__api_stop(void *asker);
/* The error of a listing that ended so. Returns rc. */
int sg__api_stopped(int rc, struct sg_error *reterr);

/* What an answer holds in memory while it is sent, and about how much text it is. */
struct sg__answer_size {
    size_t held, text;
};
struct sg__answer_size sg__answer_size(const struct sg_promql_result *r);
/* Room for it, before anything is sent; or answers 503 (or 422 when it is too big by itself). Sets
 * size->held to what sg__api_release is to give back: 0 for a small answer or none. */
bool sg__api_hold(struct sg_api *api, struct sg_net_exchange *x, struct sg__answer_size *size);
void sg__api_release(struct sg_api *api, const struct sg__answer_size *size);

/* One per path. */
sg_net_handler sg__api_query, sg__api_query_range, sg__api_format_query, sg__api_parse_query;
sg_net_handler sg__api_series, sg__api_labels, sg__api_label_values, sg__api_exemplars;
sg_net_handler sg__api_metadata, sg__api_buildinfo, sg__api_runtimeinfo, sg__api_tsdb;
sg_net_handler sg__api_targets, sg__api_streams, sg__api_federate;

#endif
