/*
 * orphans FORKS: a signal handler forks, most often within malloc or free, while other threads have caches of their own. The child goes on with
 * what was interrupted, and takes those caches sooner or later: it has one slab in the end, its own.
 */
#define _GNU_SOURCE
#define NATIVEMALLOC_WEAK
#include <nativemalloc.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"

enum { THREADS = 4, BLOCKS = 500, SIZE = 600 };

static volatile int forks_left, is_child;
static pthread_barrier_t filled;

static uint64_t slabs(void)
{
    struct nativemalloc_statistics all = { .size = sizeof all };
    CHECK(nativemalloc_get_statistics(&all) == 0);
    return all.slabs;
}

static void *fill_cache(void *argument)
{
    void *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        CHECK((blocks[i] = malloc(SIZE)));
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    pthread_barrier_wait(&filled);
    while (1)
        pause();
    return argument;
}

static void fork_in_handler(int number)
{
    (void)number;
    if (forks_left == 0 || is_child)
        return;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        is_child = 1;
        alarm(60);
    } else {
        int status;
        CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
        forks_left--;
    }
}

/* Its slow path is most of what it does. */
static void churn(void)
{
    void *block = malloc(3 << 20);
    CHECK(block);
    free(block);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    forks_left = atoi(argv[1]);
    sigset_t timer, before;
    sigemptyset(&timer);
    sigaddset(&timer, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &timer, &before);
    pthread_barrier_init(&filled, NULL, THREADS + 1);
    pthread_t thread;
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&thread, NULL, fill_cache, NULL) == 0);
    pthread_barrier_wait(&filled);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    churn();
    CHECK(slabs() == THREADS + 1);

    CHECK(signal(SIGPROF, fork_in_handler) != SIG_ERR);
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    CHECK(setitimer(ITIMER_PROF, &often, NULL) == 0);
    while (forks_left > 0 && !is_child)
        churn();
    if (is_child)
        while (slabs() > 1)
            churn();
    _exit(0);
}
