/*
 * What a vfork costs: microseconds of vfork, a child that exits at once, and waitpid; the best of several runs.
 * Run by perf/vfork.sh with and without the library, which brings a vfork of its own.
 *
 *     vfork [COUNT]
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int once(void)
{
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 2000;
    double best = 1e18;
    free(malloc(100));
    for (int run = 0; run < 5; run++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < count; i++)
            if (!once())
                return 1;
        clock_gettime(CLOCK_MONOTONIC, &end);
        double each = ((end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3) / count;
        best = each < best ? each : best;
    }
    printf("%.3f\n", best);
    return 0;
}
