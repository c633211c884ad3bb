using System.Text;

namespace NativeMalloc.Inspect;

/// <summary>The reports that a process writes of itself, written of what is seen of it: of one view at a time.</summary>
internal readonly unsafe struct ViewReport : IHeapReport
{
    private static HeapView s_view = null!;
    private static int s_nextHugePage;

    public static HeapTraits Traits => s_view.Traits;

    public static HeapStatistics Gather() => s_view.Statistics;

    public static ClassStatistics GatherClass(nuint sizeClass) => s_view.Class(sizeClass);

    // They are asked for in turn.
    public static bool NextHugePage(ref nuint address, out int used, out int released)
    {
        s_nextHugePage = address == 0 ? 0 : s_nextHugePage;
        bool any = s_nextHugePage < s_view.HugePages.Count;
        HugePageUse next = any ? s_view.HugePages[s_nextHugePage++] : default;
        (address, used, released) = (any ? next.Start : address, next.Used, next.Released);
        return any;
    }

    /// <summary>As NATIVEMALLOC_STATS has it written, as text or as JSON.</summary>
    internal static string Write(HeapView view, bool json)
    {
        s_view = view;
        byte[] text = new byte[Write(null, 0, json) + 1];
        fixed (byte* start = text)
        {
            Write(start, (nuint)text.Length, json);
        }

        return Encoding.UTF8.GetString(text, 0, text.Length - 1);
    }

    // Returns the length that there is.
    private static int Write(byte* memory, nuint room, bool json)
    {
        Output output = Output.ToMemory(memory, room);
        if (json)
        {
            StatisticsJson.Write<ViewReport>(ref output, s_view.Number);
        }
        else
        {
            StatisticsText.Write<ViewReport>(ref output, s_view.Number);
        }

        return output.Finish();
    }
}
