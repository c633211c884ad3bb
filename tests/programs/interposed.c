/*
 * Which object each function of the allocation family comes from, as a program finds it: one line "NAME OBJECT" for each name
 * given, and "NAME -" for one that nobody has.
 *
 *     interposed NAME...
 *     interposed -l LIBRARY NAME...        as dlsym finds it on the library's handle
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "check.h"

int main(int argc, char **argv)
{
    /* So that libc's own callers are bound too, for who watches that. */
    free(realpath("/", NULL));
    int by_handle = argc > 2 && strcmp(argv[1], "-l") == 0;
    void *handle = by_handle ? dlopen(argv[2], RTLD_LAZY) : RTLD_DEFAULT;
    CHECK(handle || !by_handle);
    for (int i = by_handle ? 3 : 1; i < argc; i++) {
        Dl_info info;
        void *function = dlsym(handle, argv[i]);
        CHECK(!function || dladdr(function, &info));
        printf("%s %s\n", argv[i], function ? info.dli_fname : "-");
    }
    return 0;
}
