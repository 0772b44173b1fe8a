/* template_priv.h - templates inside: tokens, tree, values, functions. */
#ifndef SG_ALERT_TEMPLATE_PRIV_H
#define SG_ALERT_TEMPLATE_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <streamgauge/arena.h>
#include <streamgauge/template.h>

#define SG__TEMPLATE_MAX_BYTES 65536          /* of a text */
#define SG__TEMPLATE_MAX_FILE (1 << 20)       /* bytes of a file of definitions */
#define SG__TEMPLATE_MAX_DEFS 1000            /* in one text */
#define SG__TEMPLATE_MAX_SET 10000            /* definitions in a set */
#define SG__TEMPLATE_MAX_SET_BYTES (16 << 20) /* texts of a set */
#define SG__TEMPLATE_MAX_SET_TREES (64 << 20) /* bytes of what is made of them */
#define SG__TOO_LARGE "the template files take more than 64 MiB of memory together"
#define SG__TEMPLATE_MAX_CALLS 100    /* definitions in definitions, while expanding */
#define SG__TEMPLATE_MAX_NESTED 500   /* lists of nodes in each other, while expanding */
#define SG__TEMPLATE_MAX_OUTPUT 65536 /* also of one value */
#define SG__TEMPLATE_MAX_STEPS 10000
#define SG__TEMPLATE_MAX_OUTPUT_JSON (256 << 10) /* one text tells of all alerts of a group */
#define SG__TEMPLATE_MAX_STEPS_JSON 100000
#define SG__TEMPLATE_MAX_QUERIES 32
#define SG__TEMPLATE_MAX_VARS 100
#define SG__TEMPLATE_MAX_DEPTH 50
#define SG__TEMPLATE_MAX_CHAIN 1000      /* "else if" in a row */
#define SG__TEMPLATE_MAX_VALUE_DEPTH 100 /* lists in lists that are printed */
#define SG__TEMPLATE_MAX_ARGS 50

/* For %.*s: a text that may be long. */
#define SG__SHORT(s) (int)((s).n < 80 ? (s).n : sg_utf8_valid_prefix((s).p, 80)), (s).p

/* ---- tokens: template_lex.c ---- */

enum sg__token_kind {
    SG__T_END, /* of the text */
    SG__T_TEXT,
    SG__T_RIGHT, /* }} */
    SG__T_WORD,  /* a function or a keyword */
    SG__T_FIELD, /* .Name; text is the name */
    SG__T_DOT,
    SG__T_VAR,    /* $ or $name; text with the $ */
    SG__T_STRING, /* text is unescaped, in the arena */
    SG__T_NUMBER,
    SG__T_CHAR, /* a character constant: number is its code */
    SG__T_PIPE,
    SG__T_OPEN,
    SG__T_CLOSE,
    SG__T_DECLARE, /* := */
    SG__T_ASSIGN,
    SG__T_COMMA,
};

struct sg__token {
    enum sg__token_kind kind;
    uint32_t pos, end;
    bool space; /* white space stands before it */
    struct sg_str text;
    int64_t number;
};

struct sg__lexer {
    struct sg_str text;
    size_t at;
    bool inside;    /* between {{ and }} */
    bool trim_next; /* the action before ended with -}} */
    size_t action;  /* where the action began */
    struct sg_arena *arena;
};
/* The next token. SG_ESYNTAX. */
int sg__lex(struct sg__lexer *l, struct sg__token *ret, struct sg_error *reterr);

/* ---- values: template_value.c ---- */

enum sg__value_kind {
    SG__V_NIL,
    SG__V_BOOL,
    SG__V_INT,
    SG__V_FLOAT,
    SG__V_STRING,
    SG__V_LIST,
    SG__V_MAP, /* of `args` */
    SG__V_LABELS,
    SG__V_SAMPLE,   /* labels and f */
    SG__V_TIME,     /* ms since the epoch in i, seconds east of UTC in offset_s */
    SG__V_DURATION, /* ns in i */
    SG__V_ROOT,     /* . of a rule */
    SG__V_OBJECT,   /* JSON: struct-like */
    SG__V_KV,       /* a map of texts: JSON, or a list as of a map when json is NULL */
    SG__V_PAIR,     /* name in text, value in more */
};

