using System.Threading;

namespace NativeMalloc;

/// <summary>
/// The samples that are in use, by the page on which they begin: the page map has a list for each. So it grows with the heap and needs no hashing,
/// and who frees a neighbour of a sample looks at the few of one page.
/// </summary>
/// <remarks>
/// Who writes has the sampler's lock. Who looks for its own block has none, and no other takes that out meanwhile; others on the way may come and
/// go. New ones come first, one that goes is out of the list before it loses its address, and keeps its Next until it is used again, which gives
/// it an address before a Next: so whoever has read a Next, and then the address of the page, is still in its list, and else begins anew. A signal
/// handler that interrupts a writer finds a whole list.
/// </remarks>
internal unsafe struct SampleTable
{
    /// <summary>Pieces of memory for samples: as large as all before together, within these bounds.</summary>
    private const nuint FirstBytes = 4 << 10;
    private const nuint MostBytes = 256 << 10;

    private Sample* _free;

    // Of the last piece: the first that was never used, and the one that links.
    private Sample* _next;
    private Sample* _link;
    private nuint _bytes;

    /// <summary>The sample at an address that is a block of the caller's; null if it is none.</summary>
    internal static Sample* Find(nuint address)
    {
        Sample* sample = FirstOn(address);
        while (sample != null && sample->Address != address)
        {
            Sample* next = (Sample*)Volatile.Read(ref *(nint*)&sample->Next);
            bool isHere = (nuint)Volatile.Read(ref *(nint*)&sample->Address) >> PageMap.PageShift == address >> PageMap.PageShift;
            sample = isHere ? next : FirstOn(address);
        }

        return sample;
    }

    /// <summary>A sample that is not in the table yet; null where there is no memory.</summary>
    internal Sample* Take(ref SamplerState state)
    {
        Sample* sample = _free;
        if (sample != null)
        {
            _free = sample->NextFree;
            return sample;
        }

        if (_next == _link && !AddPiece(ref state))
        {
            return null;
        }

        Metadata.CountTouched(sizeof(Sample));
        return _next++;
    }

    /// <summary>Takes back what was taken and not entered, or removed.</summary>
    internal void Give(Sample* sample)
    {
        sample->NextFree = _free;
        _free = sample;
    }

    /// <summary>Enters a sample whose address nobody has but the caller. From now on who frees something on its page comes by the slow path.</summary>
    internal void Add(Sample* sample, nuint address)
    {
        SetAddress(sample, address);
        SetNext(sample, FirstOn(address));
        PageMap.SetSamples(address, sample);
    }

    /// <summary>Takes the sample at an address out; null if there is none.</summary>
    internal Sample* Remove(nuint address)
    {
        Sample* before = null;
        Sample* sample = FirstOn(address);
        while (sample != null && sample->Address != address)
        {
            before = sample;
            sample = sample->Next;
        }

        if (sample == null)
        {
            return null;
        }

        if (before == null)
        {
            PageMap.SetSamples(address, sample->Next);
        }
        else
        {
            SetNext(before, sample->Next);
        }

        SetAddress(sample, 0);
        return sample;
    }

    private bool AddPiece(ref SamplerState state)
    {
        nuint bytes = _bytes < FirstBytes ? FirstBytes : _bytes < MostBytes ? _bytes : MostBytes;
        Sample* piece = (Sample*)Metadata.AllocateSparse(bytes);
        if (piece == null)
        {
            return false;
        }

        Sample* link = piece + bytes / (nuint)sizeof(Sample) - 1;
        link->Address = Sample.Link;
        if (_link == null)
        {
            state.FirstSample = piece;
        }
        else
        {
            _link->Next = piece;
        }

        _next = piece;
        _link = link;
        _bytes += bytes;
        return true;
    }

    private static Sample* FirstOn(nuint address) => (Sample*)PageMap.SamplesOf(address);

    private static void SetAddress(Sample* sample, nuint address) => Volatile.Write(ref *(nint*)&sample->Address, (nint)address);

    private static void SetNext(Sample* sample, Sample* next) => Volatile.Write(ref *(nint*)&sample->Next, (nint)next);
}
