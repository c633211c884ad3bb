/*
 * Threads that allocate and free all the while, when the sampler is switched on, each allocation a sample, and off again: each takes part
 * within one countdown, of at most 1,024 allocations of their size. Each has a stack of its own, and a size, by which its samples are known.
 */
#define _GNU_SOURCE

#include "check.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <nativemalloc.h>

enum { THREADS = 4, BEFORE = 300000, MEANWHILE = 5000, COUNTDOWN = 1024 };

static const size_t sizes[THREADS] = { 16, 300, 5000, 400000 };
static pthread_barrier_t barrier;

static void __attribute__((noinline)) pairs(int depth, size_t size, long count)
{
    if (depth > 0) {
        pairs(depth - 1, size, count);
        __asm__ volatile(""); /* or the call would be a jump */
        return;
    }
    for (long i = 0; i < count; i++) {
        void *block = malloc(size);
        KEEP(block);
        free(block);
    }
}

static void *work(void *argument)
{
    int number = (int)(intptr_t)argument;
    size_t size = sizes[number];
    pairs(number, size, size > 100000 ? BEFORE / 10 : BEFORE);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* it is on */
    pairs(number, size, MEANWHILE);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* it is off */
    pairs(number, size, MEANWHILE);
    return NULL;
}

/* heap_v2 has a line of "objects: bytes [objects: bytes] @" for each stack; with each block a sample they are exact. */
static void read_profile(double *allocated)
{
    int file = memfd_create("profile", 0);
    CHECK(file >= 0 && nativemalloc_write_profile(file, NATIVEMALLOC_HEAP, NATIVEMALLOC_IN_USE) == 0);
    FILE *lines = fdopen(file, "r");
    rewind(lines);
    static char line[64 << 10];
    while (fgets(line, sizeof line, lines)) {
        double objects, bytes;
        if (sscanf(line, " %*f: %*f [%lf: %lf] @ 0x", &objects, &bytes) != 2)
            continue;
        for (int i = 0; i < THREADS; i++)
            if (objects > 0 && bytes / objects == sizes[i])
                allocated[i] += objects;
    }
    fclose(lines);
}

int main(void)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (intptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(nativemalloc_start_profiling(1) == 0);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    nativemalloc_stop_profiling();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    double allocated[THREADS] = { 0 };
    read_profile(allocated);
    for (int i = 0; i < THREADS; i++) {
        printf("%zu bytes: %.0f\n", sizes[i], allocated[i]);
        CHECK(allocated[i] >= MEANWHILE - COUNTDOWN && allocated[i] <= MEANWHILE + COUNTDOWN);
    }
    return 0;
}
