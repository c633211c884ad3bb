/*
 * A server of small memory and much traffic: each thread has a dozen requests under way, each with a buffer of 512 bytes to 25 KiB, which grows
 * while the answer is put together. Nothing is kept for long, and the whole heap is less than a mebibyte.
 *
 *     buffers [THREADS [REQUESTS]]     default 4, 1,000,000 by each
 */
#include <pthread.h>
#include <stdlib.h>

#include "random.h"

enum { UNDER_WAY = 13, SMALLEST = 512, LARGEST = 25600, DOUBLINGS = 6, MOST_THREADS = 64 };

static long requests = 1000000;

/* Each doubling is as likely as the others. */
static size_t draw(uint64_t random)
{
    size_t from = (size_t)SMALLEST << (random >> 20) % DOUBLINGS, size = from + (random >> 32) % from;
    return size < LARGEST ? size : LARGEST;
}

static void *serve(void *argument)
{
    uint64_t state = (uint64_t)(uintptr_t)argument;
    char *buffers[UNDER_WAY] = { 0 };
    for (long i = 0; i < requests; i++) {
        uint64_t random = next_of(&state);
        char **buffer = &buffers[random % UNDER_WAY];
        size_t size = draw(random);
        if (*buffer && random >> 63) {
            *buffer = realloc(*buffer, size);
        } else {
            free(*buffer);
            *buffer = malloc(size);
        }
        (*buffer)[0] = (*buffer)[size - 1] = 1;
    }
    for (int i = 0; i < UNDER_WAY; i++)
        free(buffers[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    long threads = argc > 1 ? atol(argv[1]) : 4;
    requests = argc > 2 ? atol(argv[2]) : requests;
    pthread_t running[MOST_THREADS];
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    for (long i = 0; i < threads; i++)
        if (pthread_create(&running[i], NULL, serve, (void *)(i + 1)) != 0)
            abort();
    for (long i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    return 0;
}
