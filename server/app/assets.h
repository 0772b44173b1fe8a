/* assets.h - the pages that are built into the binary, with br and gzip variants made once at
 * start. */
#ifndef STREAMGAUGE_APP_ASSETS_H
#define STREAMGAUGE_APP_ASSETS_H

#include <stddef.h>
#include <streamgauge/net.h>

/* A file as CMake embeds it (the table is generated: build/assets.c). */
struct sg_embedded_file {
    const char *name; /* "index.html" */
    const unsigned char *data;
    size_t n;
};
extern const struct sg_embedded_file sg_embedded_files[];
extern const size_t sg_n_embedded_files;

struct sg_assets {
    struct sg_net_asset *items;
    size_t n;
};

/* "index.html" becomes "/". Aborts without memory. */
void sg_assets_init(struct sg_assets *a);
void sg_assets_deinit(struct sg_assets *a);

#endif
