/*
 * The library's only contacts with libc. Every reference is weak and unversioned, so that one file loads under every
 * libc; none of them is used on the way of an allocation. What is decided with them is decided in C#.
 */

#include <stddef.h>
#include <stdint.h>

#define HIDDEN __attribute__((visibility("hidden")))
#define WEAK __attribute__((weak))

/* --- the C# side (RuntimeExport) ---------------------------------------------------------------------------------- */

HIDDEN void nm_load(void);
HIDDEN void nm_unload(void);
HIDDEN void nm_fork_prepare(void);
HIDDEN void nm_fork_parent(void);
HIDDEN void nm_fork_child(void);
HIDDEN void nm_thread_exit(void *thread);
HIDDEN void *nm_release_thread(void *unused);

/* --- errno and the environment ------------------------------------------------------------------------------------ */

extern int *__errno_location(void) WEAK;
extern char **environ WEAK;
extern unsigned long getauxval(unsigned long type) WEAK;

HIDDEN void nm_set_errno(int value)
{
    if (__errno_location)
        *__errno_location() = value;
}

HIDDEN long nm_fail_with_errno(int value)
{
    nm_set_errno(value);
    return -1;
}

/* Which object is libc. */
HIDDEN void *nm_libc_function(void)
{
    return (void *)__errno_location;
}

/* What the constructor was handed: glibc's environ is still null when the first constructors run. */
static char **initial_environment;

HIDDEN char **nm_environ(void)
{
    return &environ && environ ? environ : initial_environment;
}

/* 0 where there is no such entry; getauxval then sets errno, which a free that starts the library must leave alone. */
HIDDEN unsigned long nm_auxiliary_value(unsigned long type)
{
    int error = __errno_location ? *__errno_location() : 0;
    unsigned long value = getauxval ? getauxval(type) : 0;
    nm_set_errno(error);
    return value;
}

/* --- restartable sequences: what glibc has registered -------------------------------------------------------------- */

extern const ptrdiff_t __rseq_offset WEAK;
extern const unsigned int __rseq_size WEAK;

/* Size of the area that glibc registers for every thread (0: none), and its offset from the thread pointer. */
HIDDEN unsigned int nm_glibc_rseq(ptrdiff_t *offset)
{
    if (!&__rseq_offset || !&__rseq_size)
        return 0;
    *offset = __rseq_offset;
    return __rseq_size;
}

/* Set by a library that registers rseq for all threads, in the protocol of 2019; absent in most processes. */
extern int __rseq_handled WEAK;

HIDDEN int nm_rseq_is_handled(void)
{
    return &__rseq_handled && __rseq_handled;
}

/* --- whose malloc the process uses --------------------------------------------------------------------------------- */

extern void *malloc(size_t size);
extern void free(void *block);
extern void *realloc(void *block, size_t size);

/* ILC's section of compiled C#; the linker names its ends. */
extern HIDDEN char __start___managedcode[], __stop___managedcode[];

HIDDEN int nm_is_own_function(const void *function)
{
    uintptr_t address = (uintptr_t)function;
    return address >= (uintptr_t)__start___managedcode && address < (uintptr_t)__stop___managedcode;
}

/* What the names malloc, free and realloc lead to from here. */
HIDDEN void *nm_bound_malloc(void)
{
    return (void *)malloc;
}

HIDDEN void *nm_bound_free(void)
{
    return (void *)free;
}

HIDDEN void *nm_bound_realloc(void)
{
    return (void *)realloc;
}

/* --- loaded objects ------------------------------------------------------------------------------------------------- */

struct dl_phdr_info;
extern int dl_iterate_phdr(int (*look)(struct dl_phdr_info *, size_t, void *), void *data) WEAK;

HIDDEN void nm_each_object(int (*look)(struct dl_phdr_info *, size_t, void *), void *data)
{
    if (dl_iterate_phdr)
        dl_iterate_phdr(look, data);
}

extern int _dl_find_object(void *address, void *found) WEAK;

/* 0 if it was found, 1 where there is no such function: before glibc 2.35, and in musl. */
HIDDEN int nm_find_object(void *address, void *found)
{
    return _dl_find_object ? _dl_find_object(address, found) : 1;
}

/* --- threads --------------------------------------------------------------------------------------------------------- */

/* glibc 2.32 and later; elsewhere nobody can say. */
extern char __libc_single_threaded WEAK;

