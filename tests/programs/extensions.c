/*
 * Every function of nativemalloc.h, with what it promises, but for what profiles say (profiled.c). The environment says
 * NATIVEMALLOC_INDEX=cpu_id and NATIVEMALLOC_STATS=json:/dev/null. With an argument, only whether the front end is that.
 *
 *     extensions [FRONT_END]
 */
#include <nativemalloc.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "check.h"

static struct nativemalloc_statistics statistics(void)
{
    struct nativemalloc_statistics all = { .size = sizeof all };
    errno = 77;
    CHECK(nativemalloc_get_statistics(&all) == 0 && errno == 77);
    CHECK(all.size == sizeof all);
    return all;
}

static void version(void)
{
    char text[40];
    sprintf(text, "%d.%d.%d", NATIVEMALLOC_VERSION_MAJOR, NATIVEMALLOC_VERSION_MINOR, NATIVEMALLOC_VERSION_PATCH);
    CHECK(strcmp(nativemalloc_version(), text) == 0);
    CHECK(nativemalloc_version_number() == NATIVEMALLOC_VERSION_NUMBER);
}

static void numbers(void)
{
    struct nativemalloc_statistics before = statistics();
    void *large = malloc(10 << 20), *small = malloc(100);
    KEEP(large);
    KEEP(small);
    struct nativemalloc_statistics after = statistics();
    CHECK(after.active == 1 && after.front_end == NATIVEMALLOC_PER_CPU && after.index == NATIVEMALLOC_INDEX_CPU_ID);
    CHECK(after.rseq != NATIVEMALLOC_RSEQ_UNAVAILABLE && after.slabs >= 1 && after.slabs_made >= after.slabs);
    CHECK(after.in_use - before.in_use >= 10 << 20 && after.in_use_large - before.in_use_large >= 10 << 20);
    CHECK(after.slow_allocations > before.slow_allocations);
    CHECK(after.mapped == after.in_use + after.front_end_cached + after.transfer_cached + after.central_free + after.span_tails
        + after.page_heap_free + after.released + after.metadata);
    free(small);
    free(large);
    CHECK(statistics().in_use < after.in_use);
}

/* What the caches serve counts, too; missing is what a thread has asked for since its last look at the clock. */
static void allocated(void)
{
    enum { BLOCKS = 100000, SIZE = 100, MISSING = 1024 * SIZE, MEANWHILE = 1 << 16 };
    uint64_t before = statistics().allocated;
    for (int i = 0; i < BLOCKS; i++) {
        void *block = malloc(SIZE);
        KEEP(block);
        free(block);
    }
    uint64_t grown = statistics().allocated - before;
    CHECK(grown >= SIZE * BLOCKS - MISSING && grown <= SIZE * BLOCKS + MEANWHILE);
}

/* The caller's structure is of another version than the library's. */
static void sizes(void)
{
    struct {
        struct nativemalloc_statistics known;
        uint64_t more[4];
    } longer = { .known.size = sizeof longer, .more = { 5, 6, 7, 8 } };
    CHECK(nativemalloc_get_statistics(&longer.known) == 0);
    CHECK(longer.known.size == sizeof longer.known && longer.known.mapped > 0);
    CHECK(longer.more[0] == 5 && longer.more[3] == 8);

    uint64_t shorter[2] = { sizeof shorter, 9 };
    errno = 0;
    CHECK(nativemalloc_get_statistics((struct nativemalloc_statistics *)shorter) == -1 && errno == EINVAL);
    CHECK(shorter[0] == sizeof shorter && shorter[1] == 9);
}

static void json(void)
{
    static char all[1 << 16], part[101];
    int length = nativemalloc_statistics_json(NULL, 0);
    CHECK(length > 1000 && length < (int)sizeof all);
    memset(all, 'x', sizeof all);
    length = nativemalloc_statistics_json(all, sizeof all);
    CHECK(all[0] == '{' && all[length] == 0 && (int)strlen(all) == length && all[length + 1] == 'x');
    CHECK(strstr(all, "\"active\": true"));

    memset(part, 'x', sizeof part);
    CHECK(nativemalloc_statistics_json(part, 100) >= 1000);
    CHECK(strlen(part) == 99 && memcmp(part, all, 99) == 0 && part[100] == 'x');
    CHECK(nativemalloc_statistics_json(part, 1) >= 1000 && part[0] == 0);

    errno = 0;
    CHECK(nativemalloc_write_statistics_json(-1) == -1 && errno == EBADF);
    int full = open("/dev/full", O_WRONLY);
    CHECK(nativemalloc_write_statistics_json(full) == -1 && errno == ENOSPC);
    CHECK(nativemalloc_write_statistics_json(STDOUT_FILENO) == 0);
}

