/*
 * As much in use at each moment, while four threads free and allocate as fast as they can: prints how many bytes, by their usable sizes, and goes
 * on until its standard input ends. Each thread's blocks are replaced by such of the same size, so what is on its way is one block a thread.
 */

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 4, BLOCKS = 30000 };

static atomic_size_t bytes;
static atomic_int ended;

static void *replace(void *seed)
{
    unsigned random = (unsigned)(size_t)seed;
    static _Thread_local struct { void *block; size_t size; } kept[BLOCKS];
    for (int i = 0; i < BLOCKS; i++) {
        random = random * 1103515245 + 12345;
        kept[i].size = 16 + (random >> 8 & ((size_t)16 << (i % 9)) - 1) + (i % 10000 == 0 ? 300000 : 0);
        kept[i].block = malloc(kept[i].size);
        atomic_fetch_add(&bytes, malloc_usable_size(kept[i].block));
    }
    static atomic_int ready;
    if (atomic_fetch_add(&ready, 1) == THREADS - 1) {
        printf("%zu\n", bytes);
        fflush(stdout);
    }
    while (!ended) {
        random = random * 1103515245 + 12345;
        int i = random / 65536 % BLOCKS;
        for (int j = i; j < i + 100 && j < BLOCKS; j++)
            free(kept[j].block);
        for (int j = i; j < i + 100 && j < BLOCKS; j++)
            kept[j].block = malloc(kept[j].size);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, replace, (void *)(i + 1));
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    ended = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
