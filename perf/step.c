/*
 * Many buffers of one size at once, which is where it matters to which cache sets an allocator's blocks fall: those whose addresses agree in the bits
 * that choose a set (6 to 11 of the first level, up to 15 or more of the second) push each other out.
 *
 *     step MODE SIZE COUNT [STEPS]
 *
 * Prints nanoseconds for an access, the least of several rounds, after as many were made once to warm up; STEPS is about how many there are in all.
 *
 *     step      element i of each buffer, then element i + 1 of each: columns of a table
 *     walk      the first word of each, in turn: headers of pages or of arenas
 *     list      nodes of that size, linked in random order and followed: a tree's or a list's pages
 *     sets      no time: in how many of 64 sets of the first level and 1,024 of a second the buffers begin
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { MOST = 4096, ROUNDS = 7, LINE = 64 };

static long *buffers[MOST];
static volatile long result;

static void step(size_t size, long count, long steps)
{
    long elements = steps / count, sum = 0;
    if (elements > (long)(size / sizeof(long)))
        elements = size / sizeof(long);
    for (long left = steps; left > 0; left -= elements * count)
        for (long i = 0; i < elements; i++)
            for (long buffer = 0; buffer < count; buffer++)
                sum += buffers[buffer][i];
    result = sum;
}

static void walk(long count, long steps)
{
    for (long left = steps; left > 0; left -= count)
        for (long buffer = 0; buffer < count; buffer++)
            buffers[buffer][0]++;
}

static void follow(long steps)
{
    long *node = buffers[0];
    for (long left = steps; left > 0; left--)
        node = (long *)node[0];
    result = (long)node;
}

static void link_all(long count)
{
    uint64_t state = 1;
    for (long i = count - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        long other = (state >> 33) % (i + 1);
        long *swap = buffers[i];
        buffers[i] = buffers[other];
        buffers[other] = swap;
    }
    for (long i = 0; i < count; i++)
        buffers[i][0] = (long)buffers[i + 1 < count ? i + 1 : 0];
}

static int sets(long count, int number)
{
    static char seen[1 << 16];
    int different = 0;
    memset(seen, 0, sizeof seen);
    for (long i = 0; i < count; i++) {
        char *set = &seen[(uintptr_t)buffers[i] / LINE % number];
        different += !*set;
        *set = 1;
    }
    return different;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    long count = argc > 3 ? atol(argv[3]) : 0, steps = argc > 4 ? atol(argv[4]) : 1000000;
    if (size < LINE || count < 1 || count > MOST)
        return 2;
    for (long i = 0; i < count; i++) {
        buffers[i] = malloc(size);
        if (buffers[i] == NULL)
            return 1;
        memset(buffers[i], 0, size);
    }
    if (!strcmp(mode, "sets")) {
        printf("%d %d\n", sets(count, 64), sets(count, 1024));
        return 0;
    }
    if (!strcmp(mode, "list"))
        link_all(count);
    double least = 1e18;
    for (int round = -1; round < ROUNDS; round++) {
        double start = now();
        if (!strcmp(mode, "step"))
            step(size, count, steps);
        else if (!strcmp(mode, "walk"))
            walk(count, steps);
        else if (!strcmp(mode, "list"))
            follow(steps);
        else
            return 2;
        double each = (now() - start) / steps;
        least = round >= 0 && each < least ? each : least;
    }
    printf("%.3f\n", least);
    return 0;
}