static void release(void)
{
    enum { BLOCKS = 8, BYTES = 1 << 20, SMALL = 100 };
    static char *blocks[BLOCKS], *small[SMALL];
    nativemalloc_release_memory(UINT64_MAX);
    for (int i = 0; i < BLOCKS; i++)
        memset(blocks[i] = malloc(BYTES), i, BYTES);
    for (int i = 0; i < BLOCKS; i++)
        free(blocks[i]);

    struct nativemalloc_statistics before = statistics();
    CHECK(before.page_heap_free >= BLOCKS * (uint64_t)BYTES / 2);
    CHECK(nativemalloc_release_memory(0) == 0);
    uint64_t some = nativemalloc_release_memory(3 * BYTES + 1);
    CHECK(some > 3 * BYTES && some < before.page_heap_free);
    CHECK(statistics().released == before.released + some && statistics().page_heap_free == before.page_heap_free - some);

    /* More than idle pages have: what is in the caches follows. */
    for (int i = 0; i < SMALL; i++)
        small[i] = malloc(1024);
    for (int i = 0; i < SMALL; i++)
        free(small[i]);
    CHECK(statistics().front_end_cached + statistics().transfer_cached >= SMALL * 1024 / 2);
    CHECK(nativemalloc_release_memory(UINT64_MAX) >= BLOCKS * (uint64_t)BYTES / 4);
    CHECK(statistics().page_heap_free == 0 && statistics().slow_frees > before.slow_frees);
    CHECK(statistics().front_end_cached + statistics().transfer_cached < SMALL * 1024 / 2);
}

static void options(void)
{
    char value[40];
    CHECK(nativemalloc_get_option("index", value, sizeof value) == 6 && strcmp(value, "cpu_id") == 0);
    CHECK(nativemalloc_get_option("stats", value, sizeof value) == 14 && strcmp(value, "json:/dev/null") == 0);
    CHECK(nativemalloc_get_option("verbose", value, sizeof value) == 1 && strcmp(value, "0") == 0);
    CHECK(nativemalloc_get_option("stats", value, 5) == 14 && strcmp(value, "json") == 0);
    CHECK(nativemalloc_get_option("stats", NULL, 0) == 14);
    const char *wrong[] = { "", "inde", "indexes", "INDEX" };
    for (int i = 0; i < 4; i++) {
        strcpy(value, "kept");
        errno = 0;
        CHECK(nativemalloc_get_option(wrong[i], value, sizeof value) == -1 && errno == ENOENT && strcmp(value, "kept") == 0);
    }
}

static void profiles(void)
{
    errno = 0;
    CHECK(nativemalloc_start_profiling((1ULL << 40) + 1) == -1 && errno == EINVAL);
    errno = 77;
    CHECK(nativemalloc_start_profiling(0) == 0 && nativemalloc_start_profiling(1ULL << 40) == 0);
    nativemalloc_reset_profile();
    nativemalloc_stop_profiling();
    int full = open("/dev/full", O_WRONLY), null = open("/dev/null", O_WRONLY);
    for (int format = 0; format <= 2; format++) {
        for (int value = 0; value <= (format == NATIVEMALLOC_HEAP ? 2 : 3); value++) {
            errno = 77;
            CHECK(nativemalloc_write_profile(null, format, value) == 0 && errno == 77);
        }
        if (format != NATIVEMALLOC_FOLDED) { /* else there is nothing to be written */
            CHECK(nativemalloc_write_profile(full, format, NATIVEMALLOC_IN_USE) == -1 && errno == ENOSPC);
            CHECK(nativemalloc_write_profile(-1, format, NATIVEMALLOC_IN_USE) == -1 && errno == EBADF);
        }
    }
    const int wrong[][2] = { { 3, 0 }, { 0, 4 }, { -1, 0 }, { 0, -1 }, { NATIVEMALLOC_HEAP, NATIVEMALLOC_HELD } };
    for (int i = 0; i < 5; i++) {
        errno = 0;
        CHECK(nativemalloc_write_profile(null, wrong[i][0], wrong[i][1]) == -1 && errno == EINVAL);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        CHECK(statistics().front_end == strtoul(argv[1], NULL, 0));
        return 0;
    }
    version();
    numbers();
    allocated();
    sizes();
    json();
    release();
    options();
    profiles();
    return 0;
}
