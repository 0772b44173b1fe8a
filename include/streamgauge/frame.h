/* frame.h - what the engine tells the edges: topics, immutable frames, their encodings, and the
 * publisher that makes them.
 *
 * A frame is data, not text (server/design/0002-frames-and-mirrors.md): one message of one topic,
 * made on the engine thread, never changed afterwards, shared by every edge and every receiver by
 * counting references. Its encodings are made lazily by whichever edge needs one first; they are
 * complete with WebSocket header or SSE framing and have SG_LWS_PRE spare bytes in front.
 *
 *     engine: struct sg_frame *f = sg_track_update(track, t, &rows, NULL);   // NULL: no change
 *             for each edge: push a sg_frame_batch that holds sg_frame_ref(f)
 *     edge:   sg_hub_apply(hub, f);                                          // hub.h
 *
 * Offsets: one growing sequence for the whole server within an epoch, starting at 1. Frames of one
 * topic have growing offsets with holes; `prev` links each to the frame before it in its topic, so
 * a mirror notices a lost frame.
 *
 * Threads: sg_publisher and sg_track belong to the engine thread. Frames and topics may be read,
 * ref'd and unref'd by any thread.
 */
#ifndef STREAMGAUGE_FRAME_H
#define STREAMGAUGE_FRAME_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <streamgauge/buf.h>
#include <streamgauge/compiler.h>
#include <streamgauge/error.h>
#include <streamgauge/labels.h>
#include <streamgauge/queue.h>
#include <streamgauge/str.h>
#include <streamgauge/value.h>

struct sg_deflater;

/* Spare bytes in front of every block handed to a transport, so that lws_write needs no copy.
 * Equals LWS_PRE of the libwebsockets we build on; net asserts it. */
#define SG_LWS_PRE 16

#define SG_TOPIC_NOTIFICATIONS 0u /* number of the notification feed */
#define SG_EDGES_MAX 64           /* edges are numbered 0 .. SG_EDGES_MAX-1 */
#define SG_ALL_EDGES UINT32_MAX

/* ---- topics ---- */

/* Identity of a topic: canonical expression and interval. Immutable, shared. The notification feed
 * has key "" and interval 0. */
struct sg_topic {
    _Atomic uint32_t refs;
    _Atomic uint32_t viewers; /* subscriptions on all edges, for the operator; kept by the hubs */
    /* How fresh the state is, written by the engine at every evaluation: what the frame at `told`
     * left was still the result at `confirmed_ms`. `told` is written first and read last, so
     * whoever finds his own offset there knows of no change up to the time he read before. A stream
     * that is put off, fails or hangs confirms nothing. */
    _Atomic uint64_t told;        /* offset of the topic's newest frame */
    _Atomic int64_t confirmed_ms; /* tick */
    uint32_t number;              /* `s` in messages; grows, never used again within an epoch */
    int64_t interval_ms;          /* 0: not periodic */
    uint32_t key_len;
    char key[]; /* canonical PromQL text, NUL-terminated */
};

SG_API struct sg_topic *sg_topic_new(uint32_t number, struct sg_str key, int64_t interval_ms);
SG_API struct sg_topic *sg_topic_ref(struct sg_topic *t);
SG_API void sg_topic_unref(struct sg_topic *t); /* accepts NULL */
/* The newest tick at which the state after the topic's frame `offset` was found unchanged;
 * otherwise (there is a newer frame) `else_ms`. Any thread. */
SG_API int64_t sg_topic_confirmed(const struct sg_topic *t, uint64_t offset, int64_t else_ms);
static inline struct sg_str sg_topic_key(const struct sg_topic *t)
{
    return (struct sg_str){t->key, t->key_len};
}

/* ---- frames ---- */

enum sg_frame_kind {
    SG_FRAME_FULL,   /* the topic's whole state: opens the topic on an edge, or repairs its mirror
                        there */
    SG_FRAME_UPDATE, /* what changed since `prev`; apply del, then add, then values */
    SG_FRAME_NOTIFICATION, /* text is the notification's JSON object */
    SG_FRAME_ERROR,  /* the topic cannot be evaluated (or not be opened) for now; a FULL ends that
                        state */
    SG_FRAME_CLOSED, /* the topic ended on the engine; its number is never used again */
    SG_FRAME_RESYNC_BEGIN, /* to an edge that lost frames: what follows repeats the state of all
                              topics … */
    SG_FRAME_RESYNC_END,   /* … up to here; offset: newest of all */
    SG_FRAME_HEARTBEAT,    /* no topic: ticks have come up to time_ms; each edge names the streams
                              that were put off */
};

