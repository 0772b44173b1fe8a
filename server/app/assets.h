/* assets.h - the pages that are built into the binary. What npm has not compressed already gets its
 * br and gzip variants once at start. */
#ifndef STREAMGAUGE_APP_ASSETS_H
#define STREAMGAUGE_APP_ASSETS_H

#include <stdbool.h>
#include <stddef.h>
#include <streamgauge/net.h>

/* A file as CMake embeds it (the table is generated: build/assets.c). */
struct sg_embedded_file {
    const char *path; /* "/", "/assets/main-1a2b.js", "/d/…": all below, with a star at the end */
    const char *name; /* "index.html": its suffix tells the type */
    const unsigned char *data;
    size_t n;
    const unsigned char *br; /* NULL: not there; likewise gzip */
    size_t n_br;
    const unsigned char *gzip;
    size_t n_gzip;
    bool immutable; /* the path has a hash of the content in it */
};
extern const struct sg_embedded_file sg_embedded_files[];
extern const size_t sg_n_embedded_files;

struct sg_assets {
    struct sg_net_asset *items;
    size_t n;
};

/* Aborts without memory. */
void sg_assets_init(struct sg_assets *a);
void sg_assets_deinit(struct sg_assets *a);
/* GET /graph, where Prometheus shows an expression and where alerts therefore link to: on to the
 * page that shows it here. ctx: struct sg_assets. */
sg_net_handler sg_assets_graph;

#endif
