/*
 * Which object each function of the allocation family comes from, as a program finds it: one line "NAME OBJECT" for each name
 * given, and "NAME -" for one that nobody has.
 *
 *     interposed NAME...
 */
#define _GNU_SOURCE
#include <dlfcn.h>

#include "check.h"

int main(int argc, char **argv)
{
    /* So that libc's own callers are bound too, for who watches that. */
    free(realpath("/", NULL));
    for (int i = 1; i < argc; i++) {
        Dl_info info;
        void *function = dlsym(RTLD_DEFAULT, argv[i]);
        CHECK(!function || dladdr(function, &info));
        printf("%s %s\n", argv[i], function ? info.dli_fname : "-");
    }
    return 0;
}
