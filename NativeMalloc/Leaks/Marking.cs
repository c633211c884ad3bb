using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>
/// Goes from blocks to those that words in them point to, at their start or inside, until no new ones are found. What is found is in
/// <see cref="BlockMap.Reached"/>.
/// </summary>
internal unsafe struct Marking
{
    private const int SizeShift = 48; // the kernel gives addresses of 47 bits
    private const int SizeUnit = 16;

    /// <summary>Nobody changes mappings meanwhile: plain memory may be read by loads, which takes a tenth of the time.</summary>
    internal bool Loads { get; set; }

    internal BlockMap* Blocks { get; private set; }

    internal OwnMemory* Memory { get; private set; }

    internal PresentPages* Present { get; private set; }

    // Blocks that were reached and not yet looked into: where they begin, and above that their bytes, if those fit. There is room for all, and
    // each comes once.
    private ulong* _stack;
    private nuint _depth;

    // While blocks that lead to each other are gone through: the start of the one with which that began, else 0.
    private nuint _leader;

    internal static nuint BytesNeeded(nuint blocks) => SearchMemory.Rounded((blocks + 1) * sizeof(ulong)); // not none

    internal void Prepare(ref SearchMemory memory, BlockMap* blocks, OwnMemory* reading, PresentPages* present)
    {
        Blocks = blocks;
        Memory = reading;
        Present = present;
        _stack = (ulong*)memory.Take(blocks->Count * sizeof(ulong));
    }

    /// <summary>What these words point to is reached.</summary>
    internal void Look(ulong* words, nuint count)
    {
        for (nuint i = 0; i < count; i++)
        {
            if (Blocks->TryFind((nuint)words[i], out Block block))
            {
                Reach(block);
            }
        }
    }

    internal void Reach(in Block block)
    {
        if (!Blocks->Reached.Has(block))
        {
            Blocks->Reached.Add(block);
            _stack[_depth++] = block.Start | (block.Bytes < (SizeUnit << (64 - SizeShift)) ? (ulong)block.Bytes / SizeUnit << SizeShift : 0);
        }
        else if (_leader != 0 && block.Start != _leader)
        {
            Blocks->Pointed.Add(block);
        }
    }

    /// <summary>Looks into all blocks that were reached.</summary>
    internal void Follow()
    {
        while (_depth > 0 || !Memory->IsEmpty)
        {
            if (_depth == 0 || !TryTake())
            {
                Look(Memory->Read(out nuint words, out _), words);
            }
        }
    }

    // The last one that was reached: looks into it, or notes that it is to be read. False if what was noted must be read first.
    private bool TryTake()
    {
        ulong last = _stack[_depth - 1];
        nuint start = (nuint)(last & ((1UL << SizeShift) - 1));
        nuint bytes = (nuint)(last >> SizeShift) * SizeUnit;
        if (bytes == 0 || Loads)
        {
            Blocks->TryFind(start, out Block block);
            bytes = block.Bytes;
            if (Loads && bytes <= OwnMemory.BufferBytes && Blocks->IsPlain(block))
            {
                _depth--;
                Look((ulong*)start, bytes / sizeof(ulong));
                return true;
            }
        }

        if (bytes <= OwnMemory.BufferBytes)
        {
            bool added = Memory->TryAdd(start, bytes);
            _depth -= added ? 1u : 0;
            return added;
        }

        if (!Memory->IsEmpty)
        {
            return false;
        }

        _depth--;
        for (nuint from = start; from < start + bytes;)
        {
            Look(ReadPages(ref from, start + bytes, out nuint count), count);
        }

        return true;
    }

    /// <summary>
    /// What was not reached leaks, and alone stays in use. Of that, what others of it lead to is in <see cref="BlockMap.Pointed"/> afterwards. Where
    /// blocks lead to each other and no other does, one of them stands for all, as if none led to it.
    /// </summary>
    internal void Divide()
    {
        Blocks->KeepUnreached();
        for (nuint address = 0; Blocks->TryNext(address, out Block block); address = block.Start + block.Bytes)
        {
            PointFrom(block);
        }

        for (nuint address = 0; Blocks->TryNext(address, out Block block); address = block.Start + block.Bytes)
        {
            if (!Blocks->Pointed.Has(block))
            {
                Reach(block);
            }
        }

        Follow();
        for (nuint address = 0; Blocks->TryNext(address, out Block block); address = block.Start + block.Bytes)
        {
            if (!Blocks->Reached.Has(block))
            {
                Lead(block);
            }
        }
    }

    // The block stands from now on for what it leads to, also for those that stood for others before.
    private void Lead(in Block leader)
    {
        _leader = leader.Start;
        Blocks->Pointed.Remove(leader);
        Reach(leader);
        Follow();
        _leader = 0;
    }

    // Blocks in use that a block points to, perhaps itself, are pointed to.
    private readonly void PointFrom(in Block from)
    {
        bool loads = Loads && from.Bytes <= OwnMemory.BufferBytes && Blocks->IsPlain(from);
        for (nuint start = from.Start; start < from.Start + from.Bytes;)
        {
            nuint count = from.Bytes / sizeof(ulong);
            ulong* words = (ulong*)start;
            if (loads)
            {
                start += from.Bytes;
            }
            else
            {
                words = ReadPages(ref start, from.Start + from.Bytes, out count);
            }

            for (nuint i = 0; i < count; i++)
            {
                if (Blocks->TryFind((nuint)words[i], out Block block))
                {
                    Blocks->Pointed.Add(block);
                }
            }
        }
    }

    // What a block holds from a start on, which moves on; not pages of large ones that nobody has touched.
    private readonly ulong* ReadPages(ref nuint start, nuint end, out nuint words)
    {
        nuint next = (start | (OwnMemory.BufferBytes - 1)) + 1;
        next = next < end ? next : end;
        if (next - start < OwnMemory.BufferBytes)
        {
            Memory->TryAdd(start, next - start);
        }
        else
        {
            for (ulong pages = Present->Of(start, next); pages != 0;)
            {
                int count = Bits.TakeRow(ref pages, out int first);
                Memory->TryAdd(start + (nuint)first * KernelPage.Size, (nuint)count * KernelPage.Size);
            }
        }

        start = next;
        return Memory->Read(out words, out _);
    }
}
