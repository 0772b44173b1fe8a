/* config_flags.c - command line flags, from the option table. */
#include <streamgauge/str.h>
#include <string.h>

#include "config.h"

static const struct sg_option *find_flag(const char *name, size_t n)
{
    for (size_t i = 0; i < sg_n_options; i++) {
        const char *flag = sg_options[i].flag;
        if (flag && strlen(flag) == n && memcmp(flag, name, n) == 0)
            return &sg_options[i];
    }
    return NULL;
}

static int unknown_flag(const char *name, size_t n, struct sg_error *reterr)
{
    const char *best = NULL;
    size_t best_distance = 3;
    for (size_t i = 0; i < sg_n_options; i++) {
        if (!sg_options[i].flag)
            continue;
        size_t d = sg_str_distance(sg_str_make(name, n), sg_str_from(sg_options[i].flag), 2);
        if (d < best_distance) {
            best_distance = d;
            best = sg_options[i].flag;
        }
    }
    return sg_error_set(reterr, SG_EINVALID, "unknown flag '--%.*s'%s%s%s", (int)n, name,
                        best ? "; did you mean '--" : "", best ? best : "", best ? "'?" : "");
}

const char *sg_config_find_file_flag(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--config") == 0 && i + 1 < argc)
            return argv[i + 1];
        if (strncmp(argv[i], "--config=", 9) == 0)
            return argv[i] + 9;
    }
    return NULL;
}

/* One flag at argv[*i]; moves *i on when its value is the next argument. */
static int parse_flag(struct sg_config *c, int argc, char **argv, int *i, struct sg_error *reterr)
{
    const char *name = argv[*i] + 2, *equals = strchr(name, '=');
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    bool negated = false;
    const struct sg_option *o = find_flag(name, n);
    if (!o && !equals && n > 3 && memcmp(name, "no-", 3) == 0) {
        o = find_flag(name + 3, n - 3);
        negated = o && o->kind == SG_OPT_BOOL;
    }
    bool config = n == 6 && memcmp(name, "config", 6) == 0;
    if (!config && (!o || (o->kind != SG_OPT_BOOL && strncmp(name, o->flag, n) != 0)))
        return unknown_flag(name, n, reterr);
    const char *value = equals ? equals + 1 : NULL;
    if (o && o->kind == SG_OPT_BOOL && !value)
        value = negated ? "false" : "true";
    if (!value) {
        if (*i + 1 >= argc)
            return sg_error_set(reterr, SG_EINVALID, "flag '--%.*s' needs a value", (int)n, name);
        value = argv[++*i];
    }
    if (config) /* read before the flags, see sg_config_find_file_flag */
        return 0;
    struct sg_error err = {0};
    if (sg_config_set(c, o, value, &err) < 0)
        return sg_error_set(reterr, SG_EINVALID, "flag '--%s': %s", o->flag, err.text);
    return 0;
}

int sg_config_parse_flags(struct sg_config *c, int argc, char **argv, struct sg_error *reterr)
{
    bool listen_given = false;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0 || argv[i][2] == '\0')
            return sg_error_set(reterr, SG_EINVALID, "unexpected argument '%s'", argv[i]);
        /* The first --listen replaces what the file says, further ones add. */
        if (!listen_given && strncmp(argv[i], "--listen", 8) == 0 &&
            (argv[i][8] == '\0' || argv[i][8] == '=')) {
            listen_given = true;
            sg_strings_clear(&c->listen);
        }
        int rc = parse_flag(c, argc, argv, &i, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

void sg_config_print_flags(FILE *out)
{
    fprintf(out, "  --config FILE\n        configuration file, YAML; flags override it\n");
    for (size_t i = 0; i < sg_n_options; i++) {
        const struct sg_option *o = &sg_options[i];
        if (!o->flag)
            continue;
        if (o->kind == SG_OPT_BOOL)
            fprintf(out, "  --%s, --no-%s\n", o->flag, o->flag);
        else
            fprintf(out, "  --%s %s\n", o->flag, o->arg);
        fprintf(out, "        %s", o->help);
        if (o->value)
            fprintf(out, " (default %s)", o->value);
        fputc('\n', out);
    }
}
