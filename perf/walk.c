/*
 * Builds a list of blocks of 64 bytes and walks it three times in a random order: what the processor's translation caches, and so huge
 * pages, are worth. Seconds to build, nanoseconds for each step.
 *
 *     walk [BLOCKS]      default 5000000
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"

struct node {
    struct node *next;
    long rest[7];
};

int main(int argc, char **argv)
{
    size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000000;
    struct node **nodes = malloc(count * sizeof *nodes);
    uint64_t state = 1;
    double start = now();
    for (size_t i = 0; i < count; i++) {
        nodes[i] = malloc(sizeof *nodes[i]);
        nodes[i]->rest[0] = 0;
    }
    double built = now();
    for (size_t i = count - 1; i > 0; i--) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        size_t other = (state >> 33) % (i + 1);
        struct node *swap = nodes[i];
        nodes[i] = nodes[other];
        nodes[other] = swap;
    }
    for (size_t i = 0; i < count; i++)
        nodes[i]->next = nodes[i + 1 < count ? i + 1 : 0];
    struct node *node = nodes[0];
    double walk = now();
    for (size_t i = 0; i < 3 * count; i++)
        node = node->next;
    double end = now();
    printf("build %.3f walk %.1f %s\n", (built - start) / 1e9, (end - walk) / (3 * count), node == nodes[0] ? "" : "lost");
    return 0;
}
