/*
 * The fast path beside a peer's: nanoseconds of a malloc+free pair, of a batch (allocate n, free n, per object), and of a
 * pair in a mixed workload (3,000 live blocks of 16 bytes to 4 KiB, most of them small, each replaced at random).
 * Run by perf/fastpath.sh under one allocator after the other; prints "pair NS batch NS mixed NS".
 *
 *     fastpath [SIZE [BATCH [COUNT]]]
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

enum { LIVE = 3000 };

static double mixed(int count)
{
    static char *live[LIVE];
    unsigned long long seed = 88172645463325252ULL;
    double start = now();
    for (int i = 0; i < count; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        int k = (int)(seed % LIVE);
        free(live[k]);
        live[k] = malloc(16 + (seed >> 20 & 4095) % (16 << (seed >> 40 & 7) << (seed >> 43 & 1)));
        live[k][0] = 1;
    }
    double each = (now() - start) / count;
    for (int k = 0; k < LIVE; k++) {
        free(live[k]);
        live[k] = NULL;
    }
    return each;
}

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? strtoul(argv[1], NULL, 0) : 64;
    int batch = argc > 2 ? atoi(argv[2]) : 100;
    void **blocks = calloc(batch, sizeof *blocks);
    int pairs = argc > 3 ? atoi(argv[3]) : 5000000;
    int rounds = pairs / batch;
    double best_pair = 1e18, best_batch = 1e18, best_mixed = 1e18;

    for (int run = 0; run < 5; run++) {
        double start = now();
        for (int i = 0; i < pairs; i++) {
            void *block = malloc(size);
            __asm__ volatile("" : : "r"(block) : "memory");
            free(block);
        }
        double pair = (now() - start) / pairs;

        start = now();
        for (int r = 0; r < rounds; r++) {
            for (int i = 0; i < batch; i++)
                blocks[i] = malloc(size);
            __asm__ volatile("" : : "r"(blocks) : "memory");
            for (int i = 0; i < batch; i++)
                free(blocks[i]);
        }
        double each = (now() - start) / ((double)rounds * batch);
        double replaced = mixed(pairs);

        best_pair = pair < best_pair ? pair : best_pair;
        best_batch = each < best_batch ? each : best_batch;
        best_mixed = replaced < best_mixed ? replaced : best_mixed;
    }

    printf("pair %.3f batch %.3f mixed %.3f\n", best_pair, best_batch, best_mixed);
    return 0;
}
