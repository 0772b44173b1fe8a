/* bench_store.c - what the series store costs: time per append, count, birth, read; bytes per
 * series and per sealed sample.
 *
 * usage: bench_store [FILE]    FILE: lines "name time_ms value", recorded host metrics, for the
 * bytes per sealed sample */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <streamgauge/store.h>
#include <streamgauge/time.h>

#include "series/chunk.h"
#include "series/impl.h"

enum { SERIES = 100000, ROUNDS = 100 };
#define START INT64_C(1764000000000)

static struct sg_source source = {.name = "bench"};

/* CPU time of this thread: the machine may be shared. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double ns_since(int64_t start_ns, double n)
{
    return (double)(cpu_ns() - start_ns) / n;
}

static const struct sg_labels *labels_of(unsigned n)
{
    char text[24];
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    snprintf(text, sizeof(text), "metric_%u", n / 1000);
    sg_labels_builder_add(&b, SG_METRIC_NAME, sg_str_from(text));
    snprintf(text, sizeof(text), "host-%u", n % 1000);
    sg_labels_builder_add(&b, SG_STR("instance"), sg_str_from(text));
    sg_labels_builder_add(&b, SG_STR("job"), SG_STR("node"));
    sg_labels_builder_add(&b, SG_STR("zone"), n % 3 ? SG_STR("eu-1") : SG_STR("eu-2"));
    const struct sg_labels *l = sg_labels_builder_build(&b);
    sg_labels_builder_deinit(&b);
    return l;
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void births(struct sg_store *s)
{
    const struct sg_labels **labels = sg_alloc(SERIES * sizeof(*labels));
    for (unsigned i = 0; i < SERIES; i++)
        labels[i] = labels_of(i);
    size_t before = heap();
    int64_t start = cpu_ns();
    for (unsigned i = 0; i < SERIES; i++) {
        uint32_t id;
        if (sg_store_intern(s, labels[i], &source, &id, NULL) < 0 || id != i)
            abort();
    }
    printf("birth                         %8.1f ns\n", ns_since(start, SERIES));
    for (unsigned i = 0; i < SERIES; i++)
        (void)sg_store_append(s, i, START, i, START, NULL);
    sg_store_tick(s, START);
    sg_store_tick(s, START + 1);
    const struct sg_store_stats *t = sg_store_get_stats(s);
    printf("idle series, counted          %8.1f B beside %.1f B labels\n",
           (double)atomic_load(&t->bytes) / SERIES, (double)atomic_load(&t->label_bytes) / SERIES);
    printf("idle series, heap             %8.1f B beside labels\n",
           (double)(heap() - before) / SERIES);
    for (unsigned i = 0; i < SERIES; i++)
        sg_labels_unref(labels[i]);
    sg_free(labels);
}

/* Series without a sample yet, so that they may become distributions. */
static void fresh_series(struct sg_store *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct sg_labels *l = labels_of(i);
        uint32_t id;
        if (sg_store_intern(s, l, &source, &id, NULL) < 0)
            abort();
        sg_labels_unref(l);
    }
}

/* Not an operation of batches: plain samples, of which every second comes behind its successor. */
enum { SG_OP_LATE = 100 };

static struct sg_point make_point(int op, unsigned series, int64_t now, int round)
{
    struct sg_point p = {.series = series, .op = (uint16_t)op, .time_ms = now};
    p.value = 3.0 * round + series % 7;
    if (op == SG_OP_LATE) {
        p.op = SG_OP_SET;
        p.time_ms = START + 1000 * (round ^ 1);
    }
    return p;
}

static void appends(struct sg_store *s, int op, unsigned n_series, const char *what)
{
    int64_t spent = 0;
    for (int round = 1; round <= ROUNDS; round++) {
        int64_t now = START + 1000 * round + (op == SG_OP_COUNT ? 200000 : 0);
        for (unsigned base = 0; base < n_series; base += 1000) {
            struct sg_batch *b = sg_batch_new(&source, 1000, now);
            for (unsigned i = 0; i < 1000; i++)
                sg_batch_add_point(b, make_point(op, base + i, now, round));
            int64_t start = cpu_ns();
            sg_store_apply_take(s, b, now);
            spent += cpu_ns() - start;
        }
        if (op != SG_OP_COUNT)
            sg_store_tick(s, now);
    }
    printf("%-29s %8.1f ns per point\n", what, (double)spent / ROUNDS / n_series);
}

