/*
 * Whether time goes on for a thread whose signal handler asks for what nobody has, in the middle of slow paths.
 *
 *     refused SIZE      the handler asks for SIZE bytes (as strtoull reads them) all the time while the thread allocates. "freed": MiB that are
 *                       freed then, "gone": of them, what went back to the kernel while the thread only took and freed one small block
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "clock.h"
#include "resident.h"

enum { HEAP = 400 << 20, FREED = 80 << 20, SLOW = 200000, REFUSALS = 100 };

static size_t refused;
static volatile sig_atomic_t refusals;

static void ask(int signal)
{
    (void)signal;
    void *volatile block = malloc(refused);
    if (block)
        abort();
    refusals++;
}

static void *filled(size_t size)
{
    void *block = malloc(size);
    if (!block)
        abort();
    memset(block, 1, size);
    return block;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    refused = strtoull(argv[1], NULL, 0);
    void *volatile held = filled(HEAP); /* a part of it may lie free until a period ends */
    void *freed = filled(FREED);

    struct sigaction action = { .sa_handler = ask };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = { { 0, 100 }, { 0, 100 } }, never = { { 0, 0 }, { 0, 0 } };
    setitimer(ITIMER_REAL, &often, NULL);
    while (refusals < REFUSALS) { /* no free: those bring a look closer */
        void *volatile block = malloc(SLOW);
        if (!block)
            abort();
    }
    setitimer(ITIMER_REAL, &never, NULL);

    double before = resident();
    free(freed);
    for (double start = now(); now() < start + 2e9;)
        for (int i = 0; i < 1000; i++) {
            void *volatile block = malloc(64);
            free(block);
        }
    printf("freed %d\ngone %.1f\n", FREED >> 20, before - resident());
    free(held);
}
