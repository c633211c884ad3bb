using System;

namespace NativeMalloc;

/// <summary>The statistics for programs: one JSON object.</summary>
internal static unsafe class StatisticsJson
{
    internal static void Write<TReport>(ref Output output, int processId)
        where TReport : IHeapReport
    {
        HeapTraits traits = TReport.Traits;
        HeapStatistics all = TReport.Gather();
        output.Text("{\n  \"version\": \""u8);
        output.Text(traits.Version);
        output.Text("\",\n  \"active\": "u8);
        output.Text(traits.IsActive ? "true"u8 : "false"u8);
        output.Text(",\n  \"front_end\": \""u8);
        output.Text(traits.FrontEndName);
        output.Text("\",\n  \"rseq\": \""u8);
        output.Text(traits.FrontEnd.RseqName);
        output.Text("\",\n  \"rseq_reason\": \""u8);
        output.Text(traits.FrontEnd.Reason);
        output.Text("\",\n  \"index\": \""u8);
        output.Text(traits.FrontEnd.IndexName);
        output.Text("\",\n  \"sample\": "u8);
        NumberOrNull(ref output, traits.SampleMean, 0);
        output.Text(",\n  \"memory_goes_back\": "u8);
        output.Text(traits.ReleaseIsBroken ? "false"u8 : "true"u8);
        Number(ref output, ",\n  \"pid\": "u8, (nuint)processId);
        Number(ref output, ",\n  \"slabs\": "u8, (nuint)all.Slabs);
        Number(ref output, ",\n  \"slabs_made\": "u8, (nuint)all.SlabsMade);
        Number(ref output, ",\n  \"allocated\": "u8, all.Allocated);
        Number(ref output, ",\n  \"slow_path\": {\"allocations\": "u8, (nuint)all.Underflows);
        Number(ref output, ", \"frees\": "u8, (nuint)all.Overflows);
        Number(ref output, "},\n  \"bytes\": {\"in_use\": "u8, all.InUse);
        Number(ref output, ", \"in_use_large\": "u8, all.InUseLarge);
        Number(ref output, ", \"internal_waste\": "u8, all.InternalWaste);
        Number(ref output, ", \"front_end\": "u8, all.FrontEnd);
        Number(ref output, ", \"transfer\": "u8, all.Transfer);
        Number(ref output, ", \"central\": "u8, all.Central);
        Number(ref output, ", \"span_tails\": "u8, all.SpanTails);
        Number(ref output, ", \"page_heap_free\": "u8, all.Free);
        Number(ref output, ", \"released\": "u8, all.Released);
        Number(ref output, ", \"released_in_spans\": "u8, all.ReleasedInSpans);
        Number(ref output, ", \"metadata\": "u8, all.Metadata);
        Number(ref output, ", \"metadata_touched\": "u8, all.MetadataTouched);
        Number(ref output, ", \"mapped\": "u8, all.Mapped);
        Number(ref output, "},\n  \"remnants\": {\"bytes\": "u8, all.Remnants);
        Number(ref output, ", \"used\": "u8, all.UsedInRemnants);
        output.Text("},\n  \"limits\": {\"limit\": "u8);
        NumberOrNull(ref output, traits.Limits.Limit, Limits.None);
        output.Text(", \"limit_percent\": "u8);
        NumberOrNull(ref output, traits.Limits.LimitPercent, 0);
        output.Text(", \"soft_limit\": "u8);
        NumberOrNull(ref output, traits.Limits.SoftLimit, Limits.None);
        output.Text(", \"soft_limit_percent\": "u8);
        NumberOrNull(ref output, traits.Limits.SoftLimitPercent, 0);
        output.Text(", \"of\": "u8);
        NumberOrNull(ref output, (ulong)traits.Limits.Of, 0);
        output.Text(", \"by\": "u8);
        TextOrNull(ref output, traits.Limits.Of != 0 ? traits.Limits.Source : null);
        output.Text("},\n  \"classes\": ["u8);
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            ClassStatistics one = TReport.GatherClass(sizeClass);
            output.Text(sizeClass == 1 ? "\n    "u8 : ",\n    "u8);
            Number(ref output, "{\"size\": "u8, SizeClasses.Size(sizeClass));
            Number(ref output, ", \"live\": "u8, (nuint)one.Live);
            Number(ref output, ", \"front_end\": "u8, (nuint)one.InFrontEnd);
            Number(ref output, ", \"transfer\": "u8, (nuint)one.InTransfer);
            Number(ref output, ", \"central\": "u8, (nuint)one.InCentral);
            Number(ref output, ", \"spans\": "u8, (nuint)one.Spans);
            Number(ref output, ", \"released\": "u8, one.Released);
            Number(ref output, ", \"allocation_misses\": "u8, (nuint)one.Underflows);
            Number(ref output, ", \"free_misses\": "u8, (nuint)one.Overflows);
            Number(ref output, ", \"transfer_hits\": "u8, (nuint)one.TransferHits);
            Number(ref output, ", \"transfer_misses\": "u8, (nuint)one.TransferMisses);
            output.Text("}"u8);
        }

        output.Text("\n  ],\n  \"huge_pages\": ["u8);
        WriteHugePages<TReport>(ref output);
        output.Text("\n  ]\n}\n"u8);
    }

    // One object, on one line, for each row of huge pages: how many of the 256 pages of each are used and released, in turn.
    private static void WriteHugePages<TReport>(ref Output output)
        where TReport : IHeapReport
    {
        nuint start = 0;
        bool first = true;
        for (bool any = TReport.NextHugePage(ref start, out int used, out int released); any;)
        {
            output.Text(first ? "\n    {\"start\": \""u8 : ",\n    {\"start\": \""u8);
            output.Hexadecimal(start);
            output.Text("\", \"used_released\": ["u8);
            first = false;
            bool adjacent = false;
            do
            {
                Number(ref output, adjacent ? ", "u8 : ""u8, (nuint)used);
                Number(ref output, ", "u8, (nuint)released);
                nuint end = start + PageMap.HugePageSize;
                start = end;
                any = TReport.NextHugePage(ref start, out used, out released);
                adjacent = any && start == end;
            }
            while (adjacent);
            output.Text("]}"u8);
        }
    }

    private static void Number(ref Output output, ReadOnlySpan<byte> before, nuint value)
    {
        output.Text(before);
        output.Decimal(value);
    }

    private static void NumberOrNull(ref Output output, ulong value, ulong none)
    {
        if (value == none)
        {
            output.Text("null"u8);
        }
        else
        {
            output.Decimal((nuint)value);
        }
    }

    private static void TextOrNull(ref Output output, byte* text)
    {
        if (text == null)
        {
            output.Text("null"u8);
            return;
        }

        output.Text("\""u8);
        output.QuotedInJson(text);
        output.Text("\""u8);
    }
}
