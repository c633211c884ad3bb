/*
 * A workload that a seed draws by lot: sizes, how they are distributed, how long blocks live, how many threads, which functions, how much of a
 * block is touched. The same for a seed in each run. Prints its milliseconds, peak (KiB) and page faults, then what was drawn.
 *
 *     drawn SEED
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "programs/random.h"

enum { MOST_THREADS = 4, MOST_LIVE = 1000000, LARGEST = 8 << 20 };
enum distribution { ONE_SIZE, EVEN, DOUBLINGS, FOUR_SIZES, MOSTLY_SMALL, DISTRIBUTIONS };
enum order { REPLACED, IN_TURN, LIKE_A_STACK, ALL_AT_ONCE, MOST_BY_LOT, ORDERS };
enum touched { FIRST, FIRST_AND_LAST, ALL, TOUCHES };

static const char *const distributions[] = { "one size", "even", "doublings", "four sizes", "mostly small" };
static const char *const orders[] = { "replaced by lot", "in turn", "like a stack", "all at once", "seven of eight by lot" };
static const char *const touches[] = { "first byte", "first and last", "all" };

static enum distribution distribution;
static enum order order;
static enum touched touched;
static int threads, reallocs, callocs, aligned;
static size_t smallest, largest;
static long live, operations;

static uint64_t draw(uint64_t *state, uint64_t below) { return (next_of(state) >> 8) % below; }

static size_t draw_size(uint64_t *state)
{
    size_t from = smallest;
    switch (distribution) {
    case ONE_SIZE:
        return smallest;
    case EVEN:
        return smallest + draw(state, largest - smallest + 1);
    case FOUR_SIZES:
        return (size_t[]){ smallest, smallest * 3, largest / 3 + 1, largest }[draw(state, 4)];
    case DOUBLINGS: {
        uint64_t doublings = 1;
        while (smallest << doublings <= largest)
            doublings++;
        from <<= draw(state, doublings);
        return from + draw(state, from);
    }
    default:
        while (from * 2 <= largest && draw(state, 2))
            from *= 2;
        return from + draw(state, from);
    }
}

static void *touch(char *block, size_t size)
{
    if (!block)
        abort();
    block[0] = 1;
    if (touched == FIRST_AND_LAST)
        block[size - 1] = 1;
    else if (touched == ALL)
        memset(block, 1, size);
    return block;
}

static void *take(uint64_t *state)
{
    size_t size = draw_size(state);
    uint64_t how = draw(state, 4);
    void *block = NULL;
    if (callocs && how == 0)
        block = calloc(1, size);
    else if (aligned && how == 1)
        (void)!posix_memalign(&block, (size_t)64 << draw(state, 7), size);
    else
        block = malloc(size);
    return touch(block, size);
}

static void replace(char **block, uint64_t *state)
{
    if (reallocs && *block && draw(state, 2)) {
        size_t size = draw_size(state);
        *block = touch(realloc(*block, size), size);
    } else {
        free(*block);
        *block = take(state);
    }
}

static void drop(char **block)
{
    free(*block);
    *block = NULL;
}

static void *work(void *number)
{
    uint64_t state = (uintptr_t)number * 0x9e3779b97f4a7c15 + 1;
    char **blocks = calloc((size_t)live, sizeof *blocks);
    long count = 0;
    for (long done = 0; done < operations;) {
        switch (order) {
        case REPLACED:
            replace(&blocks[draw(&state, (uint64_t)live)], &state);
            done++;
            break;
        case IN_TURN:
            replace(&blocks[done++ % live], &state);
            break;
        case LIKE_A_STACK:
            for (long most = 1 + (long)draw(&state, (uint64_t)live); count < most && done < operations; done++)
                blocks[count++] = take(&state);
            for (long least = (long)draw(&state, (uint64_t)count + 1); count > least;)
                drop(&blocks[--count]);
            break;
        default:
            for (long i = 0; i < live && done < operations; i++)
                if (!blocks[i]) {
                    blocks[i] = take(&state);
                    done++;
                }
            for (long i = 0; i < live; i++)
                if (order == ALL_AT_ONCE || draw(&state, 8))
                    drop(&blocks[i]);
        }
    }
    for (long i = 0; i < live; i++)
        free(blocks[i]);
    free(blocks);
    return NULL;
}

static double average_size(void)
{
    uint64_t state = 1;
    double sum = 0;
    for (int i = 0; i < 1000; i++)
        sum += (double)draw_size(&state);
    return sum / 1000;
}

/* Some tenths of a second's work for a good allocator. */
static long operations_for(double average)
{
    double nanoseconds = 160 + (touched == ALL ? average * 0.15 : 0) + (order >= ALL_AT_ONCE && average > 4096 ? average / 8 : 0);
    long count = (long)(300e6 / nanoseconds);
    return count > 2 * live ? count : 2 * live;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    uint64_t state = strtoull(argv[1], NULL, 0) * 0x2545f4914f6cdd1d + 7;
    distribution = (enum distribution)draw(&state, DISTRIBUTIONS);
    order = (enum order)draw(&state, ORDERS);
    touched = (enum touched)draw(&state, TOUCHES);
    threads = (int[]){ 1, 1, 1, 2, 2, MOST_THREADS }[draw(&state, 6)];
    smallest = (size_t)8 << draw(&state, 15);
    largest = smallest * (size_t[]){ 2, 8, 50, 400 }[draw(&state, 4)];
    largest = largest > LARGEST ? LARGEST : largest;
    reallocs = draw(&state, 3) == 0;
    callocs = draw(&state, 4) == 0;
    aligned = draw(&state, 5) == 0;
    double average = average_size();
    live = (long)((double[]){ 100e3, 1e6, 5e6, 20e6, 60e6 }[draw(&state, 5)] / average);
    live = live < 4 ? 4 : live > MOST_LIVE ? MOST_LIVE : live;
    operations = operations_for(average);

    double start = now();
    pthread_t running[MOST_THREADS];
    for (long i = 0; i < threads; i++)
        if (pthread_create(&running[i], NULL, work, (void *)(i + 1)) != 0)
            abort();
    for (int i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%.1f %ld %ld %d x %ld blocks of %zu to %zu (%s), %s, %ld operations, touched: %s%s%s%s\n", (now() - start) / 1e6, usage.ru_maxrss, usage.ru_minflt,
        threads, live, smallest, largest, distributions[distribution], orders[order], operations, touches[touched],
        reallocs ? ", realloc" : "", callocs ? ", calloc" : "", aligned ? ", aligned" : "");
    return 0;
}
