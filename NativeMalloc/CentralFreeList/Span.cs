using System.Numerics;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// A row of pages with one purpose: small objects of one class, or one large block (class 0).
/// </summary>
/// <remarks>
/// Which objects are here and which are out is kept in a bitmap beside the span, never in the objects: handing out touches no
/// object, takes them in the order of their addresses (so a span's later pages stay untouched until they are needed), and
/// an object that comes back twice is seen.
/// Invariant of a small span: the set bits of the bitmap are the objects that are here, and Out is the number of the others.
/// A small span's fields are under its central free list's lock, a large one's belong to its block's owner.
/// </remarks>
internal unsafe partial struct Span
{
    private const int MostWords = SizeClasses.MaxObjectsPerSpan / 64;

    internal nuint Start;
    internal nuint Pages;
    internal Span* Next;
    internal Span* Previous;
    internal byte SizeClass;

    /// <summary>The list that a small span is in (see <see cref="SpanRanks"/>).</summary>
    internal byte Rank;

    /// <summary>Its blocks are sealed (checking mode).</summary>
    internal bool Checked;

    /// <summary>Of the two lists of its rank it is in that of the settled.</summary>
    internal bool Settled;

    /// <summary>Objects of a small span. Of a large block, how many bytes after the span it begins (<see cref="CacheColour"/>).</summary>
    internal ushort Objects;

    /// <summary>Objects that are out. Of a remnant, pages that it still has; of a large block, bytes beyond those that were asked for.</summary>
    internal ushort Out;

    /// <summary>Few objects of it were left, and it holds objects of all classes now (see <see cref="Remnants{TSource}"/>).</summary>
    internal bool Remnant;

    /// <summary>A large block that was freed and waits for the next of its size (see <see cref="LargeCache"/>).</summary>
    internal bool Cached;

    /// <summary>A large block that lies in a mapping of its own, since the kernel moved it (see <see cref="MovedBlocks"/>).</summary>
    internal bool Moved;

    /// <summary>Which of its class's lists a small span came to (see <see cref="CentralFreeLists"/>).</summary>
    internal byte Home;

    /// <summary>With fewer objects out, a small span belongs to another list, or is not quiet any more (see <see cref="SpanRanks"/>).</summary>
    internal ushort LeastOut;

    // Which of the first sixteen objects have come back at least once, a bit for each. Of a large block, that it was handed out.
    private ushort _returned;

    // The span's metadata ends behind the words that its objects need, but for two: see BytesFor.
    private fixed ulong _here[MostWords];

    internal readonly nuint Bytes => Pages << PageMap.PageShift;

    /// <summary>Where a large block begins, and how much of it may be used: as much as was asked for, up to a cache line.</summary>
    internal readonly nuint Block => Start + Objects;

    internal readonly nuint BlockBytes => CacheColour.RoundUp(Bytes - Out);

    /// <summary>Bytes of a large block that were asked for, when it was taken or resized.</summary>
    internal nuint Asked
    {
        readonly get => (nuint)_here[0];
        set => _here[0] = value;
    }

    private readonly int Words => (Objects + 63) / 64;

    /// <summary>Bytes of metadata of a span of the class: a cache line for up to 128 objects, which nearly all have, else two.</summary>
    internal static nuint BytesFor(byte sizeClass)
    {
        const int Line = 64;
        int withoutBitmap = sizeof(Span) - MostWords * sizeof(ulong);
        return SizeClasses.ObjectsPerSpan(sizeClass) <= (Line - withoutBitmap) * 8 ? (nuint)Line : (nuint)sizeof(Span);
    }

    /// <summary>
    /// Whether a block that is out has held nothing before, so that its memory is as the page heap gave it. Its owner may ask without a lock:
    /// the answer changes only when it comes back. Of a span of more than sixteen objects not all such are known.
    /// </summary>
    internal readonly bool IsFirstUse(nuint block)
    {
        nuint number = SizeClass == 0 ? 0 : NumberOf(block - Start);
        return number < sizeof(ushort) * 8 && (_returned >> (int)number & 1) == 0;
    }

    /// <summary>A large block is handed out: it will hold something.</summary>
    internal void EndFirstUse() => _returned = 1;

    /// <summary>Readies a span for objects of its class, all of them here.</summary>
    internal void PrepareObjects()
    {
        Objects = (ushort)SizeClasses.ObjectsPerSpan(SizeClass);
        Out = 0;
        for (int word = 0; word < Words; word++)
        {
            int bits = Objects - word * 64;
            _here[word] = bits >= 64 ? ulong.MaxValue : (1UL << bits) - 1;
        }

        if (HasRoomForHoles)
        {
            _here[1] = 0;
        }
    }

