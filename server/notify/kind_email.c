/* kind_email.c - mails: text and HTML, one thread per group and day of its oldest alert.
 *
 * The Message-ID is made of the idempotency key, so a mail that is sent again after a lost answer
 * is the same mail. All mails of a thread refer to one identifier that none of them has: nobody
 * knows whether the first of them ever arrived. */
#include <stdio.h>
#include <string.h>

#include "notify/hash.h"
#include "notify/kind.h"
#include "notify/mime.h"

#define MAX_MAIL (4u << 20)
#define MAX_ALERTS 200 /* in the HTML part */

static const struct sg__opt table[] = {
    {"to", SG__OPT_TEXT, SG__OPT_REQUIRED, NULL, NULL},
    {"from", SG__OPT_TEXT, SG__OPT_REQUIRED, NULL, "smtp_from"},
    {"smarthost", SG__OPT_STR, SG__OPT_REQUIRED, NULL, "smtp_smarthost"},
    {"hello", SG__OPT_STR, 0, "localhost", "smtp_hello"},
    {"auth_username", SG__OPT_STR, 0, NULL, "smtp_auth_username"},
    {"auth_password", SG__OPT_STR, SG__OPT_SECRET | SG__OPT_FILE, NULL, "smtp_auth_password"},
    {"auth_secret", SG__OPT_STR, SG__OPT_SECRET | SG__OPT_FILE, NULL, "smtp_auth_secret"},
    {"auth_identity", SG__OPT_STR, 0, NULL, "smtp_auth_identity"},
    {"require_tls", SG__OPT_BOOL, 0, "true", "smtp_require_tls"},
    {"force_implicit_tls", SG__OPT_BOOL, SG__OPT_OWN, NULL, "smtp_force_implicit_tls"},
    {"tls_config", SG__OPT_NODE, 0, NULL, "smtp_tls_config"},
    {"headers", SG__OPT_TEXTS, 0, NULL, NULL},
    {"subject", SG__OPT_TEXT, SG__OPT_OWN, NULL, NULL},
    {"threading", SG__OPT_TEXTS, SG__OPT_OWN, NULL, NULL},
    {"html", SG__OPT_TEXT, 0, NULL, NULL},
    {"text", SG__OPT_TEXT, 0, NULL, NULL},
    SG__COMMON_OPTS,
    {0},
};

static int transport(struct sg__target *t, struct sg_arena *arena, struct sg_error *reterr)
{
    const struct sg__value *password = sg__opt(t, "auth_password");
    sg__http_clear(&t->http);
    t->http.username = sg__opt(t, "auth_username")->one.text;
    t->http.password = password->set ? password->one.text : sg__opt(t, "auth_secret")->one.text;
    t->http.identity = sg__opt(t, "auth_identity")->one.text;
    return sg__tls_read(sg__opt(t, "tls_config")->node, arena, &t->http, reterr);
}

static int check_addresses(const struct sg__target *t, const char *option,
                           const struct sg_yaml_node *node, struct sg_error *reterr)
{
    struct sg__address list[SG__MAX_ADDRESSES];
    struct sg_error err = {0};
    size_t n;
    const struct sg__text *text = &sg__opt(t, option)->one;
    if (text->template || sg__addresses_parse(text->text, list, &n, &err) == 0)
        return 0;
    return sg_yaml_error(node, reterr, "email_configs: %s: %s", option, err.text);
}

/* ---- threads ---- */

enum threading { THREAD_OFF, THREAD_DAILY, THREAD_ONE };

