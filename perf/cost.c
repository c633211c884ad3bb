/*
 * Runs a command with libraries preloaded, and says on standard error what it cost: milliseconds of the processor's time and page faults.
 *
 *     cost LIBRARIES COMMAND...
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double milliseconds(struct timeval time) { return time.tv_sec * 1e3 + time.tv_usec / 1e3; }

int main(int argc, char **argv)
{
    int status;
    struct rusage usage;
    if (argc < 3)
        return 2;
    pid_t child = fork();
    if (child == 0) {
        setenv("LD_PRELOAD", argv[1], 1);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (wait4(child, &status, 0, &usage) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return 1;
    fprintf(stderr, "milliseconds %.0f\nfaults %ld\n", milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime), usage.ru_minflt);
    return 0;
}
