/* hub_priv.h - how an edge's hub hangs together.
 *
 *     topic ──► mirror ────────► flavour ────────────► group ────────────────► sessions
 *               ring, state      form of the topic:    flavours in one         its members
 *               │                v1, alias, filter     encoding; one block
 *               │                                      per flush
 *               └──► subs (one per session and subscription)
 *
 * A session that is up to date sits in exactly one group and has no cursor of its own: its position
 * is hub->flushed. A session that is behind (transport full) sits in none and has cursors; it
 * catches up in portions, so that what it is given at once stays small. A session with a `rate`
 * sits in a group of its notifications only, and gets its streams one by one when they are due.
 * Whatever changes a session's subscriptions puts it on the attention list; the next settle catches
 * it up to the present and puts it into the right group.
 */
#ifndef SG_HUB_PRIV_H
#define SG_HUB_PRIV_H

#include <jansson.h>

#include <streamgauge/deflate.h>
#include <streamgauge/hashtab.h>
#include <streamgauge/hub.h>
#include <streamgauge/matcher.h>
#include <streamgauge/queue.h>

#define SG__NOT_MEMBER UINT32_MAX
#define SG__MERGED_CACHE 4

/* ---- mirrors ---- */

/* A position in what this edge has applied. `seq` counts frames in the order they were applied
 * here, which is the order of offsets unless some were lost on the way and repaired later; so
 * cursors compare by seq, and offsets are for talking to clients. */
struct sg__place {
    uint64_t seq;
    uint64_t offset; /* greatest applied up to there */
};

struct sg__entry {
    struct sg_frame *frame;
    uint64_t seq;
    size_t
        bytes; /* what ring_bytes has of it: encodings are made later and looked for now and then */
};

struct sg__mirror {
    struct sg_hub *hub;
    struct sg_hashlink by_key, by_number; /* by_number only while topic is set */
    struct sg_list subs;                  /* struct sg__sub.of_mirror */
    struct sg_list flavours;              /* struct sg__flavour.of_mirror */
    uint32_t n_subs;
    char *key; /* owned */
    uint32_t key_len;
    int64_t interval_ms;
    bool opened;        /* open_topic succeeded and was not closed */
    bool in_news;       /* on hub->news */
    bool is_feed;       /* the notification feed: no state, never freed */
    int64_t opened_ms;  /* when it was asked for, to ask again */
    int64_t applied_ms; /* when the last frame came */

    struct sg_topic *topic;       /* NULL: pending, no frame yet */
    bool broken;                  /* a frame was lost; waits for a FULL */
    uint64_t offset, seq;         /* of the newest frame applied */
    uint64_t sum_offset, sum_seq; /* of the newest frame that changed the sum */
    uint64_t present_seq;         /* of the newest frame that changed the sum to a value */
    int64_t time_ms;              /* of the newest frame applied */
    int64_t fresh_ms;             /* the state is known to hold up to; as of fresh_round */
    uint64_t fresh_round;
    double sum;
    uint32_t left_out;      /* as the newest frame says */
    bool ever_left_out;     /* a client may have been told of some */
    struct sg_error *error; /* the topic fails; owned */
    uint32_t n_slots, n_labels;
    size_t cap_slots;
    const struct sg_labels **labels; /* NULL: free slot */
    double *value;

    /* The last frames, oldest first: ring[(head + i) % cap], i < count. floor: every frame with a
     * greater seq (or offset) is there. */
    struct sg__entry *ring;
    uint32_t head, count, cap;
    size_t ring_bytes;
    uint32_t look; /* index of the entry whose weight is looked at next */
    struct sg__place floor;

    struct sg_frame *full; /* the state as a frame; NULL when out of date */
    struct sg_frame *merged[SG__MERGED_CACHE];
    uint64_t merged_from[SG__MERGED_CACHE];
    uint32_t merged_next;
    size_t cache_bytes; /* what hub->ring_bytes has of full and merged */
};