/* As newer Alertmanagers have it, but that here threads are on unless the option says otherwise. */
static int read_threading(const struct sg__target *t, enum threading *ret)
{
    const struct sg__value *v = sg__opt(t, "threading");
    bool on = !v->set;
    enum threading how = THREAD_DAILY;
    for (size_t i = 0; i < v->texts.n; i++) {
        const struct sg__text *o = &v->texts.items[i];
        bool enabled = sg_str_eq_c(o->name, "enabled");
        bool by_date = sg_str_eq_c(o->name, "thread_by_date");
        if (enabled && (sg_str_eq_c(o->text, "true") || sg_str_eq_c(o->text, "false")))
            on = sg_str_eq_c(o->text, "true");
        else if (by_date && (sg_str_eq_c(o->text, "daily") || sg_str_eq_c(o->text, "none")))
            how = sg_str_eq_c(o->text, "daily") ? THREAD_DAILY : THREAD_ONE;
        else
            return SG_EINVALID;
    }
    *ret = on ? how : THREAD_OFF;
    return 0;
}

static enum threading threading_of(const struct sg__target *t)
{
    enum threading how = THREAD_DAILY;
    (void)!read_threading(t, &how);
    return how;
}

/* ---- the configuration ---- */

static int check(const struct sg__target *t, const struct sg_yaml_node *node,
                 struct sg_error *reterr)
{
    enum threading how;
    if (read_threading(t, &how) < 0)
        return sg_yaml_error(node, reterr,
                             "email_configs: threading: expected enabled: true or false, and "
                             "thread_by_date: daily or none");
    struct sg_str host = sg__opt(t, "smarthost")->one.text;
    struct sg_str hello = sg__opt(t, "hello")->one.text;
    const struct sg__texts *headers = &sg__opt(t, "headers")->texts;
    const char *colon = memrchr(host.p, ':', host.n);
    if (!colon || colon == host.p || colon[1] == 0 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strcspn(host.p, "/@?# ") != host.n)
        return sg_yaml_error(node, reterr, "email_configs: smarthost: expected host:port, got '%s'",
                             host.p);
    if (strcspn(hello.p, "/@?#% ") != hello.n)
        return sg_yaml_error(node, reterr, "email_configs: hello: expected a host name, got '%s'",
                             hello.p);
    for (size_t i = 0; i < headers->n; i++)
        for (size_t k = 0; k < headers->items[i].name.n; k++)
            if (headers->items[i].name.p[k] <= ' ' || headers->items[i].name.p[k] == ':')
                return sg_yaml_error(node, reterr,
                                     "email_configs: headers: '%s' is no name of a header",
                                     headers->items[i].name.p);
    int rc = check_addresses(t, "to", node, reterr);
    return rc < 0 ? rc : check_addresses(t, "from", node, reterr);
}

/* ---- HTML ---- */

static void put_cell(struct sg_buf *out, const char *style, struct sg_str text)
{
    sg_buf_printf(out, "<div style=\"%s\">", style);
    for (size_t i = 0; i < text.n;) {
        size_t line = 0;
        while (i + line < text.n && text.p[i + line] != '\n')
            line++;
        sg__put_escaped(SG__HTML, (struct sg_str){text.p + i, line}, out);
        i += line;
        if (i < text.n) {
            sg_buf_puts(out, "<br>\n");
            i++;
        }
    }
    sg_buf_puts(out, "</div>\n");
}

static void put_anchor(struct sg_buf *out, const char *text, struct sg_str url)
{
    if (!sg_str_starts_with(url, SG_STR("https://")) && !sg_str_starts_with(url, SG_STR("http://")))
        return;
    sg_buf_puts(out, "<a href=\"");
    sg__put_escaped(SG__HTML, url, out);
    sg_buf_printf(out, "\" style=\"color:#0969da;margin-right:12px\">%s</a>\n", text);
}

static const char *color_of(enum sg__status status, const char *severity)
{
    if (status != SG__FIRING)
        return status == SG__RESOLVED ? "#1a7f37" : "#0969da";
    return strcmp(severity, "critical") == 0 ? "#cf222e" : "#9a6700";
}

