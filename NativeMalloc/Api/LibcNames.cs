using System.Runtime;

namespace NativeMalloc;

/// <summary>The second names that glibc gives its malloc, for programs that wrap the first ones and call these.</summary>
internal static unsafe class LibcNames
{
    [RuntimeExport("__libc_malloc")]
    internal static void* Allocate(nuint size) => Malloc.Allocate(size);

    [RuntimeExport("__libc_free")]
    internal static void Free(void* block) => Malloc.Free(block);

    [RuntimeExport("__libc_calloc")]
    internal static void* AllocateZeroed(nuint count, nuint size) => Realloc.AllocateZeroed(count, size);

    [RuntimeExport("__libc_realloc")]
    internal static void* Resize(void* block, nuint size) => Realloc.Resize(block, size);

    [RuntimeExport("__libc_memalign")]
    internal static void* Memalign(nuint alignment, nuint size) => Aligned.Memalign(alignment, size);

    [RuntimeExport("__libc_valloc")]
    internal static void* Valloc(nuint size) => Aligned.Valloc(size);

    [RuntimeExport("__libc_pvalloc")]
    internal static void* Pvalloc(nuint size) => Aligned.Pvalloc(size);

    [RuntimeExport("__posix_memalign")]
    internal static int PosixMemalign(void** result, nuint alignment, nuint size) => Aligned.PosixMemalign(result, alignment, size);
}
