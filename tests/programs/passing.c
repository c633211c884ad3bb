/*
 * A library for profilesoak, which comes and goes: its functions allocate, from frames of FRAME bytes and more, when it is loaded and unloaded as
 * well, and call back.
 */
#include <string.h>

#include "check.h"

static char *kept;
static __thread char *of_thread;

__attribute__((constructor)) static void arrive(void)
{
    kept = calloc(FRAME, 3);
}

__attribute__((destructor)) static void leave(void)
{
    free(kept);
}

/* Blocks as strdup makes them, one for each level; what the innermost calls allocates, too. */
__attribute__((noinline)) void pass(int levels, void (*innermost)(void *), void *argument, char **made)
{
    volatile char room[FRAME];
    room[FRAME - 1] = 1;
    of_thread = kept;
    CHECK(kept && kept[FRAME] == 0);
    made[levels] = strdup("a block of a library's, which is there when that has gone");
    CHECK(made[levels]);
    if (levels > 0)
        pass(levels - 1, innermost, argument, made);
    else
        innermost(argument);
    room[0] = room[FRAME - 1];
    KEEP(of_thread);
}
