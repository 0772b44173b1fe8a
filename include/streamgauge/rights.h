/* rights.h - what a caller may do. A token has a mask of these; every endpoint and action asks for
 * one. */
#ifndef STREAMGAUGE_RIGHTS_H
#define STREAMGAUGE_RIGHTS_H

enum sg_right {
    SG_RIGHT_NONE = 0,   /* open to everybody: health */
    SG_RIGHT_INGEST = 1, /* send samples */
    SG_RIGHT_READ = 2,   /* subscribe and query */
    SG_RIGHT_ADMIN = 4,  /* configure, see other sessions; comes with SG_RIGHT_ALERT */
    SG_RIGHT_ALERT = 8,  /* acknowledge and silence alerts */
    SG_RIGHT_ALL = 15,
};

/* The upper half of a mask is the number of the token that gave it, so that what it did can be told
 * by name; 0: none. */
#define SG_RIGHT_TOKEN_SHIFT 16
#define SG_RIGHT_TOKEN_MAX 0xffffu

#endif
