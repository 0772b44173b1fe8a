/* labels.c - label sets: one block each, and the builder that sorts and copies once. */
#include <stdlib.h>

#include <streamgauge/hash.h>
#include <streamgauge/labels.h>
#include <streamgauge/mem.h>

/* Bytes a builder collects at most; parsers refuse far shorter ones, this only bounds a parser that
 * forgot to. */
#define BUILDER_MAX_BYTES ((size_t)64 << 20)
/* Up to here an insertion sort beats qsort's calls, and hot label sets are nearly always that
 * small. */
#define INSERTION_SORT_MAX 24

static struct sg_labels empty_set = {.refs = 1};

/* The count of references is the one field of a shared set that changes. */
static struct sg_labels *counted(const struct sg_labels *l)
{
    return (struct sg_labels *)(uintptr_t)l;
}

const struct sg_labels *sg_labels_empty(void)
{
    return &empty_set;
}

const struct sg_labels *sg_labels_ref(const struct sg_labels *l)
{
    if (l != &empty_set)
        atomic_fetch_add_explicit(&counted(l)->refs, 1, memory_order_relaxed);
    return l;
}

void sg_labels_unref(const struct sg_labels *l)
{
    if (!l || l == &empty_set)
        return;
    if (atomic_fetch_sub_explicit(&counted(l)->refs, 1, memory_order_acq_rel) == 1)
        sg_free(counted(l));
}

static size_t block_size(size_t count, size_t bytes)
{
    return sizeof(struct sg_labels) + 2 * count * sizeof(uint32_t) + bytes;
}

size_t sg_labels_size(const struct sg_labels *l)
{
    return block_size(l->count, l->bytes);
}

/* Name and value lie side by side; the name's length tells {ab="c"} from {a="bc"}. A sum of such
 * terms needs no order and no second pass, so a projection is hashed in place. The empty set hashes
 * to 0. */
static uint64_t label_hash(struct sg_label label)
{
    return sg_hash_mix(sg_hash64(label.name.p, label.name.n + label.value.n) + label.name.n);
}

/* Index of the label, or count when there is none. */
static uint32_t find(const struct sg_labels *l, struct sg_str name)
{
    uint32_t lo = 0, hi = l->count;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = sg_str_cmp(sg_labels_at(l, mid).name, name);
        if (c == 0)
            return mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return l->count;
}

struct sg_str sg_labels_get(const struct sg_labels *l, struct sg_str name)
{
    uint32_t i = find(l, name);
    return i < l->count ? sg_labels_at(l, i).value : (struct sg_str){NULL, 0};
}

bool sg_labels_eq(const struct sg_labels *a, const struct sg_labels *b)
{
    if (a == b)
        return true;
    return a->hash == b->hash && a->count == b->count && a->bytes == b->bytes &&
           memcmp(a->ends, b->ends, 2 * a->count * sizeof(uint32_t)) == 0 &&
           memcmp(sg_labels_bytes(a), sg_labels_bytes(b), a->bytes) == 0;
}

int sg_labels_cmp(const struct sg_labels *a, const struct sg_labels *b)
{
    uint32_t n = a->count < b->count ? a->count : b->count;
    for (uint32_t i = 0; i < n; i++) {
        struct sg_label x = sg_labels_at(a, i), y = sg_labels_at(b, i);
        int c = sg_str_cmp(x.name, y.name);
        if (c == 0)
            c = sg_str_cmp(x.value, y.value);
        if (c != 0)
            return c;
    }
    return (a->count > b->count) - (a->count < b->count);
}

/* ---- making blocks ---- */

/* A block being filled; `used` counts bytes behind the offsets. */
struct filler {
    struct sg_labels *set;
    uint32_t used;
};

static struct filler filler_new(size_t count, size_t bytes)
{
    struct sg_labels *l = sg_alloc(block_size(count, bytes));
    atomic_init(&l->refs, 1);
    l->count = (uint32_t)count;
    l->hash = 0;
    l->bytes = (uint32_t)bytes;
    return (struct filler){l, 0};
}

