/*
 * What a fork or a vfork costs: microseconds of it, a child that exits at once, and waitpid; the best of several runs. The parent has
 * a small heap of many sizes. Run by perf/fork.sh with and without the library, which has fork handlers and brings a vfork of its own.
 *
 *     fork fork|vfork [COUNT]
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"

enum { BLOCKS = 2000 };

static int once(int by_vfork)
{
    pid_t child = by_vfork ? vfork() : fork();
    if (child == 0)
        _exit(0);
    return child > 0 && waitpid(child, NULL, 0) == child;
}

int main(int argc, char **argv)
{
    static void *blocks[BLOCKS];
    int by_vfork = argc > 1 && strcmp(argv[1], "vfork") == 0;
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    double best = 1e18;
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = malloc((size_t)(16 + i % 40 * 24));
    for (int i = 0; i < BLOCKS; i += 3)
        free(blocks[i]);
    for (int run = 0; run < 5; run++) {
        double start = now();
        for (int i = 0; i < count; i++)
            if (!once(by_vfork))
                return 1;
        double each = (now() - start) / count / 1e3;
        best = each < best ? each : best;
    }
    printf("%.3f\n", best);
    return 0;
}
