using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// What is known about an address: the size class of its page, its span, its huge page. It answers for every address,
/// ours or not.
/// </summary>
/// <remarks>
/// Two levels: a root entry for each GiB of the 47-bit user address space (1 MiB of .bss, touched where there is heap),
/// then a leaf with one byte a page. A free therefore finds its class with two dependent loads. Root entries are distances
/// from a leaf without anything in it, so that zero, where there is no heap, needs no test.
/// A page's class and span are written by whoever owns the span, before any of its objects is handed out.
/// </remarks>
internal static unsafe partial class PageMap
{
    private static Root s_root;

    // Entries in use are the first of these or more, and less than the end: who looks through all of them touches no others, which would be a MiB.
    private static int s_firstLeaf;
    private static int s_endOfLeaves;

    /// <summary>
    /// The class of the small blocks on the address's page; 0 for large blocks, for memory that is not ours, and for addresses
    /// that are not aligned as every block is.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint ClassOf(nuint address) => MayBeBlock(address, out nuint turned, out nuint entry) ? ClassOf(turned, entry) : 0;

    /// <summary>Whether an address is one that programs have, and aligned as every block is; and with what to ask for its class.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool MayBeBlock(nuint address, out nuint turned, out nuint entry)
    {
        turned = (address >> AlignmentBits) | (address << (64 - AlignmentBits)); // one that is not aligned is above all others
        entry = turned >> (LeafShift - AlignmentBits);
        return entry < RootEntries;
    }

    /// <summary><see cref="ClassOf(nuint)"/> of an address that <see cref="MayBeBlock"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static nuint ClassOf(nuint turned, nuint entry)
    {
        Root* root = RootPointer;
        byte* classes = (byte*)root + root->Leaves[entry];
        return classes[(turned >> (PageShift - AlignmentBits)) % LeafPages];
    }

    /// <summary>The address is aligned as every block is.</summary>
    internal static bool IsAligned(nuint address) => address % (1 << AlignmentBits) == 0;

    /// <summary>
    /// The span of a small block's page, or of a large block's first page; null for any other address.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Span* SpanOf(nuint address) => (Span*)LeafOf(address)->Spans[PageOf(address)];

    /// <summary>The tracker of the address's huge page, or null.</summary>
    internal static HugePage* HugePageOf(nuint address) => (HugePage*)LeafOf(address)->HugePages[(address >> HugePageShift) % LeafHugePages];

    /// <summary>
    /// The tracker of the first huge page of the heap from an address on, which becomes its start; null if there is none. Without the page
    /// heap's lock, what the tracker says may be out of date, its start too.
    /// </summary>
    internal static HugePage* NextHugePage(ref nuint address)
    {
        nuint end = (nuint)Volatile.Read(ref s_endOfLeaves);
        if (address < (nuint)s_firstLeaf << LeafShift)
        {
            address = (nuint)s_firstLeaf << LeafShift;
        }

        for (nuint index = address >> LeafShift; index < end; index++)
        {
            Leaf* leaf = LeafOf(index << LeafShift);
            for (nuint i = (address >> HugePageShift) % LeafHugePages; leaf != NoLeaf && i < LeafHugePages; i++)
            {
                HugePage* hugePage = (HugePage*)leaf->HugePages[i];
                if (hugePage != null)
                {
                    address = (index << LeafShift) + (i << HugePageShift);
                    return hugePage;
                }
            }

            address = 0; // from the next leaf's beginning
        }

        return null;
    }

    /// <summary>What is kept of the samples that begin on the address's page (see <see cref="SampleTable"/>); null where there are none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void* SamplesOf(nuint address)
    {
        ulong* samples = LeafOf(address)->Samples;
        return samples != null ? (void*)Volatile.Read(ref samples[PageOf(address)]) : null;
    }

    /// <summary>Makes room for <see cref="SetSamples"/>; false when there is no memory. The sampler's lock is held.</summary>
    internal static bool CoverSamples(nuint address)
    {
        Leaf* leaf = LeafOf(address);
        if (leaf->Samples == null)
        {
            leaf->Samples = (ulong*)Metadata.MapAside(LeafPages * sizeof(ulong), MappingNames.Structures);
        }

        return leaf->Samples != null;
    }

