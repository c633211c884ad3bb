/*
 * Frees blocks, each right after it was freed: wherever the first free puts one, into a cache that has room, or none yet, or after it made
 * some, the second must find it. The abort is gone on behind, and no block is handed out twice after that.
 *
 *     twice BYTES...
 */
#define _GNU_SOURCE
#include "aborted.h"
#include "pin.h"

enum { BLOCKS = 1500 };

static char *blocks[BLOCKS];

static void free_twice(size_t size)
{
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(size);
        CHECK(blocks[i]);
    }
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

int main(int argc, char **argv)
{
    does = "jump";
    signal(SIGABRT, on_abort);
    pin(sched_getcpu());
    for (int i = 1; i < argc; i++)
        free_twice(strtoul(argv[i], NULL, 0));
    trim();
    use_the_heap();
    printf("%d found\n", aborts);
    return 0;
}