struct sg__mirror *sg__mirror_find(struct sg_hub *hub, struct sg_str key, int64_t interval_ms);
struct sg__mirror *sg__mirror_new(struct sg_hub *hub, struct sg_str key, int64_t interval_ms);
void sg__mirror_free(struct sg__mirror *m);
/* Frees a mirror nobody needs: no subscriber here, and no topic on the engine. Closes an opened one
 * without subscribers. */
void sg__mirror_release(struct sg__mirror *m);
void sg__mirror_set_topic(struct sg__mirror *m, struct sg_topic *topic);
void sg__mirror_clear(struct sg__mirror *m);
/* Whether there is state to be told. */
bool sg__mirror_ready(const struct sg__mirror *m);
/* The i-th frame of the ring, oldest first. */
static inline struct sg_frame *sg__ring_at(const struct sg__mirror *m, uint32_t i)
{
    return m->ring[(m->head + i) & (m->cap - 1)].frame;
}
/* Index of the first frame with a seq greater than `after`; count when there is none. O(log count).
 */
uint32_t sg__ring_after(const struct sg__mirror *m, uint64_t after);
/* The place of a client that has seen this topic up to `offset`, which is not below floor.offset.
 * O(log count). */
struct sg__place sg__ring_place(const struct sg__mirror *m, uint64_t offset);
void sg__ring_push(struct sg__mirror *m, const struct sg_frame *f);
/* Drops frames older than ring_age_ms. */
void sg__ring_expire(struct sg__mirror *m, int64_t now_ms);
/* The tick up to which the state is known to hold: that of the newest frame, or a later one at
 * which the engine found nothing changed. The same all through a round. */
int64_t sg__mirror_time(struct sg__mirror *m);
/* Both borrowed until the next settle or apply. merged: NULL when the frames since `after` cannot
 * be merged or a full is no larger. */
const struct sg_frame *sg__mirror_full(struct sg__mirror *m);
const struct sg_frame *sg__mirror_merged(struct sg__mirror *m, uint64_t after);
void sg__mirror_stale_caches(struct sg__mirror *m);
/* Counts what the caches weigh now. */
void sg__mirror_weigh_caches(struct sg__mirror *m);

/* ---- flavours ---- */

enum sg__flavour_kind {
    SG__FLAVOUR_V1,     /* shared encodings */
    SG__FLAVOUR_SIMPLE, /* text: what the client called the metric */
    SG__FLAVOUR_NOTES,  /* notifications, simple or v1 by the session; text: canonical filter, ""
                           passes all */
};

/* Filter of a notification subscription. */
struct sg__filter {
    struct sg_str *severities; /* owned; none: every severity passes */
    size_t n_severities;
    struct sg_matcher **matchers;
    size_t n_matchers;
};

struct sg__flavour {
    struct sg__mirror *mirror;
    struct sg_list of_mirror;
    struct sg_list groups; /* struct sg__in_group.of_flavour */
    enum sg__flavour_kind kind;
    uint32_t refs;
    char *text;
    size_t text_len;
    struct sg__filter filter; /* NOTES */
    /* Simple forms of the mirror's sum, per wire, [1]: without event id. Valid while the offset is
     * the mirror's sum_offset and the time the mirror's. */
    struct sg_block *simple[3][2];
    uint64_t simple_offset[3][2];
    int64_t simple_ms[3][2];
};

/* Takes *filter. Returns a reference. */
struct sg__flavour *sg__flavour_get(struct sg__mirror *m, enum sg__flavour_kind kind,
                                    struct sg_str text, struct sg__filter *filter);
void sg__flavour_unref(struct sg__flavour *f);
void sg__filter_deinit(struct sg__filter *f);
bool sg__filter_passes(const struct sg__filter *f, const struct sg_frame *note);

/* ---- groups ---- */

struct sg__group;

struct sg__in_group {
    struct sg_list of_flavour;
    struct sg__group *group;
    struct sg__flavour *flavour; /* one reference */
};

