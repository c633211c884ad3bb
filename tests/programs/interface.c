/*
 * Every function of the interface once, with what C, POSIX and glibc's manual promise of it. Passes on glibc's malloc too,
 * but for errno after posix_memalign, which glibc sets and POSIX does not.
 *
 *     interface [glibc]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>

#include "check.h"
#include "mallinfo.h"

/* In C23, and not yet in every libc. */
extern void free_sized(void *block, size_t size) __attribute__((weak));
extern void free_aligned_sized(void *block, size_t alignment, size_t size) __attribute__((weak));

static int on_glibc;

static const size_t huge = (size_t)PTRDIFF_MAX + 1;

static void fill_and_check(void *block, size_t size)
{
    unsigned char *bytes = block;
    CHECK(malloc_usable_size(block) >= size);
    memset(block, 0x5a, malloc_usable_size(block));
    CHECK(size == 0 || (bytes[0] == 0x5a && bytes[size - 1] == 0x5a));
}

static void sizes(void)
{
    for (size_t size = 0; size < 3 << 20; size += 1 + size / 37) {
        void *block = malloc(size);
        CHECK(block && (uintptr_t)block % 16 == 0);
        fill_and_check(block, size);
        errno = 123;
        free(block);
        CHECK(errno == 123);

        unsigned char *zeroed = calloc(1, size);
        CHECK(zeroed);
        for (size_t i = 0; i < size; i++)
            CHECK(zeroed[i] == 0);
        memset(zeroed, 0xff, size);
        free(zeroed);
    }
    void *a = malloc(0), *b = malloc(0);
    CHECK(a && b && a != b);
    free(a);
    free(b);
    free(NULL);
}

static void failures(void)
{
    size_t too_large[] = { huge, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 126, SIZE_MAX - 4096, SIZE_MAX / 2 + 100 };
    for (size_t i = 0; i < sizeof too_large / sizeof *too_large; i++) {
        size_t size = too_large[i];
        void *p = NULL;
        KEEP(size);
        errno = 0;
        CHECK(malloc(size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(calloc(1, size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(memalign(64, size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(aligned_alloc(64, size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(valloc(size) == NULL && errno == ENOMEM);
        errno = 0;
        CHECK(pvalloc(size) == NULL && errno == ENOMEM);
        errno = 5;
        CHECK(posix_memalign(&p, 64, size) == ENOMEM && p == NULL && (errno == 5 || on_glibc));
        void *block = malloc(100);
        memset(block, 7, 100);
        errno = 0;
        CHECK(realloc(block, size) == NULL && errno == ENOMEM);
        CHECK(((char *)block)[99] == 7);
        free(block);
    }
    size_t half = SIZE_MAX / 2 + 2;
    KEEP(half);
    errno = 0;
    CHECK(calloc(half, 2) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(reallocarray(NULL, half, 2) == NULL && errno == ENOMEM);
}

static void alignments(void)
{
    for (size_t alignment = 8; alignment <= 64 << 20; alignment *= 2)
        for (size_t size = 0; size < 100000; size = size * 3 + 1) {
            void *p = NULL;
            CHECK(posix_memalign(&p, alignment, size) == 0 && p && (uintptr_t)p % alignment == 0);
            fill_and_check(p, size);
            p = realloc(p, size + 5000);
            CHECK(p && (size == 0 || ((unsigned char *)p)[size - 1] == 0x5a));
            free(p);
            p = aligned_alloc(alignment, size);
            CHECK(p && (uintptr_t)p % alignment == 0);
            free(p);
            p = memalign(alignment, size);
            CHECK(p && (uintptr_t)p % alignment == 0);
            free(p);
        }
    void *p = (void *)1;
    errno = 9;
    CHECK(posix_memalign(&p, 3, 10) == EINVAL && posix_memalign(&p, 4, 10) == EINVAL && posix_memalign(&p, 0, 10) == EINVAL);
    CHECK(p == (void *)1 && errno == 9);
    p = memalign(24, 100);
    CHECK(p && (uintptr_t)p % 32 == 0);
    free(p);
    p = valloc(100);
    CHECK(p && (uintptr_t)p % 4096 == 0);
    free(p);
    p = pvalloc(100);
    CHECK(p && (uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 4096);
    free(p);
}

static void reallocations(void)
{
    uint64_t seed = 4711;
    unsigned char *block = NULL;
    size_t size = 0;
    for (int i = 0; i < 4000; i++) {
        size_t next = next_random(&seed) % (i % 50 == 0 ? 12 << 20 : i % 5 == 0 ? 400000 : 3000) + 1;
        unsigned char *moved = realloc(block, next);
        CHECK(moved && malloc_usable_size(moved) >= next);
        size_t common = size < next ? size : next;
        for (size_t k = 0; k < common; k += 1 + common / 997)
            CHECK(moved[k] == (unsigned char)(k * 31));
        block = moved;
        size = next;
        for (size_t k = 0; k < size; k++)
            block[k] = (unsigned char)(k * 31);
    }
    CHECK(realloc(block, 0) == NULL);
    uintptr_t least = (uintptr_t)(block = malloc(1));
    if (malloc_usable_size(block) >= 16) /* not in checking mode: the least block there is */
        CHECK((uintptr_t)(block = realloc(block, 16)) == least && (uintptr_t)(block = realloc(block, 1)) == least);
    free(block);
    block = reallocarray(NULL, 100, 10);
    CHECK(block);
    block = reallocarray(block, 1000, 10);
    CHECK(block && malloc_usable_size(block) >= 10000);
    free(block);
    if (free_sized) {
        free_sized(malloc(77), 77);
        free_sized(NULL, 0);
        free_aligned_sized(aligned_alloc(64, 128), 64, 128);
    }
}

static void introspection(void)
{
    CHECK(malloc_usable_size(NULL) == 0);
    CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
    CHECK(mallopt(M_MXFAST, 160) == 1 && mallopt(M_MXFAST, 161) == 0 && mallopt(M_MXFAST, -1) == 0);
    CHECK(mallopt(77, 1) == 1); /* there is none */
    void *small = malloc(1000), *large = malloc(10 << 20);
    struct mallinfo2 before = mallinfo2();
    CHECK(before.uordblks + before.hblkhd >= 1000 + (10 << 20));
    memset(large, 1, 10 << 20);
    free(large);
    struct mallinfo2 after = mallinfo2();
    CHECK(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd);
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    CHECK(mallinfo().uordblks > 0);
    free(small);
    CHECK(malloc_info(1, stdout) == EINVAL);
    CHECK(malloc_info(0, stdout) == 0);
    trim();
}

int main(int argc, char **argv)
{
    on_glibc = argc > 1 && strcmp(argv[1], "glibc") == 0;
    sizes();
    failures();
    alignments();
    reallocations();
    introspection();
    return 0;
}