static void put_html_alert(const struct sg__note *n, size_t i, struct sg_buf *out)
{
    struct sg__alert_view a;
    const char *key;
    json_t *value;
    sg__note_alert(n, i, &a);
    sg_buf_printf(out, "<div style=\"border-left:4px solid %s;padding:8px 12px;margin:12px 0\">\n",
                  color_of(a.status, a.severity));
    put_cell(out, "font-weight:bold", a.summary.n ? a.summary : a.name);
    sg_buf_printf(out, "<div style=\"color:#57606a\">%s, %s%s", a.severity,
                  a.status == SG__FIRING ? "" : sg__status_name(a.status),
                  a.status == SG__RESOLVED ? ", fired from "
                  : a.status == SG__FIRING ? "firing since "
                                           : ", firing since ");
    sg__put_escaped(SG__HTML, a.starts_at, out);
    if (a.status == SG__RESOLVED) {
        sg_buf_puts(out, " until ");
        sg__put_escaped(SG__HTML, a.ends_at, out);
    }
    sg_buf_puts(out, "</div>\n");
    if (a.description.n)
        put_cell(out, "margin:6px 0", a.description);
    sg_buf_puts(out, "<table style=\"font-size:13px;color:#57606a\">\n");
    json_object_foreach((json_t *)(uintptr_t)a.labels, key, value)
    {
        sg_buf_puts(out, "<tr><td>");
        sg__put_escaped(SG__HTML, sg_str_from(key), out);
        sg_buf_puts(out, "</td><td>");
        sg__put_escaped(SG__HTML,
                        (struct sg_str){json_string_value(value), json_string_length(value)}, out);
        sg_buf_puts(out, "</td></tr>\n");
    }
    sg_buf_puts(out, "</table>\n");
    put_anchor(out, "Runbook", a.runbook_url);
    put_anchor(out, "Dashboard", a.dashboard_url);
    put_anchor(out, "Expression", a.generator_url);
    sg_buf_puts(out, "</div>\n");
}

static void put_html(const struct sg__job *job, struct sg_buf *out)
{
    const struct sg__note *n = job->note;
    struct sg_buf link;
    sg_buf_init(&link, 8192);
    sg__note_link(n, job->site->external_url, &link);
    sg_buf_puts(out, "<!doctype html>\n<html><body style=\"font-family:sans-serif;color:#1f2328;"
                     "max-width:680px\">\n");
    put_cell(out, "font-size:18px;font-weight:bold", sg_str_from(n->title));
    for (size_t i = 0; i < n->n_alerts && i < MAX_ALERTS; i++)
        put_html_alert(n, i, out);
    if (n->n_alerts > MAX_ALERTS)
        sg_buf_printf(out, "<p>… and %zu more</p>\n", n->n_alerts - MAX_ALERTS);
    put_anchor(out, "Open streamgauge", sg_buf_str(&link));
    sg_buf_puts(out, "</body></html>\n");
    sg_buf_deinit(&link);
}

/* ---- the mail ---- */

struct mail {
    struct sg_buf subject, text, html, from, to;
    struct sg__address from_list[SG__MAX_ADDRESSES], to_list[SG__MAX_ADDRESSES];
    size_t n_from, n_to;
    char id[65], thread[65];
};

static void hash_text(const char *kind, struct sg_str a, struct sg_str b, char *dst)
{
    struct sg_buf text;
    uint8_t hash[32];
    sg_buf_init(&text, 1u << 20);
    sg_buf_printf(&text, "%s\n%.*s\n%.*s", kind, SG_STR_ARG(a), SG_STR_ARG(b));
    sg__sha256(sg_buf_str(&text), hash);
    sg_hex_format(hash, 16, dst);
    sg_buf_deinit(&text);
}

