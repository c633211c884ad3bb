/*
 * Which sizes of blocks a program holds: preloaded, it counts the live blocks of glibc's malloc by the size that was asked for, in steps
 * of 16 bytes, and when the process ends, adds to a file what they were when they were most: lines "SIZE BYTES".
 *
 *     SIZES=FILE LD_PRELOAD=sizes.so PROGRAM...
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size), *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size), __libc_free(void *block);

/* Larger blocks are whole pages under any table of size classes. */
enum { STEP = 16, MOST = 256 << 10 };

static _Atomic long counts[MOST / STEP], live, peak;
static long at_peak[MOST / STEP];

/* The size is at the end of the block. The word before the block says how long that is, and in bit 1 whether it has a mapping to itself. */
static size_t *size_at(void *block)
{
    size_t word = ((size_t *)block)[-1], usable = (word & ~(size_t)7) - (word & 2 ? 2 : 1) * sizeof word;
    return (size_t *)((char *)block + usable) - 1;
}

static void add(size_t size, long sign)
{
    size_t bucket = size == 0 ? 0 : (size - 1) / STEP;
    if (bucket >= MOST / STEP)
        return;
    counts[bucket] += sign;
    long now = live += sign * (long)size;
    if (now > peak + peak / 50 + 4096) { /* a copy at each 2 % will do */
        peak = now;
        for (size_t i = 0; i < MOST / STEP; i++)
            at_peak[i] = counts[i];
    }
}

static void *count(void *block, size_t size)
{
    if (block) {
        *size_at(block) = size;
        add(size, 1);
    }
    return block;
}

static void forget(void *block)
{
    if (block)
        add(*size_at(block), -1);
}

void *malloc(size_t size) { return count(__libc_malloc(size + sizeof size), size); }
void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size + sizeof size), size); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
void free(void *block) { forget(block), __libc_free(block); }
size_t malloc_usable_size(void *block) { return block ? *size_at(block) : 0; }

void *calloc(size_t number, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(number, size, &bytes) ? NULL : count(__libc_calloc(1, bytes + sizeof bytes), bytes);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block ? 0 : 12;
}

void *realloc(void *block, size_t size)
{
    if (!block)
        return malloc(size);
    forget(block);
    if (size == 0)
        return __libc_free(block), NULL;
    return count(__libc_realloc(block, size + sizeof size), size);
}

__attribute__((destructor)) static void report(void)
{
    static char text[MOST / STEP * 32];
    size_t length = 0;
    const char *name = getenv("SIZES");
    int file = name ? open(name, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (file < 0 || peak < 1 << 20) /* shells and other small ones around the program */
        return;
    for (size_t i = 0; i < MOST / STEP; i++)
        if (at_peak[i] > 0)
            length += (size_t)sprintf(text + length, "%zu %zu\n", (i + 1) * STEP, (i + 1) * STEP * (size_t)at_peak[i]);
    if (write(file, text, length) < 0)
        perror(name);
}
