/*
 * A fork within a fork: with LIBRARY a library whose handler before the first fork forks; the child goes on with the outer one. Else the
 * program, which forks, and there goes on with threads and more forks:
 *
 *     nested [LIBRARY]       a library to load before it forks
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"

static void wait_for(pid_t child)
{
    int status;
    CHECK(child > 0);
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#ifdef LIBRARY

static void fork_once(void)
{
    static int done;
    if (done++)
        return;
    free(malloc(500));
    pid_t child = fork();
    if (child != 0)
        wait_for(child);
    free(malloc(500000));
}

__attribute__((constructor)) static void load(void)
{
    CHECK(pthread_atfork(fork_once, NULL, NULL) == 0);
}

#else

static void *allocate(void *argument)
{
    for (size_t i = 0; i < 20000; i++)
        free(malloc(300000 + i));
    return argument;
}

static void fork_and_wait(void)
{
    pid_t child = fork();
    if (child == 0) {
        allocate(NULL);
        _exit(0);
    }
    wait_for(child);
}

static void *fork_on_thread(void *argument)
{
    fork_and_wait();
    return argument;
}

int main(int argc, char **argv)
{
    alarm(60);
    CHECK(argc == 1 || dlopen(argv[1], RTLD_NOW));
    fork_and_wait();
    alarm(60); /* the child of the handler comes here as well */
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, i == 0 ? fork_on_thread : allocate, NULL) == 0);
    fork_and_wait();
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

#endif
