/*
 * Before and behind the heap lies a page that cannot be touched, however it grew: next to mappings of the program's own, to threads' stacks,
 * and after it gave addresses back. "guarded" finds the rows of memory that blocks lie in, in /proc/self/maps, and writes off their ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "check.h"

enum { BLOCKS = 30000, ROWS = 10000 };

#define HUGE_PAGE ((uintptr_t)2 << 20)

struct row { uintptr_t start, end; };

static char *blocks[BLOCKS];
static struct row rows[ROWS];
static sigjmp_buf jump;
static volatile uintptr_t fault;
static uint64_t *volatile place;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    fault = (uintptr_t)info->si_addr;
    siglongjmp(jump, 1);
}

static void *rest(void *argument)
{
    free(malloc(1000));
    for (;;)
        pause();
    return argument;
}

/* Blocks of all sizes, with others' mappings in between: the kernel puts those where the heap would grow. */
static void grow(void)
{
    uint64_t seed = 3;
    for (int i = 0; i < BLOCKS; i++) {
        size_t most = i % 1000 == 0 ? 20 << 20 : i % 100 == 0 ? 2 << 20 : 6000;
        blocks[i] = malloc(next_random(&seed) % most + 1);
        CHECK(blocks[i]);
        *blocks[i] = 1;
        if (i % 500 == 0) {
            char *other = mmap(NULL, (i / 500 % 4 + 1) * 4096 * (i % 1000 ? 1 : 300), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            CHECK(other != MAP_FAILED);
            *other = 1;
        }
        pthread_t thread;
        if (i % 3000 == 0)
            CHECK(pthread_create(&thread, NULL, rest, NULL) == 0);
    }
}

/* Bytes of addresses. */
static size_t mapped(void)
{
    char text[100] = "";
    int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return strtoul(text, NULL, 10) * 4096;
}

/* What lies free between the blocks goes where there are no addresses for a larger one. */
static void shrink(void)
{
    struct rlimit limit;
    for (int i = 0; i < BLOCKS; i++)
        if (i % 1000 != 0 || i % 3000 == 0) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
    CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
    free(malloc((size_t)400 << 20));
    size_t before = mapped();
    limit.rlim_cur = before + (100 << 20);
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    char *larger = malloc((size_t)480 << 20);
    CHECK(larger && mapped() < before + (100 << 20));
    free(larger);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* The mappings that can be written to, those that touch as one; returns how many. */
static int read_rows(void)
{
    static char text[4 << 20];
    int file = open("/proc/self/maps", O_RDONLY);
    size_t length = 0;
    for (ssize_t got; (got = read(file, text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    CHECK(length < sizeof text - 1);
    close(file);
    text[length] = 0;
    int count = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        char *next;
        struct row row = { strtoul(line, &next, 16), strtoul(next + 1, &next, 16) };
        if (next[2] != 'w')
            continue;
        if (count > 0 && rows[count - 1].end == row.start)
            rows[count - 1].end = row.end;
        else
            rows[count++] = row;
        CHECK(count < ROWS);
    }
    return count;
}

/* Writes from the address on, a word up or down; where it ends. Nothing may be called on the way. */
static uintptr_t overrun(uintptr_t start, int step)
{
    place = (uint64_t *)start;
    if (sigsetjmp(jump, 1) == 0)
        for (;; place += step)
            *(volatile uint64_t *)place = *place;
    return fault;
}

static void check_rows(void)
{
    int count = read_rows(), of_heap = 0;
    for (int r = 0; r < count; r++) {
        int has = 0;
        for (int i = 0; i < BLOCKS && !has; i++)
            has = blocks[i] && (uintptr_t)blocks[i] >= rows[r].start && (uintptr_t)blocks[i] < rows[r].end;
        if (!has)
            continue;
        of_heap++;
        /* Nothing but heap. */
        CHECK(rows[r].start % HUGE_PAGE == 0 && rows[r].end % HUGE_PAGE == 0);
        CHECK(overrun(rows[r].end - 800, 1) == rows[r].end);
        CHECK(overrun(rows[r].start + 800, -1) == rows[r].start - 8);
    }
    CHECK(of_heap > 0);
    printf("%d rows\n", of_heap);
}

int main(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
    blocks[0] = malloc(100);
    check_rows();
    free(blocks[0]);
    grow();
    check_rows();
    shrink();
    check_rows();
    return 0;
}
