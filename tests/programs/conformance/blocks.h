/* What holds of every block: alignment, room, and that nobody else has it. */
#include <pthread.h>

#include "tools.h"

/* glibc's manual: "a multiple of 16 on 64-bit systems", also of blocks that are smaller than that. */
static void alignment(void)
{
    for (size_t size = 1; size < 4 * MIB; size += size < 4096 ? 1 : size / 41) {
        void *blocks[] = { malloc(size), calloc(1, size), realloc(NULL, size), realloc(malloc(size / 2 + 1), size) };
        for (size_t i = 0; i < COUNT_OF(blocks); i++) {
            CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
            free(blocks[i]);
        }
    }
}

/* Alignments are luck where a block stands alone: many at once, of every small size. */
static void alignment_many(void)
{
    enum { MANY = 200 };
    for (size_t size = 1; size <= 1100; size++) {
        void *blocks[MANY];
        for (int i = 0; i < MANY; i++) {
            blocks[i] = malloc(size);
            CHECK(blocks[i] && (uintptr_t)blocks[i] % 16 == 0);
        }
        for (int i = 0; i < MANY; i++)
            free(blocks[i]);
    }
}

static void unique(void *(*allocate)(void))
{
    enum { MANY = 1000 };
    void *blocks[MANY];
    for (int i = 0; i < MANY; i++) {
        blocks[i] = allocate();
        CHECK(blocks[i]);
        for (int k = 0; k < i; k++)
            CHECK(blocks[k] != blocks[i]);
    }
    for (int i = 0; i < MANY; i++)
        free(blocks[i]);
}

static void *malloc_of_nothing(void)
{
    return malloc(0);
}

static void *calloc_of_no_element(void)
{
    return calloc(0, 100);
}

static void *calloc_of_no_size(void)
{
    return calloc(100, 0);
}

static void *realloc_of_nothing(void)
{
    return realloc(NULL, 0);
}

static void malloc_0(void)
{
    unique(malloc_of_nothing);
}

static void calloc_0(void)
{
    unique(calloc_of_no_element);
    unique(calloc_of_no_size);
}

static void realloc_null_0(void)
{
    unique(realloc_of_nothing);
}

static void free_null(void)
{
    for (int i = 0; i < 100; i++)
        free(NULL);
}

static void usable_size(void)
{
    CHECK(malloc_usable_size(NULL) == 0);
    for (size_t size = 1; size < 300 * MIB; size += size < 8192 ? 1 : size / 53) {
        void *block = malloc(size);
        CHECK(block && malloc_usable_size(block) >= size);
        free(block);
    }
}

static void waste(void)
{
    for (size_t size = 1; size < 300 * MIB; size += size < 8192 ? 1 : size / 53) {
        void *block = malloc(size);
        CHECK(block && malloc_usable_size(block) <= size + size / 4 + 8 * KIB);
        free(block);
    }
}

/* Many blocks at once, each written to its end. */
static void usable_writable(void)
{
    enum { MANY = 3000 };
    static void *blocks[MANY];
    size_t usable[MANY];
    for (int i = 0; i < MANY; i++) {
        blocks[i] = malloc((size_t)i % 97 * (size_t)(i % 41) + (size_t)(i % 100 == 0) * 300 * KIB);
        CHECK(blocks[i]);
        usable[i] = malloc_usable_size(blocks[i]);
        fill(blocks[i], usable[i], (unsigned)i);
    }
    for (int i = 0; i < MANY; i++)
        CHECK(holds(blocks[i], usable[i], usable[i], (unsigned)i));
    for (int i = 0; i < MANY; i++)
        free(blocks[i]);
}

static void usable_kept_by_realloc(void)
{
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        void *block = malloc(limits[i]), *neighbour = malloc(limits[i]);
        CHECK(block && neighbour);
        size_t usable = malloc_usable_size(block);
        fill(block, usable, 3);
        block = realloc(block, usable + 1 + usable / 2);
        CHECK(block && holds(block, usable, usable, 3));
        block = realloc(block, usable);
        CHECK(block && holds(block, usable, usable, 3));
        free(block);
        free(neighbour);
    }
}

static void usable_constant(void)
{
    void *blocks[COUNT_OF(limits)];
    size_t usable[COUNT_OF(limits)];
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        blocks[i] = malloc(limits[i]);
        CHECK(blocks[i]);
        usable[i] = malloc_usable_size(blocks[i]);
    }
    uint64_t seed = 99;
    void *others[64] = { NULL };
    for (int round = 0; round < 3000; round++) {
        size_t i = next_random(&seed) % COUNT_OF(others);
        free(others[i]);
        others[i] = malloc(next_random(&seed) % (round % 9 ? 5000 : 3000000));
        CHECK(others[i]);
        if (round % 100 == 0)
            for (size_t k = 0; k < COUNT_OF(limits); k++)
                CHECK(malloc_usable_size(blocks[k]) == usable[k]);
        if (round % 1000 == 0)
            trim();
    }
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        CHECK(malloc_usable_size(blocks[i]) == usable[i]);
        free(blocks[i]);
    }
    for (size_t i = 0; i < COUNT_OF(others); i++)
        free(others[i]);
}

/* No block is given out twice: random lives of blocks of all sizes, each with a pattern of its own. */
static void blocks_apart(void)
{
    enum { MANY = 2000, ROUNDS = 200000 };
    static struct { void *block; size_t size; unsigned seed; } slots[MANY];
    uint64_t random = 2024;
    for (unsigned round = 1; round <= ROUNDS; round++) {
        size_t i = next_random(&random) % MANY;
        if (slots[i].block) {
            CHECK(holds(slots[i].block, slots[i].size, slots[i].size, slots[i].seed));
            free(slots[i].block);
        }
        slots[i].size = next_random(&random) % (round % 500 == 0 ? 3 * MIB : round % 20 == 0 ? 50000 : 700);
        slots[i].block = malloc(slots[i].size);
        slots[i].seed = round;
        CHECK(slots[i].block);
        fill(slots[i].block, slots[i].size, round);
    }
    for (size_t i = 0; i < MANY; i++) {
        CHECK(holds(slots[i].block, slots[i].size, slots[i].size, slots[i].seed));
        free(slots[i].block);
    }
}

enum { PASSED_ON = 3000 };

static void *free_all(void *blocks)
{
    for (int i = 0; i < PASSED_ON; i++) {
        void *block = ((void **)blocks)[i];
        CHECK(holds(block, malloc_usable_size(block), malloc_usable_size(block), (unsigned)i));
        free(block);
    }
    return NULL;
}

/* C11: a block may be freed by a thread that did not allocate it, also after the one that did is gone. */
static void freed_by_others(void)
{
    static void *blocks[PASSED_ON];
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < PASSED_ON; i++) {
            blocks[i] = malloc((size_t)(i % 600 == 0 ? 400000 : i % 700));
            CHECK(blocks[i]);
            fill(blocks[i], malloc_usable_size(blocks[i]), (unsigned)i);
        }
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, free_all, blocks) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
}
