/* What the conformance checks share: names that not every libc has, patterns, lists of sizes, the peak of memory. */
#ifndef CONFORMANCE_TOOLS_H
#define CONFORMANCE_TOOLS_H

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "../check.h"
#include "../mallinfo.h"

/* In C23, and not yet in every libc. */
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

/* jemalloc's, which some others offer: room for a size, and free for who knows one of the two. The flags' lowest six bits are an alignment. */
extern size_t nallocx(size_t size, int flags) __attribute__((weak));
extern void sdallocx(void *block, size_t size, int flags) __attribute__((weak));

/* Old programs have it, and new ones cannot link with it. */
extern void cfree(void *block) __attribute__((weak));

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The byte that belongs at a place: neighbours, pages and blocks of another seed have others there. */
static inline unsigned char pattern(size_t place, unsigned seed)
{
    return (unsigned char)((place + seed * 0x51ed27u + 1) * 0x9e3779b97f4a7c15u >> 56);
}

enum { TAIL = 64 };

/* The next place that is looked at: each in small blocks, some of every page in larger ones, some pages of the largest. */
static inline size_t next_place(size_t place)
{
    return place + (place < 16 * KIB ? 1 : place < MIB ? 509 : 9001);
}

/* Writes the pattern to those places, and to the block's end. */
static inline void fill(void *block, size_t size, unsigned seed)
{
    unsigned char *bytes = block;
    for (size_t i = 0; i < size; i = next_place(i))
        bytes[i] = pattern(i, seed);
    for (size_t i = size > TAIL ? size - TAIL : 0; i < size; i++)
        bytes[i] = pattern(i, seed);
}

/* Whether the first bytes of a block still hold what fill wrote when it was so large. */
static inline int holds(const void *block, size_t filled, size_t bytes_now, unsigned seed)
{
    const unsigned char *bytes = block;
    for (size_t i = 0; i < filled && i < bytes_now; i = next_place(i))
        if (bytes[i] != pattern(i, seed))
            return 0;
    for (size_t i = filled > TAIL ? filled - TAIL : 0; i < filled && i < bytes_now; i++)
        if (bytes[i] != pattern(i, seed))
            return 0;
    return 1;
}

static inline int is_zero(const void *block, size_t size)
{
    const unsigned char *bytes = block;
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Sizes around the places where allocators change their ways: classes, pages, spans, huge pages, mmap and mremap. */
static const size_t limits[] = {
    1, 15, 16, 17, 24, 25, 128, 129, 1000, 1024, 1025, 4095, 4096, 4097, 8192, 8193, 32 * KIB, 32 * KIB + 1, 64 * KIB,
    128 * KIB - 16, 128 * KIB, 128 * KIB + 1, 256 * KIB, 256 * KIB + 1, 512 * KIB, 1 * MIB, 1 * MIB + 1, 2 * MIB - 4096, 2 * MIB,
    2 * MIB + 1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB, 33 * MIB + 5,
};

/* The most memory, in bytes, that the process has had so far. */
static inline size_t peak(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (size_t)usage.ru_maxrss * KIB;
}

#endif
