/*
 * Three threads replace blocks at random and look at what they hold, until SIGTERM; then the caches are emptied, all is freed, and one line says how often.
 * For tests/criu.sh, which takes it from the machine and puts it back meanwhile.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "check.h"

enum { THREADS = 3, BLOCKS = 2000, EACH = 97 };

static volatile sig_atomic_t ends;
static long replaced[THREADS];

static void end(int signal)
{
    (void)signal;
    ends = 1;
}

static int holds(const unsigned char *block, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i += EACH)
        if (block[i] != value)
            return 0;
    return 1;
}

static void *replace(void *argument)
{
    long number = (long)argument;
    uint64_t seed = (uint64_t)number + 1;
    static __thread unsigned char *blocks[BLOCKS];
    static __thread size_t sizes[BLOCKS];
    for (; !ends; replaced[number]++) {
        uint64_t random = next_random(&seed);
        size_t place = random % BLOCKS;
        unsigned char value = (unsigned char)(place + (size_t)number);
        CHECK(holds(blocks[place], sizes[place], value));
        free(blocks[place]);
        sizes[place] = (random >> 20) % (random % 64 == 0 ? 400000 : 500) + 1;
        blocks[place] = malloc(sizes[place]);
        CHECK(blocks[place]);
        memset(blocks[place], value, sizes[place]);
    }
    trim();
    for (size_t place = 0; place < BLOCKS; place++) {
        CHECK(holds(blocks[place], sizes[place], (unsigned char)(place + (size_t)number)));
        free(blocks[place]);
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    signal(SIGTERM, end);
    for (long i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, replace, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    printf("whole, after %ld\n", replaced[0] + replaced[1] + replaced[2]);
    return 0;
}