/* Values are doubles; sg_is_stale(v) means "no value" (null on the wire). */
struct sg_frame_add {
    uint32_t index;                 /* slot */
    const struct sg_labels *labels; /* one reference, owned by the frame */
};

/* The encodings a frame caches. Simple forms hang on the client's name for the metric and are
 * cached by the hub. */
enum sg_encoding {
    SG_ENC_WS,       /* streamgauge.v1 message as one WebSocket text frame */
    SG_ENC_WS_Z,     /* the same, permessage-deflate, 15 bits or less (see sg_frame_encode) */
    SG_ENC_SSE,      /* named event with id */
    SG_ENC_SSE_ANON, /* named event without id: while a connection's id would promise too much */
    SG_ENC_NDJSON,   /* one line */
    SG_ENC_NOTE, /* /notifications, simple: the bare notification object as a WebSocket text frame
                  */
    SG_ENC_COUNT,
};

/* Bytes ready to be sent. SG_LWS_PRE writable bytes lie in front of data. Immutable once published.
 */
struct sg_block {
    size_t n;
    char *data;
};

struct sg_frame {
    _Atomic uint32_t refs;
    enum sg_frame_kind kind;
    struct sg_topic *topic; /* one reference; NULL for heartbeats */
    uint64_t epoch;
    uint64_t offset; /* > 0; a FULL made on demand has that of the topic's newest frame; HEARTBEAT:
                        newest of all, may be 0 */
    uint64_t prev;   /* offset of the topic's frame before; 0: first, or a FULL made on demand */
    int64_t time_ms; /* tick */

    uint32_t
        n_slots; /* FULL: slots 0 .. n_slots-1, free ones have no add entry and a stale value */
    uint32_t n_values; /* FULL: == n_slots and index is NULL */
    uint32_t n_add, n_del;
    const uint32_t *index; /* ascending */
    const double *value;
    const struct sg_frame_add *add; /* ascending by index */
    const uint32_t *del;            /* ascending */
    double sum;         /* of all present values after this frame; stale when there is none */
    bool sum_changed;   /* against the frame before; FULL: true */
    bool left_out_told; /* UPDATE: left_out is told, since it is not 0 or was not */
    uint32_t left_out;  /* FULL, UPDATE: series of the result that no slot was left for */

    struct sg_str text;     /* NOTIFICATION: JSON object; HEARTBEAT, made by an edge: the streams it
                               says nothing about, as a JSON array of numbers, or `true`; owned */
    struct sg_str severity; /* NOTIFICATION: "info", "warning", "critical"; owned, for filters */
    const struct sg_labels
        *labels; /* NOTIFICATION: the alert's labels, for filters; one reference or NULL */
    struct sg_error
        *error; /* ERROR; FULL: set while the topic fails, its values are then old; owned */

    size_t bytes;                  /* heap bytes without encodings */
    _Atomic(size_t) encoded_bytes; /* heap bytes of the encodings so far */
    _Atomic(struct sg_block *) encoded[SG_ENC_COUNT];
};

/* Heap bytes with the encodings so far. */
static inline size_t sg_frame_weight(const struct sg_frame *f)
{
    return f->bytes + atomic_load_explicit(&f->encoded_bytes, memory_order_relaxed);
}

SG_API struct sg_frame *sg_frame_ref(const struct sg_frame *f);
SG_API void sg_frame_unref(struct sg_frame *f); /* accepts NULL */

/* The encoding, made on first use (a race makes it twice and keeps one). Borrowed as long as the
 * frame lives. SG_ENC_WS_Z is compressed with `z` when the message has at least SG_DEFLATE_MIN
 * bytes and gains by it, and is the plain message otherwise; z is not used for the others and may
 * be NULL. CLOSED has no encoding: n is 0. */
#define SG_DEFLATE_MIN 512
SG_API const struct sg_block *sg_frame_encode(const struct sg_frame *f, enum sg_encoding enc,
                                              struct sg_deflater *z);
/* Only the JSON text of the frame's v1 message, appended. */
SG_API void sg_frame_json(const struct sg_frame *f, struct sg_buf *out);

/* Heap block of n bytes (content undefined) with its spare bytes in front; free with sg_block_free.
 */
SG_API struct sg_block *sg_block_new(size_t n);
SG_API void sg_block_free(struct sg_block *b); /* accepts NULL */

/* ---- from the engine to an edge: all frames of one tick in one queue node ---- */

