/*
 * Only in libnativemalloc.a. ../libc.c's references are weak, and a weak reference takes nothing out of libc.a: a fully static
 * program would then lack what nothing else in it calls. These are in every libc since glibc 2.34; before, with -pthread.
 */

extern int *__errno_location(void);
extern void abort(void);
extern void fwrite(void);
extern void getauxval(void);
extern void pthread_atfork(void);
extern void pthread_key_create(void);
extern void pthread_setspecific(void);

__attribute__((used)) static const void *const needed[] = {
    __errno_location, abort, fwrite, getauxval, pthread_atfork, pthread_key_create, pthread_setspecific,
};

/*
 * A program's constructors run after those of its libraries, which register fork handlers there; only .preinit_array comes before.
 * It may not stand in a shared object: the linker says so, and -lnativemalloc is for those. musl does not know it.
 */
extern __attribute__((visibility("hidden"))) void nm_register_fork_handlers(void);

__attribute__((section(".preinit_array"), used)) static void (*const before_constructors)(void) = nm_register_fork_handlers;
