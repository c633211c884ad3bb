using System.Runtime.CompilerServices;
using System.Threading;

namespace NativeMalloc;

/// <summary>
/// Which allocations are samples, and what is known of them: where they came from, how many others they stand for. A thread's next sample is so
/// many bytes ahead (<see cref="Exponential"/>), by the countdown that it has anyway.
/// </summary>
internal static unsafe class Sampler
{
    // All under the state's lock.
    private struct Knowledge
    {
        internal SamplerState State;
        internal StackTable Stacks;
        internal SampleTable Samples;
    }

    /// <summary>Bytes from one sample to the next, where nothing is said (as jemalloc and Go, and tracers expect it).</summary>
    internal const ulong UsualMean = 512 << 10;

    private static Apart<SamplerControl> s_control;
    private static Apart<Knowledge> s_known;
    private static Apart<long> s_seed;

    internal static SamplerControl* Control => (SamplerControl*)Unsafe.AsPointer(ref s_control.Value);

    internal static SamplerState* State => (SamplerState*)Unsafe.AsPointer(ref s_known.Value.State);

    internal static FutexLock* Lock => (FutexLock*)Unsafe.AsPointer(ref s_known.Value.State.Lock);

    /// <summary>Bytes from one sample to the next, as threads find it when they look now; 0 where none is taken.</summary>
    internal static ulong Mean => MeanAt(Clock.Milliseconds);

    internal static ulong MissedStacks => State->MissedStacks;

    internal static ulong MissedSamples => State->MissedSamples;

    /// <summary>Each block has been a sample, from the process's start on.</summary>
    internal static bool HasSeenAllBlocks { get; private set; }

    /// <summary>At the process's start.</summary>
    internal static void Begin(ulong mean)
    {
        Start(mean);
        HasSeenAllBlocks = mean == Exponential.EachBlock;
    }

    /// <summary>From now on there is a sample every so many bytes; each thread sees that at its next look at the clock.</summary>
    internal static void Start(ulong mean)
    {
        Control->Until = 0;
        Control->Mean = mean;
        HasSeenAllBlocks &= mean == Exponential.EachBlock;
    }

    /// <summary>No new samples. Those that there are stay until they are freed.</summary>
    internal static void Stop() => Start(0);

    /// <summary>Forgets what was allocated so far, and the peak; what is live stays. The lock is held.</summary>
    internal static void Reset()
    {
        SamplerState* state = State;
        for (CallStack* stack = NextStack(null); stack != null; stack = NextStack(stack))
        {
            stack->Allocated = default;
            stack->AllocatedSamples = 0;
        }

        state->MissedStacks = 0;
        state->MissedSamples = 0;
        state->BeginPeak();
    }

    /// <summary>As if there had never been a sample; for tests.</summary>
    internal static void Forget() => s_known.Value = default;

    /// <summary>Before a fork: what a child begins with, its siblings do not.</summary>
    internal static void BeforeFork() => Interlocked.Add(ref s_seed.Value, unchecked((long)Hash.Spread));

    /// <summary>In the child: it does not take the samples that its siblings take, or the error of one would be that of all together.</summary>
    internal static void AfterForkInChild(ThreadState* thread)
    {
        s_seed.Value = (long)Exponential.Mix((ulong)s_seed.Value); // far from what the parent, and other children, come to
        thread->Random = 0;
        Change(thread, thread->SampleMean, 0, thread->LastLook);
    }

    /// <summary>Goes through the stacks, in the order in which they came: the first for null, null after the last. The lock is held.</summary>
    internal static CallStack* NextStack(CallStack* after) => after == null ? State->FirstStack : after->Later;

    /// <summary>Goes through the samples that are live: the first for null, null after the last. The lock is held.</summary>
    internal static Sample* NextSample(Sample* after)
    {
        Sample* sample = after == null ? State->FirstSample : after + 1;
        while (sample != null && sample->Address <= Sample.Link)
        {
            sample = sample->Address == Sample.Link ? sample->Next : sample + 1;
        }

        return sample;
    }

    /// <summary>
    /// At a look at the clock by an allocation of that size, or by a free (0): the thread does as the control says by now, this allocation included.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Follow(ThreadState* thread, nuint size, long now)
    {
        ulong mean = MeanAt(now);
        if (mean != thread->SampleMean)
        {
            Change(thread, mean, size, now);
        }
    }

    /// <summary>
    /// The allocation that is under way is to be a sample: draws how far from here the next is, which is another allocation whatever comes of this
    /// one. Returns the mean that it was drawn with.
    /// </summary>
    internal static ulong Begin(ThreadState* thread)
    {
        ulong mean = thread->SampleMean;
        AllocationClock.SetSample(thread, NextDistance(thread, mean));
        return mean;
    }

    /// <summary>
    /// It has a block. The thread is on no slow path, or has interrupted one: then it is no sample after all. Neither are blocks of the
    /// <see cref="Reserve"/>.
    /// </summary>
    internal static void Finish(ThreadState* thread, void* block, nuint size, ulong mean, Registers* caller = null)
    {
        bool taken = false;
        if (SlowPath.TryEnter(thread))
        {
            taken = PageMap.SpanOf((nuint)block) != null && Add(block, size, mean, caller);
            SlowPath.Leave(thread);
        }

        if (!taken)
        {
            Interlocked.Increment(ref Unsafe.As<ulong, long>(ref State->MissedSamples));
        }

        if (mean <= Exponential.EachBlock)
        {
            AllocationClock.SetSample(thread, 0); // also if it has no byte
        }
    }

