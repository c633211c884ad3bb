using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>
/// The heap of another process, as its own report would show it. It runs on while it is read: what is read must add up but for a small part, or is
/// read again.
/// </summary>
internal sealed unsafe class HeapReader(TargetProcess process, Library library) : HeapView
{
    /// <summary>
    /// What is read may fail to add up by this part of what is mapped: batches that were on their way. A reading takes some microseconds, so few come
    /// to more; after so many, the last is as good as there is.
    /// </summary>
    private const nuint MendedPart = 1000;
    private const int MostTries = 10;

    /// <summary>The longest path that the kernel takes, and the longest name that is added to it (<see cref="Limits.Source"/>).</summary>
    private const int MostSourceBytes = 4096 + 32;

    private readonly HeapCopy _copy = new(process, library);
    private readonly byte[] _version = Pinned(Encoding.UTF8.GetBytes(library.Version));
    private readonly byte[] _source = Pinned(new byte[MostSourceBytes]);
    private List<HugePageUse>? _hugePages;

    internal override int Number => process.Number;

    internal TargetProcess Process => process;

    /// <summary>It added up no better in all tries.</summary>
    internal bool IsUncertain { get; private set; }

    internal override IReadOnlyList<HugePageUse> HugePages => _hugePages ??= FindHugePages();

    /// <summary>Finds the library in a process, and reads its heap.</summary>
    internal static HeapReader Of(int number)
    {
        TargetProcess process = new(number);
        HeapReader reader = new(process, Library.In(process, LoadedImage.Of(process, MemoryMap.Of(process))));
        reader.Read();
        return reader;
    }

    /// <summary>Reads all of it anew.</summary>
    internal void Read()
    {
        TargetCounts.LookAt(_copy);
        IsUncertain = true;
        for (int tries = 0; tries < MostTries && IsUncertain; tries++)
        {
            Statistics = process.Understand(ReadStatistics);
            IsUncertain = !_copy.HasAllSlabs || Statistics.Mended > Statistics.Mapped / MendedPart;
        }

        Traits = ReadTraits();
        _hugePages = null;
        library.EnsureStillThere();
    }

    internal override ClassStatistics Class(nuint sizeClass)
    {
        TargetCounts.LookAt(_copy);
        return HeapStatistics.GatherClass<TargetCounts>(sizeClass);
    }

    /// <summary>The slabs, when they were last read.</summary>
    internal List<SlabUse> Slabs()
    {
        List<SlabUse> all = [];
        for (Slab* slab = _copy.NextSlab(null); slab != null; slab = _copy.NextSlab(slab))
        {
            nuint bytes = 0;
            long calls = 0;
            for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
            {
                bytes += (nuint)Slab.CountOf(slab, sizeClass) * SizeClasses.Size(sizeClass);
                calls += slab->Underflows[sizeClass] + slab->Overflows[sizeClass];
            }

            all.Add(new SlabUse(_copy.AddressOf(slab), bytes, calls));
        }

        return all;
    }

    /// <summary>The large blocks that the program has, by the page map, as it is now.</summary>
    internal List<LargeBlock> LargeBlocks()
    {
        TargetHeap.LookAt(new PieceReader(process), (nuint)_copy.Roots.PageMap);
        List<LargeBlock> all = [];
        foreach (HugePageUse one in HugePages)
        {
            for (nuint page = 0; page < PageBits.Pages; page++)
            {
                nuint address = one.Start + (page << PageMap.PageShift);
                Span* span = TargetHeap.SpanOf(address);
                if (span == null)
                {
                    continue;
                }

                if (span->SizeClass == 0 && !span->Remnant && !span->Cached)
                {
                    all.Add(new LargeBlock(span->Block, span->BlockBytes));
                }

                page += Math.Max(span->Pages - (address - span->Start >> PageMap.PageShift), 1) - 1;
            }
        }

        return all;
    }

    private List<HugePageUse> FindHugePages()
    {
        TargetHeap.LookAt(new PieceReader(process), (nuint)_copy.Roots.PageMap);
        List<HugePageUse> all = [];
        nuint address = 0;
        for (HugePage* next; (next = TargetHeap.NextHugePage(ref address)) != null; address += PageMap.HugePageSize)
        {
            int used = Math.Clamp((int)next->UsedPages, 0, HugePageUse.Pages);
            all.Add(new HugePageUse(address, used, Math.Clamp((int)next->ReleasedPages, 0, HugePageUse.Pages - used)));
        }

        return all;
    }

    private HeapStatistics ReadStatistics()
    {
        _copy.Read();
        return HeapStatistics.Gather<TargetCounts>();
    }

    // The process cannot be asked whose malloc it uses; but who uses this one has allocated something.
    private HeapTraits ReadTraits()
    {
        Roots roots = _copy.Roots;
        SamplerControl control = process.Read<SamplerControl>((ulong)roots.SamplerControl);
        Limits limits = process.Read<Limits>((ulong)roots.Limits);
        if (limits.Source != null)
        {
            process.Fill((ulong)limits.Source, _source.AsSpan(0, MostSourceBytes));
            limits.Source = AddressOf(_source);
        }

        return new HeapTraits
        {
            Version = AddressOf(_version),
            IsActive = _copy.Pages->Mapped != 0,
            Checks = roots.Checks,
            ReleaseIsBroken = process.Read<Promise>((ulong)roots.Release) == Promise.Broken,
            FrontEnd = roots.FrontEnd,
            SampleMean = SamplerLease.IsOn(process, control) ? control.Mean : 0,
            Limits = limits,
        };
    }

    /// <summary>Text, where it does not move, and with a zero byte at its end.</summary>
    internal static byte[] Pinned(ReadOnlySpan<byte> text)
    {
        byte[] pinned = GC.AllocateArray<byte>(text.Length + 1, pinned: true);
        text.CopyTo(pinned);
        return pinned;
    }

    /// <summary>Of what is pinned, and is kept.</summary>
    internal static byte* AddressOf(byte[] pinned) => (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));
}

/// <summary>A slab by its address in the process: what it holds, and how often it came to its slow paths.</summary>
internal readonly record struct SlabUse(nuint Address, nuint Bytes, long Calls);

/// <summary>A block that is a span of its own.</summary>
internal readonly record struct LargeBlock(nuint Address, nuint Bytes);
