/* api_reply.c - the envelope around every answer, good or bad. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "net/api.h"

/* Annotations of each kind that are told; how many were left out is told too. */
#define NOTES_TOLD 10

const char sg__truncated[] = "results truncated due to limit";

static const struct {
    const char *name;
    uint16_t status;
} error_types[] = {
    [SG__BAD_DATA] = {"bad_data", 400},       [SG__EXECUTION] = {"execution", 422},
    [SG__TIMEOUT] = {"timeout", 503},         [SG__CANCELED] = {"canceled", 499},
    [SG__INTERNAL] = {"internal", 500},       [SG__NOT_FOUND] = {"not_found", 404},
    [SG__UNAVAILABLE] = {"unavailable", 503},
};

void sg__api_error(struct sg_net_exchange *x, enum sg__api_error_type type, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    x->status = error_types[type].status;
    x->type = "application/json";
    if (x->status == 503)
        sg_buf_puts(&x->headers, "Retry-After: 1\r\n");
    sg_buf_reset(&x->out);
    sg_buf_printf(&x->out,
                  "{\"status\":\"error\",\"errorType\":\"%s\",\"error\":", error_types[type].name);
    sg_buf_put_json_str(&x->out, sg_str_from(text));
    sg_buf_putc(&x->out, '}');
}

void sg__api_bad_param(struct sg_net_exchange *x, const char *name, const struct sg_error *err)
{
    char text[512];
    sg__api_error(x, SG__BAD_DATA, "invalid parameter \"%s\": %s", name,
                  sg_error_format(err, text, sizeof(text)));
}

void sg__api_failed(struct sg_net_exchange *x, const struct sg_error *err)
{
    char text[512];
    sg_error_format(err, text, sizeof(text));
    switch (err->code) {
    case SG_ETIMEOUT:
        sg__api_error(x, SG__TIMEOUT, "%s", text);
        break;
    case SG_ECANCELED:
        sg__api_error(x, SG__CANCELED, "query was canceled in expression evaluation");
        break;
    case SG_EBUSY:
        sg__api_error(x, SG__UNAVAILABLE, "%s", text);
        break;
    case SG_EEXECUTION:
    case SG_ELIMIT:
    case SG_EINVALID:
    case SG_EUNSUPPORTED:
    case SG_ESYNTAX:
        sg__api_error(x, SG__EXECUTION, "%s", text);
        break;
    default:
        sg__api_error(x, SG__INTERNAL, "%s", text);
        break;
    }
}

void sg__api_begin(struct sg_net_exchange *x)
{
    sg_buf_puts(&x->out, "{\"status\":\"success\",\"data\":");
}

struct note_list {
    struct sg_buf *out;
    const char *key;
    size_t n;
};

static void add_note(struct note_list *l, struct sg_str text)
{
    if (l->n++ >= NOTES_TOLD)
        return;
    if (l->n == 1)
        sg_buf_printf(l->out, ",\"%s\":[", l->key);
    else
        sg_buf_putc(l->out, ',');
    sg_buf_put_json_str(l->out, text);
}

static void add_results(struct note_list *l, const struct sg_promql_result *r, bool warnings)
{
    for (size_t i = 0; r && i < r->n_notes; i++)
        if (r->notes[i].warning == warnings)
            add_note(l, sg_str_from(r->notes[i].text));
}

static void end_notes(struct note_list *l, const char *noun)
{
    if (l->n > NOTES_TOLD)
        sg_buf_printf(l->out, ",\"%zu more %s annotations omitted\"", l->n - NOTES_TOLD, noun);
    if (l->n)
        sg_buf_putc(l->out, ']');
}

void sg__api_end(struct sg_net_exchange *x, const struct sg__api_notes *notes)
{
    if (notes) {
        struct note_list warnings = {&x->out, "warnings", 0}, infos = {&x->out, "infos", 0};
        for (size_t i = 0; i < notes->n_further; i++)
            add_note(&warnings, sg_str_from(notes->further[i]));
        add_results(&warnings, notes->result, true);
        end_notes(&warnings, "warning");
        add_results(&infos, notes->result, false);
        end_notes(&infos, "info");
    }
    sg_buf_putc(&x->out, '}');
}
