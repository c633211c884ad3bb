/* A few allocations, fast and slow, between two marks: for a debugger to step through, instruction by instruction. */
#include "check.h"

__attribute__((noinline)) void begin_steps(void)
{
    __asm__ volatile("");
}

__attribute__((noinline)) void end_steps(void)
{
    __asm__ volatile("");
}

int main(int argc, char **argv)
{
    (void)argv;
    size_t small = (size_t)argc * 100, rare = (size_t)argc * 7000, large = (size_t)argc * 900000;
    free(malloc(small)); /* starts the front end */

    begin_steps();
    char *first = malloc(small);
    KEEP(first);
    char *second = malloc(rare);
    KEEP(second);
    char *third = malloc(large);
    KEEP(third);
    CHECK(first && second && third);
    first = realloc(first, small + 40);
    free(first);
    free(second);
    free(third);
    end_steps();

    puts("stepped");
    return 0;
}
