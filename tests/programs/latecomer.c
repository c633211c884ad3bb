/*
 * A library with an rseq area of its own, which aborts when the kernel refuses it, comes to threads after the allocator has
 * registered the main one. The first thread registers before it allocates; from then on the allocator must leave threads
 * alone, so that the others, which allocate first, are not refused either.
 *
 *     latecomer THREADS
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/syscall.h>

#include "check.h"

static __thread struct {
    uint32_t cpu_id_start, cpu_id, rest[6];
} __attribute__((aligned(32))) area = { 0, -1, { 0 } };

static void churn(uint64_t seed)
{
    void *blocks[100] = { 0 };
    for (int i = 0; i < 20000; i++) {
        int k = (int)(next_random(&seed) % 100);
        free(blocks[k]);
        blocks[k] = malloc(next_random(&seed) % 1000);
        CHECK(blocks[k]);
    }
    for (int k = 0; k < 100; k++)
        free(blocks[k]);
}

static void *run(void *first)
{
    if (!first)
        churn(3);
    if (syscall(334, &area, 32, 0, 0x53053053) != 0) {
        perror("rseq");
        abort();
    }
    CHECK((int)area.cpu_id >= 0);
    churn(5);
    CHECK(syscall(334, &area, 32, 1, 0x53053053) == 0);
    churn(7);
    return NULL;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : 6;
    churn(1);
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run, i == 0 ? &threads : NULL) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        churn(i + 9);
    }
    return 0;
}
