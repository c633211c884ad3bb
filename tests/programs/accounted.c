/*
 * The statistics against the kernel's own account (smaps): what is mapped, and what holds memory, may differ by 2 %. Every block is
 * written to, or it would hold none.
 */
#include <nativemalloc.h>

#include <malloc.h>
#include <string.h>

#include "check.h"

struct account {
    double mapped, resident;
};

/* Anonymous mappings without a name: ours, and a little of libc's. */
static struct account by_kernel(void)
{
    static char line[4096];
    struct account all = { 0, 0 };
    FILE *file = fopen("/proc/self/smaps", "r");
    CHECK(file != NULL);
    int ours = 0;
    unsigned long from, to, inode, kilobytes;
    char access[5], rest[4096];
    while (fgets(line, sizeof line, file)) {
        int fields = sscanf(line, "%lx-%lx %4s %*x %*s %lu %4095s", &from, &to, access, &inode, rest);
        if (fields >= 4) {
            ours = fields == 4 && inode == 0 && strcmp(access, "rw-p") == 0;
            all.mapped += ours ? to - from : 0;
        } else if (ours && sscanf(line, "Rss: %lu kB", &kilobytes) == 1) {
            all.resident += kilobytes * 1024.0;
        }
    }
    fclose(file);
    return all;
}

static struct account by_library(void)
{
    struct nativemalloc_statistics all = { .size = sizeof all };
    CHECK(nativemalloc_get_statistics(&all) == 0);
    CHECK(all.mapped == all.in_use + all.front_end_cached + all.transfer_cached + all.central_free + all.span_tails
                            + all.page_heap_free + all.released + all.metadata);
    return (struct account){ all.mapped, all.mapped - all.released - (all.metadata - all.metadata_touched) };
}

static void compare(const char *when)
{
    struct account kernel = by_kernel(), library = by_library();
    fprintf(stderr, "%s: mapped %.0f, by the kernel %.0f; resident %.0f, by the kernel %.0f\n", when, library.mapped, kernel.mapped,
            library.resident, kernel.resident);
    CHECK(library.mapped < kernel.mapped * 1.02 && library.mapped > kernel.mapped * 0.98);
    CHECK(library.resident < kernel.resident * 1.02 && library.resident > kernel.resident * 0.98);
}

int main(void)
{
    enum { BLOCKS = 200000 };
    static char *blocks[BLOCKS]; /* .bss, which the kernel lists with the program's file */
    unsigned random = 1, count = 0;
    size_t sum = 0, wasted = 0, large = 0;
    while (count < BLOCKS && sum < 300 << 20) {
        random = random * 1103515245 + 12345;
        size_t size = 16u << (random >> 16) % 15;
        size += size * (random >> 20 & 15) / 16;
        CHECK((blocks[count] = malloc(size)) != NULL);
        wasted += malloc_usable_size(blocks[count]) - size;
        large += size > 256 << 10;
        memset(blocks[count++], 1, size);
        sum += size;
    }
    compare("full");
    struct nativemalloc_statistics all = { .size = sizeof all };
    CHECK(nativemalloc_get_statistics(&all) == 0);
    fprintf(stderr, "lost by rounding: %.0f, in truth %.0f\n", (double)all.internal_waste, (double)wasted);
    /* Beside a large block, which has pages to itself, lies what is not the program's: less than two of them. */
    CHECK(all.in_use > sum && all.internal_waste < wasted * 1.2 + 1e5 + large * 16384.0 && all.internal_waste > wasted * 0.8 - 1e5);

    for (unsigned i = 0; i < count; i++)
        if (i % 3 == 0)
            free(blocks[i]);
    compare("two thirds");

    /* What is free between the others goes back, in pages. */
    for (unsigned i = 0; i < count; i++)
        if (i % 3 != 0 && i % 10 != 1)
            free(blocks[i]);
    CHECK(nativemalloc_release_memory(UINT64_MAX) > 0);
    CHECK(nativemalloc_get_statistics(&all) == 0);
    CHECK(all.released_in_spans > 2 << 20 && all.released_in_spans < all.released);
    compare("a tenth");
    return 0;
}
