/* mime.h - mails as text: header fields, encodings, addresses. Pure. */
#ifndef SG_NOTIFY_MIME_H
#define SG_NOTIFY_MIME_H

#include <streamgauge/buf.h>
#include <streamgauge/error.h>

/* "Name: value\r\n"; what is not printable ASCII, and what is long, as RFC 2047 encoded words;
 * control characters become spaces, so no value begins another field. */
void sg__mime_field(struct sg_buf *out, const char *name, struct sg_str value);
/* Quoted-printable with CRLF; lines of at most 76 characters. */
void sg__mime_quoted(struct sg_buf *out, struct sg_str text);
/* "Sun, 22 Nov 2026 03:04:05 +0000". Appends. */
void sg__mime_date(struct sg_buf *out, int64_t wall_ms);

struct sg__address {
    struct sg_str name, address; /* name may be empty, quotes removed; borrowed from the list */
};
#define SG__MAX_ADDRESSES 100
/* "a@x.org, Operations <ops@x.org>". SG_EINVALID quoting what is no address. At most
 * SG__MAX_ADDRESSES. */
SG_NODISCARD int sg__addresses_parse(struct sg_str list, struct sg__address *ret, size_t *ret_n,
                                     struct sg_error *reterr);
/* "Name: …" of addresses. */
void sg__mime_addresses(struct sg_buf *out, const char *field, const struct sg__address *list,
                        size_t n);

#endif
