/*
 * A library with fork handlers that allocate, as many have: they take its lock, under which it also allocates on a thread of its
 * own. Its constructor registers them, before or after the allocator's.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void allocate(void)
{
    void *small = malloc(200), *medium = calloc(1, 30000), *large = malloc(500000);
    CHECK(small && medium && large);
    memset(small, 1, 200);
    free(medium);
    free(small);
    free(large);
}

static void prepare(void)
{
    allocate();
    pthread_mutex_lock(&lock);
    allocate();
}

static void resume(void)
{
    allocate();
    pthread_mutex_unlock(&lock);
    allocate();
}

static void *work(void *argument)
{
    while (1) {
        pthread_mutex_lock(&lock);
        allocate();
        pthread_mutex_unlock(&lock);
    }
    return argument;
}

__attribute__((constructor)) static void load(void)
{
    CHECK(pthread_atfork(prepare, resume, resume) == 0);
    if (getenv("HANDLERS_THREAD")) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    }
}
