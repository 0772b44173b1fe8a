/* listen.h - listening sockets: one SO_REUSEPORT socket per edge and address, and the options
 * connections inherit. */
#ifndef SG_NET_LISTEN_H
#define SG_NET_LISTEN_H

#include <stdint.h>
#include <streamgauge/error.h>
#include <streamgauge/net.h>

/* Opens, binds and listens; *port is updated with what the kernel chose. Returns the fd,
 * SG_EINVALID (not a numeric address) or SG_EIO. An address without port would let each edge have
 * another one: the caller passes on the first's. */
int sg__listen_open(const char *address, uint16_t *port, struct sg_error *reterr);
/* Binds alone, without listening: fails when anybody listens there, shared or not. Returns the fd
 * or an error as above. */
int sg__listen_probe(const char *address, uint16_t port, struct sg_error *reterr);

#endif
