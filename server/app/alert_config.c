/* alert_config.c - rule files, receivers and routing as the configuration names them. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <streamgauge/alerting.h>
#include <streamgauge/digest.h>
#include <streamgauge/mem.h>
#include <streamgauge/notify.h>
#include <streamgauge/ruler.h>
#include <streamgauge/template.h>

#include "alerts.h"
#include "zone.h"

#define MAX_RULE_FILE (16u << 20)
#define MAX_RULE_FILES 10000
#define MAX_ZONES 64

int sg_alert_read_file(const char *path, struct sg_buf *out, struct sg_error *reterr)
{
    /* Something else than a file, say a pipe, must not keep us waiting. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char chunk[16384];
    ssize_t n = 0;
    if (fd < 0)
        return sg_error_set(reterr, SG_EIO, "cannot read '%s': %s", path, strerror(errno));
    bool is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    while (is_file && !out->failed && (n = read(fd, chunk, sizeof(chunk))) > 0)
        sg_buf_append(out, chunk, (size_t)n);
    int failed = n < 0 ? errno : 0;
    (void)close(fd);
    if (!is_file || failed)
        return sg_error_set(reterr, SG_EIO, "cannot read '%s': %s", path,
                            is_file ? strerror(failed) : "not a file");
    if (out->failed)
        return sg_error_set(reterr, SG_ELIMIT, "'%s' is larger than %zu bytes", path, out->max);
    return 0;
}

/* Several patterns may find the same file; as in Prometheus it counts once. */
static bool is_read(const struct sg_rules *rules, const char *path)
{
    for (size_t i = 0; i < rules->n_groups; i++)
        if (sg_str_eq_c(rules->groups[i].file, path))
            return true;
    return false;
}

static int read_rules(struct sg_rules *rules, const char *path, struct sg_error *reterr)
{
    if (is_read(rules, path))
        return 0;
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    sg_buf_init(&text, MAX_RULE_FILE);
    int rc = sg_alert_read_file(path, &text, reterr);
    return rc < 0 ? rc : sg_rules_add(rules, path, sg_buf_str(&text), NULL, NULL, reterr);
}

/* Where the configuration says it; NULL: a flag did. */
static const struct sg_yaml_node *node_of(const struct sg_config *c, const char *pattern)
{
    const struct sg_yaml_node *list =
        c->yaml ? sg_yaml_get(sg_yaml_root(c->yaml), "rule_files") : NULL;
    if (sg_str_eq_c(sg_yaml_text(list), pattern))
        return list;
    for (size_t i = 0; i < sg_yaml_count(list); i++)
        if (sg_str_eq_c(sg_yaml_text(sg_yaml_at(list, i)), pattern))
            return sg_yaml_at(list, i);
    return NULL;
}

static int no_file(const struct sg_config *c, const char *pattern, const char *path,
                   struct sg_error *reterr)
{
    static const char what[] = "expected a file, or a pattern as rules/*.yml";
    const struct sg_yaml_node *node = node_of(c, pattern);
    if (node)
        return sg_yaml_error(node, reterr, "rule_files: there is no file '%s'; %s", path, what);
    return sg_error_set(reterr, SG_ENOTFOUND, "--rules: there is no file '%s'; %s", path, what);
}

void sg_alert_place(const struct sg_config *c, const char *path, char *dst, size_t size)
{
    const char *slash = c->file ? strrchr(c->file, '/') : NULL;
    if (path[0] == '/' || !slash)
        snprintf(dst, size, "%s", path);
    else
        snprintf(dst, size, "%.*s/%s", (int)(slash - c->file), c->file, path);
}

static int read_pattern(const struct sg_config *c, const char *pattern, struct sg_alert_config *ac,
                        struct sg_error *reterr)
{
    char path[4096];
    glob_t found = {0};
    sg_alert_place(c, pattern, path, sizeof(path));
    int rc = glob(path, 0, NULL, &found);
    if (rc == GLOB_NOMATCH && strpbrk(pattern, "*?[")) {
        globfree(&found);
        return 0;
    }
    if (rc != 0) {
        globfree(&found);
        return no_file(c, pattern, path, reterr);
    }
    rc = 0;
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
        if (++ac->n_rule_files > MAX_RULE_FILES)
            rc = sg_error_set(reterr, SG_ELIMIT, "rule_files: more than %d files", MAX_RULE_FILES);
        else
            rc = read_rules(ac->rules, found.gl_pathv[i], reterr);
    }
    globfree(&found);
    return rc;
}

