/*
 * COUNT threads at once, each of which holds 100 blocks of 1,000 bytes: under a limit (NATIVEMALLOC_LIMIT) that they fit into, all of them get
 * theirs.
 *
 *     crowded COUNT
 */
#include <pthread.h>

#include "check.h"

static pthread_barrier_t all;

static void *hold(void *argument)
{
    for (int i = 0; i < 100; i++)
        CHECK(malloc(1000) != NULL);
    pthread_barrier_wait(&all);
    return argument;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    unsigned count = (unsigned)strtoul(argv[1], NULL, 10);
    pthread_barrier_init(&all, NULL, count + 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 16);
    for (unsigned i = 0; i < count; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attributes, hold, NULL) == 0);
    }
    pthread_barrier_wait(&all);
    return 0;
}