struct sg_frame_batch {
    struct sg_mpsc_node node; /* first */
    uint32_t n, cap;
    struct sg_frame **frames; /* one reference each */
};
SG_API struct sg_frame_batch *sg_frame_batch_new(void);
SG_API void sg_frame_batch_add(struct sg_frame_batch *b, const struct sg_frame *f); /* shares f */
SG_API size_t
sg_frame_batch_weight(const struct sg_frame_batch *b);     /* bytes, for the queue's cap */
SG_API void sg_frame_batch_free(struct sg_frame_batch *b); /* accepts NULL */

/* ---- publisher: engine side ---- */

/* The server's sequence of frames. */
struct sg_publisher {
    uint64_t epoch;      /* random at start, never 0 */
    uint64_t offset;     /* of the newest frame */
    uint32_t next_topic; /* next number */
};

/* epoch: any random number (0 becomes 1). */
SG_API void sg_publisher_init(struct sg_publisher *p, uint64_t epoch);
SG_API struct sg_topic *sg_publisher_topic(struct sg_publisher *p, struct sg_str key,
                                           int64_t interval_ms); /* returns owned, next number */

/* The result of one tick as columns; labels are distinct. All borrowed for the call. */
struct sg_rows {
    size_t n;
    uint64_t version; /* equal to the one of the call before and not 0: the same labels in the same
                         order */
    const struct sg_labels *const *labels;
    const double *value;     /* a stale marker means absent */
    const uint64_t *present; /* bit 0 of present[i]: row i has a value; NULL: all have */
};

/* A topic's slots on the engine: which series has which index, and its value as last told.
 *
 * A series that is missing from a result goes stale (null) at once and keeps its slot; after
 * forget_ms it is deleted and the slot may be given to another series (del comes in the same or an
 * earlier frame than the add). */
struct sg_track;

/* Shares topic. max_slots caps the series of the topic; further ones are left out and counted. */
SG_API struct sg_track *sg_track_new(struct sg_publisher *p, struct sg_topic *topic,
                                     uint32_t max_slots, int64_t forget_ms);
SG_API void sg_track_free(struct sg_track *t); /* accepts NULL */
/* Takes in the result of a tick. Returns an owned frame: FULL the first time and after an error,
 * then UPDATE, or NULL when nothing changed. O(n); without label work when the version says so or
 * rows keep their order. *ret_left_out (NULL allowed): series beyond the cap. */
SG_API struct sg_frame *sg_track_update(struct sg_track *t, int64_t time_ms,
                                        const struct sg_rows *rows, uint32_t *ret_left_out);
/* The whole state as of the newest frame, its time that of the newest evaluation that found it so;
 * owned. NULL before the first update. Takes no new offset. */
SG_API struct sg_frame *sg_track_full(const struct sg_track *t);
SG_API struct sg_topic *sg_track_topic(const struct sg_track *t); /* borrowed */
SG_API uint32_t sg_track_series(const struct sg_track *t);        /* slots in use */

/* Frames that are no vectors; all return owned. error, text: copied. An error makes the sum stale;
 * values stay as they were. */
SG_API struct sg_frame *sg_track_error(struct sg_track *t, int64_t time_ms,
                                       const struct sg_error *error);
SG_API struct sg_frame *sg_track_closed(struct sg_track *t, int64_t time_ms);
/* A topic that could not be opened at all: topic has the number UINT32_MAX and is only told to whom
 * it concerns. */
SG_API struct sg_frame *sg_publisher_refused(struct sg_publisher *p, struct sg_str key,
                                             int64_t interval_ms, int64_t time_ms,
                                             const struct sg_error *error);
/* *prev: offset of the feed's notification before, kept by the caller, updated. json: one object;
 * severity: one of three words. */
SG_API struct sg_frame *sg_publisher_notification(struct sg_publisher *p, struct sg_topic *feed,
                                                  uint64_t *prev, int64_t time_ms,
                                                  struct sg_str json, struct sg_str severity,
                                                  const struct sg_labels *labels);
SG_API struct sg_frame *sg_publisher_heartbeat(struct sg_publisher *p, int64_t time_ms);
/* The brackets around a repair of one edge. */
SG_API struct sg_frame *sg_publisher_resync(struct sg_publisher *p, bool end, int64_t time_ms);

/* ---- ids on the wire ---- */

#define SG_EVENT_ID_MAX 40
/* "<epoch>-<offset>": 16 hexadecimal digits, '-', decimal. Not NUL-terminated; dst has
 * SG_EVENT_ID_MAX bytes. Returns the length. */
SG_API size_t sg_event_id_format(uint64_t epoch, uint64_t offset, char *dst);
/* Returns 0 or SG_ESYNTAX. */
SG_API SG_NODISCARD int sg_event_id_parse(struct sg_str text, uint64_t *ret_epoch,
                                          uint64_t *ret_offset);

#endif
