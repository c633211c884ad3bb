/*
 * A pattern of calls, COUNT times: perf/instructions.sh counts the instructions of a thousand more of them.
 *
 *     counted PATTERN COUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *volatile block; /* what is not used would be left out */

static void pair(size_t size)
{
    block = malloc(size);
    free(block);
}

static void small(void) { pair(64); }
static void medium(void) { pair(4096); }
static void largest_class(void) { pair(200 << 10); }
static void large(void) { pair(1 << 20); }

static void zeroed(void)
{
    block = calloc(4, 16);
    free(block);
}

static void aligned(void)
{
    block = aligned_alloc(64, 128);
    free(block);
}

static void in_place(void)
{
    block = realloc(block, 100);
    block = realloc(block, 110);
}

static void batch(long count, size_t size)
{
    static void *blocks[10000];
    for (long i = 0; i < count; i++)
        blocks[i] = malloc(size);
    for (long i = 0; i < count; i++)
        free(blocks[i]);
}

static void hundred(void) { batch(100, 64); }
static void ten_thousand(void) { batch(10000, 64); }
static void beyond_the_caches(void) { batch(10000, 512); }

static const struct {
    const char *name;
    void (*run)(void);
    int allocations;
} patterns[] = {
    { "pair-64", small, 1 },
    { "pair-4096", medium, 1 },
    { "pair-204800", largest_class, 1 },
    { "pair-1048576", large, 1 },
    { "calloc-64", zeroed, 1 },
    { "aligned-128", aligned, 1 },
    { "realloc-in-place", in_place, 2 },
    { "batch-100x64", hundred, 100 },
    { "batch-10000x64", ten_thousand, 10000 },
    { "batch-10000x512", beyond_the_caches, 10000 },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (argc == 1)
            printf("%s %d\n", patterns[i].name, patterns[i].allocations);
        else if (argc == 3 && strcmp(argv[1], patterns[i].name) == 0)
            for (long left = atol(argv[2]); left > 0; left--)
                patterns[i].run();
    }
    return 0;
}
