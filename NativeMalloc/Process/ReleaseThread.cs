using System.Runtime;

namespace NativeMalloc;

/// <summary>
/// NATIVEMALLOC_RELEASE_THREAD=1: a thread that does the <see cref="Upkeep"/> of a program that is quiet, and empties the slabs of CPUs
/// on which it does not run any more. It takes no signals and allocates nothing. A forked child has none, and does its upkeep on its
/// slow paths: to start a thread there would not be safe.
/// </summary>
internal static unsafe class ReleaseThread
{
    /// <summary>More often it would be a load.</summary>
    private const uint LeastMilliseconds = 10;

    /// <summary>32 to 34, by which the C library has all threads change their user (setuid) or end: it would wait for this one.</summary>
    private const ulong SignalsOfLibc = 7UL << (32 - 1);

    /// <summary>Starts it, at the start of the process.</summary>
    internal static void Start()
    {
        ulong signals = Os.BlockSignals(~SignalsOfLibc);
        int error = Shim.StartReleaseThread();
        Os.BlockSignals(signals);
        if (error != 0)
        {
            Options.ComplainOfReleaseThread();
        }
    }

    [RuntimeExport("nm_release_thread")]
    internal static void* Run(void* unused)
    {
        Os.NameThread(Literal.Pointer("nativemalloc"u8));
        ThreadState* thread = Shim.Thread();
        while (true)
        {
            Os.Sleep(Options.ReleaseDelay > LeastMilliseconds ? Options.ReleaseDelay : LeastMilliseconds);
            // A damaged heap may be found out here, and a handler of the abort may allocate.
            if (Startup.IsFrontEndReady && SlowPath.TryEnter(thread))
            {
                Upkeep.InBackground();
                SlowPath.Leave(thread);
            }
        }
    }
}
