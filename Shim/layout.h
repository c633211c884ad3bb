/* What the assembly must know of C#'s structures; Platform/ShimLayout.cs holds the same numbers. */

#define SLAB_CLASSES    144     /* headers in a slab */
#define MAX_CPUS        8192    /* CONFIG_NR_CPUS at its largest */

/* ThreadState */
#define THREAD_TABLE    0
#define THREAD_RSEQ_CS  8
#define THREAD_INDEX    16
#define THREAD_DETACHED 20
#define THREAD_SLAB     24
#define THREAD_SIZE     80
