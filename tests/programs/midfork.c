/*
 * Signal handlers around forks:
 *
 *     midfork allocating FORKS    allocate and free at any moment of one, while other threads keep the heap busy
 *     midfork forking FORKS       fork at any moment of malloc and free; there is but one thread
 *
 * A fork that hangs ends the program by SIGALRM.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"

static volatile long left;
static volatile int is_child;

/* Slow paths of all depths. */
static void churn(uint64_t *seed)
{
    void *blocks[10], *large = malloc((33 << 20) + next_random(seed) % 3000000);
    CHECK(large);
    for (int i = 0; i < 10; i++)
        CHECK((blocks[i] = malloc(100 + next_random(seed) % (i == 0 ? 200000 : 20000))));
    for (int i = 0; i < 10; i++)
        free(blocks[i]);
    free(large);
}

static void wait_for(pid_t child)
{
    int status;
    CHECK(child > 0);
    while (waitpid(child, &status, 0) < 0)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void allocate_in_handler(int number)
{
    int error = errno;
    unsigned char *large = malloc(40 << 20), *small[20];
    CHECK(large);
    for (int i = 0; i < 20; i++) {
        CHECK((small[i] = malloc(100 * i + 1)));
        *small[i] = (unsigned char)(number + i);
    }
    for (int i = 0; i < 20; i++) {
        CHECK(*small[i] == (unsigned char)(number + i));
        free(small[i]);
    }
    free(large);
    errno = error;
}

static void fork_in_handler(int number)
{
    (void)number;
    if (left == 0 || is_child)
        return;
    int error = errno;
    alarm(60);
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        is_child = 1; /* and goes on with what was interrupted */
    } else {
        wait_for(child);
        left--;
    }
    errno = error;
}

static void *keep_busy(void *argument)
{
    for (uint64_t seed = (uintptr_t)argument;;)
        churn(&seed);
    return argument;
}

/* The parent and its children. */
static void *interrupt(void *argument)
{
    while (1) {
        usleep(700);
        kill(0, SIGUSR1);
    }
    return argument;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(number, &action, NULL) == 0);
}

static void allocate_at_any_moment(void)
{
    CHECK(setpgid(0, 0) == 0);
    handle(SIGUSR1, allocate_in_handler);
    sigset_t one, before;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, &before);
    pthread_t thread;
    for (intptr_t i = 1; i <= 2; i++)
        CHECK(pthread_create(&thread, NULL, keep_busy, (void *)i) == 0);
    CHECK(pthread_create(&thread, NULL, interrupt, NULL) == 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    uint64_t seed = 7;
    for (; left > 0; left--) {
        alarm(60);
        pid_t child = fork();
        if (child == 0) {
            alarm(60);
            churn(&seed);
            _exit(0);
        }
        wait_for(child);
    }
}

static void fork_at_any_moment(void)
{
    handle(SIGPROF, fork_in_handler);
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    CHECK(setitimer(ITIMER_PROF, &often, NULL) == 0);
    for (uint64_t seed = 9; left > 0 && !is_child;)
        churn(&seed);
    if (is_child) {
        for (uint64_t seed = 3, i = 0; i < 20; i++)
            churn(&seed);
        pid_t child = fork();
        if (child != 0)
            wait_for(child);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    left = atol(argv[2]);
    if (argv[1][0] == 'a')
        allocate_at_any_moment();
    else
        fork_at_any_moment();
    _exit(0);
}
