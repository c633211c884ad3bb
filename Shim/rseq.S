/*
 * The front end's restartable sequences: what C# cannot say.
 *
 * The protocol, the same in every operation:
 *   1. store the address of the section's descriptor into the rseq_cs field of this thread's rseq area;
 *   2. between "start" and "commit", find this CPU's slab:
 *          table = this thread's table pointer, index = the rseq field cpu_id or mm_cid,
 *          slab  = nm_sentinel_slab + table[index]
 *      (an entry of zero is therefore the sentinel slab, in which every class is both empty and full);
 *   3. do the work on registers and on memory that only the commit makes visible;
 *   4. commit with one store, the last instruction of the section.
 * If the thread is preempted, migrated, signalled or stopped by a debugger before the commit, the kernel continues it at the
 * abort address, which leads to the slow path: never to the start again, where a debugger that steps would stay for ever. No
 * section holds a call or a system call, and no field of the rseq area is ever written but rseq_cs.
 *
 * Where the process has no rseq, step 1 stores into a word of our own, the index is a constant zero, and the
 * table is one that only this thread uses: the same code, with nothing to be protected from.
 *
 * A slab begins with one header of eight bytes for each class: {uint32 current, uint32 end}, byte offsets from the
 * slab. The cached objects stand below `current`, and the word below the first of them is zero: that is "empty".
 *
 * What nm_pop and nm_push load and store of it is addressed by one register, without an index: Intel's newer cores (Emerald Rapids) then
 * take what the last operation stored without waiting for the store's address. A pair takes half as long there.
 */

#include "function.h"
#include "layout.h"

#define RSEQ_SIGNATURE 0x53053053

/* Step 1. Leaves the section's first instruction as "start", and the offset of this thread's state in r9. Clobbers rax, r8. */
.macro SECTION_BEGIN name
        lea     .Ldescriptor_\name(%rip), %rax
        mov     nm_thread@gottpoff(%rip), %r9
        mov     nm_rseq_cs_distance(%rip), %r8
        mov     %rax, %fs:(%r9,%r8)
.Lstart_\name:
.endm

/* Step 2. Leaves the slab in \slab. Clobbers r8, r9. */
.macro LOAD_SLAB slab
        mov     nm_index_distance(%rip), %r8
        movslq  %fs:(%r9,%r8), %r8
        mov     %fs:THREAD_TABLE(%r9), %r9
        lea     nm_sentinel_slab(%rip), \slab
        add     (%r9,%r8,8), \slab
.endm

/* The descriptor, its entries in the lists that debuggers read, and the abort code, which goes on to \slow. */
.macro SECTION_END name, slow
        .pushsection __rseq_cs, "aw"
        .balign 32
.Ldescriptor_\name:
        .long   0, 0                                    /* version, flags */
        .quad   .Lstart_\name
        .quad   .Lcommit_\name - .Lstart_\name
        .quad   .Labort_\name
        .popsection
        .pushsection __rseq_cs_ptr_array, "aw"
        .quad   .Ldescriptor_\name
        .popsection
        .pushsection .text.nm_abort, "ax"
        .byte   0x0f, 0xb9, 0x3d                        /* ud1: the signature reads as its displacement */
        .long   RSEQ_SIGNATURE
        .type   nm_abort_\name, @function
nm_abort_\name:
        .cfi_startproc
.Labort_\name:
        jmp     \slow
        .cfi_endproc
        .size   nm_abort_\name, . - nm_abort_\name
        .popsection
.endm

/* Tells debuggers where a section is left other than by its end: (address of the branch). */
.macro EXIT_POINT name, label
        .pushsection __rseq_exit_point_array, "aw"
        .quad   .Lstart_\name, \label
        .popsection
.endm

        .text

/*
 * void *nm_pop(size_t size, size_t class, int on_failure): takes an object of the class; when there is none, goes on to
 * nm_pop_empty(size, class, on_failure).
 *
 * Each counts its bytes off this thread's countdown. The one with which that runs out goes on to nm_pop_due instead, with the same arguments,
 * which looks at the clock and comes again. No other thread sees the countdown, so that it may change before the commit: what was counted by
 * a section that was left is counted, and asked for again only by nm_pop_due and a debugger's user.
 */
FUNCTION nm_pop
        SECTION_BEGIN nm_pop
        sub     %rdi, %fs:THREAD_COUNTDOWN(%r9)
.Lexit_nm_pop:
        js      nm_pop_due
        LOAD_SLAB %r10
        lea     (%r10,%rsi,8), %r8
        mov     (%r8), %ecx                             /* current */
        lea     (%r10,%rcx), %r9
        mov     -8(%r9), %rax                           /* the topmost object, or zero */
        test    %rax, %rax
.Lexit2_nm_pop:
        jz      nm_pop_empty
        sub     $8, %ecx
        mov     %ecx, (%r8)