/* The first `location` with that text. The depth is bounded by the reader. */
static const struct sg_yaml_node *find_location(const struct sg_yaml_node *node, struct sg_str zone)
{
    const struct sg_yaml_node *found = sg_yaml_get(node, "location");
    if (found && sg_str_eq(sg_yaml_text(found), zone))
        return found;
    found = NULL;
    for (size_t i = 0; i < sg_yaml_count(node) && !found; i++)
        found = find_location(sg_yaml_at(node, i), zone);
    return found;
}

static int check_zone(const struct sg_yaml_node *root, struct sg_zones *table, struct sg_str zone,
                      struct sg_error *reterr)
{
    int32_t offset;
    if (sg_zones_offset(table, zone, 0, &offset) == 0)
        return 0;
    return sg_yaml_error(find_location(root, zone), reterr,
                         "location: there is no time zone '%.*s'; expected UTC, Local, an offset "
                         "as +02:00 or a name as Europe/Berlin",
                         SG_STR_ARG(zone));
}

static int check_zones(const struct sg_yaml_node *root, const struct sg_routing *routing,
                       const struct sg_digests *digests, struct sg_error *reterr)
{
    struct sg_str zones[MAX_ZONES];
    struct sg_zones *table = sg_zones_new(NULL);
    int rc = 0;
    size_t n = sg_routing_zones(routing, zones, MAX_ZONES);
    for (size_t i = 0; i < n && i < MAX_ZONES && rc == 0; i++)
        rc = check_zone(root, table, zones[i], reterr);
    for (size_t i = 0; i < digests->n && rc == 0; i++)
        if (digests->list[i].zone.n)
            rc = check_zone(root, table, digests->list[i].zone, reterr);
    sg_zones_free(table);
    return rc;
}

int sg_alert_config_load(const struct sg_config *c, struct sg_alert_config *ret,
                         struct sg_error *reterr)
{
    const struct sg_yaml_node *root = c->yaml ? sg_yaml_root(c->yaml) : NULL;
    const struct sg_integration *integrations = NULL;
    const struct sg_str *names = NULL;
    struct sg_template_set *templates = NULL;
    size_t n = 0;
    *ret = (struct sg_alert_config){.rules = sg_rules_new()};
    int rc = sg_template_files_load(c, &templates, reterr);
    if (rc == 0)
        rc = sg_receivers_parse(root, templates, &ret->receivers, reterr);
    sg_template_set_unref(templates);
    if (rc == 0) {
        integrations = sg_receivers_integrations(ret->receivers, &n);
        names = sg_receivers_names(ret->receivers, &ret->n_receivers);
        rc =
            sg_routing_parse(root, integrations, n, names, ret->n_receivers, &ret->routing, reterr);
    }
    if (rc == 0)
        rc = sg_digests_parse(root, integrations, n, &ret->digests, reterr);
    if (rc == 0)
        rc = check_zones(root, ret->routing, ret->digests, reterr);
    for (size_t i = 0; i < c->rule_files.n && rc == 0; i++)
        rc = read_pattern(c, c->rule_files.items[i], ret, reterr);
    if (rc < 0)
        sg_alert_config_deinit(ret);
    return rc;
}

void sg_alert_config_deinit(struct sg_alert_config *ac)
{
    sg_receivers_free(ac->receivers);
    sg_routing_free(ac->routing);
    sg_rules_free(ac->rules);
    sg_digests_unref(ac->digests);
    *ac = (struct sg_alert_config){0};
}

void sg_alert_external_url(const struct sg_config *c, char *dst)
{
    const char *scheme = c->tls_cert ? "https" : "http";
    const char *listen = c->tls_listen ? c->tls_listen : c->listen.n ? c->listen.items[0] : NULL;
    char host[64], name[128] = "localhost";
    uint16_t port = 8420;
    if (c->external_url) {
        snprintf(dst, 256, "%s", c->external_url);
        for (size_t n = strlen(dst); n > 0 && dst[n - 1] == '/'; n--)
            dst[n - 1] = 0;
        return;
    }
    if (!listen || sg_address_parse(listen, host, &port, NULL) < 0 ||
        sg_address_is_loopback(host)) {
        snprintf(dst, 256, "%s://localhost:%u", scheme, port);
        return;
    }
    (void)gethostname(name, sizeof(name) - 1);
    snprintf(dst, 256, "%s://%s:%u", scheme, name, port);
}
