/*
 * 200 threads with 100 small blocks each that replace them at random, in rounds after which all wait for each other: so all have their blocks
 * at once, however fast they are. The loop of the microbenchmarks, as a program whose memory can be seen.
 *
 *     crowd [OPERATIONS]      default 40,000,000 in all
 */
#include "../loops/loops.c"

enum { THREADS = 200, SLOTS = 100, LARGEST = 1024, ROUNDS = 20 };

static long operations = 40000000;

static pthread_barrier_t round_ends;

static void *replace_by_rounds(void *argument)
{
    const uint32_t *sizes = argument;
    void *live[SLOTS] = { 0 };
    for (uint64_t round = 0; round < ROUNDS; round++) {
        replace(live, SLOTS, sizes, operations / THREADS / ROUNDS, ((uint64_t)(uintptr_t)live + round) | 1);
        pthread_barrier_wait(&round_ends);
    }
    for (int i = 0; i < SLOTS; i++)
        call.free(live[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    operations = argc > 1 ? atol(argv[1]) : operations;
    pthread_t thread[THREADS];
    pthread_barrier_init(&round_ends, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, replace_by_rounds, sizes_to(LARGEST)) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
