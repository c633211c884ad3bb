using System.Runtime.CompilerServices;

namespace NativeMalloc;

/// <summary>What one stack has allocated and lost, as far as samples tell.</summary>
internal unsafe struct Leak
{
    internal CallStack* Stack;

    /// <summary>Of blocks that nothing leads to, and of those that only blocks which leak lead to.</summary>
    internal Totals Direct;
    internal Totals Indirect;

    internal readonly double Bytes => Direct.Bytes + Indirect.Bytes;
}

/// <summary>The samples that leak, by their stacks, most bytes first.</summary>
internal unsafe struct LeakTable
{
    private SearchMemory _memory;
    private Leak* _places;
    private nuint _mask;
    private SortEntry* _order;

    /// <summary>Stacks.</summary>
    internal int Count { get; private set; }

    /// <summary>Samples that leak.</summary>
    internal nuint Samples { get; private set; }

    internal Leak All;

    /// <summary>Gathers the samples whose blocks are left in use by a search. The sampler's lock is held. False if there is no memory for it.</summary>
    internal bool Gather(ref BlockMap blocks)
    {
        for (Sample* sample = Sampler.NextSample(null); sample != null; sample = Sampler.NextSample(sample))
        {
            Samples += IsLeak(ref blocks, sample, out _) ? 1u : 0;
        }

        _mask = 1;
        while (_mask < 2 * Samples)
        {
            _mask *= 2;
        }

        nuint placesBytes = _mask * (nuint)sizeof(Leak);
        if (!_memory.Map(SearchMemory.Rounded(placesBytes) + SearchMemory.Rounded(Samples * (nuint)sizeof(SortEntry)) + KernelPage.Size))
        {
            return false;
        }

        _places = (Leak*)_memory.Take(placesBytes);
        _order = (SortEntry*)_memory.Take(Samples * (nuint)sizeof(SortEntry));
        _mask--;
        for (Sample* sample = Sampler.NextSample(null); sample != null; sample = Sampler.NextSample(sample))
        {
            if (IsLeak(ref blocks, sample, out bool direct))
            {
                Leak* leak = PlaceOf(sample->Stack);
                (direct ? ref leak->Direct : ref leak->Indirect).Add(sample);
                (direct ? ref All.Direct : ref All.Indirect).Add(sample);
            }
        }

        Order();
        return true;
    }

    internal readonly Leak* this[int number] => (Leak*)_order[number].Value;

    internal readonly void Forget() => _memory.Unmap();

    private static bool IsLeak(ref BlockMap blocks, Sample* sample, out bool direct)
    {
        bool found = blocks.TryFind(sample->Address, out Block block) && block.Start == sample->Address;
        direct = found && !blocks.Pointed.Has(block);
        return found;
    }

    private readonly Leak* PlaceOf(CallStack* stack)
    {
        nuint place = (nuint)((ulong)stack * Hash.Spread >> 32) & _mask;
        while (_places[place].Stack != null && _places[place].Stack != stack)
        {
            place = (place + 1) & _mask;
        }

        _places[place].Stack = stack;
        return _places + place;
    }

    private void Order()
    {
        for (nuint place = 0; place <= _mask; place++)
        {
            if (_places[place].Stack != null)
            {
                _order[Count++] = new SortEntry { Key = ~(ulong)_places[place].Bytes, Value = (ulong)(_places + place) };
            }
        }

        SortEntries.Ascending(_order, Count);
    }
}
