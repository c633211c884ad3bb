/*
 * racing SECONDS: asks for the statistics, in every form, while threads allocate and free in all tiers. What is read belongs to many
 * moments; it must add up, and no difference of it may wrap around.
 */
#define _GNU_SOURCE
#include <nativemalloc.h>

#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "mallinfo.h"

enum { THREADS = 4, HELD = 300, MOST_DIGITS = 15 };

static volatile int stop;

static void *work(void *number)
{
    uint64_t seed = (uintptr_t)number + 1;
    char *blocks[HELD];
    while (!stop) {
        uint64_t random = next_random(&seed);
        int small = random % 2;
        size_t size = small ? 16 + random / 2 % 20000 * 16 : 300000 + random / 2 % 6000000;
        int count = small ? 10 + random / 65536 % (HELD - 10) : 3 + random / 65536 % 20;
        for (int i = 0; i < count; i++)
            CHECK((blocks[i] = malloc(size)) != NULL);
        for (int i = 0; i < count; i++)
            free(blocks[i]);
    }
    return NULL;
}

static void check_structure(void)
{
    struct nativemalloc_statistics all = { .size = sizeof all };
    CHECK(nativemalloc_get_statistics(&all) == 0);
    CHECK(all.mapped >> 40 == 0 && all.metadata <= all.mapped && all.metadata_touched <= all.metadata);
    CHECK(all.in_use_large <= all.in_use && all.internal_waste <= all.in_use);
    uint64_t parts[] = { all.in_use, all.front_end_cached, all.transfer_cached, all.central_free, all.span_tails, all.page_heap_free,
                         all.released, all.metadata };
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; sum += parts[i++])
        CHECK(parts[i] <= all.mapped);
    CHECK(sum == all.mapped);
}

static void check_mallinfo(void)
{
    struct mallinfo2 all = mallinfo2();
    CHECK(all.arena >> 40 == 0 && all.ordblks >> 40 == 0 && all.smblks >> 40 == 0);
    CHECK(all.uordblks + all.fordblks == all.arena && all.uordblks <= all.arena);
    CHECK(all.fsmblks <= all.fordblks && all.keepcost <= all.fordblks);
}

/* A number that wrapped around has 20 digits. */
static void check_text(const char *text)
{
    for (int digits = 0; *text; text++)
        CHECK((digits = isdigit((unsigned char)*text) ? digits + 1 : 0) <= MOST_DIGITS);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    static char text[1 << 20];
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
    for (time_t end = time(NULL) + atoi(argv[1]); time(NULL) < end;) {
        for (int i = 0; i < 50; i++) {
            check_structure();
            check_mallinfo();
        }
        int length = nativemalloc_statistics_json(text, sizeof text);
        CHECK(length > 0 && length < (int)sizeof text);
        check_text(text);
        FILE *stream = fmemopen(text, sizeof text, "w");
        CHECK(stream != NULL && malloc_info(0, stream) == 0 && fclose(stream) == 0);
        check_text(text);
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check_structure();
    return 0;
}
