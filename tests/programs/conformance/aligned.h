/* The functions that allocate to an alignment. */
#include "tools.h"

static void *by_posix_memalign(size_t alignment, size_t size)
{
    void *block = NULL;
    CHECK(posix_memalign(&block, alignment, size) == 0);
    return block;
}

static void aligned_from(size_t first, size_t last, void *(*allocate)(size_t alignment, size_t size))
{
    static const size_t sizes[] = { 1, 8, 17, 100, 1000, 4096, 5000, 33000, 300000, 3 * MIB };
    for (size_t alignment = first; alignment <= last; alignment *= 2)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            void *first_block = allocate(alignment, sizes[i]), *second = allocate(alignment, sizes[i]);
            CHECK(first_block && (uintptr_t)first_block % alignment == 0);
            CHECK(second && (uintptr_t)second % alignment == 0 && second != first_block);
            size_t usable = malloc_usable_size(first_block);
            CHECK(usable >= sizes[i]);
            /* The usable part may be as large as the alignment: its beginning and its end are enough. */
            size_t filled = usable < sizes[i] + MIB ? usable : sizes[i] + MIB;
            fill(first_block, filled, 1);
            fill((char *)first_block + usable - filled, filled, 1);
            fill(first_block, filled, 1);
            fill(second, sizes[i], 2);
            CHECK(holds(first_block, filled, filled, 1) && malloc_usable_size(first_block) == usable);
            free(first_block);
            CHECK(holds(second, sizes[i], sizes[i], 2));
            free(second);
        }
}

/* Alignments below 16 are no reason to give less than malloc does. */
static void aligned_to_16(void)
{
    for (size_t alignment = 1; alignment <= 16; alignment *= 2)
        for (size_t size = 1; size < 5000; size += size / 20 + 1) {
            void *blocks[] = { by_posix_memalign(alignment < 8 ? 8 : alignment, size), aligned_alloc(alignment, size),
                               memalign(alignment, size) };
            for (size_t i = 0; i < COUNT_OF(blocks); i++)
                CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
            for (size_t i = 0; i < COUNT_OF(blocks); i++)
                free(blocks[i]);
        }
}

/* As malloc(0): a block without room, unlike every other, that can be freed. */
static void aligned_0(void)
{
    for (size_t alignment = 8; alignment <= MIB; alignment *= 2) {
        void *blocks[] = { by_posix_memalign(alignment, 0), aligned_alloc(alignment, 0), memalign(alignment, 0),
                           by_posix_memalign(alignment, 0), aligned_alloc(alignment, 0), memalign(alignment, 0) };
        for (size_t i = 0; i < COUNT_OF(blocks); i++) {
            CHECK(blocks[i] != NULL);
            CHECK((uintptr_t)blocks[i] % alignment == 0);
            for (size_t k = 0; k < i; k++)
                CHECK(blocks[k] != blocks[i]);
        }
        for (size_t i = 0; i < COUNT_OF(blocks); i++)
            free(blocks[i]);
    }
}

static void aligned_posix_memalign(void)
{
    aligned_from(sizeof(void *), 64 * MIB, by_posix_memalign);
}

static void aligned_aligned_alloc(void)
{
    aligned_from(1, 64 * MIB, aligned_alloc);
}

static void aligned_memalign(void)
{
    aligned_from(1, 64 * MIB, memalign);
}

static void aligned_1_gib(void)
{
    aligned_from(128 * MIB, GIB, by_posix_memalign);
    aligned_from(128 * MIB, GIB, aligned_alloc);
    aligned_from(128 * MIB, GIB, memalign);
}

static void *by_valloc(size_t alignment, size_t size)
{
    CHECK(alignment == 4096);
    return valloc(size);
}

static void *by_pvalloc(size_t alignment, size_t size)
{
    CHECK(alignment == 4096);
    void *block = pvalloc(size);
    CHECK(malloc_usable_size(block) >= (size + 4095) / 4096 * 4096);
    return block;
}

static void aligned_valloc(void)
{
    aligned_from(4096, 4096, by_valloc);
}

/* Whole pages: the last one's end belongs to the block. */
static void aligned_pvalloc(void)
{
    aligned_from(4096, 4096, by_pvalloc);
}

static void posix_memalign_codes(void)
{
    static const size_t wrong[] = { 0, 1, 2, 4, 3, 7, 9, 12, 24, 48, 100, 4095, 4097, SIZE_MAX, SIZE_MAX - 7, SIZE_MAX / 2 };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        void *block = (void *)1;
        errno = 9;
        CHECK(posix_memalign(&block, wrong[i], 100) == EINVAL && block == (void *)1 && errno == 9);
        CHECK(posix_memalign(&block, wrong[i], 0) == EINVAL && block == (void *)1 && errno == 9);
    }
}

/* POSIX gives the error as the result; errno is the caller's. */
static void posix_memalign_errno(void)
{
    void *block = (void *)1;
    errno = 9;
    CHECK(posix_memalign(&block, 64, (size_t)PTRDIFF_MAX + 1) == ENOMEM && block == (void *)1);
    CHECK(errno == 9);
    CHECK(posix_memalign(&block, 4096, SIZE_MAX) == ENOMEM && block == (void *)1);
    CHECK(errno == 9);
    CHECK(posix_memalign(&block, 4096, (size_t)1 << 50) == ENOMEM && block == (void *)1);
    CHECK(errno == 9);
}

static void aligned_alloc_not_power(void)
{
    static const size_t wrong[] = { 0, 3, 5, 24, 100, 4097, SIZE_MAX };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        errno = 0;
        CHECK(aligned_alloc(wrong[i], 100) == NULL);
        CHECK(errno == EINVAL);
    }
}

/* glibc's manual of memalign: other alignments are rounded up to a power of two. */
static void memalign_rounds_up(void)
{
    static const size_t alignments[][2] = { { 24, 32 }, { 33, 64 }, { 100, 128 }, { 3000, 4096 }, { 5000, 8192 }, { 3 * MIB, 4 * MIB } };
    for (size_t i = 0; i < COUNT_OF(alignments); i++)
        for (int n = 0; n < 30; n++) {
            void *block = memalign(alignments[i][0], 100), *between = malloc(100);
            CHECK(block && (uintptr_t)block % alignments[i][1] == 0);
            free(n % 2 ? block : between);
            free(n % 2 ? between : block);
        }
    void *block = memalign(0, 100);
    CHECK(block && (uintptr_t)block % 16 == 0);
    free(block);
}

/* Blocks of many alignments live at once and come and go; none overlaps another. */
static void aligned_apart(void)
{
    enum { MANY = 300 };
    static struct { void *block; size_t size; unsigned seed; } slots[MANY];
    uint64_t random = 77;
    for (unsigned round = 1; round < 30000; round++) {
        size_t i = next_random(&random) % MANY;
        if (slots[i].block)
            CHECK(holds(slots[i].block, slots[i].size, slots[i].size, slots[i].seed));
        free(slots[i].block);
        size_t alignment = (size_t)16 << next_random(&random) % (round % 100 == 0 ? 18 : 9);
        slots[i].size = next_random(&random) % (round % 50 == 0 ? 500000 : 3000) + 1;
        slots[i].block = round % 3 ? by_posix_memalign(alignment, slots[i].size) : malloc(slots[i].size);
        slots[i].seed = round;
        CHECK(slots[i].block);
        CHECK(round % 3 == 0 || (uintptr_t)slots[i].block % alignment == 0);
        fill(slots[i].block, slots[i].size, round);
    }
    for (size_t i = 0; i < MANY; i++)
        free(slots[i].block);
}