static void reads(struct sg_store *s)
{
    struct sg_querier q;
    if (sg_store_querier_open(s, &q) < 0)
        abort();
    struct sg_matcher m;
    if (sg_matcher_init(&m, SG_MATCH_EQ, SG_STR("zone"), SG_STR("eu-1"), NULL) < 0)
        abort();
    const struct sg_matcher *list = &m;
    struct sg_selection sel;
    sg_selection_init(&sel);
    int64_t start = cpu_ns();
    q.ops->select(&q, &list, 1, &sel, NULL);
    printf("select, one matcher           %8.1f ns per series\n", ns_since(start, (double)sel.n));
    struct sg_sample sample;
    double sum = 0;
    start = cpu_ns();
    for (size_t i = 0; i < sel.n; i++) {
        if (q.ops->last(&q, sel.series[i].handle, START - 1000000, START + 10000000, &sample))
            sum += sample.v;
    }
    printf("last, 100 000 series          %8.1f ns\n", ns_since(start, (double)sel.n));
    start = cpu_ns();
    for (size_t i = 0; i < 1000000; i++) {
        if (q.ops->last(&q, sel.series[i % 1000].handle, START, START + 10000000, &sample))
            sum += sample.v;
    }
    printf("last, 1 000 series            %8.1f ns\n", ns_since(start, 1e6));
    struct sg_samples got;
    sg_samples_init(&got);
    size_t n = 0;
    start = cpu_ns();
    for (size_t i = 0; i < sel.n; i++) {
        q.ops->read(&q, sel.series[i].handle, INT64_MIN, INT64_MAX, &got);
        n += got.n;
    }
    printf("read, all of a series         %8.1f ns per sample (%zu) %s\n",
           ns_since(start, (double)n), n, sum < 0 ? "?" : "");
    sg_samples_deinit(&got);
    sg_selection_deinit(&sel);
    sg_matcher_deinit(&m);
    q.ops->close(&q);
}

static void decode(const char *what, double (*value)(int i))
{
    static struct sg__codec codec;
    int64_t t[160];
    double v[160];
    for (int i = 0; i < 160; i++) {
        t[i] = START + 1000 * i;
        v[i] = value(i);
    }
    enum { TIMES = 20000 };
    size_t size = 0;
    int64_t start = cpu_ns();
    for (int k = 0; k < TIMES; k++)
        size = sg__codec_encode(&codec, t, v, 160);
    double encode = ns_since(start, TIMES * 160.0);
    start = cpu_ns();
    for (int k = 0; k < TIMES; k++) {
        if (sg__codec_decode(codec.bytes, size, 160, t, v) < 0)
            abort();
    }
    printf("codec, %-22s %8.1f ns encode %5.1f ns decode %6.2f B per sample\n", what, encode,
           ns_since(start, TIMES * 160.0), (double)size / 160);
}

static double counter(int i)
{
    return (123456 + 97 * i + (i * 7919) % 13) / 100.0;
}
static double gauge(int i)
{
    return 4096.0 * (1000000 + (i * 7919) % 1013);
}
static double noise(int i)
{
    return (double)((i * 7919) % 1013) / 3.0;
}

/* Series name -> id by a linear table: the file has a few hundred. */
static void recorded(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return;
    }
    struct sg_store_options opt;
    sg_store_options_default(&opt);
    opt.retention_ms = 100 * SG_MS_PER_YEAR;
    struct sg_store *s;
    if (sg_store_new(&opt, &s, NULL) < 0)
        abort();
    char name[128];
    int64_t t;
    double v;
    while (fscanf(f, "%127s %" SCNd64 " %lf", name, &t, &v) == 3) {
        struct sg_labels_builder b;
        sg_labels_builder_init(&b);
        sg_labels_builder_set(&b, SG_METRIC_NAME, sg_str_from(name));
        const struct sg_labels *l = sg_labels_builder_build(&b);
        uint32_t id;
        if (sg_store_intern(s, l, &source, &id, NULL) == 0)
            (void)sg_store_append(s, id, t, v, t, NULL);
        sg_labels_unref(l);
        sg_labels_builder_deinit(&b);
    }
    fclose(f);
    const struct sg_store_stats *st = sg_store_get_stats(s);
    printf("recorded host metrics         %8.2f B per sealed sample (%llu samples, %llu series)\n",
           (double)atomic_load(&st->chunk_bytes) / (double)atomic_load(&st->sealed_samples),
           (unsigned long long)atomic_load(&st->sealed_samples),
           (unsigned long long)atomic_load(&st->series));
    sg_store_free(s);
}

int main(int argc, char **argv)
{
    struct sg_store_options opt;
    sg_store_options_default(&opt);
    struct sg_store *s;
    if (sg_store_new(&opt, &s, NULL) < 0)
        return 1;
    births(s);
    appends(s, SG_OP_SET, SERIES, "append, 100 000 series");
    reads(s);
    appends(s, SG_OP_COUNT, SERIES, "count, 100 000 series");
    sg_store_free(s);
    if (sg_store_new(&opt, &s, NULL) < 0)
        return 1;
    births(s);
    appends(s, SG_OP_SET, 1000, "append, 1 000 series");
    appends(s, SG_OP_COUNT, 1000, "count, 1 000 series");
    sg_store_free(s);
    if (sg_store_new(&opt, &s, NULL) < 0)
        return 1;
    births(s);
    appends(s, SG_OP_LATE, 1000, "append, every second one late");
    sg_store_free(s);
    if (sg_store_new(&opt, &s, NULL) < 0)
        return 1;
    fresh_series(s, 1000);
    appends(s, SG_OP_OBSERVE, 1000, "observe, 1 000 series");
    sg_store_free(s);
    if (sg_store_new(&opt, &s, NULL) < 0)
        return 1;
    fresh_series(s, 1000);
    appends(s, SG_OP_MEMBER, 1000, "member, 1 000 series");
    sg_store_free(s);
    decode("counter in 1/100 s", counter);
    decode("memory in pages", gauge);
    decode("fractions", noise);
    if (argc > 1)
        recorded(argv[1]);
    return 0;
}
