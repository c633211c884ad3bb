using System;
using System.Collections.Generic;
using Xunit;

namespace NativeMalloc.UnitTests;

/// <summary>
/// A page heap with a simple account of it beside: which pages are whose. After each operation the heap's counters must
/// agree with it, and what was written into a span must still be there when the span goes back.
/// </summary>
internal sealed unsafe class PageHeapModel(PageHeap* heap)
{
    private readonly bool[] _isUsed = new bool[Os.Space.HeapPages];
    private readonly List<nint> _spans = [];
    private readonly Dictionary<nint, ulong> _marks = [];
    private readonly nuint _otherBytes = Metadata.MappedBytes - Os.LiveBytes;
    private ulong _lastMark;

    /// <summary>Where the test is, for its messages.</summary>
    internal string Where { get; set; } = "";

    internal int UsedPages { get; private set; }

    internal int Spans => _spans.Count;

    /// <summary>Pages of spans that were known to read zero.</summary>
    internal int ZeroPages { get; private set; }

    /// <summary>Pages of a span that are not known to read zero.</summary>
    internal static int CountOldPages(Span* span)
    {
        int old = 0;
        for (nuint page = span->Start; page < span->Start + span->Bytes; page += PageMap.PageSize)
        {
            old += IsOld(page) ? 1 : 0;
        }

        return old;
    }

    internal Span* Pick(Random random) => (Span*)_spans[random.Next(_spans.Count)];

    internal Span* Take(nuint pages, nuint alignment, byte sizeClass = 0)
    {
        Span* span = heap->Take(pages, sizeClass, alignment);
        heap->ReleaseExcess(0);
        if (span != null)
        {
            AssertThat(span->Pages == pages, "the span has another size");
            AssertThat(span->Start % Math.Max(alignment, PageMap.PageSize) == 0, "the span is not aligned");
            AssertThat(PageMap.SpanOf(span->Start) == span, "the span is not in the page map");
            Use(span->Start, pages);
            AssertZeroPages(span);

            _spans.Add((nint)span);
            Mark(span);
        }

        AssertCounters();
        return span;
    }

    internal void Give(Span* span)
    {
        AssertMarked(span);
        nuint start = span->Start;
        nuint pages = span->Pages;
        Unuse(start, pages);
        _spans[_spans.IndexOf((nint)span)] = _spans[^1];
        _spans.RemoveAt(_spans.Count - 1);
        _marks.Remove((nint)span);
        heap->Give(span, released: false);
        heap->ReleaseExcess(pages);
        AssertThat(PageMap.SpanOf(start) == null, "the span is still in the page map");
        AssertCounters();
    }

    internal void GiveAll()
    {
        while (_spans.Count > 0)
        {
            Give((Span*)_spans[^1]);
        }
    }

    internal bool Extend(Span* span, nuint pages)
    {
        nuint end = span->Start + span->Bytes;
        nuint more = pages - span->Pages;
        bool possible = AreFree(end, more);
        bool extended = heap->Extend(span, pages);
        AssertThat(extended == possible, $"extending by {more} pages: {extended}, should be {possible}");
        if (extended)
        {
            Use(end, more);
            AssertThat(span->Pages == pages, "the extended span has another size");
            Mark(span);
        }

        AssertCounters();
        return extended;
    }

    internal void Shorten(Span* span, nuint pages)
    {
        nuint fewer = span->Pages - pages;
        Unuse(span->Start + pages * PageMap.PageSize, fewer);
        heap->Shorten(span, pages, released: false);
        heap->ReleaseExcess(fewer);
        AssertThat(span->Pages == pages, "the shortened span has another size");
        AssertMarked(span);
        AssertCounters();
    }

    /// <summary>Ends a period, and has all go back to the kernel that should then.</summary>
    internal void EndPeriod()
    {
        heap->EndPeriods(1);
        heap->ReleaseExcess(heap->FreeBytes / PageMap.PageSize);
        AssertCounters();
    }

    internal void Release(nuint bytes)
    {
        nuint free = heap->FreeBytes;
        nuint gone = heap->ReleasedBytes;
        nuint kernel = Os.ReleasedBytes;
        nuint released = heap->Release(bytes);
        AssertThat(free - heap->FreeBytes == released && heap->ReleasedBytes - gone == released, "the counters moved by another number");
        AssertThat(Os.ReleasedBytes - kernel == released, "the kernel was given another number of bytes");
        nuint wanted = Os.RefuseRelease ? 0 : Math.Min(bytes / PageMap.PageSize * PageMap.PageSize, free);
        AssertThat(released >= wanted, $"{released} bytes were released instead of {wanted}");
        AssertCounters();
    }

