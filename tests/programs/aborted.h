/*
 * What handlers of SIGABRT do in real programs: fork a child that writes a core or runs a debugger, call system, allocate for a
 * backtrace, or go on behind it by siglongjmp, as test frameworks do. Another thread allocates meanwhile, but in checking mode, where
 * it would find what this one did.
 */
#ifndef ABORTED_H
#define ABORTED_H

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static const char *does; /* fork, system, allocate, jump or crowd */
static __thread sigjmp_buf back;
static volatile int aborts;

/* Many blocks of all sizes at once, more than is set aside for handlers, none of them twice. */
static void use_the_heap(void)
{
    enum { BLOCKS = 3000 };
    static unsigned char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t size = i % 100 == 0 ? 300000 : i * 7 % 1500 + 1;
        blocks[i] = malloc(size);
        CHECK(blocks[i]);
        memset(blocks[i], (int)i, size < 1500 ? size : 1500);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        CHECK(blocks[i][0] == (unsigned char)i);
        free(blocks[i]);
    }
}

static void use_it_in_a_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        use_the_heap();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

static void on_abort(int number)
{
    (void)number;
    __atomic_add_fetch(&aborts, 1, __ATOMIC_RELAXED);
    if (strcmp(does, "jump") == 0 || strcmp(does, "crowd") == 0)
        siglongjmp(back, 1);
    if (strcmp(does, "fork") == 0)
        use_it_in_a_child();
    else if (strcmp(does, "system") == 0)
        CHECK(system("true") == 0);
    else
        use_the_heap();
    CHECK(write(STDOUT_FILENO, "handled\n", 8) == 8);
}

/* May come upon what the other one did. */
static void *allocate_on(void *unused)
{
    sigsetjmp(back, 1);
    for (;;) {
        void *blocks[50];
        for (size_t i = 0; i < 50; i++)
            blocks[i] = malloc(i == 0 ? 300000 : 2000 + i);
        for (size_t i = 0; i < 50; i++)
            free(blocks[i]);
    }
    return unused;
}

/*
 * Calls a function that misuses the heap so many times; 0 if one was not found. Not each can be: of a thread that is stopped between a free and
 * what it does to the block next, another one may be given the block, or empty the caches of it.
 */
static int go_on_behind(void (*misuse)(void), int times)
{
    for (volatile int i = 0; i < times; i++) {
        volatile int before = aborts;
        if (sigsetjmp(back, 1) == 0)
            misuse();
        if (aborts == before)
            return 0;
    }
    return 1;
}

static void *go_on_in_a_thread(void *misuse)
{
    CHECK(go_on_behind((void (*)(void))misuse, 150));
    return NULL;
}

/* Calls it with such a handler; comes back if nothing was found. */
static inline void misuse_and_handle(void (*misuse)(void), const char *what)
{
    pthread_t threads[4];
    does = what;
    signal(SIGABRT, on_abort);
    if (strcmp(does, "crowd") == 0) {
        for (int i = 0; i < 4; i++)
            CHECK(pthread_create(&threads[i], NULL, go_on_in_a_thread, (void *)misuse) == 0);
        for (int i = 0; i < 4; i++)
            CHECK(pthread_join(threads[i], NULL) == 0);
    } else {
        if (!getenv("NATIVEMALLOC_CHECK"))
            CHECK(pthread_create(&threads[0], NULL, allocate_on, NULL) == 0);
        if (strcmp(does, "jump") != 0) {
            misuse();
            return;
        }
        if (!go_on_behind(misuse, 3))
            return;
    }
    sigsetjmp(back, 1); /* what was damaged may be found out for a while */
    CHECK(aborts < 1000);
    use_the_heap();
    use_it_in_a_child();
    puts("went on");
    fflush(stdout);
    _exit(0);
}

#endif
