namespace NativeMalloc;

/// <summary>This process, for the reports that it writes of itself.</summary>
internal readonly unsafe struct OwnReport : IHeapReport
{
    public static HeapTraits Traits => new()
    {
        Version = Shim.Version(),
        IsActive = Interposition.IsActive,
        Checks = Options.Check,
        ReleaseIsBroken = Promises.ReleaseIsBroken,
        FrontEnd = Rseq.Choice,
        SampleMean = Sampler.Mean,
        Limits = *Options.Limits,
    };

    public static HeapStatistics Gather() => HeapStatistics.Gather<OwnCounts>();

    public static ClassStatistics GatherClass(nuint sizeClass) => HeapStatistics.GatherClass<OwnCounts>(sizeClass);

    public static bool NextHugePage(ref nuint address, out int used, out int released)
    {
        HugePage* hugePage = PageMap.NextHugePage(ref address);
        used = hugePage != null ? hugePage->UsedPages : 0;
        released = hugePage != null ? hugePage->ReleasedPages : 0;
        return hugePage != null;
    }

    /// <summary>One line on standard error that shows that the library is there, and how it works.</summary>
    internal static void WriteIntroduction()
    {
        Output output = Output.ToFile(Output.StandardError);
        StatisticsText.WriteIntroduction<OwnReport>(ref output, Os.ProcessId());
        output.Flush();
    }

    /// <summary>What malloc_stats prints, and the end of a process where NATIVEMALLOC_STATS=1, to a file descriptor.</summary>
    internal static void WriteText(int processId, int file)
    {
        Output output = Output.ToFile(file);
        StatisticsText.Write<OwnReport>(ref output, processId);
        output.Flush();
    }

    /// <summary>
    /// One JSON object in a file (<see cref="StatisticsPath"/>). A forked child writes only where that makes the
    /// file its own. It is for the user's eyes alone, and goes through no link that somebody else may have put there.
    /// </summary>
    internal static void WriteFile(int processId, bool forked)
    {
        bool own = StatisticsPath.Expand(processId);
        if (forked && !own)
        {
            return;
        }

        int file = Os.OpenForWriting(StatisticsPath.Expanded);
        if (file < 0)
        {
            Complain(-file);
            return;
        }

        Output output = Output.ToFile(file);
        StatisticsJson.Write<OwnReport>(ref output, processId);
        output.Flush();
        Os.Close(file);
        if (output.Failed)
        {
            Complain(output.Error);
        }
    }

    private static void Complain(int error) => ReportFile.Complain("NATIVEMALLOC_STATS: the statistics"u8, StatisticsPath.Expanded, error);
}
