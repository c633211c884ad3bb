/* Runs with the library and without it: prints its version, or "absent". */
#define NATIVEMALLOC_WEAK
#include <nativemalloc.h>
#include <stdio.h>

int main(void)
{
    puts(nativemalloc_version ? nativemalloc_version() : "absent");
    return 0;
}
