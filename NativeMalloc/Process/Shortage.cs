using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>What happens before a program is told that there is no memory for it.</summary>
internal static unsafe class Shortage
{
    /// <summary>More than there are addresses: who asks for that has not run out of memory.</summary>
    private const ulong Never = 1UL << 47;

    /// <summary>An allocation of that size fails: returns null, with errno ENOMEM.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void* Fail(nuint size)
    {
        Note(size);
        return Errno.Fail(Errno.NoMemory);
    }

    /// <summary>The same, where others say so.</summary>
    internal static void Note(nuint size)
    {
        if (Options.Profile && size < Never)
        {
            ProfileOccasions.NoMemory(Shim.Thread());
        }
    }
}