    /// <summary>The sampler's lock is held.</summary>
    internal static void SetSamples(nuint address, void* samples)
    {
        Leaf* leaf = LeafOf(address);
        nuint page = PageOf(address);
        Volatile.Write(ref Unsafe.As<ulong, nint>(ref leaf->Samples[page]), (nint)samples);
        int kernelPage = (int)page / PointersPerKernelPage;
        if (!Bits.Has(leaf->TouchedSamples, kernelPage))
        {
            Bits.Set(leaf->TouchedSamples, kernelPage, 1);
            Metadata.CountTouched(PointersPerKernelPage * sizeof(ulong));
        }
    }

    /// <summary>
    /// The class that <see cref="ClassOf"/> answers for a page of small objects: that of its span, or 0, so that who frees one of them comes to the
    /// slow path.
    /// </summary>
    internal static void SetClass(nuint address, byte sizeClass) => LeafOf(address)->Classes[PageOf(address)] = sizeClass;

    /// <summary>Bytes of the leaves that may be written to for so much of the heap.</summary>
    internal static nint BytesFor(nuint heapBytes) => (nint)(heapBytes >> PageShift) * (sizeof(byte) + sizeof(ulong));

    /// <summary>Enters a span of small blocks (every page) or of one large block (its first page).</summary>
    internal static void SetSpan(Span* span)
    {
        nuint pages = span->SizeClass == 0 ? 1 : span->Pages;
        for (nuint i = 0; i < pages; i++)
        {
            SetPage(span->Start + (i << PageShift), span->SizeClass, span);
        }
    }

    /// <summary>Takes out what <see cref="SetSpan"/> entered.</summary>
    internal static void ClearSpan(Span* span)
    {
        ClearPages(span->Start, span->SizeClass == 0 ? 1 : (int)span->Pages);
    }

    internal static void ClearPages(nuint start, int pages)
    {
        for (int i = 0; i < pages; i++)
        {
            SetPage(start + ((nuint)i << PageShift), 0, null);
        }
    }

    /// <summary>A span's blocks will not be found by their class any more: they are not of one.</summary>
    internal static void ForgetClass(Span* span)
    {
        for (nuint i = 0; i < span->Pages; i++)
        {
            SetPage(span->Start + (i << PageShift), 0, span);
        }
    }

    /// <summary>Enters a huge page's tracker; null takes it out.</summary>
    internal static void SetHugePage(nuint start, HugePage* hugePage)
    {
        Leaf* leaf = LeafOf(start);
        leaf->HugePages[(start >> HugePageShift) % LeafHugePages] = (ulong)hugePage;
    }

    /// <summary>Makes the leaves for a new range of heap; false when there is no memory for them. The page heap's lock is held.</summary>
    internal static bool Cover(nuint start, nuint bytes)
    {
        for (nuint index = start >> LeafShift; index <= (start + bytes - 1) >> LeafShift; index++)
        {
            if (index >= RootEntries)
            {
                return false;
            }

            if (RootPointer->Leaves[index] != 0)
            {
                continue;
            }

            byte* leaf = Metadata.MapAside((nuint)sizeof(Leaf), MappingNames.Structures);
            if (leaf == null)
            {
                return false;
            }

            RootPointer->Leaves[index] = (ulong)(leaf - (byte*)NoLeaf);
            s_firstLeaf = s_endOfLeaves == 0 || (int)index < s_firstLeaf ? (int)index : s_firstLeaf;
            Volatile.Write(ref s_endOfLeaves, (int)index < s_endOfLeaves ? s_endOfLeaves : (int)index + 1);
        }

        return true;
    }

    /// <summary>Where it lies.</summary>
    internal static Root* RootPointer
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => (Root*)Unsafe.AsPointer(ref s_root);
    }

    private static Leaf* NoLeaf => &RootPointer->NoLeaf;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Leaf* LeafOf(nuint address)
    {
        nuint index = address >> LeafShift;
        return (Leaf*)((byte*)NoLeaf + (index < RootEntries ? RootPointer->Leaves[index] : 0));
    }

    private static void SetPage(nuint address, byte sizeClass, Span* span)
    {
        Leaf* leaf = LeafOf(address);
        nuint page = PageOf(address);
        leaf->Spans[page] = (ulong)span;
        leaf->Classes[page] = sizeClass;
    }
}
