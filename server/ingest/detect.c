/* detect.c - which format a body is in. */
#include <streamgauge/ingest.h>

static const struct {
    const char *type;
    int format; /* -1: whatever the endpoint speaks */
} types[] = {
    {"", -1},
    {"application/x-www-form-urlencoded", -1}, /* what curl -d says */
    {"application/octet-stream", -1},
    {"text/plain", -1},
    {"*/*", -1},
    {"application/openmetrics-text", SG_INGEST_OPENMETRICS},
    {"application/json", SG_INGEST_JSON},
    {"text/json", SG_INGEST_JSON},
    {"application/x-ndjson", SG_INGEST_JSON},
    {"application/ndjson", SG_INGEST_JSON},
    {"application/jsonl", SG_INGEST_JSON},
    {"application/x-json-stream", SG_INGEST_JSON},
    {"application/vnd.influx.line-protocol", SG_INGEST_INFLUX},
};

static struct sg_str unquote(struct sg_str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return sg_str_make(s.p + 1, s.n - 2);
    return s;
}

static int check_charset(struct sg_str charset, struct sg_error *reterr)
{
    if (sg_str_ieq(charset, SG_STR("utf-8")) || sg_str_ieq(charset, SG_STR("utf8")) ||
        sg_str_ieq(charset, SG_STR("us-ascii")))
        return 0;
    return sg_error_set(reterr, SG_EUNSUPPORTED, "charset '%.*s' is not supported, expected utf-8",
                        (int)(charset.n < 40 ? charset.n : 40), charset.p);
}

int sg_ingest_detect(struct sg_str content_type, enum sg_ingest_format fallback,
                     enum sg_ingest_format *ret, struct sg_error *reterr)
{
    struct sg_str rest = content_type;
    struct sg_str type = sg_str_trim(sg_str_split(&rest, ';'));
    bool is_prometheus = false;
    while (rest.p) {
        struct sg_str value = sg_str_split(&rest, ';');
        struct sg_str name = sg_str_trim(sg_str_split(&value, '='));
        value = value.p ? unquote(sg_str_trim(value)) : SG_STR("");
        if (sg_str_ieq(name, SG_STR("charset")) && check_charset(value, reterr) < 0)
            return SG_EUNSUPPORTED;
        is_prometheus |=
            sg_str_ieq(name, SG_STR("version")) && sg_str_starts_with(value, SG_STR("0.0."));
    }
    for (size_t i = 0; i < SG_ARRAY_LEN(types); i++) {
        if (!sg_str_ieq(type, sg_str_from(types[i].type)))
            continue;
        *ret = types[i].format < 0 ? fallback : (enum sg_ingest_format)types[i].format;
        if (is_prometheus && sg_str_ieq(type, SG_STR("text/plain")))
            *ret = SG_INGEST_PROM_TEXT;
        return 0;
    }
    return sg_error_set(reterr, SG_EUNSUPPORTED,
                        "content type '%.*s' is not supported, expected text/plain, "
                        "application/openmetrics-text or application/json",
                        (int)(type.n < 60 ? type.n : 60), type.p);
}

int sg_ingest_precision_parse(struct sg_str text, enum sg_ingest_precision *ret,
                              struct sg_error *reterr)
{
    static const struct {
        const char *text;
        enum sg_ingest_precision precision;
    } names[] = {
        {"", SG_PRECISION_NS},          {"n", SG_PRECISION_NS},  {"ns", SG_PRECISION_NS},
        {"u", SG_PRECISION_US},         {"us", SG_PRECISION_US}, {"\xc2\xb5", SG_PRECISION_US},
        {"\xc2\xb5s", SG_PRECISION_US}, {"ms", SG_PRECISION_MS}, {"s", SG_PRECISION_S},
        {"m", SG_PRECISION_M},          {"h", SG_PRECISION_H},
    };
    for (size_t i = 0; i < SG_ARRAY_LEN(names); i++) {
        if (sg_str_eq_c(text, names[i].text)) {
            *ret = names[i].precision;
            return 0;
        }
    }
    return sg_error_set(reterr, SG_EINVALID, "precision '%.*s', expected ns, us, ms, s, m or h",
                        (int)(text.n < 40 ? text.n : 40), text.p);
}
