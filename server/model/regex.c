/* regex.c - anchored RE2 regexes on PCRE2, with a bounded cost per match.
 *
 * Happy path: plain shapes are answered without an engine (regex_shape.c); the rest is first held
 * against its literal prefix and then run by PCRE2, as machine code after a hundred runs or one
 * that is too much for the interpreter. Failure modes: when backtracking passes MATCH_LIMIT or the
 * stack of the compiled code, the breadth-first matcher (pcre2_dfa_match) takes over, which never
 * goes back in the value; its list of states is kept so small that length times states squared
 * stays within DFA_BUDGET, or less where a thread must not be held up for that long. When that is
 * not enough either the match is given up: neither =~ nor !~ holds then, and `errors` counts it.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <streamgauge/matcher.h>
#include <streamgauge/mem.h>
#include <string.h>

#include "regex_syntax.h"

#define MATCH_LIMIT 20000    /* backtracking points */
#define HEAP_LIMIT_KIB 1024  /* for the interpreter's frames */
#define DFA_BUDGET 200000000 /* value bytes times (states alive) squared */
#define DFA_MIN_STATES 24
#define DFA_MAX_STATES 1000
#define DFA_INTS_PER_STATE 6 /* two lists of three ints, see pcre2_dfa_match */
#define FAST_AFTER 100       /* runs of the interpreter before there is machine code */
#define FAST_MAX_BYTES 4096  /* of a compiled pattern; what is longer is interpreted for good */

struct sg_regex {
    atomic_uint refs;
    enum sg_regex_shape shape;
    bool group_is_all;
    char *text; /* literals one after the other, or the prefix */
    size_t text_len;
    struct sg_str *literals; /* sorted, no duplicates; slices of text */
    size_t literal_count;
    uint32_t group_count;
    uint32_t name_count;
    struct sg__regex_name *names; /* name bytes owned by `name_text` */
    char *name_text;
    pcre2_code *code;           /* NULL for plain shapes */
    _Atomic(pcre2_code *) fast; /* the same as machine code, once it is worth making */
    atomic_uint runs;           /* of `code`, until there is `fast` */
    pcre2_code *dfa_code;       /* the other spelling for the breadth-first matcher, or NULL */
    pcre2_match_context *context;
    _Atomic(pcre2_match_data *)
        spare; /* one set of match data, taken and put back around a match */
    atomic_uint_fast64_t errors;
};

static void *pcre_alloc(size_t n, void *data)
{
    (void)data;
    return sg_try_alloc(n);
}

static void pcre_free(void *p, void *data)
{
    (void)data;
    sg_free(p);
}

/* ---- making ---- */

static void compile_error(int code, struct sg_error *reterr)
{
    PCRE2_UCHAR text[128];
    if (pcre2_get_error_message(code, text, sizeof(text)) < 0)
        text[0] = '\0';
    enum sg_errc errc = SG_ESYNTAX;
    if (code == PCRE2_ERROR_PATTERN_TOO_LARGE || code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED)
        errc = SG_ELIMIT;
    if (code == PCRE2_ERROR_HEAP_FAILED || code == PCRE2_ERROR_NOMEMORY)
        errc = SG_ENOMEM;
    /* The offset in the rewritten pattern is of no use to the author. */
    sg_error_set(reterr, errc, "error parsing regexp: %s", (const char *)text);
}

/* Compiles a rewritten pattern so that it matches whole values only. NULL and an error when it
 * cannot be. */
