/* The functions that tell of the heap, or tune it. */
#include <sys/mman.h>

#include "tools.h"

enum { TOLD = 2000, TOLD_SIZE = 1000 };

static void use(void *blocks[TOLD], void **large)
{
    for (int i = 0; i < TOLD; i++) {
        CHECK((blocks[i] = malloc(TOLD_SIZE)));
        memset(blocks[i], 1, TOLD_SIZE);
    }
    CHECK((*large = malloc(9 * MIB)));
    memset(*large, 1, 9 * MIB);
}

static void unuse(void *blocks[TOLD], void *large)
{
    for (int i = 0; i < TOLD; i++)
        free(blocks[i]);
    free(large);
}

/* Bytes in use, wherever they are: uordblks and hblkhd. Some of what was freed may count as in use while it is cached. */
static void mallinfo2_follows(void)
{
    static void *blocks[TOLD];
    void *large, *little = malloc(1);
    const size_t sum = TOLD * TOLD_SIZE + 9 * MIB;
    struct mallinfo2 first = mallinfo2();
    use(blocks, &large);
    struct mallinfo2 second = mallinfo2();
    unuse(blocks, large);
    struct mallinfo2 third = mallinfo2();
    size_t used[] = { first.uordblks + first.hblkhd, second.uordblks + second.hblkhd, third.uordblks + third.hblkhd };
    CHECK(used[0] > 0 && used[0] < MIB);
    CHECK(used[1] >= used[0] + sum && used[1] <= used[0] + sum + sum / 4);
    CHECK(used[2] < used[0] + sum / 8);
    CHECK(second.arena + second.hblkhd >= used[1]);
    CHECK(second.arena == second.uordblks + second.fordblks && third.arena == third.uordblks + third.fordblks);
    free(little);
}

static void mallinfo_follows(void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    static void *blocks[TOLD];
    void *large, *little = malloc(1);
    const int sum = TOLD * TOLD_SIZE + 9 * (int)MIB;
    struct mallinfo first = mallinfo();
    use(blocks, &large);
    struct mallinfo second = mallinfo();
    unuse(blocks, large);
    struct mallinfo third = mallinfo();
#pragma GCC diagnostic pop
    int used[] = { first.uordblks + first.hblkhd, second.uordblks + second.hblkhd, third.uordblks + third.hblkhd };
    CHECK(used[0] > 0 && used[1] >= used[0] + sum && used[2] < used[0] + sum / 8);
    free(little);
}

/* To standard output, where the caller can read it with a real parser; and to a stream in memory, which allocates as it grows. */
static void malloc_info_writes(void)
{
    static void *blocks[TOLD];
    void *large;
    use(blocks, &large);
    for (int i = 0; i < TOLD; i += 2) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream && malloc_info(0, stream) == 0 && fclose(stream) == 0);
    CHECK(strncmp(text, "<malloc version=\"1\">", 20) == 0);
    CHECK(length > 10 && strcmp(text + length - 10, "</malloc>\n") == 0);
    free(text);
    CHECK(malloc_info(0, stdout) == 0 && fflush(stdout) == 0);
    unuse(blocks, large);
}

static void malloc_info_options(void)
{
    CHECK(malloc_info(1, stdout) == EINVAL);
    CHECK(malloc_info(-1, stdout) == EINVAL);
}

/* The parameters of glibc's malloc.h, with values that its manual allows. Blocks can be had afterwards. */
static void mallopt_accepts(void)
{
    static const int parameters[][2] = {
        { M_MXFAST, 64 }, { M_TRIM_THRESHOLD, 1 << 20 }, { M_TOP_PAD, 1 << 16 }, { M_MMAP_THRESHOLD, 1 << 20 }, { M_MMAP_MAX, 1000 },
        { -5 /* M_CHECK_ACTION, not in newer headers */, 3 }, { M_PERTURB, 0 }, { M_ARENA_TEST, 2 }, { M_ARENA_MAX, 4 },
    };
    for (size_t i = 0; i < COUNT_OF(parameters); i++)
        CHECK(mallopt(parameters[i][0], parameters[i][1]) == 1);
    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        void *block = malloc(limits[i]);
        CHECK(block);
        fill(block, limits[i], 1);
        free(block);
    }
}

enum { TRIMMED = 16384, TRIMMED_SIZE = 4000 };

/* How many of the blocks, or of the places where they were, lie in memory. */
static int in_memory(char *const blocks[TRIMMED])
{
    int count = 0;
    for (int i = 0; i < TRIMMED; i++) {
        unsigned char resident = 0;
        uintptr_t page = (uintptr_t)(blocks[i] + TRIMMED_SIZE / 2) & ~(uintptr_t)4095;
        if (mincore((void *)page, 4096, &resident) == 0)
            count += resident & 1;
        else
            CHECK(errno == ENOMEM); /* no mapping any more */
    }
    return count;
}

/* What is free goes back to the kernel, though blocks in use lie between; and 1 if that was so. */
static void malloc_trim_returns(void)
{
    static char *blocks[TRIMMED];
    for (int i = 0; i < TRIMMED; i++) {
        CHECK((blocks[i] = malloc(TRIMMED_SIZE)));
        memset(blocks[i], 1, TRIMMED_SIZE);
    }
    CHECK(in_memory(blocks) == TRIMMED);
    for (int i = 0; i < TRIMMED; i++)
        if (i % 1000 != 999 && i != TRIMMED - 1)
            free(blocks[i]);
    int freed = in_memory(blocks);
    int result = malloc_trim(0);
    int trimmed = in_memory(blocks);
    CHECK(trimmed < TRIMMED / 8);
    CHECK(result == (trimmed < freed));
    for (int i = 999; i < TRIMMED; i += 1000)
        CHECK(blocks[i][0] == 1 && blocks[i][TRIMMED_SIZE - 1] == 1);
}

/* To standard error, whatever it is. */
static void malloc_stats_prints(void)
{
    FILE *file = tmpfile();
    int old = dup(2);
    CHECK(file && old >= 0 && dup2(fileno(file), 2) == 2);
    malloc_stats();
    fflush(stderr);
    CHECK(dup2(old, 2) == 2);
    CHECK(lseek(fileno(file), 0, SEEK_END) > 20);
    fclose(file);
}