/* What the hot loop needs of a member, side by side. */
struct sg__member {
    int (*write)(void *ctx, const char *data, size_t n);
    void *ctx;
    struct sg_session *session;
};

struct sg__group_key {
    enum sg_wire wire;
    enum sg_dialect dialect;
    /* simple: no heartbeats; anon: events carry no ids; calm: heartbeats come with the frames */
    bool simple, deflate, anon, calm;
};

struct sg__group {
    struct sg_hashlink link;
    struct sg_list dirty; /* on hub->dirty_groups */
    struct sg__group_key key;
    uint32_t n_flavours;
    uint32_t n_members;
    size_t cap_members;
    struct sg__member *members;
    struct sg__in_group in[]; /* n_flavours, ascending by flavour pointer */
};

/* Puts the session into the group that fits its subscriptions now. */
void sg__group_join(struct sg_session *s);
void sg__group_leave(struct sg_session *s);
/* Builds the group's block and writes it to every member. May free the group. */
void sg__group_flush(struct sg_hub *hub, struct sg__group *g);
/* Writes bytes (spare bytes in front) of so many messages to every member. May free the group. */
void sg__group_write(struct sg_hub *hub, struct sg__group *g, const char *data, size_t n,
                     uint32_t messages);

/* ---- sessions ---- */

enum sg__sub_state {
    SG__SUB_WAITING, /* for the topic's first frame, or for the next settle */
    SG__SUB_HISTORY, /* for history */
    SG__SUB_LIVE,
};

struct sg__sub {
    struct sg_list of_mirror;
    struct sg_session *session;
    struct sg__flavour *flavour; /* one reference */
    enum sg__sub_state state;
    char *id;                    /* NUL-terminated, owned; simple: the alias */
    char *stream;                /* the configured name it came by, owned; NULL: none */
    int64_t history_ms;          /* 0: none asked for */
    struct sg_hashlink by_token; /* in hub->by_token while HISTORY; its hash is the token */
    uint64_t joined;             /* seq up to which it alone was told; nothing older may follow */
    bool resume;                 /* asks to go on after from_epoch, from_offset */
    bool told; /* simple: has been sent a value, so it must hear when that goes stale */
    uint64_t from_epoch, from_offset;
};

struct sg_session {
    struct sg_hub *hub;
    struct sg_hashlink by_id;
    struct sg_list all;       /* hub->sessions */
    struct sg_list attention; /* hub->attention */
    struct sg_list behind;    /* hub->behind; linked exactly while behind */
    struct sg_list guests;    /* hub->guests: without the right to read so far */
    const struct sg_transport *transport;
    void *ctx;
    enum sg_session_state state;
    enum sg_wire wire;
    enum sg_dialect dialect;
    bool deflate;
    bool simple;      /* speaks only the simple form: no welcome, no heartbeats */
    bool close_asked; /* transport->close was called */
    uint32_t rights;
    char id[SG_SESSION_ID_MAX];

    struct sg__sub **subs;
    uint32_t n_subs;
    size_t cap_subs;

    struct sg__group *group; /* NULL: in none */
    uint32_t member;         /* index in group->members */
    struct sg__place
        cursor; /* streams: seen up to here; means something when behind or throttled */
    struct sg__place note_cursor; /* notifications: when behind */
    bool heartbeat_owed;          /* missed while behind, or not sent through its group */
    /* Some live streams have more to tell than went into the last block: `cursor` stays, those that
     * were told have `joined`, and the next block begins with subs[turn]. Such a session is in no
     * group for its streams. */
    bool left;
    uint32_t turn;

    struct sg_buf out; /* encoded replies, SG_LWS_PRE spare bytes first when not empty */

    int64_t gap_ms;   /* least time between stream frames (`rate`); 0: none */
    int64_t due_ms;   /* next turn while gap_ms */
    uint32_t heap_at; /* index in hub->due; SG__NOT_MEMBER: not there */
    int64_t behind_since_ms, opened_ms;
    int64_t budget_us; /* when its bucket of actions is full again */
    struct sg_session_stats stats;
};

