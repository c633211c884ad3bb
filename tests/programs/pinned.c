/*
 * Whose slab is whose: a block freed on a CPU is the next that a thread on that CPU gets for its size, and not what a
 * thread on another CPU gets. True of the index cpu_id. Needs two CPUs.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "pin.h"

enum { SIZE = 3000 };

static void *free_on(void *argument)
{
    void **job = argument;
    pin((int)(intptr_t)job[0]);
    free(job[1]);
    return NULL;
}

static void *allocate_on(void *argument)
{
    pin((int)(intptr_t)argument);
    return malloc(SIZE);
}

static void *on_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result;
    CHECK(pthread_create(&thread, NULL, function, argument) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    return result;
}

int main(void)
{
    for (int round = 0; round < 50; round++) {
        void *first = malloc(SIZE);
        void *job[] = { (void *)(intptr_t)(round % 2), first };
        on_thread(free_on, job);
        void *elsewhere = on_thread(allocate_on, (void *)(intptr_t)(1 - round % 2));
        CHECK(elsewhere != first);
        void *again = on_thread(allocate_on, (void *)(intptr_t)(round % 2));
        CHECK(again == first);
        free(elsewhere);
        free(again);
    }
    return 0;
}
