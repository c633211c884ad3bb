/* free and the other functions that give blocks back. */
#include "tools.h"

static void free_errno_small(void)
{
    for (size_t size = 0; size < 3000; size++) {
        void *block = malloc(size);
        errno = 123;
        free(block);
        CHECK(errno == 123);
    }
    errno = 124;
    free(NULL);
    CHECK(errno == 124);
}

static void free_errno_large(void)
{
    for (size_t size = 100 * KIB; size < 200 * MIB; size += size / 3) {
        char *block = malloc(size);
        CHECK(block);
        memset(block, 1, size);
        errno = 123;
        free(block);
        CHECK(errno == 123);
    }
}

/* So much that an allocator gives some of it back to the kernel. */
static void free_errno_to_kernel(void)
{
    enum { SMALL = 60000, LARGE = 60 };
    static void *blocks[SMALL + LARGE];
    for (int i = 0; i < SMALL + LARGE; i++) {
        size_t size = i < SMALL ? 3000 : 4 * MIB;
        CHECK((blocks[i] = malloc(size)));
        memset(blocks[i], 1, size);
    }
    for (int i = 0; i < SMALL + LARGE; i++) {
        errno = 77;
        free(blocks[i]);
        CHECK(errno == 77);
    }
}

/* C23: the size is the one that was asked for. */
static void free_with_size(void)
{
    free_sized(NULL, 0);
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        for (int round = 0; round < 20; round++) {
            free_sized(malloc(limits[i]), limits[i]);
            free_sized(calloc(1, limits[i]), limits[i]);
            errno = 5;
            free_sized(realloc(malloc(10), limits[i]), limits[i]);
            CHECK(errno == 5);
        }
}

static void free_with_alignment(void)
{
    free_aligned_sized(NULL, 64, 0);
    for (size_t alignment = 1; alignment <= MIB; alignment *= 2)
        for (size_t size = alignment; size < 5 * MIB; size *= 16)
            for (int round = 0; round < 5; round++) {
                void *block = aligned_alloc(alignment, size);
                CHECK(block);
                free_aligned_sized(block, alignment, size);
            }
}

/* MALLOCX_ZERO, MALLOCX_TCACHE_NONE and MALLOCX_ARENA(0): what changes no size, and nothing here. */
static const int other_flags[] = { 0, 0x40, 1 << 8, 1 << 20, 0x40 | 1 << 8 | 1 << 20 };

static void *allocate_aligned(int log, size_t size)
{
    void *block = log == 0 ? malloc(size) : aligned_alloc((size_t)1 << log, size);
    CHECK(block);
    return block;
}

/* jemalloc's manual: the real size of the allocation that would result, and 0 if there is none. */
static void room_is_usable(void)
{
    for (int log = 0; log < 18; log++)
        for (size_t i = 0; i < COUNT_OF(limits); i++) {
            size_t room = nallocx(limits[i], log | other_flags[i % COUNT_OF(other_flags)]);
            char *block = allocate_aligned(log, limits[i]), *second = allocate_aligned(log, limits[i]);
            CHECK(room >= limits[i] && malloc_usable_size(block) == room && malloc_usable_size(second) == room);
            fill(block, room, 1);
            fill(second, room, 2);
            CHECK(holds(block, room, room, 1));
            free(block);
            CHECK(holds(second, room, room, 2));
            free(second);
        }
    CHECK(nallocx(SIZE_MAX / 2 + 1, 0) == 0 && nallocx(SIZE_MAX, 0) == 0 && nallocx(SIZE_MAX - 100, 12) == 0 && nallocx(100, 63) == 0);
    CHECK(nallocx(SIZE_MAX / 2 - 100, 62) == 0);
}

/* The size is the one that was asked for, its room, or one between. */
static void free_with_room(void)
{
    for (int round = 0; round < 20; round++)
        for (int log = 0; log < 16; log += 3)
            for (size_t i = 0; i < COUNT_OF(limits); i++) {
                int flags = log | other_flags[round % COUNT_OF(other_flags)];
                size_t room = nallocx(limits[i], log), sizes[] = { limits[i], room, limits[i] + (room - limits[i]) / 2 };
                void *block = allocate_aligned(log, limits[i]);
                errno = 5;
                sdallocx(block, sizes[round % 3], flags);
                CHECK(errno == 5);
            }
    size_t before = peak();
    for (int i = 0; i < 2048; i++) {
        sdallocx(memset(malloc(MIB), 1, MIB), MIB, 0);
        CHECK(i % 64 != 0 || peak() < before + 256 * MIB);
    }
}

/* If it did not free, memory would fill. */
static void cfree_frees(void)
{
    cfree(NULL);
    size_t before = peak();
    for (int i = 0; i < 2048; i++) {
        char *block = malloc(MIB);
        CHECK(block);
        memset(block, 1, MIB);
        cfree(block);
        CHECK(i % 64 != 0 || peak() < before + 256 * MIB);
    }
}
