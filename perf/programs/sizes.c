/*
 * Many sizes at random, after the random tests of Hoard, mimalloc and SuperMalloc: two threads with heaps of their own allocate, grow and
 * free blocks from 8 bytes to 128 KiB, small ones more often, and write to all of each.
 *
 *     sizes [OPERATIONS]      default 3,000,000 by each thread
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

enum { THREADS = 2, LIVE = 4000, SMALLEST_BITS = 3, DOUBLINGS = 14 };

static long operations = 3000000;

/* Each doubling is half as frequent as the one before it. */
static size_t draw(uint64_t random)
{
    int bits = __builtin_ctzll(random | 1u << (DOUBLINGS - 1)) + SMALLEST_BITS;
    return ((size_t)1 << bits) + (random >> 40) % ((size_t)1 << bits);
}

static void *work(void *argument)
{
    uint64_t state = *(uint64_t *)argument;
    char **live = calloc(LIVE, sizeof *live);
    for (long i = 0; i < operations; i++) {
        uint64_t random = next_of(&state);
        char **slot = &live[(random >> 20) % LIVE];
        size_t size = draw(random);
        if (*slot && random >> 61 == 0) {
            *slot = realloc(*slot, size);
        } else {
            free(*slot);
            *slot = malloc(size);
        }
        memset(*slot, 1, size);
    }
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
    free(live);
    return NULL;
}

int main(int argc, char **argv)
{
    operations = argc > 1 ? atol(argv[1]) : operations;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = (uint64_t)i + 1;
        if (pthread_create(&threads[i], NULL, work, &seeds[i]) != 0)
            abort();
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
