/* pieces.h - answers that are sent while they are made: a bounded queue from a pooled handler to
 * its edge, and the content coding of what goes through.
 *
 *   pool: handler fills x->out ─► sg__pieces_more: encode, chunk, wait for room, append, wake edge
 *   edge: sg__http_writeable takes a piece when the socket has taken the one before
 *
 * An answer of less than SG_NET_PIECE bytes never comes here: it is sent whole, with its length.
 * When the client goes the queue is canceled, and a handler that waits for room goes on at once. So
 * it is when the client takes nothing for limits.body_grace_ms while the queue is full, or less
 * than limits.answer_min_rate; then the connection ends, since the answer is not whole.
 */
#ifndef SG_NET_PIECES_H
#define SG_NET_PIECES_H

#include <stdbool.h>
#include <streamgauge/buf.h>
#include <streamgauge/http1.h>

struct sg__edge;
struct sg__message;
struct sg__request;
struct sg__pieces;
struct sg_net_exchange;

enum sg__coding { SG__CODING_NONE, SG__CODING_GZIP, SG__CODING_BR };

/* What the client would like best of what we can. */
enum sg__coding sg__coding_choose(const struct sg_http1_headers *h);

/* Edge: for a request that goes to the pool. */
struct sg__pieces *sg__pieces_new(struct sg__request *q, enum sg__coding coding);
/* Edge: the client is gone. Accepts NULL. */
void sg__pieces_cancel(struct sg__pieces *p);
/* Edge: the request is freed. Accepts NULL. */
void sg__pieces_leave(struct sg__pieces *p);
/* Pool: sends what is in x->out. 0, or SG_ECANCELED. */
int sg__pieces_more(struct sg_net_exchange *x);
/* Pool: the handler is through. Encodes a whole answer where that pays, or ends a sent one. */
void sg__pieces_end(struct sg__pieces *p);
/* Edge: takes the next piece; borrowed until the next call. False: there is none now. */
bool sg__pieces_next(struct sg__pieces *p, struct sg_str *ret);
/* Edge: the answer is (to be) sent in pieces. */
bool sg__pieces_used(struct sg__pieces *p);
/* Edge: of a message SG__MSG_PIECES. */
void sg__pieces_arrived(struct sg__edge *e, struct sg__message *m);
void sg__pieces_drop_message(struct sg__message *m);

#endif
