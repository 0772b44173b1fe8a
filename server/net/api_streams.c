/* api_streams.c - /api/v1/streams: what is evaluated all the time, and what it costs. */
#include "net/api.h"

struct list {
    struct sg_net_exchange *x;
    size_t n;
};

static void put_seconds(struct sg_buf *b, const char *key, uint64_t ns)
{
    sg_buf_printf(b, ",\"%s\":%.9f", key, (double)ns / 1e9);
}

static void put_stream(void *ctx, const struct sg_live_stream_info *s)
{
    struct list *l = ctx;
    struct sg_buf *b = &l->x->out;
    uint64_t mean_ns = s->evaluations ? s->eval_ns / s->evaluations : 0;
    sg_buf_printf(b, "%s{\"stream\":%u,\"query\":", l->n++ ? "," : "", s->number);
    sg_buf_put_json_str(b, s->key);
    sg_buf_printf(b,
                  ",\"interval\":%lld,\"viewers\":%u,\"edges\":%u,\"series\":%u,\"samples\":%llu,"
                  "\"evaluations\":%llu,\"missed\":%llu,\"lag\":%lld,\"nodes\":%u,"
                  "\"sharedNodes\":%u,\"errors\":%llu,\"failing\":%s",
                  (long long)s->interval_ms, s->viewers, s->edges, s->series,
                  (unsigned long long)s->samples, (unsigned long long)s->evaluations,
                  (unsigned long long)s->missed, (long long)s->lag_ms, s->nodes, s->shared_nodes,
                  (unsigned long long)s->errors, s->failing ? "true" : "false");
    put_seconds(b, "evaluationTime", s->last_ns);
    put_seconds(b, "evaluationTimeMean", mean_ns);
    put_seconds(b, "evaluationTimeTotal", s->eval_ns);
    /* Share of one core that it takes. */
    sg_buf_printf(b, ",\"load\":%.6f}", (double)mean_ns / 1e6 / (double)s->interval_ms);
}

void sg__api_streams(void *ctx, struct sg_net_exchange *x)
{
    struct sg_api *api = ctx;
    struct list l = {.x = x};
    sg__api_begin(x);
    sg_buf_puts(&x->out, "{\"streams\":[");
    if (api->cfg.streams)
        api->cfg.streams(api->cfg.streams_ctx, put_stream, &l);
    sg_buf_puts(&x->out, "]}");
    sg__api_end(x, NULL);
}
