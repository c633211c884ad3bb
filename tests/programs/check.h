/* What the test programs share: a check that ends the program with its place, and a small random generator. */
#ifndef CHECK_H
#define CHECK_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);          \
            _exit(1);                                                                        \
        }                                                                                    \
    } while (0)

/* Keeps the compiler from reasoning about an allocation away. */
#define KEEP(pointer) __asm__ volatile("" : "+r"(pointer) : : "memory")

/* Not in every libc. */
extern int malloc_trim(size_t keep) __attribute__((weak));

static inline void trim(void)
{
    if (malloc_trim)
        malloc_trim(0);
}

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

#endif