/* Of a group, and the day on which its oldest alert began. */
static void name_thread(const struct sg__job *job, struct mail *m)
{
    struct sg_str day = SG_STR("");
    bool daily = threading_of(job->target) == THREAD_DAILY;
    for (size_t i = 0; daily && i < job->note->n_alerts; i++) {
        struct sg__alert_view a;
        sg__note_alert(job->note, i, &a);
        struct sg_str begun = {a.starts_at.p, a.starts_at.n < 10 ? a.starts_at.n : 10};
        if (i == 0 || sg_str_cmp(begun, day) < 0)
            day = begun;
    }
    hash_text("message", job->target->name, job->row->key, m->id);
    struct sg_buf where;
    sg_buf_init(&where, 64u << 10);
    sg_buf_printf(&where, "%s\n%.*s", job->target->name.p, SG_STR_ARG(job->note->group_key));
    hash_text("thread", sg_buf_str(&where), day, m->thread);
    sg_buf_deinit(&where);
}

static int make_mail(const struct sg__job *job, struct mail *m, struct sg_error *reterr)
{
    json_t *digest = json_object_get(job->note->root, "digest");
    int rc = sg__put_option(job, "to", SG_STR(""), &m->to, reterr);
    if (rc == 0)
        rc = sg__put_option(job, "from", SG_STR(""), &m->from, reterr);
    if (rc == 0)
        rc = sg__addresses_parse(sg_buf_str(&m->to), m->to_list, &m->n_to, reterr);
    if (rc == 0)
        rc = sg__addresses_parse(sg_buf_str(&m->from), m->from_list, &m->n_from, reterr);
    if (rc < 0)
        return rc;
    name_thread(job, m);
    if (job->note->digest) {
        sg_buf_puts(&m->subject, job->note->title);
        sg_buf_put_str(&m->text, sg__json_text(digest, "text"));
        sg_buf_put_str(&m->html, sg__json_text(digest, "html"));
        return 0;
    }
    const struct sg__value *text = sg__opt(job->target, "text"),
                           *html = sg__opt(job->target, "html");
    rc = sg__put_option(job, "subject", sg_str_from(job->note->title), &m->subject, reterr);
    if (rc < 0)
        return rc;
    if (text->set)
        rc = sg__put_text(job, &text->one, &m->text, reterr);
    else
        sg__note_text(job->note, SG__PLAIN, true, 256u << 10, &m->text);
    if (rc == 0 && html->set)
        rc = sg__put_html_text(job, &html->one, &m->html, reterr);
    else if (rc == 0)
        put_html(job, &m->html);
    return rc;
}

/* Configured header fields take the place of ours. */
static bool overridden(const struct sg__target *t, const char *name)
{
    const struct sg__texts *headers = &sg__opt(t, "headers")->texts;
    for (size_t i = 0; i < headers->n; i++)
        if (sg_str_ieq(headers->items[i].name, sg_str_from(name)))
            return true;
    return false;
}

static void put_ids(const struct sg__job *job, const struct mail *m, struct sg_buf *out)
{
    struct sg_str from = m->from_list[0].address;
    const char *at = memrchr(from.p, '@', from.n);
    struct sg_str domain =
        at ? (struct sg_str){at + 1, from.n - (size_t)(at + 1 - from.p)} : SG_STR("streamgauge");
    if (!overridden(job->target, "Message-ID"))
        sg_buf_printf(out, "Message-ID: <%s@%.*s>\r\n", m->id, SG_STR_ARG(domain));
    if (!job->note->digest && threading_of(job->target) != THREAD_OFF)
        sg_buf_printf(out, "In-Reply-To: <%s.thread@%.*s>\r\nReferences: <%s.thread@%.*s>\r\n",
                      m->thread, SG_STR_ARG(domain), m->thread, SG_STR_ARG(domain));
}

