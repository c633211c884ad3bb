/*
 * A server after Larson and Krishnan (ISMM 1998): each thread replaces blocks of 10 to 500 bytes at random in an array, then hands the
 * array to a new thread and ends. So most blocks are freed by another thread than the one that allocated them.
 *
 *     larson [THREADS [BLOCKS [GENERATIONS]]]      default 4, 1,000 blocks in each array, 150
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "random.h"

enum { SMALLEST = 10, LARGEST = 500, ROUNDS = 20 };

static long blocks = 1000, generations = 150;
static sem_t ended;

struct shift {
    char **array;
    uint64_t seed;
    long generation;
};

static void start(struct shift *shift);

static void *serve(void *argument)
{
    struct shift *place = argument;
    struct shift shift = *place; /* of its own: the places share cache lines, and each number that is drawn would be written there */
    for (long i = 0; i < blocks * ROUNDS; i++) {
        uint64_t random = next_of(&shift.seed);
        long slot = (long)(random >> 32) % blocks;
        free(shift.array[slot]);
        shift.array[slot] = malloc(SMALLEST + random % (LARGEST - SMALLEST + 1));
        shift.array[slot][0] = 1;
    }
    shift.generation++;
    *place = shift;
    if (shift.generation < generations)
        start(place);
    else
        sem_post(&ended);
    return NULL;
}

static void start(struct shift *shift)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, shift) != 0)
        abort();
    pthread_detach(thread);
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 4;
    blocks = argc > 2 ? atol(argv[2]) : blocks;
    generations = argc > 3 ? atol(argv[3]) : generations;
    struct shift *shifts = calloc((size_t)threads, sizeof *shifts);
    sem_init(&ended, 0, 0);
    for (long i = 0; i < threads; i++) {
        shifts[i] = (struct shift){ calloc((size_t)blocks, sizeof(char *)), (uint64_t)i + 1, 0 };
        start(&shifts[i]);
    }
    for (long i = 0; i < threads; i++)
        sem_wait(&ended);
    return 0;
}
