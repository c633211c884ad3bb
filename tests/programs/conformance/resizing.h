/* realloc in every direction. */
#include "tools.h"

static void realloc_of_null(void)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        void *block = realloc(NULL, limits[i]);
        CHECK(block && malloc_usable_size(block) >= limits[i]);
        fill(block, limits[i], 1);
        free(block);
    }
}

/* glibc's manual: size 0 frees the block and gives NULL. If it did not free, memory would fill. */
static void realloc_to_0(void)
{
    size_t before = peak();
    for (int i = 0; i < 2048; i++) {
        size_t size = i % 2 ? MIB : 32 * KIB;
        char *block = malloc(size);
        CHECK(block);
        memset(block, 1, size);
        CHECK(realloc(block, 0) == NULL);
        CHECK(i % 64 != 0 || peak() < before + 256 * MIB);
    }
}

/* From each size to each other, with a neighbour behind the block, and without one. */
static void realloc_across(void)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        for (size_t k = 0; k < COUNT_OF(limits); k++)
            for (int hemmed = 0; hemmed < 2; hemmed++) {
                void *block = malloc(limits[i]);
                CHECK(block);
                void *neighbour = hemmed ? malloc(limits[i]) : NULL;
                fill(block, limits[i], (unsigned)(i + k));
                block = realloc(block, limits[k]);
                CHECK(block && malloc_usable_size(block) >= limits[k]);
                CHECK(holds(block, limits[i], limits[k], (unsigned)(i + k)));
                fill(block, limits[k], 5);
                free(neighbour);
                CHECK(holds(block, limits[k], limits[k], 5));
                free(block);
            }
}

/* Up to 200 MiB and down again in small steps, as buffers and arenas do. */
static void realloc_steps(void)
{
    size_t size = 1;
    void *block = malloc(size), *between[400] = { NULL };
    int n = 0;
    fill(block, size, 7);
    while (size < 200 * MIB) {
        size_t next = size + size / 5 + 1;
        block = realloc(block, next);
        CHECK(block && holds(block, size, size, 7));
        fill(block, next, 7);
        size = next;
        if (n < 400)
            between[n++] = malloc(size / 16);
    }
    while (size > 1) {
        size_t next = size - size / 6 - 1;
        block = realloc(block, next);
        CHECK(block && holds(block, next, next, 7));
        fill(block, next, 7);
        size = next;
    }
    free(block);
    while (n > 0)
        free(between[--n]);
}

/* Many blocks in random order, so that they grow into and move out of what others left. */
static void realloc_random(void)
{
    enum { MANY = 60 };
    static struct { void *block; size_t size; unsigned seed; } slots[MANY];
    uint64_t random = 5;
    for (unsigned round = 1; round < 6000; round++) {
        size_t i = next_random(&random) % MANY;
        size_t size = next_random(&random) % (round % 100 == 0 ? 12 * MIB : round % 5 == 0 ? 400 * KIB : 3000) + 1;
        void *block = realloc(slots[i].block, size);
        CHECK(block && malloc_usable_size(block) >= size);
        CHECK(holds(block, slots[i].size, size, slots[i].seed));
        fill(block, size, round);
        slots[i].block = block;
        slots[i].size = size;
        slots[i].seed = round;
    }
    for (size_t i = 0; i < MANY; i++) {
        CHECK(holds(slots[i].block, slots[i].size, slots[i].size, slots[i].seed));
        free(slots[i].block);
    }
}

/* A block that was aligned keeps its contents; its alignment is not promised. */
static void realloc_of_aligned(void)
{
    for (size_t alignment = 16; alignment <= 4 * MIB; alignment *= 4)
        for (size_t size = 1; size < 9 * MIB; size = size * 7 + 3) {
            size_t sizes[] = { size / 3 + 1, size + 1, size * 3 };
            for (size_t i = 0; i < COUNT_OF(sizes); i++) {
                void *block = NULL;
                CHECK(posix_memalign(&block, alignment, size) == 0);
                fill(block, size, 9);
                block = realloc(block, sizes[i]);
                CHECK(block && malloc_usable_size(block) >= sizes[i] && holds(block, size, sizes[i], 9));
                free(block);
            }
        }
}

static void reallocarray_multiplies(void)
{
    void *block = reallocarray(NULL, 100, 10);
    CHECK(block && malloc_usable_size(block) >= 1000);
    fill(block, 1000, 2);
    block = reallocarray(block, 70000, 33);
    CHECK(block && malloc_usable_size(block) >= 70000 * 33 && holds(block, 1000, 1000, 2));
    block = reallocarray(block, 3, 300);
    CHECK(block && holds(block, 1000, 900, 2));
    free(block);
}
