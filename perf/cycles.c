/*
 * One of the loops of perf/loops, REPEATS times, in cycles for an operation: its time beside that of a chain of multiplications of 3 cycles
 * each just before and after it, so that a clock that changes does not count. Prints the least and the median.
 *
 *     cycles LOOP REPEATS ARGUMENTS...       the loop's arguments, of which the last is how many operations it makes
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "loops/loops.c"

enum { CHAIN = 60000, MOST_REPEATS = 1000, MULTIPLICATION = 3 };

/* Nanoseconds of a cycle: the least of a few, since an interrupt adds to one. */
static double cycle(void)
{
    double least = 1e18;
    for (int run = 0; run < 3; run++) {
        unsigned long product = 3;
        double start = now();
        for (int i = 0; i < CHAIN; i++)
            __asm__ volatile("imul %0, %0" : "+r"(product));
        double each = (now() - start) / CHAIN / MULTIPLICATION;
        least = each < least ? each : least;
    }
    return least;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run(const char *loop, const long *a)
{
    if (!strcmp(loop, "pairs"))
        pairs(a[0], a[1]);
    else if (!strcmp(loop, "batches"))
        batches(a[0], a[1], a[2]);
    else if (!strcmp(loop, "scattered"))
        scattered(a[0], a[1], a[2]);
    else if (!strcmp(loop, "mixed"))
        mixed(a[0], a[1], a[2]);
    else if (!strcmp(loop, "callocs"))
        callocs(a[0], a[1]);
    else if (!strcmp(loop, "growths"))
        growths(a[0], a[1], a[2]);
    else if (!strcmp(loop, "exchange"))
        exchange(a[0], a[1]);
    else if (!strcmp(loop, "crowd"))
        crowd(a[0], a[1], a[2], a[3]);
    else if (!strcmp(loop, "starts"))
        starts(a[0]);
    else
        exit(2);
}

int main(int argc, char **argv)
{
    static double cycles[MOST_REPEATS];
    long arguments[4] = { 0 };
    int repeats = argc > 3 ? atoi(argv[2]) : 0;
    if (repeats < 1 || repeats > MOST_REPEATS || argc > 7)
        return 2;
    for (int i = 3; i < argc; i++)
        arguments[i - 3] = atol(argv[i]);
    long operations = arguments[argc - 4];

    run(argv[1], arguments); /* to warm up */
    for (int i = 0; i < repeats; i++) {
        double before = cycle(), start = now();
        run(argv[1], arguments);
        double each = (now() - start) / operations;
        cycles[i] = each / ((before + cycle()) / 2);
    }
    qsort(cycles, repeats, sizeof *cycles, compare);
    printf("%.2f %.2f\n", cycles[0], cycles[repeats / 2]);
    return 0;
}
