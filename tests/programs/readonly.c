/*
 * The control for kernels that guard the rseq area: writes to cpu_id of a registered area, which nobody but the kernel may.
 * Up to Linux 7.0, and for areas registered with 32 bytes, the kernel overwrites it; for longer ones it kills the process.
 *
 *     readonly killed|survives [BYTES]      glibc's area, or the allocator's; with BYTES one that it registers itself,
 *                                           with 32 where the kernel knows no other (before Linux 6.3)
 */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "check.h"

struct rseq_area {
    uint32_t cpu_id_start, cpu_id;
    uint32_t rest[14];
} __attribute__((aligned(64)));

extern __thread struct rseq_area __rseq_abi __attribute__((tls_model("initial-exec")));
__attribute__((weak)) __thread struct rseq_area __rseq_abi = { 0, -1, { 0 } };

/* glibc's, where it has them. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

static volatile struct rseq_area *find(void)
{
    char *thread_pointer;
    __asm__("mov %%fs:0, %0" : "=r"(thread_pointer));
    if (&__rseq_size && __rseq_size != 0)
        return (void *)(thread_pointer + __rseq_offset);
    return &__rseq_abi;
}

static void write_to(volatile struct rseq_area *area)
{
    for (int i = 0; i < 1000; i++) {
        area->cpu_id = 4000;
        cpu_set_t other; /* the kernel looks at the area when it has a new CPU to write there */
        CPU_ZERO(&other);
        CPU_SET(i % 2, &other);
        CHECK(sched_setaffinity(0, sizeof other, &other) == 0);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    int bytes = argc < 3 ? 0 : getauxval(27 /* AT_RSEQ_FEATURE_SIZE */) ? atoi(argv[2]) : 32;
    if (bytes)
        CHECK(syscall(334, &__rseq_abi, bytes, 0, 0x53053053) == 0);
    else
        free(malloc(100));
    volatile struct rseq_area *area = find();
    CHECK((int)area->cpu_id >= 0);

    pid_t child = fork();
    if (child == 0) {
        write_to(area);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (strcmp(argv[1], "killed") == 0)
        CHECK(WIFSIGNALED(status));
    else
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return 0;
}
