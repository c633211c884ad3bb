/*
 * A real conflict: the area that users of rseq share is registered, and says that it is not. Registering it again is EBUSY
 * (or EINVAL, from kernels that look at the length first), and the allocator has to do without.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "check.h"

struct rseq_area {
    uint32_t cpu_id_start, cpu_id, rest[6];
} __attribute__((aligned(32)));

extern __thread struct rseq_area __rseq_abi __attribute__((tls_model("initial-exec")));
__attribute__((weak)) __thread struct rseq_area __rseq_abi = { 0, -1, { 0 } };

int main(void)
{
    CHECK(syscall(334, &__rseq_abi, 32, 0, 0x53053053) == 0);
    CHECK((int)__rseq_abi.cpu_id >= 0);
    uint64_t seed = 5;
    void *blocks[100] = { 0 };
    for (int i = 0; i < 100000; i++) {
        *(volatile uint32_t *)&__rseq_abi.cpu_id = -1;
        int k = (int)(next_random(&seed) % 100);
        free(blocks[k]);
        blocks[k] = malloc(next_random(&seed) % 1000);
        CHECK(blocks[k]);
    }
    return 0;
}
