/*
 * Memory that is held, or was, by functions that profiles' readers are to name.
 *
 *     profiled                    holds, and ends
 *     profiled grow               then allocates until that fails, and ends by _exit; "grow aligned", by posix_memalign,
 *                                 "grow moved", by realloc, "grow thread", on a thread with as little stack as there can be
 *     profiled fork               then forks, and the child allocates more and ends, too
 *     profiled soft               lets go of all that it holds, waits, and takes it again
 *     profiled write FOLDER       by nativemalloc.h: profiles of two moments in each format, and of the peak
 *
 * NATIVEMALLOC_SAMPLE says how good the estimates are.
 */
#include <nativemalloc.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "check.h"

enum { SMALL = 20000, SMALL_BYTES = 1000, LARGE = 10, LARGE_BYTES = 4 << 20, CHURNED = 60000, PEAK = 1000, PEAK_BYTES = 80000 };

static void *small[SMALL], *large[LARGE], *peak[PEAK];

/* 20 MB */
__attribute__((noinline)) static void hold_small(void)
{
    for (int i = 0; i < SMALL; i++)
        small[i] = malloc(SMALL_BYTES);
}

/* 42 MB */
__attribute__((noinline)) static void hold_large(void)
{
    for (int i = 0; i < LARGE; i++)
        large[i] = malloc(LARGE_BYTES);
}

/* 60 MB, never much of it at once */
__attribute__((noinline)) static void churn(void)
{
    for (int i = 0; i < CHURNED; i++) {
        void *block = malloc(1000);
        KEEP(block);
        free(block);
    }
}

/* 80 MB, for a while */
__attribute__((noinline)) static void peak_once(void)
{
    for (int i = 0; i < PEAK; i++)
        peak[i] = malloc(PEAK_BYTES);
    for (int i = 0; i < PEAK; i++)
        free(peak[i]);
}

__attribute__((noinline)) static void let_go(void)
{
    for (int i = 0; i < SMALL; i++)
        free(small[i]);
    for (int i = 0; i < LARGE; i++)
        free(large[i]);
}

__attribute__((noinline)) static void grow(const char *how)
{
    char *moved = NULL;
    for (size_t size = 4096;; size *= 2) {
        void *block = NULL;
        if (strcmp(how, "aligned") == 0)
            CHECK(posix_memalign(&block, 4096, 1 << 20) == (block ? 0 : ENOMEM));
        else if (strcmp(how, "moved") == 0)
            block = moved = realloc(moved, size);
        else
            block = malloc(100000);
        KEEP(block);
        if (!block)
            break;
    }
}

static void *grow_here(void *how)
{
    grow(how);
    return NULL;
}

static void grow_on_thread(const char *how)
{
    pthread_attr_t little;
    pthread_t thread;
    CHECK(pthread_attr_init(&little) == 0 && pthread_attr_setstacksize(&little, PTHREAD_STACK_MIN) == 0);
    CHECK(pthread_create(&thread, &little, grow_here, (void *)how) == 0 && pthread_join(thread, NULL) == 0);
}

static void write_to(const char *folder, const char *name, enum nativemalloc_profile_format format, enum nativemalloc_profile_value value)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(file >= 0 && nativemalloc_write_profile(file, format, value) == 0 && close(file) == 0);
}

__attribute__((noinline)) static void write_all(const char *folder)
{
    CHECK(nativemalloc_start_profiling(16 << 10) == 0);
    hold_small();
    peak_once();
    churn();
    write_to(folder, "first.pb.gz", NATIVEMALLOC_PPROF, NATIVEMALLOC_IN_USE);
    write_to(folder, "first.heap", NATIVEMALLOC_HEAP, NATIVEMALLOC_IN_USE);
    write_to(folder, "first.folded", NATIVEMALLOC_FOLDED, NATIVEMALLOC_IN_USE);
    write_to(folder, "peak.heap", NATIVEMALLOC_HEAP, NATIVEMALLOC_PEAK);
    write_to(folder, "peak.folded", NATIVEMALLOC_FOLDED, NATIVEMALLOC_PEAK);
    write_to(folder, "allocated.folded", NATIVEMALLOC_FOLDED, NATIVEMALLOC_ALLOCATED);
    hold_large();
    nativemalloc_stop_profiling();
    void *more = malloc(64 << 20);
    KEEP(more);
    write_to(folder, "second.pb.gz", NATIVEMALLOC_PPROF, NATIVEMALLOC_IN_USE);
    write_to(folder, "second.heap", NATIVEMALLOC_HEAP, NATIVEMALLOC_IN_USE);
    nativemalloc_reset_profile();
    write_to(folder, "reset.pb.gz", NATIVEMALLOC_PPROF, NATIVEMALLOC_IN_USE);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "write") == 0) {
        write_all(argv[2]);
        return 0;
    }
    peak_once();
    hold_small();
    hold_large();
    churn();
    if (strcmp(what, "grow") == 0) {
        const char *how = argc > 2 ? argv[2] : "";
        if (strcmp(how, "thread") == 0)
            grow_on_thread(how);
        else
            grow(how);
        _exit(0);
    }
    if (strcmp(what, "soft") == 0) {
        let_go();
        for (int i = 0; i < 20; i++) {
            usleep(20000);
            churn();
        }
        hold_large();
    }
    if (strcmp(what, "fork") == 0) {
        pid_t child = fork();
        if (child == 0)
            hold_large();
        else
            waitpid(child, NULL, 0);
    }
    return 0;
}
