using System;
using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// NATIVEMALLOC_PROFILE=...,leaks: when the process ends, a list of what was allocated and cannot be freed any more, by stacks. On standard error, or
/// beside the profile.
/// </summary>
internal static unsafe class LeakReport
{
    private static int s_processId;
    private static byte* s_firstThread;

    /// <summary>At the process's start.</summary>
    internal static void Begin()
    {
        if (Options.Leaks)
        {
            s_processId = Os.ProcessId();
            s_firstThread = Shim.ThreadPointer();
        }
    }

    /// <summary>
    /// When the process ends: the report, and if there are leaks, and a number was given with the word, the process ends with that. A forked child
    /// reports only to a file of its own.
    /// </summary>
    internal static void AtExit(byte* stack)
    {
        if (!Options.Leaks || !Interposition.IsActive)
        {
            return;
        }

        int processId = Os.ProcessId();
        bool own = ProfileRequest.Expand(ProfileOccasion.Leaks, processId);
        if (processId != s_processId && !own)
        {
            return;
        }

        uint programs = FloatingPoint.Begin();
        bool any = Make(stack, processId);
        FloatingPoint.End(programs);
        if (any && ProfileRequest.LeaksExitCode != 0)
        {
            Shim.End(ProfileRequest.LeaksExitCode);
        }
    }

    // True if there are leaks.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Make(byte* stack, int processId)
    {
        ThreadState* thread = Shim.Thread();
        if (!TryEnter(thread))
        {
            Complain(thread->OnSlowPath != 0 ? SearchFailure.Busy : SearchFailure.OthersBusy, 0);
            return false;
        }

        LeakSearch search = new() { FirstThread = s_firstThread };
        LeakTable leaks = default;
        SearchFailure failure = LeakSearch.Run(&search, stack);
        if (failure == SearchFailure.None)
        {
            Sampler.Lock->Acquire();
            failure = leaks.Gather(ref search.Blocks) ? SearchFailure.None : SearchFailure.NoMemory;
            Sampler.Lock->Release();
        }

        LeakSearch.End(&search);
        SlowPath.Leave(thread);
        if (failure != SearchFailure.None)
        {
            Complain(failure, search.Error);
        }
        else
        {
            Write(ref leaks, ref search, processId);
        }

        leaks.Forget();
        search.Forget();
        return failure == SearchFailure.None && leaks.Samples > 0;
    }

    // A fork of another thread's passes. But musl's wait for the process's destructors, in one of which this is.
    private static bool TryEnter(ThreadState* thread)
    {
        for (int sleeps = 0; !SlowPath.TryEnter(thread); sleeps++)
        {
            if (thread->OnSlowPath != 0 || sleeps == LeakSearch.MostSleeps)
            {
                return false;
            }

            Os.Sleep(1);
        }

        return true;
    }

    private static void Write(ref LeakTable leaks, ref LeakSearch search, int processId)
    {
        if (!ProfileRequest.HasPath)
        {
            WriteTo(FirstStandardError.File, ref leaks, ref search, processId);
            return;
        }

        byte* path = ProfileRequest.Expanded(ProfileOccasion.Leaks);
        int file = Os.OpenForWriting(path);
        int error = -file;
        if (file >= 0)
        {
            error = WriteTo(file, ref leaks, ref search, processId);
            Os.Close(file);
        }

        if (error > 0)
        {
            ReportFile.Complain("NATIVEMALLOC_PROFILE: the leaks"u8, path, error);
        }
    }

    // 0, or an errno.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int WriteTo(int file, ref LeakTable leaks, ref LeakSearch search, int processId)
    {
        Output output = Output.ToFile(file);
        LeakText.Write(ref output, ref leaks, ref search, processId);
        output.Flush();
        return output.Error;
    }

    private static void Complain(SearchFailure failure, int error)
    {
        Output output = Output.ToFile(FirstStandardError.File);
        output.Text("nativemalloc: leaks were not searched for: "u8);
        output.Text(failure switch
        {
            SearchFailure.Busy => "the process ends in a signal handler that interrupted malloc"u8,
            SearchFailure.OthersBusy => "other threads are in the middle of malloc or fork"u8,
            SearchFailure.NoMemory => "there is no memory for it"u8,
            SearchFailure.NoMappings => "/proc cannot be read"u8,
            _ => "the kernel does not let the process read its own memory"u8,
        });
        if (error != 0)
        {
            output.Text(", errno "u8);
            output.Decimal((nuint)error);
        }

        output.Text("\n"u8);
        output.Flush();
    }
}
