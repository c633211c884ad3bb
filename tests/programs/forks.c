/*
 * Forks from a program whose other threads allocate all the while, by one thread or by several at once: each child
 * allocates, starts threads, forks again.
 *
 *     forks COUNT FORKERS
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

static volatile int stop;

static void churn(uint64_t seed, long rounds)
{
    void *blocks[64] = { 0 };
    for (long i = 0; i < rounds && !stop; i++) {
        int k = (int)(next_random(&seed) % 64);
        free(blocks[k]);
        size_t size = next_random(&seed) % (i % 100 == 0 ? 600000 : 5000);
        blocks[k] = malloc(size);
        CHECK(blocks[k]);
        memset(blocks[k], k, size < 256 ? size : 256);
    }
    for (int k = 0; k < 64; k++)
        free(blocks[k]);
}

static void *work(void *argument)
{
    churn((uintptr_t)argument | 1, 1L << 40);
    return NULL;
}

static void *work_a_little(void *argument)
{
    churn((uintptr_t)argument | 1, 2000);
    return NULL;
}

/* A library that allocates in its own fork handlers: they run while the allocator's locks are held. */
static void allocate_in_handler(void)
{
    void *small[40];
    for (int i = 0; i < 40; i++)
        small[i] = malloc(33 * (i + 1));
    void *large = calloc(1, 700000);
    CHECK(small[39] && large);
    for (int i = 0; i < 40; i++)
        free(small[i]);
    free(large);
}

static void wait_for(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void in_child(int depth)
{
    alarm(60);
    stop = 0;
    churn(99, 2000);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, work_a_little, (void *)(uintptr_t)(i + 5)) == 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    trim();
    if (depth > 0) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            in_child(depth - 1);
        wait_for(child);
    }
    _exit(0); /* the recursion ends in a process of its own */
}

static int forks;

static void *fork_often(void *argument)
{
    for (int i = 0; i < forks; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0)
            in_child(i % 3);
        wait_for(child);
    }
    return argument;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    forks = atoi(argv[1]);
    int forkers = atoi(argv[2]);
    pthread_atfork(allocate_in_handler, allocate_in_handler, allocate_in_handler);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i + 1)) == 0);
    pthread_t forking[16];
    CHECK(forkers <= 16);
    for (int i = 0; i < forkers; i++)
        CHECK(pthread_create(&forking[i], NULL, fork_often, NULL) == 0);
    for (int i = 0; i < forkers; i++)
        pthread_join(forking[i], NULL);
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
