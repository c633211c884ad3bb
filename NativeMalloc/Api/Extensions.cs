using System.Runtime;

namespace NativeMalloc;

/// <summary>The functions of nativemalloc.h, which says what they promise.</summary>
internal static unsafe class Extensions
{
    private const int Failed = -1;

    [RuntimeExport("nativemalloc_version")]
    internal static byte* Version() => Shim.Version();

    [RuntimeExport("nativemalloc_version_number")]
    internal static uint VersionNumber() => Shim.VersionNumber();

    [RuntimeExport("nativemalloc_get_statistics")]
    internal static int GetStatistics(PublicStatistics* statistics)
    {
        ulong size = statistics->Size;
        if (size < PublicStatistics.FirstSize)
        {
            Errno.Set(Errno.Invalid);
            return Failed;
        }

        if (!Start())
        {
            return Failed;
        }

        PublicStatistics all = PublicStatistics.Gather();
        all.Size = size < (ulong)sizeof(PublicStatistics) ? size : (ulong)sizeof(PublicStatistics);
        Shim.Move(statistics, &all, (nuint)all.Size);
        return 0;
    }

    [RuntimeExport("nativemalloc_statistics_json")]
    internal static int StatisticsToBuffer(byte* buffer, nuint size)
    {
        if (!Start())
        {
            return Failed;
        }

        Output output = Output.ToMemory(buffer, size);
        StatisticsJson.Write<OwnReport>(ref output, Os.ProcessId());
        return output.Finish();
    }

    [RuntimeExport("nativemalloc_write_statistics_json")]
    internal static int StatisticsToFile(int file)
    {
        if (!Start())
        {
            return Failed;
        }

        Output output = Output.ToFile(file);
        StatisticsJson.Write<OwnReport>(ref output, Os.ProcessId());
        output.Flush();
        if (output.Failed)
        {
            Errno.Set(output.Error);
            return Failed;
        }

        return 0;
    }

    [RuntimeExport("nativemalloc_release_memory")]
    internal static ulong ReleaseMemory(ulong bytes)
    {
        ThreadState* thread = Shim.Thread();
        ulong released = 0;
        do
        {
            if (!SlowPath.TryEnter(thread))
            {
                break;
            }

            released += Startup.EnsureHeap() ? Heap.Release((nuint)(bytes - released)) : 0;
            SlowPath.Leave(thread);
        }
        while (released < bytes && ForkGate.IsClosedTo(thread)); // a fork has cut it short
        return released;
    }

    [RuntimeExport("nativemalloc_get_option")]
    internal static int GetOption(byte* name, byte* buffer, nuint size)
    {
        Output output = Output.ToMemory(buffer, size);
        if (!Options.WriteValue(name, ref output))
        {
            Errno.Set(Errno.NoEntry);
            return Failed;
        }

        return output.Finish();
    }

    [RuntimeExport("nativemalloc_start_profiling")]
    internal static int StartProfiling(ulong bytes)
    {
        if (bytes > Exponential.MostMean)
        {
            Errno.Set(Errno.Invalid);
            return Failed;
        }

        ProfileOccasions.StartSampling(bytes != 0 ? bytes : Sampler.UsualMean);
        return 0;
    }

    [RuntimeExport("nativemalloc_stop_profiling")]
    internal static void StopProfiling() => Sampler.Stop();

    [RuntimeExport("nativemalloc_reset_profile")]
    internal static void ResetProfile()
    {
        ThreadState* thread = Shim.Thread();
        if (SlowPath.Enter(thread))
        {
            Sampler.Lock->Acquire();
            Sampler.Reset();
            Sampler.Lock->Release();
            SlowPath.Leave(thread);
            OwnProfile.Begin();
        }
    }

    [RuntimeExport("nativemalloc_write_profile")]
    internal static int WriteProfile(int file, uint format, uint value)
    {
        int error = ProfileRequest.IsPossible((ProfileFormat)format, (ProfileValue)value)
            ? ProfileFile.Write(file, (ProfileFormat)format, (ProfileValue)value)
            : Errno.Invalid;
        if (error != 0)
        {
            Errno.Set(error);
            return Failed;
        }

        return 0;
    }

    // The front end, too, where it can be had already: reports say which it is.
    private static bool Start()
    {
        if (Startup.EnsureFrontEnd() || Startup.EnsureHeap())
        {
            return true;
        }

        Errno.Set(Errno.NoMemory);
        return false;
    }
}
