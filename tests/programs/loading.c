/* Loads the library that is named. */
#include <dlfcn.h>

#include "check.h"

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    alarm(20);
    CHECK(dlopen(argv[1], RTLD_NOW));
    return 0;
}
