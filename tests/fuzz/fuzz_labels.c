/* fuzz_labels.c - label sets from arbitrary names and values: sorted, unique, found again, equal
 * however they were built. */
#include <stdint.h>
#include <string.h>

#include <streamgauge/labels.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p;
    size_t n;
};

/* A string: one byte of length, then at most that many bytes. */
static struct sg_str take(struct input *in)
{
    size_t n = in->n ? in->p[0] % 24 : 0;
    size_t skip = in->n ? 1 : 0;
    if (n > in->n - skip)
        n = in->n - skip;
    struct sg_str s = {(const char *)in->p + skip, n};
    in->p += skip + n;
    in->n -= skip + n;
    return s;
}

static void check_order(const struct sg_labels *l)
{
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label one = sg_labels_at(l, i);
        SG_ASSERT(one.value.n > 0);
        SG_ASSERT(i == 0 || sg_str_cmp(sg_labels_at(l, i - 1).name, one.name) < 0);
        SG_ASSERT(sg_str_eq(sg_labels_get(l, one.name), one.value));
    }
}

/* Built backwards, one by one, it is the same set. */
static void check_rebuilt(const struct sg_labels *l)
{
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    for (uint32_t i = l->count; i > 0; i--) {
        struct sg_label one = sg_labels_at(l, i - 1);
        sg_labels_builder_set(&b, one.name, one.value);
    }
    const struct sg_labels *again = sg_labels_builder_build_checked(&b, NULL);
    SG_ASSERT(again && sg_labels_eq(l, again) && sg_labels_cmp(l, again) == 0);
    sg_labels_unref(again);
    sg_labels_builder_deinit(&b);
}

static void check_projection(const struct sg_labels *l)
{
    struct sg_str names[4];
    size_t n = 0;
    for (uint32_t i = 0; i < l->count && n < SG_ARRAY_LEN(names); i += 2)
        names[n++] = sg_labels_at(l, i).name;
    const struct sg_labels *with = sg_labels_project(l, names, n, true);
    const struct sg_labels *without = sg_labels_project(l, names, n, false);
    SG_ASSERT(with->count == n && with->count + without->count == l->count);
    SG_ASSERT(with->hash + without->hash == l->hash);
    sg_labels_unref(with);
    sg_labels_unref(without);
}

static void check_text(const struct sg_labels *l)
{
    struct sg_buf out;
    sg_buf_init(&out, 1 << 20);
    sg_labels_print(l, &out);
    SG_ASSERT(!out.failed && sg_utf8_valid(out.data, out.len));
    sg_buf_reset(&out);
    sg_labels_print_json(l, &out);
    SG_ASSERT(!out.failed && sg_utf8_valid(out.data, out.len));
    for (size_t i = 0; i < out.len; i++)
        SG_ASSERT((unsigned char)out.data[i] >= 0x20);
    sg_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct sg_labels_builder b;
    sg_labels_builder_init(&b);
    while (in.n) {
        unsigned op = in.p[0] >> 6;
        struct sg_str name = take(&in), value = take(&in);
        if (name.n == 0)
            continue;
        if (op < 2)
            sg_labels_builder_add(&b, name, value);
        else if (op == 2)
            sg_labels_builder_set(&b, name, value);
        else
            sg_labels_builder_del(&b, name);
    }
    const struct sg_labels *l = sg_labels_builder_build(&b);
    check_order(l);
    check_rebuilt(l);
    check_projection(l);
    check_text(l);
    sg_labels_unref(l);
    sg_labels_builder_deinit(&b);
    return 0;
}
