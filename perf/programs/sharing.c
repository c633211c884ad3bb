/*
 * False sharing after Hoard's cache-thrash and cache-scratch (Berger et al., ASPLOS 2000): each thread allocates small blocks and writes to
 * each many times. An allocator that puts blocks of two threads into one cache line makes them wait for each other. In "scratch" each thread begins
 * with a block that the first thread allocated in one line with others, and frees it: an allocator must not hand its neighbours to it.
 *
 *     sharing thrash|scratch [THREADS [BLOCKS]]      default 2, 40,000 blocks by each thread
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8, WRITES = 2000 };

static long blocks = 40000;

static void *write_often(void *first)
{
    free(first);
    for (long i = 0; i < blocks; i++) {
        volatile char *block = malloc(SIZE);
        for (int write = 0; write < WRITES; write++)
            block[write % SIZE]++;
        free((void *)block);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int scratch = argc > 1 && strcmp(argv[1], "scratch") == 0;
    long count = argc > 2 ? atol(argv[2]) : 2;
    blocks = argc > 3 ? atol(argv[3]) : blocks;
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    void **first = calloc((size_t)count, sizeof *first);
    for (long i = 0; scratch && i < count; i++)
        first[i] = malloc(SIZE);
    for (long i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, write_often, first[i]) != 0)
            abort();
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