/* Asks for the session to be caught up at the next settle. */
void sg__session_attend(struct sg_session *s);
/* Sends out replies and everything since the cursors (streams: unless a rate holds them back), then
 * (re)joins a group. Only when open, not behind, and the hub is settled. */
void sg__session_catch_up(struct sg_session *s, bool streams);
/* Writes n bytes at data (spare bytes in front); handles falling behind and death. */
void sg__session_write(struct sg_session *s, const char *data, size_t n);
void sg__session_fell_behind(struct sg_session *s);
void sg__session_dead(struct sg_session *s);
/* True while events must carry no ids: a subscription has not been told its state yet, streams are
 * left to be told, or they are throttled. */
bool sg__session_anon(const struct sg_session *s);
/* True while its rate is slower than heartbeats: they come with its frames. */
bool sg__session_calm(const struct sg_session *s);
/* The newest heartbeat goes out when it is caught up, if it is told any. */
void sg__session_owe_heartbeat(struct sg_session *s);
/* Appends one message, encoded for the session's wire, to its replies. event: SSE name, "" for the
 * default. */
void sg__session_put(struct sg_session *s, const char *event, struct sg_str json);
void sg__session_drop_sub(struct sg_session *s, uint32_t i);
struct sg__sub *sg__session_find_sub(const struct sg_session *s, struct sg_str id);
void sg__sub_to_waiting(struct sg__sub *sub);
void sg__session_end(struct sg_session *s, unsigned code, const char *reason);

/* ---- subscribing ---- */

struct sg__subscribe {
    struct sg_str id; /* v1 */
    enum { SG__BY_METRIC, SG__BY_QUERY, SG__BY_STREAM, SG__BY_TOPIC } by;
    struct sg_str text;
    int64_t interval_ms; /* 0: default of the form */
    int64_t history_ms;
    bool resume;
    uint64_t from_epoch, from_offset;
    struct sg__filter filter; /* taken */
    struct sg_str filter_text;
};
/* Checks and adds; nothing is sent. */
int sg__subscribe(struct sg_session *s, struct sg__subscribe *spec, struct sg_error *reterr);
/* Parses {"severity":…,"matchers":[…]} into spec; text: canonical, owned through ret_text. */
int sg__filter_parse(const struct json_t *json, struct sg__filter *ret, struct sg_buf *ret_text,
                     struct sg_error *reterr);

/* ---- messages of the server that are not frames ---- */

void sg__put_welcome(struct sg_session *s);
void sg__put_subscribed(struct sg_session *s, const struct sg__sub *sub, bool recovered);
void sg__put_gap(struct sg_session *s, const struct sg__mirror *m, uint64_t from, uint64_t to);
/* id {NULL, 0}: unknown. Simple dialects: {"error":…,"metric":id}. */
void sg__put_error(struct sg_session *s, struct sg_str id, const struct sg_error *error);
void sg__put_pong(struct sg_session *s, const char *time_json);
void sg__put_retry(struct sg_session *s, uint32_t retry_ms);
/* {"type":"gap",…} */
void sg__gap_json(const struct sg__mirror *m, uint64_t from, uint64_t to, struct sg_buf *out);
/* The flavour's sum as a simple message; cached. */
const struct sg_block *sg__simple_block(struct sg__flavour *f, enum sg_wire wire, bool anon);
/* Encodes one JSON message for a wire. id {NULL,0}: none. */
void sg__encode_message(enum sg_wire wire, const char *event, struct sg_str id, struct sg_str json,
                        struct sg_buf *out);

/* frame_json.c: a value; null when it is stale. */
void sg__put_value(struct sg_buf *out, double v);

/* ---- pieces: what a block is made of ---- */

struct sg__piece {
    uint64_t offset;
    const struct sg_frame *frame; /* NULL: the flavour's simple form, or text */
    struct sg__flavour *flavour;
    uint64_t gap_from; /* gap: [gap_from, offset] of the flavour's mirror cannot be told */
    bool gap;
};

