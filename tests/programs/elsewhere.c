/*
 * What stays resident of blocks that one CPU's slab holds, when the only thread goes on on another CPU, and uses caches there.
 *
 *     elsewhere         "there": MiB above what there was before, on the CPU where they were freed; "after": after a second on another
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

enum { BLOCKS = 6000, ROUNDS = 50 };

static char *blocks[BLOCKS];

/* To the first CPU that it may run on, or the second; the same where there is but one. */
static void go_to(int which)
{
    static cpu_set_t allowed;
    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        abort();
    int cpu = -1, last = -1;
    for (int next = 0; next < CPU_SETSIZE && cpu < 0; next++)
        if (CPU_ISSET(next, &allowed)) {
            last = next;
            cpu = which-- == 0 ? next : -1;
        }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu < 0 ? last : cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        abort();
}

int main(void)
{
    go_to(1);
    free(malloc(2000));
    go_to(0);
    double before = resident();
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            size_t size = 100 + i % 16 * 50;
            if (!(blocks[i] = malloc(size)))
                abort();
            memset(blocks[i], 1, size);
        }
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
    printf("there %.1f\n", resident() - before);
    go_to(1);
    for (int i = 0; i < 1500; i++) {
        free(malloc(2000));
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    printf("after %.1f\n", resident() - before);
}