/* What a text is in HTML. */
enum sg__safe {
    SG__UNSAFE,
    SG__SAFE_HTML, /* HTML itself */
    SG__SAFE_URL,  /* a URL of any scheme; still escaped */
    SG__ESCAPED,   /* escaped by html; in more: before */
};

struct json_t;
struct sg__list;
struct sg__value {
    enum sg__value_kind kind;
    int32_t offset_s;
    enum sg__safe safe;
    bool b;
    int64_t i;
    double f;
    struct sg_str text; /* also the name of a number (a month), of a time's zone */
    struct sg_str more;
    const struct sg_labels *labels;
    const struct sg__list *list; /* of a map: name, value, name, … */
    const struct json_t *json;
};
struct sg__list {
    size_t n;
    struct sg__value items[];
};

/* ---- the tree: template_parse.c ---- */

struct sg__fn;
struct sg__pipe;

enum sg__term_kind {
    SG__E_CONST,
    SG__E_DOT,
    SG__E_VAR,
    SG__E_PIPE, /* in parentheses */
    SG__E_CALL, /* a function; without arguments unless first in its command */
};

struct sg__term {
    enum sg__term_kind kind;
    uint32_t pos;
    struct sg__value value;  /* SG__E_CONST */
    uint32_t slot;           /* SG__E_VAR */
    struct sg__pipe *pipe;   /* SG__E_PIPE */
    const struct sg__fn *fn; /* SG__E_CALL */
    struct sg_str *chain;    /* names of fields behind it */
    uint32_t n_chain;
};

struct sg__command {
    struct sg__term *terms; /* what is called or taken, then arguments */
    uint32_t n_terms;
};

struct sg__pipe {
    uint32_t pos;
    uint32_t slots[2], n_slots; /* variables that it sets */
    struct sg__command *commands;
    uint32_t n_commands;
};

enum sg__node_kind {
    SG__N_TEXT,
    SG__N_ACTION,
    SG__N_IF,
    SG__N_WITH,
    SG__N_RANGE,
    SG__N_BREAK,
    SG__N_CONTINUE,
    SG__N_CALL, /* template, block */
};

struct sg__node {
    enum sg__node_kind kind;
    uint32_t pos;
    struct sg_str text;                /* SG__N_TEXT; the name of SG__N_CALL */
    struct sg__pipe *pipe;             /* NULL for an SG__N_CALL without */
    struct sg__node *body, *otherwise; /* lists */
    struct sg__node *next;
    struct sg__node *next_call; /* of the same text or definition */
    bool chained;               /* otherwise is one "else if" or "else with" */
};

/* {{ define "name" }}…{{ end }} */
struct sg__def {
    struct sg_str name;
    const struct sg_template *in; /* the text it stands in */
    struct sg__node *nodes;
    struct sg__node *calls;
    uint32_t n_slots;     /* of its variables */
    struct sg__def *next; /* of the same text */
};

/* Slots of variables that every template has. */
enum {
    SG__SLOT_ROOT,
    SG__SLOT_LABELS,
    SG__SLOT_EXTERNAL,
    SG__SLOT_URL,
    SG__SLOT_VALUE,
    SG__N_SLOTS
};

struct sg_template {
    struct sg_arena arena;
    struct sg_str text;
    const char *source; /* a file's name; NULL: a text of its own */
    struct sg__node *nodes;
    struct sg__node *calls;
    uint32_t n_slots;            /* of its variables */
    struct sg__def *defs;        /* its own, one of each name */
    struct sg_template_set *set; /* where else definitions are; a reference; may be NULL */
    bool varies;
};

/* ---- definitions: template_set.c ---- */

struct sg_template_set {
    atomic_uint refs;
    struct sg_template **texts;
    size_t n_texts, cap_texts, bytes, tree_bytes;
    struct sg__def **defs; /* by name, one of each */
    size_t n_defs, cap_defs;
};
/* What a call means in t: its own definition, unless that one is empty, before its set's. NULL:
 * there is none. */
