/*
 * A program that loads a library in one of the ways that let it find libc's own malloc, and crosses blocks between the program, the
 * library and libc, in all directions. With -DLIBRARY that library.
 *
 *     deepbound LIBRARY WAY
 *
 * WAY is deep, lazy, global (all RTLD_DEEPBIND), again (RTLD_NOLOAD), handle (the functions by dlsym on the library), libc (the same on
 * libc's handle), namespace (dlmopen: no block crosses there) or refused (deep, while the kernel refuses every mprotect).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <malloc.h>
#include <string.h>

#include "check.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl */
#endif

/* What the program or the library finds under these names. */
struct family {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void (*free)(void *);
    size_t (*malloc_usable_size)(void *);
    char *(*strdup)(const char *);
    char *(*realpath)(const char *, char *);
};

/* Pointers in the object's data, and calls, are bound in different ways. */
struct side {
    struct family family;
    void *(*make)(size_t size);
    void (*end)(void *block);
    const char *(*whose)(void);
    int (*spawn)(void);
};

static void *make(size_t size)
{
    return malloc(size);
}

static void end(void *block)
{
    free(block);
}

/* Both have a function of this name. */
const char *own_name(void);

static const char *whose(void)
{
    return own_name();
}

/* A child by vfork that allocates, as shells' do. */
static int spawn(void)
{
    pid_t child = vfork();
    if (child == 0) {
        for (int i = 0; i < 100; i++) {
            void *block = malloc(40);
            KEEP(block);
            free(block);
        }
        _exit(0);
    }
    return child > 0;
}

#ifdef LIBRARY
#define SIDE library_side
const char *own_name(void) { return "library"; }
#else
#define SIDE program_side
const char *own_name(void) { return "program"; }
#endif

struct side SIDE = {
    { malloc, calloc, realloc, aligned_alloc, posix_memalign, free, malloc_usable_size, strdup, realpath }, make, end, whose, spawn,
};

#ifndef LIBRARY
#ifdef __GLIBC__
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static void refuse_mprotect(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static void *load_into_namespace(const char *library)
{
    return dlmopen(LM_ID_NEWLM, library, RTLD_NOW);
}
#else
static void refuse_mprotect(void) { }
static void *load_into_namespace(const char *library) { return dlopen(library, RTLD_NOW); }
#endif

enum { MAKERS = 8, ENDERS = 3 };

static void *made_by(const struct side *side, int maker)
{
    const struct family *f = &side->family;
    void *block = NULL;
    switch (maker) {
    case 0: block = f->malloc(100); break;
    case 1: block = f->calloc(10, 10); break;
    case 2: block = f->realloc(NULL, 100); break;
    case 3: block = f->aligned_alloc(64, 128); break;
    case 4: CHECK(f->posix_memalign(&block, 4096, 100000) == 0); break;
    case 5: block = f->strdup("some text"); break;
    case 6: block = f->realpath("/", NULL); break;
    default: block = side->make(100); break;
    }
    CHECK(block);
    return block;
}

static void end_by(const struct side *side, int ender, void *block)
{
    const struct family *f = &side->family;
    CHECK(f->malloc_usable_size(block) >= 1);
    switch (ender) {
    case 0: f->free(block); break;
    case 1: side->end(block); break;
    default:
        block = f->realloc(block, 300000);
        CHECK(block);
        f->free(block);
        break;
    }
}

static void exchange(const struct side *from, const struct side *to)
{
    for (int maker = 0; maker < MAKERS; maker++)
        for (int ender = 0; ender < ENDERS; ender++)
            for (int times = 0; times < 3; times++)
                end_by(to, ender, made_by(from, maker));
}

static void *found(void *handle, const char *name)
{
    void *function = dlsym(handle, name);
    CHECK(function);
    return function;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    const char *library = argv[1], *way = argv[2];
    int deep = strcmp(way, "handle") != 0 && strcmp(way, "libc") != 0 && strcmp(way, "namespace") != 0;
    int mode = strcmp(way, "lazy") == 0 ? RTLD_LAZY : RTLD_NOW;
    if (strcmp(way, "refused") == 0)
        refuse_mprotect();
    if (strcmp(way, "global") == 0)
        mode |= RTLD_GLOBAL;
    if (deep)
        mode |= RTLD_DEEPBIND;
    void *handle = strcmp(way, "namespace") == 0 ? load_into_namespace(library) : dlopen(library, mode);
    if (!handle)
        fprintf(stderr, "%s\n", dlerror());
    CHECK(handle);
    if (strcmp(way, "again") == 0)
        CHECK(dlopen(library, mode | RTLD_NOLOAD) == handle);
    struct side loaded = *(struct side *)found(handle, "library_side");
    void *other = strcmp(way, "libc") == 0 ? dlopen("libc.so.6", RTLD_LAZY) : handle;
    if (!deep) {
        CHECK(other);
        loaded.family = (struct family){
            found(other, "malloc"), found(other, "calloc"), found(other, "realloc"), found(other, "aligned_alloc"),
            found(other, "posix_memalign"), found(other, "free"), found(other, "malloc_usable_size"), found(other, "strdup"),
            found(other, "realpath"),
        };
    }
    exchange(&loaded, &loaded);
    if (strcmp(way, "namespace") != 0) {
        exchange(&loaded, &program_side);
        exchange(&program_side, &loaded);
    }
    exchange(&program_side, &program_side);
    CHECK(loaded.spawn());
    printf("%s\n", loaded.whose());
    return 0;
}
#endif
