/* wall_clock.c - preloaded, it moves a process' wall clock: by as many seconds as the file says
 * that WALL_CLOCK names. The monotonic clock stays as it is. Tests build it with `cc -shared`. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* The first 8 bytes of the file, native order; 0 when there is none. */
static int64_t offset_s(void)
{
    static const volatile int64_t *mapped;
    static const volatile int64_t none;
    if (!mapped) {
        const char *path = getenv("WALL_CLOCK");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *p = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*mapped), PROT_READ, MAP_SHARED, fd, 0);
        if (fd >= 0)
            close(fd);
        mapped = p == MAP_FAILED ? &none : p;
    }
    return *mapped;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    int rc = real(id, ts);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += offset_s();
    return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    (void)zone;
    int rc = clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
    return rc;
}

time_t time(time_t *ret)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    if (ret)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}