const struct sg__def *sg__def_find(const struct sg_template *t, struct sg_str name);
/* Nothing but white space. */
bool sg__def_is_empty(const struct sg__def *def);
/* As sg_template_parse_in; source is NULL, or a file's, and is copied. The tree takes at most
 * max_tree bytes. Names of calls are not looked up. */
int sg__template_parse(const char *source, struct sg_str text, size_t max_tree,
                       struct sg_template **ret, struct sg_error *reterr);
/* SG_ESYNTAX: a call in t, or in what can be reached from it, has no definition. */
int sg__calls_check(const struct sg_template *t, struct sg_error *reterr);
/* The last part of a source's name that fits, behind "...". */
void sg__source_copy(const char *source, char *ret, size_t size);
/* The definitions that Alertmanager has, in our words. */
struct sg__builtin {
    const char *name, *text;
};
extern const struct sg__builtin *const sg__template_builtin;
extern const size_t sg__n_template_builtin;

/* ---- HTML: template_html.c ---- */

/* Where in HTML the output ends. All zero: in text. */
struct sg__html {
    uint8_t state, what, url, raw;
    bool closing;
    uint8_t n;
    char name[32];
};
/* What was written. literal: it stands in the template. */
void sg__html_follow(struct sg__html *h, struct sg_str s, bool literal);
/* Writes a text's value as that place needs it, and follows it. */
void sg__html_put(struct sg__html *h, const struct sg__value *v, struct sg_buf *out);

/* ---- expansion: template_exec.c ---- */

struct sg__exec {
    const struct sg_template *t;
    const struct sg_template *at; /* the text that is expanded: t, or a definition's */
    const struct sg_template_data *data;
    struct sg_arena arena;
    struct sg_buf out;
    struct sg__value frame[SG__TEMPLATE_MAX_VARS]; /* variables of t */
    struct sg__value *vars;                        /* of what is expanded */
    struct sg__value dot;
    struct json_t *json; /* of data->json */
    uint32_t steps, max_steps, queries, calls, nested;
    uint32_t depth; /* of the value that is printed */
    struct sg__html html;
    uint32_t pos; /* of what is evaluated, for errors */
    struct sg_error *reterr;
    bool broken, continued; /* break, continue */
    struct sg_labels_builder *builder;
    const struct sg_labels **labels; /* references kept until the end */
    size_t n_labels, cap_labels;
};
/* Sets the error at the current position; returns SG_EEXECUTION. */
int sg__exec_fail(struct sg__exec *x, const char *fmt, ...) SG_PRINTF(2, 3);
/* As in error.h: the analyzer does not see that it returns its code. */
#if defined(__clang_analyzer__) && !defined(SG__EXEC_IMPLEMENTATION)
#define sg__exec_fail(x, ...) ((void)sg__exec_fail(x, __VA_ARGS__), (int)SG_EEXECUTION)
#endif
/* `n` more steps at the current position; SG_EEXECUTION: these are too many. */
int sg__exec_steps(struct sg__exec *x, size_t n);
/* Memory of this expansion; NULL and an error when there is too much. */
void *sg__exec_alloc(struct sg__exec *x, size_t n);
/* A copy of a buffer's content as a text; deinitialises the buffer. */
int sg__exec_text(struct sg__exec *x, struct sg_buf *b, struct sg__value *ret);
struct sg__list *sg__exec_list(struct sg__exec *x, size_t n);

/* ---- more of values ---- */

