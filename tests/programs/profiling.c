/*
 * Profiles are written, started, stopped and reset while threads allocate from ever new stacks, load and unload a library, and fork.
 *
 *     profiling FOLDER LIBRARY [SECONDS]
 *
 * Leaves FOLDER/N.pb.gz, .heap and .folded. The library is any that can be loaded (plugin.c).
 */
#include <nativemalloc.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"

enum { THREADS = 4, LIVE = 500 };

static volatile int stop;
static const char *folder, *library;

/* One of 2^10 stacks, by the bits of "way". */
__attribute__((noinline)) static void *left(unsigned way, int depth);
__attribute__((noinline)) static void *right(unsigned way, int depth)
{
    void *block = depth == 0 ? malloc(way % 3000) : way & 1 ? left(way >> 1, depth - 1) : right(way >> 1, depth - 1);
    KEEP(block);
    return block;
}

static void *left(unsigned way, int depth)
{
    void *block = depth == 0 ? malloc(way % 3000) : way & 1 ? left(way >> 1, depth - 1) : right(way >> 1, depth - 1);
    KEEP(block);
    return block;
}

static void *allocate(void *number)
{
    uint64_t random = 77 + (uintptr_t)number;
    void *live[LIVE] = { NULL };
    while (!stop) {
        uint64_t next = next_random(&random);
        void **place = &live[next % LIVE];
        free(*place);
        *place = left(next >> 32, 10);
    }
    for (int i = 0; i < LIVE; i++)
        free(live[i]);
    return NULL;
}

static void *load(void *unused)
{
    while (!stop) {
        void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
        CHECK(handle && dlclose(handle) == 0);
    }
    return unused;
}

static void *fork_often(void *unused)
{
    while (!stop) {
        pid_t child = fork();
        if (child == 0) {
            int null = open("/dev/null", O_WRONLY);
            CHECK(nativemalloc_write_profile(null, NATIVEMALLOC_PPROF, NATIVEMALLOC_IN_USE) == 0);
            _exit(0);
        }
        int status;
        CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
        usleep(1000);
    }
    return unused;
}

static void write_to(int number, const char *ending, enum nativemalloc_profile_format format)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%d%s", folder, number % 10, ending);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0 && nativemalloc_write_profile(file, format, NATIVEMALLOC_IN_USE) == 0 && close(file) == 0);
}

/* While the other one writes: only for one of them memory to work in is kept. */
static void *write_nowhere(void *unused)
{
    int null = open("/dev/null", O_WRONLY);
    while (!stop)
        CHECK(nativemalloc_write_profile(null, NATIVEMALLOC_PPROF, NATIVEMALLOC_IN_USE) == 0);
    return unused;
}

static void write_often(int seconds)
{
    time_t end = time(NULL) + seconds;
    for (int i = 0; time(NULL) <= end || i < 10; i++) {
        CHECK(nativemalloc_start_profiling(i % 7 == 6 ? 1 : 2000) == 0);
        write_to(i, ".pb.gz", NATIVEMALLOC_PPROF);
        write_to(i, ".heap", NATIVEMALLOC_HEAP);
        write_to(i, ".folded", NATIVEMALLOC_FOLDED);
        if (i % 5 == 4)
            nativemalloc_reset_profile();
        if (i % 3 == 2)
            nativemalloc_stop_profiling();
    }
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS + 3];
    folder = argv[1];
    library = argv[2];
    CHECK(nativemalloc_start_profiling(1000) == 0);
    int count = 0;
    for (; count < THREADS; count++)
        CHECK(pthread_create(&threads[count], NULL, allocate, (void *)(uintptr_t)count) == 0);
    CHECK(pthread_create(&threads[count++], NULL, load, NULL) == 0);
    CHECK(pthread_create(&threads[count++], NULL, fork_often, NULL) == 0);
    CHECK(pthread_create(&threads[count++], NULL, write_nowhere, NULL) == 0);
    write_often(argc > 3 ? atoi(argv[3]) : 1);
    stop = 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
