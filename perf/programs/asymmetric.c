/*
 * An asymmetric pair after Lever and Boreham's xmalloc-test (USENIX 2000): some threads only allocate, in batches of mixed sizes, others
 * only free them.
 *
 *     asymmetric [PAIRS [BATCHES]]      default 2 pairs of threads, 6,000 batches of 1,000 blocks by each
 */
#include <pthread.h>
#include <stdlib.h>

#include "random.h"

enum { BATCH = 1000, LARGEST = 512, WAITING = 32 };

struct batch {
    struct batch *next;
    char *blocks[BATCH];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER, emptied = PTHREAD_COND_INITIALIZER;
static struct batch *queue;
static long waiting, batches = 6000;

static void *produce(void *argument)
{
    uint64_t state = *(uint64_t *)argument;
    for (long i = 0; i < batches; i++) {
        struct batch *batch = malloc(sizeof *batch);
        for (int j = 0; j < BATCH; j++) {
            batch->blocks[j] = malloc(1 + next_of(&state) % LARGEST);
            batch->blocks[j][0] = 1;
        }
        pthread_mutex_lock(&lock);
        while (waiting == WAITING)
            pthread_cond_wait(&emptied, &lock);
        batch->next = queue;
        queue = batch;
        waiting++;
        pthread_cond_signal(&filled);
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *consume(void *argument)
{
    for (long i = 0; i < batches; i++) {
        pthread_mutex_lock(&lock);
        while (!queue)
            pthread_cond_wait(&filled, &lock);
        struct batch *batch = queue;
        queue = batch->next;
        waiting--;
        pthread_cond_signal(&emptied);
        pthread_mutex_unlock(&lock);
        for (int j = 0; j < BATCH; j++)
            free(batch->blocks[j]);
        free(batch);
    }
    return argument;
}

int main(int argc, char **argv)
{
    long pairs = argc > 1 ? atol(argv[1]) : 2;
    batches = argc > 2 ? atol(argv[2]) : batches;
    pthread_t *threads = calloc((size_t)pairs * 2, sizeof *threads);
    uint64_t *seeds = calloc((size_t)pairs, sizeof *seeds);
    for (long i = 0; i < pairs; i++) {
        seeds[i] = (uint64_t)i + 1;
        if (pthread_create(&threads[2 * i], NULL, produce, &seeds[i]) != 0 || pthread_create(&threads[2 * i + 1], NULL, consume, NULL) != 0)
            abort();
    }
    for (long i = 0; i < pairs * 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
