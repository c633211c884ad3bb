/*
 * Masses of blocks that come and go, and among them those of a few sites, which stay: some hold much memory that way, some none. Prints for each
 * site "site NAME HELD", as it must be by where the blocks lie: what is free on a page that has blocks is shared by these in equal parts. A page
 * is the kernel's, but for blocks of less than 128 bytes, whose spans are of 8 KiB and go back as one. All other pages have gone back.
 *
 *     pinners SCALE [keep|wait]     keep: leaves it to the allocator what goes back, and says nothing; wait: then waits until its input ends
 */
#include <string.h>
#include <sys/mman.h>

#include "check.h"

#define SITE(name)                                     \
    __attribute__((noinline)) void *name(size_t size)  \
    {                                                  \
        char *block = malloc(size);                    \
        KEEP(block);                                   \
        CHECK(block);                                  \
        memset(block, 1, size);                        \
        return block;                                  \
    }

SITE(mass)   /* what goes */
SITE(dust)   /* 32 bytes, one in 64 */
SITE(beads)  /* 512 bytes, of each 32 blocks three */
SITE(grains) /* one of the same */
SITE(stones) /* 3,000 bytes, one in ten */
SITE(slabs)  /* 32 KiB, one in eight: these lie on pages of their own */
SITE(holder) /* 1,000 bytes: most of what is in use, and nothing between them */

typedef void *allocate(size_t size);

enum { SITES = 7 };
static const char *const names[SITES] = {"mass", "dust", "beads", "grains", "stones", "slabs", "holder"};
static allocate *const sites[SITES] = {mass, dust, beads, grains, stones, slabs, holder};

struct kind {
    size_t size;
    size_t megabytes;
    int turn;        /* in each so many blocks ... */
    int stay[SITES]; /* ... so many of each site stay, where lots fall */
};

static const struct kind kinds[] = {
    {32, 6, 64, {[1] = 1}},
    {512, 24, 32, {[2] = 3, [3] = 1}},
    {3000, 6, 10, {[4] = 1}},
    {32768, 12, 8, {[5] = 1}},
    {1000, 32, 1, {[6] = 1}},
};

enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

struct page {
    uintptr_t start;
    double free;
    int blocks[SITES];
};

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static uint64_t state = 1;

static unsigned lot(unsigned below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % below);
}

/* The site of the next block: of a turn's blocks so many are left, and so many of each site among them. */
static int draw(const struct kind *kind, int *left, int *rest)
{
    if (*left == 0) {
        *left = kind->turn;
        memcpy(rest, kind->stay, sizeof(kind->stay));
    }
    unsigned number = lot((unsigned)(*left)--);
    for (int site = 1; site < SITES; site++) {
        if (number < (unsigned)rest[site]) {
            rest[site]--;
            return site;
        }
        number -= (unsigned)rest[site];
    }
    return 0;
}

static struct page *page_of(struct page *pages, size_t places, uintptr_t start)
{
    size_t place = start / 4096 * 2654435769u % places;
    while (pages[place].start && pages[place].start != start)
        place = (place + 1) % places;
    pages[place].start = start;
    return &pages[place];
}

/* Puts the blocks of a kind on their pages; then what is free there counts for the sites. */
static void count(const struct kind *kind, uintptr_t *blocks, char *site_of, size_t number, double *held)
{
    uintptr_t bytes = kind->size < 128 ? 8192 : 4096;
    size_t places = number * (kind->size / bytes + 2) * 2 + 1;
    struct page *pages = map(places * sizeof(*pages));
    for (size_t i = 0; i < number; i++)
        for (uintptr_t start = blocks[i] & -bytes; start < blocks[i] + kind->size; start += bytes) {
            struct page *page = page_of(pages, places, start);
            uintptr_t first = blocks[i] > start ? blocks[i] : start;
            uintptr_t last = blocks[i] + kind->size < start + bytes ? blocks[i] + kind->size : start + bytes;
            if (site_of[i])
                page->blocks[(int)site_of[i]]++;
            else
                page->free += (double)(last - first);
        }
    for (size_t i = 0; i < places; i++) {
        int all = 0;
        for (int site = 1; site < SITES; site++)
            all += pages[i].blocks[site];
        for (int site = 1; all && site < SITES; site++)
            held[site] += pages[i].free * pages[i].blocks[site] / all;
    }
    munmap(pages, places * sizeof(*pages));
}

int main(int argc, char **argv)
{
    static char buffer[1 << 12];
    static double held[SITES];
    static uintptr_t *blocks[KINDS];
    static char *site_of[KINDS];
    static size_t number[KINDS];
    CHECK(argc >= 2);
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    for (int k = 0; k < KINDS; k++) {
        const struct kind *kind = &kinds[k];
        number[k] = (kind->megabytes << 20) * (size_t)atoi(argv[1]) / kind->size;
        blocks[k] = map(number[k] * sizeof(*blocks[k]));
        site_of[k] = map(number[k]);
        int left = 0, rest[SITES];
        for (size_t i = 0; i < number[k]; i++) {
            site_of[k][i] = (char)draw(kind, &left, rest);
            blocks[k][i] = (uintptr_t)sites[(int)site_of[k][i]](kind->size);
        }
    }

    /* All at the end: else the later ones would fill what the first have left. */
    for (int k = 0; k < KINDS; k++) {
        for (size_t i = 0; i < number[k]; i++)
            if (!site_of[k][i])
                free((void *)blocks[k][i]);
        count(&kinds[k], blocks[k], site_of[k], number[k], held);
    }
    if (argc > 2 && !strcmp(argv[2], "keep"))
        return 0;
    trim();
    if (argc > 2)
        puts("ready");
    for (int site = 1; site < SITES; site++)
        printf("site %s %.0f\n", names[site], held[site]);
    fflush(stdout);
    while (argc > 2 && read(0, buffer, 1) > 0)
        continue;
    return 0;
}
