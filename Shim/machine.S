/* Instructions that C# has no word for: system calls, block memory, traps; and vfork. */

#include "function.h"
#include "layout.h"

        .text

/* long nm_syscall(long number, long a, long b, long c, long d, long e, long f): the kernel's result, -errno on failure. */
FUNCTION nm_syscall
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        mov     %r8, %r10
        mov     %r9, %r8
        mov     8(%rsp), %r9
        syscall
        ret
FUNCTION_END nm_syscall

/* A check of ours failed: stop on the spot. */
FUNCTION nm_trap
        ud2
FUNCTION_END nm_trap

/* void *nm_thread_pointer(void) */
FUNCTION nm_thread_pointer
        mov     %fs:0, %rax
        ret
FUNCTION_END nm_thread_pointer

/* ThreadState *nm_thread_state(void) */
FUNCTION nm_thread_state
        mov     %fs:0, %rax
        add     nm_thread@gottpoff(%rip), %rax
        ret
FUNCTION_END nm_thread_state

/* int nm_current_index(void): what the sequences would read now. */
FUNCTION nm_current_index
        mov     nm_thread@gottpoff(%rip), %rax
        add     nm_index_distance(%rip), %rax
        mov     %fs:(%rax), %eax
        ret
FUNCTION_END nm_current_index

/*
 * void nm_set_rseq_offsets(long rseq_cs, long index): offsets from the thread pointer, given once, while every thread's
 * table is still the sentinel's.
 */
FUNCTION nm_set_rseq_offsets
        mov     nm_thread@gottpoff(%rip), %rax          /* mov and add alone may be relaxed in a static link */
        sub     %rax, %rdi
        sub     %rax, %rsi
        mov     %rdi, nm_rseq_cs_distance(%rip)
        mov     %rsi, nm_index_distance(%rip)
        ret
FUNCTION_END nm_set_rseq_offsets

/* long nm_shared_rseq_abi(void), long nm_own_rseq_abi_offset(void): offsets of the area that the process calls __rseq_abi, and of ours. */
FUNCTION nm_shared_rseq_abi
        mov     __rseq_abi@gottpoff(%rip), %rax
        ret
FUNCTION_END nm_shared_rseq_abi

FUNCTION nm_own_rseq_abi_offset
        mov     nm_own_rseq_abi@gottpoff(%rip), %rax
        ret
FUNCTION_END nm_own_rseq_abi_offset

/* int *nm_rseq_refcount(void): of this thread. */
FUNCTION nm_rseq_refcount
        mov     %fs:0, %rax
        add     __rseq_refcount@gottpoff(%rip), %rax
        ret
FUNCTION_END nm_rseq_refcount

/* Stores the registers that calls keep, and rsp and rip as they are given (C#: Registers). */
#define REGISTERS_BYTES 136
.macro STORE_REGISTERS to, rsp, rip
        mov     %rbx, 24(\to)
        mov     %rbp, 48(\to)
        mov     \rsp, 56(\to)
        mov     %r12, 96(\to)
        mov     %r13, 104(\to)
        mov     %r14, 112(\to)
        mov     %r15, 120(\to)
        mov     \rip, 128(\to)
.endm

/* void nm_read_registers(Registers *to): as they are once this has returned. */
FUNCTION nm_read_registers
        mov     (%rsp), %rax
        lea     8(%rsp), %rcx
        STORE_REGISTERS %rdi, %rcx, %rax
        ret
FUNCTION_END nm_read_registers

/*
 * void *nm_pop_sample(size_t size, size_t class, int on_failure): nm_pop_sample_of, which is also given the registers of whoever called this, as
 * they will be once it returns. It is jumped to from malloc by way of nm_pop, so that no frame of the library lies between.
 */
FUNCTION nm_pop_sample
        lea     8(%rsp), %rax
        mov     (%rsp), %r8
        sub     $REGISTERS_BYTES, %rsp
        .cfi_adjust_cfa_offset REGISTERS_BYTES
        STORE_REGISTERS %rsp, %rax, %r8
        mov     %rsp, %rcx
        call    nm_pop_sample_of
        add     $REGISTERS_BYTES, %rsp
        .cfi_adjust_cfa_offset -REGISTERS_BYTES
        ret
FUNCTION_END nm_pop_sample

