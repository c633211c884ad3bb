/*
 * Which sizes of blocks a program holds: preloaded, it counts the live blocks of glibc's malloc by size, and when the process ends, adds
 * to a file how they were when they were most: lines "SIZE BYTES", of 64 sizes for each doubling.
 *
 *     SIZES=FILE LD_PRELOAD=sizes.so PROGRAM...
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size), *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size), __libc_free(void *block);

enum { STEPS = 64, DOUBLINGS = 48 };

static _Atomic long counts[DOUBLINGS * STEPS], live, peak;
static long at_peak[DOUBLINGS * STEPS];

/* glibc's blocks have 16 n + 8 bytes, at least 24, of which up to 15 were not asked for: 8 are taken for that. */
static size_t asked(void *block)
{
    size_t usable = malloc_usable_size(block);
    return usable < 200000 ? usable - 8 : usable;
}

static unsigned bucket(size_t size)
{
    unsigned doubling = 63 - (unsigned)__builtin_clzl(size);
    return doubling < 6 ? (unsigned)size : doubling * STEPS + (unsigned)((size >> (doubling - 6)) - STEPS);
}

static size_t size_of(unsigned bucket)
{
    unsigned doubling = bucket / STEPS;
    return doubling < 6 ? bucket : ((size_t)STEPS + bucket % STEPS) << (doubling - 6);
}

static void *count(void *block)
{
    if (!block)
        return block;
    size_t size = asked(block);
    counts[bucket(size)]++;
    long now = live += (long)size;
    if (now > peak + peak / 50 + 4096) { /* a copy at each 2 % will do */
        peak = now;
        for (unsigned i = 0; i < DOUBLINGS * STEPS; i++)
            at_peak[i] = counts[i];
    }
    return block;
}

static void forget(void *block)
{
    if (block) {
        size_t size = asked(block);
        counts[bucket(size)]--;
        live -= (long)size;
    }
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }
void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }
void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
void free(void *block) { forget(block), __libc_free(block); }

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block ? 0 : 12;
}

void *realloc(void *block, size_t size)
{
    forget(block);
    void *moved = __libc_realloc(block, size);
    return count(moved || !size ? moved : block), moved;
}

__attribute__((destructor)) static void report(void)
{
    static char text[DOUBLINGS * STEPS * 32];
    size_t length = 0;
    const char *name = getenv("SIZES");
    int file = name ? open(name, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (file < 0 || peak < 1 << 20) /* shells and other small ones around the program */
        return;
    for (unsigned i = 0; i < DOUBLINGS * STEPS; i++)
        if (at_peak[i] > 0)
            length += (size_t)sprintf(text + length, "%zu %.0f\n", size_of(i), (double)size_of(i) * at_peak[i]);
    if (write(file, text, length) < 0)
        perror(name);
}