static int put_headers(const struct sg__job *job, const struct mail *m, struct sg_buf *out,
                       struct sg_error *reterr)
{
    const struct sg__texts *headers = &sg__opt(job->target, "headers")->texts;
    struct sg_buf value;
    int rc = 0;
    sg_buf_init(&value, 64u << 10);
    if (!overridden(job->target, "From"))
        sg__mime_addresses(out, "From", m->from_list, 1);
    if (!overridden(job->target, "To"))
        sg__mime_addresses(out, "To", m->to_list, m->n_to);
    if (!overridden(job->target, "Subject"))
        sg__mime_field(out, "Subject", sg_buf_str(&m->subject));
    sg_buf_puts(out, "Date: ");
    sg__mime_date(out, job->wall_ms);
    sg_buf_puts(out, "\r\n");
    put_ids(job, m, out);
    for (size_t i = 0; i < headers->n && rc == 0; i++) {
        sg_buf_reset(&value);
        rc = sg__put_text(job, &headers->items[i], &value, reterr);
        sg__mime_field(out, headers->items[i].name.p, sg_buf_str(&value));
    }
    sg_buf_puts(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    sg_buf_deinit(&value);
    return rc;
}

static void put_part(struct sg_buf *out, const char *boundary, const char *type, struct sg_str text)
{
    sg_buf_printf(out,
                  "--%s\r\nContent-Type: %s; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
                  boundary, type);
    sg__mime_quoted(out, text);
}

static int put_mail(const struct sg__job *job, const struct mail *m, struct sg_buf *out,
                    struct sg_error *reterr)
{
    char boundary[80];
    int rc = put_headers(job, m, out, reterr);
    /* Quoted-printable writes no "=_" of its own, so this is in no part. */
    snprintf(boundary, sizeof(boundary), "=_%s", m->id);
    sg_buf_printf(out, "Content-Type: multipart/alternative; boundary=\"%s\"\r\n\r\n", boundary);
    put_part(out, boundary, "text/plain", sg_buf_str(&m->text));
    if (m->html.len)
        put_part(out, boundary, "text/html", sg_buf_str(&m->html));
    sg_buf_printf(out, "--%s--\r\n", boundary);
    return rc;
}

static int fill(const struct sg__job *job, const struct mail *m, struct sg__request *r,
                struct sg_error *reterr)
{
    struct sg_str host = sg__opt(job->target, "smarthost")->one.text;
    const struct sg__value *forced = sg__opt(job->target, "force_implicit_tls");
    bool tls = host.n > 4 && strcmp(host.p + host.n - 4, ":465") == 0; /* from the first byte on */
    if (forced->set)
        tls = forced->number != 0;
    r->mail = true;
    r->mail_tls = !tls && sg__opt(job->target, "require_tls")->number != 0;
    sg_buf_printf(&r->url, "%s://%s/%s", tls ? "smtps" : "smtp", host.p,
                  sg__opt(job->target, "hello")->one.text.p);
    sg_buf_put_str(&r->mail_from, m->from_list[0].address);
    for (size_t i = 0; i < m->n_to; i++) {
        char address[400];
        snprintf(address, sizeof(address), "%.*s", SG_STR_ARG(m->to_list[i].address));
        struct curl_slist *more = curl_slist_append(r->mail_to, address);
        r->mail_to = more ? more : r->mail_to;
    }
    return put_mail(job, m, &r->body, reterr);
}

static int build(const struct sg__job *job, struct sg__request *r, struct sg_error *reterr)
{
    struct mail m = {0};
    sg_buf_init(&m.subject, 8192);
    sg_buf_init(&m.text, MAX_MAIL);
    sg_buf_init(&m.html, MAX_MAIL);
    sg_buf_init(&m.from, 8192);
    sg_buf_init(&m.to, 64u << 10);
    int rc = make_mail(job, &m, reterr);
    if (rc == 0)
        rc = fill(job, &m, r, reterr);
    sg_buf_deinit(&m.subject);
    sg_buf_deinit(&m.text);
    sg_buf_deinit(&m.html);
    sg_buf_deinit(&m.from);
    sg_buf_deinit(&m.to);
    return rc < 0 ? SG_EINVALID : 0;
}

const struct sg__kind sg__kind_email = {
    .name = "email",
    .table = table,
    .alertmanagers = true,
    .silent_resolved = true,
    .transport = transport,
    .check = check,
    .build = build,
};
