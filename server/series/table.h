/* table.h - terms (label names, label values) by text: open addressing, one writer, readers without
 * locks.
 *
 * A reader loads the table once and probes; the writer fills empty places, marks removed ones, and
 * replaces a table that is full or littered by a copy. Terms and tables go through epoch
 * reclamation.
 */
#ifndef SERIES_TABLE_H
#define SERIES_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <streamgauge/str.h>

#include "epoch.h"

/* Ids of the series that have a label value, in no order. Appending publishes n; anything else
 * makes a new list. */
struct sg__ids {
    _Atomic uint32_t n;
    uint32_t cap;
    uint32_t id[];
};

struct sg__terms;

/* A label name (values is set) or a label value (ids is set). */
struct sg__term {
    union {
        _Atomic(struct sg__terms *) values;
        _Atomic(struct sg__ids *) ids;
    };
    uint32_t hash;
    uint32_t len;
    _Atomic uint32_t series; /* of a name: that have it */
    uint32_t dead;           /* of a value: expired ids among its ids (writer only) */
    /* Behind it: a list of one id, where the first id of a value lives, and the text. */
};

struct sg__terms {
    uint32_t mask;       /* places - 1 */
    uint32_t used, gone; /* places taken, of them by removed terms (writer only) */
    _Atomic uint32_t live;
    _Atomic(struct sg__term *) place[];
};

/* The text of a term. */
static inline struct sg_str sg__term_text(const struct sg__term *t)
{
    const char *text = (const char *)(t + 1) + sizeof(struct sg__ids) + sizeof(uint32_t);
    return (struct sg_str){text, t->len};
}

/* The list of one id in a term. */
static inline struct sg__ids *sg__term_one(struct sg__term *t)
{
    return (struct sg__ids *)(void *)(t + 1);
}

/* A new term, all zero but hash and text. */
struct sg__term *sg__term_new(struct sg_str text, uint32_t hash);
size_t sg__term_size(const struct sg__term *t);
uint32_t sg__term_hash(struct sg_str text);

struct sg__terms *sg__terms_new(uint32_t places);
size_t sg__terms_size(const struct sg__terms *t);
/* Any thread. NULL when there is none. */
struct sg__term *sg__terms_find(const struct sg__terms *t, struct sg_str text, uint32_t hash);
/* Term in place i <= mask, NULL if there is none. Any thread. */
struct sg__term *sg__terms_at(const struct sg__terms *t, uint32_t i);
/* Adds a term that is not there; may replace *link's table and retire the old one. Returns the
 * growth in heap bytes. */
int64_t sg__terms_add(_Atomic(struct sg__terms *) *link, struct sg__term *term,
                      struct sg__epoch *epoch);
/* Removes a term that is there and retires it. */
void sg__terms_remove(struct sg__terms *t, struct sg__term *term, struct sg__epoch *epoch);

#endif
