/* fault.c - dying at a named place, for tests. */
#include <streamgauge/fault.h>

#ifdef SG_FAULTS
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void sg_fault(const char *name)
{
    static atomic_int passed;
    const char *wanted = getenv("STREAMGAUGE_FAULT");
    size_t n = strlen(name);
    if (!wanted || strncmp(wanted, name, n) != 0 || wanted[n] != ':')
        return;
    if (atomic_fetch_add(&passed, 1) + 1 == atoi(wanted + n + 1))
        (void)raise(SIGKILL);
}
#endif
