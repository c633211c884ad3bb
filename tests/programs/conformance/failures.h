/* What cannot be had: NULL and ENOMEM, and nothing else is harmed. */
#include "tools.h"

/* More than any object may have, so that differences of pointers can be told, or more than the address space has. */
static const size_t too_large[] = {
    (size_t)PTRDIFF_MAX + 1, SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 14, SIZE_MAX - 15, SIZE_MAX - 16, SIZE_MAX - 31, SIZE_MAX - 126,
    SIZE_MAX - 4094, SIZE_MAX - 4095, SIZE_MAX - 4096, SIZE_MAX - 8191, SIZE_MAX - 2 * MIB, SIZE_MAX / 2 + 4096,
    SIZE_MAX / 4 * 3, PTRDIFF_MAX, PTRDIFF_MAX - 4096, (size_t)1 << 62, (size_t)1 << 48,
};

/* For each size, with errno cleared: the call gives NULL and ENOMEM, and a small block can still be had. */
#define REFUSED(call)                                                  \
    for (size_t i = 0; i < COUNT_OF(too_large); i++) {                 \
        size_t size = too_large[i];                                    \
        KEEP(size);                                                    \
        errno = 0;                                                     \
        CHECK((call) == NULL);                                         \
        CHECK(errno == ENOMEM);                                        \
        void *small = malloc(10);                                      \
        CHECK(small);                                                  \
        free(small);                                                   \
    }

static void too_large_malloc(void)
{
    REFUSED(malloc(size));
}

static void too_large_calloc(void)
{
    REFUSED(calloc(1, size));
    REFUSED(calloc(size, 1));
}

static void too_large_realloc(void)
{
    REFUSED(realloc(NULL, size));
}

static void too_large_reallocarray(void)
{
    REFUSED(reallocarray(NULL, 1, size));
    REFUSED(reallocarray(NULL, size, 1));
}

static void too_large_aligned_alloc(void)
{
    REFUSED(aligned_alloc(16, size));
    REFUSED(aligned_alloc(64, size));
    REFUSED(aligned_alloc(2 * MIB, size));
}

static void too_large_memalign(void)
{
    REFUSED(memalign(16, size));
    REFUSED(memalign(64, size));
    REFUSED(memalign(2 * MIB, size));
}

static void too_large_posix_memalign(void)
{
    size_t alignments[] = { 8, 16, 64, 4096, 2 * MIB };
    for (size_t i = 0; i < COUNT_OF(too_large); i++)
        for (size_t k = 0; k < COUNT_OF(alignments); k++) {
            void *block = (void *)1;
            CHECK(posix_memalign(&block, alignments[k], too_large[i]) == ENOMEM && block == (void *)1);
        }
}

static void too_large_valloc(void)
{
    REFUSED(valloc(size));
}

static void too_large_pvalloc(void)
{
    REFUSED(pvalloc(size));
}

/* An alignment that no address has room for. */
static void too_large_alignment(void)
{
    for (int bit = 48; bit < 64; bit++) {
        void *block = (void *)1;
        CHECK(posix_memalign(&block, (size_t)1 << bit, 100) == ENOMEM && block == (void *)1);
        errno = 0;
        CHECK(memalign((size_t)1 << bit, 100) == NULL);
        CHECK(errno != 0);
        errno = 0;
        CHECK(aligned_alloc((size_t)1 << bit, 100) == NULL);
        CHECK(errno != 0);
    }
}

/* Products that wrap around to a size that could be had, or to zero. */
static const size_t factors[][2] = {
    { SIZE_MAX / 2 + 2, 2 }, { 2, SIZE_MAX / 2 + 2 }, { (size_t)1 << 32, (size_t)1 << 32 }, { ((size_t)1 << 32) + 1, (size_t)1 << 32 },
    { SIZE_MAX, SIZE_MAX }, { SIZE_MAX / 3 + 1, 3 }, { (size_t)1 << 63, 2 }, { (size_t)1 << 61, 16 }, { ((size_t)1 << 60) + 1, 16 },
};

static void overflow_calloc(void)
{
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        errno = 0;
        CHECK(calloc(factors[i][0], factors[i][1]) == NULL);
        CHECK(errno == ENOMEM);
    }
}

static void overflow_reallocarray(void)
{
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        errno = 0;
        CHECK(reallocarray(NULL, factors[i][0], factors[i][1]) == NULL);
        CHECK(errno == ENOMEM);
        void *block = malloc(100);
        fill(block, 100, 8);
        errno = 0;
        CHECK(reallocarray(block, factors[i][0], factors[i][1]) == NULL);
        CHECK(errno == ENOMEM);
        CHECK(holds(block, 100, 100, 8));
        free(block);
    }
}

/* After a realloc that failed the block is there, as it was. */
static void failed_realloc(void)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        void *block = malloc(limits[i]);
        CHECK(block);
        size_t usable = malloc_usable_size(block);
        fill(block, usable, (unsigned)i);
        for (size_t k = 0; k < COUNT_OF(too_large); k++) {
            errno = 0;
            CHECK(realloc(block, too_large[k]) == NULL);
            CHECK(errno == ENOMEM);
            CHECK(malloc_usable_size(block) == usable);
        }
        CHECK(holds(block, usable, usable, (unsigned)i));
        block = realloc(block, limits[i] + 5000);
        CHECK(block && holds(block, usable, limits[i], (unsigned)i));
        free(block);
    }
}

/* Allocates until there is no more, gives all back, and can allocate again; the last block that was had is whole. */
static void exhaust(size_t size)
{
    const struct rlimit limit = { 256 * MIB, RLIM_INFINITY };
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    for (int round = 0; round < 2; round++) {
        void **last = NULL;
        size_t sum = 0;
        for (;;) {
            errno = 0;
            void **block = malloc(size);
            if (!block)
                break;
            *block = last;
            last = block;
            sum += size;
            CHECK(sum < GIB);
        }
        CHECK(errno == ENOMEM);
        CHECK(sum > 32 * MIB);
        errno = 0;
        CHECK(calloc(1, 300 * MIB) == NULL);
        CHECK(errno == ENOMEM);
        errno = 0;
        CHECK(realloc(last, 300 * MIB) == NULL);
        CHECK(errno == ENOMEM);
        while (last) {
            void **before = *last;
            free(last);
            last = before;
        }
    }
}

static void exhausted_small(void)
{
    exhaust(48);
}

static void exhausted_medium(void)
{
    exhaust(5000);
}

static void exhausted_large(void)
{
    exhaust(3 * MIB);
}