static inline struct sg__value sg__v_text(struct sg_str s)
{
    return (struct sg__value){.kind = SG__V_STRING, .text = s};
}
static inline struct sg__value sg__v_float(double f)
{
    return (struct sg__value){.kind = SG__V_FLOAT, .f = f};
}
static inline struct sg__value sg__v_int(int64_t i)
{
    return (struct sg__value){.kind = SG__V_INT, .i = i};
}
static inline struct sg__value sg__v_bool(bool b)
{
    return (struct sg__value){.kind = SG__V_BOOL, .b = b};
}
/* As Go names its type. */
const char *sg__value_type(const struct sg__value *v);
bool sg__value_true(const struct sg__value *v);
/* As Go's %v. Bounded: out fails, and the error is set when it is not for its length. */
void sg__value_print(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out);
int sg__value_from_json(struct sg__exec *x, const struct json_t *json, struct sg__value *ret);
/* As sg__value_print. */
void sg__value_to_json(struct sg__exec *x, const struct sg__value *v, struct sg_buf *out);
/* A field, or what a method without arguments gives. */
int sg__value_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                    struct sg__value *ret);
/* A method with arguments. */
int sg__value_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                     const struct sg__value *args, size_t n, struct sg__value *ret);
/* What can be ranged over, as key, item, key, …; maps by their keys. *ret NULL: nothing in it. */
int sg__value_entries(struct sg__exec *x, const struct sg__value *v, const struct sg__list **ret);
int sg__value_index(struct sg__exec *x, const struct sg__value *v, const struct sg__value *key,
                    struct sg__value *ret);

/* ---- functions ---- */

struct sg__fn {
    const char *name;
    int8_t min, max; /* arguments; max -1: any number */
    bool varies;     /* its result changes without its arguments */
    int (*call)(struct sg__exec *x, const struct sg__value *args, size_t n, struct sg__value *ret);
    const char *help;
};
/* NULL: there is none. */
const struct sg__fn *sg__fn_find(struct sg_str name);
/* Why a name that Go or Prometheus knows is not a function here; NULL: it is not known at all. */
const char *sg__fn_refused(struct sg_str name);
/* `and` and `or` take only as many arguments as they need. */
bool sg__fn_is_and(const struct sg__fn *fn);
bool sg__fn_is_or(const struct sg__fn *fn);

#define SG__FN(name)                                                                               \
    int name(struct sg__exec *x, const struct sg__value *args, size_t n, struct sg__value *ret)
SG__FN(sg__fn_humanize);
SG__FN(sg__fn_humanize1024);
SG__FN(sg__fn_humanize_duration);
SG__FN(sg__fn_humanize_percentage);
SG__FN(sg__fn_humanize_timestamp);
SG__FN(sg__fn_to_time);
SG__FN(sg__fn_match);
SG__FN(sg__fn_replace);
SG__FN(sg__fn_printf);
SG__FN(sg__fn_title);
SG__FN(sg__fn_to_upper);
SG__FN(sg__fn_to_lower);
SG__FN(sg__fn_trim_space);
SG__FN(sg__fn_strip_port);
SG__FN(sg__fn_strip_domain);
SG__FN(sg__fn_html);
SG__FN(sg__fn_js);
SG__FN(sg__fn_urlquery);
SG__FN(sg__fn_url_unescape);
SG__FN(sg__fn_list);
SG__FN(sg__fn_append);
SG__FN(sg__fn_dict);
SG__FN(sg__fn_since);
SG__FN(sg__fn_tz);

/* A number, or a text that is one. */
int sg__arg_number(struct sg__exec *x, const struct sg__value *v, double *ret);
int sg__arg_text(struct sg__exec *x, const struct sg__value *v, struct sg_str *ret);

/* As Go's %v: the shortest digits, an exponent below 1e-4 and from 1e6 on. */
void sg__format_float(double v, struct sg_buf *out);
/* "2015-06-23 13:19:44.128 +0000 UTC"; the second time of other zones is their offset again. */
void sg__format_time(int64_t ms, int32_t offset_s, struct sg_buf *out);
/* As Go's time.Format. */
void sg__format_layout(const struct sg__value *time, struct sg_str layout, struct sg_buf *out);
/* "1h2m3.5s", as Go's Duration.String. */
void sg__format_duration(int64_t ns, struct sg_buf *out);
/* Fields and methods of SG__V_TIME and SG__V_DURATION; 1: there is none of that name. */
int sg__time_field(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                   struct sg__value *ret);
int sg__time_method(struct sg__exec *x, const struct sg__value *v, struct sg_str name,
                    const struct sg__value *args, size_t n, struct sg__value *ret);
/* fmt.Sprint: spaces between operands when neither is a text. */
void sg__print_all(struct sg__exec *x, const struct sg__value *args, size_t n, bool line,
                   struct sg_buf *out);

#endif
