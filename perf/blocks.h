/* A heap of blocks to measure: its records do not lie in it, and resident memory is counted from what it was before. */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct block {
    char *start;
    size_t size;
};

static struct block *blocks; /* as many as were asked for */
static size_t count, room, live;
static double base;

/* Bytes above what there were at the start. */
static double resident(void)
{
    char text[100] = "";
    int file = open("/proc/self/statm", O_RDONLY);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0)
        abort();
    close(file);
    return strtod(strchr(text, ' '), NULL) * 4096 - base;
}

/* Room for records, all resident from now on; and that much is where counting begins. */
static void start(size_t records)
{
    room = records;
    blocks = mmap(NULL, room * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (blocks == MAP_FAILED)
        abort();
    base = resident();
}

/* One block more, which nobody has written to. */
static char *take(size_t size)
{
    char *block = count < room ? malloc(size) : NULL;
    if (!block)
        abort();
    blocks[count++] = (struct block){ block, size };
    live += size;
    return block;
}

static void drop(size_t index)
{
    free(blocks[index].start);
    live -= blocks[index].size;
    blocks[index] = blocks[--count];
}

static void pause_for(double milliseconds)
{
    struct timespec time = { (time_t)(milliseconds / 1e3), (long)(milliseconds * 1e6) % 1000000000 };
    nanosleep(&time, NULL);
}

#endif
