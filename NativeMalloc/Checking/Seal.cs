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

    /// <summary>2^64 divided by the golden ratio, an odd number, and its inverse modulo 2^64: a bit that changes in a product changes half of the factor.</summary>
    private const ulong Spread = 0x9e37_79b9_7f4a_7c15;
    private const ulong Inverse = 0xf1de_83e1_9937_733d;

    /// <summary>What a seal may say.</summary>
    internal enum State
    {
        /// <summary>The object has never been handed out.</summary>
        None,
        Live,
        Freed,
        Overwritten,
    }

    /// <summary>Reads the seal of a block that has <paramref name="bytes"/> bytes with it.</summary>
    internal static State Read(void* block, nuint bytes, out nuint size)
    {
        ulong seal = *Place(block, bytes);
        size = 0;
        if (seal == 0)
        {
            return State.None;
        }

        size = (nuint)(seal * Inverse ^ Where(block));
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
        *Place(block, bytes) = (size ^ Where(block)) * Spread;
    }

    /// <summary>It comes back.</summary>
    internal static void CloseFreed(void* block, nuint bytes, nuint size)
    {
        Shim.Fill(block, FreedPattern, bytes - Bytes);
        *Place(block, bytes) = (~size ^ Where(block)) * Spread;
    }

    /// <summary>The object has no seal yet, whatever its page held before.</summary>
    internal static void Remove(void* block, nuint bytes) => *Place(block, bytes) = 0;

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

    private static ulong* Place(void* block, nuint bytes) => (ulong*)((byte*)block + bytes - Bytes);

    // A neighbour's address differs from the block's by no more than a size would.
    private static ulong Where(void* block) => (ulong)block << 16;
}
