/* embed.c - the smallest program around libstreamgauge: one sample, one stream, its first frame.
 * tests/install/run builds it against what `cmake --install` gives. */
#include <stdio.h>
#include <streamgauge/engine.h>

#define NOW_MS INT64_C(1764000000000)

static void print(void *ctx, uint32_t edge, const struct sg_frame *f)
{
    struct sg_buf text;
    (void)ctx, (void)edge;
    sg_buf_init(&text, 65536);
    sg_frame_json(f, &text);
    puts(sg_buf_cstr(&text));
    sg_buf_deinit(&text);
}

int main(void)
{
    static struct sg_source source = {.name = "embedder"};
    struct sg_engine_options o;
    struct sg_engine *e;
    struct sg_error err = {0};
    struct sg_labels_builder labels;
    sg_engine_options_default(&o);
    o.live.hooks.publish = print;
    o.live.heartbeat_ms = 0;
    if (sg_engine_new(&o, &e, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    sg_labels_builder_init(&labels);
    sg_labels_builder_set(&labels, SG_STR("__name__"), SG_STR("orders"));
    struct sg_batch *b = sg_batch_new(&source, 1, NOW_MS);
    uint32_t birth = sg_batch_add_birth_take(b, sg_labels_builder_build(&labels), NULL);
    sg_batch_add_point(
        b, (struct sg_point){
               .series = SG_SERIES_NEW | birth, .op = SG_OP_SET, .time_ms = NOW_MS, .value = 3});
    sg_labels_builder_deinit(&labels);
    struct sg_control *c = sg_control_new(SG_CONTROL_OPEN, 0, SG_STR("orders * 2"), 1000);
    if (sg_engine_ingest(e, b) < 0 || sg_engine_control(e, c) < 0)
        return 1;
    sg_engine_tick(e, NOW_MS, NOW_MS);
    sg_engine_free(e);
    return 0;
}
