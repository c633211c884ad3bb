using System;

namespace NativeMalloc;

/// <summary>
/// All memory from which a program can come to its blocks: registers and stacks of threads, and every mapping that can be read but for the heap
/// and what is the allocator's own. Only pages that the process has written something to are looked at.
/// </summary>
/// <remarks>
/// A mapping is gone through from its end to its start, since stacks grow so. What lies below a thread's stack pointer is nothing any more, but still
/// holds what was there, down to the first page that nothing was ever written to: if it is the thread's own stack, at whose end libc's descriptor of it
/// lies, and not below where glibc says there that it begins. Below a coroutine's may be another's at once. The same goes for all of the stack of a
/// thread that has ended, which libc keeps for the next one, and for its thread-local storage.
/// </remarks>
internal unsafe struct SearchRoots
{
    /// <summary>Below its stack pointer a function may have so much without moving it (System V ABI).</summary>
    internal const nuint RedZone = 128;

    // Where the compiler has the canary of stack frames, from the thread pointer on: the same number in all threads, and nowhere else.
    private const nuint CanaryOffset = 0x28;
    private const nuint WordBytes = sizeof(ulong);

    /// <summary>libc's descriptor of a thread holds the thread's number somewhere in so many bytes from the thread pointer on.</summary>
    private const nuint DescriptorBytes = 1024;

    // In glibc's, where the thread's stack begins and how long it is, one after the other, follow in as many bytes more. The stack ends behind the
    // descriptor, which is at most twice as long as that.
    private const nuint StackBytes = 2 * DescriptorBytes;

    private Marking* _marking;
    private Exclusions* _exclusions;
    private ThreadList* _threads;

    // The same for all threads: where libc's descriptor has the thread's number, 0 if that is not known, and where our own state lies. And what
    // is at CanaryOffset.
    private nuint _idOffset;
    private nint _stateOffset;
    private ulong _canary;

    // The descriptor of the process's first thread. It lies among what the dynamic linker made before there was a malloc, and no stack is below it.
    private nuint _first;

    // What lies here is dead, down to the first page that holds nothing.
    private bool _dead;

    // The thread whose descriptor was come by last in a mapping, and where its stack begins; 0 if none, or not known.
    private int _owner;
    private nuint _stackStart;
    private nuint _mappingStart;

    // The mapping is the first thread's stack, whose descriptor lies elsewhere.
    private bool _isFirstStack;

    // The mapping is a file's, or directly behind one: data of a loaded object. A program may use that for a stack, and what is below it is data, too.
    private bool _isOfFile;
    private nuint _endOfFile;

    // A thread's state of ours, which names the block that it resized last.
    private nuint _stateStart;

    internal static SearchRoots Of(Marking* marking, Exclusions* exclusions, ThreadList* threads) =>
        new() { _marking = marking, _exclusions = exclusions, _threads = threads };

    /// <summary>
    /// Learns from this thread what the descriptors of threads look like: "pointer" is its thread pointer, and "state" where its state lies, of
    /// ours; "first" is the thread pointer of the process's first thread. Without that, threads that have ended are not told from others.
    /// </summary>
    internal void LearnThreads(byte* pointer, byte* state, int id, byte* first)
    {
        _first = (nuint)first;
        _canary = *(ulong*)(pointer + CanaryOffset);
        _stateOffset = (nint)(state - pointer);
        bool usual = *(byte**)pointer == pointer && _canary != 0 && _marking->Present->AreKnown;
        for (nuint offset = CanaryOffset + WordBytes; usual && offset < DescriptorBytes && _idOffset == 0; offset += sizeof(int))
        {
            _idOffset = *(int*)(pointer + offset) == id ? offset : 0;
        }
    }

    /// <summary>Looks at what threads have in their registers.</summary>
    internal readonly void LookAtRegisters()
    {
        for (int number = 0; number < _threads->Count; number++)
        {
            SearchedThread* thread = (*_threads)[number];
            _marking->Look(thread->Registers, SearchedThread.RegisterWords);
            _marking->Look(thread->Vectors, SearchedThread.VectorWords);
            ulong pointer = thread->StackPointer; // of a stack that is a block
            _marking->Look(&pointer, 1);
        }
    }

    /// <summary>Looks at a mapping.</summary>
    internal void LookAt(in MemoryMapping mapping)
    {
        _isOfFile = !mapping.IsAnonymous || mapping.Start == _endOfFile;
        _endOfFile = mapping.IsAnonymous ? 0 : mapping.End;
        bool isData = mapping.CanRead && !mapping.IsKernels && (!mapping.IsShared || (mapping.CanWrite && mapping.IsAnonymous));
        if (!isData || (!_marking->Present->AreKnown && !mapping.CanWrite))
        {
            return;
        }

        _stateStart = 0;
        _owner = 0;
        _stackStart = 0;
        _mappingStart = mapping.Start;
        _isFirstStack = mapping.IsStack;
        nuint end = mapping.End;
        for (nuint start = mapping.Start; _exclusions->LastPart(ref start, ref end); end = start, start = mapping.Start)
        {
            _dead = false;
            for (nuint windowEnd = end; windowEnd > start;)
            {
                nuint window = (windowEnd - 1) & ~(OwnMemory.BufferBytes - 1);
                window = window > start ? window : start;
                LookAtWindow(window, windowEnd, mapping.IsShared);
                windowEnd = window;
            }
        }
    }

