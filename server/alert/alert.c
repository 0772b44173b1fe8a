/* alert.c - what identifies an alert, and how urgent it is. */
#include <streamgauge/alert.h>

#include <stdio.h>

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME UINT64_C(1099511628211)
#define SEPARATOR 0xff /* no UTF-8 text has it */

static uint64_t fnv(uint64_t h, struct sg_str s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * FNV_PRIME;
    return (h ^ SEPARATOR) * FNV_PRIME;
}

uint64_t sg_alert_fingerprint(const struct sg_labels *labels)
{
    uint64_t h = FNV_OFFSET;
    for (uint32_t i = 0; i < labels->count; i++) {
        struct sg_label l = sg_labels_at(labels, i);
        h = fnv(fnv(h, l.name), l.value);
    }
    return h;
}

void sg_alert_fingerprint_text(uint64_t fp, char dst[17])
{
    snprintf(dst, 17, "%016llx", (unsigned long long)fp);
}

const char *sg_alert_severity(const struct sg_labels *labels)
{
    static const struct {
        const char *name, *severity;
    } words[] = {
        {"critical", "critical"}, {"page", "critical"},  {"emergency", "critical"},
        {"fatal", "critical"},    {"error", "critical"}, {"high", "critical"},
        {"info", "info"},         {"none", "info"},      {"low", "info"},
        {"debug", "info"},        {"notice", "info"},
    };
    struct sg_str s = sg_labels_get(labels, SG_STR("severity"));
    for (size_t i = 0; s.p && i < SG_ARRAY_LEN(words); i++)
        if (sg_str_ieq(s, sg_str_from(words[i].name)))
            return words[i].severity;
    return "warning";
}
