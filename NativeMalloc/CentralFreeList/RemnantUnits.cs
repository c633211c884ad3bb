namespace NativeMalloc;

/// <summary>
/// The two sets that say what lies in a remnant of so many pages (see <see cref="Remnants{TSource}"/>): which of its units are used, and, behind
/// those, at which an object begins. What is free on a page is shared in equal parts by the objects there. (docs/profiling.md, "Pins")
/// </summary>
internal static unsafe class RemnantUnits
{
    internal const int Shift = 4;
    internal const int PerPage = (int)PageMap.PageSize >> Shift;

    private const int WordsPerPage = PerPage / 64;

    internal static ulong* Begins(ulong* units, nuint pages) => units + (int)pages * WordsPerPage;

    /// <summary>Objects that begin on a page and are out. One that went back to the page heap is like one that is full.</summary>
    internal static int ObjectsFrom(ulong* units, nuint pages, int page)
    {
        ulong* begins = Begins(units, pages);
        int objects = 0;
        for (int word = page * WordsPerPage; word < (page + 1) * WordsPerPage; word++)
        {
            objects += Bits.Count(units[word] & begins[word]); // where none is any more, its bit stays
        }

        return objects;
    }

    /// <summary>Free bytes on a page.</summary>
    internal static nuint FreeBytesOn(ulong* units, int page)
    {
        int free = PerPage;
        for (int word = page * WordsPerPage; word < (page + 1) * WordsPerPage; word++)
        {
            free -= Bits.Count(units[word]);
        }

        return (nuint)free << Shift;
    }

    /// <summary>The part of an object, which begins so many bytes from the start and is out, in what is free on its pages.</summary>
    internal static double FreeShareOf(ulong* units, nuint pages, nuint offset)
    {
        ulong* begins = Begins(units, pages);
        int page = (int)(offset >> PageMap.PageShift);
        int next = (int)(offset >> Shift) + 1;
        double share = 0;
        do
        {
            int first = page * PerPage;
            int objects = ObjectsFrom(units, pages, page);
            objects += Bits.Has(units, first) && !Bits.Has(begins, first) ? 1 : 0; // from the page before
            share += objects > 0 ? (double)FreeBytesOn(units, page) / objects : 0;
            page++;
            for (; next < page * PerPage && Bits.Has(units, next) && !Bits.Has(begins, next); next++)
            {
            }
        }
        while (page < (int)pages && next == page * PerPage && Bits.Has(units, next) && !Bits.Has(begins, next));

        return share;
    }
}
