/* The same pseudo-random numbers in each run (xorshift64*, Vigna). */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

static inline uint64_t next_of(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 2685821657736338717u;
}

/* For programs of one thread. */
__attribute__((unused)) static uint64_t next(void)
{
    static uint64_t state = 88172645463325252u;
    return next_of(&state);
}

#endif