    /// <summary>Walks all huge pages: their trackers must agree with the counters and with each other.</summary>
    internal void AssertTrackers()
    {
        int used = 0;
        int released = 0;
        int hugePages = 0;
        nuint start = Os.Space.HeapStart;
        while (start < Os.Space.HeapEnd)
        {
            HugePage* hugePage = PageMap.HugePageOf(start);
            if (hugePage == null)
            {
                start += PageMap.HugePageSize;
                continue;
            }

            AssertThat(hugePage->Start == start, "a tracker is in another's place");
            int length = hugePage->IsEmpty ? AssertRun(hugePage) : 1;
            for (int i = 0; i < length; i++, start += PageMap.HugePageSize)
            {
                hugePage = PageMap.HugePageOf(start);
                hugePages++;
                used += hugePage->UsedPages;
                released += hugePage->ReleasedPages;
                AssertThat(
                    hugePage->LongestFree == (hugePage->IsEmpty ? 0 : hugePage->MeasureLongestFree()),
                    $"the huge page at {start:x} is in the wrong list");
                AssertThat(Os.IsLive(start, PageMap.HugePageSize), $"the huge page at {start:x} is not mapped");
                AssertGuarded(start - AddressSpace.SystemPage, start - PageMap.HugePageSize);
                AssertGuarded(start + PageMap.HugePageSize, start + PageMap.HugePageSize);
            }
        }

        AssertThat((nuint)hugePages * PageMap.HugePageSize == heap->MappedBytes, "MappedBytes is wrong");
        AssertThat((nuint)used * PageMap.PageSize == heap->UsedBytes, "UsedBytes is wrong");
        AssertThat((nuint)released * PageMap.PageSize == heap->ReleasedBytes, "ReleasedBytes is wrong");
    }

    // Beside heap is heap, or a page that cannot be touched.
    private void AssertGuarded(nuint guard, nuint neighbour) =>
        AssertThat(PageMap.HugePageOf(neighbour) != null || Os.IsGuard(guard, AddressSpace.SystemPage), $"there is no guard at {guard:x}");

    private void AssertCounters()
    {
        AssertThat(heap->UsedBytes == (nuint)UsedPages * PageMap.PageSize, $"UsedBytes is {heap->UsedBytes}");
        AssertThat(heap->UsedBytes + heap->FreeBytes + heap->ReleasedBytes == heap->MappedBytes, "the counters do not add up");
        AssertThat((nint)heap->FreeBytes >= 0 && (nint)heap->ReleasedBytes >= 0, "a counter fell below zero");
        AssertThat(heap->MappedBytes == Os.LiveBytes - (Metadata.MappedBytes - _otherBytes), "a mapping was lost");
    }

    // An empty huge page is the first of a run of all the empty ones that follow it, and only its ends know.
    private int AssertRun(HugePage* first)
    {
        int length = 1;
        while (PageMap.HugePageOf(first->Start + (nuint)length * PageMap.HugePageSize) is var next && next != null && next->IsEmpty)
        {
            length++;
        }

        for (int i = 0; i < length; i++)
        {
            int known = PageMap.HugePageOf(first->Start + (nuint)i * PageMap.HugePageSize)->RunLength;
            AssertThat(known == (i == 0 ? length : i == length - 1 ? -length : 0), $"huge page {i} of a run of {length} says {known}");
        }

        for (int i = 0; i < length; i += AssertRow(first, i, length))
        {
        }

        return length;
    }

    private static bool IsOld(nuint page)
    {
        int number = (int)(page % PageMap.HugePageSize / PageMap.PageSize);
        return PageMap.HugePageOf(page)->NextOldRow(ref number, number + 1, out _);
    }

    // And a span that was taken has had no block.
    private void AssertZeroPages(Span* span)
    {
        AssertThat(span->IsFirstUse(span->Start), "a span had a block before it was taken");
        for (nuint page = span->Start; page < span->Start + span->Bytes; page += PageMap.PageSize)
        {
            if (!IsOld(page))
            {
                ZeroPages++;
                SpanPattern.AssertZero(page, PageMap.PageSize, Where);
            }
        }
    }

    // Of a run's huge pages those that have memory to give, one by one, or a row of those that have none, whose ends know how many they are.
    private int AssertRow(HugePage* first, int begin, int end)
    {
        int length = 0;
        while (begin + length < end && !HugePageRuns.Neighbour(first, begin + length)->HasMemoryToGive)
        {
            length++;
        }

        for (int i = 0; i < Math.Max(length, 1); i++)
        {
            int known = HugePageRuns.Neighbour(first, begin + i)->BareLength;
            AssertThat(known == (i == 0 || i == length - 1 ? length : 0), $"huge page {i} of {length} with nothing to give says {known}");
        }

        return Math.Max(length, 1);
    }

    private bool AreFree(nuint start, nuint pages)
    {
        for (nuint page = start; page < start + pages * PageMap.PageSize; page += PageMap.PageSize)
        {
            if (PageMap.HugePageOf(page) == null || IsUsed(page))
            {
                return false;
            }
        }

        return true;
    }

    private void Use(nuint start, nuint pages)
    {
        for (nuint page = start; page < start + pages * PageMap.PageSize; page += PageMap.PageSize)
        {
            AssertThat(PageMap.HugePageOf(page) != null, "a page has no huge page");
            AssertThat(!IsUsed(page), "a page is in two spans");
            IsUsed(page) = true;
            UsedPages++;
        }
    }

    private void Unuse(nuint start, nuint pages)
    {
        for (nuint page = start; page < start + pages * PageMap.PageSize; page += PageMap.PageSize)
        {
            IsUsed(page) = false;
            UsedPages--;
        }
    }

    private ref bool IsUsed(nuint page) => ref _isUsed[(page - Os.Space.HeapStart) / PageMap.PageSize];

    private void Mark(Span* span)
    {
        _marks[(nint)span] = ++_lastMark;
        SpanPattern.Write(span->Start, span->Bytes, _lastMark);
    }

    private void AssertMarked(Span* span) => SpanPattern.AssertIs(span->Start, span->Bytes, _marks[(nint)span], Where);

    private void AssertThat(bool condition, string what)
    {
        if (!condition)
        {
            Assert.Fail($"{Where}: {what}");
        }
    }
}
