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
