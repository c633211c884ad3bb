/* A library to be preloaded that says so when another is loaded, and goes on to the next dlopen. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "check.h"

void *dlopen(const char *file, int mode)
{
    static const char text[] = "loads\n";
    CHECK(write(1, text, sizeof text - 1) == sizeof text - 1);
    void *(*next)(const char *, int);
    void *symbol = dlsym(RTLD_NEXT, "dlopen");
    CHECK(symbol);
    memcpy(&next, &symbol, sizeof next);
    return next(file, mode);
}
