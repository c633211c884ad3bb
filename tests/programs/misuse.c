/*
 * Hands over what is not a block, or writes where it may not, and says so if nobody minds. An allocator that finds it is
 * expected to say what it found in one line, and to abort.
 *
 *     misuse KIND                          misuse --list
 *     misuse KIND closed                   standard error is closed when the program ends
 *     misuse KIND fork|system|allocate     a handler of SIGABRT does that before the end (aborted.h)
 *     misuse KIND jump|crowd               it goes on behind the misuse by siglongjmp, time and again; crowd: in several threads
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>

#include "aborted.h"
#include "check.h"
#include "pin.h"

/* In C23, and not yet in every libc; without it C++'s sized delete would do as well. */
extern void free_sized(void *block, size_t size) __attribute__((weak));

/* C++'s sized delete, which does not look where the block lies. */
extern void _ZdlPvm(void *block, size_t size) __attribute__((weak));

static __thread char *volatile block;

static char *get(size_t size)
{
    block = malloc(size);
    CHECK(block);
    return block;
}

static void foreign(void) { free(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)); }

static void stack(void)
{
    char array[64] __attribute__((aligned(16)));
    block = array;
    free(block);
}

static void wild(void)
{
    block = (char *)0xdead00000000bee0;
    free(block);
}

static void misaligned_small(void) { free(get(100) + 8); }
static void misaligned_large(void) { free(get(3 << 20) + 8); }
static void interior_small(void) { free(get(100) + 16); trim(); }
static void interior_large(void) { free(get(3 << 20) + 8192); }

static void double_large(void)
{
    get(3 << 20);
    free(block);
    free(block);
}

static void double_small(void)
{
    get(40);
    free(block);
    free(block);
}

/* Found when the object goes back from the caches for the second time. */
static void double_small_later(void)
{
    char *other = malloc(40);
    get(40);
    free(block);
    free(other);
    free(block);
    trim();
}

static void double_by_realloc(void)
{
    get(40);
    free(block);
    block = realloc(block, 50000);
}

static void realloc_foreign(void)
{
    static char array[64] __attribute__((aligned(16)));
    block = array;
    block = realloc(block, 100);
}

static void size_of_freed(void)
{
    get(3 << 20);
    free(block);
    size_t size = malloc_usable_size(block);
    KEEP(size);
}

static void past_the_end(void)
{
    get(36);
    block[36] = 1;
    free(block);
}

static void far_past_the_end(void)
{
    get(40);
    memset(block, 1, 80);
    free(block);
}

static void past_the_end_of_large(void)
{
    get(3000000);
    block[3000000] = 1;
    free(block);
}

static void past_the_end_by_realloc(void)
{
    get(36);
    block[36] = 1;
    block = realloc(block, 400);
}

/* The byte before a block is the last of the one before it. */
static void before_the_start(void)
{
    char *blocks[64];
    for (int i = 0; i < 64; i++)
        blocks[i] = malloc(24);
    for (int i = 1; i < 64; i++)
        blocks[i][-1] ^= 0x55;
    for (int i = 0; i < 64; i++)
        free(blocks[i]);
}

static void write_after_free(size_t size, int blocks_later)
{
    get(size);
    free(block);
    block[size / 4] = 1;
    for (int i = 0; i < blocks_later; i++) {
        void *next = malloc(size);
        KEEP(next);
        free(next);
    }
}

static void after_free(void)
{
    write_after_free(400, 5000);
}

/* A block of 400 bytes has 416, of which the last eight are its seal. */
static void clear_after_free(size_t bytes, int blocks_later)
{
    get(400);
    free(block);
    memset(block, 0, bytes);
    for (int i = 0; i < blocks_later; i++) {
        void *next = malloc(400);
        KEEP(next);
        free(next);
    }
}

static void after_free_up_to_the_seal(void) { clear_after_free(408, 5000); }
static void after_free_over_the_seal(void) { clear_after_free(416, 5000); }
static void after_free_over_the_seal_at_exit(void) { clear_after_free(416, 0); }

static void after_free_of_large(void)
{
    write_after_free(600000, 100);
}

static void after_free_at_exit(void)
{
    write_after_free(400, 0);
}

static void wrong_size(void)
{
    get(40);
    if (free_sized)
        free_sized(block, 24);
}

/* Found when it leaves the caches: until then malloc could have handed it out. */
static void sized_delete_foreign(void)
{
    static char array[64] __attribute__((aligned(16)));
    free(get(40)); /* now there is room in the cache */
    block = array;
    if (_ZdlPvm)
        _ZdlPvm(block, 40);
    trim();
}

static void sized_delete_wild(void)
{
    free(get(40));
    block = (char *)0xdead00000000bee0;
    if (_ZdlPvm)
        _ZdlPvm(block, 40);
    trim();
}

static void sized_delete_other_class(void)
{
    free(malloc(100));
    get(40);
    if (_ZdlPvm)
        _ZdlPvm(block, 100);
    trim();
}

static const struct {
    const char *name;
    void (*function)(void);
} kinds[] = {
    { "foreign", foreign },
    { "stack", stack },
    { "wild", wild },
    { "misaligned-small", misaligned_small },
    { "misaligned-large", misaligned_large },
    { "interior-small", interior_small },
    { "interior-large", interior_large },
    { "double-small", double_small },
    { "double-small-later", double_small_later },
    { "double-large", double_large },
    { "double-by-realloc", double_by_realloc },
    { "realloc-foreign", realloc_foreign },
    { "size-of-freed", size_of_freed },
    { "past-the-end", past_the_end },
    { "far-past-the-end", far_past_the_end },
    { "past-the-end-of-large", past_the_end_of_large },
    { "past-the-end-by-realloc", past_the_end_by_realloc },
    { "before-the-start", before_the_start },
    { "after-free", after_free },
    { "after-free-of-large", after_free_of_large },
    { "after-free-up-to-the-seal", after_free_up_to_the_seal },
    { "after-free-over-the-seal", after_free_over_the_seal },
    { "after-free-over-the-seal-at-exit", after_free_over_the_seal_at_exit },
    { "after-free-at-exit", after_free_at_exit },
    { "wrong-size", wrong_size },
    { "sized-delete-foreign", sized_delete_foreign },
    { "sized-delete-wild", sized_delete_wild },
    { "sized-delete-other-class", sized_delete_other_class },
};

int main(int argc, char **argv)
{
    CHECK(argc == 2 || argc == 3);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(argv[1], "--list") == 0)
            puts(kinds[i].name);
        if (strcmp(argv[1], kinds[i].name) == 0) {
            if (argc == 3 && strcmp(argv[2], "closed") != 0) {
                misuse_and_handle(kinds[i].function, argv[2]);
            } else {
                pin(sched_getcpu()); /* else what went into one CPU's cache might come to another's for the second time */
                kinds[i].function();
            }
            puts("not found");
        }
    }
    if (argc == 3 && strcmp(argv[2], "closed") == 0)
        fclose(stderr);
    return 0;
}
