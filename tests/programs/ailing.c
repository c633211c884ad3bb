/*
 * Heaps with one trouble each, for who is to find it from outside: ailing leak|caches|span|survivors|large|huge|threads|plain|fork|mapped.
 *
 * Prints "ready", or, where it is a child that is to be looked at, "ready" after its number, and stays as it is (or goes on) until standard input ends.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static void *touched(size_t size)
{
    void *block = malloc(size);
    return block == NULL ? NULL : memset(block, 1, size);
}

static void wait_for_end(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
}

static void say_ready(void)
{
    if (write(1, "ready\n", 6) != 6)
        exit(1);
}

/* So many bytes in blocks of sizes from one to another, of which only each so many stay. */
static void keep(size_t bytes, size_t least, size_t most, size_t each)
{
    size_t count = bytes / ((least + most) / 2);
    void **blocks = each == 1 ? NULL : malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        void *block = touched(least + i * 7919 % (most - least + 1));
        if (blocks != NULL)
            blocks[i] = block;
    }
    for (size_t i = 0; blocks != NULL && i < count; i++)
        if (i % each != 0)
            free(blocks[i]);
    free(blocks);
}

static void leak(void)
{
    struct pollfd input = {0, POLLIN, 0};
    say_ready();
    while (poll(&input, 1, 1) == 0)
        for (int i = 0; i < 50; i++)
            touched(100);
}

/* Again and again, so that the caches learn that it is wanted. */
static void fill_caches(int turns)
{
    enum { BLOCKS = 2000 };
    void *blocks[BLOCKS];
    for (int turn = 0; turn < turns; turn++) {
        for (int i = 0; i < BLOCKS; i++)
            blocks[i] = touched(200 + turn % 4 * 100);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
    }
}

/* With two CPUs' caches what lies in them would depend on when the thread was moved. */
static void stay_on_cpu(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(sched_getcpu(), &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        exit(1);
}

static void *sleep_in_thread(void *ready)
{
    fill_caches(1);
    pthread_barrier_wait(ready);
    pause();
    return NULL;
}

static void sleep_in_threads(void)
{
    enum { THREADS = 40 };
    pthread_barrier_t ready;
    pthread_t thread;
    pthread_barrier_init(&ready, NULL, THREADS + 1);
    keep(2 * MIB, 16, 100, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread, NULL, sleep_in_thread, &ready);
    pthread_barrier_wait(&ready);
}

int main(int count, char **arguments)
{
    const char *mode = count > 1 ? arguments[1] : "";
    if (strcmp(mode, "leak") == 0) {
        keep(4 * MIB, 16, 500, 1);
        leak();
        return 0;
    }
    if (strcmp(mode, "caches") == 0) {
        stay_on_cpu();
        keep(8 * MIB, 48, 48, 1);
        fill_caches(100);
    } else if (strcmp(mode, "span") == 0) {
        keep(60 * MIB, 1024, 1024, 16);
    } else if (strcmp(mode, "survivors") == 0) {
        keep(60 * MIB, 16, 900, 20);
    } else if (strcmp(mode, "large") == 0) {
        keep(2 * MIB, 16, 100, 1);
        touched(200 * MIB);
    } else if (strcmp(mode, "huge") == 0) {
        for (int i = 0; i < 20; i++)
            *(volatile char *)aligned_alloc(2 * MIB, 64 << 10) = 1;
    } else if (strcmp(mode, "threads") == 0) {
        sleep_in_threads();
    } else if (strcmp(mode, "plain") == 0) {
        keep(40 * MIB, 16, 900, 1);
    } else if (strcmp(mode, "mapped") == 0) {
        keep(2 * MIB, 16, 900, 1);
        memset(mmap(NULL, 50 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, 50 * MIB);
        memset(mmap(NULL, 30 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), 1, 30 * MIB);
    } else if (strcmp(mode, "fork") == 0) {
        keep(40 * MIB, 16, 900, 1);
        pid_t child = fork();
        if (child != 0) {
            printf("%d\n", child);
            fflush(stdout);
            say_ready();
            wait_for_end();
            return 0;
        }
        wait_for_end();
        _exit(0);
    } else {
        return 2;
    }
    say_ready();
    wait_for_end();
    return 0;
}
