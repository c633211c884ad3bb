/*
 * A malloc with one fault, named by FAULT, on top of libc's: preloaded to see that the conformance checks find it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "check.h"
#include "mallinfo.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static int fault(const char *name)
{
    const char *wanted = getenv("FAULT");
    return wanted && strcmp(wanted, name) == 0;
}

void *malloc(size_t size)
{
    if (fault("no-errno") && size > PTRDIFF_MAX)
        return NULL;
    if (fault("null-for-0") && size == 0)
        return NULL;
    if (fault("aligned-to-8") && size < 9)
        return (char *)__libc_malloc(size + 8) + 8;
    if (fault("short") && size > 4096)
        return __libc_malloc(size - 1000);
    if (fault("wasteful") && size > 100000)
        return __libc_malloc(size * 2);
    /* Two at once are the same one. */
    static void *last;
    if (fault("twice") && size == 64) {
        void *block = last ? last : __libc_malloc(size);
        last = last ? NULL : block;
        return block;
    }
    /* Two neighbours overlap. */
    if (fault("shares") && size == 500)
        return last ? (char *)last + 64 : (last = __libc_malloc(2000));
    return __libc_malloc(size);
}

/* What libc knows of a block that the fault moved. */
static void *original(void *block)
{
    return (size_t)block % 16 != 0 ? (char *)block - 8 : block;
}

size_t malloc_usable_size(void *block)
{
    size_t (*of_libc)(void *) = (size_t (*)(void *))dlsym(RTLD_NEXT, "malloc_usable_size");
    static size_t asked;
    if (fault("grows"))
        return of_libc(block) + asked++ / 500;
    return of_libc(original(block)) - (size_t)((char *)block - (char *)original(block));
}

void free(void *block)
{
    block = original(block);
    if (fault("twice") || fault("shares"))
        return;
    __libc_free(block);
    if (fault("free-errno") && block)
        errno = EAGAIN;
}

void *calloc(size_t count, size_t size)
{
    if (fault("dirty")) {
        void *block = __libc_malloc(count * size);
        return block && malloc_usable_size(block) > 1000000 ? memset(block, 0, count * size) : block;
    }
    if (fault("overflow"))
        return __libc_calloc(1, count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    if (fault("keeps-for-0") && block && size == 0)
        return NULL;
    if (fault("lost-on-failure") && block && size > PTRDIFF_MAX)
        memset(block, 0, malloc_usable_size(block));
    size_t before = block ? malloc_usable_size(block) : 0;
    if (original(block) != block)
        block = memmove(original(block), block, before);
    char *moved = __libc_realloc(block, size);
    if (fault("loses-contents") && moved && before > 100000 && size > before)
        memset(moved + before - 4096, 0, 4096);
    return moved;
}

void *memalign(size_t alignment, size_t size)
{
    return fault("no-rounding") ? __libc_malloc(size) : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return __libc_memalign(fault("weak-alignment") && alignment > 4096 ? 4096 : alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
    if (fault("touches-result"))
        *result = NULL;
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    int error = errno;
    void *block = __libc_memalign(alignment, size);
    if (!block) {
        if (!fault("sets-errno"))
            errno = error;
        return ENOMEM;
    }
    *result = block;
    return 0;
}

struct mallinfo2 mallinfo2(void)
{
    struct mallinfo2 (*of_libc)(void) = (struct mallinfo2 (*)(void))dlsym(RTLD_NEXT, "mallinfo2");
    static struct mallinfo2 first;
    if (!fault("never-told") || first.arena == 0)
        first = of_libc();
    return first;
}

int malloc_trim(size_t keep)
{
    int (*of_libc)(size_t) = (int (*)(size_t))dlsym(RTLD_NEXT, "malloc_trim");
    return fault("keeps-all") ? 1 : of_libc(keep);
}
