/* What the assembly must know of C#'s structures; Platform/ShimLayout.cs holds the same numbers. */

#define SLAB_CLASSES    152     /* headers in a slab */
#define MAX_CPUS        8192    /* CONFIG_NR_CPUS at its largest */

/* ThreadState */
#define THREAD_TABLE     0
#define THREAD_COUNTDOWN 8
#define THREAD_RSEQ_CS   16
#define THREAD_INDEX     24
#define THREAD_DETACHED  28
#define THREAD_SIZE      128
