using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Every function that the library imports: the assembly and C of Shim/. Nothing else in the project crosses this line.
/// </summary>
internal static unsafe class Shim
{
    private const MethodImplOptions Call = MethodImplOptions.InternalCall;

    // --- rseq.S: the restartable sequences on this CPU's slab ---

    /// <summary>
    /// Takes an object of the class from this CPU's slab, or goes on to <see cref="CpuCache.PopEmpty"/>, which sees the rest. The one with which
    /// the thread's countdown runs out, to <see cref="Intercept.PopDue"/>.
    /// </summary>
    [RuntimeImport("*", "nm_pop")]
    [MethodImpl(Call)]
    internal static extern void* Pop(nuint size, nuint sizeClass, OnFailure failure);

    /// <summary>Gives an object to this CPU's slab, or goes on to <see cref="Intercept.PushFull"/>.</summary>
    [RuntimeImport("*", "nm_push")]
    [MethodImpl(Call)]
    internal static extern void Push(void* block, nuint sizeClass);

    /// <summary>Takes up to <paramref name="count"/> objects, the topmost first; how many, or -1 if the slab is not this CPU's, or the thread was interrupted.</summary>
    [RuntimeImport("*", "nm_pop_batch")]
    [MethodImpl(Call)]
    internal static extern int PopBatch(Slab* slab, nuint sizeClass, void** objects, int count);

    /// <summary>Gives the objects from the last down, as many as there is room for; how many, or -1 if the slab is not this CPU's, or the thread was interrupted.</summary>
    [RuntimeImport("*", "nm_push_batch")]
    [MethodImpl(Call)]
    internal static extern int PushBatch(Slab* slab, nuint sizeClass, void** objects, int count);

    /// <summary>Replaces a class's header: 1 done, 0 the header is not the expected one, -1 the slab is not this CPU's.</summary>
    [RuntimeImport("*", "nm_swap_header")]
    [MethodImpl(Call)]
    internal static extern int SwapHeader(Slab* slab, nuint sizeClass, ulong expected, ulong desired);

    /// <summary>The slab that this thread's sequences find at the moment; null for the sentinel.</summary>
    [RuntimeImport("*", "nm_own_slab")]
    [MethodImpl(Call)]
    internal static extern Slab* OwnSlab();

    /// <summary>Where the sequences look for rseq_cs and the index: bytes from the thread pointer.</summary>
    [RuntimeImport("*", "nm_set_rseq_offsets")]
    [MethodImpl(Call)]
    internal static extern void SetRseqOffsets(nint rseqCs, nint index);

    [RuntimeImport("*", "nm_sentinel")]
    [MethodImpl(Call)]
    internal static extern Slab* SentinelSlab();

    [RuntimeImport("*", "nm_sentinel_entries")]
    [MethodImpl(Call)]
    internal static extern nint* SentinelTable();

    // --- machine.S ---

