/*
 * COUNT large blocks that grow by a quarter until they begin anew, in any order, STEPS times, two words of each touched; prints how many
 * mappings the process has then, and checks that it can make more.
 *
 *     regrown COUNT STEPS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "check.h"

#define MIB ((size_t)1 << 20)

static void *nothing(void *argument) { return argument; }

static int mappings(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    CHECK(file);
    int lines = 0;
    for (int c; (c = getc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* so that little is touched */
    size_t count = strtoul(argv[1], NULL, 10), steps = strtoul(argv[2], NULL, 10);
    struct { char *data; size_t size; } *blocks = calloc(count, sizeof *blocks);
    CHECK(blocks);
    uint64_t seed = 3;
    for (size_t i = 0; i < steps; i++) {
        size_t k = next_random(&seed) % count, old = blocks[k].size;
        if (old == 0 || old > 64 * MIB) {
            free(blocks[k].data);
            blocks[k].size = 4 * MIB + next_random(&seed) % 1024 * 4096;
            blocks[k].data = malloc(blocks[k].size);
            CHECK(blocks[k].data);
        } else {
            blocks[k].size += old / 4 + next_random(&seed) % 64 * 4096;
            blocks[k].data = realloc(blocks[k].data, blocks[k].size);
            CHECK(blocks[k].data && blocks[k].data[0] == (char)k && blocks[k].data[old / 2] == (char)(k + 1));
        }
        blocks[k].data[0] = (char)k;
        blocks[k].data[blocks[k].size / 2] = (char)(k + 1);
    }
    printf("%d\n", mappings());
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, nothing, NULL) == 0);
    return pthread_join(thread, NULL);
}
