/*
 * A service whose heap comes and goes. In each round one of its threads fills it up to so many MiB with blocks of sizes that differ from those of
 * the round before: small ones, pages, large ones. Then another frees all, or all but one of so many, by lot.
 *
 *     container MEBIBYTES ROUNDS SURVIVORS
 *
 * Prints a line as each round ends: MiB that were resident when the heap was full, and when it was empty.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "resident.h"

enum { THREADS = 4, SIZES = 6 };

static const size_t least[SIZES] = { 100, 5000, 500, 40000, 2000, 300000 };
static const size_t most[SIZES] = { 500, 40000, 2000, 300000, 5000, 3000000 };

struct block {
    struct block *next;
    size_t size;
};

static struct block *blocks;
static size_t live, heap;
static int round_number, survivors;
static double when_full, when_empty;
static pthread_barrier_t turn;
static uint64_t state = 88172645463325252;

static uint64_t draw(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void fill(int sizes)
{
    while (live < heap) {
        size_t size = least[sizes] + draw() % (most[sizes] - least[sizes]);
        struct block *block = malloc(size);
        CHECK(block != NULL);
        memset(block, 1, size);
        *block = (struct block) { blocks, size };
        blocks = block;
        live += size;
    }
}

static void empty(void)
{
    for (struct block **at = &blocks; *at;) {
        struct block *block = *at;
        if (survivors && draw() % survivors == 0) {
            at = &block->next;
            continue;
        }
        *at = block->next;
        live -= block->size;
        free(block);
    }
}

static void *serve(void *number)
{
    int thread = (int)(intptr_t)number;
    for (;;) {
        pthread_barrier_wait(&turn);
        if (thread == round_number % THREADS) {
            fill(round_number % SIZES);
            when_full = resident();
        }
        pthread_barrier_wait(&turn);
        if (thread == (round_number + 1) % THREADS) {
            empty();
            when_empty = resident();
        }
        pthread_barrier_wait(&turn);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc > 3);
    heap = strtoul(argv[1], NULL, 10) << 20;
    survivors = atoi(argv[3]);
    pthread_barrier_init(&turn, NULL, THREADS + 1);
    for (intptr_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, serve, (void *)i) == 0);
    }
    for (; round_number < atoi(argv[2]); round_number++) {
        for (int i = 0; i < 3; i++)
            pthread_barrier_wait(&turn);
        printf("%d full %.0f empty %.0f\n", round_number, when_full, when_empty);
        fflush(stdout); /* or the kill would take it */
    }
    return 0;
}
