/* mallinfo2, also where libc is older than it (2.33): the library preloaded has it. */
#ifndef MALLINFO_H
#define MALLINFO_H

#include <malloc.h>

#if !defined(__GLIBC__) || __GLIBC__ == 2 && __GLIBC_MINOR__ < 33
struct mallinfo2 {
    size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
extern struct mallinfo2 mallinfo2(void) __attribute__((weak));
#endif

#endif
