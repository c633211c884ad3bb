/*
 * What limits do: NATIVEMALLOC_LIMIT=64M, or NATIVEMALLOC_SOFT_LIMIT=16M.
 *
 *     limited hard SIZE    blocks of this size fail with ENOMEM near the limit, and memory that is freed serves again, for other sizes too
 *     limited moved        a block grows by realloc to nearly the limit, which a copy would not
 *     limited soft         allocation goes on above it, but nothing that is freed stays
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "resident.h"

enum { LIMIT = 64 << 20, MOST = 2 << 20 };

static char *blocks[MOST];

static int fill(size_t size, int count)
{
    for (int i = 0; i < count; i++) {
        errno = 0;
        if (!(blocks[i] = malloc(size))) {
            CHECK(errno == ENOMEM);
            return i;
        }
        memset(blocks[i], 1, size);
    }
    return count;
}

static void hard(size_t size)
{
    memset(blocks, 0, sizeof blocks); /* resident from now on */
    double before = resident();
    int count = fill(size, MOST);
    CHECK(count < MOST && count * size > 0.85 * LIMIT && count * size <= LIMIT);
    CHECK(malloc(LIMIT) == NULL && errno == ENOMEM && calloc(2, LIMIT) == NULL && errno == ENOMEM);
    CHECK(resident() - before < 64 + 3); /* and what the library had before, and libc's pages */
    for (int i = 0; i < count; i += 2)
        free(blocks[i]);
    size_t served = 0;
    for (int i = 0; i < count; i += 2, served += size / 2 + 1) {
        CHECK((blocks[i] = malloc(size / 2 + 1)) != NULL); /* of another size class, where half of each span is in use */
        memset(blocks[i], 2, size / 2 + 1);
    }
    for (int i = 0; i < count; i++)
        CHECK(blocks[i][0] == (i % 2 ? 1 : 2));
    CHECK(resident() - before < 64 + 3);
}

static void moved(void)
{
    char *block = NULL;
    for (size_t size = 5 << 20; size < 56 << 20; size += size / 2) {
        CHECK((block = realloc(block, size)) != NULL);
        memset(block, 1, size);
        void *between = malloc(1 << 19); /* or it might grow in place */
        CHECK(between != NULL);
    }
}

static void soft(void)
{
    memset(blocks, 0, sizeof blocks);
    double before = resident();
    int count = fill(5000, 30000); /* 143 MiB */
    CHECK(count == 30000);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (i % 1000 < 800)
            free(blocks[i]);
        else
            kept++;
    double live = kept * 5000 / 1048576.0; /* 29 MiB */
    CHECK(resident() - before < live * 1.1 + 1.5);
}

int main(int argc, char **argv)
{
    CHECK(argc > 1);
    if (!strcmp(argv[1], "hard"))
        hard(strtoul(argv[2], NULL, 10));
    else if (!strcmp(argv[1], "moved"))
        moved();
    else
        soft();
    return 0;
}
