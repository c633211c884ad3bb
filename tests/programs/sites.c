/*
 * Ten places that allocate, of which it is known how much: sizes from 16 bytes to 4 MiB, on several threads, blocks that live for one operation
 * to for ever. Asks the sampler what it thinks, and prints for each place, and for all together, what is in use and what was allocated:
 *
 *     PLACE live|allocated TRUTH ESTIMATE ERRORS MOST     in bytes; how many standard errors they differ, and how many bytes at most, but
 *                                                         for one of a billion
 *
 *     sites MEAN THREADS MIB      samples every MEAN bytes; so many MiB are live at the end at each place, and four times as many were allocated
 *
 * Of N blocks of s bytes, each a sample with the chance p = 1 - e^(-s/MEAN), the estimate is s/p for each sample; so its variance is
 * N s^2 (1-p)/p. That is summed up as the blocks are made. Where nearly each block is a sample, or hardly one is, the error is no normal
 * distribution's, but that of a few blocks: Bennett's inequality bounds it (J. Am. Stat. Assoc. 57 (1962), p. 33), by the variance and by how far
 * one block can be off.
 */
#define _GNU_SOURCE

#include "check.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define NATIVEMALLOC_WEAK
#include "nativemalloc.h"

enum { PLACES = 10, SHARE = 4 };

struct sum {
    double bytes, variance, farthest;
};

static struct place {
    struct sum live, allocated;
    double estimate[2];
} places[PLACES + 1]; /* the last is all */

static double mean;
static long threads, live_bytes;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* What one thread knows of one place. */
struct tally {
    struct sum allocated, freed;
    double left; /* bytes that are yet to be allocated */
    uint64_t random;
    double kept;
};

static void add(struct sum *sum, double size)
{
    double chance = mean <= 1 ? 1 : -expm1(-size / mean);
    sum->bytes += size;
    sum->variance += size * size * (1 - chance) / chance;
    sum->farthest = fmax(sum->farthest, size * fmax(1, (1 - chance) / chance));
}

/* How far a sum may be off, but for one of a billion. */
static double bound(double variance, double farthest)
{
    double least = 0, most = 1e15;
    while (most - least > 1) {
        double off = (least + most) / 2, u = farthest * off / variance;
        double unlikely = variance / (farthest * farthest) * ((1 + u) * log1p(u) - u);
        *(unlikely < log(2e9) ? &least : &most) = off;
    }
    return most;
}

static void *made(struct tally *tally, void *block, size_t size)
{
    CHECK(block);
    add(&tally->allocated, size);
    tally->left -= size;
    return block;
}

static void release(struct tally *tally, void *block, size_t size)
{
    if (block) {
        add(&tally->freed, size);
        free(block);
    }
}

/* Of each four bytes one stays. */
static int stays(struct tally *tally, size_t size)
{
    if ((tally->kept + size) * SHARE > tally->allocated.bytes + tally->left)
        return 0;
    if (tally->kept + size > tally->allocated.bytes / SHARE)
        return 0;
    tally->kept += size;
    return 1;
}

static size_t between(struct tally *tally, size_t least, size_t most)
{
    return least + next_random(&tally->random) % (most - least + 1);
}

