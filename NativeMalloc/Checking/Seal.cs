namespace NativeMalloc;

/// <summary>
/// What checking mode writes around a block's bytes, and reads again. The last eight bytes of an object, or of a large block's
/// pages, are the seal: the size that was asked for and whether the block is free, mixed with the address, so that no ordinary
/// write leaves a valid one. Between the block's bytes and the seal lies a pattern; a freed block is all pattern.
/// </summary>
internal static unsafe class Seal
{
    internal const nuint Bytes = sizeof(ulong);

    private const byte SlackPattern = 0xc5;
    private const byte FreedPattern = 0xdf;

    /// <summary>Of <see cref="Hash.Spread"/> modulo 2^64: a bit that changes in a product with that changes half of the factor.</summary>
    private const ulong Inverse = 0xf1de_83e1_9937_733d;

    /// <summary>In the place of a size: neither it nor its complement is the size of any block.</summary>
    private const ulong NoSize = 1UL << 63;

    /// <summary>What a seal may say.</summary>
    internal enum State
    {
        /// <summary>The object has never been handed out, and may hold anything.</summary>
        New,
        Live,
        Freed,

        /// <summary>What stands there is the seal of no state, zeros neither.</summary>
        Overwritten,
    }

    /// <summary>Reads the seal of a block that has <paramref name="bytes"/> bytes with it.</summary>
    internal static State Read(void* block, nuint bytes, out nuint size)
    {
        size = (nuint)(*Place(block, bytes) * Inverse ^ Where(block));
        if (size == NoSize)
        {
            return State.New;
        }

        if (size <= bytes - Bytes)
        {
            return State.Live;
        }

        size ^= ~(nuint)0;
        return size <= bytes - Bytes ? State.Freed : State.Overwritten;
    }

    /// <summary>A block of <paramref name="size"/> bytes is handed out.</summary>
    internal static void Close(void* block, nuint bytes, nuint size)
    {
        Shim.Fill((byte*)block + size, SlackPattern, bytes - Bytes - size);
        MarkLive(block, bytes, size);
    }

    /// <summary>It comes back.</summary>
    internal static void CloseFreed(void* block, nuint bytes, nuint size)
    {
        Shim.Fill(block, FreedPattern, bytes - Bytes);
        MarkFreed(block, bytes, size);
    }

    /// <summary>Its seal alone says so.</summary>
    internal static void MarkLive(void* block, nuint bytes, nuint size) => Write(block, bytes, size);

    internal static void MarkFreed(void* block, nuint bytes, nuint size) => Write(block, bytes, ~size);

    /// <summary>The object is one that nobody has had yet, whatever its page held before.</summary>
    internal static void CloseNew(void* block, nuint bytes) => Write(block, bytes, NoSize);

    /// <summary>Of so many bytes from a block's start on, those that are slack are as they were.</summary>
    internal static void MendSlack(void* block, nuint size, nuint first)
    {
        if (size < first)
        {
            Shim.Fill((byte*)block + size, SlackPattern, first - size);
        }
    }

    /// <summary>Nobody wrote between the block's bytes and the seal.</summary>
    internal static bool SlackIsWhole(void* block, nuint bytes, nuint size) =>
        IsAll((byte*)block + size, SlackPattern, bytes - Bytes - size);

    /// <summary>Nobody wrote to the block since it was freed.</summary>
    internal static bool FreedIsWhole(void* block, nuint bytes) => IsAll((byte*)block, FreedPattern, bytes - Bytes);

    private static bool IsAll(byte* from, byte pattern, nuint length)
    {
        for (nuint i = 0; i < length; i++)
        {
            if (from[i] != pattern)
            {
                return false;
            }
        }

        return true;
    }

    private static void Write(void* block, nuint bytes, ulong state) => *Place(block, bytes) = (state ^ Where(block)) * Hash.Spread;

    private static ulong* Place(void* block, nuint bytes) => (ulong*)((byte*)block + bytes - Bytes);

    // A neighbour's address differs from the block's by no more than a size would.
    private static ulong Where(void* block) => (ulong)block << 16;
}
