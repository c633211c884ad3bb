using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>
/// A process's heap, for <see cref="Pins{THeap}"/>: copies of the structures that are asked for, of one process at a time. It goes on while it is read;
/// what was half written at that moment is as good as not there.
/// </summary>
internal readonly unsafe struct TargetHeap : IPinnedHeap
{
    private static readonly Span* s_span = (Span*)NativeMemory.AllocZeroed((nuint)sizeof(Span));
    private static readonly HugePage* s_hugePage = (HugePage*)NativeMemory.AllocZeroed((nuint)sizeof(HugePage));
    private static readonly ulong* s_units = (ulong*)NativeMemory.AllocZeroed(UnitBytes(SizeClasses.MaxPagesPerSpan));

    private static PieceReader? s_memory;
    private static nuint s_root;

    internal static void LookAt(PieceReader memory, nuint pageMap)
    {
        s_memory = memory;
        s_root = pageMap;
    }

    public static Span* SpanOf(nuint address)
    {
        nuint leaf = LeafOf(address);
        nuint span = leaf != 0 ? WordAt(leaf + PageMap.PlaceOfSpan(address)) : 0;
        if (span == 0)
        {
            return null;
        }

        Copy(span, s_span, sizeof(Span));
        return IsWhole(s_span, address) ? s_span : null;
    }

    public static ulong* UnitsOf(Span* remnant)
    {
        Copy((nuint)remnant->Units, s_units, (int)UnitBytes(remnant->Pages));
        return s_units;
    }

    public static HugePage* HugePageOf(nuint address)
    {
        nuint leaf = LeafOf(address);
        nuint hugePage = leaf != 0 ? WordAt(leaf + PageMap.PlaceOfHugePage(address)) : 0;
        if (hugePage == 0)
        {
            return null;
        }

        Copy(hugePage, s_hugePage, sizeof(HugePage));
        return s_hugePage;
    }

    public static HugePage* NextHugePage(ref nuint address)
    {
        for (; address < PageMap.MostHugePages << PageMap.HugePageShift; address += PageMap.HugePageSize)
        {
            if (LeafOf(address) == 0)
            {
                address |= PageMap.LeafBytes - PageMap.HugePageSize; // the last that it would have
            }
            else if (HugePageOf(address) is var hugePage && hugePage != null)
            {
                return hugePage;
            }
        }

        return null;
    }

    // Nobody can be kept from changing it.
    public static void Enter(Span* span)
    {
    }

    public static void Leave(Span* span)
    {
    }

    public static void EnterPages()
    {
    }

    public static void LeavePages()
    {
    }

    // The leaf of an address; 0 if it has none.
    private static nuint LeafOf(nuint address) => WordAt(s_root + PageMap.PlaceOfLeaf(address)) is var distance and not 0 ? s_root + distance : 0;

    private static bool IsWhole(Span* span, nuint address) =>
        address - span->Start < span->Bytes
        && span->SizeClass < SizeClasses.Count
        && (span->SizeClass == 0
            ? !span->Remnant
            : span->Pages == SizeClasses.PagesPerSpan(span->SizeClass) && (span->Remnant || span->Objects == SizeClasses.ObjectsPerSpan(span->SizeClass)));

    private static nuint UnitBytes(nuint pages) => 2 * pages * RemnantUnits.PerPage / 8;

    private static nuint WordAt(nuint address) => MemoryMarshal.Read<nuint>(s_memory!.At(address, sizeof(nuint)));

    private static void Copy(nuint address, void* to, int bytes) => s_memory!.At(address, bytes).CopyTo(new Span<byte>(to, bytes));
}
