#include "counters.h"

#include <string.h>

static const struct {
    const char *family, *labels, *kind;
} rows[SG__COUNTERS] = {
#define ROW(id, family, labels, kind) {family, labels, kind},
    SG__COUNTER_MAP(ROW)
#undef ROW
};

void sg__counters_print(const long long *sums, struct sg_buf *out)
{
    for (int i = 0; i < SG__COUNTERS; i++) {
        if (i == 0 || strcmp(rows[i].family, rows[i - 1].family) != 0)
            sg_buf_printf(out, "# TYPE %s %s\n", rows[i].family, rows[i].kind);
        if (rows[i].labels[0])
            sg_buf_printf(out, "%s{%s} %lld\n", rows[i].family, rows[i].labels, sums[i]);
        else
            sg_buf_printf(out, "%s %lld\n", rows[i].family, sums[i]);
    }
}
