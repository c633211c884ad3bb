using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace NativeMalloc.Inspect;

/// <summary>
/// Copies of the structures by which a process's heap counts what it has. What leads to them is read first; they themselves by one call
/// (a thousand slabs take some), in the order in which the process reads them for its own report, so that they are of nearly one moment.
/// </summary>
internal sealed unsafe class HeapCopy(TargetProcess process, Library library)
{
    /// <summary>More slabs than there can be threads: the list leads in a circle, because the memory is not what it should be.</summary>
    private const int MostSlabs = 1 << 22; // PID_MAX_LIMIT

    /// <summary>Of all that is copied: the slabs of some hundred thousand threads.</summary>
    private const int MostBytes = 1 << 30;

    private const int OtherLists = CentralFreeList<Nobody>.MostOfClass - 1;

    private readonly List<Kernel.Piece> _pieces = [];
    private byte[] _room = [];
    private byte* _memory; // of it: it does not move
    private nuint _bytes;
    private nuint[] _others = [];
    private List<nuint> _slabAddresses = [];
    private int _slabs;
    private nuint _remnants;
    private nuint _slabsAt;
    private nuint _lists;
    private nuint _transfer;
    private nuint _largeCache;
    private nuint _largeWaste;
    private nuint _pages;
    private nuint _allocated;
    private nuint _metadata;

    internal Roots Roots { get; private set; }

    /// <summary>The slabs are all that there were; not so if threads came or went while their list was gone through.</summary>
    internal bool HasAllSlabs { get; private set; }

    internal Remnants<Nobody>* Remnants => (Remnants<Nobody>*)(_memory + _remnants);

    internal PageCounts* Pages => (PageCounts*)(_memory + _pages);

    internal MetadataState* Metadata => (MetadataState*)(_memory + _metadata);

    internal LargeCacheTable* LargeCache => (LargeCacheTable*)(_memory + _largeCache);

    internal long AllocatedWithoutSlab => *(long*)(_memory + _allocated);

    internal long LargeWaste => *(long*)(_memory + _largeWaste);

    /// <summary>What the generic structures have no source of here.</summary>
    internal struct Nobody;

    /// <summary>There are transfer caches and central free lists.</summary>
    internal bool HasTiers { get; private set; }

    internal TransferCache<Nobody>* Transfer(nuint sizeClass) => (TransferCache<Nobody>*)(_memory + _transfer) + sizeClass;

    /// <summary>The class's first central free list, and where there are others, those.</summary>
    internal ReadOnlySpan<CentralFreeList<Nobody>> CentralLists(nuint sizeClass, bool others)
    {
        CentralFreeList<Nobody>* first = (CentralFreeList<Nobody>*)(_memory + _lists);
        return !others ? new(first + sizeClass, 1) : _others[sizeClass] == 0 ? [] : new(_memory + _others[sizeClass], OtherLists);
    }

    /// <summary>Goes through the slabs.</summary>
    internal Slab* NextSlab(Slab* slab)
    {
        Slab* first = (Slab*)(_memory + _slabsAt);
        Slab* next = slab == null ? first : slab + 1;
        return next < first + _slabs ? next : null;
    }

    /// <summary>Where the process has a slab that this has a copy of.</summary>
    internal nuint AddressOf(Slab* slab) => _slabAddresses[(int)(slab - (Slab*)(_memory + _slabsAt))];

    /// <summary>Reads all of it anew.</summary>
    internal void Read()
    {
        Roots = library.Roots;
        if (Roots.PageMap == null)
        {
            throw process.Refuse("has only just started: try again");
        }

        // A program without small blocks has no tiers.
        HasTiers = Roots.OtherCentralLists != null;
        List<nuint> slabs = FindSlabs();
        nuint[] others = new nuint[SizeClasses.Count];
        if (HasTiers)
        {
            process.Fill((ulong)Roots.OtherCentralLists, MemoryMarshal.AsBytes(others.AsSpan()));
        }

        _pieces.Clear();
        _bytes = 0;
        _remnants = Add((nuint)Roots.Remnants, (nuint)sizeof(Remnants<Nobody>));
        _slabs = slabs.Count;
        _slabAddresses = slabs;
        _slabsAt = _bytes;
        foreach (nuint slab in slabs)
        {
            Add(slab, (nuint)sizeof(Slab));
        }

        _lists = HasTiers ? Add((nuint)Roots.CentralLists, (nuint)(SizeClasses.Count * sizeof(CentralFreeList<Nobody>))) : 0;
        _others = [.. others.Select(lists => lists == 0 ? 0 : Add(lists, (nuint)(OtherLists * sizeof(CentralFreeList<Nobody>))))];
        _transfer = HasTiers ? Add((nuint)Roots.Transfer, (nuint)(SizeClasses.Count * sizeof(TransferCache<Nobody>))) : 0;
        _pages = Add((nuint)Roots.Pages, (nuint)sizeof(PageCounts));
        _largeCache = Add((nuint)Roots.LargeCache, (nuint)sizeof(LargeCacheTable));
        _largeWaste = Add((nuint)Roots.LargeWaste, sizeof(long));
        _allocated = Add((nuint)Roots.AllocatedWithoutSlab, sizeof(long));
        _metadata = Add((nuint)Roots.Metadata, (nuint)sizeof(MetadataState));
        if (_bytes > MostBytes)
        {
            throw process.Changed();
        }

        if ((int)_bytes > _room.Length)
        {
            _room = GC.AllocateUninitializedArray<byte>((int)_bytes, pinned: true);
            _memory = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_room));
        }

        process.ReadPieces(CollectionsMarshal.AsSpan(_pieces), _room.AsSpan(0, (int)_bytes));
    }

    // Where its copy will lie.
    private nuint Add(nuint address, nuint bytes)
    {
        _pieces.Add(new Kernel.Piece { Start = address, Length = bytes });
        nuint at = _bytes;
        _bytes += bytes;
        return at;
    }

    // The CPUs', the threads', and those that threads left.
    private List<nuint> FindSlabs()
    {
        List<nuint> slabs = [];
        if (Roots.CpuSlabs != null)
        {
            nuint[] all = new nuint[Roots.CpuSlabsBound is >= 0 and < MostSlabs ? Roots.CpuSlabsBound : throw process.Changed()];
            process.Fill((ulong)Roots.CpuSlabs, MemoryMarshal.AsBytes(all.AsSpan()));
            slabs.AddRange(all.Where(slab => slab != 0));
        }

        ThreadSlabLists lists = process.Read<ThreadSlabLists>((ulong)Roots.ThreadSlabs);
        int before = slabs.Count;
        AddList(slabs, lists.InUse);
        HasAllSlabs = slabs.Count - before == lists.Threads;
        AddList(slabs, lists.LeftOver);
        return slabs;
    }

    private void AddList(List<nuint> slabs, Slab* first)
    {
        Unsafe.SkipInit(out Slab slab);
        ulong next = (ulong)((byte*)&slab.Next - (byte*)&slab);
        for (nuint at = (nuint)first; at != 0; at = process.Read<nuint>(at + next))
        {
            slabs.Add(at);
            _ = slabs.Count < MostSlabs ? 0 : throw process.Changed();
        }
    }
}
