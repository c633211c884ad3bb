using System;

namespace NativeMalloc;

/// <summary>Why there is no result, if there is none.</summary>
internal enum SearchFailure
{
    None,

    /// <summary>The thread is in the middle of malloc: a signal handler's.</summary>
    Busy,

    /// <summary>Others are in the middle of malloc, or of a fork, and do not come out.</summary>
    OthersBusy,
    NoMemory,

    /// <summary>/proc cannot be read.</summary>
    NoMappings,

    /// <summary>The kernel does not let the process read its own memory.</summary>
    NoReading,
}

/// <summary>
/// Finds the blocks that no pointer in the process's memory leads to. From registers, stacks and data (<see cref="SearchRoots"/>) through the blocks
/// that are found to others: what is not found then nobody can free any more.
/// </summary>
/// <remarks>
/// Meanwhile no other thread is on a slow path, as before a fork, and all others are stopped if that can be done (<see cref="ThreadStopper"/>):
/// nothing here may wait for what they may hold of libc's, or allocate.
/// </remarks>
internal unsafe struct LeakSearch
{
    /// <summary>
    /// How often to sleep, a millisecond each, until others have come out of malloc: one may have to wait for its turn among many. But none may ever come
    /// out that writes to a pipe which nobody reads.
    /// </summary>
    internal const int MostSleeps = 1000;

    /// <summary>Threads that may come while others are stopped.</summary>
    private const int MoreThreads = 64;

    /// <summary>What is excluded besides the rows of the heap and the mappings of structures.</summary>
    private const int OtherExclusions = 8;

    /// <summary>
    /// The blocks. In the end those that leak are in <see cref="BlockMap.InUse"/>, and those of them that others lead to in
    /// <see cref="BlockMap.Pointed"/>.
    /// </summary>
    internal BlockMap Blocks;

    /// <summary>The thread pointer of the process's first thread.</summary>
    internal byte* FirstThread;

    private SearchMemory _memory;
    private SearchMemory _stackMemory;
    private OwnMemory _reading;
    private PresentPages _present;
    private Exclusions _exclusions;
    private ThreadList _threads;
    private ThreadStopper _stopper;
    private Marking _marking;

    /// <summary>Of the process's other threads, so many could not be stopped.</summary>
    internal int RunningThreads { get; private set; }

    /// <summary>An errno, with <see cref="SearchFailure.NoMappings"/> and <see cref="SearchFailure.NoReading"/>.</summary>
    internal int Error { get; private set; }

    /// <summary>
    /// Searches, on a slow path. All that this thread's callers have, also what they keep in registers, lies on its stack from an address on. Other
    /// threads stay as they are until <see cref="End"/>, which must be called whatever comes out.
    /// </summary>
    internal static SearchFailure Run(LeakSearch* search, byte* stack)
    {
        ThreadState* thread = Shim.Thread();
        ForkGate.Close(thread);
        if (!Insiders.AwaitOthers(thread, MostSleeps))
        {
            return SearchFailure.OthersBusy; // with locks that are needed here
        }

        int threads = search->_threads.CountAll(Os.ProcessId());
        if (threads < 0)
        {
            search->Error = -threads;
            return SearchFailure.NoMappings;
        }

        if (!search->Prepare(threads + MoreThreads))
        {
            return SearchFailure.NoMemory;
        }

        search->_threads.Update();
        if (threads > 1)
        {
            ThreadStopper.Stop(&search->_stopper, &search->_threads);
        }

        search->Blocks.Fill(ref search->_memory);
        CachedBlocks.Exclude(ref search->Blocks);
        if (!search->_stackMemory.Map(Marking.BytesNeeded(search->Blocks.Count)))
        {
            return SearchFailure.NoMemory;
        }

        search->_marking.Prepare(ref search->_stackMemory, &search->Blocks, &search->_reading, &search->_present);
        search->Exclude();
        search->FindThreads(stack);
        SearchFailure failure = search->FollowRoots();
        if (failure == SearchFailure.None)
        {
            search->_marking.Divide();
        }

        return failure;
    }

