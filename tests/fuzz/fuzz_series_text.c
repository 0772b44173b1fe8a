/* Series in Prometheus' test notation: numbers written out one by one read as the same series. */
#include <math.h>
#include <streamgauge/buf.h>
#include <streamgauge/series_text.h>
#include <streamgauge/value.h>

#define MAX_VALUES 5000

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void check_numbers(const struct sg_series_text *t)
{
    struct sg_series_text again;
    struct sg_buf b;
    sg_buf_init(&b, (size_t)4 << 20);
    for (size_t i = 0; i < t->n; i++) {
        if (t->values[i].h)
            goto out;
        if (t->values[i].omitted)
            sg_buf_putc(&b, '_');
        else if (sg_is_stale(t->values[i].v))
            sg_buf_puts(&b, "stale");
        else
            sg_buf_put_double(&b, t->values[i].v);
        sg_buf_putc(&b, ' ');
    }
    SG_ASSERT(sg_series_text_values(sg_buf_str(&b), &again, NULL) == 0 && again.n == t->n);
    for (size_t i = 0; i < t->n; i++)
        SG_ASSERT(again.values[i].omitted == t->values[i].omitted &&
                  same(again.values[i].v, t->values[i].v));
    sg_series_text_deinit(&again);
out:
    sg_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sg_series_text t;
    struct sg_error err = {0};
    /* Repeats of millions are allowed, and no use here. */
    for (size_t i = 0, digits = 0; i < size; i++) {
        digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
        if (digits > 3 && i >= digits && data[i - digits] == 'x')
            return 0;
    }
    int rc = sg_series_text_parse(sg_str_make((const char *)data, size), &t, &err);
    if (rc < 0)
        SG_ASSERT(err.code == (enum sg_errc)rc && err.text[0]);
    else if (t.n <= MAX_VALUES)
        check_numbers(&t);
    sg_series_text_deinit(&t);
    return 0;
}
