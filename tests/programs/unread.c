/*
 * Reports to those who do not read them: standard error is a pipe from the start, and malloc_stats() writes to it, as does what NATIVEMALLOC_STATS=1
 * asks for.
 *
 *     unread closed        its other end is closed: no signal comes of it
 *     unread pending       the same, and the program has a SIGPIPE of its own that it has not taken yet: it is still there
 *     unread slow          it is full, and does not wait; somebody reads a second's third later, and prints it all on standard output
 *     unread stopped       the same, but nobody reads
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

static int is_pending(void)
{
    sigset_t pending;
    CHECK(sigpending(&pending) == 0);
    return sigismember(&pending, SIGPIPE);
}

static int is_blocked(void)
{
    sigset_t blocked;
    CHECK(sigprocmask(SIG_BLOCK, NULL, &blocked) == 0);
    return sigismember(&blocked, SIGPIPE);
}

static void read_late(int from)
{
    char piece[4096];
    ssize_t length;
    nanosleep(&(struct timespec){ .tv_nsec = 333000000 }, NULL);
    while ((length = read(from, piece, sizeof piece)) > 0)
        CHECK(write(STDOUT_FILENO, piece, (size_t)length) == length);
    _exit(0);
}

static void make_pipe(const char *mode)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    if (strcmp(mode, "closed") == 0 || strcmp(mode, "pending") == 0) {
        close(ends[0]);
    } else {
        CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
        while (write(ends[1], "0123456789abcdef", 16) == 16)
            continue;
    }
    if (strcmp(mode, "slow") == 0 && fork() == 0) {
        close(ends[1]);
        read_late(ends[0]);
    }
    CHECK(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
    close(ends[1]);
}

int main(int count, char **arguments)
{
    CHECK(count >= 2);
    const char *mode = arguments[1];
    int is_own = strcmp(mode, "pending") == 0;
    if (count == 2) {
        make_pipe(mode);
        execl("/proc/self/exe", arguments[0], mode, "piped", NULL);
        return 1;
    }
    if (is_own) {
        sigset_t pipe_only;
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        CHECK(sigprocmask(SIG_BLOCK, &pipe_only, NULL) == 0);
        CHECK(write(STDERR_FILENO, "x", 1) < 0);
    }
    CHECK(is_pending() == is_own);
    malloc_stats();
    CHECK(is_pending() == is_own && is_blocked() == is_own);
    return 0;
}
