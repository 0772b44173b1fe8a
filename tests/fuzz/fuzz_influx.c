/* fuzz_influx.c - Influx line protocol: pieces give what the whole gives. */
#include <ingest_fuzz.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_format((struct sg_ingest_options){.format = SG_INGEST_INFLUX}, data, size);
}
