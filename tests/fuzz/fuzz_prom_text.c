/* fuzz_prom_text.c - Prometheus text and, by the first byte, OpenMetrics: pieces give what the
 * whole gives. */
#include <ingest_fuzz.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool open = size && data[0] & 128;
    enum sg_ingest_format format = open ? SG_INGEST_OPENMETRICS : SG_INGEST_PROM_TEXT;
    return fuzz_format((struct sg_ingest_options){.format = format}, data, size);
}
