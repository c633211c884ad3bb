/* Keeps the calling thread on one CPU. */
#ifndef PIN_H
#define PIN_H

#include <sched.h>

#include "check.h"

static inline void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
    while (sched_getcpu() != cpu)
        sched_yield();
}

#endif
