/*
 * What NativeMalloc offers beyond malloc.h: its version, its statistics, its options, release of memory, and heap profiles. For C99 and C++.
 *
 * (It also has nallocx and sdallocx of jemalloc's, and __size_returning_new of tcmalloc's: docs/linking.md. Their own headers declare them.)
 *
 * All functions may be called from any thread at any time but from signal handlers. None of them allocates. Those that can fail
 * set errno then, and leave it alone otherwise.
 *
 * A program that is to run with and without the library defines NATIVEMALLOC_WEAK before it includes this header, does not
 * link with the library, and asks whether the function is there:
 *
 *     #define NATIVEMALLOC_WEAK
 *     #include <nativemalloc.h>
 *     ...
 *     if (nativemalloc_release_memory)
 *         nativemalloc_release_memory(UINT64_MAX);
 *
 * It is compiled with -fPIE or -fPIC, as most compilers do unasked: with -fno-pie the linker decides that the function is not there.
 *
 * Without the macro the references are strong, and the program is linked with the library: nativemalloc.pc, or CMake's
 * NativeMalloc::nativemalloc.
 */
#ifndef NATIVEMALLOC_H
#define NATIVEMALLOC_H

#include <stddef.h>
#include <stdint.h>

/* The version of this header. This is the place that the library, the packages and the command have theirs from. */
#define NATIVEMALLOC_VERSION_MAJOR 0
#define NATIVEMALLOC_VERSION_MINOR 1
#define NATIVEMALLOC_VERSION_PATCH 0

/* The version as one number that grows: 0.1.0 is 100, 1.2.3 would be 10203. */
#define NATIVEMALLOC_VERSION_NUMBER \
    (NATIVEMALLOC_VERSION_MAJOR * 10000 + NATIVEMALLOC_VERSION_MINOR * 100 + NATIVEMALLOC_VERSION_PATCH)

#ifdef NATIVEMALLOC_WEAK
#define NATIVEMALLOC_FUNCTION __attribute__((weak))
#else
#define NATIVEMALLOC_FUNCTION
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is running, as text ("0.1.0"). Never fails; the text is not to be freed. */
NATIVEMALLOC_FUNCTION const char *nativemalloc_version(void);

/* The version of the library that is running, as NATIVEMALLOC_VERSION_NUMBER. Never fails. */
NATIVEMALLOC_FUNCTION unsigned int nativemalloc_version_number(void);

/* Values of front_end, rseq and index in the statistics. */
enum nativemalloc_front_end {
    NATIVEMALLOC_PER_THREAD = 0,
    NATIVEMALLOC_PER_CPU = 1,
    NATIVEMALLOC_CHECKING = 2     /* none: NATIVEMALLOC_CHECK=1 */
};
enum nativemalloc_rseq {
    NATIVEMALLOC_RSEQ_UNAVAILABLE = 0,
    NATIVEMALLOC_RSEQ_GLIBC = 1,  /* glibc has registered it */
    NATIVEMALLOC_RSEQ_OWN = 2,    /* the library has registered it */
    NATIVEMALLOC_RSEQ_SHARED = 3  /* on an area that another library uses too */
};
enum nativemalloc_index { NATIVEMALLOC_INDEX_THREAD = 0, NATIVEMALLOC_INDEX_CPU_ID = 1, NATIVEMALLOC_INDEX_MM_CID = 2 };

/*
 * Where the heap's memory is. Amounts are in bytes. While other threads allocate, the numbers are near the truth. They always add up:
 * mapped = in_use + front_end_cached + transfer_cached + central_free + span_tails + page_heap_free + released + metadata.
 * Later versions add fields at the end.
 */
struct nativemalloc_statistics {
    uint64_t size;              /* set by the caller: sizeof(struct nativemalloc_statistics) */

    uint64_t active;            /* 1 if the process's malloc is this library's; 0 if the program brings its own */
    uint64_t front_end;         /* enum nativemalloc_front_end */
    uint64_t rseq;              /* enum nativemalloc_rseq */
    uint64_t index;             /* enum nativemalloc_index */

    uint64_t in_use;            /* in blocks that the program has, as they were rounded up */
    uint64_t in_use_large;      /* of it in blocks above 256 KiB */
    uint64_t front_end_cached;  /* free, at hand for a CPU or a thread */
    uint64_t transfer_cached;   /* free, on the way between CPUs or threads */
    uint64_t central_free;      /* free objects in spans, as far as they hold memory */
    uint64_t span_tails;        /* lost behind the last object of each span */
    uint64_t page_heap_free;    /* free pages that hold memory */
    uint64_t released;          /* free pages, and free objects in spans, whose memory the kernel has back */
    uint64_t metadata;          /* address space for the library's own structures, not all of it touched */
    uint64_t mapped;            /* all address space that the library has */

    uint64_t slabs;             /* CPUs' or threads' caches in use */
    uint64_t slabs_made;        /* and how many were ever made */
    uint64_t slow_allocations;  /* allocations that found the front end empty */
    uint64_t slow_frees;        /* frees that found it full */

    uint64_t internal_waste;    /* of in_use, added by rounding up sizes; an estimate by the requests that missed the front end */
    uint64_t metadata_touched;  /* of metadata, what holds memory */
    uint64_t released_in_spans; /* of released, what lies between objects in use */

