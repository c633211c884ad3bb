/*
 * Children by posix_spawn, system and popen, from threads that allocate: between the clone and the exec nobody allocates, and
 * afterwards the parent's heap and its caches are as before.
 *
 *     spawns COUNT
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

extern char **environ;

static int count;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void churn(uint64_t seed)
{
    unsigned char *blocks[60] = { 0 };
    for (int i = 0; i < 5000; i++) {
        int k = (int)(next_random(&seed) % 60);
        if (blocks[k])
            CHECK(*blocks[k] == (unsigned char)k);
        free(blocks[k]);
        blocks[k] = malloc(next_random(&seed) % 2000 + 1);
        *blocks[k] = (unsigned char)k;
    }
    for (int k = 0; k < 60; k++)
        free(blocks[k]);
}

static void *run(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    for (int i = 0; i < count; i++) {
        char *arguments[] = { "sh", "-c", "exit 9", NULL };
        pid_t child;
        int status;
        CHECK(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environ) == 0);
        churn(seed++);
        CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);

        CHECK(WEXITSTATUS(system("exit 5")) == 5);
        churn(seed++);

        /* One at a time: musl's popen closes in its child what another thread's pclose has closed just now. */
        CHECK(pthread_mutex_lock(&lock) == 0);
        char line[100] = "";
        FILE *pipe = popen("echo spawned", "r");
        CHECK(pipe && fgets(line, sizeof line, pipe) && strcmp(line, "spawned\n") == 0);
        churn(seed++);
        CHECK(pclose(pipe) == 0);
        CHECK(pthread_mutex_unlock(&lock) == 0);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    count = argc > 1 ? atoi(argv[1]) : 20;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, run, (void *)(uintptr_t)(i * 1000 + 1)) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    return 0;
}
