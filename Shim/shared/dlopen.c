/*
 * Only in libnativemalloc.so: dlopen, to get a word in before another library is loaded. Which word is decided in C#
 * (DynamicLoading). It goes on to libc's by a jump, and so with its caller's return address on the stack: glibc looks for the
 * file, and puts it into a namespace, by who calls.
 */

#define HIDDEN __attribute__((visibility("hidden")))

/* C#: DlopenTarget. */
static struct {
    void *(*function)(const char *file, int mode);
    int mode_mask;
} target;

HIDDEN void nm_prepare_dlopen(void *target, void *own);

static void *jump_to_dlopen(const char *file, int mode)
{
    if (!__atomic_load_n(&target.function, __ATOMIC_ACQUIRE))
        nm_prepare_dlopen(&target, jump_to_dlopen);
    /* Before glibc 2.34 it is in a library of its own, and who only asks whether the name is defined may call without that. */
    return target.function ? target.function(file, mode & target.mode_mask) : 0;
}

extern __typeof__(jump_to_dlopen) dlopen __attribute__((alias("jump_to_dlopen"), visibility("default")));