    /// <summary>Lets the other threads go on. What was found stays until <see cref="Forget"/>.</summary>
    internal static void End(LeakSearch* search)
    {
        ThreadStopper.Resume(&search->_stopper);
        ForkGate.Open(Shim.Thread());
    }

    internal readonly void Forget()
    {
        _present.Close();
        _memory.Unmap();
        _stackMemory.Unmap();
    }

    private bool Prepare(int threads)
    {
        int exclusions = OtherExclusions + BlockMap.CountRows(out _);
        for (MetadataMapping* mapping = Metadata.Mappings; mapping != null; mapping = mapping->Next)
        {
            exclusions++;
        }

        nuint bytes = BlockMap.BytesNeeded() + OwnMemory.BytesNeeded() + PresentPages.BytesNeeded()
            + Exclusions.BytesNeeded(exclusions) + ThreadList.BytesNeeded(threads);
        if (!_memory.Map(bytes))
        {
            return false;
        }

        _reading.Prepare(ref _memory);
        _present.Open(ref _memory);
        _exclusions.Prepare(ref _memory, exclusions);
        _threads.Prepare(ref _memory, threads);
        return true;
    }

    private void Exclude()
    {
        for (int number = 0; number < Blocks.Rows; number++)
        {
            Blocks.RowAt(number, out nuint start, out nuint end);
            _exclusions.Add(start, end);
        }

        for (MetadataMapping* mapping = Metadata.Mappings; mapping != null; mapping = mapping->Next)
        {
            _exclusions.Add((nuint)mapping->Start, (nuint)mapping->Start + mapping->Bytes);
        }

        _exclusions.Add(_memory.Start, _memory.End);
        _exclusions.Add(_stackMemory.Start, _stackMemory.End);
        _exclusions.Add(_stopper.StackStart, _stopper.StackEnd);
        _exclusions.Add((nuint)Heap.Pages, (nuint)Heap.Pages + (nuint)sizeof(PageHeap)); // knows where the heap begins and ends
        _exclusions.Add((nuint)Quarantine.Notes, (nuint)Quarantine.Notes + Quarantine.NotesBytes);
        _exclusions.Sort();
    }

    private void FindThreads(byte* stack)
    {
        _threads.FindWaiting();
        RunningThreads = _threads.Missing;
        int caller = Os.ThreadId();
        for (int number = 0; number < _threads.Count; number++)
        {
            SearchedThread* thread = _threads[number];
            if (thread->Id == caller)
            {
                thread->StackPointer = (nuint)stack + SearchRoots.RedZone; // nothing below is the program's
            }
            else
            {
                RunningThreads += thread->IsStopped || thread->HasEnded ? 0 : 1;
            }
        }
    }

    private SearchFailure FollowRoots()
    {
        MemoryMappings mappings = default;
        if (!mappings.Open())
        {
            Error = mappings.Error;
            return SearchFailure.NoMappings;
        }

        fixed (LeakSearch* search = &this)
        {
            SearchRoots roots = SearchRoots.Of(&search->_marking, &search->_exclusions, &search->_threads);
            roots.LearnThreads(Shim.ThreadPointer(), (byte*)Shim.Thread(), Os.ThreadId(), search->FirstThread);
            roots.LookAtRegisters();
            while (mappings.Next(out MemoryMapping mapping))
            {
                if (mapping.IsPlain)
                {
                    search->Blocks.NotePlain(mapping.Start, mapping.End);
                }

                roots.LookAt(mapping);
            }

            mappings.Close();
            search->_marking.Loads = search->RunningThreads == 0;
            search->_marking.Follow();
        }

        Error = _reading.Error;
        return Error != 0 ? SearchFailure.NoReading : SearchFailure.None;
    }
}