HIDDEN int nm_is_single_threaded(void)
{
    return &__libc_single_threaded && __libc_single_threaded;
}

/* --- streams, for malloc_info --------------------------------------------------------------------------------------- */

extern size_t fwrite(const void *data, size_t size, size_t count, void *stream) WEAK;

HIDDEN int nm_stream_write(void *stream, const void *data, size_t length)
{
    return fwrite && fwrite(data, 1, length, stream) == length ? 0 : -1;
}

/* --- process and thread life ---------------------------------------------------------------------------------------- */

extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *dso) WEAK;
extern int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) WEAK;
extern int pthread_key_create(unsigned int *key, void (*destructor)(void *)) WEAK;
extern int pthread_setspecific(unsigned int key, const void *value) WEAK;
extern int pthread_attr_init(void *attributes) WEAK;
extern int pthread_attr_setstacksize(void *attributes, size_t bytes) WEAK;
extern int pthread_attr_setdetachstate(void *attributes, int state) WEAK;
extern int pthread_create(unsigned long *thread, const void *attributes, void *(*function)(void *), void *argument) WEAK;
extern void abort(void) WEAK;
extern void exit(int code) WEAK;
extern int fflush(void *stream) WEAK;
extern const char *gnu_get_libc_version(void) WEAK;
HIDDEN long nm_syscall(long number, long a, long b, long c, long d, long e, long f);

static unsigned int key;

/* What crtbegin.o would define: names this object to __register_atfork. */
HIDDEN void *__dso_handle = &__dso_handle;

/*
 * Has nm_thread_exit(thread) called when a thread ends, if nm_at_thread_exit(thread) was called on it; 0 if that cannot be
 * had: before glibc 2.34, without libpthread. A key takes no lock when it is set, and its destructor runs after those of
 * thread_local objects; __cxa_thread_atexit_impl would take the dynamic loader's lock, which a constructor that waits for
 * this thread may hold.
 */
HIDDEN int nm_prepare_thread_exits(void)
{
    return pthread_key_create && pthread_setspecific && pthread_key_create(&key, nm_thread_exit) == 0;
}

HIDDEN void nm_at_thread_exit(void *thread)
{
    pthread_setspecific(key, thread);
}

/* Starts nm_release_thread(), detached; not 0 if that cannot be done. */
HIDDEN int nm_start_release_thread(void)
{
    union {
        char room[64]; /* pthread_attr_t has 56 bytes */
        long alignment;
    } attributes;
    unsigned long thread;
    if (!pthread_create || !pthread_attr_init || !pthread_attr_setstacksize || !pthread_attr_setdetachstate || pthread_attr_init(&attributes))
        return -1;
    pthread_attr_setstacksize(&attributes, 256 << 10);
    pthread_attr_setdetachstate(&attributes, 1);
    return pthread_create(&thread, &attributes, nm_release_thread, 0);
}

HIDDEN void nm_abort(void)
{
    if (abort)
        abort();
    __builtin_trap();
}

/*
 * The last of a process's destructors ends it with another code. glibc's exit may be called again while it runs, and goes on where it was: so
 * streams are written as ever, without waiting for those that other threads have. musl's may not.
 */
HIDDEN void nm_end(int code)
{
    if (exit && gnu_get_libc_version)
        exit(code);
    if (fflush)
        fflush(0);
    nm_syscall(231, code, 0, 0, 0, 0, 0); /* exit_group */
}

/* Handlers that were registered first are the last before a fork: no other library's runs while the gate is closed. */
HIDDEN void nm_register_fork_handlers(void)
{
    static int registered;
    if (registered++)
        return;
    if (__register_atfork)
        __register_atfork(nm_fork_prepare, nm_fork_parent, nm_fork_child, &__dso_handle);
    else if (pthread_atfork)
        pthread_atfork(nm_fork_prepare, nm_fork_parent, nm_fork_child);
}

/*
 * Before and after those of a program that has the archive linked, unless they ask for the same. glibc passes main's arguments to constructors;
 * musl passes nothing, but there environ is set by now.
 */
__attribute__((constructor(101))) static void load(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    if (&environ && !environ)
        initial_environment = environment;
    nm_register_fork_handlers();
    nm_load();
}

__attribute__((destructor(101))) static void unload(void)
{
    nm_unload();
}