    [RuntimeImport("*", "nm_syscall")]
    [MethodImpl(Call)]
    internal static extern nint SystemCall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);

    [RuntimeImport("*", "nm_thread_pointer")]
    [MethodImpl(Call)]
    internal static extern byte* ThreadPointer();

    [RuntimeImport("*", "nm_thread_state")]
    [MethodImpl(Call)]
    internal static extern ThreadState* Thread();

    /// <summary>The value of the index field that the sequences read, for this thread, now.</summary>
    [RuntimeImport("*", "nm_current_index")]
    [MethodImpl(Call)]
    internal static extern int CurrentIndex();

    [RuntimeImport("*", "nm_fill")]
    [MethodImpl(Call)]
    internal static extern void Fill(void* to, int value, nuint length);

    [RuntimeImport("*", "nm_move")]
    [MethodImpl(Call)]
    internal static extern void Move(void* to, void* from, nuint length);

    /// <summary>The registers that calls keep, the stack pointer and the instruction pointer, as they are once this has returned.</summary>
    [RuntimeImport("*", "nm_read_registers")]
    [MethodImpl(Call)]
    internal static extern void ReadRegisters(Registers* registers);

    /// <summary><see cref="Intercept.PopSample"/> with the registers of this one's caller.</summary>
    [RuntimeImport("*", "nm_pop_sample")]
    [MethodImpl(Call)]
    internal static extern void* PopSample(nuint size, nuint sizeClass, OnFailure failure);

    /// <summary>Sets this thread's control and status of floating-point numbers (MXCSR); returns what it was.</summary>
    [RuntimeImport("*", "nm_exchange_mxcsr")]
    [MethodImpl(Call)]
    internal static extern uint ExchangeMxcsr(uint value);

    /// <summary>Starts <see cref="ThreadStopper.Run"/> as a process of its own, in this one's memory; its number, or a negative errno.</summary>
    [RuntimeImport("*", "nm_start_thread_stopper")]
    [MethodImpl(Call)]
    internal static extern int StartThreadStopper(ThreadStopper* stopper, void* stackEnd);

    /// <summary>Calls a C function.</summary>
    [RuntimeImport("*", "nm_call")]
    [MethodImpl(Call)]
    internal static extern void* Invoke(void* function, nuint a, nuint b, nuint c);

    // --- probes.S ---

    /// <summary>Tells tracers, where there are any, that a block is a sample, how much was asked for, and how many bytes it stands for.</summary>
    [RuntimeImport("*", "nm_probe_alloc")]
    [MethodImpl(Call)]
    internal static extern void ProbeAlloc(void* block, nuint size, nuint weight);

    /// <summary>Tells them that a block which was a sample is being freed.</summary>
    [RuntimeImport("*", "nm_probe_free")]
    [MethodImpl(Call)]
    internal static extern void ProbeFree(void* block);

    /// <summary>How many tracers want to be told of samples.</summary>
    [RuntimeImport("*", "nm_alloc_probes")]
    [MethodImpl(Call)]
    internal static extern int AllocProbes();

    // --- operators.c ---

    [RuntimeImport("*", "nm_operators_in_use")]
    [MethodImpl(Call)]
    internal static extern Operators* Operators();

    /// <summary>1: the program or another library brought a basic operator of its own.</summary>
    [RuntimeImport("*", "nm_operators_are_replaced")]
    [MethodImpl(Call)]
    internal static extern int OperatorsAreReplaced();

    /// <summary>Null in the shared library.</summary>
    [RuntimeImport("*", "nm_static_cxx_runtime")]
    [MethodImpl(Call)]
    internal static extern StaticCxxRuntime* StaticCxxRuntime();

    /// <summary>dl_iterate_phdr: all loaded objects in the order in which they were loaded, until the function gives another number than 0.</summary>
    [RuntimeImport("*", "nm_each_object")]
    [MethodImpl(Call)]
    internal static extern void EachObject(delegate*<LoadedObject*, nuint, void*, int> look, void* data);

    /// <summary>_dl_find_object: the loaded object that the address is in; not 0 if there is none, or <see cref="FoundObject.NobodyKnows"/>.</summary>
    [RuntimeImport("*", "nm_find_object")]
    [MethodImpl(Call)]
    internal static extern int FindObject(void* address, FoundObject* found);

    // --- libc.c ---

    /// <summary>1: the address is in this library's C#.</summary>
    [RuntimeImport("*", "nm_is_own_function")]
    [MethodImpl(Call)]
    internal static extern int IsOwnFunction(void* address);

    /// <summary>A function of the libc that the library uses; null if that is not known.</summary>
    [RuntimeImport("*", "nm_libc_function")]
    [MethodImpl(Call)]
    internal static extern void* LibcFunction();

    [RuntimeImport("*", "nm_set_errno")]
    [MethodImpl(Call)]
    internal static extern void SetErrno(int value);

    [RuntimeImport("*", "nm_environ")]
    [MethodImpl(Call)]
    internal static extern byte** Environment();

    [RuntimeImport("*", "nm_auxiliary_value")]
    [MethodImpl(Call)]
    internal static extern nuint AuxiliaryValue(nuint type);

    /// <summary>Bytes of the rseq area that glibc registers for each thread, 0 if it does not, and its offset.</summary>
    [RuntimeImport("*", "nm_glibc_rseq")]
    [MethodImpl(Call)]
    internal static extern uint GlibcRseq(nint* offset);

    /// <summary>Offsets from the thread pointer: of the area that the process calls __rseq_abi, and of the one defined here.</summary>
    [RuntimeImport("*", "nm_shared_rseq_abi")]
    [MethodImpl(Call)]
    internal static extern nint SharedRseqArea();

    [RuntimeImport("*", "nm_own_rseq_abi_offset")]
    [MethodImpl(Call)]
    internal static extern nint OwnRseqArea();

    /// <summary>The calling thread's __rseq_refcount.</summary>
    [RuntimeImport("*", "nm_rseq_refcount")]
    [MethodImpl(Call)]
    internal static extern int* RseqRefcount();

    /// <summary>Not 0: another library registers rseq for all threads (__rseq_handled).</summary>
    [RuntimeImport("*", "nm_rseq_is_handled")]
    [MethodImpl(Call)]
    internal static extern int RseqIsHandled();

    /// <summary>1: there is no other thread, as far as libc knows.</summary>
    [RuntimeImport("*", "nm_is_single_threaded")]
    [MethodImpl(Call)]
    internal static extern int IsSingleThreaded();

    /// <summary>Starts <see cref="ReleaseThread.Run"/>; not 0 where libc cannot do that.</summary>
    [RuntimeImport("*", "nm_start_release_thread")]
    [MethodImpl(Call)]
    internal static extern int StartReleaseThread();

    /// <summary>What the names malloc and free lead to, by which the dynamic linker found them.</summary>
    [RuntimeImport("*", "nm_bound_malloc")]
    [MethodImpl(Call)]
    internal static extern void* BoundMalloc();

    [RuntimeImport("*", "nm_bound_realloc")]
    [MethodImpl(Call)]
    internal static extern void* BoundRealloc();

    [RuntimeImport("*", "nm_bound_free")]
    [MethodImpl(Call)]
    internal static extern void* BoundFree();

    /// <summary>Readies <see cref="AtThreadExit"/>; 0 where it cannot be had.</summary>
    [RuntimeImport("*", "nm_prepare_thread_exits")]
    [MethodImpl(Call)]
    internal static extern int PrepareThreadExits();

    /// <summary>Has <see cref="FrontEnd.Detach"/> called when the thread ends.</summary>
    [RuntimeImport("*", "nm_at_thread_exit")]
    [MethodImpl(Call)]
    internal static extern void AtThreadExit(ThreadState* thread);

    [RuntimeImport("*", "nm_stream_write")]
    [MethodImpl(Call)]
    internal static extern int StreamWrite(void* stream, byte* text, nuint length);

    /// <summary>Ends the process from a destructor, as exit would, with another code.</summary>
    [RuntimeImport("*", "nm_end")]
    [MethodImpl(Call)]
    internal static extern void End(int code);

    [RuntimeImport("*", "nm_abort")]
    [MethodImpl(Call)]
    internal static extern void Abort();

    // --- version.c ---

    /// <summary>The library's version, as text and as NATIVEMALLOC_VERSION_NUMBER.</summary>
    [RuntimeImport("*", "nm_version")]
    [MethodImpl(Call)]
    internal static extern byte* Version();

    [RuntimeImport("*", "nm_version_number")]
    [MethodImpl(Call)]
    internal static extern uint VersionNumber();
}
