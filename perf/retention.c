/*
 * What stays resident of memory that was freed, and what it costs where it is wanted again. Each mode prints "NAME VALUE" lines; resident
 * memory is counted from what it was before, and the program's own records do not lie in the heap.
 *
 *     retention turnover [SEED]         resident/live over 12 generations of sizes up to 200,000 bytes whose distribution shifts, a third
 *                                       staying: when full at the end, and the worst from the third on; then nine of ten are freed by lot
 *     retention lot FROM TO MIB         MiB resident, and resident/live, of a heap of sizes FROM to TO after nine of ten were freed by lot
 *     retention freed                   MiB resident after all of a heap was freed by lot
 *     retention bursts FROM TO MIB GAP TIMES
 *                                       ms (of processor time) of each of TIMES heaps of sizes FROM to TO that come whole and go whole, GAP ms from
 *                                       one's end to the next one's begin; and MiB resident 2 s after the last
 *     retention large FROM TO LIVE OPERATIONS
 *                                       µs (of processor time) of an operation, and the peak in MiB, with LIVE blocks of sizes FROM to TO, a page of each touched in
 *                                       each 4 KiB, one replaced by each operation
 *
 * Sizes are drawn so that each doubling is as likely as the others. "After" is 1.5 s of light use: a small block is taken and freed each
 * millisecond, which no cache misses.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "blocks.h"
#include "clock.h"
#include "programs/random.h"

enum { RECORDS = 4 << 20 };

static uint64_t state = 88172645463325252u;

static double milliseconds_of(clockid_t clock)
{
    return nanoseconds(clock) / 1e6;
}

static double mib(double bytes)
{
    return bytes / 1048576;
}

static void use_lightly(double milliseconds)
{
    for (double end = milliseconds_of(CLOCK_MONOTONIC) + milliseconds; milliseconds_of(CLOCK_MONOTONIC) < end; pause_for(1))
        free(malloc(100));
}

static double uniform(void)
{
    return (next_of(&state) >> 11) * 0x1p-53;
}

/* Each doubling from one size to another is as likely as the others. Without the mathematical library: by the doubling, then evenly in it. */
static size_t draw(size_t from, size_t to)
{
    int doublings = 0;
    while (from << doublings < to)
        doublings++;
    size_t size;
    do {
        size_t low = from << next_of(&state) % (doublings ? doublings : 1);
        size = low + (size_t)(uniform() * low);
    } while (size > to);
    return size;
}

static void touch(char *start, size_t size)
{
    for (size_t i = 0; i < size; i += 4096)
        start[i] = 1;
    start[size - 1] = 1;
}

static void add(size_t size)
{
    touch(take(size), size);
}

static void drop_by_lot(size_t left)
{
    while (count > left)
        drop(next_of(&state) % count);
}

static void turnover(void)
{
    enum { GENERATIONS = 12 };
    double worst = 0;
    for (int generation = 0; generation < GENERATIONS; generation++) {
        /* A power of a random number: of the first many are large, of the sixth nearly all are small. */
        int power = 1 + generation * 5 % 6;
        while (live < (size_t)308 << 20) {
            double size = 200000 - 16;
            for (int i = 0; i < power; i++)
                size *= uniform();
            add(16 + (size_t)size);
        }
        double times = resident() / live;
        worst = generation >= 3 && times > worst ? times : worst;
        if (generation == GENERATIONS - 1)
            printf("full %.3f\nworst %.3f\n", times, worst);
        else
            drop_by_lot(count / 3);
    }
    drop_by_lot(count / 10);
    use_lightly(1500);
    printf("live %.1f\nresident %.1f\ntimes %.2f\n", mib(live), mib(resident()), resident() / live);
}

static void lot(size_t from, size_t to, size_t bytes)
{
    while (live < bytes)
        add(from + (size_t)(uniform() * (to - from)));
    drop_by_lot(count / 10);
    use_lightly(1500);
    printf("live %.1f\nresident %.1f\ntimes %.2f\n", mib(live), mib(resident()), resident() / live);
}

static void freed(void)
{
    while (live < (size_t)308 << 20)
        add(draw(16, 200000));
    drop_by_lot(0);
    printf("at-once %.1f\n", mib(resident()));
    use_lightly(1500);
    printf("after %.1f\n", mib(resident()));
}

static void bursts(size_t from, size_t to, size_t bytes, double gap, int times)
{
    double spent = 0;
    for (int burst = 0; burst < times; burst++) {
        double start = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID);
        while (live < bytes)
            add(draw(from, to));
        while (count > 0)
            drop(count - 1);
        spent += milliseconds_of(CLOCK_PROCESS_CPUTIME_ID) - start;
        use_lightly(burst < times - 1 ? gap : 2000);
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("ms %.2f\nresident %.1f\npeak %.1f\n", spent / times, mib(resident()), mib(usage.ru_maxrss * 1024.0 - base));
}

static void large(size_t from, size_t to, size_t blocks_live, long operations)
{
    while (count < blocks_live)
        add(draw(from, to));
    double start = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < operations; i++) {
        drop(next_of(&state) % count);
        add(draw(from, to));
    }
    double spent = milliseconds_of(CLOCK_PROCESS_CPUTIME_ID) - start;
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("us %.2f\npeak %.1f\n", spent * 1e3 / operations, mib(usage.ru_maxrss * 1024.0 - base));
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    long numbers[6] = { 0 };
    for (int i = 2; i < argc && i < 8; i++)
        numbers[i - 2] = atol(argv[i]);
    free(malloc(1));
    start(RECORDS);
    if (!strcmp(mode, "turnover")) {
        state += numbers[0];
        turnover();
    } else if (!strcmp(mode, "lot") && argc == 5) {
        lot(numbers[0], numbers[1], (size_t)numbers[2] << 20);
    } else if (!strcmp(mode, "freed")) {
        freed();
    } else if (!strcmp(mode, "bursts") && argc == 7) {
        bursts(numbers[0], numbers[1], (size_t)numbers[2] << 20, numbers[3], numbers[4]);
    } else if (!strcmp(mode, "large") && argc == 6) {
        large(numbers[0], numbers[1], numbers[2], numbers[3]);
    } else {
        return 2;
    }
    return 0;
}
