/*
 * Frees blocks twice, goes on behind the abort, and sees to it that no block is handed out twice.
 *
 *     twice each BYTES...    each right after it was freed: wherever the first free puts it, into a cache that has room, or none yet, or
 *                            after it made some, the second must find it
 *     twice all BYTES        all after all, until one is found; others are in the caches twice by then
 */
#define _GNU_SOURCE
#include "aborted.h"
#include "pin.h"

enum { BLOCKS = 1500 };

static char *blocks[BLOCKS];

static void take_blocks(size_t size)
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i]);
        memcpy(blocks[i], &i, size < sizeof i ? size : sizeof i);
    }
}

static void free_each_twice(size_t size)
{
    take_blocks(size);
    for (volatile int i = 0; i < BLOCKS; i++) {
        volatile int before = aborts;
        free(blocks[i]);
        if (sigsetjmp(back, 1) == 0)
            free(blocks[i]);
        if (aborts != before + 1) {
            fprintf(stderr, "block %d of %zu bytes: the second free was not found out\n", i, size);
            _exit(1);
        }
    }
}

static void free_all_twice(size_t size)
{
    take_blocks(size);
    if (sigsetjmp(back, 1) == 0)
        for (int i = 0; i < 2 * BLOCKS; i++)
            free(blocks[i % BLOCKS]);
    take_blocks(size);
    for (int i = 0; i < BLOCKS; i++)
        CHECK(memcmp(blocks[i], &i, size < sizeof i ? size : sizeof i) == 0);
}

int main(int argc, char **argv)
{
    CHECK(argc > 2);
    does = "jump";
    signal(SIGABRT, on_abort);
    pin(sched_getcpu());
    for (int i = 2; i < argc; i++)
        (strcmp(argv[1], "all") == 0 ? free_all_twice : free_each_twice)(strtoul(argv[i], NULL, 0));
    use_the_heap();
    printf("%d found\n", aborts);
    return 0;
}
