using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The rules that were worked out last, for all threads and without a lock: an entry's check is its key and its rule in one, so that what two
/// threads have written at once is nobody's. The key is the address and the identity of the object that it is in (<see cref="CodeObject"/>):
/// what another object has at the same address later has another.
/// </summary>
internal unsafe struct RuleCache
{
    /// <summary>64 KiB. A program's samples come from some thousand places.</summary>
    private const int Entries = 4096;

    private const int Words = Entries * 2;

    private fixed ulong _words[Words];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal FrameRule Get(ulong key)
    {
        ulong check = Volatile.Read(ref _words[PlaceOf(key)]);
        ulong rule = Volatile.Read(ref _words[PlaceOf(key) + 1]);
        return new FrameRule { Bits = (check ^ rule) == key ? rule : 0 };
    }

    internal void Put(ulong key, FrameRule rule)
    {
        _words[PlaceOf(key)] = key ^ rule.Bits;
        _words[PlaceOf(key) + 1] = rule.Bits;
    }

    // All of its bits are as good as any.
    private static int PlaceOf(ulong key) => (int)(key % Entries) * 2;
}
