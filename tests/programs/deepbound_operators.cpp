// A program in C++ that loads a library in C++ with RTLD_DEEPBIND, whose operators new and delete then are the C++ runtime's, and crosses
// objects between both. With -DLIBRARY that library.
//
//     deepbound_operators LIBRARY
#include <dlfcn.h>

#include <cstdint>
#include <new>
#include <string>

#include "check.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0
#endif

struct alignas(128) Aligned {
    char bytes[200];
};

struct Kind {
    void *(*make)();
    void (*end)(void *);
};

static const Kind kinds[] = {
    { [] { return ::operator new(100); }, [](void *p) { ::operator delete(p); } },
    { [] { return ::operator new(100); }, [](void *p) { ::operator delete(p, size_t(100)); } },
    { [] { return ::operator new(0); }, [](void *p) { ::operator delete(p, size_t(0)); } },
    { [] { return ::operator new[](100000); }, [](void *p) { ::operator delete[](p, size_t(100000)); } },
    { [] { return ::operator new(300, std::nothrow); }, [](void *p) { ::operator delete(p, std::nothrow); } },
    { [] { return ::operator new(100, std::align_val_t(64)); }, [](void *p) { ::operator delete(p, size_t(100), std::align_val_t(64)); } },
    { [] { return static_cast<void *>(new Aligned); }, [](void *p) { delete static_cast<Aligned *>(p); } },
    { [] { return static_cast<void *>(new Aligned[3]); }, [](void *p) { delete[] static_cast<Aligned *>(p); } },
    { [] { return static_cast<void *>(new std::string(1000, 'x')); }, [](void *p) { delete static_cast<std::string *>(p); } },
};
static constexpr size_t Count = sizeof kinds / sizeof *kinds;

static volatile size_t impossible = SIZE_MAX / 2 - 100;

static bool throws_bad_alloc()
{
    try {
        void *block = ::operator new(impossible);
        KEEP(block);
        return false;
    } catch (const std::bad_alloc &) {
        return true;
    }
}

struct Side {
    const Kind *kinds;
    bool (*throws)();
};

#ifdef LIBRARY
extern "C" const Side side = { kinds, throws_bad_alloc };
#else
static void exchange(const Kind *from, const Kind *to)
{
    for (size_t i = 0; i < Count; i++)
        for (int times = 0; times < 3; times++)
            to[i].end(from[i].make());
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND);
    if (!library)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(library);
    const Side *loaded = static_cast<const Side *>(dlsym(library, "side"));
    CHECK(loaded);
    exchange(loaded->kinds, loaded->kinds);
    exchange(loaded->kinds, kinds);
    exchange(kinds, loaded->kinds);
    CHECK(loaded->throws() && throws_bad_alloc());
    return 0;
}
#endif