.Lcommit_nm_pop:
        ret
        EXIT_POINT nm_pop, .Lexit_nm_pop
        EXIT_POINT nm_pop, .Lexit2_nm_pop
        SECTION_END nm_pop, nm_pop_empty
FUNCTION_END nm_pop

/*
 * void nm_push(void *object, size_t class): gives an object; when there is no room, or it is the topmost object already, goes on
 * to nm_push_full(object, class).
 */
FUNCTION nm_push
        SECTION_BEGIN nm_push
        LOAD_SLAB %rdx
        lea     (%rdx,%rsi,8), %r8
        mov     (%r8), %ecx                             /* current; both halves at once would wait for its last store */
        cmp     4(%r8), %ecx                            /* end */
.Lexit_nm_push:
        jae     nm_push_full
        add     %rcx, %rdx
        cmp     %rdi, -8(%rdx)                          /* the topmost object: freed twice in a row */
.Lexit2_nm_push:
        je      nm_push_full
        mov     %rdi, (%rdx)                            /* not visible until current is past it */
        add     $8, %ecx
        mov     %ecx, (%r8)
.Lcommit_nm_push:
        ret
        EXIT_POINT nm_push, .Lexit_nm_push
        EXIT_POINT nm_push, .Lexit2_nm_push
        SECTION_END nm_push, nm_push_full
FUNCTION_END nm_push

/*
 * int nm_pop_batch(Slab *slab, size_t class, void **objects, int count): takes up to count objects from the slab if
 * it is this CPU's; returns how many, or -1 if it is not,
 * or the thread was interrupted.
 */
FUNCTION nm_pop_batch
        SECTION_BEGIN nm_pop_batch
        LOAD_SLAB %rax
        cmp     %rax, %rdi
.Lexit_nm_pop_batch:
        jne     .Lother_slab
        mov     (%rdi,%rsi,8), %r8d
        xor     %eax, %eax
        test    %ecx, %ecx
        jle     .Llast_nm_pop_batch
.Lnext_nm_pop_batch:
        mov     -8(%rdi,%r8), %r9
        test    %r9, %r9
        jz      .Llast_nm_pop_batch
        mov     %r9, (%rdx,%rax,8)
        sub     $8, %r8d
        inc     %eax
        cmp     %ecx, %eax
        jl      .Lnext_nm_pop_batch
.Llast_nm_pop_batch:
        mov     %r8d, (%rdi,%rsi,8)
.Lcommit_nm_pop_batch:
        ret
        EXIT_POINT nm_pop_batch, .Lexit_nm_pop_batch
        SECTION_END nm_pop_batch, nm_other_slab
FUNCTION_END nm_pop_batch

/*
 * int nm_push_batch(Slab *slab, size_t class, void **objects, int count): gives the objects from the last down to the slab if it
 * is this CPU's, as many as there is room for; returns how many, or -1 if it is not,
 * or the thread was interrupted.
 */
FUNCTION nm_push_batch
        SECTION_BEGIN nm_push_batch
        LOAD_SLAB %rax
        cmp     %rax, %rdi
.Lexit_nm_push_batch:
        jne     .Lother_slab
        mov     (%rdi,%rsi,8), %r8d
        mov     4(%rdi,%rsi,8), %eax
        sub     %r8d, %eax
        shr     $3, %eax                                /* room */
        cmp     %ecx, %eax
        cmovg   %ecx, %eax
        movslq  %ecx, %rcx
        mov     %eax, %r10d
.Lnext_nm_push_batch:
        dec     %r10d                                   /* how many are left */
        js      .Llast_nm_push_batch
        mov     -8(%rdx,%rcx,8), %r9
        dec     %rcx
        mov     %r9, (%rdi,%r8)
        add     $8, %r8d
        jmp     .Lnext_nm_push_batch
.Llast_nm_push_batch:
        mov     %r8d, (%rdi,%rsi,8)
.Lcommit_nm_push_batch:
        ret
        EXIT_POINT nm_push_batch, .Lexit_nm_push_batch
        SECTION_END nm_push_batch, nm_other_slab
FUNCTION_END nm_push_batch

/*
 * int nm_swap_header(Slab *slab, size_t class, uint64 expected, uint64 desired): replaces the class's header if the
 * slab is this CPU's and the header is the expected one; returns 1 if it did, 0 if the header differs, -1 if the slab
 * does or the thread was interrupted.
 */
FUNCTION nm_swap_header
        SECTION_BEGIN nm_swap_header
        LOAD_SLAB %rax
        cmp     %rax, %rdi
.Lexit_nm_swap_header:
        jne     .Lother_slab
        xor     %eax, %eax
        cmp     %rdx, (%rdi,%rsi,8)
.Lexit2_nm_swap_header:
        jne     .Lother_header
        inc     %eax
        mov     %rcx, (%rdi,%rsi,8)
