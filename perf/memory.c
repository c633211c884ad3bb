/*
 * How much memory stays resident for what a program holds. Each workload prints "NAME VALUE" lines; resident memory is counted
 * from what it was before the heap was filled, and the program's own records do not lie in the heap.
 *
 *     memory turnover     resident/live of a heap of mixed sizes: when full, and the worst of 12 generations
 *     memory shifting     the worst resident/live over generations whose sizes shift, 90 % freed at random in each
 *     memory freed ORDER [MIB]
 *                         MiB resident a second of light use after all of a heap (308 MiB) was freed ("ordered", "random"), and its peak
 *     memory once         MiB resident after one block of each size from 4 to 256 KiB was filled and freed, one at a time
 *     memory untouched    MiB resident after calloc of 100 blocks each of 40, 100 and 250 KiB that are not written to
 *     memory fragmented   MiB resident of 380 MiB of which parts were freed and filled in turn, and the process's mappings then
 *     memory threads      MiB resident with 64 threads that hold 1 MiB each
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "programs/random.h"

static void add(size_t size)
{
    memset(take(size), 1, size);
}

/* 16 bytes to 8 KiB, each doubling as likely as the others. */
static size_t mixed_size(void)
{
    size_t from = (size_t)16 << next() % 9;
    return from + next() % from;
}

static void fill_mixed(size_t bytes)
{
    while (live < bytes)
        add(mixed_size());
}

static void turnover(void)
{
    enum { GENERATIONS = 12 };
    const size_t bytes = (size_t)256 << 20;
    start(8 << 20);
    fill_mixed(bytes);
    printf("full %.3f\n", resident() / live);
    double worst = 0, last = 0;
    for (int generation = 0; generation < GENERATIONS; generation++) {
        for (size_t left = count / 3; count > left;)
            drop(next() % count);
        fill_mixed(bytes);
        last = resident() / live;
        worst = last > worst ? last : worst;
    }
    printf("worst %.3f\nlast %.3f\n", worst, last);
}

static void shifting(void)
{
    const size_t bytes = (size_t)128 << 20;
    double worst = 0;
    start(8 << 20);
    for (size_t from = 32; from <= 16384; from *= 2) {
        while (live < bytes)
            add(from + next() % from);
        double now = resident() / live;
        printf("from-%zu %.3f\n", from, now);
        worst = now > worst ? now : worst;
        for (size_t left = count / 10; count > left;)
            drop(next() % count);
    }
    printf("worst %.3f\n", worst);
}

static void freed(int random, size_t mebibytes)
{
    start(8 << 20);
    fill_mixed(mebibytes << 20);
    printf("peak %.1f\n", resident() / 1048576);
    if (random)
        for (size_t i = count - 1; i > 0; i--) {
            size_t other = next() % (i + 1);
            struct block swap = blocks[i];
            blocks[i] = blocks[other];
            blocks[other] = swap;
        }
    for (size_t i = 0; i < count; i++)
        free(blocks[i].start);
    printf("at-once %.1f\n", resident() / 1048576);

    /* About 1,000 operations a second over ten sizes, ten blocks of each at a time: some miss the caches. */
    static const size_t sizes[] = { 16, 40, 100, 250, 600, 1500, 4000, 10000, 30000, 100000 };
    for (int round = 0; round < 5; round++) {
        void *some[10][10];
        for (int i = 0; i < 100; i++)
            some[i / 10][i % 10] = malloc(sizes[i / 10]);
        for (int i = 0; i < 100; i++)
            free(some[i / 10][i % 10]);
        pause_for(200);
    }
    printf("after %.1f\n", resident() / 1048576);
}

static void once(void)
{
    start(1);
    for (size_t size = 4096; size <= 262144; size += size / 16) {
        add(size);
        drop(0);
    }
    printf("resident %.2f\n", resident() / 1048576);
}

static void fragmented(void)
{
    enum { SIZE = 8000, BLOCKS = 50000 };
    start(BLOCKS);
    for (int round = 0; round < 5; round++) {
        while (count < BLOCKS)
            add(SIZE);
        while (count > BLOCKS * 3 / 10)
            drop(next() % count);
        pause_for(300);
        while (count < BLOCKS * 6 / 10)
            add(SIZE);
    }
    int mappings = 0, letter;
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && (letter = getc(file)) != EOF)
        mappings += letter == '\n';
    printf("live %.1f\nresident %.1f\nmappings %d\n", live / 1048576.0, resident() / 1048576, mappings);
}

static void untouched(void)
{
    static const size_t sizes[] = { 40 << 10, 100 << 10, 250 << 10 };
    start(300);
    for (int i = 0; i < 300; i++)
        if (!(blocks[i].start = calloc(1, sizes[i % 3])))
            abort();
    printf("resident %.2f\n", resident() / 1048576);
}

static pthread_barrier_t barrier;

static void *hold(void *argument)
{
    uint64_t random = (uintptr_t)argument * 0x9e3779b97f4a7c15u | 1;
    for (size_t held = 0; held < 1 << 20;) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        size_t size = 16 + (random >> 40) % 1000;
        memset(malloc(size), 1, size);
        held += size;
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void threads(void)
{
    enum { THREADS = 64 };
    start(1);
    pthread_barrier_init(&barrier, NULL, THREADS + 1);
    for (uintptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, hold, (void *)(i + 1)))
            abort();
    }
    pthread_barrier_wait(&barrier);
    printf("resident %.1f\n", resident() / 1048576);
    pthread_barrier_wait(&barrier);
}

int main(int argc, char **argv)
{
    const char *workload = argc > 1 ? argv[1] : "";
    free(malloc(1));
    if (!strcmp(workload, "turnover"))
        turnover();
    else if (!strcmp(workload, "shifting"))
        shifting();
    else if (!strcmp(workload, "freed") && argc >= 3)
        freed(!strcmp(argv[2], "random"), argc > 3 ? strtoul(argv[3], NULL, 10) : 308);
    else if (!strcmp(workload, "once"))
        once();
    else if (!strcmp(workload, "fragmented"))
        fragmented();
    else if (!strcmp(workload, "untouched"))
        untouched();
    else if (!strcmp(workload, "threads"))
        threads();
    else
        return 2;
    return 0;
}
