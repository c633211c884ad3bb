using System;

namespace NativeMalloc;

/// <summary>malloc_info's report: glibc's schema, with the one heap that there is.</summary>
internal static unsafe class StatisticsXml
{
    /// <summary>Writes it to a stdio stream; false if the stream did not take it.</summary>
    internal static bool Write(void* stream)
    {
        HeapStatistics all = OwnReport.Gather();
        Output output = Output.ToStream(stream);
        output.Text("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n"u8);
        for (nuint sizeClass = 1; sizeClass < SizeClasses.Count; sizeClass++)
        {
            ClassStatistics one = OwnReport.GatherClass(sizeClass);
            nuint free = (nuint)(one.InFrontEnd + one.InTransfer + one.InCentral);
            if (free > 0)
            {
                nuint size = SizeClasses.Size(sizeClass);
                Number(ref output, "  <size from=\""u8, SizeClasses.Size(sizeClass - 1) + 1);
                Number(ref output, "\" to=\""u8, size);
                Number(ref output, "\" total=\""u8, free * size);
                Number(ref output, "\" count=\""u8, free);
                output.Text("\"/>\n"u8);
            }
        }

        output.Text("</sizes>\n"u8);
        Totals(ref output, all);
        Memory(ref output, all);
        output.Text("</heap>\n"u8);
        Totals(ref output, all);
        // No block has a mapping of its own, but readers look for the element.
        output.Text("<total type=\"mmap\" count=\"0\" size=\"0\"/>\n"u8);
        Memory(ref output, all);
        output.Text("</malloc>\n"u8);
        output.Flush();
        return !output.Failed;
    }

    private static void Totals(ref Output output, in HeapStatistics all)
    {
        Number(ref output, "<total type=\"fast\" count=\""u8, (nuint)all.CachedObjects);
        Number(ref output, "\" size=\""u8, all.FrontEnd + all.Transfer);
        Number(ref output, "\"/>\n<total type=\"rest\" count=\""u8, (nuint)all.FreeObjects);
        Number(ref output, "\" size=\""u8, all.Central + all.SpanTails + all.Free);
        output.Text("\"/>\n"u8);
    }

    // What went back to the kernel has its addresses still: they tell how much it was at most.
    private static void Memory(ref Output output, in HeapStatistics all)
    {
        Number(ref output, "<system type=\"current\" size=\""u8, all.Mapped - all.Metadata - all.Released);
        Number(ref output, "\"/>\n<system type=\"max\" size=\""u8, all.Mapped - all.Metadata);
        Number(ref output, "\"/>\n<aspace type=\"total\" size=\""u8, all.Mapped);
        Number(ref output, "\"/>\n<aspace type=\"mprotect\" size=\""u8, all.Mapped);
        output.Text("\"/>\n"u8);
    }

    private static void Number(ref Output output, ReadOnlySpan<byte> before, nuint value)
    {
        output.Text(before);
        output.Decimal(value);
    }
}
