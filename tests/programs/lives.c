/*
 * Threads by the thousand, and destructors that allocate: pthread keys, and thread_local-like ones that run after the
 * allocator's own. Ends with a heap that holds next to nothing.
 *
 *     lives THREADS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "mallinfo.h"

/* What C++'s thread_local is made of; not in musl. */
extern int __cxa_thread_atexit_impl(void (*)(void *), void *, void *) __attribute__((weak));
extern void *__dso_handle;

static pthread_key_t key;

static void allocate_late(void *block)
{
    free(block);
    for (int i = 1; i < 50; i++) {
        char *late = malloc(i * 40);
        CHECK(late);
        memset(late, i, i * 40);
        free(late);
    }
}

static void at_exit(void *block)
{
    if (__cxa_thread_atexit_impl)
        __cxa_thread_atexit_impl(allocate_late, block, __dso_handle);
    else
        free(block);
}

static void *live(void *argument)
{
    at_exit(malloc(50));
    pthread_setspecific(key, malloc(60));
    void *blocks[20];
    for (int i = 0; i < 20; i++)
        blocks[i] = malloc(i * 100);
    at_exit(malloc(70));
    for (int i = 0; i < 20; i++)
        free(blocks[i]);
    return argument;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 2000;
    pthread_key_create(&key, allocate_late);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    for (int done = 0; done < threads; done += 20) {
        pthread_t group[20];
        for (int i = 0; i < 20; i++)
            CHECK(pthread_create(&group[i], &small, live, NULL) == 0);
        for (int i = 0; i < 20; i++)
            CHECK(pthread_join(group[i], NULL) == 0);
    }
    if (mallinfo2)
        CHECK(mallinfo2().uordblks < 4 << 20);
    return 0;
}
