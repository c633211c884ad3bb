/*
 * A heap that says itself what it has, to be looked at from outside: seen JSON-FILE.
 *
 * Blocks of all sizes by four threads, of which half are freed again by another; one thread stays, so that its slab does. Then the program writes
 * its statistics, as JSON to the file and as text to standard error, prints "ready", and does nothing until its standard input ends.
 */

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, BLOCKS = 20000 };

static void *blocks[THREADS][BLOCKS];

static void *fill(void *thread)
{
    void **mine = blocks[(size_t)thread];
    unsigned random = (unsigned)(size_t)thread + 1;
    for (int i = 0; i < BLOCKS; i++) {
        random = random * 1103515245 + 12345;
        size_t size = random >> 8 & ((size_t)16 << (i % 10)) - 1;
        size = i % 1000 == 0 ? size + (1 << 20) : size;
        mine[i] = malloc(size);
        memset(mine[i], 1, size);
    }
    return NULL;
}

static void *stay(void *ends)
{
    void *block = malloc(100);
    char byte;
    if (write(((int *)ends)[3], "", 1) != 1 || read(((int *)ends)[0], &byte, 1) != 0)
        abort();
    free(block);
    return NULL;
}

int main(int count, char **arguments)
{
    if (count != 2)
        return 2;
    pthread_t threads[THREADS], staying;
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, fill, (void *)i);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < BLOCKS; j++)
            if (j / 64 % 2 == i % 2)
                free(blocks[i][j]);

    int ends[4];
    char byte;
    if (pipe(ends) != 0 || pipe(ends + 2) != 0)
        return 1;
    pthread_create(&staying, NULL, stay, ends);
    if (read(ends[2], &byte, 1) != 1)
        return 1;

    int (*write_json)(int) = (int (*)(int))dlsym(RTLD_DEFAULT, "nativemalloc_write_statistics_json");
    int file = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (write_json == NULL || write_json(file) != 0)
        return 1;
    malloc_stats();
    if (write(1, "ready\n", 6) != 6)
        return 1;
    while (read(0, &byte, 1) > 0)
        ;
    close(ends[1]);
    pthread_join(staying, NULL);
    return 0;
}
