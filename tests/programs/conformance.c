/*
 * What must hold of any malloc by C, POSIX and glibc's manual, as small checks (conformance/), each in a process of its own:
 *
 *     conformance --list              the checks' names
 *     conformance NAME                0: it holds; 1: it does not, and standard error says what; 77: a function that the check
 *                                     is about is not this malloc's own
 *     conformance                     all of them, one line for each that does not hold; 0: none
 *     conformance --glibc-deviates    the checks that this glibc's own malloc does not pass
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/wait.h>

#include "conformance/aligned.h"
#include "conformance/blocks.h"
#include "conformance/failures.h"
#include "conformance/freeing.h"
#include "conformance/libc.h"
#include "conformance/resizing.h"
#include "conformance/telling.h"
#include "conformance/zeros.h"

enum { HOLDS = 0, FAILS = 1, NOT_OFFERED = 77 };

/* Where needs is given, the check is about these functions, and an allocator may do without them. */
static const struct check {
    const char *name;
    void (*run)(void);
    const char *needs;
} checks[] = {
    { "alignment", alignment, NULL },
    { "alignment-many", alignment_many, NULL },
    { "malloc-0", malloc_0, NULL },
    { "calloc-0", calloc_0, NULL },
    { "realloc-null-0", realloc_null_0, NULL },
    { "free-null", free_null, NULL },
    { "usable-size", usable_size, "malloc_usable_size" },
    { "usable-size-waste", waste, "malloc_usable_size" },
    { "usable-size-writable", usable_writable, "malloc_usable_size" },
    { "usable-size-kept-by-realloc", usable_kept_by_realloc, "malloc_usable_size" },
    { "usable-size-constant", usable_constant, "malloc_usable_size" },
    { "blocks-apart", blocks_apart, NULL },
    { "freed-by-others", freed_by_others, "malloc_usable_size" },

    { "too-large-malloc", too_large_malloc, NULL },
    { "too-large-calloc", too_large_calloc, NULL },
    { "too-large-realloc", too_large_realloc, NULL },
    { "too-large-reallocarray", too_large_reallocarray, NULL },
    { "too-large-aligned_alloc", too_large_aligned_alloc, "aligned_alloc" },
    { "too-large-memalign", too_large_memalign, "memalign" },
    { "too-large-posix_memalign", too_large_posix_memalign, "posix_memalign" },
    { "too-large-valloc", too_large_valloc, "valloc" },
    { "too-large-pvalloc", too_large_pvalloc, "pvalloc" },
    { "too-large-alignment", too_large_alignment, "aligned_alloc memalign posix_memalign" },
    { "overflow-calloc", overflow_calloc, NULL },
    { "overflow-reallocarray", overflow_reallocarray, NULL },
    { "failed-realloc", failed_realloc, "malloc_usable_size" },
    { "exhausted-small", exhausted_small, NULL },
    { "exhausted-medium", exhausted_medium, NULL },
    { "exhausted-large", exhausted_large, NULL },

    { "calloc-zero", calloc_is_zero, NULL },
    { "calloc-multiplies", calloc_multiplies, "malloc_usable_size" },
    { "calloc-reused", calloc_of_reused, NULL },
    { "calloc-reused-to-its-end", calloc_of_reused_to_its_end, "malloc_usable_size" },
    { "calloc-after-realloc", calloc_after_realloc, NULL },
    { "calloc-after-trim", calloc_after_trim, NULL },
    { "calloc-among-others", calloc_among_others, NULL },

    { "realloc-null", realloc_of_null, "malloc_usable_size" },
    { "realloc-0", realloc_to_0, NULL },
    { "realloc-across", realloc_across, "malloc_usable_size" },
    { "realloc-steps", realloc_steps, NULL },
    { "realloc-random", realloc_random, "malloc_usable_size" },
    { "realloc-aligned", realloc_of_aligned, "posix_memalign malloc_usable_size" },
    { "reallocarray", reallocarray_multiplies, "malloc_usable_size" },

    { "aligned-to-16", aligned_to_16, "posix_memalign aligned_alloc memalign" },
    { "aligned-0", aligned_0, "posix_memalign aligned_alloc memalign" },
    { "aligned-posix_memalign", aligned_posix_memalign, "posix_memalign malloc_usable_size" },
    { "aligned-aligned_alloc", aligned_aligned_alloc, "aligned_alloc malloc_usable_size" },
    { "aligned-memalign", aligned_memalign, "memalign malloc_usable_size" },
    { "aligned-1-gib", aligned_1_gib, "posix_memalign aligned_alloc memalign malloc_usable_size" },
    { "aligned-valloc", aligned_valloc, "valloc malloc_usable_size" },
    { "aligned-pvalloc", aligned_pvalloc, "pvalloc malloc_usable_size" },
    { "aligned-apart", aligned_apart, "posix_memalign" },
    { "posix_memalign-codes", posix_memalign_codes, "posix_memalign" },
    { "posix_memalign-errno", posix_memalign_errno, "posix_memalign" },
    { "aligned_alloc-not-power", aligned_alloc_not_power, "aligned_alloc" },
    { "memalign-rounds-up", memalign_rounds_up, "memalign" },

    { "free-errno-small", free_errno_small, NULL },
    { "free-errno-large", free_errno_large, NULL },
    { "free-errno-to-kernel", free_errno_to_kernel, NULL },
    { "free_sized", free_with_size, "free_sized" },
    { "free_aligned_sized", free_with_alignment, "free_aligned_sized aligned_alloc" },
    { "cfree", cfree_frees, "cfree" },
    { "nallocx", room_is_usable, "nallocx aligned_alloc malloc_usable_size" },
    { "sdallocx", free_with_room, "sdallocx nallocx aligned_alloc" },

    { "mallinfo2", mallinfo2_follows, "mallinfo2" },
    { "mallinfo", mallinfo_follows, "mallinfo" },
    { "malloc_info", malloc_info_writes, "malloc_info" },
    { "malloc_info-options", malloc_info_options, "malloc_info" },
    { "mallopt", mallopt_accepts, "mallopt" },
    { "malloc_trim", malloc_trim_returns, "malloc_trim" },
    { "malloc_stats", malloc_stats_prints, "malloc_stats" },

    { "libc-strdup", libc_strdup, "malloc_usable_size" },
    { "libc-getline", libc_getline, "malloc_usable_size" },
    { "libc-asprintf", libc_asprintf, "malloc_usable_size" },
    { "libc-memstream", libc_memstream, "malloc_usable_size" },
    { "libc-scanf", libc_scanf, "malloc_usable_size" },
    { "libc-paths", libc_paths, "malloc_usable_size" },
    { "libc-scandir", libc_scandir, "malloc_usable_size" },
    { "libc-glob", libc_glob, NULL },
    { "libc-streams", libc_streams, NULL },
    { "libc-environment", libc_environment, NULL },
    { "libc-tables", libc_tables, NULL },
    { "libc-threads", libc_threads, NULL },
};