/* unsigned nm_exchange_mxcsr(unsigned value): how floating-point numbers are reckoned with from now on, and until now. */
FUNCTION nm_exchange_mxcsr
        stmxcsr -8(%rsp)
        mov     -8(%rsp), %eax
        mov     %edi, -8(%rsp)
        ldmxcsr -8(%rsp)
        ret
FUNCTION_END nm_exchange_mxcsr

/* void *nm_call(void *function, long a, long b, long c): function(a, b, c). */
FUNCTION nm_call
        mov     %rdi, %rax
        mov     %rsi, %rdi
        mov     %rdx, %rsi
        mov     %rcx, %rdx
        jmp     *%rax
FUNCTION_END nm_call

/*
 * int nm_start_thread_stopper(void *stopper, void *stack_end): clone; the child, in the same memory and on another stack, calls
 * nm_stop_threads(stopper) and ends. Nobody gets a signal when it does. Returns its number, or -errno.
 */
FUNCTION nm_start_thread_stopper
        mov     %rdi, %r9
        mov     $0x00800700, %edi                       /* CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED */
        xor     %edx, %edx
        xor     %r10d, %r10d
        xor     %r8d, %r8d
        mov     $56, %eax                               /* SYS_clone */
        syscall
        test    %eax, %eax
        jz      .Lthread_stopper
        ret
.Lthread_stopper:
        .cfi_undefined %rip
        xor     %ebp, %ebp
        mov     %r9, %rdi
        call    nm_stop_threads
        xor     %edi, %edi
        mov     $60, %eax                               /* SYS_exit */
        syscall
        ud2
FUNCTION_END nm_start_thread_stopper

/*
 * void nm_unload(void): goes on to nm_unload_below(stack), for which all that the callers have, also what they keep in registers, lies at and
 * above that place of the stack.
 */
FUNCTION nm_unload
        push    %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rbp, -16
        push    %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rbx, -24
        push    %r12
        .cfi_adjust_cfa_offset 8
        .cfi_offset %r12, -32
        push    %r13
        .cfi_adjust_cfa_offset 8
        .cfi_offset %r13, -40
        push    %r14
        .cfi_adjust_cfa_offset 8
        .cfi_offset %r14, -48
        push    %r15
        .cfi_adjust_cfa_offset 8
        .cfi_offset %r15, -56
        mov     %rsp, %rdi
        sub     $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    nm_unload_below
        add     $56, %rsp                               /* C# has restored the registers */
        .cfi_adjust_cfa_offset -56
        ret
FUNCTION_END nm_unload

FUNCTION nm_sentinel
        lea     nm_sentinel_slab(%rip), %rax
        ret
FUNCTION_END nm_sentinel

FUNCTION nm_sentinel_entries
        lea     nm_sentinel_table(%rip), %rax
        ret
FUNCTION_END nm_sentinel_entries

/* void nm_fill(void *to, int value, size_t length) */
FUNCTION nm_fill
        movzbl  %sil, %eax
        mov     $0x0101010101010101, %rcx
        imul    %rcx, %rax
        cmp     $16, %rdx
        jb      .Lfill_tiny
        movq    %rax, %xmm0
        punpcklqdq %xmm0, %xmm0
        cmp     $32, %rdx
        jbe     .Lfill_last
        cmp     $1024, %rdx
        jae     .Lfill_string
        lea     -32(%rdi,%rdx), %rcx                    /* what is written last may overlap the loop's */
.Lfill_next:
        movups  %xmm0, (%rdi)
        movups  %xmm0, 16(%rdi)
        add     $32, %rdi
        cmp     %rcx, %rdi
        jb      .Lfill_next
        mov     %rcx, %rdi
        mov     $32, %edx
.Lfill_last:                                            /* 16 to 32 bytes */
        movups  %xmm0, (%rdi)
        movups  %xmm0, -16(%rdi,%rdx)
        ret
.Lfill_string:
        mov     %rdx, %rcx
        rep stosb
        ret
.Lfill_tiny:
        cmp     $8, %rdx
        jb      .Lfill_less
        mov     %rax, (%rdi)
        mov     %rax, -8(%rdi,%rdx)
        ret
.Lfill_less:
        test    %rdx, %rdx
        jz      .Lfill_done
.Lfill_byte:
        mov     %al, -1(%rdi,%rdx)
        dec     %rdx
        jnz     .Lfill_byte
.Lfill_done:
        ret
FUNCTION_END nm_fill

