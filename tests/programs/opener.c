/* A library that loads another by its bare name, which glibc looks for by the RPATH or RUNPATH of who calls dlopen. */
#include <dlfcn.h>

#include "check.h"

int open_inner(void)
{
    void *library = dlopen("inner.so", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    return library == NULL;
}
