/* template_priv.h - templates inside: tokens, tree, values, functions. */
#ifndef SG_ALERT_TEMPLATE_PRIV_H
#define SG_ALERT_TEMPLATE_PRIV_H

#include <stdbool.h>
#include <streamgauge/arena.h>
#include <streamgauge/template.h>

#define SG__TEMPLATE_MAX_BYTES 65536 /* of the text */
#define SG__TEMPLATE_MAX_OUTPUT 65536
#define SG__TEMPLATE_MAX_STEPS 10000
#define SG__TEMPLATE_MAX_QUERIES 32
#define SG__TEMPLATE_MAX_VARS 100
#define SG__TEMPLATE_MAX_DEPTH 50
#define SG__TEMPLATE_MAX_ARGS 50

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
    SG__V_SAMPLE, /* labels and f */
    SG__V_TIME,   /* ms since the epoch in i */
    SG__V_ROOT,   /* . of a rule */
    SG__V_OBJECT, /* JSON: struct-like */
    SG__V_KV,     /* JSON: a map of texts */
    SG__V_PAIR,   /* name in text, value in more */
};

struct json_t;
struct sg__list;
struct sg__value {
    enum sg__value_kind kind;
    bool b;
    int64_t i;
    double f;
    struct sg_str text, more;
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
};

struct sg__node {
    enum sg__node_kind kind;
    uint32_t pos;
    struct sg_str text;
    struct sg__pipe *pipe;
    struct sg__node *body, *otherwise; /* lists */
    struct sg__node *next;
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
    struct sg__node *nodes;
    bool varies;
};

/* ---- expansion: template_exec.c ---- */

struct sg__exec {
    const struct sg_template *t;
    const struct sg_template_data *data;
    struct sg_arena arena;
    struct sg_buf out;
    struct sg__value vars[SG__TEMPLATE_MAX_VARS];
    struct sg__value dot;
    struct json_t *json; /* of data->json */
    uint32_t steps, queries;
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
/* As Go's %v. */
void sg__value_print(const struct sg__value *v, struct sg_buf *out);
int sg__value_from_json(struct sg__exec *x, const struct json_t *json, struct sg__value *ret);
void sg__value_to_json(const struct sg__value *v, struct sg_buf *out);
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

/* A number, or a text that is one. */
int sg__arg_number(struct sg__exec *x, const struct sg__value *v, double *ret);
int sg__arg_text(struct sg__exec *x, const struct sg__value *v, struct sg_str *ret);

/* As Go's %v: the shortest digits, an exponent below 1e-4 and from 1e6 on. */
void sg__format_float(double v, struct sg_buf *out);
/* "2015-06-23 13:19:44.128 +0000 UTC" */
void sg__format_time(int64_t ms, struct sg_buf *out);
/* As Go's time.Format, in UTC. */
void sg__format_layout(int64_t ms, struct sg_str layout, struct sg_buf *out);
/* fmt.Sprint: spaces between operands when neither is a text. */
void sg__print_all(const struct sg__value *args, size_t n, bool line, struct sg_buf *out);

#endif