    // Up to 64 pages, of one row that begins at a multiple of 64.
    private void LookAtWindow(nuint start, nuint end, bool shared)
    {
        ulong pages = _marking->Present->Of(start, end, shared);
        for (ulong left = pages; left != 0;)
        {
            int count = Bits.TakeRow(ref left, out int first);
            nuint row = (start & ~(OwnMemory.BufferBytes - 1)) + (nuint)first * KernelPage.Size;
            nuint rowEnd = row + (nuint)count * KernelPage.Size;
            row = row > start ? row : start;
            _marking->Memory->TryAdd(row, (rowEnd < end ? rowEnd : end) - row);
        }

        ulong* words = _marking->Memory->Read(out nuint wordCount, out ulong unreadable) + wordCount;
        for (nuint pageEnd = end; pageEnd > start;)
        {
            nuint page = (pageEnd - 1) & ~(KernelPage.Size - 1);
            ulong bit = 1UL << (int)(page / KernelPage.Size % 64);
            page = page > start ? page : start;
            words -= (pages & bit) != 0 ? (pageEnd - page) / WordBytes : 0;
            if ((pages & ~unreadable & bit) != 0)
            {
                LookAtPage(words, page, pageEnd);
            }
            else
            {
                _dead = false; // never touched, or a guard: the end of a stack
            }

            pageEnd = page;
        }
    }

    private void LookAtPage(ulong* words, nuint start, nuint end)
    {
        while (end > start)
        {
            nuint from = _stackStart > start && _stackStart < end ? _stackStart : start;
            bool dead = _dead;
            FindStackPointer(ref from, end, ref dead);
            FindDescriptor(words, start, ref from, end, ref dead);
            LookUnlessDead(words + (from - start) / WordBytes, from, end);
            _dead = dead && !_isOfFile && from != _stackStart;
            end = from;
        }
    }

    // If a thread's own stack ends between two addresses, the last such place becomes the first of them, and what is below it is dead.
    private readonly void FindStackPointer(ref nuint from, nuint end, ref bool dead)
    {
        for (int number = 0; number < _threads->Count; number++)
        {
            SearchedThread* thread = (*_threads)[number];
            nuint last = (thread->StackPointer - RedZone) & ~(WordBytes - 1);
            if (last >= from && last < end && (_isFirstStack || thread->Id == _owner))
            {
                from = last;
                dead = true;
            }
        }
    }

    // The same for the descriptor of a thread. What is below it is dead if the thread has ended.
    private void FindDescriptor(ulong* words, nuint start, ref nuint from, nuint end, ref bool dead)
    {
        const nuint Alignment = 16;
        for (nuint address = (end - 1) & ~(Alignment - 1); _idOffset != 0 && address >= from; address -= Alignment)
        {
            if (words[(address - start) / WordBytes] == address && IsDescriptor(address, out int id))
            {
                bool ended = id <= 0 && address != _first; // below 0: somebody has waited for its end (glibc)
                from = address;
                dead = ended;
                _owner = address == _first ? 0 : id; // a coroutine of the first thread may be below, its own stack is not
                _stackStart = StackStart(address);
                _stateStart = ended ? 0 : address + (nuint)_stateOffset;
            }
        }
    }

    private readonly bool IsDescriptor(nuint address, out int id)
    {
        ulong canary = 0;
        int thread = 0;
        bool found = Os.TryCopy(&canary, (void*)(address + CanaryOffset), WordBytes) && canary == _canary
            && Os.TryCopy(&thread, (void*)(address + _idOffset), sizeof(int));
        id = thread;
        return found;
    }

    private readonly nuint StackStart(nuint descriptor)
    {
        nuint* words = stackalloc nuint[(int)(StackBytes / WordBytes)];
        if (Os.TryCopy(words, (void*)descriptor, StackBytes))
        {
            for (nuint i = DescriptorBytes / WordBytes; i < StackBytes / WordBytes - 1; i++)
            {
                nuint end = words[i] + words[i + 1];
                if (words[i] >= _mappingStart && words[i] < descriptor && end > descriptor && end <= descriptor + 2 * StackBytes)
                {
                    return words[i] & ~(WordBytes - 1);
                }
            }
        }

        return 0;
    }

    private readonly void LookUnlessDead(ulong* words, nuint start, nuint end)
    {
        if (_dead)
        {
            return;
        }

        nuint stateEnd = _stateStart + (nuint)sizeof(ThreadState);
        if (_stateStart >= end || stateEnd <= start)
        {
            _marking->Look(words, (end - start) / WordBytes);
            return;
        }

        if (_stateStart > start)
        {
            _marking->Look(words, (_stateStart - start) / WordBytes);
        }

        if (stateEnd < end)
        {
            _marking->Look(words + (stateEnd - start) / WordBytes, (end - stateEnd) / WordBytes);
        }
    }
}
