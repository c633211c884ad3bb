// All forms of C++'s operator new and delete, and what they do when memory runs out. Compile with -DREPLACE for a program
// that has basic operators of its own, which the others must lead to; with -DLIBRARY as a library.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "check.h"

extern "C" size_t malloc_usable_size(void *);

/* Only where the library is there. */
extern "C" const char *nativemalloc_version() __attribute__((weak));

// The four that say how much room there is (P0901); only where the library is there, too.
struct sized {
    void *block;
    size_t room;
};
extern "C" {
sized __size_returning_new(size_t) __attribute__((weak));
sized __size_returning_new_aligned(size_t, std::align_val_t) __attribute__((weak));
sized __size_returning_new_hot_cold(size_t, unsigned char) __attribute__((weak));
sized __size_returning_new_aligned_hot_cold(size_t, std::align_val_t, unsigned char) __attribute__((weak));
}

#ifdef REPLACE
static int news, deletes;

// Blocks that no other allocator could take back: 16 bytes further on.
void *operator new(size_t size)
{
    char *block = static_cast<char *>(malloc(size + 16));
    if (!block)
        throw std::bad_alloc();
    news++;
    return block + 16;
}

void operator delete(void *block) noexcept
{
    if (!block)
        return;
    deletes++;
    free(static_cast<char *>(block) - 16);
}
#endif

static volatile size_t impossible;
static int handled;

static void handle()
{
    if (++handled == 3)
        std::set_new_handler(nullptr);
}

