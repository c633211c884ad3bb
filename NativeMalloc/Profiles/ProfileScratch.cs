using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The memory that a writer works in: profiles are written where nothing may be allocated. One piece is kept, if profiles are to be written when
/// there may be no memory any more; who finds it taken maps one.
/// </summary>
internal unsafe struct ProfileScratch
{
    /// <summary>Of them only what is used is touched.</summary>
    private const int Bytes = 1 << 20;
    internal const int BufferBytes = 16 << 10;
    private const int AddressBytes = Bytes / 2;

    private static nint s_kept;

    private byte* _start;

    /// <summary>For bytes on their way.</summary>
    internal readonly byte* Buffer => _start;

    /// <summary>For mappings.</summary>
    internal readonly byte* Mappings => _start + BufferBytes;

    internal static int MappingBytes => Bytes - BufferBytes - AddressBytes;

    /// <summary>For a set of addresses.</summary>
    internal readonly ulong* Addresses => (ulong*)(_start + Bytes - AddressBytes);

    internal static int AddressPlaces => AddressBytes / sizeof(ulong);

    /// <summary>From now on there is one.</summary>
    internal static void Keep()
    {
        if (Volatile.Read(ref s_kept) == 0)
        {
            Give(new ProfileScratch { _start = Os.Map(Bytes) });
        }
    }

    /// <summary>False if there is no memory.</summary>
    internal static bool Take(out ProfileScratch scratch)
    {
        scratch._start = (byte*)Interlocked.Exchange(ref Kept, 0);
        scratch._start = scratch._start != null ? scratch._start : Os.Map(Bytes);
        return scratch._start != null;
    }

    /// <summary>Keeps it if it is the only one.</summary>
    internal static void Give(ProfileScratch scratch)
    {
        if (scratch._start != null && Interlocked.CompareExchange(ref Kept, (long)scratch._start, 0) != 0)
        {
            Os.Unmap(scratch._start, Bytes);
        }
    }

    private static ref long Kept => ref Unsafe.As<nint, long>(ref s_kept);
}
