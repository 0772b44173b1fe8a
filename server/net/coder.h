/* coder.h - content coding of answers as they are made: gzip by zlib, br by libbrotlienc. */
#ifndef SG_NET_CODER_H
#define SG_NET_CODER_H

#include <streamgauge/buf.h>

#include "pieces.h"

struct sg__coder;

/* Not for SG__CODING_NONE. NULL without memory. */
struct sg__coder *sg__coder_new(enum sg__coding coding);
void sg__coder_free(struct sg__coder *c); /* accepts NULL */
/* Appends what comes out of it; with `last` the end of the coding. SG_ENOMEM, SG_ELIMIT. */
int sg__coder_feed(struct sg__coder *c, struct sg_str in, bool last, struct sg_buf *out);
/* "gzip", "br". */
const char *sg__coding_text(enum sg__coding coding);

#endif
