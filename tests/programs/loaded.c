/* A library whose constructor, run by dlopen with the loader's lock held, waits for a thread that allocates. */
#include <pthread.h>

#include "check.h"

static void *allocate(void *argument)
{
    void *block = malloc(100);
    CHECK(block);
    free(block);
    return argument;
}

__attribute__((constructor)) static void wait_for_thread(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, allocate, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}
