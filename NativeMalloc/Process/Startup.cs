using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The start of the library's life, in two steps. The first allocation, which may be ld.so's and come before any
/// constructor, finds the sentinel, gets here, and makes the heap. The front end waits for our constructor, which reads the
/// options, and then for the next allocation: an early user of rseq that registers before it allocates comes first.
/// Nothing here allocates.
/// </summary>
internal static unsafe class Startup
{
    private static Apart<FutexLock> s_lock;
    private static int s_heapReady;
    private static int s_frontEndReady;
    private static int s_optionsRead;

    /// <summary>There is a heap: slow paths may go on to the transfer caches.</summary>
    internal static bool IsHeapReady => Volatile.Read(ref s_heapReady) != 0;

    /// <summary>The front end has been chosen: threads can have slabs.</summary>
    internal static bool IsFrontEndReady => Volatile.Read(ref s_frontEndReady) != 0;

    private static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_lock.Value);

    /// <summary>Makes the heap unless that was done; false when there is no memory for it, at the moment.</summary>
    internal static bool EnsureHeap() => IsHeapReady || StartHeap();

    /// <summary>Chooses the front end unless that was done; false when it cannot be done yet, or there is no memory.</summary>
    internal static bool EnsureFrontEnd() => IsFrontEndReady || StartFrontEnd();

    /// <summary>Reads the options; from then on there may be a front end.</summary>
    internal static void ReadOptions()
    {
        Options.Read(Shim.Environment());
        Clock.Find();
        if ((Options.HugePages != HugePageChoice.Auto || Options.Check || Options.Names) && SlowPath.Enter(Shim.Thread()))
        {
            if (Options.HugePages != HugePageChoice.Auto)
            {
                Heap.Pages->AdviseAnew();
            }

            MappingNames.GiveToAll();
            if (Options.Check)
            {
                Heap.MustAskPageMap = true;
                Checked.Start();
            }

            SlowPath.Leave(Shim.Thread());
        }

        if (Options.Sample != 0)
        {
            Sampler.Begin(Options.Sample);
            AllocationClock.MakeDue(Shim.Thread()); // it may have allocated before
        }

        Volatile.Write(ref s_optionsRead, 1);
        Root.ShowStatics();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool StartHeap()
    {
        ThreadState* thread = Shim.Thread();
        bool entered = SlowPath.Enter(thread); // it may be on the slow path already
        Lock->Acquire();
        if (s_heapReady == 0 && Heap.Initialize())
        {
            OperatorNew.FindReplacements();
            Root.ShowHeap();
            Volatile.Write(ref s_heapReady, 1);
        }

        Lock->Release();
        if (entered)
        {
            SlowPath.Leave(thread);
        }

        return IsHeapReady;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool StartFrontEnd()
    {
        if (Volatile.Read(ref s_optionsRead) == 0 || !EnsureHeap())
        {
            return false;
        }

        ThreadState* thread = Shim.Thread();
        bool entered = SlowPath.Enter(thread);
        Lock->Acquire();
        if (s_frontEndReady == 0 && FrontEnd.Initialize(Options.Index))
        {
            Root.ShowFrontEnd();
            Volatile.Write(ref s_frontEndReady, 1);
        }

        Lock->Release();
        if (entered)
        {
            SlowPath.Leave(thread);
        }

        return IsFrontEndReady;
    }
}