static void filler_put(struct filler *f, uint32_t i, struct sg_label label)
{
    char *at = (char *)(f->set->ends + 2 * (size_t)f->set->count) + f->used;
    memcpy(at, label.name.p, label.name.n);
    memcpy(at + label.name.n, label.value.p, label.value.n);
    f->set->ends[2 * i] = f->used + (uint32_t)label.name.n;
    f->used += (uint32_t)(label.name.n + label.value.n);
    f->set->ends[2 * i + 1] = f->used;
    f->set->hash += label_hash((struct sg_label){{at, label.name.n}, {NULL, label.value.n}});
}

/* ---- projection ---- */

/* Steps through l and the sorted names side by side; calls return the next kept label's index, or
 * l->count. */
static uint32_t next_kept(const struct sg_labels *l, uint32_t i, const struct sg_str **names,
                          const struct sg_str *end, bool keep)
{
    for (; i < l->count; i++) {
        struct sg_str name = sg_labels_at(l, i).name;
        while (*names < end && sg_str_cmp(**names, name) < 0)
            (*names)++;
        bool among = *names < end && sg_str_eq(**names, name);
        if (among == keep)
            break;
    }
    return i;
}

const struct sg_labels *sg_labels_project(const struct sg_labels *l, const struct sg_str *names,
                                          size_t n, bool keep)
{
    const struct sg_str *at = names, *end = names + n;
    size_t count = 0, bytes = 0;
    for (uint32_t i = 0; (i = next_kept(l, i, &at, end, keep)) < l->count; i++, count++) {
        struct sg_label label = sg_labels_at(l, i);
        bytes += label.name.n + label.value.n;
    }
    if (count == l->count)
        return sg_labels_ref(l);
    if (count == 0)
        return sg_labels_empty();
    struct filler f = filler_new(count, bytes);
    at = names;
    uint32_t k = 0;
    for (uint32_t i = 0; (i = next_kept(l, i, &at, end, keep)) < l->count; i++)
        filler_put(&f, k++, sg_labels_at(l, i));
    return f.set;
}

/* ---- builder ---- */

void sg_labels_builder_init(struct sg_labels_builder *b)
{
    *b = (struct sg_labels_builder){0};
    sg_buf_init(&b->bytes, BUILDER_MAX_BYTES);
}

void sg_labels_builder_deinit(struct sg_labels_builder *b)
{
    if (!b)
        return;
    sg_free(b->labels);
    sg_buf_deinit(&b->bytes);
    b->labels = NULL;
    b->count = b->cap = 0;
}

void sg_labels_builder_reset(struct sg_labels_builder *b)
{
    b->count = 0;
    sg_buf_reset(&b->bytes);
}

/* Until build the pointers hold offsets, because the buffer moves as it grows. */
static struct sg_str as_offset(size_t offset, size_t n)
{
    return (struct sg_str){(const char *)(uintptr_t)offset, n};
}

static size_t offset_of(struct sg_str s)
{
    return (size_t)(uintptr_t)s.p;
}

static struct sg_str resolve(const struct sg_labels_builder *b, struct sg_str s)
{
    return (struct sg_str){s.n ? b->bytes.data + offset_of(s) : "", s.n};
}

static struct sg_label *builder_find(const struct sg_labels_builder *b, struct sg_str name)
{
    for (size_t i = b->count; i > 0; i--) {
        if (sg_str_eq(resolve(b, b->labels[i - 1].name), name))
            return &b->labels[i - 1];
    }
    return NULL;
}

void sg_labels_builder_add(struct sg_labels_builder *b, struct sg_str name, struct sg_str value)
{
    size_t at = b->bytes.len;
    if (sg_buf_reserve(&b->bytes, name.n + value.n) < 0)
        return;
    sg_buf_append(&b->bytes, name.p, name.n);
    sg_buf_append(&b->bytes, value.p, value.n);
    if (b->count == b->cap)
        b->labels = sg_grow(b->labels, &b->cap, b->count + 1, sizeof(*b->labels));
    b->labels[b->count++] =
        (struct sg_label){as_offset(at, name.n), as_offset(at + name.n, value.n)};
}

