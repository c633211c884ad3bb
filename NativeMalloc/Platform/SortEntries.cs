namespace NativeMalloc;

/// <summary>Two words of which the first is sorted by.</summary>
internal struct SortEntry
{
    internal ulong Key;
    internal ulong Value;
}

/// <summary>Sorts in place, in n log n steps whatever the order was (heapsort).</summary>
internal static unsafe class SortEntries
{
    internal static void Ascending(SortEntry* entries, int count)
    {
        for (int parent = count / 2 - 1; parent >= 0; parent--)
        {
            Sink(entries, parent, count);
        }

        for (int last = count - 1; last > 0; last--)
        {
            Exchange(entries, entries + last);
            Sink(entries, 0, last);
        }
    }

    private static void Sink(SortEntry* entries, int parent, int count)
    {
        for (int child; (child = 2 * parent + 1) < count; parent = child)
        {
            child += child + 1 < count && entries[child + 1].Key > entries[child].Key ? 1 : 0;
            if (entries[parent].Key >= entries[child].Key)
            {
                return;
            }

            Exchange(entries + parent, entries + child);
        }
    }

    private static void Exchange(SortEntry* one, SortEntry* other)
    {
        SortEntry entry = *one;
        *one = *other;
        *other = entry;
    }
}
