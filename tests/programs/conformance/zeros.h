/* calloc's memory reads zero, whatever was there before. */
#include "tools.h"

static void calloc_is_zero(void)
{
    for (size_t size = 0; size < 60 * MIB; size += size < 3000 ? 1 : size / 11) {
        unsigned char *block = calloc(1, size);
        CHECK(block && is_zero(block, size));
        memset(block, 0xff, size);
        free(block);
    }
}

static void calloc_multiplies(void)
{
    static const size_t counts[] = { 1, 3, 7, 64, 1000, 65537 };
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        for (size_t size = 1; size < 300; size += 13) {
            unsigned char *block = calloc(counts[i], size);
            CHECK(block && malloc_usable_size(block) >= counts[i] * size && is_zero(block, counts[i] * size));
            memset(block, 0xff, counts[i] * size);
            free(block);
        }
}

/* Memory that was written in blocks of one size, given back, and comes again in blocks of another. */
static void calloc_of_reused(void)
{
    enum { MANY = 60 };
    static const size_t sizes[] = { 1, 16, 40, 500, 4000, 9000, 40000, 150000, 270000, 600000 };
    void *blocks[MANY];
    for (size_t i = 0; i < COUNT_OF(sizes); i++)
        for (size_t k = 0; k < COUNT_OF(sizes); k++) {
            for (int n = 0; n < MANY; n++) {
                CHECK((blocks[n] = malloc(sizes[i])));
                memset(blocks[n], 0xa5, sizes[i]);
            }
            for (int n = 0; n < MANY; n++)
                free(blocks[n]);
            for (int n = 0; n < MANY; n++)
                CHECK((blocks[n] = calloc(1, sizes[k])) && is_zero(blocks[n], sizes[k]));
            for (int n = 0; n < MANY; n++)
                free(blocks[n]);
        }
}

/* A program may write to the usable end of a block; calloc's part of it is zero all the same. */
static void calloc_of_reused_to_its_end(void)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++)
        for (int round = 0; round < 3; round++) {
            void *block = calloc(1, limits[i]);
            CHECK(block && is_zero(block, limits[i]));
            memset(block, 0x7e, malloc_usable_size(block));
            free(block);
        }
}

/* Large blocks that grew, in place or by moving their pages, or shrank, leave dirty memory behind. */
static void calloc_after_realloc(void)
{
    for (size_t size = 300 * KIB; size < 40 * MIB; size += size / 2) {
        unsigned char *block = calloc(1, size);
        CHECK(block && is_zero(block, size));
        memset(block, 0x11, size);
        block = realloc(block, size * 2);
        CHECK(block && block[size - 1] == 0x11);
        memset(block, 0x22, size * 2);
        unsigned char *second = calloc(1, size);
        CHECK(second && is_zero(second, size));
        memset(second, 0x33, size);
        block = realloc(block, size / 3);
        CHECK(block && block[size / 3 - 1] == 0x22);
        unsigned char *third = calloc(1, size + size / 2);
        CHECK(third && is_zero(third, size + size / 2));
        free(second);
        free(block);
        free(third);
        block = calloc(1, size * 2);
        CHECK(block && is_zero(block, size * 2));
        memset(block, 0x44, size * 2);
        free(block);
    }
}

static void calloc_after_trim(void)
{
    for (size_t size = 100; size < 20 * MIB; size *= 3) {
        unsigned char *block = malloc(size);
        CHECK(block);
        memset(block, 0x99, size);
        free(block);
        trim();
        block = calloc(1, size);
        CHECK(block && is_zero(block, size));
        memset(block, 0x98, size);
        free(block);
    }
}

/* Random lives, in which every block is dirtied and every third comes from calloc. */
static void calloc_among_others(void)
{
    enum { MANY = 500 };
    static struct { void *block; size_t size; } slots[MANY];
    uint64_t random = 31337;
    for (int round = 0; round < 60000; round++) {
        size_t i = next_random(&random) % MANY;
        size_t size = next_random(&random) % (round % 300 == 0 ? 6 * MIB : round % 10 == 0 ? 100000 : 2000) + 1;
        switch (next_random(&random) % 3) {
        case 0:
            free(slots[i].block);
            CHECK((slots[i].block = calloc(1, size)) && is_zero(slots[i].block, size));
            break;
        case 1:
            free(slots[i].block);
            CHECK((slots[i].block = malloc(size)));
            break;
        default:
            CHECK((slots[i].block = realloc(slots[i].block, size)));
            break;
        }
        slots[i].size = size;
        memset(slots[i].block, 0xdb, size);
    }
    for (size_t i = 0; i < MANY; i++)
        free(slots[i].block);
}