void sg_labels_builder_load(struct sg_labels_builder *b, const struct sg_labels *l)
{
    sg_labels_builder_reset(b);
    for (uint32_t i = 0; i < l->count; i++) {
        struct sg_label label = sg_labels_at(l, i);
        sg_labels_builder_add(b, label.name, label.value);
    }
}

void sg_labels_builder_del(struct sg_labels_builder *b, struct sg_str name)
{
    size_t kept = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (!sg_str_eq(resolve(b, b->labels[i].name), name))
            b->labels[kept++] = b->labels[i];
    }
    b->count = kept;
}

void sg_labels_builder_set(struct sg_labels_builder *b, struct sg_str name, struct sg_str value)
{
    if (value.n == 0) {
        sg_labels_builder_del(b, name);
        return;
    }
    struct sg_label *label = builder_find(b, name);
    if (!label) {
        sg_labels_builder_add(b, name, value);
        return;
    }
    size_t at = b->bytes.len;
    if (sg_buf_append(&b->bytes, value.p, value.n) == 0)
        label->value = as_offset(at, value.n);
}

struct sg_str sg_labels_builder_get(const struct sg_labels_builder *b, struct sg_str name)
{
    const struct sg_label *label = builder_find(b, name);
    return label ? resolve(b, label->value) : (struct sg_str){NULL, 0};
}

/* By name; equal names in the order they were added, which is the order of their bytes. */
static int by_name(const void *a, const void *b, void *ctx)
{
    const struct sg_labels_builder *builder = ctx;
    const struct sg_label *x = a, *y = b;
    int c = sg_str_cmp(resolve(builder, x->name), resolve(builder, y->name));
    if (c != 0)
        return c;
    size_t i = offset_of(x->name), j = offset_of(y->name);
    return (i > j) - (i < j);
}

static void sort_labels(struct sg_labels_builder *b)
{
    if (b->count > INSERTION_SORT_MAX) {
        qsort_r(b->labels, b->count, sizeof(*b->labels), by_name, b);
        return;
    }
    for (size_t i = 1; i < b->count; i++) {
        struct sg_label one = b->labels[i];
        size_t j = i;
        for (; j > 0 && by_name(&one, &b->labels[j - 1], b) < 0; j--)
            b->labels[j] = b->labels[j - 1];
        b->labels[j] = one;
    }
}

/* After sorting: true when entry i is the last of its name and has a value. */
static bool counts(const struct sg_labels_builder *b, size_t i)
{
    if (b->labels[i].value.n == 0)
        return false;
    return i + 1 == b->count ||
           !sg_str_eq(resolve(b, b->labels[i].name), resolve(b, b->labels[i + 1].name));
}

const struct sg_labels *sg_labels_builder_build(struct sg_labels_builder *b)
{
    sort_labels(b);
    size_t count = 0, bytes = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (!counts(b, i))
            continue;
        count++;
        bytes += b->labels[i].name.n + b->labels[i].value.n;
    }
    if (count == 0)
        return sg_labels_empty();
    struct filler f = filler_new(count, bytes);
    uint32_t k = 0;
    for (size_t i = 0; i < b->count; i++) {
        const struct sg_label *label = &b->labels[i];
        if (counts(b, i))
            filler_put(&f, k++,
                       (struct sg_label){resolve(b, label->name), resolve(b, label->value)});
    }
    return f.set;
}

const struct sg_labels *sg_labels_builder_build_checked(struct sg_labels_builder *b,
                                                        struct sg_error *reterr)
{
    if (b->bytes.failed) {
        sg_error_set(reterr, SG_ELIMIT, "labels take more than %zu bytes", b->bytes.max);
        return NULL;
    }
    sort_labels(b);
    for (size_t i = 1; i < b->count; i++) {
        struct sg_str name = resolve(b, b->labels[i].name);
        if (sg_str_eq(name, resolve(b, b->labels[i - 1].name))) {
            sg_error_set(reterr, SG_EINVALID,
                         "label '%.*s' is given twice, expected each name once",
                         (int)(name.n < 100 ? name.n : 100), name.p);
            return NULL;
        }
    }
    return sg_labels_builder_build(b);
}