static pcre2_code *compile_text(struct sg_str text, struct sg_error *reterr)
{
    static const uint32_t options = PCRE2_UTF | PCRE2_DOTALL | PCRE2_ANCHORED |
                                    PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_CIRCUMFLEX |
                                    PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK;
    int code_error = PCRE2_ERROR_HEAP_FAILED;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = NULL;
    struct sg_buf whole;
    sg_buf_init(&whole, text.n + 8);
    sg_buf_printf(&whole, "(?:");
    sg_buf_put_str(&whole, text);
    sg_buf_puts(&whole, ")\\z"); /* PCRE2_ENDANCHORED means nothing to pcre2_dfa_match */
    pcre2_general_context *general = pcre2_general_context_create(pcre_alloc, pcre_free, NULL);
    pcre2_compile_context *context = general ? pcre2_compile_context_create(general) : NULL;
    if (context && !whole.failed) {
        pcre2_set_newline(context, PCRE2_NEWLINE_LF);
        code = pcre2_compile((PCRE2_SPTR)whole.data, whole.len, options, &code_error, &offset,
                             context);
    }
    pcre2_compile_context_free(context);
    pcre2_general_context_free(general);
    sg_buf_deinit(&whole);
    if (!code)
        compile_error(code_error, reterr);
    return code;
}

/* Everything the engine needs. `info` holds the ordinary spelling and is used again for the other.
 */
static int compile(struct sg_regex *re, struct sg_str pattern, struct sg__regex_info *info,
                   struct sg_error *reterr)
{
    struct sg_error err = {.code = SG_OK};
    re->code = compile_text(sg_buf_str(&info->out), &err);
    if (re->code && info->has_plus) {
        sg_buf_reset(&info->out);
        info->spell_plus = true;
        if (sg__regex_translate(pattern, info, &err) == 0)
            re->dfa_code = compile_text(sg_buf_str(&info->out), &err);
    }
    re->context = pcre2_match_context_create(NULL);
    if (!re->context)
        sg_error_set(&err, SG_ENOMEM, "error parsing regexp: out of memory");
    if (err.code != SG_OK)
        return sg_error_set(reterr, err.code, "%s", err.text);
    pcre2_set_match_limit(re->context, MATCH_LIMIT);
    pcre2_set_heap_limit(re->context, HEAP_LIMIT_KIB);
    return 0;
}

static int cmp_str(const void *a, const void *b)
{
    return sg_str_cmp(*(const struct sg_str *)a, *(const struct sg_str *)b);
}

static void keep_literals(struct sg_regex *re, const struct sg__regex_shape *shape)
{
    size_t begin = 0, n = 0;
    re->literals = sg_calloc(shape->end_count, sizeof(*re->literals));
    for (size_t i = 0; i < shape->end_count; i++) {
        re->literals[i] = sg_str_make(re->text + begin, shape->ends[i] - begin);
        begin = shape->ends[i];
    }
    qsort(re->literals, shape->end_count, sizeof(*re->literals), cmp_str);
    for (size_t i = 0; i < shape->end_count; i++)
        if (n == 0 || !sg_str_eq(re->literals[n - 1], re->literals[i]))
            re->literals[n++] = re->literals[i];
    re->literal_count = n;
}

static void keep_shape(struct sg_regex *re, struct sg__regex_shape *shape)
{
    re->shape = shape->shape;
    re->group_is_all = shape->group_is_all;
    re->text_len = shape->text.len;
    re->text = sg_alloc(shape->text.len + 1);
    if (shape->text.len)
        memcpy(re->text, shape->text.data, shape->text.len);
    re->text[re->text_len] = '\0';
    if (re->shape == SG_REGEX_LITERALS)
        keep_literals(re, shape);
}

static void keep_names(struct sg_regex *re, const struct sg__regex_info *info)
{
    size_t bytes = 1, at = 0;
    for (uint32_t i = 0; i < info->name_count; i++)
        bytes += info->names[i].name.n;
    re->group_count = info->group_count;
    re->name_count = info->name_count;
    re->name_text = sg_alloc(bytes);
    re->names = sg_calloc(info->name_count + 1, sizeof(*re->names));
    for (uint32_t i = 0; i < info->name_count; i++) {
        struct sg_str name = info->names[i].name;
        memcpy(re->name_text + at, name.p, name.n);
        re->names[i] = (struct sg__regex_name){{re->name_text + at, name.n}, info->names[i].group};
        at += name.n;
    }
}

