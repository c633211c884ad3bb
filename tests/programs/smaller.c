/*
 * What stays resident of memory that was freed before a tight loop of large blocks, when the program goes on with few small ones.
 *
 *     smaller SIZE      "freed": MiB that are freed before so many blocks of SIZE bytes were taken and freed one by one; "gone": of them, what went
 *                       back to the kernel while a block of 64 bytes was taken and freed each millisecond or two, 2,500 times
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"

enum { HEAP = 400 << 20, FREED = 80 << 20, LARGE_ONES = 10000, SMALL_ONES = 2500 };

static void *filled(size_t size)
{
    void *block = malloc(size);
    if (!block)
        abort();
    memset(block, 1, size);
    return block;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    void *volatile held = filled(HEAP); /* a part of it may lie free until a period ends */
    void *freed = filled(FREED);
    double before = resident();
    free(freed);
    for (int i = 0; i < LARGE_ONES; i++) {
        void *volatile block = malloc(strtoul(argv[1], NULL, 10));
        free(block);
    }
    for (int i = 0; i < SMALL_ONES; i++) {
        void *volatile block = malloc(64);
        free(block);
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    }
    printf("freed %d\ngone %.1f\n", FREED >> 20, before - resident());
    free(held);
}