.Lcommit_nm_swap_header:
.Lother_header:
        ret
        EXIT_POINT nm_swap_header, .Lexit_nm_swap_header
        EXIT_POINT nm_swap_header, .Lexit2_nm_swap_header
        SECTION_END nm_swap_header, nm_other_slab
FUNCTION_END nm_swap_header

/* Slab *nm_own_slab(void): the slab that a sequence of this thread would find now; null for the sentinel. */
FUNCTION nm_own_slab
        mov     nm_thread@gottpoff(%rip), %r9
        LOAD_SLAB %rax
        lea     nm_sentinel_slab(%rip), %rcx
        xor     %edx, %edx
        cmp     %rcx, %rax
        cmove   %rdx, %rax
        ret
FUNCTION_END nm_own_slab

        .type   nm_other_slab, @function
nm_other_slab:
        .cfi_startproc
.Lother_slab:
        mov     $-1, %eax
        ret
        .cfi_endproc
        .size   nm_other_slab, . - nm_other_slab

/*
 * Where the sections look, as distances from nm_thread. Until Startup decides (C#, Rseq), rseq_cs and the index are
 * words of nm_thread's own, so that the first call of all finds the sentinel.
 */
        .data
        .balign 16
        .globl  nm_rseq_cs_distance, nm_index_distance
        .hidden nm_rseq_cs_distance, nm_index_distance
        .type   nm_rseq_cs_distance, @object
        .size   nm_rseq_cs_distance, 8
nm_rseq_cs_distance:
        .quad   THREAD_RSEQ_CS
        .type   nm_index_distance, @object
        .size   nm_index_distance, 8
nm_index_distance:
        .quad   THREAD_INDEX

/* All zeros: every header {0, 0}, and a zero word below it for the "object" that {0, 0} points at. */
        .bss
        .balign 64
        .zero   64
        .globl  nm_sentinel_slab
        .hidden nm_sentinel_slab
        .type   nm_sentinel_slab, @object
        .size   nm_sentinel_slab, SLAB_CLASSES * 8
nm_sentinel_slab:
        .zero   SLAB_CLASSES * 8

/* Indexed from -2 (cpu_id "registration failed") to the last CPU that Linux can have; all of it the sentinel slab. */
        .balign 64
        .zero   64
        .globl  nm_sentinel_table
        .hidden nm_sentinel_table
        .type   nm_sentinel_table, @object
        .size   nm_sentinel_table, MAX_CPUS * 8
nm_sentinel_table:
        .zero   MAX_CPUS * 8

/*
 * The names by which early users of rseq share one registration (struct rseq and its count of users, in TLS). Defined
 * weakly, never left undefined: an undefined weak TLS symbol crashes musl's loader, and gives the thread pointer itself
 * elsewhere. Whoever's definition comes first in the process is everybody's; nm_own_rseq_abi is this one.
 */
        .section .tdata, "awT", @progbits
        .balign 32
        .weak   __rseq_abi
        .type   __rseq_abi, @object
        .globl  nm_own_rseq_abi
        .hidden nm_own_rseq_abi
        .type   nm_own_rseq_abi, @object
__rseq_abi:
nm_own_rseq_abi:
        .long   0                                       /* cpu_id_start */
        .long   -1                                      /* cpu_id: RSEQ_CPU_ID_UNINITIALIZED */
        .quad   0                                       /* rseq_cs */
        .long   0, 0, 0, 0                              /* flags, node_id, mm_cid, end */
        .size   __rseq_abi, 32
        .size   nm_own_rseq_abi, 32

/* This thread's state (C#: ThreadState). Its table starts as the sentinel's. */
        .balign 16
        .globl  nm_thread
        .hidden nm_thread
        .type   nm_thread, @object
nm_thread:
        .quad   nm_sentinel_table                       /* THREAD_TABLE */
        .quad   0                                       /* THREAD_COUNTDOWN */
        .quad   0                                       /* THREAD_RSEQ_CS */
        .long   0                                       /* THREAD_INDEX */
        .long   0                                       /* THREAD_DETACHED */
        .quad   0                                       /* its own slab */
        .quad   0, 0                                    /* how far the countdown was set, and when it was looked at the clock */
        .quad   0                                       /* how it uses rseq, whether it is on a slow path */
        .quad   0                                       /* what realloc made larger last */
        .quad   0                                       /* where it stands among those on slow paths */
        .quad   0x3fffffffffffffff, 0, 0                /* how far it is to the next sample, drawn with which mean, random numbers */
        .zero   24                                      /* a misuse that it has found */
        .size   nm_thread, THREAD_SIZE
        .weak   __rseq_refcount
        .type   __rseq_refcount, @object
__rseq_refcount:
        .long   0
        .size   __rseq_refcount, 4

        .section .note.GNU-stack, "", @progbits