    /// <summary>
    /// It has failed, and its bytes were counted back: they never went by. The next sample was drawn from behind them, and they may be more than a
    /// program ever has.
    /// </summary>
    internal static void GiveUp(ThreadState* thread)
    {
        AllocatedBytes.Add(null, AllocationClock.Set(thread, 0, thread->LastLook));
        Change(thread, thread->SampleMean, 0, thread->LastLook);
    }

    /// <summary>
    /// An allocation that came along a slow path has a block, and the slow path is left: it is a sample if that was due. (Mostly that is seen before:
    /// a sequence may be interrupted right after it has counted.)
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TakeIfDue(ThreadState* thread, void* block, nuint size)
    {
        if (AllocationClock.IsSampleDue(thread) && block != null)
        {
            Finish(thread, block, size, Begin(thread));
        }
    }

    /// <summary>The block may be a sample, which ends: it is freed. On the slow path, with no lock held.</summary>
    internal static void End(void* block)
    {
        if (!IsSample(block))
        {
            return;
        }

        Shim.ProbeFree(block);
        uint programs = FloatingPoint.Begin();
        Lock->Acquire();
        Sample* sample = Remove((nuint)block);
        if (sample != null)
        {
            Forget(sample);
        }

        Lock->Release();
        FloatingPoint.End(programs);
    }

    /// <summary>The same, for a block that may have to be <see cref="PutBack"/>; null if it is no sample.</summary>
    internal static Sample* TakeOut(void* block)
    {
        if (!IsSample(block))
        {
            return null;
        }

        Lock->Acquire();
        Sample* sample = Remove((nuint)block);
        Lock->Release();
        return sample;
    }

    internal static void PutBack(Sample* sample, void* block)
    {
        Lock->Acquire();
        s_known.Value.Samples.Add(sample, (nuint)block);
        PageMap.SetClass((nuint)block, 0);
        Lock->Release();
    }

    /// <summary>The same, of one that was taken out.</summary>
    internal static void End(Sample* sample, void* block)
    {
        Shim.ProbeFree(block);
        uint programs = FloatingPoint.Begin();
        Lock->Acquire();
        Forget(sample);
        Lock->Release();
        FloatingPoint.End(programs);
    }

    /// <summary>A block of the caller's is a sample.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsSample(void* block) => Heap.MustAskPageMap && SampleTable.Find((nuint)block) != null;

    // The lock is held.
    private static Sample* Remove(nuint address)
    {
        Sample* sample = s_known.Value.Samples.Remove(address);
        if (sample != null && PageMap.SamplesOf(address) == null)
        {
            ShowClass(address);
        }

        return sample;
    }

    // The lock is held.
    private static void Forget(Sample* sample)
    {
        State->OnFreed(sample);
        s_known.Value.Samples.Give(sample);
    }

    // A method of its own, so that the frames are on the stack of nothing else.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool Add(void* block, nuint size, ulong mean, Registers* caller)
    {
        nuint* frames = stackalloc nuint[Backtrace.MostFrames];
        int depth = Backtrace.Capture(caller, frames, Backtrace.MostFrames, out StackEnd end);
        uint programs = FloatingPoint.Begin();
        double weight = Exponential.Weight(size, mean);
        Heap.MustAskPageMap = true;
        Lock->Acquire();
        SamplerState* state = State;
        CallStack* stack = s_known.Value.Stacks.Of(frames, depth, end, ref *state);
        Sample* sample = stack != null && PageMap.CoverSamples((nuint)block) ? s_known.Value.Samples.Take(ref *state) : null;
        if (sample != null)
        {
            sample->Size = size;
            sample->Objects = weight;
            sample->Stack = stack;
            state->OnAllocated(sample);
            s_known.Value.Samples.Add(sample, (nuint)block);
            PageMap.SetClass((nuint)block, 0);
        }

        Lock->Release();
        nuint bytes = (nuint)(weight * size + 0.5);
        FloatingPoint.End(programs);
        if (sample != null)
        {
            Shim.ProbeAlloc(block, size, bytes);
        }

        return sample != null;
    }

    // The last sample has left a page: if it is one of small objects, those that are freed go the short way again. It may become a remnant's
    // meanwhile, but for the lock of its list.
    private static void ShowClass(nuint address)
    {
        Span* span = PageMap.SpanOf(address);
        if (span != null && span->SizeClass != 0)
        {
            FutexLock* classLock = &CentralFreeLists.Of(span)->Lock;
            classLock->Acquire();
            if (!span->Remnant)
            {
                PageMap.SetClass(address, span->SizeClass);
            }

            classLock->Release();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Change(ThreadState* thread, ulong mean, nuint size, long now)
    {
        if (mean == 0)
        {
            AllocationClock.SetSample(thread, AllocationClock.NoSample);
            thread->SampleMean = 0;
            return;
        }

        thread->SampleMean = mean;
        if (thread->Random == 0)
        {
            // Threads may begin at the same time, or one where another ended.
            ulong seed = (ulong)Interlocked.Add(ref s_seed.Value, unchecked((long)Hash.Spread));
            thread->Random = Exponential.Mix(seed ^ (ulong)thread ^ (ulong)now << 40);
        }

        AllocationClock.SetSample(thread, mean <= Exponential.EachBlock ? 0 : NextDistance(thread, mean) - (long)size);
    }

    private static long NextDistance(ThreadState* thread, ulong mean)
    {
        uint programs = FloatingPoint.Begin();
        long distance = Exponential.NextDistance(ref thread->Random, mean);
        FloatingPoint.End(programs);
        return distance;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong MeanAt(long now)
    {
        ulong mean = Volatile.Read(ref Control->Mean);
        bool isOff = mean == 0 || (Control->Until != 0 && now >= Control->Until);
        return !isOff ? mean : Shim.AllocProbes() != 0 ? UsualMean : 0; // tracers wait for samples
    }
}
