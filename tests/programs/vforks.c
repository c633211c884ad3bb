/*
 * vfork children that allocate, as dash's do, beside threads that allocate: a child shares the parent's memory and TLS but
 * not its rseq registration. The parent must find its heap whole, and be as fast as before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

static volatile int stop;

static void churn(uint64_t *seed, long rounds)
{
    struct { unsigned char *data; size_t size; unsigned char fill; } blocks[32] = { 0 };
    for (long i = 0; i < rounds && !stop; i++) {
        int k = (int)(next_random(seed) % 32);
        if (blocks[k].data) {
            CHECK(blocks[k].data[0] == blocks[k].fill && blocks[k].data[blocks[k].size - 1] == blocks[k].fill);
            free(blocks[k].data);
        }
        blocks[k].size = next_random(seed) % 300 + 1;
        blocks[k].fill = (unsigned char)next_random(seed);
        blocks[k].data = malloc(blocks[k].size);
        memset(blocks[k].data, blocks[k].fill, blocks[k].size);
    }
    for (int k = 0; k < 32; k++)
        free(blocks[k].data);
}

static void *work(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    while (!stop)
        churn(&seed, 10000);
    return NULL;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 500;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i + 1)) == 0);
    static uint64_t seed = 31;
    for (int i = 0; i < count; i++) {
        pid_t child = vfork();
        if (child == 0) {
            churn(&seed, 500);
            _exit(7);
        }
        CHECK(child > 0);
        int status;
        while (waitpid(child, &status, 0) < 0)
            CHECK(errno == EINTR);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
        churn(&seed, 500);
    }
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
