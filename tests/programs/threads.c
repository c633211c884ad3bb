/*
 * Threads that allocate and free pairs, and nothing else: what the caches do is then read from the statistics.
 *
 *     threads COUNT PAIRS [SIZE]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "check.h"

static long pairs;
static size_t size = 64;
static pthread_barrier_t barrier;

static void *run(void *argument)
{
    (void)argument;
    pthread_barrier_wait(&barrier);
    for (long i = 0; i < pairs; i++) {
        void *block = malloc(size);
        KEEP(block);
        free(block);
    }
    pthread_barrier_wait(&barrier);
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc >= 3);
    int count = atoi(argv[1]);
    pairs = atol(argv[2]);
    if (argc > 3)
        size = strtoul(argv[3], NULL, 0);
    pthread_t *threads = calloc(count, sizeof *threads);
    pthread_barrier_init(&barrier, NULL, count);
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, run, NULL) == 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
