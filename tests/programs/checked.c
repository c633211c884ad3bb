/*
 * Programs that do nothing wrong, and that checking mode must leave alone.
 *
 *     checked handler     a signal handler frees the smallest blocks while its thread allocates
 *     checked short       what was freed makes room: nearly all of the 64 MiB that there are (NATIVEMALLOC_LIMIT, ulimit -v)
 *     checked sparse      blocks that are large and hardly touched stay so
 *     checked exit        the process ends while its threads allocate, and while signal handlers do
 *     checked early       built with -DEARLY and the archive: a constructor that runs before the options are read leaves blocks in spans
 *                         that their classes have shed, and what it has then is used and freed
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "resident.h"

static void every_300_microseconds(void (*handler)(int))
{
    struct itimerval interval = { { 0, 300 }, { 0, 300 } };
    signal(SIGALRM, handler);
    setitimer(ITIMER_REAL, &interval, NULL);
}

static char *volatile ready;
static volatile int freed;

static void free_ready(int number)
{
    (void)number;
    char *block = ready;
    ready = NULL;
    free(block);
    freed += block != NULL;
}

static void handler(void)
{
    every_300_microseconds(free_ready);
    for (size_t size = 0; freed < 1000; size = (size + 1) % 20) {
        if (!ready) {
            char *block = size % 2 ? malloc(size) : memalign(64, size);
            CHECK(block);
            memset(block, 1, size);
            ready = block;
        }
        char *other = malloc(50);
        KEEP(other);
        free(other);
    }
}

static void in_short_supply(void)
{
    enum { BLOCKS = 30 };
    char *blocks[BLOCKS];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BLOCKS; i++)
            CHECK((blocks[i] = malloc(1000000)) != NULL);
        for (int i = 0; i < BLOCKS; i++)
            free(blocks[i]);
        char *large = malloc(40000000), *aligned = memalign(1 << 16, 500000), *small[8000];
        CHECK(large != NULL && aligned != NULL);
        for (int i = 0; i < 8000; i++)
            CHECK((small[i] = malloc(1000)) != NULL);
        for (int i = 0; i < 8000; i++)
            free(small[i]);
        free(large);
        free(aligned);
    }
}

/* Each is 1 GiB, of which the program touches some pages. */
static void hardly_touched(void)
{
    const size_t size = 1 << 30, step = 16 << 20;
    for (int round = 0; round < 4; round++) {
        char *block = round % 2 ? malloc(size) : calloc(size, 1);
        CHECK(block != NULL);
        for (size_t i = 0; i < size; i += step) {
            CHECK(round % 2 || block[i] == 0);
            block[i] = 1;
        }
        CHECK(resident() < 300); /* 64 huge pages, at most */
        free(block);
    }
}

static void *allocate_for_ever(void *unused)
{
    for (;;) {
        void *block = malloc(100);
        KEEP(block);
        free(block);
    }
    return unused;
}

static void allocate_in_handler(int number)
{
    (void)number;
    void *block = malloc(100);
    KEEP(block);
    free(block);
}

static void leave_while_others_allocate(void)
{
    for (int child = 0; child < 10; child++) {
        if (fork() == 0) {
            pthread_t thread;
            for (int i = 0; i < 3; i++)
                CHECK(pthread_create(&thread, NULL, allocate_for_ever, NULL) == 0);
            every_300_microseconds(allocate_in_handler);
            for (int i = 0; i < 2000; i++)
                allocate_in_handler(0);
            exit(0);
        }
    }
    for (int child = 0, status; child < 10; child++)
        CHECK(wait(&status) > 0 && status == 0);
}

#ifdef EARLY

enum { MANY = 400000, SMALL = 96, OTHERS = 40000, OTHER = 208 };

static char *many[MANY], *others[OTHERS];

__attribute__((constructor(101))) static void begin_early(void)
{
    for (int i = 0; i < MANY; i++)
        memset(many[i] = malloc(SMALL), 1, SMALL);
    for (int i = 0; i < MANY; i++)
        if (i % 30)
            free(many[i]);
    for (int i = 0; i < OTHERS; i++)
        memset(others[i] = malloc(OTHER), 2, OTHER);
}

static void go_on(void)
{
    for (int i = 0; i < OTHERS; i++) {
        CHECK(malloc_usable_size(others[i]) >= OTHER);
        CHECK((others[i] = realloc(others[i], OTHER + 100)) && others[i][OTHER - 1] == 2);
        free(others[i]);
    }
    for (int i = 0; i < MANY; i += 30) {
        CHECK(malloc_usable_size(many[i]) >= SMALL && many[i][SMALL - 1] == 1);
        free(many[i]);
    }
}

#endif

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    if (!strcmp(argv[1], "handler"))
        handler();
    else if (!strcmp(argv[1], "short"))
        in_short_supply();
    else if (!strcmp(argv[1], "sparse"))
        hardly_touched();
    else if (!strcmp(argv[1], "exit"))
        leave_while_others_allocate();
#ifdef EARLY
    else if (!strcmp(argv[1], "early"))
        go_on();
#endif
    else
        CHECK(0);
    puts("nothing is wrong");
    return 0;
}