/* A function in a section of its own, by whose ends its frames are known. */
#define PLACE(number)                                                                                                   \
    extern char __start_place##number[], __stop_place##number[];                                                        \
    __attribute__((noinline, section("place" #number))) static void allocate##number(struct tally *tally)

PLACE(0) /* a list's nodes: half of them go at once */
{
    while (tally->left > 0) {
        void *block = made(tally, malloc(16), 16);
        if (!stays(tally, 16))
            release(tally, block, 16);
    }
}

PLACE(1) /* strings; the last thousand are in use, and of the others a part */
{
    static __thread struct { void *block; size_t size; } ring[1000];
    for (int i = 0; tally->left > 0; i = (i + 1) % 1000) {
        if (ring[i].block && !stays(tally, ring[i].size))
            release(tally, ring[i].block, ring[i].size);
        ring[i].size = between(tally, 20, 200);
        ring[i].block = made(tally, malloc(ring[i].size), ring[i].size);
    }
}

PLACE(2) /* tables that read zero */
{
    while (tally->left > 0) {
        void *block = made(tally, calloc(8, 125), 1000);
        if (!stays(tally, 1000))
            release(tally, block, 1000);
    }
}

PLACE(3) /* nothing stays */
{
    while (tally->left > 0)
        release(tally, made(tally, malloc(4096), 4096), 4096);
}

PLACE(4) /* a vector that grows: each step is another block */
{
    while (tally->left > 0) {
        void *block = NULL;
        size_t size = 0;
        for (size_t next = 48; next < 20000; next *= 2) {
            void *grown = realloc(block, next);
            CHECK(grown != block);
            if (block)
                add(&tally->freed, size);
            block = made(tally, grown, size = next);
        }
        if (!stays(tally, size))
            release(tally, block, size);
    }
}

PLACE(5) /* aligned ones */
{
    while (tally->left > 0) {
        size_t size = between(tally, 200, 700);
        void *block = made(tally, aligned_alloc(64, size), size);
        if (!stays(tally, size))
            release(tally, block, size);
    }
}

PLACE(6) /* of the largest classes, which read zero */
{
    while (tally->left > 0) {
        size_t size = between(tally, 40 << 10, 250 << 10);
        void *block = made(tally, calloc(1, size), size);
        if (!stays(tally, size))
            release(tally, block, size);
    }
}

PLACE(7) /* large ones of one size, again and again */
{
    while (tally->left > 0) {
        void *block = made(tally, malloc(300 << 10), 300 << 10);
        if (!stays(tally, 300 << 10))
            release(tally, block, 300 << 10);
    }
}

PLACE(8) /* large ones of all sizes */
{
    while (tally->left > 0) {
        size_t size = between(tally, 1 << 20, 4 << 20);
        void *block = made(tally, malloc(size), size);
        if (!stays(tally, size))
            release(tally, block, size);
    }
}

PLACE(9) /* large ones that change their size, in place or by moving */
{
    while (tally->left > 0) {
        size_t size = between(tally, 300 << 10, 600 << 10);
        void *block = made(tally, malloc(size), size);
        for (int step = 0; step < 4; step++) {
            size_t next = step == 2 ? size / 2 : size + size / 3;
            next = next < 300 << 10 ? 300 << 10 : next;
            block = realloc(block, next);
            add(&tally->freed, size);
            made(tally, block, size = next);
        }
        if (!stays(tally, size))
            release(tally, block, size);
    }
}

static void (*const functions[PLACES])(struct tally *) = {
    allocate0, allocate1, allocate2, allocate3, allocate4, allocate5, allocate6, allocate7, allocate8, allocate9,
};
static char *const starts[PLACES] = {
    __start_place0, __start_place1, __start_place2, __start_place3, __start_place4,
    __start_place5, __start_place6, __start_place7, __start_place8, __start_place9,
};
static char *const ends[PLACES] = {
    __stop_place0, __stop_place1, __stop_place2, __stop_place3, __stop_place4,
    __stop_place5, __stop_place6, __stop_place7, __stop_place8, __stop_place9,
};

static void *work(void *argument)
{
    for (int i = 0; i < PLACES; i++) {
        int place = (i + (int)(intptr_t)argument) % PLACES;
        struct tally tally = { .left = (double)live_bytes * SHARE / threads, .random = 88172645463325252u + (uintptr_t)argument * 77 + place };
        functions[place](&tally);
        pthread_mutex_lock(&lock);
        for (struct place *to = &places[place]; to; to = to == &places[PLACES] ? NULL : &places[PLACES]) {
            to->allocated.bytes += tally.allocated.bytes;
            to->allocated.variance += tally.allocated.variance;
            to->allocated.farthest = to->live.farthest = fmax(to->allocated.farthest, tally.allocated.farthest);
            to->live.bytes += tally.allocated.bytes - tally.freed.bytes;
            to->live.variance += tally.allocated.variance - tally.freed.variance;
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* "outermost;...;sites+0x1234 BYTES": the bytes belong to the place in which one of the frames lies. */
static void read_stack(char *line, int value, uintptr_t base)
{
    char *bytes = strrchr(line, ' ');
    CHECK(bytes);
    *bytes++ = 0;
    for (char *frame = strtok(line, ";"); frame; frame = strtok(NULL, ";")) {
        char *plus = strrchr(frame, '+');
        uintptr_t address = plus && strncmp(frame, "sites", 5) == 0 ? base + strtoull(plus + 1, NULL, 16) : 0;
        for (int i = 0; i < PLACES; i++)
            if (address >= (uintptr_t)starts[i] && address < (uintptr_t)ends[i]) {
                places[i].estimate[value] += atof(bytes);
                places[PLACES].estimate[value] += atof(bytes);
                return;
            }
    }
}

static void read_profile(int value)
{
    extern char __ehdr_start[];
    int file = memfd_create("profile", 0);
    CHECK(file >= 0 && nativemalloc_write_profile(file, NATIVEMALLOC_FOLDED, value) == 0);
    FILE *lines = fdopen(file, "r");
    rewind(lines);
    static char line[64 << 10];
    while (fgets(line, sizeof line, lines))
        read_stack(line, value, (uintptr_t)__ehdr_start);
    fclose(lines);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4 && nativemalloc_start_profiling && nativemalloc_write_profile);
    mean = atof(argv[1]);
    threads = atol(argv[2]);
    live_bytes = atol(argv[3]) << 20;
    CHECK(nativemalloc_start_profiling((uint64_t)mean) == 0);
    pthread_t all[64];
    CHECK(threads <= 64);
    for (long i = 0; i < threads; i++)
        CHECK(pthread_create(&all[i], NULL, work, (void *)(intptr_t)i) == 0);
    for (long i = 0; i < threads; i++)
        pthread_join(all[i], NULL);
    nativemalloc_stop_profiling();
    read_profile(NATIVEMALLOC_IN_USE);
    read_profile(NATIVEMALLOC_ALLOCATED);
    for (int i = 0; i <= PLACES; i++) {
        const struct sum *truth[] = { &places[i].live, &places[i].allocated };
        for (int value = 0; value < 2; value++) {
            double error = places[i].estimate[value] - truth[value]->bytes;
            double deviation = sqrt(truth[value]->variance > 0 ? truth[value]->variance : 0);
            printf("%s%c %s %.0f %.0f %.3f %.0f\n", i < PLACES ? "place" : "al", i < PLACES ? '0' + i : 'l', value ? "allocated" : "live",
                truth[value]->bytes, places[i].estimate[value], deviation > 1 ? error / deviation : error == 0 ? 0 : 1e9,
                deviation > 1 ? bound(deviation * deviation, truth[value]->farthest) : 0);
        }
    }
    return 0;
}
