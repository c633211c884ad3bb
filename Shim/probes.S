/*
 * Probes for tracers, in the form that they look for in files: SystemTap's notes (sys/sdt.h, version 3). What is told is OpenTelemetry's
 * contract for allocators: each sample, and the end of each sampled block.
 *
 * A note says where the probe is, which registers hold its arguments, and where its semaphore is: a counter, not zero while somebody has set a
 * breakpoint (uprobe) at the probe. The kernel or a debugger counts there; nothing here writes it.
 */

#include "function.h"

/* The place of a probe, its note and its semaphore. */
.macro PROBE name, arguments
.Lprobe_\name:
        nop
        .pushsection .note.stapsdt, "", @note
        .balign 4
        .long   .Lowner_end_\name - .Lowner_\name, .Lnote_end_\name - .Lnote_\name, 3
.Lowner_\name:
        .asciz  "stapsdt"
.Lowner_end_\name:
        .balign 4
.Lnote_\name:
        .quad   .Lprobe_\name, _.stapsdt.base, otel_memory_\name\()_semaphore
        .asciz  "otel_memory", "\name", "\arguments"
.Lnote_end_\name:
        .balign 4
        .popsection
        .pushsection .probes, "aw", @progbits
        .balign 2
        .hidden otel_memory_\name\()_semaphore
        .globl  otel_memory_\name\()_semaphore
        .type   otel_memory_\name\()_semaphore, @object
otel_memory_\name\()_semaphore:
        .short  0
        .size   otel_memory_\name\()_semaphore, 2
        .popsection
.endm

/*
 * By the address of this section a reader sees how far the file was moved after it was linked (prelink). A program has one, which all notes name:
 * one of its own may have come first.
 */
        .section .stapsdt.base, "aG", @progbits, .stapsdt.base, comdat
        .weak   _.stapsdt.base
        .hidden _.stapsdt.base
        .type   _.stapsdt.base, @object
_.stapsdt.base:
        .space  1
        .size   _.stapsdt.base, 1

        .text

/* void nm_probe_alloc(void *block, size_t size, size_t weight): a block that is a sample; it stands for so many bytes. */
FUNCTION nm_probe_alloc
        cmpw    $0, otel_memory_alloc_semaphore(%rip)
        je      .Lnobody_alloc
        PROBE   alloc, "8@%rdi 8@%rsi 8@%rdx"
.Lnobody_alloc:
        ret
FUNCTION_END nm_probe_alloc

/* void nm_probe_free(void *block): one that was a sample is being freed. */
FUNCTION nm_probe_free
        cmpw    $0, otel_memory_free_semaphore(%rip)
        je      .Lnobody_free
        PROBE   free, "8@%rdi"
.Lnobody_free:
        ret
FUNCTION_END nm_probe_free

/* int nm_alloc_probes(void): how many tracers want the samples. */
FUNCTION nm_alloc_probes
        movzwl  otel_memory_alloc_semaphore(%rip), %eax
        ret
FUNCTION_END nm_alloc_probes

        .section .note.GNU-stack, "", @progbits
