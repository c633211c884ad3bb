/*
 * A program that an early user of rseq (adopter.c, as a library) comes into: linked with it, or by dlopen after it has
 * allocated.
 *
 *     adopting LIBRARY before|after|midway THREADS      (compiled with -DLINKED, without LIBRARY)
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "check.h"

#ifdef LINKED
void adopt(const char *moment, int threads);
#endif

int main(int argc, char **argv)
{
    void *block = malloc(100);
    CHECK(block);
#ifdef LINKED
    CHECK(argc == 3);
    adopt(argv[1], atoi(argv[2]));
#else
    CHECK(argc == 4);
    void *library = dlopen(argv[1], RTLD_NOW);
    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    void (*adopt)(const char *, int) = (void (*)(const char *, int))dlsym(library, "adopt");
    CHECK(adopt);
    adopt(argv[2], atoi(argv[3]));
#endif
    free(block);
    return 0;
}