    /// <summary>
    /// Takes up to <paramref name="count"/> objects, lowest address first, but before all others those that lie on no hole; returns how many.
    /// </summary>
    internal int TakeObjects(void** objects, int count)
    {
        void** next = objects;
        void** end = objects + count;
        if (Holes != 0)
        {
            TakeAmongHoles(ref next, end);
        }
        else
        {
            nuint size = SizeClasses.Size(SizeClass);
            int words = Words;
            for (int word = 0; word < words && next < end; word++)
            {
                _here[word] = TakeFrom(_here[word], Start + (nuint)word * 64 * size, size, ref next, end);
            }
        }

        int taken = (int)(next - objects);
        Out += (ushort)taken;
        return taken;
    }

    // Of objects in one word of the bitmap, the first of which begins at "start"; returns what is left of them.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong TakeFrom(ulong bits, nuint start, nuint size, ref void** objects, void** end)
    {
        void** next = objects;
        while (bits != 0 && next < end)
        {
            int first = BitOperations.TrailingZeroCount(bits);
            int row = BitOperations.TrailingZeroCount(~(bits >> first));
            row = row < end - next ? row : (int)(end - next);
            bits &= ~(ulong.MaxValue >> (64 - row) << first);
            nuint address = start + (nuint)first * size;
            for (void** rowEnd = next + row; next < rowEnd; address += size)
            {
                *next++ = (void*)address;
            }
        }

        objects = next;
        return bits;
    }

    /// <summary>The object of that number is here.</summary>
    internal bool IsHere(int number) => (_here[number / 64] & 1UL << number % 64) != 0;

    /// <summary>From now on the sets of its units say what the bitmap said.</summary>
    internal void BecomeRemnant(ulong* units)
    {
        _here[0] = (ulong)units;
        Checked = false;
        _returned = 0xffff;
        Remnant = true;
    }

    /// <summary>A remnant's used units, and behind them those at which an object begins.</summary>
    internal readonly ulong* Units => (ulong*)_here[0];

    /// <summary>The address is that of one of the objects.</summary>
    internal readonly bool IsObject(nuint address)
    {
        nuint number = NumberOf(address - Start);
        return number * SizeClasses.Size(SizeClass) == address - Start && number < Objects;
    }

    /// <summary>Where the object begins in which an address of a small span lies; 0 behind the last.</summary>
    internal readonly nuint ObjectAt(nuint address)
    {
        nuint number = SizeClasses.NumberAt(address - Start, SizeClass);
        return number < Objects ? Start + number * SizeClasses.Size(SizeClass) : 0;
    }

    /// <summary>It has small objects of the class, and of no other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly bool IsOf(nuint sizeClass) => SizeClass == sizeClass && !Remnant;

    /// <summary>
    /// Takes back the object that begins so many bytes from the start; false if none does, or it is here already. The size and its
    /// <see cref="SizeClasses.Reciprocal"/> are those of the class: many objects come one after the other.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryGive(nuint offset, nuint size, ulong reciprocal)
    {
        nuint number = (nuint)((offset * reciprocal) >> 32);
        ref ulong word = ref _here[number / 64];
        ulong bit = 1UL << (int)number;
        if (number * size != offset || number >= Objects || (word & bit) != 0)
        {
            return false;
        }

        word |= bit;
        Out--;
        _returned |= (ushort)bit;
        return true;
    }

    /// <summary>
    /// Takes back the first of two objects or more, and those after it that are each the next neighbour, upwards or downwards, and have their bits
    /// in the same word. Returns how many: none if the first is no object, or any of them is here already.
    /// </summary>
    internal nint GiveNeighbours(void** objects, nint count)
    {
        nuint address = (nuint)(*objects);
        if (!IsObject(address))
        {
            return 0;
        }

        nuint size = SizeClasses.Size(SizeClass);
        nint number = (nint)NumberOf(address - Start);
        int low = (int)(number % 64);
        bool up = (nuint)objects[1] > address;
        nint room = !up ? low + 1 : Objects - number < 64 - low ? Objects - number : 64 - low;
        room = room < count ? room : count;
        nuint step = up ? size : 0 - size;
        int given = 1;
        while (given < room && (nuint)objects[given] == (address += step))
        {
            given++;
        }

        ulong bits = ulong.MaxValue >> (64 - given) << (up ? low : low + 1 - given);
        ref ulong word = ref _here[number / 64];
        if ((word & bits) != 0)
        {
            return 0;
        }

        word |= bits;
        Out -= (ushort)given;
        _returned |= (ushort)bits;
        return given;
    }

    // Of one that begins so many bytes from the start.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly nuint NumberOf(nuint offset) => (nuint)((offset * SizeClasses.Reciprocal(SizeClass)) >> 32);
}
