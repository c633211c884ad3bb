/*
 * A program that turns from size to size: many blocks of each up to 1,024 bytes come and go, and then 60 of 2,050 bytes, 1,000 times. The
 * caches must have room for the last as they had for the first.
 */
#define _GNU_SOURCE
#include <time.h>

#include "check.h"

static char *blocks[6000];

static void turn_over(size_t size, int count, int times)
{
    for (int time = 0; time < times; time++) {
        for (int i = 0; i < count; i++)
            CHECK((blocks[i] = malloc(size)) != NULL);
        for (int i = 0; i < count; i++)
            free(blocks[i]);
    }
}

int main(void)
{
    for (size_t size = 16; size <= 1024; size += 16)
        turn_over(size, size <= 256 ? 6000 : 1500, 10);
    nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
    turn_over(2050, 60, 1000);
    return 0;
}
