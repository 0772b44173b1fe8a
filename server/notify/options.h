/* options.h - the settings of a receiver's integration, read from YAML by a table of what it knows.
 *
 * Every kind of integration has a table of options; their values lie in the same order in an array
 * and are found by name. Strings live in the arena of the receivers. Secrets and texts may come
 * from a file: `api_url_file` beside `api_url`; it is read when the configuration is.
 */
#ifndef SG_NOTIFY_OPTIONS_H
#define SG_NOTIFY_OPTIONS_H

#include <streamgauge/arena.h>
#include <streamgauge/error.h>
#include <streamgauge/template.h>
#include <streamgauge/yaml.h>

enum sg__opt_type {
    SG__OPT_STR,
    SG__OPT_URL, /* http or https */
    SG__OPT_BOOL,
    SG__OPT_NUMBER,   /* >= 0, fractions allowed */
    SG__OPT_DURATION, /* > 0, ms */
    SG__OPT_TEXT,     /* may be a template */
    SG__OPT_TEXTS,    /* a map of names to texts that may be templates */
    SG__OPT_MAPS,     /* a list of such maps */
    SG__OPT_STRS,     /* a list of strings */
    SG__OPT_NODE,     /* read by somebody else */
};

enum sg__opt_flag {
    SG__OPT_REQUIRED = 1,
    SG__OPT_SECRET = 2, /* never printed */
    SG__OPT_FILE = 4,   /* <name>_file is allowed */
    SG__OPT_OWN = 8,    /* not Alertmanager's: a comment in what is printed for its tools */
    SG__OPT_ZERO = 16,  /* a duration that may be 0: as if it were not given */
    SG__OPT_DEEP = 32,  /* maps may stand in the place of texts: what becomes JSON */
};

struct sg__opt {
    const char *name; /* NULL ends a table */
    enum sg__opt_type type;
    unsigned flags;
    const char *preset; /* value when absent; NULL: none */
    const char *global; /* key of `global` that gives the value when absent; NULL: none */
};

struct sg__text;

struct sg__texts {
    struct sg__text *items;
    size_t n;
};

struct sg__text {
    struct sg_str name, text;
    struct sg_template *template; /* NULL: the text stands for itself */
    struct sg__texts more;        /* DEEP: a map in the place of a text */
};

struct sg__value {
    bool set;            /* given, or preset */
    struct sg__text one; /* STR, URL, TEXT; one.text is NUL-terminated */
    double number;       /* NUMBER; DURATION in ms; BOOL 0 or 1 */
    struct sg__texts texts;
    struct sg__texts *maps;
    size_t n_maps;
    const struct sg_yaml_node *node; /* NODE; only while the configuration is read */
};

struct sg__opt_source {
    const struct sg_yaml_node *node;   /* the map; may be NULL */
    const struct sg_yaml_node *global; /* `global` of the configuration; may be NULL */
    struct sg_template_set *templates; /* that texts may call; may be NULL */
    const char *kind; /* "slack": texts that are not given are slack.default.<option> when a file
                         defines that; may be NULL */
    const char *what; /* for errors: "slack_configs of 'team'" */
};

/* Number of options of a table. */
size_t sg__opt_count(const struct sg__opt *table);
/* Reads all options into values (sg__opt_count of them, zeroed). Keys that the table does not know
 * are errors. On failure values may hold templates: free them all the same. */
SG_NODISCARD int sg__opts_read(const struct sg__opt *table, const struct sg__opt_source *from,
                               struct sg_arena *arena, struct sg__value *values,
                               struct sg_error *reterr);
void sg__opts_free(const struct sg__opt *table, struct sg__value *values);
/* The value of a name of the table; asking for another is a broken program. */
const struct sg__value *sg__opt_find(const struct sg__opt *table, const struct sg__value *values,
                                     const char *name);
/* http or https, with a host and a port that can be. */
bool sg__url_is_good(struct sg_str url);
/* A NUL-terminated copy. */
struct sg_str sg__notify_keep(struct sg_arena *arena, struct sg_str s);
/* A file's content without the newline at its end, at most 64 KiB. */
SG_NODISCARD int sg__read_file(const struct sg_yaml_node *at, struct sg_str path,
                               struct sg_arena *arena, struct sg_str *ret, struct sg_error *reterr);

#endif