struct sg__pieces {
    struct sg__piece *at;
    size_t n, cap;
    size_t bytes; /* of the frames; their text is some times that */
    bool inexact; /* something was merged or skipped: only the last event may carry an id */
    uint32_t conflated;
};

/* heartbeat.c: names in hub->heartbeat the streams it says nothing about. */
void sg__heartbeat_check(struct sg_hub *hub);

void sg__pieces_reset(struct sg__pieces *p);
/* Adds what a flavour has to tell after `cursor`. max_exact: with more frames than this they are
 * merged. */
void sg__pieces_collect(struct sg__pieces *p, struct sg__flavour *f, struct sg__place cursor,
                        uint32_t max_exact);
/* frame NULL: the flavour's simple form. */
void sg__pieces_add(struct sg__pieces *p, uint64_t offset, const struct sg_frame *frame,
                    struct sg__flavour *flavour);
/* Sorts and writes everything as bytes for that kind of receiver. Returns messages written. */
uint32_t sg__pieces_write(struct sg_hub *hub, struct sg__pieces *p, const struct sg__group_key *key,
                          struct sg_buf *out);
/* The single shared block these pieces come down to, or NULL. */
const struct sg_block *sg__pieces_single(struct sg_hub *hub, struct sg__pieces *p,
                                         const struct sg__group_key *key);

/* ---- hub ---- */

struct sg_hub {
    const struct sg_hub_hooks *hooks;
    void *hooks_ctx;
    struct sg_hub_options opt;
    struct sg_hub_limits limits;
    struct sg_hub_stats stats;
    int64_t now_ms;

    struct sg_hashtab mirrors_by_key, mirrors_by_number, sessions_by_id, groups, by_token;
    struct sg__mirror *feed;
    size_t ring_bytes; /* of all rings and caches */
    uint32_t n_sessions;
    struct sg_list sessions, attention, behind, guests, dirty_groups;
    struct sg__mirror **news; /* mirrors with frames since the last flush */
    size_t n_news, cap_news;
    struct sg_frame *heartbeat; /* to be sent at the next flush */
    struct sg_frame *last_heartbeat;
    uint64_t round;           /* counts settles; what is fresh is looked at once in each */
    struct sg__place newest;  /* what was applied */
    struct sg__place flushed; /* what groups have been sent */
    bool holed;     /* frames were lost: until the repair ends, no event id may promise anything */
    bool resyncing; /* the repair is under way */
    bool feed_awaited; /* the feed's past has not come yet */
    bool healed;       /* it has ended; holed ends with the next flush */
    bool flushing, draining;

    struct sg_session **due; /* min-heap by due_ms */
    size_t n_due, cap_due;

    uint64_t next_token; /* of history requests */
    int64_t comment_due_ms, chores_due_ms;
    bool close_owed; /* a close_topic was refused: some mirror has to try again */

    struct sg_deflater deflater;
    struct sg__pieces pieces;
    struct sg_buf scratch, json;
};

/* Flushes if frames were applied since, so that every session stands at hub->newest; then serves
 * the attention list. */
void sg__hub_settle(struct sg_hub *hub);
void sg__due_push(struct sg_hub *hub, struct sg_session *s);
void sg__due_remove(struct sg_hub *hub, struct sg_session *s);
void sg__due_serve(struct sg_hub *hub);
/* Asks for history when that is wanted and there. True: the sub waits for it. */
bool sg__history_start(struct sg__sub *sub);

#define SG__STAT_ADD(hub, field, n)                                                                \
    atomic_fetch_add_explicit(&(hub)->stats.field, (unsigned long long)(n), memory_order_relaxed)
#define SG__STAT_SET(hub, field, n)                                                                \
    atomic_store_explicit(&(hub)->stats.field, (unsigned long long)(n), memory_order_relaxed)

#endif
