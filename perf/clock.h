/* Time, in nanoseconds. */
#include <time.h>

static inline double nanoseconds(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

static inline double now(void)
{
    return nanoseconds(CLOCK_MONOTONIC);
}
