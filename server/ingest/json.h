/* json.h - inside the JSON parser. */
#ifndef SG_INGEST_JSON_H
#define SG_INGEST_JSON_H

#include "parser.h"

/* Reads one {"metric":…} at s (which is '{') and emits it. 0 with *ret_end behind it; SG_EMORE: the
 * text ends inside it, nothing was done; SG_EBUSY; or a fault. */
int sg__json_element(struct sg_ingest_parser *p, const char *s, const char *end,
                     const char **ret_end);
/* Decodes the quoted string `raw` (with its quotes) into out, appended. 0 or a fault: a control
 * character, a bad escape, a lone surrogate, invalid UTF-8. */
int sg__json_string(struct sg__feed *f, struct sg_str raw, struct sg_buf *out, struct sg_str *ret);

#endif
