/*
 * Many threads at once: all allocate, wait for each other, check what they have, and free each other's blocks.
 *
 *     crowd THREADS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "check.h"

enum { BLOCKS = 20, MOST = 4000 };

static pthread_barrier_t all_there;
static unsigned char *blocks[MOST][BLOCKS];
static int threads;

static void *live(void *argument)
{
    int me = (int)(uintptr_t)argument, next = (me + 1) % threads;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[me][i] = malloc((size_t)i * 150 + 1);
        CHECK(blocks[me][i]);
        memset(blocks[me][i], me % 251, (size_t)i * 150 + 1);
    }
    pthread_barrier_wait(&all_there);
    for (int i = 0; i < BLOCKS; i++) {
        for (int k = 0; k <= i * 150; k++)
            CHECK(blocks[next][i][k] == next % 251);
        free(blocks[next][i]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    threads = argc > 1 ? atoi(argv[1]) : 2000;
    CHECK(threads <= MOST);
    pthread_barrier_init(&all_there, NULL, (unsigned)threads);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 32 << 10);
    static pthread_t ids[MOST];
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&ids[i], &small, live, (void *)(uintptr_t)i) == 0);
    for (int i = 0; i < threads; i++)
        CHECK(pthread_join(ids[i], NULL) == 0);
    return 0;
}
