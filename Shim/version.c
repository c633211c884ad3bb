/* The version, from the public header, for the C# side. */

#include "nativemalloc.h"

#define HIDDEN __attribute__((visibility("hidden")))

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

HIDDEN const char *nm_version(void)
{
    return TEXT(NATIVEMALLOC_VERSION_MAJOR) "." TEXT(NATIVEMALLOC_VERSION_MINOR) "." TEXT(NATIVEMALLOC_VERSION_PATCH);
}

HIDDEN unsigned int nm_version_number(void)
{
    return NATIVEMALLOC_VERSION_NUMBER;
}
