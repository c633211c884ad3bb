/*
 * A program that frees everything and then does nothing at all, for three seconds: what stays resident of its heap, in MiB, right
 * after the frees and then. Before, two CPUs (or threads) had a part in it. The forked child must go on without a thread of ours.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

enum { BLOCKS = 400000 };

static char *blocks[BLOCKS];

static void *use(void *argument)
{
    size_t first = argument ? BLOCKS / 2 : 0;
    for (size_t i = first; i < first + BLOCKS / 2; i++) {
        CHECK((blocks[i] = malloc(16 + i % 500)) != NULL);
        memset(blocks[i], 1, 16 + i % 500);
    }
    for (size_t i = first; i < first + BLOCKS / 2; i++)
        free(blocks[i]);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    memset(blocks, 0, sizeof blocks); /* resident from now on */
    double before = resident();
    CHECK(pthread_create(&thread, NULL, use, blocks) == 0);
    use(NULL);
    CHECK(pthread_join(thread, NULL) == 0);
    printf("at-once %.1f\n", resident() - before);
    fflush(stdout);
    struct timespec left = { 3, 0 };
    while (nanosleep(&left, &left) != 0)
        ;
    printf("after %.1f\n", resident() - before);
    fflush(stdout);

    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        use(NULL);
        CHECK(pthread_create(&thread, NULL, use, blocks) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        return 0;
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
