using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// C++'s operators new and delete, all twenty. C++ lets a program replace some and expects the library's others to call those
/// (new[] calls new, sized delete calls delete, and so on); where it has, the others do. What allocates nothing and yet must
/// not return null calls the new_handler and throws: see <see cref="CxxRuntime"/>. The runtime's aligned operators round the size up to the
/// alignment, though, and what no block can have would wrap around to little: that goes to those that do not round.
/// Beside them, the four that say how much room the block has (P0901, by the names that tcmalloc gave them and LLVM knows).
/// </summary>
internal static unsafe class OperatorNew
{
    // False until it has been found out.
    private static bool s_areOurs;

    // Those that the process uses, if any basic one is not ours; else all null.
    private static Operators s_replacements;

    // Then the C++ runtime's, which call those, and catch; null while there is no runtime.
    private static NoThrowOperators s_noThrow;

    private static bool AreReplaced => !s_areOurs && FindReplacements();

    private static ReadOnlySpan<byte> NoThrow => "_ZnwmRKSt9nothrow_t"u8;

    private static ReadOnlySpan<byte> ArrayNoThrow => "_ZnamRKSt9nothrow_t"u8;

    private static ReadOnlySpan<byte> AlignedNoThrow => "_ZnwmSt11align_val_tRKSt9nothrow_t"u8;

    private static ReadOnlySpan<byte> ArrayAlignedNoThrow => "_ZnamSt11align_val_tRKSt9nothrow_t"u8;

    /// <summary>
    /// Sees which operators the process uses, and returns whether any are not ours. At the latest with the first allocation, which may be of a constructor
    /// that comes before this library's; delete then knows.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static bool FindReplacements()
    {
        if (Shim.OperatorsAreReplaced() != 0)
        {
            s_replacements = *Shim.Operators();
            return true;
        }

        s_areOurs = true;
        return false;
    }

    /// <summary>When the library is loaded: at their first use a forked child may have to do without the dynamic linker's lock.</summary>
    internal static void FindNoThrow()
    {
        if (AreReplaced)
        {
            s_noThrow.New = CxxRuntime.Find(NoThrow);
            s_noThrow.NewArray = CxxRuntime.Find(ArrayNoThrow);
            s_noThrow.NewAligned = CxxRuntime.Find(AlignedNoThrow);
            s_noThrow.NewArrayAligned = CxxRuntime.Find(ArrayAlignedNoThrow);
        }
    }

    // --- new ---

    [RuntimeExport("_Znwm")]
    internal static void* New(nuint size) => Malloc.Take(size, OnFailure.Throw);

    [RuntimeExport("_Znam")]
    internal static void* NewArray(nuint size) => s_areOurs ? Malloc.Take(size, OnFailure.Throw) : NewArrayOfOthers(size);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void* NewArrayOfOthers(nuint size) => FindReplacements() ? Shim.Invoke(s_replacements.New, size, 0, 0) : New(size);

    [RuntimeExport("_ZnwmSt11align_val_t")]
    internal static void* NewAligned(nuint size, nuint alignment)
    {
        void* block = Aligned.Allocate(size, alignment, OnFailure.ReturnNull);
        return block != null ? block : CxxRuntime.Throw(size, alignment);
    }

    [RuntimeExport("_ZnamSt11align_val_t")]
    internal static void* NewArrayAligned(nuint size, nuint alignment) =>
        AreReplaced ? Shim.Invoke(s_replacements.NewAligned, size, alignment, 0) : NewAligned(size, alignment);

    [RuntimeExport("_ZnwmRKSt9nothrow_t")]
    internal static void* NewNoThrow(nuint size, void* tag)
    {
        if (AreReplaced)
        {
            return InvokeNoThrow(s_noThrow.New, NoThrow, s_replacements.New, size, (nuint)tag, 0);
        }

        void* block = Malloc.Allocate(size);
        return block != null ? block : CxxRuntime.ReturnNull(NoThrow, size, (nuint)tag, 0);
    }

    [RuntimeExport("_ZnamRKSt9nothrow_t")]
    internal static void* NewArrayNoThrow(nuint size, void* tag)
    {
        if (AreReplaced)
        {
            return InvokeNoThrow(s_noThrow.NewArray, ArrayNoThrow, s_replacements.NewArray, size, (nuint)tag, 0);
        }

        void* block = Malloc.Allocate(size);
        return block != null ? block : CxxRuntime.ReturnNull(ArrayNoThrow, size, (nuint)tag, 0);
    }

    [RuntimeExport("_ZnwmSt11align_val_tRKSt9nothrow_t")]
    internal static void* NewAlignedNoThrow(nuint size, nuint alignment, void* tag)
    {
        if (AreReplaced)
        {
            return InvokeNoThrow(s_noThrow.NewAligned, AlignedNoThrow, s_replacements.NewAligned, size, alignment, (nuint)tag);
        }

        void* block = Aligned.Allocate(size, alignment, OnFailure.ReturnNull);
        return block != null ? block
            : size > LargeBlocks.MaxSize ? NewNoThrow(size, tag)
            : CxxRuntime.ReturnNull(AlignedNoThrow, size, alignment, (nuint)tag);
    }

    [RuntimeExport("_ZnamSt11align_val_tRKSt9nothrow_t")]
    internal static void* NewArrayAlignedNoThrow(nuint size, nuint alignment, void* tag)
    {
        if (AreReplaced)
        {
            return InvokeNoThrow(s_noThrow.NewArrayAligned, ArrayAlignedNoThrow, s_replacements.NewArrayAligned, size, alignment, (nuint)tag);
        }

        void* block = Aligned.Allocate(size, alignment, OnFailure.ReturnNull);
        return block != null ? block
            : size > LargeBlocks.MaxSize ? NewArrayNoThrow(size, tag)
            : CxxRuntime.ReturnNull(ArrayAlignedNoThrow, size, alignment, (nuint)tag);
    }

