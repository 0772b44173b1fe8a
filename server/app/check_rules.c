/* check_rules.c - `streamgauge check-rules FILE…`: reads Prometheus rule files and says what is
 * wrong in them, every mistake with its place. */
#include <stdio.h>
#include <stdlib.h>
#include <streamgauge/mem.h>
#include <streamgauge/ruler.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

#define MAX_FILE ((size_t)64 << 20)

static int usage(FILE *out, int code)
{
    fputs("usage: streamgauge check-rules FILE…\n\n"
          "Checks Prometheus rule files as promtool does; '-' is standard input. Every mistake is\n"
          "told with its place. Rules of a file that give the same series are warned of.\n"
          "Exit codes: 0 all good, 1 mistakes or files that cannot be read, 2 wrong usage.\n",
          out);
    return code;
}

static void on_mistake(void *ctx, const struct sg_error *err)
{
    char text[1024];
    size_t *n = ctx;
    if ((*n)++ == 0)
        fprintf(stderr, "  FAILED:\n");
    fprintf(stderr, "%s\n", sg_error_format(err, text, sizeof(text)));
}

/* ---- rules that write the same series ---- */

struct identity {
    char *text;
    const struct sg_rule *rule;
};

static int by_name(const void *a, const void *b)
{
    return sg_str_cmp((*(const struct sg_rule_text *const *)a)->name,
                      (*(const struct sg_rule_text *const *)b)->name);
}

/* Kind, name and labels, in one text. */
static char *identity_of(const struct sg_rule_group *g, const struct sg_rule *rule)
{
    struct sg_buf b;
    size_t n = 0;
    const struct sg_rule_text **labels =
        sg_calloc(g->n_labels + rule->n_labels + 1, sizeof(*labels));
    for (size_t i = 0; i < rule->n_labels; i++)
        labels[n++] = &rule->labels[i];
    for (size_t i = 0; i < g->n_labels; i++)
        labels[n++] = &g->labels[i];
    if (n)
        qsort(labels, n, sizeof(*labels), by_name);
    sg_buf_init(&b, MAX_FILE);
    sg_buf_printf(&b, "%d", rule->kind);
    sg_buf_put_json_str(&b, rule->name);
    for (size_t i = 0; i < n; i++) {
        sg_buf_put_json_str(&b, labels[i]->name);
        sg_buf_put_json_str(&b, labels[i]->text);
    }
    char *text = sg_strdup(sg_buf_cstr(&b));
    sg_buf_deinit(&b);
    sg_free(labels);
    return text;
}

static int by_identity(const void *a, const void *b)
{
    const struct identity *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->rule->line > y->rule->line) - (x->rule->line < y->rule->line);
}

static void warn_of_doubles(const struct sg_rules *rules)
{
    size_t n = 0;
    struct identity *all = sg_calloc(rules->n_rules + 1, sizeof(*all));
    for (size_t g = 0; g < rules->n_groups; g++)
        for (size_t i = 0; i < rules->groups[g].n_rules; i++, n++)
            all[n] = (struct identity){
                identity_of(&rules->groups[g], &rules->groups[g].rules[i]),
                &rules->groups[g].rules[i],
            };
    if (n)
        qsort(all, n, sizeof(*all), by_identity);
    for (size_t i = 1; i < n; i++)
        if (strcmp(all[i].text, all[i - 1].text) == 0)
            fprintf(stderr, "  WARNING: line %u: duplicate rule '%.*s', as in line %u\n",
                    all[i].rule->line, SG_STR_ARG(all[i].rule->name), all[i - 1].rule->line);
    for (size_t i = 0; i < n; i++)
        sg_free(all[i].text);
    sg_free(all);
}

/* ---- the command ---- */

static bool check_file(const char *path)
{
    SG_AUTO(sg_buf_deinit) struct sg_buf text;
    struct sg_error err = {0};
    size_t mistakes = 0;
    bool from_stdin = strcmp(path, "-") == 0;
    printf("Checking %s\n", from_stdin ? "standard input" : path);
    (void)fflush(stdout); /* in order with what goes to stderr */
    sg_buf_init(&text, MAX_FILE);
    if (sg_cli_read_file(path, &text, &err) < 0) {
        on_mistake(&mistakes, &err);
        putchar('\n');
        return false;
    }
    struct sg_rules *rules = sg_rules_new();
    int rc = sg_rules_add(rules, path, sg_buf_str(&text), on_mistake, &mistakes, &err);
    if (rc < 0 && !mistakes)
        on_mistake(&mistakes, &err);
    if (rc == 0) {
        warn_of_doubles(rules);
        printf("  SUCCESS: %zu rules found\n", rules->n_rules);
    }
    putchar('\n');
    sg_rules_free(rules);
    return rc == 0;
}

int sg_command_check_rules(int argc, char **argv)
{
    bool good = true;
    int n = sg_cli_flags(argc, argv, NULL, 0);
    if (n <= 0)
        return n == -1 ? usage(stdout, 0) : n == 0 ? usage(stderr, 2) : 2;
    for (int i = 1; i <= n; i++)
        good = check_file(argv[i]) && good;
    return good ? 0 : 1;
}
