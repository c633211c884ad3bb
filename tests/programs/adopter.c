/*
 * An early user of rseq, as libraries were before glibc registered it: by one of the historical protocols, or with an area
 * of its own. Compile with -DPROTOCOL=..., as an executable that exports __rseq_abi (-rdynamic), or with -DLIBRARY (and
 * -shared) as a library that one brings, for "adopting" to load or to be linked with.
 *
 *     adopter before|after|midway THREADS
 *
 * Six threads register before their first allocation, after it, or unregister in the middle of many. Nothing that they ask
 * the kernel for may fail; and while registered, their cpu_id is that of the CPU they are pinned to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "pin.h"

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

#define CPU_ID_ONLY 1  /* look at cpu_id; register where it is below zero; never unregister unless told to */
#define REFCOUNT 2     /* who raises __rseq_refcount from 0 registers; who lowers it to 0 unregisters */
#define HANDLED 3      /* as REFCOUNT, and __rseq_handled says that this library registers every thread */
#define PRIVATE 4      /* an area of its own; aborts when the kernel refuses it, as librseq does */

/* -DBYTES=64: the area of a library that knows Linux 6.3's extensible one. Older kernels take 32 bytes and no others. */
#ifndef BYTES
#define BYTES 32
#endif

struct rseq_area {
    uint32_t cpu_id_start, cpu_id;
    uint64_t rseq_cs;
    uint32_t flags, node_id, mm_cid, rest[BYTES / 4 - 7];
} __attribute__((aligned(BYTES)));

#if PROTOCOL == PRIVATE
static __thread struct rseq_area area = { 0, -1, 0, 0, 0, 0, { 0 } };
#else
extern __thread struct rseq_area __rseq_abi __attribute__((tls_model("initial-exec")));
__attribute__((weak)) __thread struct rseq_area __rseq_abi = { 0, -1, 0, 0, 0, 0, { 0 } };
#define area __rseq_abi
#endif
#if PROTOCOL == REFCOUNT || PROTOCOL == HANDLED
extern __thread unsigned int __rseq_refcount __attribute__((tls_model("initial-exec")));
__attribute__((weak)) __thread unsigned int __rseq_refcount;
#endif
#if PROTOCOL == HANDLED
int __rseq_handled = 1;
#endif

static long system_call(int flags)
{
    int bytes = getauxval(AT_RSEQ_FEATURE_SIZE) ? BYTES : 32;
    return syscall(334, &area, bytes, flags, 0x53053053);
}

static void join(void)
{
#if PROTOCOL == REFCOUNT || PROTOCOL == HANDLED
    if (__rseq_refcount++ > 0)
        return;
#elif PROTOCOL == CPU_ID_ONLY
    if ((int)area.cpu_id >= 0)
        return;
#endif
    if (system_call(0) != 0) {
        fprintf(stderr, "registration failed: %s\n", strerror(errno));
        abort();
    }
}

static void leave(void)
{
#if PROTOCOL == REFCOUNT || PROTOCOL == HANDLED
    if (--__rseq_refcount > 0)
        return;
#endif
    CHECK(system_call(1) == 0);
}

static void churn(uint64_t seed)
{
    unsigned char *blocks[50] = { 0 };
    for (int i = 0; i < 20000; i++) {
        int k = (int)(next_random(&seed) % 50);
        if (blocks[k])
            CHECK(*blocks[k] == (unsigned char)k);
        free(blocks[k]);
        blocks[k] = malloc(next_random(&seed) % 400 + 1);
        *blocks[k] = (unsigned char)k;
    }
    for (int k = 0; k < 50; k++)
        free(blocks[k]);
}

static void check_cpu(int cpu)
{
    cpu_set_t set;
    pin(cpu);
    CHECK((int)area.cpu_id == cpu && (int)area.cpu_id_start == cpu);
    sched_getaffinity(getpid(), sizeof set, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static const char *when;

static void *run(void *argument)
{
    int number = (int)(intptr_t)argument;
    if (strcmp(when, "before") != 0)
        churn(number + 1);
    join();
    check_cpu(number % 2);
    churn(number + 100);
    check_cpu(1 - number % 2);
    leave();
    if (strcmp(when, "midway") == 0) {
        churn(number + 200);
        join();
        check_cpu(number % 2);
        churn(number + 300);
        leave();
    }
    return NULL;
}

#ifdef LIBRARY
void adopt(const char *moment, int threads);
void adopt(const char *moment, int threads)
{
    when = moment;
#else
int main(int argc, char **argv)
{
    CHECK(argc == 3);
    when = argv[1];
    int threads = atoi(argv[2]);
#endif
    run(NULL);
    pthread_t running[16];
    for (int i = 0; i < threads; i++)
        CHECK(pthread_create(&running[i], NULL, run, (void *)(intptr_t)i) == 0);
    for (int i = 0; i < threads; i++)
        pthread_join(running[i], NULL);
    churn(7);
#ifndef LIBRARY
    return 0;
#endif
}