    uint64_t allocated;         /* bytes asked for since the start, but for the last 1024 allocations of each thread, or some of these */
};

/*
 * Fills in the structure, whose size the caller has set. An older library knows fewer fields and leaves the others alone: size
 * then says how many bytes were filled in. 0, or -1 with errno EINVAL (size is smaller than the structure was in 0.1.0) or
 * ENOMEM (there is no memory for a heap).
 */
NATIVEMALLOC_FUNCTION int nativemalloc_get_statistics(struct nativemalloc_statistics *statistics);

/*
 * Puts the statistics as one JSON object into the buffer of this many bytes, as far as they fit, with a zero byte at the end;
 * size may be 0, and buffer null then. Returns the length of all of it without the zero byte, so that it was cut off if the
 * result is not below size; or -1 with errno ENOMEM (there is no memory for a heap). Some 30,000 bytes, and 10 more for each 2 MiB of
 * heap; the length changes with the numbers.
 */
NATIVEMALLOC_FUNCTION int nativemalloc_statistics_json(char *buffer, size_t size);

/*
 * Writes the same to a file descriptor. 0, or -1 with errno ENOMEM (there is no memory for a heap) or what write(2) failed with;
 * a part may have been written then.
 */
NATIVEMALLOC_FUNCTION int nativemalloc_write_statistics_json(int file);

/*
 * Gives at least this many bytes of free memory back to the kernel, as far as there are so many: first pages that lie idle, then
 * what is in the caches, which are emptied for it, then pages that are free between blocks. UINT64_MAX: all that is free. Returns how many bytes went back. Never fails.
 * Addresses stay, and memory comes back when they are used again.
 */
NATIVEMALLOC_FUNCTION uint64_t nativemalloc_release_memory(uint64_t bytes);

/*
 * Puts an option's value as the library has understood it into the buffer of this many bytes, as far as it fits, with a zero byte
 * at the end; size may be 0, and buffer null then. The name is that of the environment's variable without NATIVEMALLOC_, in lower
 * case: "index" ("mm_cid", "cpu_id", "thread", or "" if the library chooses; what it uses is in the statistics), "stats" ("0",
 * "1" or "json:PATH"), "check", "verbose", "names" and "release_thread" ("0" or "1"), "huge_pages" ("auto", "never" or "always"),
 * "release_delay" (milliseconds), "release_rate" (percent), "limit" and "soft_limit" (bytes, or a percentage as "80%", or "" for
 * none), "profile" (as it was given, or ""), "sample" (bytes from one to the next, "0" for none). Returns the value's length
 * without the zero byte, or -1 with errno ENOENT (there is no such option).
 */
NATIVEMALLOC_FUNCTION int nativemalloc_get_option(const char *name, char *buffer, size_t size);

/*
 * Heap profiles: who allocated the memory. While profiling is on, some allocations are samples, one every so many bytes on average, and
 * each stands for all that were like it; profiles have the totals, estimated so, by the call stacks that allocated. Started early, a
 * profile shows the whole heap; started later, what was allocated since. docs/profiling.md has the error of the estimate, and the formats.
 */
enum nativemalloc_profile_format {
    NATIVEMALLOC_PPROF = 0,       /* for pprof: profile.proto in gzip; all values at once */
    NATIVEMALLOC_HEAP = 1,        /* for google-pprof and jeprof: heap_v2, as text; one value, and what was allocated */
    NATIVEMALLOC_FOLDED = 2       /* for flame graphs: folded stacks; bytes of one value */
};
enum nativemalloc_profile_value {
    NATIVEMALLOC_IN_USE = 0,
    NATIVEMALLOC_ALLOCATED = 1,   /* since profiling began, or was reset, whether or not it is in use still */
    NATIVEMALLOC_PEAK = 2,        /* in use when that was most, to within a tenth */
    NATIVEMALLOC_HELD = 3         /* free, and kept from going back by what is in use; not in heap_v2 */
};

/*
 * From now on there is a sample every so many bytes on average; 0 means 524288, and 1 makes each allocation a sample. Every thread takes
 * part when it next looks at the clock, which it does every few hundred KiB that it allocates. Where profiling is on already, this changes
 * the distance. 0, or -1 with errno EINVAL (more than 2^40).
 */
NATIVEMALLOC_FUNCTION int nativemalloc_start_profiling(uint64_t bytes);

/* Takes no more samples. Those that there are stay in the profile until their blocks are freed. Never fails. */
NATIVEMALLOC_FUNCTION void nativemalloc_stop_profiling(void);

/* Forgets what was allocated until now, and the peak, which is what is in use now. What is in use stays. Never fails. */
NATIVEMALLOC_FUNCTION void nativemalloc_reset_profile(void);

/*
 * Writes a profile to a file descriptor, of that value where the format has but one. It may be on or off; while other threads allocate, each
 * stack's numbers are of a moment of their own. 0, or -1 with errno EINVAL (there is no such format or value, or not that in this), ENOMEM (there is no memory to
 * work in) or what write(2) failed with; a part may have been written then.
 */
NATIVEMALLOC_FUNCTION int nativemalloc_write_profile(int file, enum nativemalloc_profile_format format, enum nativemalloc_profile_value value);

#ifdef __cplusplus
}
#endif

#endif
