/*
 * operator new asks for more than NATIVEMALLOC_LIMIT allows, in all ways, where another object of the process has one, too: it must throw,
 * or return null, after the new_handler was called.
 *
 *     -DWRAPPING         the program itself, whose operator goes on to the next
 *     -DLIBRARY          a library whose blocks are of another heap
 */
#include <dlfcn.h>
#include <new>

#include "check.h"

#if defined LIBRARY
static char heap[1 << 30];
void *operator new(size_t) { return heap; }
void operator delete(void *block) noexcept { CHECK(block == heap); }
#else
#if defined WRAPPING
void *operator new(size_t size)
{
    static auto next = (void *(*)(size_t))dlsym(RTLD_NEXT, "_Znwm");
    return next(size);
}
#endif

static const size_t much = (size_t)100 << 20;
static int calls;

static void handle()
{
    if (++calls == 2)
        throw std::bad_alloc();
}

static bool throws(void *(*function)())
{
    try {
        function();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void fail(int calls_of_each)
{
    static const std::align_val_t page{4096};
    void *(*const throwing[])() = {
        [] { return ::operator new(much); },
        [] { return ::operator new[](much); },
        [] { return ::operator new(much, page); },
        [] { return ::operator new[](much, page); },
    };
    void *(*const returning[])() = {
        [] { return ::operator new(much, std::nothrow); },
        [] { return ::operator new[](much, std::nothrow); },
        [] { return ::operator new(much, page, std::nothrow); },
        [] { return ::operator new[](much, page, std::nothrow); },
    };
    for (auto function : throwing) {
        calls = 0;
        CHECK(throws(function) && calls == calls_of_each);
    }
    for (auto function : returning) {
        calls = 0;
        CHECK(function() == nullptr && calls == calls_of_each);
    }
}

int main()
{
    fail(0);
    std::set_new_handler(handle);
    fail(2);
    int *block = new int;
    KEEP(block);
    delete block;
    puts("held");
}
#endif
