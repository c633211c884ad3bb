/*
 * Runs a command with a library preloaded, and says on standard error how many seconds it took, how many MiB its largest process had resident
 * at most, how many seconds of processors' time it took, how often a thread waited, and how many faults of pages there were.
 *
 *     measure LIBRARY COMMAND...       ("" preloads nothing)
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

int main(int argc, char **argv)
{
    int status;
    if (argc < 3)
        return 2;
    double start = now();
    pid_t child = fork();
    if (child == 0) {
        if (argv[1][0])
            setenv("LD_PRELOAD", argv[1], 1);
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "measure: %s failed\n", argv[2]);
        return 1;
    }
    double seconds = (now() - start) / 1e9;
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double processors = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    fprintf(stderr, "%.6f %.3f %.6f %ld %ld\n", seconds, usage.ru_maxrss / 1024.0, processors, usage.ru_nvcsw, usage.ru_minflt);
    return 0;
}
