using System;

namespace NativeMalloc;

/// <summary>The statistics for people: the line at the start, and the report.</summary>
internal static unsafe class StatisticsText
{
    internal static void Write<TReport>(ref Output output, int processId)
        where TReport : IHeapReport
    {
        HeapTraits traits = TReport.Traits;
        WriteIntroduction(ref output, traits, processId);
        HeapStatistics all = TReport.Gather();
        Line(ref output, "in use by the program"u8, all.InUse);
        Line(ref output, "  of it in large blocks"u8, all.InUseLarge);
        Line(ref output, "  of it lost by rounding"u8, all.InternalWaste);
        Line(ref output, "cached in the front end"u8, all.FrontEnd);
        Line(ref output, "cached for transfer"u8, all.Transfer);
        Line(ref output, "free in spans"u8, all.Central + all.SpanTails);
        Line(ref output, "free pages"u8, all.Free);
        Line(ref output, "released to the kernel"u8, all.Released);
        Line(ref output, "  of it in spans"u8, all.ReleasedInSpans);
        Line(ref output, "own structures (mapped)"u8, all.Metadata);
        Line(ref output, "  of it touched"u8, all.MetadataTouched);
        Line(ref output, "mapped in all"u8, all.Mapped);
        LimitLine(ref output, "limit"u8, traits.Limits, traits.Limits.Limit, traits.Limits.LimitPercent);
        LimitLine(ref output, "soft limit"u8, traits.Limits, traits.Limits.SoftLimit, traits.Limits.SoftLimitPercent);
        Line(ref output, "allocated since the start"u8, all.Allocated);
        output.Text("  slow paths: "u8);
        output.Decimal((nuint)all.Underflows);
        output.Text(" allocations and "u8);
        output.Decimal((nuint)all.Overflows);
        output.Text(" frees, over "u8);
        output.Decimal((nuint)all.Slabs);
        output.Text(traits.FrontEnd.IsPerThread ? " threads' slabs\n"u8 : " CPUs' slabs\n"u8);

        output.Text("       size       live    cached  transfer      free     spans    misses   refused\n"u8);
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            ClassStatistics one = TReport.GatherClass(sizeClass);
            if (!one.IsUsed)
            {
                continue;
            }

            output.Decimal(SizeClasses.Size(sizeClass), 11);
            output.Decimal((nuint)one.Live, 11);
            output.Decimal((nuint)one.InFrontEnd, 10);
            output.Decimal((nuint)one.InTransfer, 10);
            output.Decimal((nuint)one.InCentral, 10);
            output.Decimal((nuint)one.Spans, 10);
            output.Decimal((nuint)one.Underflows, 10);
            output.Decimal((nuint)one.Overflows, 10);
            output.Text("\n"u8);
        }
    }

    /// <summary>One line.</summary>
    internal static void WriteIntroduction<TReport>(ref Output output, int processId)
        where TReport : IHeapReport =>
        WriteIntroduction(ref output, TReport.Traits, processId);

    private static void WriteIntroduction(ref Output output, in HeapTraits traits, int processId)
    {
        output.Text("nativemalloc "u8);
        output.Text(traits.Version);
        output.Text(" (pid "u8);
        output.Decimal((nuint)processId);
        if (!traits.IsActive)
        {
            output.Text("): not in use, this program brings its own malloc\n"u8);
            return;
        }

        output.Text("): front end "u8);
        output.Text(traits.FrontEndName);
        output.Text(", rseq "u8);
        output.Text(traits.FrontEnd.RseqName);
        output.Text(", index "u8);
        output.Text(traits.FrontEnd.IndexName);
        if (traits.SampleMean != 0)
        {
            output.Text(", a sample every "u8);
            output.Decimal((nuint)traits.SampleMean);
            output.Text(" bytes"u8);
        }

        Relative(ref output, ", limit "u8, traits.Limits.LimitPercent);
        Relative(ref output, ", soft limit "u8, traits.Limits.SoftLimitPercent);
        output.Text(traits.ReleaseIsBroken ? "; no memory goes back, since this kernel says that it takes some and does not\n"u8 : "\n"u8);
    }

    private static void Relative(ref Output output, ReadOnlySpan<byte> name, uint percent)
    {
        if (percent != 0)
        {
            output.Text(name);
            output.Decimal(percent);
            output.Text("% of what the control group may have"u8);
        }
    }

    // Only where there is one.
    private static void LimitLine(ref Output output, ReadOnlySpan<byte> name, in Limits limits, ulong bytes, uint percent)
    {
        if (bytes == Limits.None && percent == 0)
        {
            return;
        }

        Name(ref output, name);
        if (bytes == Limits.None)
        {
            Relative(ref output, "        none yet: "u8, percent);
        }
        else
        {
            output.Size((nuint)bytes);
        }

        if (bytes != Limits.None && percent != 0)
        {
            bool isGroups = *limits.Source != 0;
            output.Text(": "u8);
            output.Decimal(percent);
            output.Text(isGroups ? "% of the "u8 : "% of the machine's "u8);
            output.Decimal((nuint)limits.Of);
            output.Text(isGroups ? " bytes in "u8 : " bytes"u8);
            output.Quoted(limits.Source);
        }

        output.Text("\n"u8);
    }

    private static void Line(ref Output output, ReadOnlySpan<byte> name, nuint bytes)
    {
        Name(ref output, name);
        output.Size(bytes);
        output.Text("\n"u8);
    }

    private static void Name(ref Output output, ReadOnlySpan<byte> name)
    {
        const int Width = 26;
        output.Text("  "u8);
        output.Text(name);
        for (int i = name.Length; i < Width; i++)
        {
            output.Text(" "u8);
        }
    }
}
