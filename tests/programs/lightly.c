/*
 * What stays resident of a heap that was freed, in a program that then does little, and none of it misses a cache.
 *
 *     lightly THREADS HERTZ SIZE BUSY       a heap of blocks of up to 2,000 bytes, made and freed by lot by so many threads, of which the first then
 *                                           takes and frees blocks of up to SIZE bytes, the others wait; BUSY: after a tight loop with as large
 *                                           ones. "after": MiB above what there was before, after 1.5 s
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

enum { HEAP = 300 << 20, LARGEST = 2000, MOST_THREADS = 16 };

static pthread_barrier_t together;
static size_t threads;

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static void use(size_t size)
{
    volatile char *block = malloc(size);
    if (!block)
        abort();
    block[0] = 1;
    free((void *)block);
}

static void *come_and_go(void *number)
{
    uint64_t state = 88172645463325252u + (uintptr_t)number;
    size_t count = HEAP / (LARGEST / 2) / threads;
    char **blocks = malloc(count * sizeof *blocks); /* large: a mapping of its own */
    for (size_t i = 0; i < count; i++) {
        size_t size = 16 + next(&state) % (LARGEST - 16);
        if (!(blocks[i] = malloc(size)))
            abort();
        memset(blocks[i], 1, size);
    }
    pthread_barrier_wait(&together);
    for (size_t left = count; left > 0; left--) {
        size_t lot = next(&state) % left;
        free(blocks[lot]);
        blocks[lot] = blocks[left - 1];
    }
    free(blocks);
    pthread_barrier_wait(&together);
    return NULL;
}

static void *come_and_wait(void *number)
{
    come_and_go(number);
    pthread_barrier_wait(&together); /* until the end */
    return NULL;
}

int main(int argc, char **argv)
{
    threads = argc == 5 ? strtoul(argv[1], NULL, 10) : 0;
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    double hertz = strtod(argv[2], NULL);
    size_t largest = strtoul(argv[3], NULL, 10), busy = strtoul(argv[4], NULL, 10);

    double before = resident();
    pthread_t others[MOST_THREADS];
    pthread_barrier_init(&together, NULL, threads);
    for (size_t i = 1; i < threads; i++)
        if (pthread_create(&others[i], NULL, come_and_wait, (void *)i) != 0)
            return 1;
    come_and_go(0);
    for (size_t i = 0; i < busy; i++)
        use(largest);
    struct timespec gap = { 0, (long)(1e9 / hertz) };
    uint64_t state = 1;
    for (int i = 0; i < 1.5 * hertz; i++) {
        use(1 + next(&state) % largest);
        nanosleep(&gap, NULL);
    }
    printf("after %.1f\n", resident() - before);
    pthread_barrier_wait(&together);
    for (size_t i = 1; i < threads; i++)
        pthread_join(others[i], NULL);
}