int sg_regex_new(struct sg_str pattern, struct sg_regex **ret_re, struct sg_error *reterr)
{
    struct sg__regex_info *info = sg_calloc(1, sizeof(*info));
    struct sg__regex_shape shape;
    /* A byte of the pattern becomes at most "\x{10ffff}"; most stay what they are. */
    sg_buf_init(&info->out, 10 * (size_t)SG_REGEX_MAX_PATTERN + 64);
    int rc = sg__regex_translate(pattern, info, reterr);
    if (rc == 0) {
        struct sg_regex *re = sg_calloc(1, sizeof(*re));
        atomic_init(&re->refs, 1);
        sg__regex_analyse(pattern, info->top_alternation, &shape);
        keep_shape(re, &shape);
        keep_names(re, info);
        sg__regex_shape_deinit(&shape);
        if (re->shape == SG_REGEX_GENERAL)
            rc = compile(re, pattern, info, reterr);
        if (rc < 0)
            sg_regex_unref(re);
        else
            *ret_re = re;
    }
    sg_buf_deinit(&info->out);
    sg_free(info);
    return rc;
}

struct sg_regex *sg_regex_ref(struct sg_regex *re)
{
    atomic_fetch_add_explicit(&re->refs, 1, memory_order_relaxed);
    return re;
}

void sg_regex_unref(struct sg_regex *re)
{
    if (!re || atomic_fetch_sub_explicit(&re->refs, 1, memory_order_acq_rel) != 1)
        return;
    pcre2_match_data_free(atomic_load_explicit(&re->spare, memory_order_relaxed));
    pcre2_match_context_free(re->context);
    pcre2_code_free(re->code);
    pcre2_code_free(atomic_load_explicit(&re->fast, memory_order_relaxed));
    pcre2_code_free(re->dfa_code);
    sg_free(re->literals);
    sg_free(re->text);
    sg_free(re->names);
    sg_free(re->name_text);
    sg_free(re);
}

/* ---- matching ---- */

static pcre2_match_data *take_match_data(struct sg_regex *re)
{
    pcre2_match_data *data = atomic_exchange_explicit(&re->spare, NULL, memory_order_acquire);
    return data ? data : pcre2_match_data_create_from_pattern(re->code, NULL);
}

/* The interpreter leaves its frames in it, 20 KiB at least, which is too much to keep. */
static void put_match_data(struct sg_regex *re, pcre2_match_data *data, bool interpreted)
{
    if (!interpreted)
        data = atomic_exchange_explicit(&re->spare, data, memory_order_acq_rel);
    pcre2_match_data_free(data);
}

static _Thread_local uint64_t budget = DFA_BUDGET;

void sg_regex_set_budget(uint64_t of_thread)
{
    budget = of_thread < DFA_BUDGET ? of_thread : DFA_BUDGET;
}

/* As many states as the budget allows for a value of this length; 0: too few to try. */
static size_t dfa_states(size_t len)
{
    size_t states = DFA_MIN_STATES;
    while (states < DFA_MAX_STATES && (len + 1) * (states + 1) * (states + 1) <= budget)
        states++;
    return (len + 1) * states * states <= budget || budget == DFA_BUDGET ? states : 0;
}

static int dfa_match(const struct sg_regex *re, struct sg_str s, pcre2_match_data *data)
{
    const pcre2_code *code = re->dfa_code ? re->dfa_code : re->code;
    size_t states = dfa_states(s.n), ints = states * DFA_INTS_PER_STATE + 32;
    int *workspace = states ? sg_try_alloc(ints * sizeof(int)) : NULL;
    if (!workspace)
        return PCRE2_ERROR_NOMEMORY;
    int rc = pcre2_dfa_match(code, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST,
                             data, re->context, workspace, ints);
    sg_free(workspace);
    return rc;
}

