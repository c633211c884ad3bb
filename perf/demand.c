/*
 * What a program wants of memory, and when: preloaded, it follows the bytes in blocks of glibc's malloc, small ones (up to 256 KiB) and large
 * ones, and writes a line "MILLISECONDS SMALL LARGE" (KiB) to a file whenever they have changed by a part of their peak, so that a heap that
 * comes and goes is seen to. The rules are run over such recordings (tests/UnitTests/Policies).
 *
 *     DEMAND=FILE [PART=32] LD_PRELOAD=demand.so PROGRAM...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size), *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size), __libc_free(void *block);

enum { LARGEST_SMALL = 256 << 10, LEAST = 64 << 10, LINES = 1 << 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct timespec begin;
static long small, large, last, peak, part = 32;
static struct { long time, small, large; } lines[LINES];
static int count;

__attribute__((constructor)) static void start(void)
{
    clock_gettime(CLOCK_MONOTONIC, &begin);
    if (getenv("PART"))
        part = atol(getenv("PART"));
}

static void note(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (count < LINES) {
        lines[count].time = (now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000;
        lines[count].small = small;
        lines[count++].large = large;
    }
    last = small + large;
}

static void add(void *block, long sign)
{
    long size = (long)malloc_usable_size(block), change;
    pthread_mutex_lock(&lock);
    *(size <= LARGEST_SMALL ? &small : &large) += sign * size;
    change = labs(small + large - last);
    if (small + large > peak)
        peak = small + large;
    if (change >= LEAST && change >= peak / part)
        note();
    pthread_mutex_unlock(&lock);
}

static void *added(void *block)
{
    if (block)
        add(block, 1);
    return block;
}

void *malloc(size_t size) { return added(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) { return added(__libc_calloc(number, size)); }
void *memalign(size_t alignment, size_t size) { return added(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block ? 0 : 12;
}

void free(void *block)
{
    if (block)
        add(block, -1);
    __libc_free(block);
}

void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    if (size == 0)
        return free(block), NULL;
    add(block, -1);
    return added(__libc_realloc(block, size));
}

__attribute__((destructor)) static void report(void)
{
    const char *name = getenv("DEMAND");
    FILE *file = name && peak >= 1 << 20 ? fopen(name, "a") : NULL; /* shells and other small ones around the program are left out */
    if (!file)
        return;
    note();
    for (int i = 0, end = count; i < end; i++)
        fprintf(file, "%ld %ld %ld\n", lines[i].time, lines[i].small >> 10, lines[i].large >> 10);
    fclose(file);
}
