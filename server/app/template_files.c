/* template_files.c - the files of definitions that `templates` of the configuration names. */
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include <streamgauge/mem.h>
#include <streamgauge/template.h>

#include "alerts.h"

#define MAX_FILE (1u << 20)
#define MAX_FILES 256

/* Where the configuration names it, for what is wrong with the file as a whole. */
struct place {
    const struct sg_yaml_node *node;
    const char *path;
};

static int add_file(const struct place *at, struct sg_template_set *set, struct sg_error *reterr)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_error err = {0};
    sg_buf_init(&text, MAX_FILE);
    int rc = sg_alert_read_file(at->path, &text, &err);
    if (rc < 0)
        return sg_yaml_error(at->node, reterr, "templates: %s", err.text);
    rc = sg_template_set_add(set, at->path, sg_buf_str(&text), &err);
    if (rc < 0 && !err.line) /* of no place in it: a limit */
        return sg_yaml_error(at->node, reterr, "templates: '%s': %s", at->path, err.text);
    if (rc < 0 && reterr)
        *reterr = err;
    return rc;
}

/* Folders that are not there are no mistake either. */
static int on_glob_error(const char *folder, int code)
{
    (void)folder;
    return code != ENOENT && code != ENOTDIR;
}

/* In the order of their names. A pattern that nothing matches is no mistake, as in Alertmanager:
 * the files may come later. */
static int add_pattern(const struct sg_config *c, const struct sg_yaml_node *node,
                       struct sg_template_set *set, size_t *n_files, struct sg_error *reterr)
{
    char path[4096];
    glob_t found = {0};
    struct sg_str pattern = SG_STR("");
    int rc = sg_yaml_read_str(node, "templates", &pattern, reterr);
    if (rc < 0 || pattern.n == 0)
        return rc;
    sg_alert_place(c, pattern.p, path, sizeof(path));
    int globbed = glob(path, 0, on_glob_error, &found);
    if (globbed != 0 && globbed != GLOB_NOMATCH)
        rc = sg_yaml_error(node, reterr, "templates: cannot look for '%s': %s", path,
                           globbed == GLOB_NOSPACE ? "too many files" : "a folder cannot be read");
    for (size_t i = 0; globbed == 0 && i < found.gl_pathc && rc == 0; i++) {
        const struct place at = {node, found.gl_pathv[i]};
        if (++*n_files > MAX_FILES)
            rc = sg_yaml_error(node, reterr, "templates: more than %d files", MAX_FILES);
        else
            rc = add_file(&at, set, reterr);
    }
    globfree(&found);
    return rc;
}

int sg_template_files_load(const struct sg_config *c, struct sg_template_set **ret,
                           struct sg_error *reterr)
{
    const struct sg_yaml_node *list =
        c->yaml ? sg_yaml_get(sg_yaml_root(c->yaml), "templates") : NULL;
    enum sg_yaml_kind kind = list ? sg_yaml_kind(list) : SG_YAML_NULL;
    size_t n_files = 0;
    *ret = NULL;
    if (kind != SG_YAML_NULL && kind != SG_YAML_LIST)
        return sg_yaml_error(list, reterr, "templates: expected a list of files or patterns");
    struct sg_template_set *set = sg_template_set_new();
    int rc = 0;
    for (size_t i = 0; i < sg_yaml_count(list) && rc == 0; i++)
        rc = add_pattern(c, sg_yaml_at(list, i), set, &n_files, reterr);
    if (rc < 0)
        sg_template_set_unref(set);
    else
        *ret = set;
    return rc;
}