/* The const of the interface is about what matches: the spare match data and the counter do not
 * change that. */
static struct sg_regex *scratch(const struct sg_regex *re)
{
    union {
        const struct sg_regex *in;
        struct sg_regex *out;
    } u = {.in = re};
    return u.out;
}

/* Machine code costs some thirty times what compiling did, and up to eighty times the memory: of a
 * pattern from outside that is never run it would be a gift to who sends it. A copy, since others
 * may be matching meanwhile. Without a just-in-time compiler the interpreter goes on: slower, the
 * same answers. */
static void make_fast(struct sg_regex *re)
{
    size_t bytes = 0;
    if (pcre2_pattern_info(re->code, PCRE2_INFO_SIZE, &bytes) != 0 || bytes > FAST_MAX_BYTES)
        return;
    pcre2_code *fast = pcre2_code_copy(re->code);
    if (fast && pcre2_jit_compile(fast, PCRE2_JIT_COMPLETE) == 0)
        atomic_store_explicit(&re->fast, fast, memory_order_release);
    else
        pcre2_code_free(fast);
}

/* What is to be run now that counts as `runs`. Only who passes the number makes machine code. */
static const pcre2_code *code_of(const struct sg_regex *re, unsigned runs)
{
    const pcre2_code *fast = atomic_load_explicit(&re->fast, memory_order_acquire);
    if (SG_LIKELY(fast))
        return fast;
    unsigned before = atomic_fetch_add_explicit(&scratch(re)->runs, runs, memory_order_relaxed);
    if (before <= FAST_AFTER && before + runs > FAST_AFTER)
        make_fast(scratch(re));
    fast = atomic_load_explicit(&re->fast, memory_order_acquire);
    return fast ? fast : re->code;
}

/* The interpreter counts every backtracking point, machine code far fewer: the same limit lets it
 * get much further. */
static int backtrack(const struct sg_regex *re, struct sg_str s, pcre2_match_data *data,
                     bool *ret_interpreted)
{
    const pcre2_code *code = code_of(re, 1);
    *ret_interpreted = code == re->code;
    int rc = pcre2_match(code, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_NO_UTF_CHECK, data, re->context);
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH || code != re->code)
        return rc;
    code = code_of(re, FAST_AFTER + 1);
    if (code != re->code)
        rc = pcre2_match(code, (PCRE2_SPTR)s.p, s.n, 0, PCRE2_NO_UTF_CHECK, data, re->context);
    return rc;
}

static void count_error(const struct sg_regex *re)
{
    atomic_fetch_add_explicit(&scratch(re)->errors, 1, memory_order_relaxed);
}

static bool has_prefix(const struct sg_regex *re, struct sg_str s)
{
    return s.n >= re->text_len && memcmp(s.p, re->text, re->text_len) == 0;
}

/* Whether the engine may be asked at all; an odd value counts as an error. */
static bool acceptable(const struct sg_regex *re, struct sg_str s)
{
    if (s.n <= SG_REGEX_MAX_SUBJECT && sg_utf8_valid(s.p, s.n))
        return true;
    count_error(re);
    return false;
}

static int engine_match(const struct sg_regex *re, struct sg_str s)
{
    if (!has_prefix(re, s))
        return 0;
    if (!acceptable(re, s))
        return SG_ELIMIT;
    pcre2_match_data *data = take_match_data(scratch(re));
    bool interpreted;
    int rc = PCRE2_ERROR_NOMEMORY;
    if (data) {
        rc = backtrack(re, s, data, &interpreted);
        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
            rc = dfa_match(re, s, data);
        put_match_data(scratch(re), data, interpreted);
    }
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return rc >= 0;
    count_error(re);
    return SG_ELIMIT;
}

