/*
 * Call chains while C++ throws: the library's stack in destructors, in handlers and behind them. The functions that it comes through are those
 * of walked.c.
 */
#include <alloca.h>

extern "C" {
#include "backtrace.h"
}

#define FUNCTION __attribute__((noinline, noclone)) static
#define ENTER() (expected[depth++] = __builtin_return_address(0))

enum { MOST = 128 };

static void *expected[MOST];
static int depth;
static int looks;

/* What lies above the frame that threw, or handles, is known. */
FUNCTION void look(int known)
{
    void *frames[MOST];
    struct registers here = {};
    READ_REGISTERS(here);
    int result = backtrace_from(&here, frames, MOST);
    int count = result & 0xffff;
    CHECK(result >> 16 == WHOLE);
    int at = 0;
    while (at < count && frames[at] != expected[known - 1])
        at++;
    CHECK(at < 8 && at + known <= count);
    for (int i = 0; i < known; i++)
        CHECK(frames[at + i] == expected[known - 1 - i]);
    looks++;
}

struct looker {
    int known;
    ~looker() { look(known); }
};

FUNCTION void thrower(int levels)
{
    ENTER();
    looker looker{depth};
    volatile char *room = static_cast<char *>(alloca(levels * 50 + 1));
    room[0] = 1;
    if (levels == 0)
        throw 7;
    thrower(levels - 1);
    depth--;
}

FUNCTION void catcher(int levels)
{
    ENTER();
    int here = depth;
    try {
        thrower(levels);
    } catch (int number) {
        CHECK(number == 7);
        look(here);
        depth = here;
        if (levels > 3)
            catcher(levels - 1);
    }
    look(here);
    depth = here - 1;
}

int main(int, char **arguments)
{
    find_backtrace(arguments[0]);
    for (int i = 0; i < 20; i++)
        catcher(8);
    CHECK(looks > 500);
    return 0;
}
