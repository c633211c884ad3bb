/*
 * A program in C that loads a library for itself (RTLD_LOCAL) and calls a function of it, which must give 0.
 *
 *     plugin LIBRARY FUNCTION
 */
#include <dlfcn.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    int (*function)(void) = (int (*)(void))dlsym(library, argv[2]);
    CHECK(function);
    return function();
}