/* void nm_move(void *to, const void *from, size_t length): the blocks may overlap. */
FUNCTION nm_move
        mov     %rdi, %rax
        sub     %rsi, %rax
        cmp     %rdx, %rax
        jb      .Lmove_down                             /* to lies inside from: copy from the end */
        cmp     $16, %rdx
        jb      .Lmove_tiny
        cmp     $1024, %rdx
        jae     .Lmove_string
        movups  -16(%rsi,%rdx), %xmm3                   /* read before the loop can overwrite it */
        cmp     $32, %rdx
        jbe     .Lmove_short
        movups  -32(%rsi,%rdx), %xmm2
        lea     -32(%rdi,%rdx), %rcx
.Lmove_next:
        movups  (%rsi), %xmm0
        movups  16(%rsi), %xmm1
        movups  %xmm0, (%rdi)
        movups  %xmm1, 16(%rdi)
        add     $32, %rsi
        add     $32, %rdi
        cmp     %rcx, %rdi
        jb      .Lmove_next
        movups  %xmm2, (%rcx)
        movups  %xmm3, 16(%rcx)
        ret
.Lmove_short:
        movups  (%rsi), %xmm0
        movups  %xmm0, (%rdi)
        movups  %xmm3, -16(%rdi,%rdx)
        ret
.Lmove_string:
        mov     %rdx, %rcx
        rep movsb
        ret
.Lmove_tiny:
        cmp     $8, %rdx
        jb      .Lmove_less
        mov     (%rsi), %rax
        mov     -8(%rsi,%rdx), %rcx
        mov     %rax, (%rdi)
        mov     %rcx, -8(%rdi,%rdx)
        ret
.Lmove_less:
        xor     %ecx, %ecx
.Lmove_byte:
        cmp     %rdx, %rcx
        jae     .Lmove_done
        mov     (%rsi,%rcx), %al
        mov     %al, (%rdi,%rcx)
        inc     %rcx
        jmp     .Lmove_byte
.Lmove_down:
        test    %rdx, %rdx
        jz      .Lmove_done
        mov     -1(%rsi,%rdx), %al
        mov     %al, -1(%rdi,%rdx)
        dec     %rdx
        jmp     .Lmove_down
.Lmove_done:
        ret
FUNCTION_END nm_move

/*
 * vfork: the child runs on this thread's TLS while the kernel has dropped its rseq registration, so that a sequence
 * of the child's would run unprotected beside the parent's other threads. The child therefore gets the sentinel
 * table, and "detached", which keeps it from attaching again; the parent takes both back. A signal handler may allocate between any
 * two of these: "detached" comes first, so that none attaches what the parent would then forget, or the child would have. The return
 * address is kept in a register, since the child returns over the stack that the parent will return over; by a jump, since what calls and
 * returns are checked by, where that is switched on (CET's shadow stack), is the parent's, too.
 */
        .globl  vfork, __vfork
        .type   vfork, @function
        .type   __vfork, @function
        .balign 16
vfork:
__vfork:
        .cfi_startproc
        pop     %rdi
        .cfi_adjust_cfa_offset -8
        .cfi_register %rip, %rdi
        mov     nm_thread@gottpoff(%rip), %r8
        mov     %fs:THREAD_DETACHED(%r8), %edx
        movl    $1, %fs:THREAD_DETACHED(%r8)
        mov     %fs:THREAD_TABLE(%r8), %rsi
        lea     nm_sentinel_table(%rip), %rax
        mov     %rax, %fs:THREAD_TABLE(%r8)
        mov     $58, %eax                               /* SYS_vfork */
        syscall
        test    %rax, %rax
        jz      .Lvfork_child
        push    %rdi
        .cfi_remember_state
        .cfi_adjust_cfa_offset 8
        .cfi_offset %rip, -8
        mov     %rsi, %fs:THREAD_TABLE(%r8)
        mov     %edx, %fs:THREAD_DETACHED(%r8)
        js      .Lvfork_failed
        ret
.Lvfork_failed:
        mov     %eax, %edi
        neg     %edi
        jmp     nm_fail_with_errno                      /* sets errno, returns -1 */
.Lvfork_child:
        .cfi_restore_state
        jmp     *%rdi
        .cfi_endproc
        .size   vfork, . - vfork
        .size   __vfork, . - __vfork

        .section .note.GNU-stack, "", @progbits