/* Where glibc's own malloc is not as the check wants it, and up to which version; "" is all. */
static const struct deviation {
    const char *check, *before, *why;
} deviations[] = {
    { "posix_memalign-errno", "", "sets errno as well; POSIX gives the error as the result only" },
    { "aligned_alloc-not-power", "2.38", "aligned_alloc was another name of memalign, which rounds up" },
};

/* Whether each function belongs to the object that malloc belongs to: others would serve another heap. */
static int offered(const char *needs)
{
    Dl_info own, its;
    CHECK(dladdr(dlsym(RTLD_DEFAULT, "malloc"), &own));
    char name[64];
    for (int length; needs && sscanf(needs, "%63s%n", name, &length) == 1; needs += length) {
        void *function = dlsym(RTLD_DEFAULT, name);
        if (!function || !dladdr(function, &its) || its.dli_fbase != own.dli_fbase)
            return 0;
    }
    return 1;
}

static int run(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(checks); i++)
        if (strcmp(checks[i].name, name) == 0) {
            if (!offered(checks[i].needs))
                return NOT_OFFERED;
            checks[i].run();
            return HOLDS;
        }
    fprintf(stderr, "conformance: no such check: %s; see --list\n", name);
    return 2;
}

static int run_all(const char *program)
{
    int wrong = 0;
    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        fflush(stdout);
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            freopen("/dev/null", "w", stdout);
            execl(program, program, checks[i].name, (char *)NULL);
            _exit(3);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        if (code == HOLDS)
            continue;
        printf("%s: %s %d\n", checks[i].name, code == NOT_OFFERED ? "not offered:" : "exit code", code);
        wrong += code != NOT_OFFERED;
    }
    return wrong ? FAILS : HOLDS;
}

/* Whether a version is older than another: "2.9" is older than "2.38". */
static int older(const char *version, const char *than)
{
    int major, minor, than_major, than_minor;
    CHECK(sscanf(version, "%d.%d", &major, &minor) == 2 && sscanf(than, "%d.%d", &than_major, &than_minor) == 2);
    return major < than_major || (major == than_major && minor < than_minor);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return run_all(argv[0]);
    if (strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < COUNT_OF(checks); i++)
            puts(checks[i].name);
        return 0;
    }
    if (strcmp(argv[1], "--glibc-deviates") == 0) {
        for (size_t i = 0; i < COUNT_OF(deviations); i++)
            if (!*deviations[i].before || older(gnu_get_libc_version(), deviations[i].before))
                printf("%s: %s\n", deviations[i].check, deviations[i].why);
        return 0;
    }
    return run(argv[1]);
}
