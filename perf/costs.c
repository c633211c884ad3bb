/*
 * What this machine takes for what perf/where.md counts: nanoseconds of an instruction, of a word that is in the first, second or third level of
 * cache, an instruction that locks a cache line, a fault of a page, a system call, and a thread's wait and waking; and of a page that is
 * populated with others, or comes as a part of a huge one. The least of 25, since what disturbs only adds.
 *
 *     costs
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#include "clock.h"
#include "programs/random.h"

enum { TIMES = 25, LINE = 64, FIRST = 32 << 10, SECOND = 512 << 10, THIRD = 8 << 20, STEPS = 400000 };

/* A multiplication that waits for the one before it takes three cycles; in a cycle a processor gets through three instructions of usual programs. */
static double instruction(void)
{
    long number = 3;
    double before = now();
    for (long i = 0; i < STEPS; i++)
        __asm__ volatile("imul $3, %0, %0\n\timul $3, %0, %0\n\timul $3, %0, %0\n\timul $3, %0, %0" : "+r"(number));
    return (now() - before) / (4.0 * STEPS) / 9;
}

/* Each line holds the address of another, in an order that has nothing to do with theirs: a step waits for the one before it. */
static double steps(size_t bytes)
{
    size_t count = bytes / LINE;
    char *lines = aligned_alloc(2 << 20, bytes < 2 << 20 ? 2 << 20 : bytes);
    uint32_t *order = malloc(count * sizeof *order);
    madvise(lines, bytes < 2 << 20 ? 2 << 20 : bytes, MADV_HUGEPAGE);
    for (size_t i = 0; i < count; i++) {
        size_t other = next() % (i + 1);
        order[i] = order[other];
        order[other] = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++)
        *(char **)(lines + (size_t)order[i] * LINE) = lines + (size_t)order[(i + 1) % count] * LINE;
    char *at = lines;
    for (size_t i = 0; i < count; i++)
        at = *(char *volatile *)at;
    double before = now();
    for (long i = 0; i < STEPS; i++)
        at = *(char *volatile *)at;
    double took = (now() - before) / STEPS;
    free(order);
    free(lines);
    return took;
}

static double in_first(void) { return steps(FIRST); }
static double in_second(void) { return steps(SECOND); }
static double in_third(void) { return steps(THIRD); }

static double locked(void)
{
    static long word;
    double before = now();
    for (long i = 0; i < STEPS; i++)
        __atomic_fetch_add(&word, 1, __ATOMIC_SEQ_CST);
    return (now() - before) / STEPS;
}

/* A page of 4 KiB, as it comes to memory that the kernel is advised so on; touched one by one, or populated at once. */
static double page(int advice, int populate)
{
    size_t huge = 2 << 20, bytes = 8 << 20, page = 4096;
    char *mapped = mmap(NULL, bytes + huge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *pages = mapped + (-(uintptr_t)mapped & (huge - 1));
    madvise(pages, bytes, advice);
    double before = now();
    if (populate)
        madvise(pages, bytes, MADV_POPULATE_WRITE);
    else
        for (size_t i = 0; i < bytes; i += page)
            pages[i] = 1;
    double took = (now() - before) / (double)(bytes / page);
    munmap(mapped, bytes + huge);
    return took;
}

static double fault(void) { return page(MADV_NOHUGEPAGE, 0); }
static double populated(void) { return page(MADV_NOHUGEPAGE, 1); }
static double part_of_huge(void) { return page(MADV_HUGEPAGE, 0); }

static double system_call(void)
{
    double before = now();
    for (int i = 0; i < STEPS / 40; i++)
        syscall(SYS_getppid);
    return (now() - before) / (STEPS / 40);
}

/* Two threads wake each other in turn, each on a processor of its own. */
enum { TURNS = 2000 };
static int turn;

static void take_turns(int self)
{
    for (int i = 0; i < TURNS; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != self)
            syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, !self, NULL, NULL, 0);
        __atomic_store_n(&turn, !self, __ATOMIC_RELEASE);
        syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

static void *other(void *argument)
{
    take_turns(1);
    return argument;
}

/* Of the processors' time, since it is that which is explained. */
static double wait(void)
{
    pthread_t thread;
    double before = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    pthread_create(&thread, NULL, other, NULL);
    take_turns(0);
    pthread_join(thread, NULL);
    return (nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - before) / (2 * TURNS);
}

int main(void)
{
    static const struct {
        const char *name;
        double (*measure)(void);
    } costs[] = { { "instruction", instruction }, { "in-first", in_first }, { "in-second", in_second }, { "in-third", in_third },
        { "locked", locked }, { "fault", fault }, { "populated", populated }, { "part-of-huge", part_of_huge }, { "call", system_call }, { "wait", wait } };
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        double least = costs[i].measure();
        for (int j = 1; j < TIMES; j++) {
            double time = costs[i].measure();
            least = time < least ? time : least;
        }
        printf("%s %.3f\n", costs[i].name, least);
    }
    return 0;
}
