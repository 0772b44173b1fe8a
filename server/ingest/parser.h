/* parser.h - the incremental parser object: cuts bytes into lines and passes them to one format's
 * line function. */
#ifndef SG_INGEST_PARSER_H
#define SG_INGEST_PARSER_H

#include "feed.h"

/* Prometheus text: what comment lines said about a family, told to the engine when the family is
 * over. */
struct sg__prom {
    bool openmetrics, described, eof; /* described: the fields below wait; eof: "# EOF" was seen */
    enum sg_metric_type type;
    struct sg_buf family, help, unit;
    const char *exemplar; /* '{' of the one behind the sample at hand; NULL: none */
};

struct sg__influx_field {
    struct sg_str key; /* raw */
    double value;
};

/* Influx lines: fields wait for the timestamp behind them. */
struct sg__influx {
    int64_t unit_ns;
    struct sg__influx_field *fields; /* of the line at hand */
    size_t n_fields, cap_fields;
    uint64_t n_strings;
    uint8_t scan; /* state of the search for the line's end; see influx_lines.c */
};

/* JSON: where the reader stands between elements, and in an element that was cut by a chunk's end.
 */
struct sg__json {
    uint8_t state; /* see json.c */
    bool any;      /* an element was seen */
    bool in_array;
    bool in_string, escaped; /* of the search for the end of a cut or bad element */
    uint32_t depth;
    uint64_t line_start; /* position in the body of the first byte of the current line */
    uint64_t pos;        /* position in the body of the bytes at hand */
    const char *counted; /* newlines are counted up to here */
    uint32_t element_line, element_column; /* of the element in the carry buffer */
};

struct sg_ingest_parser {
    struct sg__feed f; /* first */
    struct sg_ingest_options options;
    struct sg_ingest_result result;
    struct sg_buf carry; /* a line or element cut by the end of a chunk */
    uint32_t line;       /* 1-based number of the line at hand */
    bool skipping;       /* inside the rest of a line that is too long */
    bool busy, finished;
    union {
        struct sg__prom prom;
        struct sg__influx influx;
        struct sg__json json;
    };
};

/* One line without its newline. 0, SG_EBUSY, or a fault. */
int sg__prom_line(struct sg_ingest_parser *p, const char *line, const char *end);
int sg__prom_finish(struct sg_ingest_parser *p);
int sg__influx_line(struct sg_ingest_parser *p, const char *line, const char *end);
/* The newline that ends the record which starts (or goes on) at `s`, or NULL; newlines in quoted
 * strings do not count. */
const char *sg__influx_find_eol(struct sg_ingest_parser *p, const char *s, const char *end);
int sg__json_feed(struct sg_ingest_parser *p, const char *data, size_t n);
int sg__json_finish(struct sg_ingest_parser *p);
/* One line of a body; never fails with a fault, samples are rejected one by one. */
int sg__statsd_line(struct sg_ingest_parser *p, const char *line, const char *end);
/* Registers what comment lines said, if anything waits. */
void sg__prom_describe(struct sg_ingest_parser *p);
int sg__prom_comment(struct sg_ingest_parser *p, const char *s, const char *end);
/* The quoted string at *ps; *ret is its content, in scratch when it has escapes. Others than
 * \\ \" \n stay as they are. */
int sg__prom_quoted(struct sg__feed *f, const char **ps, const char *end, struct sg_str *ret);
/* "{…}" at *ps into b->builder; *ps is behind it then. The scratch buffer has room for the line. */
int sg__prom_label_set(struct sg__feed *f, const char **ps, const char *end);
/* Reads the series at s (name, labels) into b->builder; *ret_end is what follows it. */
int sg__prom_series(struct sg__feed *f, const char *s, const char *end, const char **ret_end);

#endif
