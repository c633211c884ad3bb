namespace NativeMalloc;

/// <summary>
/// Rows of free pages that reach over the border between two partly used huge pages, by their length. Large blocks lie there, too: if each kept
/// within its huge pages, what is left at their ends would be lost to all that are larger.
/// </summary>
internal unsafe struct HugePageSeams
{
    private const int PagesPerList = 2 * PageBits.Pages / HugePageLists<Links>.Count;

    private HugePageLists<Links> _lists;

    /// <summary>The huge page before the shortest such row of at least so many pages, or about that; null if there is none.</summary>
    internal HugePage* Find(nuint pages) => pages < 2 * PageBits.Pages ? _lists.FirstFrom(((int)pages + PagesPerList - 1) / PagesPerList) : null;

    /// <summary>Pages of a huge page were taken or given.</summary>
    internal void Update(HugePage* hugePage)
    {
        if (hugePage->MeasureEnds())
        {
            Update(HugePageRuns.Neighbour(hugePage, -1), hugePage);
            Update(hugePage, HugePageRuns.Neighbour(hugePage, 1));
        }
    }

    private void Update(HugePage* before, HugePage* behind)
    {
        if (before == null)
        {
            return;
        }

        bool free = behind != null && before->FreeAtEnd > 0 && behind->FreeAtStart > 0;
        int length = free ? before->FreeAtEnd + behind->FreeAtStart : 0;
        if (before->Seam > 0)
        {
            _lists.Remove(before->Seam / PagesPerList, before);
        }

        if (length > 0)
        {
            _lists.Add(length / PagesPerList, before);
        }

        before->Seam = (short)length;
    }

    private readonly struct Links : IHugePageLinks
    {
        public static ref HugePage* Next(HugePage* hugePage) => ref hugePage->NextSeam;

        public static ref HugePage* Previous(HugePage* hugePage) => ref hugePage->PreviousSeam;
    }
}