static bool is_literal(const struct sg_regex *re, struct sg_str s)
{
    size_t lo = 0, hi = re->literal_count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = sg_str_cmp(re->literals[mid], s);
        if (c == 0)
            return true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

int sg_regex_try(const struct sg_regex *re, struct sg_str s)
{
    switch (re->shape) {
    case SG_REGEX_LITERALS:
        return is_literal(re, s);
    case SG_REGEX_PREFIX:
        return has_prefix(re, s);
    case SG_REGEX_ANY:
        return true;
    case SG_REGEX_NONEMPTY:
        return s.n > 0;
    case SG_REGEX_GENERAL:
        break;
    }
    return engine_match(re, s);
}

bool sg_regex_match(const struct sg_regex *re, struct sg_str s)
{
    return sg_regex_try(re, s) > 0;
}

/* ---- groups ---- */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int capture_plain(const struct sg_regex *re, struct sg_str s, struct sg_str *ret, size_t max)
{
    if (!sg_regex_match(re, s))
        return 0;
    size_t n = min_size(re->group_count, max);
    for (size_t i = 0; i < n; i++)
        ret[i] = i == 0 || re->group_is_all ? s : (struct sg_str){NULL, 0};
    return (int)n;
}

static int copy_groups(const struct sg_regex *re, struct sg_str s, pcre2_match_data *data,
                       struct sg_str *ret, size_t max)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(data);
    size_t n = min_size(re->group_count, min_size(max, SG_REGEX_MAX_GROUPS));
    for (size_t i = 0; i < n; i++) {
        if (v[2 * i] == PCRE2_UNSET)
            ret[i] = (struct sg_str){NULL, 0};
        else
            ret[i] = sg_str_make(s.p + v[2 * i], v[2 * i + 1] - v[2 * i]);
    }
    return (int)n;
}

int sg_regex_capture(const struct sg_regex *re, struct sg_str s, struct sg_str *ret_groups,
                     size_t max)
{
    if (re->shape != SG_REGEX_GENERAL)
        return capture_plain(re, s, ret_groups, max);
    if (!has_prefix(re, s))
        return 0;
    if (!acceptable(re, s))
        return SG_ELIMIT;
    int rc = PCRE2_ERROR_NOMEMORY, n = 0;
    pcre2_match_data *data = take_match_data(scratch(re));
    bool interpreted;
    if (data) {
        rc = backtrack(re, s, data, &interpreted);
        if (rc >= 0)
            n = copy_groups(re, s, data, ret_groups, max);
        else if (rc != PCRE2_ERROR_NOMATCH && dfa_match(re, s, data) == PCRE2_ERROR_NOMATCH)
            rc = PCRE2_ERROR_NOMATCH; /* no groups needed to know that */
        put_match_data(scratch(re), data, interpreted);
    }
    if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH)
        return n;
    count_error(re);
    return SG_ELIMIT;
}

size_t sg_regex_group_count(const struct sg_regex *re)
{
    return re->group_count;
}

int sg_regex_group_index(const struct sg_regex *re, struct sg_str name)
{
    for (uint32_t i = 0; i < re->name_count; i++)
        if (sg_str_eq(re->names[i].name, name))
            return (int)re->names[i].group;
    return SG_ENOTFOUND;
}

uint64_t sg_regex_errors(const struct sg_regex *re)
{
    return atomic_load_explicit(&scratch(re)->errors, memory_order_relaxed);
}

enum sg_regex_shape sg_regex_shape(const struct sg_regex *re)
{
    return re->shape;
}

size_t sg_regex_literals(const struct sg_regex *re, const struct sg_str **ret)
{
    *ret = re->literals;
    return re->literal_count;
}

struct sg_str sg_regex_prefix(const struct sg_regex *re)
{
    if (re->shape == SG_REGEX_LITERALS)
        return re->literal_count == 1 ? re->literals[0] : SG_STR("");
    return sg_str_make(re->text, re->text_len);
}