    // The runtime's, if there is one, which catches what the replacement throws. Who links a runtime statically has none that can be found.
    private static void* InvokeNoThrow(void* runtimes, ReadOnlySpan<byte> name, void* replacement, nuint size, nuint second, nuint third)
    {
        void* own = runtimes != null ? runtimes : CxxRuntime.Find(name);
        return Shim.Invoke(own != null ? own : replacement, size, second, third);
    }

    // --- new that returns the size ---

    [RuntimeExport("__size_returning_new")]
    internal static SizedPointer NewReturningSize(nuint size) => AreReplaced
        ? new SizedPointer { Pointer = Shim.Invoke(s_replacements.New, size, 0, 0), Size = size }
        : new SizedPointer { Pointer = New(size), Size = Aligned.RoomFor(1, size) };

    [RuntimeExport("__size_returning_new_aligned")]
    internal static SizedPointer NewAlignedReturningSize(nuint size, nuint alignment) => AreReplaced
        ? new SizedPointer { Pointer = Shim.Invoke(s_replacements.NewAligned, size, alignment, 0), Size = size }
        : new SizedPointer { Pointer = NewAligned(size, alignment), Size = Aligned.RoomFor(alignment, size) };

    // How often the memory will be used, by LLVM's estimate, makes no difference here.
    [RuntimeExport("__size_returning_new_hot_cold")]
    internal static SizedPointer NewReturningSizeByUse(nuint size, byte use) => NewReturningSize(size);

    [RuntimeExport("__size_returning_new_aligned_hot_cold")]
    internal static SizedPointer NewAlignedReturningSizeByUse(nuint size, nuint alignment, byte use) => NewAlignedReturningSize(size, alignment);

    // --- delete ---

    [RuntimeExport("_ZdlPv")]
    internal static void Delete(void* block) => Malloc.Free(block);

    [RuntimeExport("_ZdaPv")]
    internal static void DeleteArray(void* block) => DeleteAs(block, 0, s_replacements.Delete);

    [RuntimeExport("_ZdlPvRKSt9nothrow_t")]
    internal static void DeleteNoThrow(void* block, void* tag) => DeleteAs(block, 0, s_replacements.Delete);

    [RuntimeExport("_ZdaPvRKSt9nothrow_t")]
    internal static void DeleteArrayNoThrow(void* block, void* tag) => DeleteAs(block, 0, s_replacements.DeleteArray);

    [RuntimeExport("_ZdlPvm")]
    internal static void DeleteSized(void* block, nuint size) => DeleteSizedAs(block, size, s_replacements.Delete);

    [RuntimeExport("_ZdaPvm")]
    internal static void DeleteArraySized(void* block, nuint size) => DeleteSizedAs(block, size, s_replacements.DeleteArray);

    [RuntimeExport("_ZdlPvSt11align_val_t")]
    internal static void DeleteAligned(void* block, nuint alignment) => Malloc.Free(block);

    [RuntimeExport("_ZdaPvSt11align_val_t")]
    internal static void DeleteArrayAligned(void* block, nuint alignment) =>
        DeleteAs(block, alignment, s_replacements.DeleteAligned);

    [RuntimeExport("_ZdlPvmSt11align_val_t")]
    internal static void DeleteSizedAligned(void* block, nuint size, nuint alignment) =>
        DeleteSizedSpecially(block, size, alignment, s_replacements.DeleteAligned);

    [RuntimeExport("_ZdaPvmSt11align_val_t")]
    internal static void DeleteArraySizedAligned(void* block, nuint size, nuint alignment) =>
        DeleteSizedSpecially(block, size, alignment, s_replacements.DeleteArrayAligned);

    [RuntimeExport("_ZdlPvSt11align_val_tRKSt9nothrow_t")]
    internal static void DeleteAlignedNoThrow(void* block, nuint alignment, void* tag) =>
        DeleteAs(block, alignment, s_replacements.DeleteAligned);

    [RuntimeExport("_ZdaPvSt11align_val_tRKSt9nothrow_t")]
    internal static void DeleteArrayAlignedNoThrow(void* block, nuint alignment, void* tag) =>
        DeleteAs(block, alignment, s_replacements.DeleteArrayAligned);

    // A replacement that takes no alignment does not look at it.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DeleteAs(void* block, nuint alignment, void* replacement)
    {
        if (replacement != null)
        {
            Shim.Invoke(replacement, (nuint)block, alignment, 0);
            return;
        }

        Malloc.Free(block);
    }

    // The size says the class, without a look at the page map, unless that decides; that of a null block must not be believed.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void DeleteSizedAs(void* block, nuint size, void* replacement)
    {
        if (size > SizeClasses.MaxFineSize || replacement != null || Heap.MustAskPageMap || block == null)
        {
            DeleteSizedSpecially(block, size, 0, replacement);
            return;
        }

        Shim.Push(block, SizeClasses.OfFine(size));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DeleteSizedSpecially(void* block, nuint size, nuint alignment, void* replacement)
    {
        if (replacement == null && Options.Check)
        {
            CpuCache.FreeChecked(block, size, CxxRuntime.SizeAskedFor(size, alignment));
            return;
        }

        nuint sizeClass = SizeClasses.Of(size);
        if (replacement == null && alignment == 0 && block != null && sizeClass != 0 && Heap.ClassOf(block) != sizeClass)
        {
            Shim.Push(block, sizeClass); // it is told of as ever
            return;
        }

        DeleteAs(block, alignment, replacement);
    }
}