template <typename Allocate> static void throws(Allocate allocate)
{
    handled = 0;
    std::set_new_handler(handle);
    bool caught = false;
    try {
        void *block = allocate();
        KEEP(block);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    CHECK(caught);
#ifndef REPLACE
    CHECK(handled == 3);
#endif
    std::set_new_handler(nullptr);
}

template <typename Allocate> static void gives_null(Allocate allocate)
{
    handled = 0;
    std::set_new_handler(handle);
    void *block = allocate();
    CHECK(block == nullptr);
#ifndef REPLACE
    CHECK(handled == 3);
#endif
    std::set_new_handler(nullptr);
}

static void fill(void *block, size_t size, size_t alignment)
{
    CHECK(block && reinterpret_cast<uintptr_t>(block) % alignment == 0);
    memset(block, 0x5a, size);
}

static void forms()
{
    const std::align_val_t strict{64};
    for (size_t size = 0; size < 300000; size += 1 + size / 5) {
        void *block[8];
        block[0] = operator new(size);
        block[1] = operator new[](size);
        block[2] = operator new(size, std::nothrow);
        block[3] = operator new[](size, std::nothrow);
        block[4] = operator new(size, strict);
        block[5] = operator new[](size, strict);
        block[6] = operator new(size, strict, std::nothrow);
        block[7] = operator new[](size, strict, std::nothrow);
        for (int i = 0; i < 8; i++)
            fill(block[i], size, i < 4 ? 16 : 64);
        switch (size % 3) {
        case 0:
            operator delete(block[0]);
            operator delete[](block[1]);
            operator delete(block[2], std::nothrow);
            operator delete[](block[3], std::nothrow);
            operator delete(block[4], strict);
            operator delete[](block[5], strict);
            operator delete(block[6], strict, std::nothrow);
            operator delete[](block[7], strict, std::nothrow);
            break;
        case 1:
            operator delete(block[0], size);
            operator delete[](block[1], size);
            operator delete(block[2], size);
            operator delete[](block[3], size);
            operator delete(block[4], size, strict);
            operator delete[](block[5], size, strict);
            operator delete(block[6], size, strict);
            operator delete[](block[7], size, strict);
            break;
        default:
#ifndef REPLACE
            for (int i = 0; i < 8; i++)
                free(block[i]);
#else
            for (int i = 0; i < 4; i++)
                operator delete(block[i], size);
            for (int i = 4; i < 8; i++)
                free(block[i]);
#endif
        }
    }
    operator delete(nullptr);
    operator delete[](nullptr);
    operator delete(nullptr, size_t{40});
    operator delete[](nullptr, size_t{40});
    operator delete(nullptr, size_t{40}, strict);
}

// The room may be used, and a delete may name any size from the one that was asked for up to it.
static void returned_sizes()
{
    size_t more = 0;
    for (size_t size = 0; size < 1000000; size += 1 + size / 7)
        for (size_t alignment = 16; alignment <= 16384; alignment *= 4) {
            const std::align_val_t strict{alignment};
            sized returned[] = { __size_returning_new(size), __size_returning_new_hot_cold(size, 128), __size_returning_new_aligned(size, strict),
                                 __size_returning_new_aligned_hot_cold(size, strict, 1) };
            for (int i = 0; i < 4; i++) {
                CHECK(returned[i].room >= size);
                fill(returned[i].block, returned[i].room, i < 2 ? 16 : alignment);
                more += returned[i].room - size;
            }
            for (int i = 0; i < 4; i++) {
                size_t between = size + (returned[i].room - size) / 2, named = i % 2 == 0 ? returned[i].room : size % 2 == 0 ? size : between;
                if (i < 2)
                    operator delete(returned[i].block, named);
                else
                    operator delete(returned[i].block, named, strict);
            }
        }
#ifndef REPLACE
    CHECK(more > 0 || getenv("NATIVEMALLOC_CHECK"));
#else
    CHECK(more == 0);
#endif
}

static void out_of_memory(size_t size)
{
    const std::align_val_t strict{4096};
    impossible = size;
    if (__size_returning_new) {
        throws([] { return __size_returning_new(impossible).block; });
        throws([=] { return __size_returning_new_aligned(impossible, strict).block; });
    }
    throws([] { return operator new(impossible); });
    throws([] { return operator new[](impossible); });
    throws([=] { return operator new(impossible, strict); });
    throws([=] { return operator new[](impossible, strict); });
    gives_null([] { return operator new(impossible, std::nothrow); });
    gives_null([] { return operator new[](impossible, std::nothrow); });
    gives_null([=] { return operator new(impossible, strict, std::nothrow); });
    gives_null([=] { return operator new[](impossible, strict, std::nothrow); });
}

#ifndef REPLACE
// What the new_handler frees serves: it may be the runtime's operator that asks again, and it asks for more. The delete says what the program
// asked for.
static void *spare;

static void give_spare()
{
    CHECK(spare != nullptr);
    free(spare);
    spare = nullptr;
}

template <typename Use> static void with_spare(Use use)
{
    spare = malloc(40 << 20);
    std::set_new_handler(give_spare);
    use(size_t{(30 << 20) + 100}, std::align_val_t{64});
    std::set_new_handler(nullptr);
    free(spare);
}

static void short_of_memory()
{
    with_spare([](size_t size, std::align_val_t) { operator delete(operator new(size), size); });
    with_spare([](size_t size, std::align_val_t) { operator delete[](operator new[](size, std::nothrow), size); });
    with_spare([](size_t size, std::align_val_t strict) { operator delete(operator new(size, strict), size, strict); });
    if (__size_returning_new)
        with_spare([](size_t size, std::align_val_t) {
            sized returned = __size_returning_new(size);
            fill(returned.block, returned.room, 16);
            operator delete(returned.block, returned.room);
        });
    with_spare([](size_t size, std::align_val_t strict) { operator delete[](operator new[](size, strict, std::nothrow), size, strict); });
}
#endif

// Called by name where this is a library that a program in C loads.
extern "C" int check_operators()
{
    forms();
    if (__size_returning_new)
        returned_sizes();
    out_of_memory(SIZE_MAX / 2 - 100);
    out_of_memory(SIZE_MAX / 2 + 1);
    if (nativemalloc_version) // the runtime's own operators round up to the alignment what then wraps around
        out_of_memory(SIZE_MAX - 100);
#ifndef REPLACE
    short_of_memory();
#else
    CHECK(news > 200 && news == deletes);
#endif
    puts("operators hold");
    return 0;
}

#ifndef LIBRARY
int main()
{
    return check_operators();
}
#endif
