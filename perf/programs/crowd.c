/*
 * 200 threads with 100 small blocks each that replace them at random, all at once and for long: the loop of the microbenchmarks, as a program
 * whose memory can be seen.
 */
#include "../loops/loops.c"

int main(void)
{
    crowd(200, 100, 1024, 40000000);
    return 0;
}
